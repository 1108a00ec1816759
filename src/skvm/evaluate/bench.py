"""What to run, and what runs share: the values a run is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evaluate.grading import Oracle
from skvm.evaluate.heaps import bound_heaps
from skvm.evaluate.workspace import sweep
from skvm.evidence.blobs import BlobStore
from skvm.evidence.journal import Journal
from skvm.evidence.record import RunRecord
from skvm.evidence.redact import Redactor
from skvm.harness.contract import ConfigMode, Harness, SkillMode, TaskTool
from skvm.harness.environment.bind import Bound
from skvm.harness.hooks import Hooks
from skvm.harness.permissions import Grant
from skvm.harness.sandbox import Sandbox
from skvm.harness.site import Site
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import CallScope, PortSession, SpendLimit
from skvm.settings import Settings
from skvm.skill.ir import Skill
from skvm.task.model import Task

if TYPE_CHECKING:
    from skvm.evaluate.judging import Judge
    from skvm.llm.replay import Cassette

__all__ = ["Bench", "Port", "Recipe", "RunSpec", "Runner", "load_trajectory", "open_bench"]


class Port(Protocol):
    """What a run needs of the model port."""

    def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AbstractAsyncContextManager[PortSession]:
        """Open a session for one scope."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How what is no data about a run (an oracle, a look at what is left) is made again in another process.

    Args:
        name: Of what is made (see ``skvm.cluster.recipes``).
        given: What it is made of, a JSON object.
        take: Given what the thing made elsewhere saw, as JSON; ``None`` where the run did not get that far.
    """

    name: str
    given: Mapping[str, Any]
    take: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What to run.

    Args:
        task: The task.
        model_id: Full model id.
        harness: Registered harness name, or a harness.
        skill: The skill, if the condition has one.
        skill_mode: How it reaches the model.
        condition: What is varied; ``no-skill`` or ``original`` if not said.
        repetition: Which repeat, from 0.
        max_steps: Instead of the task's.
        timeout_s: Instead of the task's.
        seed: Sampling seed; ``None`` leaves it to the provider.
        oracle: Grades instead of the task's criteria.
        session_id: The session this run belongs to.
        parent: The journal record it belongs to.
        work_dir: Run in this folder (made if absent, kept) instead of a temporary one.
        keep_work_dir: Keep the temporary one.
        simulated: Whether the model is a simulated processor.
        site: Pages served to the agent at ``SITE_ORIGIN``, whatever the task says of the network. Where the
            cell has no loopback of its own, they are at another port, and the prompt says so.
        environment: The private environment the agent's commands find first.
        tools: Tools of the task's own, for a harness with ``native-tools``.
        permissions: What the skill may touch, and whether a run is held to it or only told.
        cell: Key of the bench cell this run fills.
        on_left: Looks at the work directory once nothing of the agent runs in it any more and before
            anything is graded; it is given the folder, and digests of what lay there before (see
            ``work_files``). It may block.
        run_id: Its id in the journal, where whoever asks for it has given it one.
        recipe: How to make ``oracle``, ``site``, ``tools``, ``on_left`` and a harness that is an object
            again elsewhere; a run that has any of them and no recipe is made in this process.
    """

    task: Task
    model_id: str
    harness: str | Harness = "bare-agent"
    skill: Skill | None = None
    skill_mode: SkillMode = SkillMode.INJECT
    condition: str = ""
    repetition: int = 0
    max_steps: int | None = None
    timeout_s: float | None = None
    seed: int | None = None
    oracle: Oracle | None = None
    session_id: str | None = None
    parent: int | None = None
    work_dir: Path | None = None
    keep_work_dir: bool = False
    simulated: bool = False
    site: Site | None = None
    tools: Sequence[TaskTool] = ()
    environment: Bound | None = None
    permissions: Grant | None = None
    cell: str | None = None
    on_left: Callable[[Path, Mapping[str, str]], None] | None = None
    run_id: str | None = None
    recipe: Recipe | None = None

    @property
    def label(self) -> str:
        """The condition's name."""
        return self.condition or ("original" if self.skill else "no-skill")

    @property
    def harness_name(self) -> str:
        """The harness's registered name, else the one it gives itself, else its class's."""
        if isinstance(self.harness, str):
            return self.harness
        return str(getattr(self.harness, "name", type(self.harness).__name__))


