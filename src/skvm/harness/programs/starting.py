"""How a script is started where its interpreter may not be on the PATH.

A run held to a skill's permissions finds the permitted programs on its PATH and no others. That is for what
the agent does: the harness itself, often a script that asks ``env`` for its interpreter, must start anyway.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from skvm.harness.confine.provision import find_program

__all__ = ["with_interpreter"]

_LINE_BYTES = 256
_ENV = re.compile(rb"#![ \t]*/usr/bin/env[ \t]+(?:-S[ \t]+)?([^\r\n]+)")


def with_interpreter(argv: Sequence[str], path_prefix: Sequence[Path]) -> list[str]:
    """The command with its interpreter in front, if its program is a script that has it looked up.

    Args:
        argv: Program and arguments; the program by its path, as it is at the same place on the host.
        path_prefix: Where cells look before the system's own directories.
    """
    try:
        with Path(argv[0]).open("rb") as file:
            found = _ENV.match(file.readline(_LINE_BYTES))
    except OSError:
        return list(argv)
    if found is None or not (words := found[1].decode("utf-8", "replace").split()):
        return list(argv)
    name, *flags = words
    beside = next((folder / name for folder in path_prefix if os.access(folder / name, os.X_OK)), None)
    interpreter = str(beside) if beside else find_program(name)
    return [interpreter, *flags, *argv] if interpreter else list(argv)
