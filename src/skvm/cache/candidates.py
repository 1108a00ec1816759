"""What may go: things that can be made again, each with why it stays or what removing it costs."""

from __future__ import annotations

import contextlib
import fcntl
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.cache.places import sent_dir, size_of

if TYPE_CHECKING:
    from skvm.cache.referring import References
    from skvm.settings import Settings

__all__ = ["Item", "candidates_of", "leftovers_of", "locked"]

_LEFT = re.compile(
    r"\.(?:tmp|new|old)-[a-z0-9_]{8}|\.trash-\d+-.+|\..+\.new-[a-z0-9_]{8}|\..+\.(?:new|old)-\d+"
    r"|\.incoming-[0-9a-f]{16}"
)
"""Names our writers give to what is not finished."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that may go.

    Args:
        kind: The place it is in.
        path: Where it lies.
        size_bytes: What it takes.
        used_at: When it was last touched, in seconds since the epoch.
        keep: Why it stays whatever is asked for; ``None`` if it may go.
        lock: A lock file its users hold.
        beside: What goes with it.
    """

    kind: str
    path: Path
    size_bytes: int
    used_at: float
    keep: str | None = None
    lock: Path | None = None
    beside: tuple[Path, ...] = ()


def leftovers_of(settings: Settings) -> Iterator[Item]:
    """What a process that was killed left where it was writing.

    Only in folders that are ours by their name, and only so deep as we write: a logs folder may be one that
    somebody keeps other things in, and what is installed has files of such names of its own.
    """
    cache, proposals = settings.cache_dir, settings.proposals_dir
    looked = (
        (cache, 0),
        (settings.logs_dir, 0),
        (settings.blobs_dir, 1),
        (sent_dir(settings), 1),
        (settings.models_dir, 0),
        (cache / "harnesses", 1),
        (cache / "environments", 0),
        (cache / "answers", 0),
        (cache / "bench" / "variants", 4),
        (cache / "workshop", 0),
        (proposals / "aot-compile", 3),
        (proposals / "jit-boost", 1),
        (proposals / "jit-optimize", 3),
        (settings.profiles_dir, 2),
    )
    for folder, depth in looked:
        yield from _left_below(folder, depth)


def _left_below(folder: Path, depth: int) -> Iterator[Item]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if _LEFT.fullmatch(entry.name):
            if (item := _left(entry)) is not None:
                yield item
        elif depth and entry.is_dir() and not entry.is_symlink():
            yield from _left_below(entry, depth - 1)


def _left(path: Path) -> Item | None:
    if ".old-" in path.name:
        # A build that died between its two renames: the next one puts the old folder back.
        standing = path.parent / path.name[1:].partition(".old-")[0]
        if path.name[1:].partition(".old-")[0] and not standing.exists():
            return None
    with contextlib.suppress(OSError):
        # Not when it was read: looking for references, we read it ourselves.
        return Item("leftovers", path, size_of(path), _written(path))
    return None


def candidates_of(settings: Settings, references: References) -> tuple[Item, ...]:
    """Everything that can be made again, by place and name."""
    return (
        *_weights(settings, references),
        *_standing(settings, "harnesses", references),
        *_standing(settings, "environments", references),
        *_named(settings, references),
    )


def _weights(settings: Settings, references: References) -> Iterator[Item]:
    from skvm.llm.catalog import CATALOG
    from skvm.llm.weights import partial_dir, stamp_path, weights_path

    known: set[Path] = set()
    for entry in CATALOG:
        path = weights_path(settings, entry)
        known.add(path)
        lock = settings.models_dir / ".partial" / f"{entry.id}.lock"
        used = f"{entry.model_id} has a profile or runs on record"
        keep = used if entry.model_id in references.models else None
        if path.is_file():
            yield _item("weights", path, keep=keep, lock=lock, beside=(stamp_path(path),))
        partial = partial_dir(settings, entry)
        if partial.is_dir():
            yield _item("weights", partial, lock=lock)
    for path in sorted(settings.models_dir.glob("*")):
        if path not in known and path.is_file() and not path.name.startswith("."):
            yield _item("weights", path, keep="not of the catalogue, so nobody could fetch it again")


def _standing(settings: Settings, kind: str, references: References) -> Iterator[Item]:
    """Folders that stand whole or not at all, with the lock beside them."""
    root = settings.cache_dir / kind
    folders = sorted(root.glob("*/*/") if kind == "harnesses" else root.glob("*/"))
    for folder in folders:
        if folder.name.startswith(".") or folder.is_symlink():
            continue
        keep = _program_is_used(folder, references) if kind == "harnesses" else _is_named(folder, references)
        yield _item(kind, folder, keep=keep, lock=folder.parent / f".{folder.name}.lock")


def _program_is_used(folder: Path, references: References) -> str | None:
    from skvm.harness.programs.catalogue import PROGRAMS

    entry = next((each for each in PROGRAMS if each.name == folder.parent.name), None)
    if entry is None:
        return "no program we know"
    if entry.version != folder.name:
        return None
    if entry.kind in ("tool", "bridge"):
        return "other programs may stand on it"
    named = {name for name in references.harnesses if name == entry.name or name.startswith("acp")}
    return f"{entry.name} has a profile or runs on record" if named else None


def _is_named(path: Path, references: References) -> str | None:
    """Names are digests, whole or the beginning of one."""
    stem = path.name.partition(".")[0]
    if len(stem) >= 16 and any(each.startswith(stem) for each in references.digests):
        return "a record, a proposal or a lock refers to it"
    return None


def _named(settings: Settings, references: References) -> Iterator[Item]:
    for path in sorted((settings.cache_dir / "answers").glob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield _item("answers", path, keep=_is_named(path, references))
    for path in sorted((settings.cache_dir / "bench" / "variants").glob("*/")):
        if not path.name.startswith("."):
            yield _item("bench variants", path, keep=_is_named(path, references))


def _item(
    kind: str,
    path: Path,
    *,
    keep: str | None = None,
    lock: Path | None = None,
    beside: tuple[Path, ...] = (),
) -> Item:
    size = size_of(path) + sum(size_of(each) for each in beside)
    return Item(kind, path, size, _newest(path), keep, lock, beside)


def _newest(path: Path) -> float:
    """The last time anything directly in it, or it itself, was read or written."""
    times = [_touched(path)]
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(OSError):
            times += [_touched(each) for each in path.iterdir()]
    return max(times)


def _written(path: Path) -> float:
    times = [path.lstat().st_mtime]
    if path.is_dir() and not path.is_symlink():
        times += [each.lstat().st_mtime for each in path.iterdir()]
    return max(times)


def _touched(path: Path) -> float:
    try:
        status = path.lstat()
    except OSError:
        return 0.0
    # Reading a folder, as we just did, moves its time of access.
    return max(status.st_mtime, 0.0 if path.is_dir() else status.st_atime)


@contextlib.contextmanager
def locked(path: Path | None) -> Iterator[bool]:
    """Hold a lock file alone, if nobody else holds it; a lock that is not there is nobody's.

    Yields:
        Whether it is ours.
    """
    if path is None or not path.exists():
        yield True
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        except OSError:
            # Held, gone just now, or not to be read: either way not ours.
            is_free = False
        yield is_free
