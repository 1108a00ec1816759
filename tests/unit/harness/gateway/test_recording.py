"""What is kept of a run, and the trajectory that is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    UserPromptPart,
)

from skvm.harness.fake import ScriptedSession
from skvm.harness.gateway.contract import Exchange, Held, Recorded
from skvm.harness.gateway.exchange import LAST_WORDS
from skvm.harness.gateway.recording import Recorder
from skvm.harness.gateway.trajectory import main_system, seen_text, turns_of
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.programs.contract import ToolTable
from skvm.harness.trajectory import Dialect, ToolKind
from skvm.llm.contract import CallScope
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.llm.replay import Cassette
from tests.unit.harness.gateway.conftest import Gate, Open, at_the_gate, body_of

pytestmark = pytest.mark.anyio

TABLE = ToolTable({"Read": ToolKind.READ, "Bash": ToolKind.RUN}, {"Read": {"file_path": "path"}})
TOOL = {"type": "function", "function": {"name": "Read", "parameters": {"type": "object", "properties": {}}}}


def ids(conversation: list[dict[str, Any]]) -> list[str]:
    return [call["id"] for call in conversation[-1].get("tool_calls", ())]


async def agent(at: Gate, prompt: str, system: str, results: list[str], **members: Any) -> str:
    """A small agent over chat completions: does as if it did what it is told, until it is told nothing."""
    conversation: list[dict[str, Any]] = [
        {"role": "system", "content": system},
        {"role": "user", "content": prompt},
    ]
    left = iter(results)
    while True:
        answer = await at.ask("chat", {"model": "m", "messages": conversation, "tools": [TOOL], **members})
        if answer.status_code != 200:
            return f"error {answer.status_code}"
        message = answer.json()["choices"][0]["message"]
        conversation.append(message)
        if not message.get("tool_calls"):
            return str(message["content"])
        conversation += [
            {"role": "tool", "tool_call_id": id, "content": next(left)} for id in ids(conversation)
        ]


def calls(*names: str, text: str = "") -> FakeAnswer:
    # The server numbers the calls of every answer from 0 again, as some providers do.
    return FakeAnswer(
        text, tool_calls=[FakeToolCall(name, {"file_path": f"{name}.txt", "n": 1}) for name in names]
    )


async def test_answers_are_turns_and_what_follows_their_observations(gate: Open) -> None:
    answers = [calls("Read", "Bash", text="Both."), calls("Read"), FakeAnswer("Done.", output_tokens=9)]
    async with gate(answers) as at:
        assert await agent(at, "Do it.", "You are main.", ["r0", "r1", "r2"]) == "Done."
        recorded = await at.recorded()
        assert recorded.usage == at.session.usage
    turns = turns_of(recorded, TABLE)
    assert [turn.index for turn in turns] == [0, 1, 2]
    assert [turn.text for turn in turns] == ["Both.", "", "Done."]
    assert [turn.dialect for turn in turns] == [Dialect.NATIVE, Dialect.NATIVE, Dialect.TEXT]
    made = [call for turn in turns for call in turn.tool_calls]
    assert [call.id for call in made] == ["call_0", "call_1", "call_0-2"]
    assert [call.kind for call in made] == [ToolKind.READ, ToolKind.RUN, ToolKind.READ]
    assert [call.arguments for call in made] == [
        {"path": "Read.txt", "n": 1},
        {"file_path": "Bash.txt", "n": 1},
        {"path": "Read.txt", "n": 1},
    ]
    seen = [observation for turn in turns for observation in turn.observations]
    assert [(each.tool_call_id, each.text, each.is_error) for each in seen] == [
        ("call_0", "r0", False),
        ("call_1", "r1", False),
        ("call_0-2", "r2", False),
    ]
    assert turns[2].usage.output_tokens == 9
    assert turns[2].finish_reason == "stop"
    assert main_system(recorded) == "You are main."


async def test_titles_and_probes_are_no_turns_and_sub_agents_are(gate: Open) -> None:
    def answer(body: dict[str, Any]) -> FakeAnswer:
        said = str(body["messages"])
        if "title" in said:
            return FakeAnswer("A title")
        if "Sub." in said:
            return FakeAnswer("sub done") if "sub result" in said else calls("Read")
        return FakeAnswer("main done") if "main result" in said else calls("Read")

    async with gate(answer) as at:
        title = [
            {"role": "system", "content": "Make a title."},
            {"role": "user", "content": "title of: Do it."},
        ]
        await at.ask("chat", {"model": "m", "messages": title})
        await agent(at, "Sub.", "You are a helper.", ["sub result"])
        await agent(at, "Do it.", "You are main.", ["main result"])
        recorded = await at.recorded()
    turns = turns_of(recorded, TABLE)
    assert [turn.text for turn in turns] == ["", "sub done", "", "main done"]
    assert [turn.observations[0].text for turn in turns if turn.observations] == ["sub result", "main result"]
    assert len({call.id for turn in turns for call in turn.tool_calls}) == 2
    assert recorded.usage.calls == 5


async def test_two_conversations_at_once_keep_their_results_apart() -> None:
    """Providers number calls alike in each, and the requests come one between the other."""

    def exchange(number: int, prompt: str, system: str, result: str | None = None) -> Exchange:
        call = ToolCallPart("Read", {}, "call_0")
        messages: list[ModelMessage] = [ModelRequest([UserPromptPart(prompt)])]
        response = ModelResponse([call])
        if result is not None:
            from pydantic_ai.messages import ToolReturnPart

            messages += [ModelResponse([call]), ModelRequest([ToolReturnPart("Read", result, "call_0")])]
            response = ModelResponse([TextPart("end")])
        return Exchange(
            "chat", "m", tuple(messages), response, started_s=number, has_tools=True, system=system
        )

    recorded = Recorded(
        (
            exchange(0, "a", "A"),
            exchange(1, "b", "B"),
            exchange(2, "b", "B", "of b"),
            exchange(3, "a", "A", "of a"),
        )
    )
    turns = turns_of(recorded, TABLE)
    assert [[each.text for each in turn.observations] for turn in turns] == [["of a"], ["of b"], [], []]


async def test_a_program_may_give_calls_other_ids() -> None:
    from pydantic_ai.messages import ToolReturnPart

    prompt = ModelRequest([UserPromptPart("a")])
    asked = ModelResponse(
        [ToolCallPart("Read", {"n": 1}, "call_1"), ToolCallPart("Read", {"n": 2}, "call_2")]
    )
    again = ModelResponse([ToolCallPart("Read", {"n": 1}, "call1"), ToolCallPart("Read", {"n": 2}, "call2")])
    results = ModelRequest([ToolReturnPart("Read", "two", "call2"), ToolReturnPart("Read", "one", "call1")])
    said = ModelResponse([TextPart("end")])
    recorded = Recorded(
        (
            Exchange("chat", "m", (prompt,), asked, has_tools=True),
            Exchange("chat", "m", (prompt, again, results), said, started_s=1, has_tools=True),
        )
    )
    turn, _ = turns_of(recorded, TABLE)
    assert [(call.id, seen.text) for call, seen in zip(turn.tool_calls, turn.observations, strict=True)] == [
        ("call_1", "one"),
        ("call_2", "two"),
    ]


@pytest.mark.parametrize("ending", [None, ModelResponse([])])
async def test_a_result_counts_that_no_words_came_after(ending: ModelResponse | None) -> None:
    """The request that brings it was refused, or its answer was empty."""
    from pydantic_ai.messages import ToolReturnPart

    prompt, asked = ModelRequest([UserPromptPart("a")]), ModelResponse([ToolCallPart("Read", {}, "c")])
    result = ModelRequest([ToolReturnPart("Read", "one", "c")])
    first = Exchange("chat", "m", (prompt,), asked, has_tools=True)
    last = Exchange("chat", "m", (prompt, asked, result), ending, started_s=1, has_tools=True)
    [turn] = turns_of(Recorded((first, last)), TABLE)
    assert [(each.text, each.is_error) for each in turn.observations] == [("one", False)]


async def test_a_call_nobody_answered_and_arguments_nobody_can_read_are_told_as_such(gate: Open) -> None:
    broken = FakeAnswer(tool_calls=[FakeToolCall("Read", '{"path": ')])
    async with gate([broken]) as at:
        await at.ask("chat", body_of("chat"))
        (turn,) = turns_of(await at.recorded(), TABLE)
    assert (turn.tool_calls[0].arguments, turn.tool_calls[0].raw_arguments) == ({}, '{"path": ')
    assert (turn.observations[0].is_error, turn.observations[0].text) == (True, "[the model was not told]")


async def test_a_program_without_tools_has_turns_too(gate: Open) -> None:
    async with gate([FakeAnswer("edit this"), FakeAnswer("and that"), FakeAnswer("a title")]) as at:
        body = {
            "model": "m",
            "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "go"}],
        }
        await at.ask("chat", body)
        body["messages"] += [
            {"role": "assistant", "content": "edit this"},
            {"role": "user", "content": "more"},
        ]
        await at.ask("chat", body)
        await at.ask("chat", {"model": "m", "messages": [{"role": "user", "content": "title?"}]})
        assert [turn.text for turn in turns_of(await at.recorded(), TABLE)] == ["edit this", "and that"]


async def test_everything_the_model_saw_is_there_once(gate: Open) -> None:
    async with gate([calls("Read"), FakeAnswer("Done.")]) as at:
        await agent(at, "Do the thing.", "SYSTEM TEXT", ["RESULT"])
        recorded = await at.recorded()
    text = seen_text(recorded)
    for part in ("Do the thing.", "SYSTEM TEXT", "RESULT", "Read.txt"):
        assert text.count(part) == 1
    first, second = recorded.exchanges
    assert first.messages[0] is second.messages[0]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
async def test_the_turn_after_the_last_is_told_that_it_is_over(dialect: str, *, is_stream: bool) -> None:
    session = ScriptedSession([ModelResponse([ToolCallPart("read", {"path": "a"})])])
    async with at_the_gate(session, "a/m", Held(max_steps=2)) as at:
        body = body_of(dialect, stream=is_stream)
        answers = [await at.ask(dialect, body) for _ in range(4)]
        side = await at.ask(dialect, body_of(dialect, "A title?", stream=is_stream, tools=None))
        recorded = await at.recorded()
    assert [answer.status_code for answer in answers] == [200, 200, 200, 410]
    assert "step limit reached" in answers[2].text
    assert side.status_code == 200
    assert len(session.requests) == 3
    assert (recorded.is_step_limit, recorded.failure) == (True, None)
    assert len(turns_of(recorded, TABLE)) == 2


async def test_a_program_that_ends_with_its_last_turn_met_no_limit() -> None:
    async with at_the_gate(ScriptedSession(["Done."]), "a/m", Held(max_steps=1)) as at:
        await at.ask("chat", body_of("chat"))
        assert not (await at.recorded()).is_step_limit


async def test_calls_that_are_no_turns_have_a_bound_too() -> None:
    async with at_the_gate(ScriptedSession(["x"]), "a/m", Held(max_steps=1)) as at:
        statuses = [(await at.ask("chat", body_of("chat", tools=None))).status_code for _ in range(26)]
        assert (await at.recorded()).is_step_limit
    assert statuses == [200] * 25 + [410]


async def test_an_attempt_without_an_answer_takes_no_step(gate: Open) -> None:
    async with gate([FakeAnswer("no", status=400), FakeAnswer("yes")], held=Held(max_steps=1)) as at:
        assert (await at.ask("chat", body_of("chat"))).status_code == 400
        assert "yes" in (await at.ask("chat", body_of("chat"))).text
        assert LAST_WORDS in (await at.ask("chat", body_of("chat"))).text


class Solver(Hook):
    """Answers the first turn in the model's place, and watches all."""

    def __init__(self) -> None:
        self.before: list[HookContext] = []
        self.after: list[tuple[int, str]] = []

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        self.before.append(context)
        return ModelResponse([ToolCallPart("Read", {"file_path": "x"}, "h1")]) if context.turn == 0 else None

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        self.after.append((context.turn, response.text or ""))


