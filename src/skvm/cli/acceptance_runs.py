"""``--accept``: a compiled skill measured against its original before it may stand, with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.compiler.acceptance.trials import TrialTask
    from skvm.compiler.acceptance.verdict import Acceptance
    from skvm.compiler.contract import Counsel
    from skvm.compiler.driver import CompileResult
    from skvm.evaluate.bench import Bench
    from skvm.llm.port import ModelPort
    from skvm.settings import Settings
    from skvm.skill.ir import Skill

__all__ = ["Acceptor", "given_tasks"]


def given_tasks(settings: Settings, names: Sequence[str]) -> tuple[TrialTask, ...]:
    """The tasks of ``--tasks``.

    Raises:
        UsageError: One is not there, malformed, or cannot be graded.
    """
    from skvm.compiler.acceptance.trials import TrialTask, check_tasks
    from skvm.task.loader import find_task, load_task

    tasks = tuple(TrialTask(load_task(find_task(name, settings.data_dir))) for name in names)
    check_tasks(tasks)
    return tasks


@dataclass(frozen=True, slots=True)
class Acceptor:
    """Measures compiled skills.

    Args:
        pairs: Pairs of runs a skill.
        tasks: Tasks given; where there are none, they are derived from the skill.
        bench: What runs share; ``None`` in a frozen compile, which runs nothing.
    """

    pairs: int
    tasks: tuple[TrialTask, ...]
    bench: Bench | None

    @property
    def port(self) -> ModelPort | None:
        """The port of the runs, so that one spend ceiling holds over runs and questions."""
        from skvm.llm.port import ModelPort

        port = self.bench.port if self.bench is not None else None
        return port if isinstance(port, ModelPort) else None

    @property
    def task_digests(self) -> tuple[str, ...]:
        """Digests of the tasks given."""
        from skvm.task.digest import task_digest

        return tuple(task_digest(found.task) for found in self.tasks)

    async def measure(
        self, proposed: CompileResult, counsel: Counsel | None, locked: Mapping[str, Any], *, quiet: bool
    ) -> Acceptance:
        """Judge what a compile proposes.

        Raises:
            UsageError: There is no task to measure it by.
            FindingsError: The compile is frozen and no verdict is recorded.
            SkvmError: What ``run_trial`` passes on.
        """
        from skvm.compiler.acceptance.trials import Trial, run_trial
        from skvm.compiler.acceptance.verdict import losses_of
        from skvm.skill.emit import skill_digest

        original, variant = proposed.original, proposed.skill
        nothing = _unchanged(proposed, self.pairs)
        if proposed.is_unchanged:
            return nothing
        if self.bench is None:
            key = nothing.model_copy(update={"variant_digest": skill_digest(variant)}).answer_key
            return _recorded(locked.get(key), proposed)
        tasks = self.tasks or await derive_tasks(original, counsel)
        trial = Trial(
            original=original,
            variant=variant,
            tasks=tasks,
            pairs=self.pairs,
            model=proposed.model,
            harness=proposed.harness,
            lost=losses_of(proposed.pipeline),
        )
        return await _watched(trial, self.bench, run_trial, quiet=quiet)


async def derive_tasks(skill: Skill, counsel: Counsel | None) -> tuple[TrialTask, ...]:
    """Tasks from the skill's own test cases, else from the compiler model.

    Raises:
        UsageError: Neither gives any.
    """
    from skvm.compiler.acceptance.evals import EVALS_PATH, eval_tasks
    from skvm.compiler.acceptance.trials import TrialTask
    from skvm.errors import UsageError

    found = eval_tasks(skill)
    if found.tasks:
        return tuple(TrialTask(task, "evals") for task in found.tasks)
    if counsel is not None:
        from skvm.compiler.asking.tasks import ask_tasks

        if invented := await ask_tasks(skill, counsel):
            return tuple(TrialTask(task, "model") for task in invented)
    why = found.skipped[0] if found.skipped else f"it has no {EVALS_PATH}"
    raise UsageError(
        f"skill {skill.id!r}: there is no task to measure it by ({why})", help="give tasks with --tasks=DIR,…"
    )


def _unchanged(proposed: CompileResult, pairs: int) -> Acceptance:
    """The verdict where there is nothing to measure."""
    from skvm.compiler.acceptance.verdict import Acceptance
    from skvm.skill.emit import skill_digest

    digest = skill_digest(proposed.original)
    return Acceptance(
        verdict="unchanged",
        reason="the variant is the original",
        pairs=pairs,
        original_digest=digest,
        variant_digest=digest,
        model=proposed.model,
        harness=proposed.harness,
    )


def _recorded(record: Any, proposed: CompileResult) -> Acceptance:
    """The verdict a lock holds of this very variant."""
    from pydantic import ValidationError

    from skvm.compiler.acceptance.verdict import Acceptance
    from skvm.compiler.findings import SKV251
    from skvm.errors import FindingsError

    try:
        return Acceptance.model_validate(record)
    except ValidationError as error:
        raise FindingsError(
            f"{SKV251.code}: the compile is frozen, and no verdict on the variant of skill "
            f"{proposed.original.id!r} is recorded",
            help="compile once without --frozen",
        ) from error


async def _watched(trial: Any, bench: Bench, run: Any, *, quiet: bool) -> Acceptance:
    from skvm.cli.console import err, progress

    with progress(quiet=quiet) as bars:
        bar = bars.add_task(f"{trial.original.id}: accepting", total=2 * trial.pairs, note="")

        def advance(record: Any) -> None:
            score = "–" if record.score is None else f"{record.score:.2f}"
            bars.update(bar, advance=1, note=f"{record.condition} {record.task_id}: {score}")

        accepted: Acceptance = await run(trial, bench, advance)
    if not quiet:
        err.print(f"{trial.original.id}: {accepted.verdict}: {accepted.reason}", markup=False)
    return accepted
