"""``jit-boost``: the skill as it was written, with templates that answer in the model's place.

Before the first run tasks of the skill are run, at most as often as ``--jit-runs`` says and until a trusted
template answers the prompt of every task; what that cost is told apart from the runs that count. Templates
that are trusted from earlier runs of this skill on this target are taken as they stand. The runs that count
teach nothing: a template can only be lost in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from time import perf_counter

import anyio.to_thread

from skvm.bench.contract import Loadout, Situation, Unavailable, condition
from skvm.bench.outfit import deliver
from skvm.bench.planning import planned_tasks
from skvm.evaluate.bench import RunSpec
from skvm.evaluate.schedule import run_persistently
from skvm.evidence.record import RunRecord, Usage
from skvm.harness.hooks import Hooks
from skvm.runtime.boost.hook import Boost
from skvm.runtime.boost.library import Library, Shelf
from skvm.runtime.boost.matching import Matcher
from skvm.skill.emit import skill_digest
from skvm.task.model import Task

__all__ = ["WARM_UP", "JitBoost"]

WARM_UP = "jit-boost warm-up"
"""The condition under which warm-up runs are recorded; they belong to no session."""


@condition("jit-boost")
@dataclass(frozen=True, slots=True)
class JitBoost:
    """Skill and bundle, untouched, and templates proved on warm-up runs."""

    argument: str = ""

    @property
    def needs_skill(self) -> bool:
        """Templates are a skill's."""
        return True

    async def prepare(self, situation: Situation) -> Loadout | Unavailable:
        """Warm up, unless something is trusted already.

        Raises:
            BudgetExceededError: The spend ceiling is reached.
        """
        started = perf_counter()
        folders = [skill.root for skill in situation.skills if skill.root is not None]
        made = await anyio.to_thread.run_sync(
            lambda: deliver(
                situation, situation.skills, folders, is_compiled=False, what="as written", provenance={}
            )
        )
        if isinstance(made, Unavailable) or made.skill is None:
            return made
        bench = situation.bench
        library = Library.open(bench.settings, bench.journal, bench.blobs, bench.sandbox)
        warm = _WarmUp(situation, made, library)
        runs = [] if (await warm.shelf()).promoted else await warm.run()
        shelf = await warm.shelf()
        duration_ms = (perf_counter() - started) * 1000
        return replace(
            made,
            hooks=_hooks(situation, library),
            what=_what(shelf, runs, duration_ms),
            is_reused=not runs,
            usage=sum((run.usage for run in runs), Usage()),
            duration_ms=duration_ms,
            provenance={
                **made.provenance,
                **{f"template {each.purpose_id}": each.digest for each in shelf.promoted},
            },
        )


def _hooks(situation: Situation, library: Library) -> Hooks:
    # Where the whole bench is boosted, the hook is there already.
    if situation.plan.boost == "on":
        return Hooks()
    return Hooks((Boost(library, "on", shadow_every=0, learns=False),))


@dataclass(frozen=True, slots=True)
class _WarmUp:
    situation: Situation
    made: Loadout
    library: Library

    async def shelf(self) -> Shelf:
        """What stands now."""
        skill, target = self.made.skill, self.situation.target
        if skill is None:
            raise RuntimeError("there is a skill where there is a warm-up")
        return await self.library.shelf(skill.id, skill_digest(skill), target.model, target.harness)

    async def run(self) -> list[RunRecord]:
        """Run the tasks in turn, all of them once before one comes again, one after the other."""
        boost = Hooks((Boost(self.library, "on", shadow_every=0),))
        bench = replace(self.situation.bench, hooks=self.situation.bench.hooks.joined(boost))
        runs: list[RunRecord] = []
        for spec in islice(self._specs(), self.situation.plan.jit_runs):
            # A prompt that is answered already teaches nothing.
            if self._is_answered(spec.task, await self.shelf()):
                continue
            runs.append(await run_persistently(spec, bench))
            shelf = await self.shelf()
            if all(self._is_answered(task, shelf) for task in self._tasks()):
                break
        return runs

    def _is_answered(self, task: Task, shelf: Shelf) -> bool:
        return bool(Matcher(shelf.promoted).match(task.prompt))

    def _tasks(self) -> list[Task]:
        plan = self.situation.plan
        paths = tuple(str(skill.root) for skill in self.situation.skills)
        tasks = planned_tasks(plan)
        return [tasks[each.id] for each in plan.tasks if tuple(skill.path for skill in each.skills) == paths]

    def _specs(self) -> Iterator[RunSpec]:
        plan, target, made = self.situation.plan, self.situation.target, self.made
        own = self._tasks()
        for repetition in count() if own else ():
            for task in own:
                yield RunSpec(
                    task=task,
                    model_id=target.model,
                    harness=target.harness,
                    skill=made.skill,
                    skill_mode=made.skill_mode,
                    condition=WARM_UP,
                    repetition=repetition,
                    max_steps=plan.max_steps,
                    timeout_s=plan.timeout_s or task.timeout_s,
                    seed=plan.seed + repetition,
                    environment=made.environment,
                )


def _what(shelf: Shelf, runs: list[RunRecord], duration_ms: float) -> str:
    """How many templates answer, what they stand on, and what of the time went where."""
    ready = len(shelf.promoted)
    templates = f"{ready} template{'' if ready == 1 else 's'}"
    if not runs:
        return f"{templates} trusted already" if ready else "no task to warm up on"
    scored = sum(run.score is not None and run.score >= shelf.library.bounds.good_score for run in runs)
    running_s = sum(run.duration_ms for run in runs) / 1000
    learning_s = max(0.0, duration_ms / 1000 - running_s)
    spent = f"{running_s:.1f} s of runs, {learning_s:.1f} s of learning"
    return f"{templates} after {len(runs)} warm-up runs, {scored} of them good ({spent})"
