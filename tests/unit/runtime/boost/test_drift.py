"""Workflows whose files change after their template was promoted: it is demoted within that one run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.boost.drift import WORKFLOWS, Workflow, drift
from benchmarks.boost.scripted_runs import open_runs

from skvm.runtime.boost import trials
from skvm.runtime.boost.model import Event
from skvm.runtime.boost.proving.proof import Proof
from skvm.runtime.boost.standing import Status
from tests.confinement import working

pytestmark = pytest.mark.anyio
WHY = {
    "guard": "seventh.csv: ",
    "postcondition": "output: ",
    "code": "code: ",
    "grading": "the run scored 0",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def ground() -> Iterator[Path]:
    # Not pytest's tmp_path: the user of a cell must be able to pass its parents.
    folder = Path(tempfile.mkdtemp(prefix="skvm-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _fuzz_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fuzzing has tests of its own."""

    async def fuzz_in(*_: object, **__: object) -> Proof:
        return Proof(True)

    monkeypatch.setattr(trials, "fuzz_in", fuzz_in)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.name.replace(" ", "-"))
async def test_a_template_goes_with_the_first_run_whose_files_have_changed(
    workflow: Workflow, ground: Path
) -> None:
    working("auto")
    async with open_runs(ground) as runs:
        found = await drift(workflow, runs)
    answered, first = found.answered, found.first
    assert (answered.is_answered, answered.asked, answered.record.score) == (True, 0, 1.0)
    assert WHY[workflow.seen_by] in found.reason
    assert (found.before, found.after) == (Status.PROMOTED, Status.QUARANTINED)
    bad = {each.event for each in first.events if each.is_good is False}
    assert bad == {Event.DRIFTED if workflow.seen_by == "guard" else Event.ANSWERED}
    for done in (found.beside, found.later):
        assert (done.is_answered, done.record.score) == (False, 1.0)
        assert done.asked > 0
    if workflow.seen_by == "grading":
        assert (first.asked, first.record.score) == (0, 0.0)
        return
    assert first.is_answered is (workflow.seen_by != "guard")
    assert found.kept == ""
    task = workflow.task(6, is_new=True)
    assert first.record.score == 1.0
    assert set(first.files) == {*task.files, task.target}
    assert {path: first.files[path] for path in task.files} == task.files
