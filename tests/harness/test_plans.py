"""``skvm plan run`` in every real program: its model asks for it, its own tool runs it in the cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.tools import ToolDefinition

from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome
from skvm.harness.acp.presets import PRESETS
from skvm.harness.acp.tools import COMMON_TOOLS
from skvm.harness.permissions import Grant, Permission, Permissions
from skvm.harness.programs.scripted import offered_tools
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.runtime.plan.model import StepState
from skvm.runtime.plan.outfit.hook import with_plan_command
from skvm.runtime.plan.tracing.reading import read_run
from skvm.task.model import Task
from tests.harness.conftest import GetProgram
from tests.harness.staging import Done, Stage, Steps
from tests.harness.table import DRIVEN
from tests.plan_skills import (
    FIXTURES,
    RUN,
    RUN_ON,
    check_files,
    check_first,
    check_last,
    plan_of,
    plan_skill,
    step,
)

pytestmark = pytest.mark.anyio

TASK = Task(id="t", prompt="Count the words of a.txt and b.txt.", timeout_ms=180_000, fixtures=FIXTURES)
OVER_ACP = {f"acp:{preset.name}": preset.program for preset in PRESETS} | {"jiuwenclaw": "jiuwenclaw"}
PROGRAMS = {name: name for name in DRIVEN} | OVER_ACP


@pytest.fixture(params=sorted(PROGRAMS))
def name(request: pytest.FixtureRequest, get_program: GetProgram) -> str:
    get_program(PROGRAMS[request.param])
    return str(request.param)


class Commands:
    """A model that runs commands with whatever tool a program has for that.

    Args:
        lines: The commands, one after the other.
        watch: Is asked at every request, while the program waits.
    """

    def __init__(self, *lines: str, watch: Callable[[dict[str, Any]], None]) -> None:
        self.lines, self.watch = lines, watch

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        tools = offered_tools(body)
        calls = [call for line in self.lines if (call := _call(tools, line)) is not None]
        return Steps(*calls, watch=self.watch)(body)


def _call(tools: Mapping[str, Mapping[str, Any]], line: str) -> FakeToolCall | None:
    offered = [ToolDefinition(name=each, parameters_json_schema=dict(tools[each])) for each in tools]
    tool = COMMON_TOOLS.command_tool(offered)
    if tool is None:
        return None
    value = ["bash", "-c", line] if tool.is_argv else line
    return FakeToolCall(tool.name, {tool.argument: value, **tool.others})


def observed(done: Done) -> list[str]:
    """What tools said, one text each, as the words they stand for."""
    return [each.text.replace("\\n", "\n") for turn in done.told.turns for each in turn.observations]


async def test_it_runs_commands_at_once_and_goes_on_when_the_rest_is_done(
    name: str, stage: Stage, tmp_path: Path
) -> None:
    work = stage.outer / "work"
    lines = (RUN, "printf 'a has more' > summary.txt", RUN_ON)
    # Its commands begin in a folder of its own.
    there = [f"cd {work} && {line}" for line in lines] if name == "jiuwenclaw" else lines
    model = Commands(*there, watch=stage.watch_for_keys)
    done = await stage.run(
        name, model, task=TASK, skill=plan_skill(tmp_path), dress=with_plan_command, work_dir=work
    )
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    first, _, last = observed(done)
    check_first(first)
    check_last(last)
    check_files(done.files)
    assert done.record.notes == ()
    async with Journal(stage.settings.journal_path, read_only=True) as journal:
        began, gone_on = await read_run(journal)
    assert began.started.plan_run in first
    assert (began.started.harness, began.finished is not None) == (name, True)
    assert {ended.node for ended in gone_on.ended if ended.state is StepState.DONE} >= {"1.4"}
    assert stage.leaks == []
    # The launcher lies there where the cache is closed to the user of a cell.
    assert set(stage.left) <= {"skvm-outfit"}


async def test_permissions_let_the_command_be_in_a_program_too(
    get_program: GetProgram, stage: Stage, tmp_path: Path
) -> None:
    get_program("pi")
    plan = plan_of(
        step("1.1", "wc -w < a.txt > a.count", reads=("a.txt",), writes=("a.count",)),
        step("1.2", "tac b.txt > b.turned", reads=("b.txt",), writes=("b.turned",)),
    )
    permissions = Permissions(skill="count", write=(Permission(name="*.txt"),))
    done = await stage.run(
        "pi",
        Commands(RUN, watch=stage.watch_for_keys),
        task=TASK,
        skill=plan_skill(tmp_path, plan),
        dress=with_plan_command,
        permissions=Grant(permissions, "enforce"),
    )
    [said] = observed(done)
    assert re.search(r"\bdone\s+1\.1\b", said), said
    assert re.search(r"\bfailed\s+1\.2\b", said), said
    assert done.files["a.count"].strip() == "3"
