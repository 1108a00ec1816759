"""``skvm.run``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skvm.api.progress import OnProgress, Progress, nobody, settings_or_default
from skvm.api.ranges import MODES, at_least_one, more_than_zero, one_of
from skvm.harness.hooks import Hook, HookContext, Hooks

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    from skvm.evaluate.bench import Bench
    from skvm.evidence.record import RunRecord
    from skvm.harness.trajectory import Observation, ToolCall, Trajectory
    from skvm.settings import Settings

__all__ = ["Run", "run"]


@dataclass(frozen=True, slots=True)
class Run:
    """One task, run once and graded.

    Args:
        record: What stands in the journal: ``outcome``, ``score`` in [0, 1] (``None`` unless the outcome is
            graded), ``usage``, ``criteria``, ``detail`` …
        trajectory: What the agent did; ``None`` where the run ended before it did anything.
    """

    record: RunRecord
    trajectory: Trajectory | None

    @property
    def score(self) -> float | None:
        """In [0, 1]; ``None`` where nothing can be said of the agent."""
        return self.record.score

    @property
    def final_text(self) -> str | None:
        """What the agent said last."""
        return self.trajectory.final_text if self.trajectory is not None else None


async def run(
    task: str | Path,
    *,
    model: str,
    skill: str | Path | None = None,
    skill_mode: Literal["inject", "discover"] = "inject",
    harness: str = "bare-agent",
    seed: int | None = None,
    timeout_s: float | None = None,
    max_steps: int | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    sandbox: str = "auto",
    boost: Literal["off", "shadow", "on"] = "off",
    plan: Literal["off", "auto", "serial", "parallel"] = "off",
    condition: str = "",
    on_progress: OnProgress = nobody,
    settings: Settings | None = None,
) -> Run:
    """Run one task once, grade it, record it; as ``skvm run``.

    Args:
        task: Its folder, its ``task.json``, or its id in the dataset.
        model: Full model id, provider first.
        skill: Folder of a skill or of a variant; ``None`` runs without.
        skill_mode: Whether the skill is put before the model, or has to be found by it.
        harness: Name of the harness.
        seed: Sampling seed; ``None`` leaves it to the provider.
        timeout_s: Wall clock of the agent in seconds, > 0; ``None`` takes the task's.
        max_steps: Model turns, ≥ 1; ``None`` takes the task's.
        max_usd: Spend ceiling in dollars, > 0.
        max_tokens: Spend ceiling in tokens, ≥ 1.
        sandbox: What confines the agent: ``auto``, or the name of a back end.
        boost: What templates learnt of the skill do: nothing, run beside the model, answer in its place.
        plan: Whether the run follows the skill's plan, and how its groups run.
        condition: Label of what is varied; by default ``no-skill``, ``original`` or ``aot-compiled``.
        on_progress: Told of every turn.
        settings: Where things lie; by default what the environment and the configuration file say.

    Returns:
        The run, however it ended: that the agent failed is a result, no error.

    Raises:
        UsageError: The task, the skill, the harness or the model id is of no use.
        ConfigError: The model has no route or credential.
        FindingsError: The skill requires what is not there.
        InfrastructureError: No sandbox works, or the journal cannot be written.
    """
    from anyio.to_thread import run_sync

    from skvm.errors import UsageError
    from skvm.evaluate.bench import RunSpec, load_trajectory, open_bench
    from skvm.evaluate.run import run_once
    from skvm.evidence.sessions import recorded_session
    from skvm.harness.contract import HARNESSES, SkillMode
    from skvm.llm.contract import SpendLimit

    one_of(MODES, skill_mode=skill_mode)
    one_of(("off", "shadow", "on"), boost=boost)
    one_of(("off", "auto", "serial", "parallel"), plan=plan)
    at_least_one(max_steps=max_steps, max_tokens=max_tokens)
    more_than_zero(timeout_s=timeout_s, max_usd=max_usd)
    if skill is None and (boost != "off" or plan != "off"):
        raise UsageError("boost and plan need a skill", help="templates and plans are made of one")
    HARNESSES.get(harness)
    at = await run_sync(settings_or_default, settings)

    taken = await run_sync(_taken_in, at, task, skill)
    spec = RunSpec(
        **{**taken, **({"condition": condition} if condition else {})},
        model_id=model,
        harness=harness,
        skill_mode=SkillMode(skill_mode),
        max_steps=max_steps,
        timeout_s=timeout_s,
        seed=seed,
    )
    with recorded_session(
        at.logs_dir,
        "run",
        models=[model],
        harness=[harness],
        skill=[spec.skill.id] if spec.skill else [],
        conditions=[spec.label],
    ):
        async with open_bench(
            at,
            sandbox=sandbox,
            limit=SpendLimit(max_usd=max_usd, max_tokens=max_tokens),
            hooks=Hooks((_Turns(spec.task.id, on_progress),)),
        ) as bench:
            async with _acting(bench, boost, plan) as whole:
                record = await run_once(spec, whole)
            return Run(record, load_trajectory(bench.blobs, record))


def _taken_in(settings: Settings, task: str | Path, skill: str | Path | None) -> dict[str, Any]:
    """What a run takes from disk: the task, the skill and what it requires, as fields of a ``RunSpec``."""
    from skvm.compiler.builds.delivered import skill_or_variant
    from skvm.harness.environment.required import bound_environment
    from skvm.harness.permissions import grant_of
    from skvm.task.loader import find_task, load_task

    loaded = load_task(find_task(str(task), settings.data_dir))
    if skill is None:
        return {"task": loaded, "permissions": grant_of(None, loaded.prompt, None)}
    given, is_variant = skill_or_variant(Path(skill).expanduser())
    return {
        "task": loaded,
        "skill": given,
        "condition": "aot-compiled" if is_variant else "",
        "environment": bound_environment(settings, given.root, allow_missing=False) if given.root else None,
        "permissions": grant_of(given.root, loaded.prompt, None),
    }


@asynccontextmanager
async def _acting(
    bench: Bench,
    boost: Literal["off", "shadow", "on"],
    plan: Literal["off", "auto", "serial", "parallel"],
) -> AsyncIterator[Bench]:
    """The bench with what acts in its runs, as the command has it."""
    from skvm.runtime.plan.outfit.hook import with_plan_command
    from skvm.runtime.plan.touching import with_touching

    whole = with_touching(with_plan_command(bench))
    if boost != "off":
        from skvm.runtime.boost.opening import boosted

        whole = boosted(whole, boost)
    if plan == "off":
        yield whole
        return
    from skvm.runtime.plan.driving.opening import following

    async with following(whole, plan) as follower:
        yield follower


class _Turns(Hook):
    """Tells of every turn."""

    def __init__(self, task_id: str, tell: OnProgress) -> None:
        self._task_id = task_id
        self._tell = tell

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        """The model is asked."""
        self._say(context.turn, "waiting for the model")
        return None

    async def before_tool(self, context: HookContext, call: ToolCall) -> Observation | None:
        """A tool runs."""
        self._say(context.turn, call.name)
        return None

    def _say(self, turn: int, what: str) -> None:
        self._tell(Progress("run", f"{self._task_id}: turn {turn + 1}, {what}", done=turn))
