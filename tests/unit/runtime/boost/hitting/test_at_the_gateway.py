"""Steps over the wire: a program's own conversation, others beside it, and a door that is everybody's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from skvm.errors import InfrastructureError
from skvm.harness.acp.tools import COMMON_TOOLS
from skvm.harness.fake import ScriptedSession
from skvm.harness.gateway.contract import Held
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.runtime.boost.alone import BoostAlone, Served
from skvm.runtime.boost.hook import Boost, BoostRun
from skvm.runtime.boost.model import Candidate
from tests.unit.harness.gateway.conftest import Gate, at_the_gate
from tests.unit.runtime.boost.hitting.samples import PROMPT, SALES, FakeLibrary, candidate, template

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
TOOLS = [{"type": "function", "function": {"name": "Bash", "parameters": SCHEMA}}]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    return folder


@asynccontextmanager
async def door(hook: Hook, work: Path, **held: Any) -> AsyncIterator[Gate]:
    session = ScriptedSession(["From the model."])
    hooks = Hooks((hook,))
    made = Held(hooks=hooks, tools=COMMON_TOOLS, **{"prompt": PROMPT, "work_dir": work, **held})
    async with at_the_gate(session, "a/m", made) as gate:
        yield gate


async def say(gate: Gate, *messages: dict[str, Any]) -> dict[str, Any]:
    """One request; gives the answer's message."""
    answer = await gate.ask("chat", {"model": "m", "tools": TOOLS, "messages": list(messages)})
    assert answer.status_code == 200
    return dict(answer.json()["choices"][0]["message"])


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def command_of(message: dict[str, Any]) -> str:
    (call,) = message["tool_calls"]
    return str(json.loads(call["function"]["arguments"])["command"])