class Runner(Protocol):
    """Makes runs somewhere: to whoever asks for one, it is as if it were made here."""

    @property
    def places(self) -> int:
        """Runs at once it makes; what is asked for beyond them waits."""

    async def run(self, spec: RunSpec, bench: Bench) -> RunRecord:
        """Run a task once, grade it and record it in the journal of the bench; see ``run.run_once``."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What runs share.

    Args:
        settings: Where things lie.
        port: Where model calls go.
        sandbox: Confines agents, setup scripts and graders.
        journal: Where runs are recorded.
        blobs: Where trajectories are kept.
        hooks: What watches every run.
        temperature: The same in every condition.
        max_output_tokens: Output tokens a turn at most; ``None`` leaves that to the harness.
        judge: Scores what a rubric asks for (see ``judging.judge_of``); ``None`` leaves that unscored.
        config_mode: Whose configuration harnesses that are programs run with.
        follow: Has a run follow the plan of its skill: gives the run, and why it does not, if so. It may
            block.
        runner: Makes the runs somewhere else; ``None`` makes them in this process.
    """

    settings: Settings
    port: Port
    sandbox: Sandbox
    journal: Journal
    blobs: BlobStore
    hooks: Hooks = field(default_factory=Hooks)
    temperature: float = 0.0
    max_output_tokens: int | None = None
    judge: Judge | None = None
    config_mode: ConfigMode = "managed"
    follow: Callable[[RunSpec], tuple[RunSpec, str]] | None = None
    runner: Runner | None = None


@asynccontextmanager
async def open_bench(
    settings: Settings,
    *,
    sandbox: str | Sandbox = "auto",
    limit: SpendLimit | None = None,
    cassette: Cassette | None = None,
    port: Port | None = None,
    hooks: Hooks | None = None,
    config_mode: ConfigMode = "managed",
) -> AsyncIterator[Bench]:
    """Open everything a run needs; leaving closes it.

    Args:
        settings: Where things lie.
        sandbox: Name of a back end (``auto`` picks the best that works), or one.
        limit: Spend ceiling over all runs.
        cassette: Records or replays model traffic.
        port: Instead of the real model port, which is then neither imported nor opened.
        hooks: What watches every run.
        config_mode: Whose configuration harnesses that are programs run with.

    Raises:
        InfrastructureError: No sandbox works, or the journal cannot be opened.
    """
    bound_heaps()
    redactor = Redactor.of(settings)
    await anyio.to_thread.run_sync(sweep, settings.tmp_dir)
    async with AsyncExitStack() as stack:
        chosen = await _choose(sandbox) if isinstance(sandbox, str) else sandbox
        journal = await stack.enter_async_context(Journal(settings.journal_path, redactor=redactor))
        blobs = BlobStore(settings.blobs_dir, redactor=redactor)
        if port is None:
            from skvm.llm.port import ModelPort

            opened: Port = await stack.enter_async_context(
                ModelPort(settings, limit=limit, cassette=cassette, put_blob=blobs.put)
            )
        else:
            opened = port
        yield Bench(
            settings=settings,
            port=opened,
            sandbox=chosen,
            journal=journal,
            blobs=blobs,
            hooks=hooks or Hooks(),
            config_mode=config_mode,
        )


async def _choose(name: str) -> Sandbox:
    from skvm.harness.confine import choose_sandbox

    # The first choice tries real processes, which takes a moment.
    return await anyio.to_thread.run_sync(choose_sandbox, name)


def load_trajectory(blobs: BlobStore, record: RunRecord) -> Trajectory | None:
    """The trajectory of a recorded run; ``None`` where the run ended before it had one.

    Raises:
        InfrastructureError: It is missing or damaged.
    """
    if record.trajectory_digest is None:
        return None
    try:
        return Trajectory.model_validate_json(blobs.get(record.trajectory_digest))
    except ValueError as error:
        raise InfrastructureError(
            f"the trajectory of run {record.run_id} ({record.trajectory_digest}) cannot be read",
            help="a newer skvm may have written it",
        ) from error
