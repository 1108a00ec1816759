"""Optimizing an upload: a session as ``skvm jit-optimize`` runs it, told line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import ValidationError

from skvm.errors import UsageError
from skvm.settings import Settings
from skvm.web.jobs_lines import Told

if TYPE_CHECKING:
    from skvm.optimizer.loop.request import OptimizeRequest
    from skvm.optimizer.loop.session import Update

__all__ = ["optimize_upload"]


def optimize_upload(
    settings: Settings, folder: Path, request: dict[str, Any], tell: Callable[[Told], None]
) -> None:
    """Run a session to its end.

    Args:
        settings: Where everything lies; the proposal goes to the others, as it is reviewed with them.
        folder: The job's folder.
        request: The session's, as ``OptimizeRequest`` reads it.
        tell: Told what is done.

    Raises:
        SkvmError: It cannot begin, or cannot go on; what was done is kept in the proposal.
    """
    from skvm.optimizer.loop.request import OptimizeRequest

    try:
        asked = OptimizeRequest.model_validate(request)
    except ValidationError as error:
        raise UsageError("the request of the session cannot be read") from error
    anyio.run(_optimize, settings, asked, tell)


async def _optimize(settings: Settings, request: OptimizeRequest, tell: Callable[[Told], None]) -> None:
    from skvm.evaluate.bench import open_bench
    from skvm.llm.contract import SpendLimit
    from skvm.optimizer.loop.optimizing import optimize
    from skvm.optimizer.proposals.store import ProposalStore
    from skvm.runtime.plan.outfit.hook import with_plan_command
    from skvm.runtime.plan.touching import with_touching

    tell(Told(doing="opening the bench"))
    limit = None
    if request.max_usd is not None or request.max_tokens is not None:
        limit = SpendLimit(max_usd=request.max_usd, max_tokens=request.max_tokens)
    async with open_bench(settings, sandbox=request.sandbox, limit=limit) as bench:
        held = replace(bench, temperature=request.temperature, max_output_tokens=request.max_output_tokens)
        shared = with_touching(with_plan_command(held))
        proposal = await optimize(
            request, shared, ProposalStore(settings), on_event=lambda update: tell(_told(update))
        )
    meta = proposal.meta
    tell(Told(doing=f"{meta.verdict or meta.status}: round {meta.best_round}", proposal_id=str(proposal.id)))


def _told(update: Update) -> Told:
    state = update.state
    progress = (state.runs, state.rules.budget_runs) if state is not None else None
    doing = update.text if update.kind != "event" and update.text else None
    return Told(doing=doing, progress=progress, proposal_id=str(update.proposal.id))
