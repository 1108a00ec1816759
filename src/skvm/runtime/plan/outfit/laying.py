"""What a cell is shown so that ``skvm plan run`` runs in it: a launcher, a Python, and our own packages.

The launcher is one shell script on the PATH of the run's commands. It sets its own variables, because
programs that are harnesses pass on what they like: where we keep things lies in the cell's home, and nothing
of ours outside is named. The packages are shown where they lie; nothing of the user's is.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import stat
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import skvm
from skvm.errors import InfrastructureError
from skvm.files import replace_file
from skvm.harness.confine.provision import (
    SYSTEM,
    find_program,
    interpreter,
    interpreter_prefix,
)

__all__ = ["Outfit", "lay_outfit", "python_line"]

_IMPORTED = ("anyio", "click", "pydantic", "pydantic_core")
"""What the command cannot start without; the rest of our dependencies lies beside one of them."""
_OURS = ("LOGS_DIR", "PROFILES_DIR", "PROPOSALS_DIR", "DATA_DIR", "CASSETTE", "AUTO_PROBE")
_BOOT = """
import gc, sys
gc.set_threshold(50_000)
from importlib.util import module_from_spec, spec_from_file_location
sys.path += {paths!r}
sys.argv[0] = "skvm"
spec = spec_from_file_location("skvm", {package!r} + "/__init__.py", submodule_search_locations=[{package!r}])
sys.modules["skvm"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["skvm"])
from skvm.cli.main import main
main()
"""
# Our package is named, not looked for: where it lies may be a source tree that no cell may list. Most of a
# short run is the start: nothing is collected then, and no plugin of pydantic's is looked for in any package.
_LAUNCHER = """\
#!/bin/sh
# skvm, inside a cell: what it keeps goes into the cell's home.
unset {unset}
SKVM_IN_CELL=1 SKVM_CACHE="${{HOME:-}}/.skvm" SKVM_TMP_DIR="${{TMPDIR:-/tmp}}"
[ -w "${{HOME:-}}" ] || SKVM_CACHE="$SKVM_TMP_DIR/.skvm"
PYDANTIC_DISABLE_PLUGINS=__all__
export SKVM_IN_CELL SKVM_CACHE SKVM_TMP_DIR PYDANTIC_DISABLE_PLUGINS
{boot}
echo 'skvm: no Python {version} can be reached here: carry out the steps yourself, one after the other' >&2
exit 3
"""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What is shown.

    Args:
        programs: Folder with the launcher, for PATH; at the same place on the host and in the cell.
        packages: Folders it imports from, but for those every cell sees.
    """

    programs: Path
    packages: tuple[Path, ...]


def lay_outfit(root: Path) -> Outfit:
    """Lay the launcher in a folder named after its content; what is there already stays.

    Args:
        root: Where such folders are kept; made where it is absent.

    Raises:
        InfrastructureError: The folder cannot be written to, or is not ours alone to write.
    """
    paths = _import_paths()
    text = _launcher(paths).encode("utf-8", "surrogateescape")
    folder = root / hashlib.sha256(text).hexdigest()[:16]
    try:
        for each in (root, folder):
            each.mkdir(parents=True, exist_ok=True, mode=0o755)
            _check_ours(each)
        folder.chmod(0o755)
        launcher = folder / "skvm"
        if not _is_there(launcher, text):
            replace_file(launcher, text, mode=0o755)
    except OSError as error:
        raise InfrastructureError(f"{root}: cannot be written to: {error.strerror}") from error
    return Outfit(folder, tuple(_shown(paths)))


def _check_ours(folder: Path) -> None:
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or status.st_mode & stat.S_IWOTH:
        raise InfrastructureError(
            f"{folder}: belongs to somebody else, or anybody may write to it",
            help="remove it, or choose another place with --cache-dir",
        )


def _is_there(launcher: Path, text: bytes) -> bool:
    if launcher.is_symlink() or not launcher.is_file():
        return False
    return launcher.read_bytes() == text and launcher.stat().st_mode & 0o777 == 0o755


def _launcher(paths: Sequence[Path]) -> str:
    return _LAUNCHER.format(
        unset=" ".join(f"SKVM_{name}" for name in _OURS),
        boot=python_line(_BOOT.format(paths=[str(path) for path in paths], package=str(_package()))),
        version=f"{sys.version_info.major}.{sys.version_info.minor}",
    )


def python_line(program: str) -> str:
    """Shell words that turn the shell into a Python that runs a program; they do nothing where none is there.

    Args:
        program: What it runs; the shell's arguments are the program's.
    """
    pythons = " ".join(shlex.quote(python) for python in _pythons())
    return (
        f'for python in {pythons}; do if [ -x "$python" ]; then '
        f'exec "$python" -I -S -B -X utf8 -c {shlex.quote(program)} "$@"; fi; done'
    )


def _pythons() -> list[str]:
    """Ours, then the system's if it is of the same version: a cell's user may be kept out of a home."""
    found = [interpreter()]
    other = find_program(f"python{sys.version_info.major}.{sys.version_info.minor}")
    if other is not None and os.path.realpath(other) not in found:
        found.append(other)
    return found


def _package() -> Path:
    return Path(skvm.__file__).parent.absolute()


def _import_paths() -> list[Path]:
    """Where the packages we depend on are imported from."""
    found = [Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))]
    for name in _IMPORTED:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parents[1])
    return list(dict.fromkeys(path.absolute() for path in found))


def _shown(paths: Iterable[Path]) -> list[Path]:
    """Folders to show: our package and those, but for what lies in another of them or is shown anyway."""
    prefix = interpreter_prefix()
    known = [Path(folder) for folder in SYSTEM] + ([prefix] if prefix else [])
    found: list[Path] = []
    for path in (*paths, _package()):
        if path.is_dir() and not any(path.is_relative_to(each) for each in (*known, *found)):
            found.append(path)
    return found
