from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, SystemPromptPart

from skvm.errors import SkvmError
from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.contract import SkillDelivery
from skvm.harness.fake import ScriptedSession
from skvm.harness.trajectory import ToolKind, Turn
from skvm.llm.contract import DeadlineExceededError
from skvm.runtime.plan.model import AskJob, Node, StepState
from skvm.runtime.plan.working.agents import Helper
from skvm.runtime.plan.working.asking import content_of
from skvm.runtime.plan.working.limits import RunLimits
from tests.unit.runtime.plan.working.benches import a_bench, a_context, said, words_of

pytestmark = pytest.mark.anyio


def a_node(job: AskJob) -> Node:
    return Node("1.1", title="Label", job=job)


LABEL = AskJob("Label each ticket.", ("labels.md",), "out/a.json", "in/a.txt")


def lay(root: Path) -> None:
    (root / "in").mkdir()
    (root / "in/a.txt").write_text("It broke.\n")
    (root / "in/b.txt").write_text("Please add it.")
    (root / "labels.md").write_text("bug, wish\n")


async def test_the_answer_is_the_file(tmp_path: Path):
    lay(tmp_path)
    told: list[Turn] = []
    bench = a_bench(
        tmp_path, ['```json\n{"label": "bug"}\n```'], on_turns=lambda _, turns: told.extend(turns)
    )

    result = await bench.do(a_node(LABEL))

    assert result.state is StepState.DONE
    assert (tmp_path / "out/a.json").read_text() == '{"label": "bug"}\n'
    assert list(result.digests) == ["out/a.json"]
    assert result.usage.calls == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.json"]
    (turn,) = told
    assert turn.tool_calls[0].kind is ToolKind.WRITE
    assert turn.tool_calls[0].arguments == {"path": "out/a.json", "content": '{"label": "bug"}\n'}
    assert not turn.from_hook


async def test_items_differ_only_at_the_end(tmp_path: Path):
    lay(tmp_path)
    bench = a_bench(tmp_path, ["{}"])
    assert bench.agent is not None
    session = bench.agent.context.session
    assert isinstance(session, ScriptedSession)

    await bench.do(a_node(LABEL))
    await bench.do(a_node(AskJob(LABEL.instruction, LABEL.inputs, "out/b.json", "in/b.txt")))

    one, two = (words_of(messages) for messages in session.requests)
    same = next(index for index, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    assert one[:same].endswith("Do it for this one: in/")
    assert "bug, wish" in one[:same]
    assert "It broke." in one[same:]
    assert [settings["temperature"] for settings in session.settings] == [0.0, 0.0]
    assert _system(session.requests[0]) == _system(session.requests[1])


def _system(messages: Sequence[ModelMessage]) -> str:
    assert isinstance(messages[0], ModelRequest)
    return "".join(str(part.content) for part in messages[0].parts if isinstance(part, SystemPromptPart))


async def test_the_skill_is_part_of_what_is_shared(tmp_path: Path):
    lay(tmp_path)
    context = a_context(tmp_path, ["{}"], skill=SkillDelivery("s", "d", "Only say bug or wish."))
    bench = a_bench(tmp_path, agent=Helper(BareAgent(), context))

    await bench.do(a_node(LABEL))

    assert isinstance(context.session, ScriptedSession)
    assert "Only say bug or wish." in _system(context.session.requests[0])


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (said(""), "empty"),
        (said("```\n\n```"), "empty"),
        (said("It is a bug."), "JSON"),
        (said('{"label": "bu', finish_reason="length"), "cut off"),
    ],
)
async def test_an_answer_that_will_not_do_is_asked_for_again_with_the_reason(
    tmp_path: Path, first: ModelResponse, why: str
):
    lay(tmp_path)
    told: list[Turn] = []
    bench = a_bench(tmp_path, [first, '{"label": "bug"}'], on_turns=lambda _, turns: told.extend(turns))
    assert bench.agent is not None
    session = bench.agent.context.session
    assert isinstance(session, ScriptedSession)

    result = await bench.do(a_node(LABEL))

    assert result.state is StepState.DONE
    assert why in words_of(session.requests[1])
    assert [settings["max_tokens"] for settings in session.settings] == [1024, 2048]
    assert [len(turn.tool_calls) for turn in told] == [0, 1]


async def test_twice_no_answer_is_a_failure_and_leaves_no_file(tmp_path: Path):
    lay(tmp_path)
    bench = a_bench(tmp_path, ["not json", "nor this", "{}"])

    result = await bench.do(a_node(LABEL))

    assert (result.state, result.usage.calls) == (StepState.FAILED, 2)
    assert "out/a.json" in result.reason
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (AskJob("x", ("absent.md",), "o.txt"), "absent.md"),
        (AskJob("x", ("blob.bin",), "o.txt"), "no text"),
        (AskJob("x", ("long.txt",), "o.txt"), "60,000"),
        (AskJob("x", ("../up.txt",), "o.txt"), "work directory"),
        (AskJob("x", (), "../o.txt"), "work directory"),
    ],
)
async def test_what_cannot_be_shown_or_written_fails_before_anybody_is_asked(
    tmp_path: Path, job: AskJob, why: str
):
    (tmp_path / "blob.bin").write_bytes(b"\xff\xfe\0")
    (tmp_path / "long.txt").write_text("x" * 60_001)
    bench = a_bench(tmp_path, ["never"])

    with pytest.raises(SkvmError, match=why):
        await bench.do(a_node(job))

    assert bench.agent is not None
    assert bench.agent.context.session.usage.calls == 0


