"""The private folder of one branch, and what is done with those of processes that were killed.

A folder is locked as long as its process lives, at the latest the kernel lets go of the lock: a folder whose
lock can be had is left over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.evaluate.workspace import Ceiling, make_private_folder, remove_tree
from skvm.runtime.plan.branching.copying import Copy, TooLargeError, copy_out
from skvm.runtime.plan.branching.placing import INTENT, WORK, finish, read_intent, settle, undo_staging
from skvm.runtime.plan.branching.tree import Root

__all__ = ["Folder", "Recovered", "forget", "mark_of", "recover"]

_KIND, _LOCK = "branch", "lock"
_MARK = "skvm-merged-"


@dataclass(frozen=True, slots=True)
class Recovered:
    """A merge that is whole, of which nobody has said yet that it is on record.

    Args:
        node: Whose.
        digests: What was merged, by path; ``""`` for what was removed.
    """

    node: str
    digests: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Folder:
    """The folder of a living branch.

    Args:
        path: The folder; its user and we alone can look into the copy in it.
        copied: What is known of the copy.
    """

    path: Path
    _lock: int
    copied: Copy = field(default_factory=lambda: Copy({}))

    @classmethod
    def make(cls, scratch: Path) -> Folder:
        """Make an empty one. Blocks.

        Raises:
            InfrastructureError: It cannot be made.
        """
        path = make_private_folder(scratch, _KIND)
        try:
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.geteuid() == 0:
                    # A cell's own user has to get through to the copy, of which it is then the owner.
                    path.chmod(0o711)
                    _let_through(scratch)
                (path / WORK).mkdir(mode=0o700)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            remove_tree(path)
            raise InfrastructureError(f"{path}: cannot be written: {error.strerror or error}") from error
        return cls(path, lock)

    @property
    def work_dir(self) -> Path:
        """The copy."""
        return self.path / WORK

    @property
    def has_intent(self) -> bool:
        """Whether a merge of it is not finished."""
        return (self.path / INTENT).exists()

    def fill(self, base: Path, ceiling: Ceiling, *, can_clone: bool) -> None:
        """Copy the base into it. Blocks.

        Raises:
            TooLargeError: The base is beyond the ceiling, or the disk is full.
            InfrastructureError: The disk cannot be read or written.
        """
        try:
            with Root.of(base) as root:
                self.copied = copy_out(root, base, self.work_dir, ceiling, can_clone=can_clone)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TooLargeError(f"{base}: no space is left for a copy") from error
            raise InfrastructureError(
                f"{base}: cannot be copied for a step: {error.strerror or error}",
                help="free some space, or choose another place with --tmp-dir or SKVM_TMP_DIR",
            ) from error

    def finish(self, base: Path, *, has_mark: bool) -> None:
        """Do what is left of its merge, and leave a mark of it if there is to be one. Blocks.

        Raises:
            InfrastructureError: The base still cannot be written.
        """
        _finish(self.path, base, has_mark=has_mark)

    def remove(self) -> None:
        """Remove it with all that is in it. Blocks."""
        remove_tree(self.path)
        os.close(self._lock)


def _let_through(scratch: Path) -> None:
    """Let others pass through a folder of ours that is closed to them; they cannot list it."""
    status = scratch.stat()
    if status.st_uid == os.geteuid() and not status.st_mode & 0o001:
        scratch.chmod(stat.S_IMODE(status.st_mode) | 0o011)


def mark_of(scratch: Path, node: str) -> Path:
    """The file that says that the changes of a node are merged."""
    return scratch / f"{_MARK}{hashlib.sha256(node.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}.json"


def forget(scratch: Path) -> None:
    """Remove all marks of merges. Blocks."""
    for path in scratch.glob(f"{_MARK}*.json"):
        path.unlink(missing_ok=True)


def recover(scratch: Path, base: Path) -> tuple[Recovered, ...]:
    """Finish what killed processes were merging into a base, and remove their folders. Blocks.

    Folders with an unfinished merge into another base are left for whoever opens that one. What is whole
    stays marked until it is forgotten: whoever asks may be killed, too, before it is on record.

    Returns:
        Every merge into this base that is marked, by the name of its mark.

    Raises:
        InfrastructureError: The base cannot be written.
    """
    for path in sorted(scratch.glob(f"skvm-{_KIND}-*")):
        lock = _lock_of_dead(path)
        if lock is None:
            continue
        try:
            intent = read_intent(path / INTENT)
            if intent is not None and intent.base != str(base):
                continue
            _finish(path, base, has_mark=True)
            remove_tree(path)
        finally:
            os.close(lock)
    marked = (read_intent(path) for path in sorted(scratch.glob(f"{_MARK}*.json")))
    return tuple(Recovered(done.node, done.digests) for done in marked if done and done.base == str(base))


def _lock_of_dead(path: Path) -> int | None:
    """The lock of a folder nobody living has."""
    if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.geteuid():
        return None
    # Between making the folder and locking it its process may be killed, too; the name tells that it was.
    with contextlib.suppress(OSError):
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return None
        return lock
    return None


def _finish(path: Path, base: Path, *, has_mark: bool) -> None:
    intent = read_intent(path / INTENT)
    if intent is None:
        return
    try:
        with Root.of(base) as root:
            if intent.state == "staging":
                undo_staging(root, intent)
                settle(path, None)
                return
            finish(path, root, intent)
            settle(path, mark_of(path.parent, intent.node) if has_mark else None)
    except OSError as error:
        raise InfrastructureError(
            f"{base}: the merge of step {intent.node} that was cut short cannot be finished:"
            f" {error.strerror or error}",
            help="make the directory writable, and run the plan again",
        ) from error
