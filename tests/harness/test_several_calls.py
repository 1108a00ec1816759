"""What each program makes of an answer with several calls: all of them, at once or in turn, results in order.

What is found here stands in the table of ``docs/guides/plans.md``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from skvm.evidence.record import Outcome
from skvm.harness.programs.scripted import RUNNERS, ScriptedModel, offered_tools, tool_results
from skvm.llm.fake import FakeAnswer, FakeToolCall
from tests.harness.conftest import GetProgram
from tests.harness.staging import Done, Stage
from tests.harness.table import DRIVEN
from tests.harness.test_acp import PROGRAMS
from tests.unit.harness.acp.sdk import needs_sdk

pytestmark = pytest.mark.anyio

WORDS = ("alpha", "bravo", "delta")


@dataclass(frozen=True)
class Taken:
    """What a program makes of the calls of one answer.

    Args:
        writes_at_once: Whether commands that change files are under way together.
        reads_at_once: Whether commands that only read are.
        is_one: Whether it takes one call an answer, and says so; the gateway gives it the others by and by.
    """

    writes_at_once: bool = True
    reads_at_once: bool = True
    is_one: bool = False


IN_TURN = Taken(writes_at_once=False, reads_at_once=False)
TAKEN: Mapping[str, Taken] = {
    # It asks of each command whether it only reads.
    "claude-code": Taken(writes_at_once=False),
    "acp:claude-code": Taken(writes_at_once=False),
    "hermes": IN_TURN,
    "acp:hermes": IN_TURN,
    "acp:qwen-code": IN_TURN,
    "acp:codex": Taken(writes_at_once=False, reads_at_once=False, is_one=True),
}
"""Those that do not carry out all of them at once."""
NAMES = [*sorted(DRIVEN), *(pytest.param(name, marks=needs_sdk) for name in sorted(PROGRAMS))]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, get_program: GetProgram) -> str:
    get_program(PROGRAMS.get(request.param, request.param))
    return str(request.param)


@dataclass(frozen=True, slots=True)
class Runs(ScriptedModel):
    """Makes calls that run a command, with whatever tool a program offers for that."""

    line: str = ""

    def _command(self) -> str:
        return self.line

    def call(self, tools: Mapping[str, Mapping[str, Any]], id: str) -> FakeToolCall:
        """One call."""
        by_name = {name.lower(): name for name in tools}
        name = next(by_name[runner] for runner in RUNNERS if runner in by_name)
        return FakeToolCall(name, self._arguments(tools[name]), id=id)


def wants(*lines: str) -> Any:
    """A model that wants several commands in one answer, then is done."""

    def model(body: dict[str, Any]) -> FakeAnswer:
        tools = offered_tools(body)
        if not tools or tool_results(body):
            return FakeAnswer("It is all done.")
        calls = [Runs("", "", line=line).call(tools, f"call_{at}") for at, line in enumerate(lines)]
        return FakeAnswer("I do all of it.", tool_calls=calls)

    return model


def seen_of(name: str, done: Done) -> list[str]:
    """What came of the calls, in order of the calls."""
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    turns = [turn for turn in done.told.turns if turn.tool_calls]
    shape = [(len(turn.tool_calls), turn.is_kept_back) for turn in turns]
    assert shape == ([(1, False), (1, True), (1, True)] if TAKEN.get(name, Taken()).is_one else [(3, False)])
    # However they are given, the model is asked for them once.
    assert sum(turn.usage.calls for turn in turns) == 1
    observations = [each for turn in turns for each in turn.observations]
    assert not any(each.is_error for each in observations), observations
    return [each.text for each in observations]


async def test_three_calls_of_one_answer_are_carried_out_and_told_in_order(name: str, stage: Stage) -> None:
    work = stage.outer / "work"
    lines = [f"printf '%s\\n' un{word} > {work / word}; sed s/un/made-/ {work / word}" for word in WORDS]
    done = await stage.run(name, wants(*lines), work_dir=work)
    seen = seen_of(name, done)
    assert done.files == {word: f"un{word}\n" for word in WORDS}, seen
    for word, text in zip(WORDS, seen, strict=True):
        assert [other for other in WORDS if f"made-{other}" in text] == [word]


async def test_whether_commands_that_change_files_go_at_once(name: str, stage: Stage) -> None:
    is_at_once = TAKEN.get(name, Taken()).writes_at_once
    # What is printed does not stand in the command, which some show with its result.
    # One that is alone finds out by waiting; where they meet, nobody waits for long.
    rounds, work = 150 if is_at_once else 20, stage.outer / "work"
    there = " && ".join(f"[ -e {work / word} ]" for word in WORDS)
    wait = f"for n in $(seq {rounds}); do if {there}; then break; fi; sleep 0.1; done"
    lines = [
        f"touch {work / word}; {wait}; if {there}; then printf %s m et; else printf %s al one; fi"
        for word in WORDS
    ]
    seen = seen_of(name, await stage.run(name, wants(*lines), work_dir=work))
    # In turn, the last one finds what the others left.
    assert ["met" in text for text in seen] == ([True] * 3 if is_at_once else [False, False, True]), seen


async def test_whether_commands_that_only_read_go_at_once(name: str, stage: Stage) -> None:
    is_at_once = TAKEN.get(name, Taken()).reads_at_once
    work = stage.outer / "work"
    await anyio.to_thread.run_sync(make_pipes, work)
    open_together: list[int] = []

    async def feed() -> None:
        """Let go of the readers once all are there, or one by one where they do not come together."""
        left = list(WORDS)
        while left:
            writers, patience = dict[str, int](), 300 if is_at_once else 60
            while len(writers) < len(left) and patience:
                for word in left:
                    with suppress(OSError):
                        if word not in writers:
                            # Only while somebody reads it can it be opened.
                            writers[word] = os.open(work / word, os.O_WRONLY | os.O_NONBLOCK)
                patience -= bool(writers)
                await anyio.sleep(0.05)
            open_together.append(len(writers))
            for word, writer in writers.items():
                os.write(writer, f"{word} was read\n".encode())
                os.close(writer)
                left.remove(word)

    async with anyio.create_task_group() as group:
        group.start_soon(feed)
        done = await stage.run(name, wants(*(f"cat {work / word}" for word in WORDS)), work_dir=work)
        group.cancel_scope.cancel()
    seen = seen_of(name, done)
    assert [f"{word} was read" in text for word, text in zip(WORDS, seen, strict=True)] == [True] * 3
    assert open_together == ([3] if is_at_once else [1, 1, 1])


def make_pipes(work: Path) -> None:
    """A pipe for each word."""
    work.mkdir()
    for word in WORDS:
        os.mkfifo(work / word)
