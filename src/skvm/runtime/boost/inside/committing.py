"""Files moved into a work directory: each old or new at every moment, all of them or none."""

from __future__ import annotations

import contextlib
import errno
import os

from skvm.runtime.boost.inside import staging

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Change", "Halfway", "commit"]

ELSEWHERE = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a disk, or a cell, says of a file that cannot be moved there from the stage."""


class Halfway(staging.Refusal):
    """Some files were put in place, others could not, and those could not be taken back."""


class Change:
    """One file to come: its bytes and mode, and the bytes of what stands there (``None``: nothing)."""

    __slots__ = ("data", "mode", "old", "path")

    def __init__(self, path: str, data: bytes, mode: int, old: bytes | None) -> None:
        self.path = path
        self.data = data
        self.mode = mode
        self.old = old


def commit(root: int, changes: Sequence[Change], stage: str) -> None:
    """Put files in place in order; where one cannot be put, take back those before it.

    A step that is killed meanwhile leaves whole files: some new, the rest old.

    Args:
        root: The work directory, open.
        changes: The files.
        stage: A private folder; where it lies on the same disk, files are moved from there.

    Raises:
        Refusal: One could not be put; all is as it was.
        OSError: All is as it was.
    """
    prepared = [_prepare(stage, index, change) for index, change in enumerate(changes)]
    done: list[Change] = []
    made: list[str] = []
    try:
        for change, ready in zip(changes, prepared):
            _put(root, change, ready, made)
            done.append(change)
    except BaseException:
        _take_back(root, done, made)
        raise


def _prepare(stage: str, index: int, change: Change) -> str:
    place = os.path.join(stage, f"out-{index}")
    with open(place, "xb") as file:
        file.write(change.data)
        os.fchmod(file.fileno(), change.mode)
    return place


def _put(root: int, change: Change, ready: str, made: list[str]) -> None:
    name = os.path.basename(change.path)
    folder = staging.folder_of(root, change.path, made)
    try:
        try:
            if change.old is None:
                os.link(ready, name, dst_dir_fd=folder)
                os.unlink(ready)
            else:
                os.rename(ready, name, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in ELSEWHERE:
                raise
            _write_beside(folder, name, change.data, change.mode, is_new=change.old is None)
    except FileExistsError:
        raise staging.Refusal(f"{change.path} came to be meanwhile") from None
    finally:
        os.close(folder)


def _write_beside(folder: int, name: str, data: bytes, mode: int, *, is_new: bool) -> None:
    """For a stage on another disk: a file without a name is filled, named, and moved over the old one."""
    temporary = f"{staging.TEMPORARY}{os.urandom(8).hex()}"
    try:
        if not _write_nameless(folder, name if is_new else temporary, data, mode):
            _write_named(folder, temporary, data, mode)
            if is_new:
                _name_new(folder, temporary, name)
        if not is_new:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _write_nameless(folder: int, name: str, data: bytes, mode: int) -> bool:
    """Fill a file that has no name and then give it one; false where disk, cell or ``/proc`` do not let."""
    descriptor = _nameless(folder)
    if descriptor is None:
        return False
    try:
        _fill(descriptor, data, mode)
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        return False
    finally:
        os.close(descriptor)
    return True


def _write_named(folder: int, name: str, data: bytes, mode: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        _fill(descriptor, data, mode)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, data: bytes, mode: int) -> None:
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.fchmod(descriptor, mode)


def _name_new(folder: int, temporary: str, name: str) -> None:
    """Rename, but never over another file; on a disk without hard links, all but never."""
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            raise FileExistsError(name) from None
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _nameless(folder: int) -> int | None:
    if not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError:
        return None


def _take_back(root: int, done: Sequence[Change], made: Sequence[str]) -> None:
    failed: list[str] = []
    for change in reversed(done):
        try:
            folder = staging.folder_of(root, change.path, [])
            try:
                name = os.path.basename(change.path)
                if change.old is None:
                    os.unlink(name, dir_fd=folder)
                else:
                    _write_beside(folder, name, change.old, change.mode, is_new=False)
            finally:
                os.close(folder)
        except OSError:
            failed.append(change.path)
    for path in reversed(made):
        with contextlib.suppress(OSError):
            os.rmdir(path, dir_fd=root)
    if failed:
        raise Halfway(f"could not take back {', '.join(failed)}")
