"""The user's own configuration of a program, copied into the home of one run; never linked, never written.

People keep their configuration as links into a folder of their own, so a link to a file is taken as that
file. A link to a folder is followed within the user's home alone, and only where it leads to no folder that
is being copied already.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from skvm.errors import ConfigError
from skvm.harness.programs.laying import lay

__all__ = ["copy_native"]

MAX_FILE_BYTES = 16 << 20
MAX_BYTES = 128 << 20
MAX_FILES = 5_000
MAX_DEPTH = 16
_GENERATED = frozenset(
    {"cache", ".cache", "caches", "code cache", "gpucache", "log", "logs", "tmp", "__pycache__"}
)
"""Folders, in lower case, that programs fill by themselves."""


def copy_native(program: str, user_home: Path, home: Path, names: Sequence[PurePosixPath]) -> None:
    """Copy what a program needs of the user's configuration.

    Caches, logs, sockets and pipes, and what is too large, are left out.

    Args:
        program: What it is called, for messages.
        user_home: Home of the user.
        home: Home of the run; what is written belongs to its owner alone (0600, or 0700 where the user may
            execute the file; folders 0700).
        names: What to copy, relative to the home: files or folders.

    Raises:
        ConfigError: None of it is there, or it is too much.
        OSError: It cannot be written.
    """
    taken = _Taken(user_home)
    for name in names:
        taken.take(user_home / name, name, frozenset())
    if not taken.files:
        listed = ", ".join(f"~/{name}" for name in names)
        raise ConfigError(
            f"{program} has no configuration of yours to run with ({listed})",
            help="set it up first, or leave --adapter-config=native out",
        )
    lay(
        home,
        taken.files,
        file_mode=0o600,
        folder_mode=0o700,
        is_replacing=True,
        executable=taken.executable,
    )


@dataclass(slots=True)
class _Taken:
    user_home: Path
    files: dict[str, bytes] = field(default_factory=dict)
    executable: set[str] = field(default_factory=set)
    size_bytes: int = 0

    def take(self, source: Path, name: PurePosixPath, above: frozenset[tuple[int, int]]) -> None:
        with suppress(OSError):
            status = source.stat()  # of what a link leads to
            if stat.S_ISREG(status.st_mode):
                self._take_file(source, name, status)
            elif stat.S_ISDIR(status.st_mode) and self._may_enter(source, name):
                identity = (status.st_dev, status.st_ino)
                if identity not in above:
                    for entry in sorted(os.listdir(source)):  # noqa: PTH208 - names alone
                        self.take(source / entry, name / entry, above | {identity})

    def _may_enter(self, source: Path, name: PurePosixPath) -> bool:
        if name.name.lower() in _GENERATED or len(name.parts) > MAX_DEPTH:
            return False
        return not source.is_symlink() or source.resolve().is_relative_to(self.user_home.resolve())

    def _take_file(self, source: Path, name: PurePosixPath, status: os.stat_result) -> None:
        if status.st_size > MAX_FILE_BYTES:
            return
        self.size_bytes += status.st_size
        if self.size_bytes > MAX_BYTES or len(self.files) >= MAX_FILES:
            raise ConfigError(
                f"{source}: the configuration is too much to copy for every run",
                help=f"at most {MAX_FILES:,} files and {MAX_BYTES >> 20} MB; move away what is none",
            )
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            self.files[str(name)] = file.read(MAX_FILE_BYTES)
        if status.st_mode & stat.S_IXUSR:
            self.executable.add(str(name))
