"""Keeping the cache in bounds: what goes, what stays and why, in steps that may each be the last.

Blobs nobody refers to, leftovers and temporary folders of dead processes always go, once they are old
enough to be nobody's work in progress. What can be made again goes only where a bound is named. A folder
gets another name before it is emptied, so whoever looks sees it whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.cache.candidates import Item, candidates_of, leftovers_of, locked
from skvm.cache.places import Usage, measure, sent_dir
from skvm.cache.referring import References, find_references
from skvm.errors import InfrastructureError
from skvm.evidence.blobs import BlobStore
from skvm.evidence.sessions import read_sessions

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["GRACE_S", "Bounds", "Collected", "Fate", "collect"]

GRACE_S = 24 * 3600.0
"""What is younger may be referred to by something that is just being written."""
_BATCH = 256
_SENT_S = 7 * 24 * 3600.0
"""As long as a worker lets them lie."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is asked for.

    Args:
        max_bytes: What the cache may take; what can be made again goes, oldest first, until it fits.
        older_than_s: Only what was not touched for so long.
        grace_s: What is younger than this is nobody's to remove.
    """

    max_bytes: int | None = None
    older_than_s: float | None = None
    grace_s: float = GRACE_S

    @property
    def takes_candidates(self) -> bool:
        """Whether what can be made again may go."""
        return self.max_bytes is not None or self.older_than_s is not None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one thing, or of many alike.

    Args:
        kind: The place.
        name: Which one.
        size_bytes: What it took.
        is_removed: Whether it went (or would).
        reason: Why.
        count: How many files or folders.
    """

    kind: str
    name: str
    size_bytes: int
    is_removed: bool
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection came to.

    Args:
        before_bytes: What the cache took, temporary folders left out.
        after_bytes: What it takes now, or would.
        fates: Of everything that was looked at.
        usage: What lies where, before.
        fits: Whether it is within ``max_bytes``.
    """

    before_bytes: int
    after_bytes: int
    fates: tuple[Fate, ...]
    usage: tuple[Usage, ...]
    fits: bool


@dataclass(slots=True)
class _Sweep:
    settings: Settings
    bounds: Bounds
    is_dry: bool
    now: float
    fates: list[Fate] = field(default_factory=list)
    freed: int = 0

    def gone(self, kind: str, name: str, size: int, reason: str, count: int = 1) -> None:
        self.fates.append(Fate(kind, name, size, True, reason, count))
        self.freed += size if kind != "temporary" else 0

    def kept(self, kind: str, name: str, size: int, reason: str, count: int = 1) -> None:
        self.fates.append(Fate(kind, name, size, False, reason, count))


def collect(
    settings: Settings,
    bounds: Bounds,
    *,
    is_dry: bool = False,
    now: Callable[[], float] = time.time,
) -> Collected:
    """Bring the cache within bounds; blocks for as long as the disk takes.

    Args:
        settings: Where things lie.
        bounds: What is asked for.
        is_dry: Only say what would go.
        now: Seconds since the epoch.

    Raises:
        InfrastructureError: Another process collects now, or it is not known what something refers to; then
            nothing was removed.
    """
    with _alone(settings.cache_dir) if not is_dry else contextlib.nullcontext():
        # Whatever is put from now on is younger than this.
        sweep = _Sweep(settings, bounds, is_dry, now())
        usage = measure(settings)
        before = sum(each.size_bytes for each in usage if each.place.name not in ("temporary", "data"))
        blobs = BlobStore(settings.blobs_dir)
        # Asked before the journal is read: a run that ends meanwhile names what it put in a record not seen.
        alive_since = _oldest_run(settings, sweep.now)
        references = find_references(settings, blobs)
        for item in leftovers_of(settings):
            _leftover(sweep, item)
        _blobs(sweep, blobs, references, alive_since)
        _sent(sweep)
        _temporary(sweep)
        if bounds.takes_candidates:
            _candidates(sweep, candidates_of(settings, references), before, is_busy=alive_since is not None)
        after = before - sweep.freed
        fits = bounds.max_bytes is None or after <= bounds.max_bytes
        return Collected(before, after, tuple(sweep.fates), usage, fits)


@contextlib.contextmanager
def _alone(cache_dir: Path) -> Iterator[None]:
    path = cache_dir / ".gc.lock"
    if not cache_dir.is_dir():
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InfrastructureError(
            f"{cache_dir}: another process collects now", help="let it end, then try again"
        ) from error
    finally:
        os.close(descriptor)


def _oldest_run(settings: Settings, now: float) -> float | None:
    """When the oldest run that may still go on began, in seconds since the epoch; ``None`` if none does."""
    import anyio

    from skvm.evidence.journal import Journal
    from skvm.evidence.record import RunStarted

    async def unfinished() -> list[float]:
        if not settings.journal_path.is_file():
            return []
        async with Journal(settings.journal_path, read_only=True) as journal:
            found = []
            for entry in await journal.unfinished():
                with contextlib.suppress(ValueError):
                    started = RunStarted.model_validate(entry.body)
                    if started.is_alive or _may_be_elsewhere(started, entry.created_at.timestamp(), now):
                        found.append(entry.created_at.timestamp())
            return found

    try:
        running = anyio.run(unfinished)
    except InfrastructureError as error:
        # Its own way out, a new journal, would make every blob one that nobody refers to.
        raise InfrastructureError(
            f"{error.message}; nobody knows what it refers to",
            help="nothing was removed; mend the journal first: a new one would not know what blobs are for",
        ) from error
    running += [
        _moment(each.started_at, now)
        for each in read_sessions(settings.logs_dir)
        if each.status == "running" and now - _moment(each.started_at, now) < _SESSION_S
    ]
    return min(running, default=None)


_SESSION_S = 7 * 24 * 3600.0
"""A session or a run of another machine that began earlier and never ended was cut short."""


def _may_be_elsewhere(started: object, began: float, now: float) -> bool:
    import platform

    return getattr(started, "host", "") != platform.node() and now - began < _SESSION_S


def _moment(text: str, now: float) -> float:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _leftover(sweep: _Sweep, item: Item) -> None:
    name = _relative(item.path, sweep.settings)
    if sweep.now - item.used_at < sweep.bounds.grace_s:
        sweep.kept("leftovers", name, item.size_bytes, "somebody may be writing it now")
    elif _remove(sweep, item.path):
        sweep.gone("leftovers", name, item.size_bytes, "left by a process that was killed")


def _blobs(sweep: _Sweep, blobs: BlobStore, references: References, alive_since: float | None) -> None:
    names = list(blobs.names())
    loose = [name for name in names if name.removeprefix("sha256:") not in references.digests]
    sizes = {name: _blob_size(blobs, name) for name in loose}
    if held := len(names) - len(loose):
        sweep.kept("blobs", "referred to", 0, "records, proposals or other blobs name them", held)
    if not references.has_journal:
        if loose:
            total = sum(sizes.values())
            sweep.kept(
                "blobs", "all others", total, "there is no journal that says what they are for", len(loose)
            )
        return
    before = sweep.now - sweep.bounds.grace_s
    # A run records what it put only when it ends.
    before = before if alive_since is None else min(before, alive_since)
    gone: list[str] = []
    for start in range(0, len(loose), _BATCH):
        batch = loose[start : start + _BATCH]
        if sweep.is_dry:
            gone += [name for name in batch if _is_older(blobs, name, before)]
        else:
            gone += blobs.remove_unless_new(batch, before_s=before)
    if gone:
        total = sum(sizes[name] for name in gone)
        sweep.gone("blobs", "nobody refers to", total, "no record, proposal or blob names them", len(gone))
    if young := sorted(set(loose) - set(gone)):
        total = sum(sizes[name] for name in young)
        sweep.kept("blobs", "too young", total, "a run that goes on may be about to name them", len(young))


def _sent(sweep: _Sweep) -> None:
    """Remove copies that nobody asked for in a week: what is missing is sent again."""
    copies = BlobStore(sent_dir(sweep.settings))
    before = sweep.now - max(_SENT_S, sweep.bounds.grace_s)
    old = [name for name in copies.names() if _is_older(copies, name, before)]
    sizes = {name: _blob_size(copies, name) for name in old}
    gone: list[str] = []
    for start in range(0, len(old), _BATCH):
        batch = old[start : start + _BATCH]
        gone += batch if sweep.is_dry else copies.remove_unless_new(batch, before_s=before)
    if gone:
        total = sum(sizes[name] for name in gone)
        sweep.gone("cluster", "copies", total, "no driver asked for them in a week", len(gone))


def _blob_size(blobs: BlobStore, name: str) -> int:
    try:
        return blobs.path_of(name).lstat().st_blocks * 512
    except OSError:
        return 0


def _is_older(blobs: BlobStore, name: str, before: float) -> bool:
    try:
        return blobs.path_of(name).lstat().st_mtime < before
    except OSError:
        return False


def _temporary(sweep: _Sweep) -> None:
    from skvm.evaluate.workspace import abandoned, remove_tree

    found = list(abandoned(sweep.settings.tmp_dir, older_than_s=sweep.bounds.grace_s))
    if not found:
        return
    from skvm.cache.places import size_of

    total = sum(size_of(path) for path in found)
    if not sweep.is_dry:
        for path in found:
            remove_tree(path)
    sweep.gone("temporary", "of dead processes", total, "the process that made them is gone", len(found))


def _candidates(sweep: _Sweep, items: Sequence[Item], before: int, *, is_busy: bool) -> None:
    bounds = sweep.bounds
    for item in sorted(items, key=lambda each: (each.used_at, str(each.path))):
        name = _relative(item.path, sweep.settings)
        age_s = sweep.now - item.used_at
        if item.keep is not None:
            reason: str | None = item.keep
        elif is_busy:
            reason = "a run or session goes on, and may be about to use it"
        elif age_s < bounds.grace_s:
            reason = "used within the last day"
        elif bounds.older_than_s is not None and age_s < bounds.older_than_s:
            reason = f"used {age_s / 86400:.0f} days ago"
        elif bounds.max_bytes is not None and before - sweep.freed <= bounds.max_bytes:
            reason = "the cache fits without removing it"
        else:
            reason = _take(sweep, item)
        if reason is None:
            sweep.gone(item.kind, name, item.size_bytes, "can be made again")
        else:
            sweep.kept(item.kind, name, item.size_bytes, reason)


def _take(sweep: _Sweep, item: Item) -> str | None:
    """Remove one; gives why it stays, if it does."""
    with locked(item.lock) as is_free:
        if not is_free:
            return "somebody uses it now"
        if not _remove(sweep, item.path):
            return "it could not be removed"
        for path in item.beside:
            _remove(sweep, path)
    return None


def _remove(sweep: _Sweep, path: Path) -> bool:
    """Remove a file or a folder; a folder first loses its name. ``False`` where the disk refuses."""
    from skvm.evaluate.workspace import remove_tree

    if sweep.is_dry:
        return True
    try:
        if path.is_dir() and not path.is_symlink():
            trash = path
            if not path.name.startswith(".trash-"):
                trash = path.with_name(f".trash-{os.getpid()}-{path.name}")
                path.rename(trash)
            remove_tree(trash)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _relative(path: Path, settings: Settings) -> str:
    return str(path.relative_to(settings.cache_dir)) if path.is_relative_to(settings.cache_dir) else str(path)
