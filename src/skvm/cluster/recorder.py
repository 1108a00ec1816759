"""A journal and a blob store that only collect: what a run on a worker is told to record goes to the driver.

Runs of one worker share a bench, so what belongs to which run is told apart by the context they run in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread
from pydantic import BaseModel

from skvm.cluster.order import Row
from skvm.errors import InfrastructureError
from skvm.evidence.blobs import BlobStore, digest_of
from skvm.evidence.journal import Entry, Journal
from skvm.evidence.redact import Redactor

__all__ = ["Collected", "CollectedBlobs", "Recorder", "collecting"]

Body = BaseModel | Mapping[str, Any]
_NOW: ContextVar[Collected | None] = ContextVar("collected", default=None)


@dataclass(slots=True)
class Collected:
    """What one run has recorded so far.

    Args:
        entries: As a journal would have them; the first is the run's start.
        blobs: Bytes by digest.
        lock: Held by whoever numbers entries.
    """

    entries: list[Entry] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self) -> tuple[Row, ...]:
        """Everything but the run's start, whose record the driver has made."""
        return tuple(
            Row(parent=(each.parent or 1) - 1, kind=each.kind, body=dict(each.body))
            for each in self.entries[1:]
        )


@contextmanager
def collecting() -> Iterator[Collected]:
    """Within it, what this task and its children record is collected."""
    collected = Collected()
    token = _NOW.set(collected)
    try:
        yield collected
    finally:
        _NOW.reset(token)


def _now() -> Collected:
    collected = _NOW.get()
    if collected is None:
        raise InfrastructureError("a worker was told to record something outside any run")
    return collected


class Recorder(Journal):
    """The journal of a worker: ids count from 1 in every run.

    Args:
        redactor: Replaces secrets in everything recorded.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    async def append_made(
        self, make: Callable[[], Iterable[tuple[str, Body]]], parent: int | None = None
    ) -> tuple[int, ...]:
        """Collect what ``make`` gives."""
        collected = _now()

        def work() -> tuple[int, ...]:
            # All of them or none, as in a journal.
            made = [(kind, self._clean(record)) for kind, record in make()]
            with collected.lock:
                return tuple(self._add(collected, kind, body, parent) for kind, body in made)

        return await anyio.to_thread.run_sync(work)

    def _clean(self, record: Body) -> Any:
        plain = dict(record) if isinstance(record, Mapping) else record.model_dump(mode="json", by_alias=True)
        return self._redactor.json(plain)

    @staticmethod
    def _add(collected: Collected, kind: str, body: Any, parent: int | None) -> int:
        number = len(collected.entries) + 1
        collected.entries.append(Entry(number, kind, parent, datetime.now(UTC), body))
        return number

    async def query(
        self,
        kind: str | None = None,
        *,
        parent: int | None = None,
        since: datetime | int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        session: str | None = None,
        skill: str | None = None,
    ) -> tuple[Entry, ...]:
        """What this run has recorded; a worker knows of no other."""
        found = [
            each
            for each in _now().entries
            if (kind is None or each.kind == kind)
            and (parent is None or each.parent == parent)
            and (session is None or each.body.get("session_id") == session)
            and (skill is None or each.body.get("skillId") == skill)
            and _is_later(each, since)
        ]
        if newest_first:
            found.reverse()
        return tuple(found if limit is None else found[:limit])


def _is_later(entry: Entry, since: datetime | int | None) -> bool:
    if isinstance(since, datetime):
        return entry.created_at >= since
    return since is None or entry.id > since


class CollectedBlobs(BlobStore):
    """The blob store of a worker: nothing is written, everything goes back with the run's result."""

    def put(self, data: bytes) -> str:
        """Collect bytes."""
        data = self._redactor.data(data) if self._redactor else data
        digest = digest_of(data)
        _now().blobs[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        """Bytes this run has put.

        Raises:
            InfrastructureError: It has put no such.
        """
        try:
            return _now().blobs[digest]
        except KeyError:
            raise InfrastructureError(f"this run has no blob {digest}") from None

    def has(self, digest: str) -> bool:
        """Whether this run has put it."""
        return digest in _now().blobs
