"""``env-setup.sh``: the same check-then-install for people without skvm, rendered from typed entries."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from skvm.harness.environment.manifest import INSTALL_CONFIDENCE, Dependency, Manifest, Type

__all__ = ["render_setup"]

_HEAD = """\
#!/usr/bin/env bash
# Checks what the skill needs. Nothing is installed unless asked for:
#   --install   Python and Node packages, with pip and npm
#   --system    packages of the system, with the manager that is there
set -euo pipefail

install_packages=0
install_system=0
for argument in "$@"; do
  case "$argument" in
    --install) install_packages=1 ;;
    --system) install_system=1 ;;
    *)
      printf 'unknown argument: %s\\n' "$argument" >&2
      exit 2
      ;;
  esac
done
python="${SKVM_PYTHON:-python3}"
missing=0
# From here, no file of the folder this is started in is taken for a module, a package or a setting.
cd /

say() {
  printf '%-9s %s\\n' "$1" "$2"
}

has_command() {
  command -v "$1" >/dev/null 2>&1
}

# $1 "required" or "optional", $2 what is not there
lack() {
  say missing "$2 ($1)"
  if [ "$1" = required ]; then
    missing=$((missing + 1))
  fi
}

has_python_package() {
  "$python" -c 'import importlib.metadata, sys; importlib.metadata.version(sys.argv[1])' "$1" >/dev/null 2>&1
}

# $1 "required" or "optional", $2 distribution, $3 requirement
python_package() {
  if has_python_package "$2"; then
    say present "$2"
  elif [ "$install_packages" = 1 ] && "$python" -m pip install --disable-pip-version-check "$3"; then
    say installed "$3"
  else
    lack "$1" "$3"
  fi
}

has_npm_package() {
  npm ls --global --depth=0 "$1" >/dev/null 2>&1
}

# $1 "required" or "optional", $2 package, $3 package with version
npm_package() {
  if has_npm_package "$2"; then
    say present "$2"
  elif [ "$install_packages" = 1 ] && npm install --global "$3"; then
    say installed "$3"
  else
    lack "$1" "$3"
  fi
}

install_with_manager() {
  if has_command brew; then
    brew install "$1"
  elif has_command apt-get; then
    apt-get install --yes "$1"
  elif has_command dnf; then
    dnf install --assumeyes "$1"
  else
    return 1
  fi
}

# $1 "required" or "optional", $2 package, then the commands any of which is enough
system_command() {
  local need="$1" package="$2" name
  shift 2
  for name in "$@"; do
    if has_command "$name"; then
      say present "$name"
      return 0
    fi
  done
  if [ "$install_system" = 1 ] && install_with_manager "$package"; then
    say installed "$package"
  else
    lack "$need" "$package"
  fi
}

elsewhere() {
  say elsewhere "$1 (not from the registry: not checked, not installed)"
}

service() {
  say service "$1 (not checked)"
}
"""
_TAIL = """
if [ "$missing" -gt 0 ]; then
  say failed "$missing required not there"
  exit 1
fi
"""


def render_setup(manifest: Manifest) -> bytes:
    """The script of a manifest: Bash, strict, the same bytes for the same manifest."""
    lines = [line for entry in manifest.entries for line in _lines(entry)]
    return (_HEAD + "\n" + "".join(f"{line}\n" for line in lines) + _TAIL).encode()


def _lines(entry: Dependency) -> Iterator[str]:
    if entry.refused or entry.confidence < INSTALL_CONFIDENCE:
        return
    if entry.elsewhere:
        yield shlex.join(["elsewhere", entry.name])
        return
    need = "required" if entry.required else "optional"
    words = {
        Type.PIP: ["python_package", need, entry.name, entry.requirement],
        Type.NPM: ["npm_package", need, entry.name, entry.requirement],
        Type.SYSTEM: ["system_command", need, entry.name, *(entry.commands or (entry.name,))],
        Type.SERVICE: ["service", entry.name],
    }[entry.type]
    yield shlex.join(words)