async def test_a_hook_answers_in_the_models_place(gate: Open, tmp_path: Path) -> None:
    hook = Solver()
    held = Held(hooks=Hooks((hook,)), prompt="Do it.", work_dir=tmp_path)
    async with gate([FakeAnswer("From the model.")], held=held) as at:
        await at.ask("chat", body_of("chat", tools=None))
        assert await agent(at, "Do it.", "S", ["contents"]) == "From the model."
        recorded = await at.recorded()
        assert at.upstream is not None
        assert len(at.upstream.requests) == 2
    turns = turns_of(recorded, TABLE)
    assert [turn.from_hook for turn in turns] == [True, False]
    assert turns[0].usage.calls == 0
    assert turns[0].observations[0].text == "contents"
    assert hook.after == [(0, ""), (1, "From the model.")]
    assert [context.turn for context in hook.before] == [0, 1]
    assert hook.before[1].prompt == "Do it."
    assert hook.before[1].work_dir == tmp_path
    assert len(hook.before[1].messages) == 3


async def test_what_cannot_be_read_passes_all_the_same(gate: Open) -> None:
    """A file of a kind nobody here knows, to a model of the same dialect, with a hook that would look."""
    hook = Solver()
    held = Held(hooks=Hooks((hook,)))
    turn = {"role": "user", "content": [{"type": "hologram", "hologram": {"x": 1}}]}
    async with gate([FakeAnswer("first"), FakeAnswer("seen")], held=held) as at:
        await at.ask("chat", body_of("chat"))
        answer = await at.ask("chat", body_of("chat", messages=[turn]))
        recorded = await at.recorded()
    assert answer.json()["choices"][0]["message"]["content"] == "first"
    assert [exchange.messages == () for exchange in recorded.exchanges] == [False, True]
    assert recorded.exchanges[1].response is not None
    assert (hook.before[1].messages, recorded.failure) == ((), None)


