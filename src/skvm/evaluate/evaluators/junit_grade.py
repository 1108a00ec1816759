"""``junit-grade``: the tests of a file decide, matched to criteria by name.

Payload: ``{testFile, runner, timeoutMs, criteria: [{id, weight, description, testPattern}]}``. The test file
lies in ``graders/`` or ``fixtures/`` and the agent never sees it. ``runner`` is ``pytest`` or ``bun``; if it
is not said, the suffix of the file decides. See ``evaluate/junit/`` for how each is sealed.
"""

from __future__ import annotations

from dataclasses import dataclass

from skvm.evaluate.contract import Evidence
from skvm.evaluate.custom import evaluator
from skvm.evaluate.junit import bun_runner, pytest_runner
from skvm.evaluate.junit.payload import find_test_file, read_payload
from skvm.evidence.record import CriterionResult
from skvm.task.model import Criterion, Task

__all__ = ["JunitGrade"]

_RUN = {"bun": bun_runner.run, "pytest": pytest_runner.run}
_MISSING = {"bun": bun_runner.missing, "pytest": pytest_runner.missing}


@evaluator("junit-grade")
@dataclass(frozen=True, slots=True)
class JunitGrade:
    """Grades with a test file."""

    def check(self, criterion: Criterion, task: Task) -> list[str]:
        """Find what is wrong with the payload, or that its test file cannot be used."""
        payload, found = read_payload(criterion)
        if payload is not None:
            try:
                find_test_file(payload, task)
            except ValueError as error:
                found = [f"`testFile`: {error}"]
        return found

    def missing(self, criterion: Criterion, task: Task) -> str | None:
        """Why its runner, or what its tests import, is not here."""
        payload, _ = read_payload(criterion)
        if payload is None:
            return None
        try:
            return _MISSING[payload.runner](find_test_file(payload, task), task)
        except ValueError:
            return None  # malformed, which is for ``check`` to say

    async def evaluate(self, criterion: Criterion, evidence: Evidence) -> CriterionResult:
        """Run the tests on what the agent left."""
        payload, found = read_payload(criterion)
        if payload is None:
            raise ValueError("; ".join(found))
        return await _RUN[payload.runner](payload, find_test_file(payload, evidence.task), evidence)
