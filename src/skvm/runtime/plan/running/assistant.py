"""Who does the steps of a plan that commands cannot: a built-in harness with a model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.errors import UsageError
from skvm.harness.sandbox import Cell
from skvm.runtime.plan.resources import Commons
from skvm.runtime.plan.running.request import PlanRequest
from skvm.runtime.plan.running.source import PlanSource
from skvm.settings import Settings

if TYPE_CHECKING:
    from skvm.harness.contract import Harness, SkillDelivery
    from skvm.runtime.plan.working.agents import Helper

__all__ = ["helper_for"]

_STEP_TIMEOUT_S = 1800.0
_MAX_TURNS = 60


@asynccontextmanager
async def helper_for(
    settings: Settings,
    request: PlanRequest,
    cell: Cell,
    open_further: Callable[[Path], AbstractAsyncContextManager[Cell]],
    *,
    commons: Commons,
    network: bool = False,
) -> AsyncIterator[Helper | None]:
    """Who does the steps that need a model; ``None`` where the request names none.

    Args:
        settings: Where model calls go.
        request: What is asked.
        cell: The run's.
        open_further: Opens a cell like it on another work directory.
        commons: Is told when a provider asks for fewer calls at once.
        network: Whether the cell may reach anything.

    Raises:
        UsageError: There is no harness of this name, or it is a program.
        ConfigError: No route serves the model.
    """
    if not request.target.model:
        yield None
        return
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.redact import Redactor
    from skvm.harness.contract import RunContext
    from skvm.llm.contract import CallScope
    from skvm.llm.port import ModelPort
    from skvm.runtime.plan.working.agents import Helper

    plan = request.source.plan
    harness = _harness(request.target.harness)
    blobs = BlobStore(settings.blobs_dir, redactor=Redactor.of(settings))
    async with (
        ModelPort(settings, limit=request.limit, put_blob=blobs.put) as port,
        port.session(CallScope(plan.skill, "plan")) as session,
    ):
        with commons.heeding(port):
            context = RunContext(
                prompt=request.prompt or f"Work through the skill {plan.skill} in this directory.",
                model_id=request.target.model,
                session=session,
                cell=cell,
                work_dir=request.work_dir,
                timeout_s=_STEP_TIMEOUT_S,
                max_steps=_MAX_TURNS,
                skill=_delivery(request.source),
                network=network,
                open_cell=open_further,
            )
            yield Helper(harness, context)


def _harness(name: str) -> Harness:
    from skvm.harness.contract import HARNESSES, ProgramInCell

    made = HARNESSES.get(name)()
    if isinstance(made, ProgramInCell):
        raise UsageError(
            f"{name} is a program with a loop of its own, which runs no single steps",
            help="take --adapter bare-agent or shell-agent; in the program the skill itself runs the plan",
        )
    return made


def _delivery(source: PlanSource) -> SkillDelivery | None:
    """The skill beside the plan, as the agents of its steps are told it."""
    if not (source.folder / "SKILL.md").is_file():
        return None
    from skvm.harness.contract import SkillDelivery, SkillMode
    from skvm.skill.frontend import load_skill

    skill = load_skill(source.folder)
    return SkillDelivery(
        name=skill.name,
        description=skill.description,
        content=skill.text(skill.body),
        mode=SkillMode.INJECT,
    )