def test_texts_beyond_the_bound_are_shortened_and_ids_stay() -> None:
    recorder = Recorder(max_chars=1_000)
    for number in range(3):
        messages = (ModelRequest([UserPromptPart(f"{number}" * 5_000)]),)
        answer = ModelResponse([ToolCallPart("Read", {}, f"c{number}"), TextPart("y" * 5_000)])
        recorder.add(Exchange("chat", "m", messages, answer, started_s=number, has_tools=True))
    exchanges = recorder.recorded().exchanges
    assert [each.is_cut for each in exchanges] == [False, True, True]
    lengths = [len(str(each.messages[0].parts[0].content)) for each in exchanges]  # type: ignore[union-attr]
    assert lengths[0] == 5_000 > 2 * max(lengths[1:])
    assert [each.response.tool_calls[0].tool_call_id for each in exchanges if each.response] == [
        "c0",
        "c1",
        "c2",
    ]


def test_a_gateway_that_stands_keeps_nothing() -> None:
    told: list[Exchange] = []
    recorder = Recorder(is_kept=False, on_exchange=told.append)
    recorder.add(Exchange("chat", "m"))
    assert (recorder.recorded().exchanges, len(told)) == ((), 1)


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_cassette_answers_for_the_endpoint(
    gate: Open, tmp_path: Path, dialect: str, *, is_stream: bool
) -> None:
    said, used = [], []
    for mode in ("record", "replay"):
        cassette = Cassette.from_env({"SKVM_CASSETTE": str(tmp_path / "tape"), "SKVM_CASSETTE_MODE": mode})
        async with gate([FakeAnswer("On tape.", output_tokens=3)], cassette=cassette) as at:
            answer = await at.ask(dialect, body_of(dialect, stream=is_stream))
            recorded = await at.recorded()
            assert at.upstream is not None
            assert len(at.upstream.requests) == (1 if mode == "record" else 0)
            assert [call.replayed for call in at.session.calls] == [mode == "replay"]
        assert recorded.failure is None
        assert recorded.exchanges[0].response is not None
        said.append((answer.status_code, recorded.exchanges[0].response.text))
        used.append(recorded.usage.model_copy(update={"cost_usd": None}))
    assert said[0] == said[1] == (200, "On tape.")
    assert used[0] == used[1]
    assert CallScope("t") == at.session.scope
