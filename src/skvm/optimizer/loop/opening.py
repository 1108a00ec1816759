"""The bench of a session: its sandbox, its judge, and what is left of its spend ceilings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from skvm.evaluate.bench import Bench, open_bench
from skvm.evaluate.judging import judge_of
from skvm.evidence.record import Usage
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.optimizer.loop.request import OptimizeRequest
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.runtime.plan.touching import with_touching
from skvm.settings import Settings

__all__ = ["opened_bench"]


@asynccontextmanager
async def opened_bench(
    settings: Settings, request: OptimizeRequest, spent: Usage | None = None
) -> AsyncIterator[Bench]:
    """A bench as a session wants it, under what is left of its ceilings; leaving closes it.

    Args:
        settings: Where things lie.
        request: What is asked for.
        spent: What earlier starts of the session used.

    Raises:
        BudgetExceededError: Earlier starts used them up.
        InfrastructureError: No sandbox works, or the journal cannot be opened.
    """
    async with open_bench(
        settings,
        sandbox=request.sandbox,
        limit=_left(request, spent),
        config_mode=request.adapter_config,
    ) as bench:
        held = replace(bench, temperature=request.temperature, max_output_tokens=request.max_output_tokens)
        shared = with_touching(with_plan_command(held))
        if request.judge_model is not None:
            shared = replace(
                shared, judge=judge_of(bench, request.judge_model, allow_self=request.may_judge_itself)
            )
            if shared.judge is not None:
                await shared.judge.warm_up()
        yield shared


def _left(request: OptimizeRequest, spent: Usage | None) -> SpendLimit | None:
    """What is left under the ceilings of a session.

    Raises:
        BudgetExceededError: Nothing is.
    """
    if request.max_usd is None and request.max_tokens is None:
        return None
    usd = 0.0 if spent is None or spent.cost_usd is None else spent.cost_usd
    tokens = 0 if spent is None else spent.total_tokens
    left = SpendLimit(
        max_usd=None if request.max_usd is None else request.max_usd - usd,
        max_tokens=None if request.max_tokens is None else request.max_tokens - tokens,
    )
    used_up = [
        name
        for name, value in (("--max-usd", left.max_usd), ("--max-tokens", left.max_tokens))
        if value is not None and value <= 0
    ]
    if used_up:
        raise BudgetExceededError(
            f"earlier starts of the session used up its {' and '.join(used_up)}",
            help="give a higher ceiling beside --resume; it holds for the whole session",
        )
    return left
