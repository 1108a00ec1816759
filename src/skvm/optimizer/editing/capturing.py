"""A run made for its evidence: what an editor may know of it, and nothing of how it is graded.

The work directory is read when the agent's cell is closed and before any grader starts; graders work on
copies elsewhere, so nothing of theirs is ever in it. Grades are told as ``telling.criteria`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import anyio.to_thread

from skvm.evaluate.bench import Bench, Recipe, RunSpec, load_trajectory
from skvm.evaluate.schedule import make_run
from skvm.evaluate.workspace import bundle_files
from skvm.evidence.record import RunRecord
from skvm.evidence.redact import Redactor
from skvm.harness.trajectory import Trajectory
from skvm.optimizer.editing.snapshot import Snapshot, take_snapshot
from skvm.optimizer.model import Evidence
from skvm.optimizer.telling.conversation import conversation_of
from skvm.optimizer.telling.criteria import criteria_of, meta_of
from skvm.optimizer.telling.places import without_places

__all__ = ["evidence_of", "remade", "run_for_evidence", "words_of_agent"]

_NOTHING = Snapshot({}, (), ())


async def run_for_evidence(spec: RunSpec, bench: Bench) -> tuple[RunRecord, Evidence]:
    """Run a task once and keep what an editor may know of it.

    Raises:
        Whatever ``make_run`` raises.
    """
    bundle = [resource.path for resource in bundle_files(spec.skill)] if spec.skill else []
    taken: list[Snapshot] = []

    def look(work: Path, given: Mapping[str, str]) -> None:
        taken.append(take_snapshot(work, given, bundle=bundle))
        if spec.on_left is not None:
            spec.on_left(work, given)

    def take(told: Any) -> None:
        if told is not None:
            taken.append(Snapshot(told["files"], tuple(told["given"]), tuple(told["names"])))

    # Who looks, too, may do more than look: that cannot be made again elsewhere.
    recipe = Recipe("snapshot", {"bundle": bundle}, take) if spec.on_left is None else None
    record = await make_run(replace(spec, on_left=look, recipe=recipe), bench)
    evidence = await anyio.to_thread.run_sync(_evidence, spec, bench, record, taken[0] if taken else _NOTHING)
    return record, evidence


def remade(spec: RunSpec, given: Mapping[str, Any]) -> tuple[RunSpec, Callable[[], Any]]:
    """Make the look at the work directory again in another process.

    Args:
        spec: The run without it.
        given: What ``run_for_evidence`` wrote down.

    Returns:
        The run, and what gives what was left, once the run is over.
    """
    taken: list[Snapshot] = []

    def look(work: Path, lay: Mapping[str, str]) -> None:
        taken.append(take_snapshot(work, lay, bundle=given["bundle"]))

    def told() -> Any:
        return asdict(taken[0]) if taken else None

    return replace(spec, on_left=look), told


def _evidence(spec: RunSpec, bench: Bench, record: RunRecord, left: Snapshot) -> Evidence:
    redactor = Redactor.of(bench.settings)
    return evidence_of(record, load_trajectory(bench.blobs, record), spec, left, redactor)


def evidence_of(
    record: RunRecord, trajectory: Trajectory | None, spec: RunSpec, left: Snapshot, redactor: Redactor
) -> Evidence:
    """What an editor may know of a run.

    Args:
        record: How it went.
        trajectory: What the agent did; ``None`` where it did not get that far.
        spec: What was run.
        left: The work directory as the agent left it.
        redactor: Replaces secrets.
    """
    seen = words_of_agent(spec.task.prompt, trajectory, left)
    said = conversation_of(trajectory, started_at=record.started_at) if trajectory else ()
    meta = meta_of(record).model_dump(by_alias=True)
    criteria = criteria_of(record, task=spec.task, seen=seen)
    return Evidence(
        task_id=spec.task.id,
        task_prompt=redactor.text(spec.task.prompt),
        conversation=tuple(redactor.json(entry) for entry in said),
        criteria=tuple(
            each.model_validate(redactor.json(each.model_dump(by_alias=True))) for each in criteria
        ),
        files={name: redactor.text(without_places(text)) for name, text in left.files.items()},
        meta=meta_of(record).model_validate(redactor.json(meta)),
        repetition=record.repetition,
        given=left.given,
    )


def words_of_agent(prompt: str, trajectory: Trajectory | None, left: Snapshot) -> str:
    """What the agent was asked and what it wrote: words, arguments, files, and the names of all files.

    What it only read is not among it: there the answers may stand that a grader looks for.
    """
    parts = [prompt, *left.names]
    parts += [text for name, text in left.files.items() if name not in left.given]
    for turn in trajectory.turns if trajectory else ():
        parts.append(turn.text)
        parts += [text for call in turn.tool_calls for text in _texts(call.arguments or call.raw_arguments)]
    if trajectory:
        parts.append(trajectory.final_text)
    return "\n".join(parts)


def _texts(value: Any) -> list[str]:
    """Every text and number in a JSON value."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += list(each.values())
        elif isinstance(each, list | tuple):
            waiting += list(each)
        elif each is not None:
            found.append(str(each))
    return found
