"""Reading what the client wrote down, and writing it down within a bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skvm.evidence.record import Usage
from skvm.harness.acp.events import Report, ToolEvent, read_report, told_of
from skvm.harness.acp.inside.events import MAX_TEXT_CHARS, say, shortened


def updates(*listed: dict[str, Any]) -> Report:
    report = Report()
    for each in listed:
        report.take({"event": "update", "update": each})
    return report


def text(said: str, **fields: Any) -> dict[str, Any]:
    content = {"type": "text", "text": said}
    return {"sessionUpdate": "agent_message_chunk", "content": content, **fields}


def test_a_tool_call_is_put_together_of_its_updates() -> None:
    call = {"sessionUpdate": "tool_call", "toolCallId": "t1", "title": "cat", "kind": "execute"}
    done = {"sessionUpdate": "tool_call_update", "toolCallId": "t1", "status": "completed"}
    report = updates(
        text("I begin."),
        {**call, "status": "pending", "locations": [{"path": "/w/a"}, 3]},
        done,
        text("Done."),
    )
    assert list(report.tools.values()) == [ToolEvent("t1", "cat", "execute", "completed", ("/w/a",))]
    assert report.final_text == "Done."


def test_usage_is_summed_where_messages_tell_it() -> None:
    counted = {"inputTokens": 107, "outputTokens": 20, "totalTokens": 127, "cachedReadTokens": 7}
    report = updates(text("a", _meta={"usage": counted}), text("b", _meta={"usage": counted}))
    assert report.usage == Usage(input_tokens=200, output_tokens=40, cache_read_tokens=14, cost_usd=None)


@pytest.mark.parametrize(
    ("result", "usage"),
    [
        ({}, None),
        ({"usage": 7}, None),
        (
            {"usage": {"inputTokens": 30, "outputTokens": 5, "cachedReadTokens": 10, "totalTokens": 45}},
            (30, 10, 5),
        ),
        (
            {"usage": {"inputTokens": 30, "outputTokens": 5, "cachedReadTokens": 10, "totalTokens": 35}},
            (20, 10, 5),
        ),
        ({"usage": {"inputTokens": -3, "outputTokens": "much"}}, (0, 0, 0)),
        ({"_meta": {"quota": {"token_count": {"input_tokens": 4, "output_tokens": 2}}}}, (4, 0, 2)),
    ],
)
def test_usage_of_the_turn_is_read_however_it_is_written(result: dict[str, Any], usage: Any) -> None:
    report = Report()
    report.take({"event": "end", "result": {"stopReason": "end_turn", **result}})
    found = report.usage
    seen = (found.input_tokens, found.cache_read_tokens, found.output_tokens) if found else None
    assert seen == usage


def test_an_event_of_any_shape_does_no_harm(tmp_path: Path) -> None:
    shapes: list[Any] = [None, 3, "x", [], {}, {"sessionUpdate": []}, {"sessionUpdate": "tool_call"}]
    kinds = ["update", "asked", "failed", "gone", "end", "deadline", None, 7]
    path = tmp_path / "stdout"
    names = ("update", "result", "data", "step", "message", "method", "exitCode", "code")
    lines = [json.dumps({"event": kind, **dict.fromkeys(names, shape)}) for kind in kinds for shape in shapes]
    path.write_text("\n".join([*lines, "no event", "[1]", '{"event": "upd']))
    assert told_of(read_report(path)).error is not None


def test_what_is_written_is_short_whatever_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = {"a": [deep]}
    say("update", update={"long": "y" * (3 << 20), "many": list(range(100_000)), "deep": deep, "ü": None})
    line = capsys.readouterr().out
    assert len(line) < 2 * MAX_TEXT_CHARS
    found = json.loads(line)
    assert found["event"] == "update"
    assert found["update"]["ü"] is None
    assert found["update"]["long"].startswith("yyy")
    assert shortened({"a": [1, 2.5, True, "b"]}) == {"a": [1, 2.5, True, "b"]}
