"""A session and a cell that take a place around each call, for agents: theirs are not known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import TYPE_CHECKING

from skvm.evidence.record import CallRecord, Usage
from skvm.harness.sandbox import Cell, Entry, Execution, Fetched, Streams
from skvm.llm.contract import CallScope, PortSession
from skvm.runtime.plan.model import CPU, Share

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["PlacedCell", "PlacedSession"]


@dataclass(slots=True)
class PlacedSession:
    """One conversation's part of a session: its calls are counted apart from those beside it.

    Args:
        session: Where the calls really go.
        share: Gives the places.
        needs: What is held around each call; nothing where the caller holds it already.
    """

    session: PortSession
    share: Share
    needs: Sequence[str] = ()
    _calls: list[CallRecord] = field(default_factory=list)
    _usage: Usage = field(default_factory=Usage)
    _models: dict[str, Model] = field(default_factory=dict)

    @property
    def scope(self) -> CallScope:
        """Whose calls these are."""
        return self.session.scope

    @property
    def usage(self) -> Usage:
        """What this conversation used."""
        return self._usage

    @property
    def calls(self) -> Sequence[CallRecord]:
        """Its calls, oldest first."""
        return tuple(self._calls)

    async def model(self, model_id: str) -> Model:
        """The model, whose requests wait for a place; see ``PortSession``."""
        if model_id not in self._models:
            from skvm.llm.model import PortModel
            from skvm.runtime.plan.working.placed_model import PlacedModel

            whole = await self.session.model(model_id)
            own = whole.noting(self._count) if isinstance(whole, PortModel) else whole
            self._models[model_id] = PlacedModel(own, self.share, self.needs, of=whole)
        return self._models[model_id]

    def _count(self, call: CallRecord) -> None:
        self._calls.append(call)
        self._usage = self._usage + call.usage


@dataclass(frozen=True, slots=True)
class PlacedCell:
    """A cell whose commands wait for a place on this machine.

    Args:
        cell: The cell itself.
        share: Gives the places.
        needs: What is held around each command.
    """

    cell: Cell
    share: Share
    needs: Sequence[str] = (CPU,)

    @property
    def listeners(self) -> Sequence[socket]:
        """See ``Cell``."""
        return self.cell.listeners

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """See ``Cell``; waiting is not part of the timeout."""
        async with self.share.held(self.needs):
            return await self.cell.execute(command, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)

    async def stream(
        self,
        argv: Sequence[str],
        streams: Streams,
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """See ``Cell``; waiting is not part of the timeout."""
        async with self.share.held(self.needs):
            return await self.cell.stream(argv, streams, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """See ``Cell``."""
        return await self.cell.read(path, max_bytes=max_bytes)

    async def write(self, path: str, data: bytes) -> None:
        """See ``Cell``."""
        await self.cell.write(path, data)

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """See ``Cell``."""
        return await self.cell.list(path)

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Fetched:
        """See ``Cell``."""
        return await self.cell.fetch(url, method=method, headers=headers, body=body, timeout_s=timeout_s)
