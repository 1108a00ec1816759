"""``.env`` of the current folder: keys for whoever works in it, never what would redirect a command.

The folder may be a stranger's checkout. So names that say where keys are sent, which program is started or
which configuration holds are not taken from it, and nothing that is set already is changed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import MutableMapping
from pathlib import Path

__all__ = ["take_project_env"]

_MAX_BYTES = 64 << 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_TAKEN = re.compile(r"(?:[A-Z0-9]+_)*(?:API_?KEY|TOKEN)|SKVM_(?:DATA_DIR|TMP_DIR|AUTO_PROBE)")


def take_project_env(
    env: MutableMapping[str, str] | None = None, path: Path = Path(".env")
) -> tuple[str, ...]:
    """Set what is not set yet; gives the names that were.

    Args:
        env: What to add to; the environment of the process if left out.
        path: The file; one that is absent, no file or larger than 64 KB is passed over.
    """
    env = os.environ if env is None else env
    taken = []
    for name, value in _read(path).items():
        if _TAKEN.fullmatch(name) and value and not env.get(name):
            env[name] = value
            taken.append(name)
    return tuple(taken)


def _read(path: Path) -> dict[str, str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return {}
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        return {}
    found: dict[str, str] = {}
    for line in data.decode("utf-8-sig", "replace").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and _NAME.fullmatch(name.strip()):
            found[name.strip()] = _value(value.strip())
    return {name: value for name, value in found.items() if value.isprintable()}


def _value(text: str) -> str:
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
