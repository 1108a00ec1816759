"""``skvm.optimize``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.api.progress import OnProgress, Progress, nobody, settings_or_default
from skvm.api.ranges import at_least_one, between, lists, more_than_zero

if TYPE_CHECKING:
    from skvm.optimizer.loop.request import OptimizeRequest, SourceKind
    from skvm.optimizer.loop.session import Update
    from skvm.optimizer.proposals.proposal import Proposal
    from skvm.settings import Settings

__all__ = ["optimize"]


async def optimize(
    skill: str | Path,
    *,
    model: str,
    optimizer_model: str,
    harness: str = "bare-agent",
    tasks: Sequence[str | Path] = (),
    test_tasks: Sequence[str | Path] = (),
    logs: Sequence[str | Path] = (),
    rounds: int = 3,
    runs_per_task: int = 2,
    budget_runs: int = 120,
    concurrency: int = 1,
    editor: str | None = None,
    temperature: float = 0.7,
    seed: int = 0,
    judge_model: str | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    sandbox: str = "auto",
    on_progress: OnProgress = nobody,
    settings: Settings | None = None,
) -> Proposal:
    """Make a skill better from evidence, and prove it before a person accepts it: ``skvm jit-optimize``.

    The evidence is runs of ``tasks``, or ``logs``, or, where neither is given, tasks that are made for it.
    The skill itself stays as it is: ``skvm proposals accept`` is a person's.

    Args:
        skill: Its folder.
        model: Who runs the skill; a full model id, provider first.
        optimizer_model: Who edits, and who makes tasks; a full model id, or ``none`` for the editor that
            applies checks only.
        harness: In which harness the skill runs.
        tasks: Folders or ids of tasks to learn from.
        test_tasks: Those to measure by, which the editor never sees; without, some of ``tasks`` are kept.
        logs: Conversation logs to learn from, instead of tasks.
        rounds: Edits to try at most, ≥ 1.
        runs_per_task: Runs of each task a round, ≥ 1.
        budget_runs: Runs of the target at most, ≥ 1.
        concurrency: Runs at once, ≥ 1.
        editor: A harness, ``structured`` (one question) or ``checks`` (no model); ``None`` goes by the model.
        temperature: Of every run of the target, in [0, 2].
        seed: Sampling seed of repetition 0.
        judge_model: Who judges what rubrics ask for; ``None`` leaves that unscored.
        max_usd: Spend ceiling in dollars, > 0.
        max_tokens: Spend ceiling in tokens, ≥ 1.
        sandbox: What confines agents: ``auto``, or the name of a back end.
        on_progress: Told of everything.
        settings: Where things lie; by default what the environment and the configuration file say.

    Returns:
        The finished proposal: ``id``, ``dir``, and in ``meta`` the ``verdict`` and why.

    Raises:
        UsageError: The skill, a task, a harness or a model id is of no use, or tasks and logs are both given.
        ConfigError: A model has no route or credential.
        LockHeldError: Another session works on this skill and target.
        BudgetExceededError: A ceiling is reached; the session can go on (``skvm jit-optimize --resume``).
        InfrastructureError: No sandbox works, or the disk refuses.
    """
    from anyio.to_thread import run_sync

    from skvm.errors import UsageError
    from skvm.harness.contract import HARNESSES
    from skvm.optimizer.loop.opening import opened_bench
    from skvm.optimizer.loop.optimizing import optimize as carry_out
    from skvm.optimizer.loop.preflight import check_request
    from skvm.optimizer.loop.request import OptimizeRequest
    from skvm.optimizer.proposals.store import ProposalStore

    lists(tasks=tasks, test_tasks=test_tasks, logs=logs)
    at_least_one(rounds=rounds, runs_per_task=runs_per_task, budget_runs=budget_runs, concurrency=concurrency)
    at_least_one(max_tokens=max_tokens)
    more_than_zero(max_usd=max_usd)
    between(0, 2, temperature=temperature)
    if logs and (tasks or test_tasks):
        raise UsageError("tasks and logs exclude each other", help="learn from one of them at a time")
    HARNESSES.get(harness)
    at = await run_sync(settings_or_default, settings)
    source: SourceKind = "execution-log" if logs else "real-task" if tasks else "synthetic-task"

    def prepare() -> OptimizeRequest:
        made = OptimizeRequest(
            skill=_absolute(skill),
            source=source,
            optimizer_model=optimizer_model,
            target_model=model,
            harness=harness,
            editor_harness=editor or _editor_of(at, optimizer_model),
            tasks=tuple(str(each) for each in tasks),
            test_tasks=tuple(str(each) for each in test_tasks),
            logs=tuple(_absolute(each) for each in logs),
            rounds=rounds,
            runs_per_task=runs_per_task,
            budget_runs=budget_runs,
            concurrency=concurrency,
            temperature=temperature,
            seed=seed,
            judge_model=judge_model,
            max_usd=max_usd,
            max_tokens=max_tokens,
            sandbox=sandbox,
        )
        check_request(at, made)
        return made

    request = await run_sync(prepare)

    def tell(update: Update) -> None:
        on_progress(Progress("optimize", update.text))

    async with opened_bench(at, request) as bench:
        return await carry_out(request, bench, ProposalStore(at), on_event=tell)


def _absolute(path: str | Path) -> str:
    return str(Path(path).expanduser().absolute())


def _editor_of(settings: Settings, model: str) -> str:
    """An embedded model is too small for a workspace: it is asked one question. Without one, nobody is."""
    from skvm.llm.route import resolve_endpoint

    if model == "none":
        return "checks"
    return "structured" if resolve_endpoint(settings, model).kind == "local" else "bare-agent"
