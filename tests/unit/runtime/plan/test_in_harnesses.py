"""Built-in harnesses whose model does as the skill says: ``skvm plan run`` really runs, in a real cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import skvm
from skvm.evidence.record import Outcome
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.settings import load_settings
from skvm.task.model import Task
from tests.confinement import ALL, working
from tests.harness.staging import Stage, open_stage
from tests.plan_skills import FIXTURES, RUN, RUN_ON, check_files, check_first, check_last, plan_skill
from tests.unit.runtime.plan.asking import SHELL, TOOLS, Speaks, observed

pytestmark = pytest.mark.anyio

TASK = Task(id="t", prompt="Count the words of a.txt and b.txt.", timeout_ms=120_000, fixtures=FIXTURES)
HARNESSES = pytest.mark.parametrize("speaks", [TOOLS, SHELL], ids=lambda each: each.harness)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    for stage in open_stage(load_settings(cache_dir=str(tmp_path / "cache"), env={})):
        # Other users cannot pass the parents of pytest's own folders.
        stage.settings = replace(stage.settings, cache_dir=stage.outer / "cache")
        yield stage


@HARNESSES
@pytest.mark.parametrize("name", ALL)
async def test_the_command_is_there(name: str, speaks: Speaks, stage: Stage, tmp_path: Path) -> None:
    working(name)
    done = await stage.run(
        speaks.harness,
        speaks.steps("skvm --version"),
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert f"skvm, version {skvm.__version__}" in observed(done)[0]
    assert done.record.notes == ()
    assert set(done.files) == {*FIXTURES, "plan.json"}


@HARNESSES
@pytest.mark.parametrize("name", ALL)
async def test_commands_run_at_once_and_what_is_left_is_told_done_and_gone_on_from(
    name: str, speaks: Speaks, stage: Stage, tmp_path: Path
) -> None:
    working(name)
    steps = speaks.steps(RUN, "printf 'a has more' > summary.txt", RUN_ON)
    done = await stage.run(
        speaks.harness,
        steps,
        task=TASK,
        skill=plan_skill(tmp_path),
        sandbox=name,
        dress=with_plan_command,
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    first, _, last = observed(done)
    check_first(first)
    check_last(last)
    check_files(done.files)
    assert stage.left == []
