"""``python-grade``: a function ``grade(transcript, workspace_path)`` decides.

Its source is the payload, or ``grade.py`` beside ``task.json``. It gives a list of records
``{id, score, weight, description?, details?}``, ids unique, weights with the sum 1; or a dict of scores,
which then weigh the same. It runs once, in one fresh cell, as ``evaluate/isolated.py`` says; what the agent
wrote is not on its import path, so that no planted module stands in for one that is not installed here.

Whose fault is a grader that raises, breaks that contract or ends the process? It may be broken; or what the
agent left made it so, and then a file no grader can read must not be a way out of a bad score. So the same
grader is asked about an agent that did nothing. If it fails there too, the grader is at fault and there is no
score. If it does not, the work is at fault: 0, with the reason. One failure there does not count
against the grader: an ``OSError`` inside ``grade`` about a file of the work directory. That is how a careless
grader says that a file is missing, and an agent that did nothing has earned a 0 by it; so such an error is
a 0 without a second look.
A time-out is a 0 without a second look, as it is for ``script``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.evaluate.contract import Evidence
from skvm.evaluate.custom import LIMIT_SAID, evaluator, is_limit_ms, score_of, unscored
from skvm.evaluate.isolated import ask
from skvm.evaluate.transcript import transcript_of
from skvm.evidence.record import Checkpoint, CriterionResult
from skvm.task.model import Criterion, Task

__all__ = ["PythonGrade"]

TIMEOUT_S = 120.0
"""Wall clock of ``grade`` where the criterion has no ``timeoutMs``."""
_MAX_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why ``grade`` gave no score.

    Args:
        why: One line.
        is_absence: Whether it only did not find a file of the work directory.
        is_environment: Whether nothing could run it at all.
    """

    why: str
    is_absence: bool = False
    is_environment: bool = False


@evaluator("python-grade")
@dataclass(frozen=True, slots=True)
class PythonGrade:
    """Grades with a Python function.

    Options: ``payload`` (the source; else ``grade.py`` of the task's folder), ``timeoutMs`` (120000).
    """

    def check(self, criterion: Criterion, task: Task) -> list[str]:
        """Find what is wrong with a criterion: no source, or none that compiles."""
        found = []
        if not is_limit_ms(criterion.options.get("timeoutMs", 1)):
            found.append(f"`timeoutMs` {LIMIT_SAID}")
        try:
            source = _source(criterion, task)
        except (OSError, ValueError) as error:
            return [*found, f"no source: {error}"]
        try:
            names = compile(source, "grade.py", "exec", dont_inherit=True).co_names
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return [*found, f"its source does not compile: {error}"]
        return [*found, *([] if "grade" in names else ["its source defines no function `grade`"])]

    def missing(self, criterion: Criterion, task: Task) -> str | None:
        """Nothing: every cell has a Python."""

    async def evaluate(self, criterion: Criterion, evidence: Evidence) -> CriterionResult:
        """Call the function on what the agent left."""
        source = _source(criterion, evidence.task)
        timeout_s = criterion.options.get("timeoutMs", TIMEOUT_S * 1000) / 1000
        result = await _grade(source, evidence, timeout_s)
        if isinstance(result, CriterionResult):
            return result
        if result.is_environment:
            return unscored(result.why)
        if not result.is_absence and evidence.untouched is not None:
            async with evidence.untouched() as nothing:
                again = await _grade(source, nothing, timeout_s)
            if not isinstance(again, CriterionResult) and not again.is_absence:
                return unscored(f"the grader fails on untouched fixtures, too: {again.why}")
        return score_of(0.0, f"the grader cannot grade what was left: {result.why}")


async def _grade(source: str, evidence: Evidence, timeout_s: float) -> CriterionResult | _Failure:
    request = {"source": source, "transcript": transcript_of(evidence.trajectory)}
    answer = await ask(evidence.cell, "grade", request, timeout_s=timeout_s)
    if answer.is_timed_out:
        return score_of(0.0, f"the grader {answer.why}")
    if answer.value is None:
        return _Failure(f"the grader {answer.why}", is_environment=answer.is_absent)
    if "error" in answer.value:
        is_absence = answer.value.get("stage") == "grade" and bool(answer.value.get("is_absence"))
        return _Failure(str(answer.value["error"]), is_absence)
    try:
        checkpoints = _checkpoints(answer.value.get("given"))
    except (KeyError, TypeError, ValueError) as error:
        return _Failure(f"grade() broke its contract: {error}")
    return _combine(checkpoints)


def _checkpoints(given: Any) -> list[Checkpoint]:
    """The records of a list, or of a dict of scores.

    Raises:
        ValueError: They break the contract.
    """
    if isinstance(given, dict):
        weight = 1 / len(given) if given else 0.0
        records = [{"id": name, "score": score, "weight": weight} for name, score in given.items()]
    else:
        records = list(given)
    if not records:
        raise ValueError("it gave no record")
    checkpoints = [_checkpoint(record) for record in records]
    if len({each.name for each in checkpoints}) < len(checkpoints):
        raise ValueError("two records have one id")
    total = math.fsum(each.weight or 0.0 for each in checkpoints)
    if abs(total - 1) > 1e-3:
        raise ValueError(f"the weights have the sum {total:g}, not 1")
    return checkpoints


def _checkpoint(record: dict[str, Any]) -> Checkpoint:
    name = record.get("id")
    if not isinstance(name, str) or not name:
        raise ValueError("a record has no id")
    for key in ("score", "weight"):
        if key not in record:
            raise ValueError(f"{name} has no {key}")
        if not 0 <= record[key] <= 1:
            raise ValueError(f"{name} has the {key} {record[key]:g}, not one in [0, 1]")
    reason = str(record.get("details") or record.get("description") or "")
    plain = [text.encode("utf-8", "replace").decode() for text in (name, reason)]
    return Checkpoint(name=plain[0], score=record["score"], weight=record["weight"], reason=plain[1])


def _combine(checkpoints: list[Checkpoint]) -> CriterionResult:
    total = math.fsum(each.weight or 0.0 for each in checkpoints)
    score = math.fsum(each.score * (each.weight or 0.0) for each in checkpoints) / total
    missed = [each for each in checkpoints if each.score < 0.5]
    said = "; ".join(f"{each.name}: {each.reason or format(each.score, 'g')}" for each in missed[:5])
    result = score_of(score, said or f"{len(checkpoints)} criteria met")
    return result.model_copy(update={"checkpoints": tuple(checkpoints)})


def _source(criterion: Criterion, task: Task) -> str:
    """The grader's source.

    Raises:
        OSError: The file cannot be read.
        ValueError: There is none, or it is no text.
    """
    payload = criterion.options.get("payload")
    if payload is not None:
        if not isinstance(payload, str) or not payload.strip():
            raise ValueError("`payload` must be the source of a grader")
        return payload
    if task.root is None:
        raise ValueError("the task has no folder with a grade.py, and the criterion no payload")
    file = Path(task.root, "grade.py")
    if not file.is_file():
        raise ValueError(f"there is no {file.name} beside task.json, and the criterion has no payload")
    if file.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{file.name} is longer than {_MAX_BYTES:,} bytes")
    return file.read_bytes().decode("utf-8-sig")
