"""The matrix: every run a plan asks for, in the order that lets drift hit all conditions alike.

Repetitions are the outermost loop and conditions the innermost, rotated from one block to the next: the
conditions of a (repetition, target, task) stand side by side, and none of them always goes first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from skvm.bench.contract import Loadout
from skvm.bench.plan import BenchPlan, PlannedCondition, PlannedTask, Target
from skvm.evaluate.bench import RunSpec
from skvm.harness.contract import HARNESSES, output_bound
from skvm.harness.hooks import Hooks
from skvm.harness.permissions import Grant, task_files
from skvm.skill.emit import skill_digest
from skvm.task.digest import task_digest
from skvm.task.model import Task

__all__ = ["Block", "Cell", "LoadoutKey", "matrix_of", "runs_condition"]

LoadoutKey = tuple[str, Target, tuple[str, ...]]
"""Condition, target, and the folders of the skills of the task."""


@dataclass(frozen=True, slots=True)
class Block:
    """What the conditions of a comparison share: one task, on one target, once."""

    repetition: int
    target: Target
    task_id: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the matrix.

    Args:
        key: Digest of everything that was varied or held.
        block: Where it belongs.
        target: The model and the harness.
        spec: What to run.
        task_digest: Of its task.
        hooks: What acts in this run alone.
    """

    key: str
    block: Block
    target: Target
    spec: RunSpec
    task_digest: str
    hooks: Hooks


def matrix_of(
    plan: BenchPlan, tasks: Mapping[str, Task], loadouts: Mapping[LoadoutKey, Loadout]
) -> tuple[Cell, ...]:
    """Every cell of a plan that has something to run, in order.

    Args:
        plan: What was asked for.
        tasks: The tasks, by id.
        loadouts: What the conditions deliver; a combination that is missing is not run.
    """
    digests = {name: task_digest(task) for name, task in tasks.items()}
    skills: dict[LoadoutKey, str | None] = {
        key: skill_digest(loadout.skill) if loadout.skill else None for key, loadout in loadouts.items()
    }
    cells = []
    for block, planned, conditions in _blocks(plan):
        for each in conditions:
            key = (each.name, block.target, skill_key(planned))
            if key in loadouts and block.repetition < (each.repetitions or plan.repetitions):
                spec = _spec(plan, tasks[planned.id], each, block, loadouts[key])
                name = _key(spec, plan, digests[planned.id], skills[key])
                cells.append(
                    Cell(
                        name,
                        block,
                        block.target,
                        replace(spec, cell=name),
                        digests[planned.id],
                        loadouts[key].hooks,
                    )
                )
    return tuple(cells)


def runs_condition(condition: PlannedCondition, task: PlannedTask, target: Target) -> bool:
    """Whether a plan has a condition run a task on a target."""
    return (condition.task_ids is None or task.id in condition.task_ids) and (
        condition.targets is None or target in condition.targets
    )


def skill_key(task: PlannedTask) -> tuple[str, ...]:
    """Which skills a task's conditions are prepared for."""
    return tuple(skill.path for skill in task.skills)


__all__ += ["skill_key"]


def _blocks(plan: BenchPlan) -> Iterator[tuple[Block, PlannedTask, tuple[PlannedCondition, ...]]]:
    most = max((each.repetitions or plan.repetitions for each in plan.conditions), default=0)
    for repetition in range(most):
        for target in plan.targets:
            for index, task in enumerate(plan.tasks):
                here = [each for each in plan.conditions if runs_condition(each, task, target)]
                if here:
                    turn = (repetition + index) % len(here)
                    yield Block(repetition, target, task.id), task, (*here[turn:], *here[:turn])


def _spec(plan: BenchPlan, task: Task, condition: PlannedCondition, block: Block, what: Loadout) -> RunSpec:
    timeout_s = (plan.timeout_s or task.timeout_s) * condition.timeout_mult
    permissions = what.permissions
    return RunSpec(
        task=task,
        model_id=block.target.model,
        harness=block.target.harness,
        skill=what.skill,
        skill_mode=what.skill_mode,
        condition=condition.name,
        repetition=block.repetition,
        max_steps=condition.max_steps or plan.max_steps,
        timeout_s=timeout_s,
        seed=plan.seed + block.repetition,
        session_id=plan.session_id,
        keep_work_dir=plan.keep_work_dirs,
        environment=what.environment,
        permissions=Grant(permissions, "report", task_files(task.prompt)) if permissions else None,
    )


def _key(spec: RunSpec, plan: BenchPlan, task: str, skill: str | None) -> str:
    """What makes two runs the same run; a change of any of it is another cell."""
    fields = {
        "task": task,
        "skill": skill,
        "skillMode": spec.skill_mode.value if skill else None,
        "model": spec.model_id,
        "harness": spec.harness_name,
        "harnessRevision": getattr(HARNESSES.get(spec.harness_name), "revision", 1),
        "condition": spec.condition,
        "repetition": spec.repetition,
        "seed": spec.seed,
        "maxSteps": spec.max_steps or spec.task.max_steps,
        "timeoutS": spec.timeout_s,
        "temperature": plan.temperature,
        "maxOutputTokens": output_bound(spec.harness_name, plan.max_output_tokens),
        "sandbox": plan.sandbox,
        "environment": spec.environment.folder.name if spec.environment else None,
        "judge": plan.judge_model,
    }
    if plan.adapter_config != "managed":
        fields["adapterConfig"] = plan.adapter_config
    if plan.boost != "off":
        fields["boost"] = plan.boost
    if plan.follow_plans != "off":
        fields["plan"] = plan.follow_plans
    return "sha256:" + hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
