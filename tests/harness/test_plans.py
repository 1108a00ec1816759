"""``skvm plan run`` in every real program: asked for by the model, run by the program's own tool in the cell."""

from __future__ import annotations

from pathlib import Path

import pytest

import skvm
from skvm.evidence.record import Outcome
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.task.model import Task
from tests.harness.conftest import GetProgram
from tests.harness.staging import Done, Stage, Steps
from tests.harness.table import DRIVEN, Driven
from tests.plan_skills import FIXTURES, plan_skill

pytestmark = pytest.mark.anyio

TASK = Task(id="t", prompt="Count the words of a.txt and b.txt.", timeout_ms=180_000, fixtures=FIXTURES)


@pytest.fixture(params=sorted(DRIVEN))
def driven(request: pytest.FixtureRequest, get_program: GetProgram) -> Driven:
    get_program(request.param)
    return DRIVEN[request.param]


def observed(done: Done) -> list[str]:
    return [each.text for turn in done.told.turns for each in turn.observations]


async def test_the_command_is_there(driven: Driven, stage: Stage, tmp_path: Path) -> None:
    steps = Steps(driven.run("skvm --version; ls; env | grep -c SKVM"), watch=stage.watch_for_keys)
    done = await stage.run(driven.name, steps, task=TASK, skill=plan_skill(tmp_path), dress=with_plan_command)
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    print(observed(done))
    assert f"skvm, version {skvm.__version__}" in observed(done)[0]
    assert stage.leaks == []
    assert stage.left == []
