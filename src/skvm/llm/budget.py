"""The spend ceiling: a call's worst case is reserved before it is sent and settled when it is over."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from skvm.errors import UsageError
from skvm.evidence.record import Usage
from skvm.llm.contract import BudgetExceededError, SpendLimit

__all__ = ["Budget", "Reservation"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one call may cost at most.

    Args:
        tokens: Input and output together.
        usd: Dollars; 0 where the price is unknown.
    """

    tokens: int
    usd: float


class Budget:
    """The account of one port.

    Reserving and settling never yield between the look and the entry, so concurrent calls cannot
    overdraw. A call that fits once others are settled waits for them; one that can never fit is refused.
    """

    def __init__(self, limit: SpendLimit | None) -> None:
        self._limit = limit or SpendLimit()
        for name, value in (("--max-usd", self._limit.max_usd), ("--max-tokens", self._limit.max_tokens)):
            if value is not None and value <= 0:
                raise UsageError(f"{name} must be more than 0, not {value}")
        self._spent_tokens = 0
        self._spent_usd = 0.0
        self._held: dict[int, Reservation] = {}
        self._changed = anyio.Event()

    @property
    def is_limited(self) -> bool:
        """Whether there is any ceiling."""
        return self._limit.max_usd is not None or self._limit.max_tokens is not None

    def check_price_known(self, model_id: str, usd: float | None) -> None:
        """Refuse a dollar ceiling that could not hold.

        Raises:
            UsageError: The model's price is unknown and no token ceiling stands beside the dollar ceiling.
        """
        if usd is None and self._limit.max_usd is not None and self._limit.max_tokens is None:
            raise UsageError(
                f"the price of {model_id} is unknown, so --max-usd {self._limit.max_usd:g} cannot be kept",
                help="give a token ceiling beside it (--max-tokens), or leave --max-usd out",
            )

    async def reserve(self, model_id: str, tokens: int, usd: float | None) -> Reservation:
        """Set the worst case of one call aside, waiting for calls under way where that can help.

        Raises:
            BudgetExceededError: It does not fit under the ceiling even with nothing else under way.
            UsageError: See ``check_price_known``.
        """
        self.check_price_known(model_id, usd)
        wanted = Reservation(tokens, usd or 0.0)
        while not self._fits(wanted, [*self._held.values()]):
            if not self._fits(wanted, []):
                raise BudgetExceededError(
                    f"the next call to {model_id} may cost {self._describe(wanted)}; {self._left()}; "
                    "nothing was sent",
                    help="raise --max-usd or --max-tokens, or let the model write less (max_tokens)",
                )
            await self._changed.wait()
        self._held[id(wanted)] = wanted
        return wanted

    def settle(self, reserved: Reservation, usage: Usage | None) -> None:
        """Put what the call cost in the place of its worst case.

        Args:
            reserved: From ``reserve``.
            usage: What it cost; ``None`` where that is unknown, which counts as the worst case.
        """
        del self._held[id(reserved)]
        self._spent_tokens += reserved.tokens if usage is None else usage.total_tokens
        known = usage is not None and usage.cost_usd is not None
        self._spent_usd += (usage.cost_usd or 0.0) if usage is not None and known else reserved.usd
        self._changed.set()
        self._changed = anyio.Event()

    def count(self, usage: Usage) -> None:
        """Count what was spent elsewhere under the same ceilings; an unknown price counts nothing."""
        self._spent_tokens += usage.total_tokens
        self._spent_usd += usage.cost_usd or 0.0
        self._changed.set()
        self._changed = anyio.Event()

    @property
    def left(self) -> SpendLimit:
        """What is left under the ceilings, calls under way counted in; 0 or less where one is reached."""
        tokens = self._spent_tokens + sum(one.tokens for one in self._held.values())
        usd = self._spent_usd + sum(one.usd for one in self._held.values())
        limit = self._limit
        return SpendLimit(
            max_usd=None if limit.max_usd is None else limit.max_usd - usd,
            max_tokens=None if limit.max_tokens is None else limit.max_tokens - tokens,
        )

    def _fits(self, wanted: Reservation, held: list[Reservation]) -> bool:
        tokens = self._spent_tokens + wanted.tokens + sum(one.tokens for one in held)
        usd = self._spent_usd + wanted.usd + sum(one.usd for one in held)
        limit = self._limit
        return (limit.max_tokens is None or tokens <= limit.max_tokens) and (
            limit.max_usd is None or usd <= limit.max_usd
        )

    def _describe(self, wanted: Reservation) -> str:
        dollars = f" and ${wanted.usd:.4f}" if self._limit.max_usd is not None else ""
        return f"{wanted.tokens} tokens{dollars}"

    def _left(self) -> str:
        left = []
        if self._limit.max_tokens is not None:
            left.append(
                f"{max(0, self._limit.max_tokens - self._spent_tokens)} of {self._limit.max_tokens} tokens"
            )
        if self._limit.max_usd is not None:
            left.append(f"${max(0.0, self._limit.max_usd - self._spent_usd):.4f} of ${self._limit.max_usd:g}")
        return f"{' and '.join(left)} are left"