def done(message: dict[str, Any], work: Path, *, wrap: str = "{}") -> dict[str, Any]:
    """Does what a program does with a call, and tells it in its own way."""
    ran = subprocess.run(
        ["bash", "-c", command_of(message)], cwd=work, capture_output=True, text=True, check=False
    )
    result = wrap.format(ran.stdout if wrap == "{}" else json.dumps(ran.stdout))
    return {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": result}


def a_run(tmp_path: Path, work: Path, one: Candidate) -> BoostRun:
    library = FakeLibrary(tmp_path / "library", promoted=(one,))
    run = HookRun("run-1", "sha256:t", "a/m", "some", work, "totals", "sha256:s")
    return cast("BoostRun", Boost(cast("Any", library), shadow_every=0).of_run(run))


@pytest.mark.parametrize("wrap", ["{}", '{{"output": {}, "exit_code": 0}}'])
async def test_a_verdict_is_read_however_a_program_tells_it(wrap: str, work: Path, tmp_path: Path) -> None:
    hook = a_run(tmp_path, work, candidate(is_terminal=True, closing="{stdout}: {outputs}"))
    async with door(hook, work) as gate:
        step = await say(gate, user(f"<env>x</env>\n{PROMPT}"))
        last = await say(gate, user(f"<env>x</env>\n{PROMPT}"), step, done(step, work, wrap=wrap))
    assert last["content"] == "2 cities: wrote totals.json (2 keys)"
    assert [event.is_good for event in hook.events] == [True]


async def test_a_side_conversation_leaves_the_step_open(work: Path, tmp_path: Path) -> None:
    hook = a_run(tmp_path, work, candidate())
    async with door(hook, work) as gate:
        step = await say(gate, user(PROMPT))
        assert (await say(gate, user("Give this a title")))["content"] == "From the model."
        assert hook.events == []
        await say(gate, user(PROMPT), step, done(step, work))
    assert [event.is_good for event in hook.events] == [True]


async def test_a_step_nothing_came_of_is_not_tried_for_ever(work: Path, tmp_path: Path) -> None:
    hook = a_run(tmp_path, work, candidate())
    async with door(hook, work) as gate:
        step = await say(gate, user(PROMPT))
        refused = {"role": "tool", "tool_call_id": step["tool_calls"][0]["id"], "content": "Not permitted."}
        assert (await say(gate, user(PROMPT), step, refused))["content"] == "From the model."
    assert [(event.is_good, event.reason) for event in hook.events] == [(False, "no verdict: Not permitted.")]


class Journal:
    """Takes what is recorded."""

    def __init__(self, error: Exception | None = None) -> None:
        self.records: list[Any] = []
        self.error = error

    async def append_all(self, records: Any) -> None:
        if self.error is not None:
            raise self.error
        self.records += [record for _, record in records]


def alone(tmp_path: Path, *many: Candidate, error: Exception | None = None, **options: Any) -> BoostAlone:
    library = cast("Any", FakeLibrary(tmp_path / "library", promoted=many))
    library.journal = Journal(error)
    return BoostAlone(library, [Served("totals", "sha256:s", "a/m", "some")], **options)


EVERYBODYS = {"prompt": "", "is_local": False}


async def test_a_door_that_is_everybodys_answers_any_conversation(work: Path, tmp_path: Path) -> None:
    hook = alone(tmp_path, candidate())
    other = PROMPT.replace("totals.json", "more.json")
    async with door(hook, work, **EVERYBODYS) as gate:
        first = await say(gate, user("<env>x</env>"), user(PROMPT))
        second = await say(gate, user(other))
        assert "totals.json" in command_of(first)
        assert "more.json" in command_of(second)
        for step, words in ((second, other), (first, PROMPT)):
            assert (await say(gate, user(words), step, done(step, work)))["content"] == "From the model."
        # The same again is a new step.
        assert "tool_calls" in await say(gate, user(PROMPT))
    records = hook.library.journal.records  # type: ignore[attr-defined]
    assert [(each.is_good, each.reason) for each in records] == [(None, "nobody graded it")] * 2
    assert len({each.run_id for each in records}) == 2
    assert names(work) == ["more.json", "sales.csv", "totals.json"]


@pytest.mark.parametrize(
    ("prompt", "code", "is_good"),
    [
        (PROMPT.replace("sales.csv", "costs.csv"), None, None),
        (PROMPT, "1/0", False),
        (PROMPT, "raise SystemExit(64)", None),
        (PROMPT, "raise SystemExit(640)", False),
    ],
)
async def test_what_fails_at_such_a_door_counts_where_the_candidate_is_to_blame(
    prompt: str, code: str | None, is_good: bool | None, work: Path, tmp_path: Path
) -> None:
    hook = alone(tmp_path, candidate(template=template(code=code) if code else template()))
    async with door(hook, work, **EVERYBODYS) as gate:
        step = await say(gate, user(prompt))
        await say(gate, user(prompt), step, done(step, work))
    (event,) = hook.library.journal.records  # type: ignore[attr-defined]
    assert event.is_good is is_good


async def test_a_prompt_after_other_words_is_the_models(work: Path, tmp_path: Path) -> None:
    hook = alone(tmp_path, candidate())
    call = {"id": "c", "type": "function", "function": {"name": "Bash", "arguments": '{"command": "ls"}'}}
    made = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c", "content": "sales.csv"}
    async with door(hook, work, **EVERYBODYS) as gate:
        assert (await say(gate, user(PROMPT), made, result))["content"] == "From the model."
        earlier = (user("From now on, leave out Rome."), {"role": "assistant", "content": "I will."})
        assert (await say(gate, *earlier, user(PROMPT)))["content"] == "From the model."
        assert (await say(gate, user("Something else")))["content"] == "From the model."


async def test_such_a_door_does_nothing_else(work: Path, tmp_path: Path) -> None:
    async with door(alone(tmp_path, candidate(), mode="shadow"), work, **EVERYBODYS) as gate:
        assert (await say(gate, user(PROMPT)))["content"] == "From the model."


async def test_a_journal_that_cannot_be_written_stops_no_answer(work: Path, tmp_path: Path) -> None:
    told: list[str] = []
    hook = alone(tmp_path, candidate(), error=InfrastructureError("full"), tell=told.append)
    async with door(hook, work, **EVERYBODYS) as gate:
        step = await say(gate, user(PROMPT))
        assert (await say(gate, user(PROMPT), step, done(step, work)))["content"] == "From the model."
    assert (hook.failure, told) == ("full", ["full"])
