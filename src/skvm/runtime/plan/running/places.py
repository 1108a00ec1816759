"""Places on this machine for a plan that runs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from skvm.runtime.plan.model import CPU

__all__ = ["Places"]


@dataclass(slots=True)
class Places:
    """So many commands at once; a ``Share``.

    Args:
        jobs: Commands at once at most, ≥ 1.
    """

    jobs: int
    _limiter: anyio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(self.jobs)

    def width(self, needs: Sequence[str]) -> int:
        """See ``Share``."""
        return self.jobs

    @asynccontextmanager
    async def held(self, needs: Sequence[str]) -> AsyncIterator[None]:
        """See ``Share``."""
        if CPU not in needs:
            yield
            return
        # By a token of its own: one task may hold a place for several nodes one after the other.
        borrower = object()
        await self._limiter.acquire_on_behalf_of(borrower)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(borrower)