async def test_patterns_of_inputs_are_looked_up(tmp_path: Path):
    lay(tmp_path)
    bench = a_bench(tmp_path, ["both"])
    assert bench.agent is not None

    await bench.do(a_node(AskJob("Sum up.", ("in/*.txt",), "sum.md")))

    session = bench.agent.context.session
    assert isinstance(session, ScriptedSession)
    words = words_of(session.requests[0])
    assert words.index("It broke.") < words.index("Please add it.")
    assert (tmp_path / "sum.md").read_text() == "both\n"


async def test_a_turn_is_taken_for_each_answer(tmp_path: Path):
    lay(tmp_path)
    bench = a_bench(tmp_path, ["{}"], limits=RunLimits(steps=1))

    first = await bench.do(a_node(LABEL))
    second = await bench.do(a_node(LABEL))

    assert (first.state, second.state) == (StepState.DONE, StepState.FAILED)
    assert "used up" in second.reason


async def test_a_model_that_hangs_is_left_at_the_deadline(tmp_path: Path):
    lay(tmp_path)

    async def hang(_: Any) -> ModelResponse:
        await anyio.sleep_forever()
        raise AssertionError

    bench = a_bench(tmp_path, [hang], limits=RunLimits(deadline=anyio.current_time() + 0.3))

    result = await bench.do(a_node(LABEL))

    assert (result.state, "deadline" in result.reason) == (StepState.FAILED, True)


async def test_a_session_past_its_deadline_is_a_failure_of_the_step(tmp_path: Path):
    lay(tmp_path)
    bench = a_bench(tmp_path, [DeadlineExceededError()])

    result = await bench.do(a_node(LABEL))

    assert (result.state, "deadline" in result.reason) == (StepState.FAILED, True)


@pytest.mark.parametrize(
    ("answer", "output", "content"),
    [
        ("bug", "a.txt", "bug\n"),
        ("  bug \n\n", "a.txt", "bug\n"),
        ("```\nbug\n```", "a.txt", "bug\n"),
        ("~~~text\nbug\n~~~", "a.txt", "bug\n"),
        ("Here it is:\n```json\n{}\n```\nDone.", "a.json", "{}\n"),
        ("# T\n```sh\nls\n```\nend", "a.md", "# T\n```sh\nls\n```\nend\n"),
        ("```markdown\n# T\n```", "a.md", "# T\n"),
        ("```a\n1\n```\n```b\n2\n```", "a.txt", "```a\n1\n```\n```b\n2\n```\n"),
        ("````\n```\nx\n```\n````", "a.txt", "```\nx\n```\n"),
        ("```\n  two\n    four\n```", "a.txt", "  two\n    four\n"),
        ("It is:\n```\nbug\n```", "a.txt", "bug\n"),
        (f"{'Prose. ' * 40}\n```\nls\n```", "a.txt", f"{'Prose. ' * 40}\n```\nls\n```\n"),
        (f"{'Prose. ' * 40}\n```\n1,2\n```", "a.csv", "1,2\n"),
    ],
)
async def test_what_stands_around_an_answer_goes(answer: str, output: str, content: str):
    assert content_of(answer, output) == (content, "")


async def test_the_bound_of_the_run_holds_for_questions(tmp_path: Path):
    lay(tmp_path)
    context = a_context(tmp_path, ["", "{}"], max_output_tokens=64)

    await a_bench(tmp_path, agent=Helper(BareAgent(), context)).do(a_node(LABEL))

    assert isinstance(context.session, ScriptedSession)
    assert [settings["max_tokens"] for settings in context.session.settings] == [64, 64]


@pytest.mark.parametrize(
    ("instruction", "is_shown"),
    [
        ("Add a line on each note to `log.md`.", True),
        ("Update `log.md` with what is new.", True),
        ("把新内容追加到 `log.md`。", True),
        ("Write `log.md`, one line a note.", False),
        ("Write the address of each note to `log.md`.", False),
    ],
)
async def test_a_file_that_is_to_be_changed_is_shown_as_it_is(
    tmp_path: Path, instruction: str, is_shown: bool
):
    lay(tmp_path)
    (tmp_path / "log.md").write_text("what was before\n")
    bench = a_bench(tmp_path, ["what was before\nnew"])

    await bench.do(a_node(AskJob(instruction, ("in/a.txt",), "log.md")))

    assert bench.agent is not None
    words = words_of(bench.agent.context.session.requests[0])  # type: ignore[attr-defined]
    assert ("what was before" in words) is is_shown
    assert words.count("It broke.") == 1


async def test_a_file_that_is_to_be_changed_need_not_be_there(tmp_path: Path):
    lay(tmp_path)

    result = await a_bench(tmp_path, ["new"]).do(
        a_node(AskJob("Add it to `log.md`.", ("in/a.txt",), "log.md"))
    )

    assert result.is_done
