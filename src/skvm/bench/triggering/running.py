"""Trigger cases as runs: the skill is listed, not shown, and a few steps are enough to see who loads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from skvm.bench.plan import BenchPlan, PlannedTrigger
from skvm.evaluate.bench import RunSpec
from skvm.harness.contract import HARNESSES, SkillMode, output_bound
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from skvm.task.digest import task_digest
from skvm.task.model import Task

__all__ = ["CONDITION", "MAX_STEPS", "TIMEOUT_S", "task_id_of", "trigger_specs", "wish_of"]

CONDITION = "trigger"
"""The condition of these runs in the journal."""
MAX_STEPS = 4
"""A skill counts as loaded once a later turn has seen it; whoever has not looked by then does without."""
TIMEOUT_S = 120.0

_WISHES = {True: "fire", False: "hold"}


def task_id_of(trigger: PlannedTrigger) -> str:
    """The task id of its runs; what should happen can be read off it."""
    return f"{_WISHES[trigger.should_trigger]}-{trigger.skill.id}-{trigger.id}"


def wish_of(task_id: str) -> bool | None:
    """Whether the skill should be loaded in a run of this task; ``None`` for a task that tests no trigger."""
    found = [wish for wish, word in _WISHES.items() if task_id.startswith(f"{word}-")]
    return found[0] if found else None


def trigger_specs(plan: BenchPlan, skills: Mapping[str, Skill]) -> list[RunSpec]:
    """The runs of a plan's triggers, each with the key of its cell.

    Repetitions are the outermost loop, as in the matrix. A run has no criteria and so no score: what counts
    is ``RunRecord.skill_loaded``.

    Args:
        plan: What was asked for.
        skills: The skills of its triggers, by path.
    """
    found = []
    for repetition in range(plan.repetitions):
        for target in plan.targets:
            for trigger in plan.triggers:
                spec = RunSpec(
                    task=_task(trigger),
                    model_id=target.model,
                    harness=target.harness,
                    skill=skills[trigger.skill.path],
                    skill_mode=SkillMode.DISCOVER,
                    condition=CONDITION,
                    repetition=repetition,
                    max_steps=MAX_STEPS,
                    timeout_s=min(plan.timeout_s or TIMEOUT_S, TIMEOUT_S),
                    seed=plan.seed + repetition,
                    session_id=plan.session_id,
                    keep_work_dir=plan.keep_work_dirs,
                )
                found.append(replace(spec, cell=_key(spec, plan)))
    return found


def _task(trigger: PlannedTrigger) -> Task:
    return Task(
        id=task_id_of(trigger),
        prompt=trigger.prompt,
        fixtures=trigger.fixtures,
        category="triggers",
        max_steps=MAX_STEPS,
    )


def _key(spec: RunSpec, plan: BenchPlan) -> str:
    """What makes two runs the same run; a change of any of it is another cell."""
    fields = {
        "task": task_digest(spec.task),
        "skill": skill_digest(spec.skill) if spec.skill else None,
        "skillMode": spec.skill_mode.value,
        "model": spec.model_id,
        "harness": spec.harness_name,
        "harnessRevision": getattr(HARNESSES.get(spec.harness_name), "revision", 1),
        "condition": spec.condition,
        "repetition": spec.repetition,
        "seed": spec.seed,
        "maxSteps": spec.max_steps,
        "timeoutS": spec.timeout_s,
        "temperature": plan.temperature,
        "maxOutputTokens": output_bound(spec.harness_name, plan.max_output_tokens),
        "sandbox": plan.sandbox,
    }
    return "sha256:" + hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
