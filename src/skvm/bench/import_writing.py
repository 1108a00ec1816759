"""Task folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from skvm.bench.importing import Draft, Imported, Status, why_not_here
from skvm.bench.source_files import MAX_TASK_BYTES, TaskFile, tree
from skvm.diagnostics import Severity
from skvm.errors import InfrastructureError, UsageError
from skvm.task.emit import task_json
from skvm.task.loader import escapes, read_task

__all__ = ["Writer"]

_ID = re.compile(r"[A-Za-z0-9][\w.+-]{0,127}", re.ASCII)
_OF_THE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
_STALE_S = 24 * 3600.0
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class Writer:
    """Writes drafts below a folder of task folders.

    Args:
        target: That folder.
        dry_run: Write the same into a place that is thrown away.
        force: Replace folders that differ.
    """

    def __init__(self, target: Path, *, dry_run: bool, force: bool) -> None:
        self._target = target
        self._dry_run = dry_run
        self._force = force
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            if not self._dry_run:
                self._target.mkdir(parents=True, exist_ok=True)
                _sweep(self._target)
            place = None if self._dry_run else self._target
            # A leading dot: whoever lists the tasks meanwhile, or after a kill, does not see it.
            self._scratch = Path(
                self._stack.enter_context(tempfile.TemporaryDirectory(prefix=".import-", dir=place))
            )
        except OSError as error:
            raise InfrastructureError(f"{self._target}: cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, draft: Draft) -> Imported:
        """Write one task and the skills that go beside it.

        Raises:
            InfrastructureError: The disk refuses.
        """
        task = draft.task
        if not _ID.fullmatch(task.id):
            return Imported(task.id, "refused", f"{task.id[:80]!r} cannot name a folder")
        made = self._scratch / "tasks" / task.id
        try:
            files = (TaskFile("task.json", draft.raw or task_json(task)), *draft.files)
            _lay(made, files)
            skills = [self._skill(name, folder) for name, folder in sorted(draft.skills.items())]
            loaded, found = read_task(made)
            if loaded is None:
                errors = [each for each in found if each.severity is Severity.ERROR]
                return Imported(task.id, "refused", "; ".join(f"{e.code} {e.message}" for e in errors))
            status, reason = self._place(made, self._target / task.id)
        except UsageError as error:
            return Imported(task.id, "refused", error.message)
        except (OSError, shutil.Error) as error:
            if getattr(error, "errno", None) in _OF_THE_NAME:
                return Imported(task.id, "refused", "one of its files has a name no file can have here")
            raise InfrastructureError(f"{self._target / task.id}: cannot be written: {error}") from error
        notes = (*draft.notes, *(note for note in skills if note))
        return Imported(task.id, status, reason or why_not_here(loaded), loaded.host_ready, notes)

    def _skill(self, name: str, folder: Path) -> str:
        """Place a skill beside the tasks; says so where another of that name stands."""
        if not _ID.fullmatch(name):
            raise UsageError(f"{name[:80]!r} cannot name a skill folder")
        made = self._scratch / "skills" / name
        if not made.exists():
            _lay(made, tree(folder, root=folder).files)
        beside = self._target.parent / "skills"
        if not self._dry_run:
            beside.mkdir(exist_ok=True)
        status, reason = self._place(made, beside / name)
        return f"skill {name}: {reason}" if status == "kept" else ""

    def _place(self, made: Path, final: Path) -> tuple[Status, str]:
        """Move a finished folder to its name."""
        if not os.path.lexists(final):
            if not self._dry_run:
                made.rename(final)
                _sync(final.parent)
            return "written", ""
        if _content(made) == _content(final):
            return "unchanged", ""
        if not self._force:
            return "kept", "another of that name stands there; --force replaces it"
        if not self._dry_run:
            _exchange(made, final)
            _sync(final.parent)
        return "replaced", ""


def _sweep(target: Path) -> None:
    """Remove what imports that were killed left behind, once it is a day old."""
    for path in target.glob(".import-*"):
        with contextlib.suppress(OSError):
            if not path.is_symlink() and path.stat().st_mtime < time.time() - _STALE_S:
                shutil.rmtree(path)


def _lay(folder: Path, files: Iterable[TaskFile]) -> None:
    folder.mkdir(parents=True)
    left = MAX_TASK_BYTES
    for file in files:
        if escapes(file.path):
            raise UsageError(f"{file.path!r} leads out of the task's folder")
        left -= file.size_bytes
        if left < 0:
            raise UsageError(f"its files are larger than {MAX_TASK_BYTES >> 20} MiB together")
        _write(folder / file.path, file)


def _write(path: Path, file: TaskFile) -> None:
    try:
        if file.data is None:
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as writer:
            if isinstance(file.data, Path):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                with os.fdopen(os.open(file.data, flags), "rb") as reader:
                    shutil.copyfileobj(reader, writer)
            else:
                writer.write(file.data)
            writer.flush()
            os.fsync(writer.fileno())
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(f"two of its files want to be {file.path!r}") from error
    path.chmod(0o755 if file.is_executable else 0o644)


def _content(folder: Path) -> object:
    """What a folder holds, comparable; a link or file in its place holds nothing of ours."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    try:
        return [
            (path.relative_to(folder).as_posix(), os.access(path, os.X_OK), _bytes(path))
            for path in sorted(folder.rglob("*"))
        ]
    except OSError:
        return None


def _bytes(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return str(path.readlink())
    return path.read_bytes() if path.is_file() else None


def _exchange(made: Path, final: Path) -> None:
    """Swap two folders in one step, so that a name never stands for nothing."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if swap is not None:
        arguments = (_AT_FDCWD, os.fsencode(made), _AT_FDCWD, os.fsencode(final), _RENAME_EXCHANGE)
        if swap(*arguments) == 0:
            return
    # Not every file system can: then there is a moment without one.
    aside = made.with_name(f"{made.name}.old")
    final.rename(aside)
    try:
        made.rename(final)
    except OSError:
        aside.rename(final)
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
