"""Answers with several calls: passed on whole, or one by one to a program that takes no more."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart

from skvm.harness.gateway.contract import Held
from skvm.harness.gateway.single import MAX_KEPT, KeptCalls, wants_one_call
from skvm.harness.gateway.trajectory import turns_of
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.programs.scripted import tool_results
from skvm.harness.trajectory import ToolKind
from skvm.llm.codecs.events import decode_events
from skvm.llm.fake import FakeAnswer, FakeToolCall
from tests.unit.harness.gateway.conftest import Gate, Open, body_of
from tests.unit.harness.gateway.talking import one_at_a_time, read, with_results, with_words

pytestmark = pytest.mark.anyio

PATHS = ["a.txt", "b.txt", "c.txt"]
CALLS = [FakeToolCall("read", {"path": path}, id=f"call_{path[0]}") for path in PATHS]
WAYS = [
    pytest.param(*way, id=f"{way[0]}-{way[1][:-2]}-{'stream' if way[2] else 'whole'}")
    for way in itertools.product(("chat", "responses", "messages"), ("chat/m", "ant/m"), (False, True))
]


class Table:
    """What the program calls its tools."""

    renamed: Mapping[str, Mapping[str, str]] = {}

    def kind_of(self, name: str, arguments: Mapping[str, Any]) -> ToolKind:
        return ToolKind.READ


def model(body: dict[str, Any]) -> FakeAnswer:
    """Wants three files at once, then is done."""
    if tool_results(body):
        return FakeAnswer("Done.", input_tokens=30, output_tokens=3)
    return FakeAnswer("I read.", tool_calls=CALLS, input_tokens=20, output_tokens=9)


def asked(dialect: str, *, is_stream: bool, **members: Any) -> dict[str, Any]:
    return body_of(dialect, "Read them.", stream=is_stream, **members)


def paths_in(said: ModelResponse) -> list[Any]:
    return [call.args_as_dict()["path"] for call in said.tool_calls]


def requests_at(at: Gate) -> list[dict[str, Any]]:
    assert at.upstream is not None
    return [request.body for request in at.upstream.requests]


def results_upstream(body: Mapping[str, Any]) -> dict[str, str]:
    """What a model is told of each call, by the file the call was for."""
    calls: dict[str, str] = {}
    told: dict[str, str] = {}
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            calls[call["id"]] = call["function"]["arguments"]
        if message["role"] == "tool":
            told[message["tool_call_id"]] = message["content"]
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] == "tool_use":
                calls[block["id"]] = str(block["input"])
            elif block["type"] == "tool_result":
                text = block["content"]
                told[block["tool_use_id"]] = text if isinstance(text, str) else text[0]["text"]
    assert len(calls) == len(told)
    return {next(path for path in PATHS if path in calls[id]): text for id, text in told.items()}


def indexes_in(dialect: str, content: bytes) -> list[int]:
    """Where a stream puts each call, in the order in which they begin."""
    found: list[int] = []
    for event in decode_events(content):
        if dialect == "chat":
            deltas = [choice["delta"] for choice in event.get("choices", ())]
            calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
            found += [call["index"] for call in calls if call.get("id")]
        elif event.get("type") == "response.output_item.added" and event["item"]["type"] == "function_call":
            found.append(event["output_index"])
        elif event.get("type") == "content_block_start" and event["content_block"]["type"] == "tool_use":
            found.append(event["index"])
    return found


@pytest.mark.parametrize(("dialect", "model_id", "is_stream"), WAYS)
async def test_several_calls_pass_and_their_results_come_back_in_any_order(
    gate: Open, dialect: str, model_id: str, *, is_stream: bool
) -> None:
    body = asked(dialect, is_stream=is_stream)
    async with gate(model, model_id) as at:
        answer = await at.ask(dialect, body)
        said = read(dialect, answer)
        assert paths_in(said) == PATHS
        ids = [call.tool_call_id for call in said.tool_calls]
        assert len(set(ids)) == 3
        if is_stream:
            begun = indexes_in(dialect, answer.content)
            # A text comes first where it has a place among the calls.
            assert begun == [0, 1, 2] if dialect == "chat" else [1, 2, 3]
        results = [(id, f"text of {path}") for id, path in zip(ids, PATHS, strict=True)]
        shuffled = [results[1], results[2], results[0]]
        assert (
            read(dialect, await at.ask(dialect, with_results(dialect, body, said, shuffled))).text == "Done."
        )
        _, second = requests_at(at)
        turns = turns_of(await at.recorded(), Table())
    assert results_upstream(second) == {path: f"text of {path}" for path in PATHS}
    assert [each.text for each in turns[0].observations] == [f"text of {path}" for path in PATHS]
    assert [turn.is_kept_back for turn in turns] == [False, False]


@pytest.mark.parametrize(("dialect", "model_id", "is_stream"), WAYS)
@pytest.mark.parametrize("is_told", [True, False], ids=["says-so", "is-known"])
async def test_a_program_that_takes_one_call_gets_one_after_the_other(
    gate: Open, dialect: str, model_id: str, *, is_stream: bool, is_told: bool
) -> None:
    body = asked(dialect, is_stream=is_stream, **(one_at_a_time(dialect) if is_told else {}))
    async with gate(model, model_id, held=Held(one_call=not is_told)) as at:
        ids: list[str] = []
        for path in PATHS:
            answer = await at.ask(dialect, body)
            said = read(dialect, answer)
            assert paths_in(said) == [path]
            assert said.finish_reason == "tool_call"
            assert said.text == ("I read." if path == "a.txt" else None)
            assert len(requests_at(at)) == 1
            [id] = [call.tool_call_id for call in said.tool_calls]
            ids.append(id)
            body = with_results(dialect, body, said, [(id, f"text of {path}")])
        assert len(set(ids)) == 3
        assert read(dialect, await at.ask(dialect, body)).text == "Done."
        _, second = requests_at(at)
        recorded = await at.recorded()
    assert results_upstream(second) == {path: f"text of {path}" for path in PATHS}
    turns = turns_of(recorded, Table())
    assert [turn.is_kept_back for turn in turns] == [False, True, True, False]
    assert [turn.usage.calls for turn in turns] == [1, 0, 0, 1]
    assert [turn.usage.total_tokens for turn in turns] == [29, 0, 0, 33]
    assert (recorded.usage.calls, recorded.usage.total_tokens) == (2, 62)
    seen = [each.text for turn in turns for each in turn.observations]
    assert seen == [f"text of {path}" for path in PATHS]
    assert not any(turn.from_hook for turn in turns)


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("how", ["words", "other", "no result", "two", "again", "several at once"])
async def test_what_was_kept_is_let_go_of_where_something_else_comes(
    gate: Open, dialect: str, how: str
) -> None:
    body = asked(dialect, is_stream=False, **one_at_a_time(dialect))
    async with gate([FakeAnswer(tool_calls=CALLS), FakeAnswer("Asked anew.")], "chat/m") as at:
        said = read(dialect, await at.ask(dialect, body))
        [id] = [call.tool_call_id for call in said.tool_calls]
        told = with_results(dialect, body, said, [(id, "text")])
        other = ModelResponse([ToolCallPart("read", {"path": "x.txt"}, "call_x")])
        following = {
            "words": with_words(dialect, told, "Stop that."),
            "other": with_results(dialect, body, other, [("call_x", "text")]),
            "no result": with_words(dialect, body, "Are you there?"),
            "two": with_results(dialect, told, other, [("call_x", "text")]),
            "again": body,
            "several at once": {
                name: value for name, value in told.items() if name not in one_at_a_time(dialect)
            },
        }[how]
        assert read(dialect, await at.ask(dialect, following)).text == "Asked anew."
        # Nor is it given to whoever comes back to it.
        assert read(dialect, await at.ask(dialect, told)).text == "Asked anew."
        assert len(requests_at(at)) == 3


async def test_a_program_that_names_calls_itself_gets_the_others_too(gate: Open) -> None:
    body = asked("chat", is_stream=False, parallel_tool_calls=False)
    async with gate(model, "chat/m") as at:
        said = read("chat", await at.ask("chat", body))
        renamed = ModelResponse([ToolCallPart("read", said.tool_calls[0].args, "mine_1")])
        following = with_results("chat", body, renamed, [("mine_1", "text")])
        assert paths_in(read("chat", await at.ask("chat", following))) == ["b.txt"]


async def test_conversations_at_one_door_do_not_take_each_others_calls(gate: Open) -> None:
    """Also where an endpoint numbers the calls of every answer alike."""

    def numbered(body: dict[str, Any]) -> FakeAnswer:
        name = str(body["messages"][1]["content"])
        calls = [
            FakeToolCall("read", {"path": f"{name}{number}"}, id=f"call_{number}") for number in range(3)
        ]
        return FakeAnswer("Done.") if len(body["messages"]) > 2 else FakeAnswer(tool_calls=calls)

    async with gate(numbered, "chat/m") as at:
        bodies = {name: body_of("chat", name, parallel_tool_calls=False) for name in ("one", "two")}
        for number in range(3):
            for name in ("one", "two"):
                said = read("chat", await at.ask("chat", bodies[name]))
                assert paths_in(said) == [f"{name}{number}"]
                [call] = said.tool_calls
                bodies[name] = with_results("chat", bodies[name], said, [(call.tool_call_id, "text")])
        assert len(requests_at(at)) == 2


@pytest.mark.parametrize(("dialect", "model_id"), [("chat", "chat/m"), ("messages", "ant/m")])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_one_call_passes_byte_for_byte_where_no_more_are_taken(
    gate: Open, dialect: str, model_id: str, *, is_stream: bool
) -> None:
    answers = [FakeAnswer("I read.", tool_calls=CALLS[:1])]
    told: list[bytes] = []
    for members in ({}, one_at_a_time(dialect)):
        async with gate(answers, model_id) as at:
            told.append((await at.ask(dialect, asked(dialect, is_stream=is_stream, **members))).content)
    assert told[0] == told[1]


async def test_an_answer_that_was_cut_keeps_nothing(gate: Open) -> None:
    raw = (
        b'{"choices":[{"index":0,"finish_reason":"length","message":{"role":"assistant","content":null,'
        b'"tool_calls":[{"id":"1","type":"function","function":{"name":"read","arguments":"{\\"path\\":\\"a\\"}"}},'
        b'{"id":"2","type":"function","function":{"name":"read","arguments":"{\\"pa"}}]}}]}'
    )
    body = asked("chat", is_stream=False, parallel_tool_calls=False)
    async with gate([FakeAnswer(raw_body=raw), FakeAnswer("Anew.")], "chat/m") as at:
        said = read("chat", await at.ask("chat", body))
        assert paths_in(said) == ["a"]
        following = with_results("chat", body, said, [("1", "text")])
        assert read("chat", await at.ask("chat", following)).text == "Anew."


class Answers(Hook):
    """Answers in the model's place in one turn, and sees all."""

    def __init__(self, turn: int) -> None:
        self.turn, self.asked, self.seen = turn, list[int](), list[list[Any]]()

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        self.asked.append(context.turn)
        if context.turn != self.turn:
            return None
        return ModelResponse([ToolCallPart("read", {"path": "hook.txt"}, "call_hook")])

    async def after_model(self, context: HookContext, response: ModelResponse) -> None:
        self.seen.append(paths_in(response))


