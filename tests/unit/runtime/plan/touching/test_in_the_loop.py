"""A whole run of a built-in harness whose commands are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.messages import ModelResponse, ToolCallPart

from skvm.evidence.record import Outcome
from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.contract import RunContext
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import HookRun, Hooks
from skvm.harness.sandbox import Execution
from skvm.harness.trajectory import Trajectory
from skvm.runtime.plan.touching import Touching

pytestmark = pytest.mark.anyio

COMMANDS = ("cat a", "grep -c x a > b", "sort a | uniq")


class Meeting(FakeCell):
    """A cell in which a command is run when as many as are awaited have come."""

    awaited = len(COMMANDS)
    come = 0

    def __init__(self, work_dir: Path) -> None:
        super().__init__(work_dir)
        type(self).come = 0

    async def execute(self, *arguments: Any, **options: Any) -> Execution:
        type(self).come += 1
        while self.come < self.awaited:  # noqa: ASYNC110 - the last one to come sets no event
            await anyio.sleep(0.001)
        return await FakeCell.execute(self, *arguments, **options)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def run(cell: FakeCell, *commands: str) -> Trajectory:
    calls = [ToolCallPart("execute_command", {"command": line}, f"call_{line}") for line in commands]
    session = ScriptedSession((ModelResponse(calls, finish_reason="tool_call"), "Done."))
    work = cell.work_dir
    hooks = Hooks((Touching(),)).of_run(HookRun("r", "t", "local/m", "bare-agent", work))
    context = RunContext("Do it.", "local/m", session, cell, work, timeout_s=30, hooks=hooks)
    return await BareAgent().run(context)


async def test_commands_that_touch_nothing_in_common_are_under_way_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\nx\n")
    told = await run(Meeting(tmp_path), *COMMANDS)
    assert told.outcome is Outcome.SCORED, told.detail
    texts = [each.text for each in told.turns[0].observations]
    assert texts == ["[exit code 0]\nx\nx", "[exit code 0]\n(no output)", "[exit code 0]\nx"]
    assert (tmp_path / "b").read_text() == "2\n"


async def test_a_command_sees_what_those_before_it_left(tmp_path: Path) -> None:
    told = await run(
        FakeCell(tmp_path),
        "mkdir out",
        "sleep 0.05; echo a > out/a",
        "unknown-program; echo b > out/b",
        "cat out/a out/b > out/c",
        "sort -r out/c",
    )
    texts = [each.text.splitlines()[-1] for each in told.turns[0].observations]
    assert (tmp_path / "out" / "c").read_text() == "a\nb\n"
    assert texts[-1] == "a"
