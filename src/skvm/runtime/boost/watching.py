"""What a run did to its work directory, turn by turn, kept so that it can be replayed.

What lies there is the agent's and hostile: links lead anywhere, a file may be a pipe or grow while it is
read. Nothing here follows a link, opens anything but a regular file, or reads without a bound.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import anyio.to_thread
from pydantic import ValidationError

from skvm.errors import InfrastructureError
from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Entry, Journal
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.evidence import WATCH_KIND
from skvm.runtime.boost.model import WatchRecord

__all__ = ["MAX_BYTES", "MAX_FILES", "StateKeeper", "WatchedRun", "is_script", "load_watched", "read_tree"]

MAX_FILES = 200
"""Files of a state."""
MAX_BYTES = 4 << 20
"""Bytes of all files of a state together."""
MAX_DEPTH = 16
"""Folders within folders."""
GOOD_SCORE = 0.5
"""From this score on a run did its task."""
_MAX_ENTRIES = 2_000
_UNSTEADY_NS = 50_000_000
"""A file changed so shortly before it was read may change again without a new time."""
_LOOKED_AT = 5
"""Records looked at for each run wanted: other versions of a skill have runs, too."""
_PASSED_OVER = frozenset({"__pycache__", "node_modules"})
_SCRIPTS = frozenset({".py", ".sh", ".bash", ".js", ".mjs", ".pl", ".rb", ".awk", ".sed", ".r"})


class _UnkeptError(Exception):
    """The work directory is larger than what is kept, or something in it cannot be read."""


class _Stamp(NamedTuple):
    """What changes of a file whenever its bytes do."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Stamp:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class StateKeeper:
    """Keeps the files of one work directory as blobs, whenever it is asked; not for several threads at once.

    Calls block for a walk and, where files changed, for their reading and storing.

    Args:
        work_dir: The agent's work directory, on the host.
        blobs: Where the files' bytes go.
    """

    def __init__(self, work_dir: Path, blobs: BlobStore) -> None:
        self._work_dir = work_dir
        self._blobs = blobs
        self._known: dict[str, tuple[_Stamp, str]] = {}
        self._has_given_up = False

    def keep(self) -> dict[str, str] | None:
        """Digest by POSIX path, in order of path; only files that changed since the last call are read.

        Links, pipes, devices, what is hidden and folders of packages and caches are passed over.

        Returns:
            ``None`` where there are more than ``MAX_FILES`` files or ``MAX_BYTES`` bytes, or a file cannot be
            read (for want of permission, a name that is no text, more than one hard link, another writer);
            and then at every later call, too, without a look.

        Raises:
            InfrastructureError: The blob store cannot be written.
        """
        if self._has_given_up:
            return None
        try:
            return self._state()
        except (_UnkeptError, OSError):
            self._has_given_up = True
            self._known.clear()
            return None

    def _state(self) -> dict[str, str]:
        known: dict[str, tuple[_Stamp, str]] = {}
        budget = _Budget()
        for path, folder, name, status in _regular_files(self._work_dir):
            budget.take(status.st_size)
            stamp = _Stamp.of(status)
            before = self._known.get(path)
            if before is not None and before[0] == stamp:
                known[path] = before
                continue
            began_ns = time.time_ns()
            data, stamp = _read_regular(name, folder, status)
            digest = self._blobs.put(data)
            is_steady = max(stamp.modified_ns, stamp.changed_ns) < began_ns - _UNSTEADY_NS
            # A size no file has: next time it is read again.
            known[path] = (stamp if is_steady else stamp._replace(size=-1), digest)
        self._known = known
        return {path: known[path][1] for path in sorted(known)}


def is_script(path: str) -> bool:
    """Whether a file is code by its name: something a run wrote on its way, and no result of it."""
    return PurePosixPath(path).suffix.lower() in _SCRIPTS


def read_tree(root: Path) -> dict[str, bytes] | None:
    """Bytes by POSIX path of what ``StateKeeper`` would keep of a folder; ``None`` where it would not.

    Blocks. Raises nothing of the file system's.
    """
    found: dict[str, bytes] = {}
    budget = _Budget()
    try:
        for path, folder, name, status in _regular_files(root):
            budget.take(status.st_size)
            found[path] = _read_regular(name, folder, status)[0]
    except (_UnkeptError, OSError):
        return None
    return dict(sorted(found.items()))


@dataclass(slots=True)
class _Budget:
    """What of a state is still to be had."""

    files: int = MAX_FILES
    size_bytes: int = MAX_BYTES

    def take(self, size_bytes: int) -> None:
        self.files -= 1
        self.size_bytes -= size_bytes
        if self.files < 0 or self.size_bytes < 0:
            raise _UnkeptError


def _regular_files(root: Path) -> Iterator[tuple[str, int, str, os.stat_result]]:
    """Path, open folder, name and status of every regular file, following no link.

    The folder is open only until the next one is asked for.
    """
    entries_left = [_MAX_ENTRIES]
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    yield from _files_below(descriptor, "", MAX_DEPTH, entries_left)