async def test_hooks_are_asked_before_what_was_kept_is_given(gate: Open) -> None:
    hook = Answers(turn=1)
    body = asked("chat", is_stream=False, parallel_tool_calls=False)
    async with gate(model, "chat/m", held=Held(hooks=Hooks((hook,)))) as at:
        for expected in (["a.txt"], ["hook.txt"]):
            said = read("chat", await at.ask("chat", body))
            assert paths_in(said) == expected
            body = with_results("chat", body, said, [(said.tool_calls[0].tool_call_id, "text")])
        # The hook has changed what there is to do.
        assert read("chat", await at.ask("chat", body)).text == "Done."
        await at.recorded()
    assert hook.asked == [0, 1, 2]
    assert hook.seen == [["a.txt"], ["hook.txt"], []]


async def test_hooks_see_every_call_that_was_kept(gate: Open) -> None:
    hook = Answers(turn=-1)
    body = asked("chat", is_stream=False, parallel_tool_calls=False)
    async with gate(model, "chat/m", held=Held(hooks=Hooks((hook,)))) as at:
        for _ in PATHS:
            said = read("chat", await at.ask("chat", body))
            body = with_results("chat", body, said, [(said.tool_calls[0].tool_call_id, "text")])
        await at.recorded()
    assert hook.asked == [0, 1, 2]
    assert hook.seen == [[path] for path in PATHS]


