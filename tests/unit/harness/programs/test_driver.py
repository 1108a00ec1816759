"""A program driven through whole runs, in every sandbox."""

from __future__ import annotations

import pytest

from skvm.evidence.record import Outcome
from skvm.harness.trajectory import ToolKind
from tests.unit.harness.programs.conftest import TASK, Stage

pytestmark = pytest.mark.anyio


async def test_a_program_does_its_work_in_the_cell_and_is_read_at_the_door(any_stage: Stage) -> None:
    done = await any_stage.run()
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert done.files == {"hello.txt": "hello"}
    told = done.told
    assert told.harness == "fake-program"
    assert told.final_text == "All done."
    assert [turn.text for turn in told.turns] == ["", "All done."]
    [call] = told.tool_calls
    assert (call.name, call.kind) == ("put_file", ToolKind.WRITE)
    assert call.arguments == {"path": "hello.txt", "content": "hello"}
    assert told.turns[0].observations[0].text == "written"
    assert told.system.startswith("You are an agent.")
    assert told.prompt == TASK.prompt
    assert told.skill_loaded is None
    # A title was asked for beside the two turns: it counts, and is no turn.
    assert told.usage.calls == done.record.usage.calls == 3
    assert told.reported_usage is not None
    assert told.reported_usage.output_tokens == 10
    assert list(any_stage.settings.tmp_dir.iterdir()) == []