def _files_below(
    folder: int, prefix: str, depth_left: int, entries_left: list[int]
) -> Iterator[tuple[str, int, str, os.stat_result]]:
    """As above, of one open folder, which is closed in the end."""
    try:
        for name in _names(folder, entries_left):
            # What is hidden is a tool's own, or a secret (``.env``): neither is kept.
            if name.startswith("."):
                continue
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield prefix + _text(name), folder, name, status
            elif stat.S_ISDIR(status.st_mode) and name not in _PASSED_OVER:
                if depth_left == 0:
                    raise _UnkeptError
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                inner = os.open(name, flags, dir_fd=folder)
                yield from _files_below(inner, f"{prefix}{_text(name)}/", depth_left - 1, entries_left)
    finally:
        os.close(folder)


def _names(folder: int, entries_left: list[int]) -> list[str]:
    """Names in a folder, sorted; a folder without end is not read to its end."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            entries_left[0] -= 1
            if entries_left[0] < 0:
                raise _UnkeptError
            names.append(entry.name)
    return sorted(names)


def _text(name: str) -> str:
    """The name, if it is text: no record could say any other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _UnkeptError from None
    return name


def _read_regular(name: str, folder: int, seen: os.stat_result) -> tuple[bytes, _Stamp]:
    """The bytes of a file that is still what was seen of it, before and after they were read."""
    if seen.st_nlink > 1:
        # Its other name may be outside, and the bytes none of the agent's.
        raise _UnkeptError
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or _Stamp.of(before) != _Stamp.of(seen):
            raise _UnkeptError
        data = file.read(before.st_size + 1)
        after = os.fstat(descriptor)
    if len(data) != before.st_size or _Stamp.of(after) != _Stamp.of(before):
        raise _UnkeptError
    return data, _Stamp.of(after)


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run whose states were kept.

    Args:
        record: How it ended and was graded.
        trajectory: What the agent did.
        states: Digest by path, before each turn and after the last; ``None`` where it was not kept.
        blobs: Where the files are.
        boosted_turns: Turns a template answered.
    """

    record: RunRecord
    trajectory: Trajectory
    states: tuple[Mapping[str, str] | None, ...]
    blobs: BlobStore
    boosted_turns: tuple[int, ...] = ()
    _read: dict[int, dict[str, bytes] | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_success(self) -> bool:
        """Whether it ended by itself and did its task; an ungraded one did not."""
        record = self.record
        return record.outcome is Outcome.SCORED and record.score is not None and record.score >= GOOD_SCORE

    @property
    def prompt(self) -> str:
        """What the agent was asked."""
        return self.trajectory.prompt

    def files(self, index: int) -> dict[str, bytes] | None:
        """Bytes by path before turn ``index``; ``-1`` is what the run left. Reads them once; blocks.

        Returns:
            ``None`` where that state was not kept, is beyond the last, or a blob of it is gone.
        """
        if not -len(self.states) <= index < len(self.states):
            return None
        index %= len(self.states)
        if index not in self._read:
            self._read[index] = self._load(self.states[index])
        files = self._read[index]
        return None if files is None else dict(files)

    def _load(self, state: Mapping[str, str] | None) -> dict[str, bytes] | None:
        if state is None:
            return None
        try:
            return {path: self.blobs.get(digest) for path, digest in state.items()}
        except InfrastructureError:
            # Evidence that was cleaned away or damaged is as good as none.
            return None


async def load_watched(
    journal: Journal, blobs: BlobStore, *, skill_id: str, skill_digest: str, limit: int
) -> tuple[WatchedRun, ...]:
    """The newest watched runs of a skill as it is now delivered, oldest first.

    Runs that are not recorded to their end, or whose trajectory is gone, are left out.

    Args:
        journal: Where they are recorded.
        blobs: Where their trajectories and files are.
        skill_id: The skill's id.
        skill_digest: Digest of the skill as it is delivered.
        limit: How many at most.
    """
    found: list[WatchedRun] = []
    looked_at = limit * _LOOKED_AT
    for entry in await journal.query(WATCH_KIND, skill=skill_id, newest_first=True, limit=looked_at):
        if len(found) >= limit:
            break
        if entry.body.get("skillDigest") != skill_digest:
            continue
        if (run := await _watched(journal, blobs, entry)) is not None:
            found.append(run)
    return tuple(reversed(found))


async def _watched(journal: Journal, blobs: BlobStore, entry: Entry) -> WatchedRun | None:
    if entry.parent is None:
        return None
    ended = await journal.query("run_finished", parent=entry.parent)
    try:
        watch = WatchRecord.model_validate(entry.body)
        record = RunRecord.model_validate(ended[0].body) if ended else None
    except ValidationError:
        # Written by another version: nothing can be learnt from it.
        return None
    if record is None or record.run_id != watch.run_id or record.trajectory_digest is None:
        return None
    trajectory = await anyio.to_thread.run_sync(partial(_trajectory, blobs, record.trajectory_digest))
    if trajectory is None:
        return None
    return WatchedRun(record, trajectory, watch.states, blobs, watch.boosted_turns)


def _trajectory(blobs: BlobStore, digest: str) -> Trajectory | None:
    try:
        return Trajectory.model_validate_json(blobs.get(digest))
    except (InfrastructureError, ValidationError):
        # Gone, damaged or of another version: the run is as good as unwatched.
        return None
