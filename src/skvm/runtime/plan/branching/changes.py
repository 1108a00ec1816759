"""What was changed in a copy, found by times and sizes first and by bytes only where these differ."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skvm.runtime.plan.branching.copying import NEVER_NS, Copy, Given
from skvm.runtime.plan.branching.tree import Kind, Root, Stamp, file_digest, link_digest, stamp_of, walk

__all__ = ["Change", "Changes", "changes_of", "is_cache"]

_CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that is not as it was copied.

    Args:
        kind: What it is now; ``gone`` for nothing.
        mode: Its permissions now.
        digest: Of a file or a link; ``""`` for anything else.
        leads_to: Of a link: its text, such that it is right in the original.
        was: What it was in the copy; ``None`` for nothing.
        is_odd: Whether it has a second hard link or special bits: then it is copied once more.
    """

    kind: Kind | str
    mode: int = 0
    digest: str = ""
    leads_to: str = ""
    was: Stamp | None = None
    is_odd: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What was done in a copy.

    Args:
        changed: By path, in order of path.
        read: Files that were read, as far as the disk notes it, or written as they were.
        notes: What is passed over.
    """

    changed: Mapping[str, Change]
    read: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def is_cache(path: str) -> bool:
    """Whether an entry is a tool's own, made anew at any time."""
    return path.endswith(".pyc") or any(part in _CACHES for part in path.split("/"))


def changes_of(work: Root, work_path: Path, base: Root, copied: Copy, *, max_depth: int) -> Changes:
    """Compare a copy with what it was. Blocks; nobody is at work in it any more.

    Args:
        work: The copy.
        work_path: Its path: absolute links that lead into it are told as relative ones.
        base: The original: tells the bytes of what it still holds as it was copied.
        copied: What was known of the copy.
        max_depth: Folders within folders; what is deeper is passed over.
    """
    looking = _Looking(work_path, base, copied.given)
    for path, folder, entry in walk(work, looking.drop, max_depth=max_depth):
        looking.look(path, folder, entry.name)
    for path in copied.given.keys() - looking.seen:
        if not looking.is_hidden(path):
            looking.changed[path] = Change("gone", was=copied.given[path].stamp)
    notes = tuple(
        f"not merged ({reason}): {', '.join(sorted(paths)[:3])}"
        + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")
        for reason, paths in sorted(looking.dropped.items())
    )
    changed = {path: looking.changed[path] for path in sorted(looking.changed)}
    read = (looking.read if copied.notes_reads else set()) | looking.rewritten
    return Changes(changed, frozenset(read - changed.keys()), notes)


@dataclass(slots=True)
class _Looking:
    work: Path
    base: Root
    given: Mapping[str, Given]
    seen: set[str] = field(default_factory=set)
    changed: dict[str, Change] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    rewritten: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    dropped: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, path: str, reason: str) -> None:
        self.seen.add(path)
        self.unread.add(path)
        self.changed.pop(path, None)
        self.dropped.setdefault(reason, []).append(path)

    def is_hidden(self, path: str) -> bool:
        """Whether an entry lies in a folder that could not be read: nobody knows whether it is gone."""
        above = path
        while above := above.rpartition("/")[0]:
            if above in self.unread:
                return True
        return False

    def look(self, path: str, folder: int, name: str) -> None:
        """Compare one entry of the copy."""
        self.seen.add(path)
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        given = self.given.get(path)
        was = given.stamp if given else None
        if stat.S_ISREG(status.st_mode):
            if status.st_atime_ns != NEVER_NS and given is not None:
                self.read.add(path)
            try:
                self._look_at_file(path, folder, name, status)
            except PermissionError as error:
                self.drop(path, error.strerror or "unreadable")
        elif stat.S_ISLNK(status.st_mode):
            leads_to = os.readlink(name, dir_fd=folder)
            if given is None or given.stamp.kind != "link" or given.own_link != leads_to:
                right = self._right_in_base(path, leads_to)
                self.changed[path] = Change("link", 0o777, link_digest(right), right, was)
        elif stat.S_ISDIR(status.st_mode):
            stamp = stamp_of(status)
            if stamp != was:
                self.changed[path] = Change("folder", stamp.mode, was=was)
        else:
            self.drop(path, "special files")

    def _look_at_file(self, path: str, folder: int, name: str, status: os.stat_result) -> None:
        given, mode = self.given.get(path), status.st_mode & 0o777
        digest = None
        if given is not None and given.stamp.kind == "file":
            if self._is_untouched(given, status):
                if given.digest is None:
                    return
                digest = file_digest(folder, name)
                if digest == given.digest:
                    return
            digest = digest or file_digest(folder, name)
            if digest == self._digest_before(path, given) and mode == given.stamp.mode:
                # Written as it was: it matters that it still is.
                self.rewritten.add(path)
                return
        self.changed[path] = Change(
            "file",
            mode,
            digest or file_digest(folder, name),
            was=given.stamp if given else None,
            is_odd=status.st_nlink > 1 or bool(status.st_mode & 0o7000),
        )

    def _is_untouched(self, given: Given, status: os.stat_result) -> bool:
        known = given.stamp
        return (
            status.st_ino == given.own_inode
            and status.st_mtime_ns == known.modified_ns
            and (known.size in (status.st_size, -1))
            and status.st_mode & 0o777 == known.mode
        )

    def _digest_before(self, path: str, given: Given) -> str | None:
        """Of what was copied, if that is still known somewhere."""
        if given.digest is not None:
            return given.digest
        return self.base.digest(path) if self.base.stamp(path) == given.stamp else None

    def _right_in_base(self, path: str, leads_to: str) -> str:
        plain = Path(os.path.normpath(leads_to))
        if plain.is_relative_to(self.work):
            return os.path.relpath(plain, (self.work / path).parent)
        return leads_to
