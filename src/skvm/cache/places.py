"""What lies where in the cache, and how much of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["Place", "Usage", "measure", "places_of", "sent_dir", "size_of"]

_TEMPORARY = re.compile(r"skvm-[\w.-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of thing that is kept.

    Args:
        name: In a word or two.
        paths: Files and folders of it.
        about: What it is, and who removes it.
    """

    name: str
    paths: tuple[Path, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of the disk a place takes.

    Args:
        place: Which.
        size_bytes: Blocks of the disk; what has several names counts once.
        files: How many files.
    """

    place: Place
    size_bytes: int
    files: int


def sent_dir(settings: Settings) -> Path:
    """Where workers of a cluster keep what was sent to this node."""
    return settings.cache_dir / "cluster" / "blobs"


def places_of(settings: Settings) -> tuple[Place, ...]:
    """Every place, in the order it is told; the last ones hold whatever no other one does."""
    cache, logs, proposals = settings.cache_dir, settings.logs_dir, settings.proposals_dir
    journal = tuple(settings.journal_path.with_name(settings.journal_path.name + end) for end in _JOURNAL)
    named = [
        Place("weights", (settings.models_dir,), "embedded models; `skvm models pull` fetches them again"),
        Place("harnesses", (cache / "harnesses",), "installed programs; `skvm harness install` again"),
        Place("environments", (cache / "environments",), "what skills need; `skvm env apply` again"),
        Place("profiles", (settings.profiles_dir,), "measurements; never collected"),
        Place("journal", journal, "what happened; never collected"),
        Place("blobs", (settings.blobs_dir,), "bodies of records; those nobody refers to are collected"),
        Place("variants", (proposals / "aot-compile",), "compiled skills; never collected"),
        Place("bench variants", (cache / "bench" / "variants",), "made again when a bench wants them"),
        Place("proposals", (proposals / "jit-optimize",), "never collected"),
        Place(
            "boost", (proposals / "jit-boost", cache / "boost"), "templates and their state; never collected"
        ),
        Place("answers", (cache / "answers",), "of compiler models; asking again costs money"),
        Place("cluster", (sent_dir(settings),), "copies that drivers sent; collected when a week old"),
        Place("workshop", (cache / "workshop",), "uploads to the web pages; removed there"),
        Place("keys", (cache / "keys",), "signing keys; never collected"),
        Place("data", (settings.data_dir,), "tasks and skills; removed by hand"),
    ]
    kept = {path for place in named for path in place.paths}
    named.append(Place("other logs", tuple(_others([logs], kept)), "sessions and reports; never collected"))
    kept.add(settings.tmp_dir)
    rest = _others([cache, proposals], {*kept, logs, settings.profiles_dir})
    named.append(Place("other files", tuple(rest), "configuration, its old versions, small state"))
    return (
        *named,
        Place("temporary", tuple(_temporary(settings.tmp_dir)), "of runs; the dead ones are collected"),
    )


_JOURNAL = ("", "-wal", "-shm")


def _others(folders: Iterable[Path], kept: set[Path]) -> Iterator[Path]:
    """What lies in folders and is in no place that is kept; no folder is entered that holds none."""
    for folder in folders:
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            if entry in kept:
                continue
            if any(entry in path.parents for path in kept) and not entry.is_symlink():
                yield from _others([entry], kept)
            else:
                yield entry


def _temporary(tmp_dir: Path) -> Iterator[Path]:
    try:
        entries = sorted(tmp_dir.iterdir())
    except OSError:
        return
    for entry in entries:
        if (
            _TEMPORARY.fullmatch(entry.name)
            and not entry.is_symlink()
            and entry.lstat().st_uid == os.getuid()
        ):
            yield entry


def measure(settings: Settings) -> tuple[Usage, ...]:
    """How much each place takes; links are not followed, and what cannot be looked into counts nothing."""
    seen: set[tuple[int, int]] = set()
    return tuple(Usage(place, *_measured(place.paths, seen)) for place in places_of(settings))


def size_of(path: Path) -> int:
    """What one file or folder takes, in bytes."""
    return _measured((path,), set())[0]


def _measured(paths: Iterable[Path], seen: set[tuple[int, int]]) -> tuple[int, int]:
    size = files = 0
    waiting = [os.fspath(path) for path in paths]
    while waiting:
        path = waiting.pop()
        try:
            status = os.lstat(path)
        except OSError:
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            continue
        seen.add(identity)
        size += status.st_blocks * 512
        if (status.st_mode & 0o170000) == 0o040000:
            try:
                waiting += [entry.path for entry in os.scandir(path)]
            except OSError:
                continue
        else:
            files += 1
    return size, files
