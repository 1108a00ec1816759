"""Who refers to what: every digest that stands in the journal, in a file we keep, or in a kept blob.

Nothing is understood on the way. Sixty-four hex digits anywhere are a reference, so a kind of record,
proposal or certificate nobody has thought of yet keeps what it names.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.cache.places import sent_dir
from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.blobs import BlobStore

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["References", "find_references"]

_HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_MODEL = re.compile(rb'"(?:model|target_model|targetModel)"\s*:\s*"([^"\\]{1,200})"')
_HARNESS = re.compile(rb'"harness"\s*:\s*"([^"\\]{1,200})"')
_PAGE = 2000
_CHUNK = 8 << 20


@dataclass(frozen=True, slots=True)
class References:
    """What is referred to.

    Args:
        digests: Hex digits of every digest that is named, those in kept blobs included.
        models: Full ids of models a run or a profile is of.
        harnesses: Names of harnesses, likewise.
        has_journal: Whether there is a journal: without one nobody knows what blobs are for.
    """

    digests: frozenset[str]
    models: frozenset[str]
    harnesses: frozenset[str]
    has_journal: bool


def find_references(settings: Settings, blobs: BlobStore) -> References:
    """Read everything that may refer to something; blocks for as long as the disk takes.

    Raises:
        InfrastructureError: Something cannot be read, so it is not known what it refers to.
    """
    digests: set[bytes] = set()
    models: set[bytes] = set()
    harnesses: set[bytes] = set()
    has_journal = settings.journal_path.is_file()
    texts = _files(settings)
    if has_journal:
        for text in _journal(settings.journal_path):
            digests.update(_HEX.findall(text))
            models.update(_MODEL.findall(text))
            harnesses.update(_HARNESS.findall(text))
    for text in texts:
        digests.update(_HEX.findall(text))
        models.update(_MODEL.findall(text))
        harnesses.update(_HARNESS.findall(text))
    return References(
        frozenset(_closed({each.decode() for each in digests}, blobs)),
        frozenset(each.decode("utf-8", "replace") for each in models),
        frozenset(each.decode("utf-8", "replace") for each in harnesses),
        has_journal,
    )


def _journal(path: Path) -> Iterator[bytes]:
    """Bodies of all records, a page at a time."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
        ) as connection:
            last = 0
            while True:
                rows = connection.execute(
                    "SELECT id, body FROM records WHERE id > ? ORDER BY id LIMIT ?", (last, _PAGE)
                ).fetchall()
                if not rows:
                    return
                last = rows[-1][0]
                yield "\n".join(str(row[1]) for row in rows).encode("utf-8", "replace")
    except sqlite3.Error as error:
        raise InfrastructureError(
            f"{path}: cannot be read, so nobody knows what it refers to: {error}",
            help="nothing was removed; mend the journal first: a new one would not know what blobs are for",
        ) from error


def _files(settings: Settings) -> Iterator[bytes]:
    """Everything of ours that is text and may name a digest."""
    cache = settings.cache_dir
    skipped = {
        settings.models_dir,
        settings.blobs_dir,
        sent_dir(settings),
        settings.journal_path,
        settings.data_dir,
        cache / "harnesses",
        cache / "environments",
        cache / "answers",
        cache / "bench" / "variants",
    }
    roots = [cache, settings.logs_dir, settings.proposals_dir, settings.profiles_dir]
    seen: set[Path] = set()
    for root in roots:
        for folder, folders, names in os.walk(root):
            here = Path(folder)
            if here in seen:
                folders.clear()
                continue
            seen.add(here)
            folders[:] = [name for name in folders if here / name not in skipped]
            for name in names:
                path = here / name
                if path not in skipped and path.is_file() and not path.is_symlink():
                    yield from _text(path)


def _text(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            tail = b""
            while data := file.read(_CHUNK):
                yield tail + data
                # A digest may lie across two pieces.
                tail = data[-256:]
    except FileNotFoundError:
        return
    except OSError as error:
        raise InfrastructureError(
            f"{path}: cannot be read, so nobody knows what it refers to: {error.strerror}",
            help="nothing was removed; give yourself the right to read it",
        ) from error


def _closed(named: set[str], blobs: BlobStore) -> set[str]:
    """What is named, and what blobs that are named name."""
    there = {digest.removeprefix("sha256:") for digest in blobs.names()}
    waiting = [each for each in named if each in there]
    reached = set(named)
    while waiting:
        found = _inside(waiting.pop(), blobs)
        waiting += [each for each in found - reached if each in there]
        reached |= found
    return reached


def _inside(digest: str, blobs: BlobStore) -> set[str]:
    try:
        data = blobs.get(f"sha256:{digest}")
    except (InfrastructureError, UsageError):
        # Damaged, or just gone: it names nothing we could trust, and it stays.
        return set()
    return {each.decode() for each in _HEX.findall(data)}
