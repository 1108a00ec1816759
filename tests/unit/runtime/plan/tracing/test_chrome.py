"""The trace event format: fields each kind of event must have, and arrows that find their ends."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from skvm.runtime.plan.tracing.chrome import chrome_json, chrome_trace
from skvm.runtime.plan.tracing.timeline import LegRecords, timeline_of
from tests.unit.runtime.plan.tracing.legs import begun, diamond, ended, finished, runs, started

FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "X": {"name": str, "cat": str, "ts": (int, float), "dur": (int, float), "tid": int, "args": dict},
    "M": {"name": str, "tid": int, "args": dict},
    "C": {"name": str, "ts": (int, float), "args": dict},
    "i": {"name": str, "ts": (int, float), "s": str, "tid": int},
    "s": {"name": str, "cat": str, "id": int, "ts": (int, float), "tid": int},
    "f": {"name": str, "cat": str, "id": int, "ts": (int, float), "tid": int, "bp": str},
}


def check(events: list[dict[str, Any]]) -> None:
    """What the format asks of every event, and of arrows."""
    slices: dict[int, list[tuple[float, float]]] = {}
    ends: dict[int, list[str]] = {}
    for event in events:
        assert event["pid"] == 1
        for name, kind in FIELDS[event["ph"]].items():
            assert isinstance(event[name], kind), (event, name)
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 0) >= 0
        if event["ph"] == "i":
            assert event["s"] in {"g", "p", "t"}
        if event["ph"] == "C":
            assert all(isinstance(value, int) and value >= 0 for value in event["args"].values())
        if event["ph"] == "X":
            slices.setdefault(event["tid"], []).append((event["ts"], event["ts"] + event["dur"]))
    for event in events:
        if event["ph"] in "sf":
            ends.setdefault(event["id"], []).append(event["ph"])
            assert any(start <= event["ts"] <= end for start, end in slices[event["tid"]])
    assert all(found == ["s", "f"] for found in ends.values())


def test_a_diamond_has_four_slices_and_four_arrows() -> None:
    events = chrome_trace(timeline_of([diamond()]))["traceEvents"]
    check(events)
    kinds = [event["ph"] for event in events]
    assert kinds.count("X") == 4
    assert kinds.count("s") == kinds.count("f") == 4
    assert [event["args"]["running"] for event in events if event["name"] == "running"] == [0, 1, 2, 1, 0]
    two = next(event for event in events if event["name"] == "2 Step 2")
    assert (two["ts"], two["dur"], two["cat"]) == (1e6, 3e6, "node,done,critical")


@given(runs())
def test_any_run_is_a_valid_trace(records: LegRecords) -> None:
    check(chrome_trace(timeline_of([records]))["traceEvents"])


def test_interruptions_and_hostile_words_are_kept_apart_from_the_form() -> None:
    title = '"]}\ud800<script>\n\x1b[31m' + "x" * 500
    first = LegRecords(started(skill="\udfff"), begun=(begun("1", 0.0),))
    second = LegRecords(
        started(60, resumed=True),
        ended=(ended("1", 0.0, 2.0, title=title, text=title * 50), ended("2", None, 2.0, reason=title)),
        finished=finished(2.0),
    )
    data = chrome_json(timeline_of([first, second]))
    trace = json.loads(data)
    check(trace["traceEvents"])
    assert b"\\ud800" not in data
    assert b"\\udfff" not in data
    names = [event["name"] for event in trace["traceEvents"] if event["ph"] == "i"]
    assert names[:2] == ["interrupted", "taken up again"]
    assert names[2].startswith("cancelled: 2")
    assert trace["otherData"]["ended"] == "not done"
    assert data == chrome_json(timeline_of([first, second]))