async def test_every_call_that_was_kept_is_a_step(gate: Open) -> None:
    body = asked("chat", is_stream=False, parallel_tool_calls=False)
    async with gate(model, "chat/m", held=Held(max_steps=2)) as at:
        for _ in range(2):
            said = read("chat", await at.ask("chat", body))
            body = with_results("chat", body, said, [(said.tool_calls[0].tool_call_id, "text")])
        assert not read("chat", await at.ask("chat", body)).tool_calls
        assert (await at.recorded()).is_step_limit


def test_who_takes_one_call_is_read_off_the_request() -> None:
    tools = [{"name": "read"}]
    assert wants_one_call("chat", {"tools": tools, "parallel_tool_calls": False})
    assert wants_one_call("responses", {"tools": tools, "parallel_tool_calls": False})
    assert wants_one_call("messages", {"tools": tools, "tool_choice": {"disable_parallel_tool_use": True}})
    for body in ({}, {"parallel_tool_calls": True}, {"parallel_tool_calls": None}, {"tool_choice": "auto"}):
        for dialect in ("chat", "responses", "messages"):
            assert not wants_one_call(dialect, {"tools": tools, **body})
    assert not wants_one_call("chat", {"parallel_tool_calls": False})


def test_signed_thinking_goes_with_every_call() -> None:
    thinking = ThinkingPart("Hm.", signature="s", provider_name="anthropic")
    calls = [ToolCallPart("read", {"path": path}, path) for path in PATHS]
    response = ModelResponse([thinking, ThinkingPart("aloud"), TextPart("I read."), *calls])
    kept = KeptCalls()
    first = kept.first_of(response, ())
    assert first.parts == [*response.parts[:3], calls[0]]
    following = kept._kept[0].left
    assert [answer.parts for answer in following] == [[thinking, calls[1]], [thinking, calls[2]]]


def test_only_so_much_is_kept() -> None:
    calls = [ToolCallPart("read", {"path": path}, path) for path in PATHS]
    kept = KeptCalls()
    for _ in range(3 * MAX_KEPT):
        kept.first_of(ModelResponse(calls), ())
    assert len(kept._kept) == MAX_KEPT
