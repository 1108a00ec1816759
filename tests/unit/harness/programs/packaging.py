"""A program of our own and an npm that packs it, so that installs need no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skvm.harness.programs.catalogue import Package, Program

NPM = r"""#!/bin/sh
# What npm install leaves: the package, its command, a lock with its integrity.
here=$(dirname "$0")
echo "$@" >> npm-was-told
if [ "$1" = rebuild ]; then cat /proc/net/dev > npm-networks; exit 0; fi
case $(cat "$here/mode") in
    hang) echo started > npm-started; sleep 60;;
    fail) echo "npm error code ENOTFOUND" >&2
          echo "npm error network request failed, reason: nobody home" >&2
          echo "npm error A complete log of this run can be found in: /tmp/home/x-debug-0.log" >&2
          exit 1;;
esac
while [ "$1" != "--prefix" ]; do shift; done
prefix=$2
for last in "$@"; do :; done
name=${last%@*}
version=${last##*@}
folder=$prefix/node_modules/$name
mkdir -p "$folder/bin"
echo "{\"name\": \"$name\", \"version\": \"$version\"}" > "$folder/package.json"
if [ "$(cat "$here/mode")" != "hollow" ]; then
    printf '#!/bin/sh\necho demo %s\n' "$version" > "$folder/bin/demo"
fi
cat > "$prefix/package-lock.json" <<END
{"packages": {"": {}, "node_modules/$name": {"version": "$version", "integrity": "sha512-made"}}}
END
"""


def fake_npm(folder: Path, mode: str = "work") -> Path:
    """An npm in a folder to put on PATH; ``mode`` is ``work``, ``fail``, ``hang`` or ``hollow``."""
    folder.mkdir(exist_ok=True)
    (folder / "npm").write_text(NPM)
    (folder / "npm").chmod(0o755)
    (folder / "mode").write_text(mode)
    return folder


def program(**changes: Any) -> Program:
    """An entry made of one Node package."""
    about: dict[str, Any] = {
        "name": "demo",
        "title": "Demo",
        "kind": "harness",
        "packages": (Package("npm", "demo-{cpu}", "1.2.0"),),
        "version": "1.2.0",
        "executable": "npm/node_modules/demo-{cpu}/bin/demo",
        "commands": ("demo",),
        "size_mb": 1,
        "variable": "SKVM_DEMO_CMD",
    }
    return Program(**{**about, **changes})
