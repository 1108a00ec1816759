"""A timeline in the trace event format, which ``chrome://tracing`` and Perfetto open.

Nodes are complete events on one thread for each row, dependencies are flow arrows, how many run and wait at
once are counters, and what never began and where a run was cut short are instants.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from skvm.runtime.plan.tracing.model import Bar, BarState, Leg, Timeline

__all__ = ["chrome_json", "chrome_trace"]

_PID = 1
_ASIDE = 0
"""The thread of what has no row."""
_COLOURS = {
    BarState.FAILED: "terrible",
    BarState.UNCERTAIN: "bad",
    BarState.CUT_SHORT: "bad",
    BarState.RUNNING: "yellow",
}
"""Names of the format's own colours; what is done is coloured by name."""
_TITLE_CHARS = 80
_TEXT_BUDGET, _TEXT_LIMITS = 4_000_000, (200, 2_000)
"""Characters of output in a trace, all nodes together; of one node at least and at most."""


def chrome_trace(timeline: Timeline) -> dict[str, Any]:
    """The trace as a JSON value."""
    started = timeline.started
    return {
        "traceEvents": list(_events(timeline)),
        "displayTimeUnit": "ms",
        "otherData": {
            "planRun": _plain(timeline.plan_run),
            "skill": _plain(started.skill),
            "skillDigest": started.skill_digest,
            "model": _plain(started.model),
            "harness": _plain(started.harness),
            "arm": started.arm,
            "startedAt": started.started_at.isoformat(),
            "ended": timeline.ending,
            "wallS": round(timeline.wall_s, 6),
            "workS": round(timeline.work_s, 6),
        },
    }


def chrome_json(timeline: Timeline) -> bytes:
    """The trace as a file: one event a line."""
    trace = chrome_trace(timeline)
    lines = ",\n".join(_packed(event) for event in trace.pop("traceEvents"))
    rest = _packed(trace)
    return f'{{"traceEvents":[\n{lines}\n],{rest[1:]}\n'.encode()


def _packed(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _events(timeline: Timeline) -> Iterator[dict[str, Any]]:
    yield _metadata("process_name", _ASIDE, name=f"plan of {_plain(timeline.started.skill)}")
    yield _metadata("thread_name", _ASIDE, name="the run")
    yield _metadata("thread_sort_index", _ASIDE, sort_index=_ASIDE)
    for lane in range(timeline.lanes):
        yield _metadata("thread_name", lane + 1, name=f"row {lane + 1}")
        yield _metadata("thread_sort_index", lane + 1, sort_index=lane + 1)
    for leg in timeline.legs:
        yield from _leg(leg)
    critical = {link.node for link in timeline.critical}
    texts = sum(bool(bar.record and bar.record.text) for bar in timeline.bars)
    shortest, longest = _TEXT_LIMITS
    chars = max(shortest, min(longest, _TEXT_BUDGET // max(1, texts)))
    for bar in timeline.bars:
        args = _args(bar, chars)
        yield _instant(bar, args) if bar.started_s is None else _complete(bar, args, bar.node in critical)
    yield from _flows(timeline)
    for name, levels in (("running", timeline.running), ("waiting for a place", timeline.waiting)):
        if levels:
            yield _counter(name, 0.0, 0)
        for moment_s, level in levels:
            yield _counter(name, moment_s, level)


def _metadata(what: str, thread: int, **values: str | int) -> dict[str, Any]:
    return {"name": what, "ph": "M", "ts": 0, "pid": _PID, "tid": thread, "args": values}


def _leg(leg: Leg) -> Iterator[dict[str, Any]]:
    if leg.number > 1:
        pause = {"idleS": round(leg.idle_s, 3)}
        yield _mark("taken up again", "run", leg.begins_s, pause, scope="p")
    if leg.is_interrupted:
        yield _mark("interrupted", "run", leg.ends_s, {}, scope="p")


def _instant(bar: Bar, args: dict[str, Any]) -> dict[str, Any]:
    return _mark(f"{bar.state}: {_name(bar)}", f"node,{bar.state}", bar.ended_s, args, scope="t")


def _mark(name: str, kind: str, moment_s: float, args: dict[str, Any], *, scope: str) -> dict[str, Any]:
    event = {"name": name, "cat": kind, "ph": "i", "s": scope, "ts": _us(moment_s)}
    return {**event, "pid": _PID, "tid": _ASIDE, "args": args}


def _complete(bar: Bar, args: dict[str, Any], is_critical: bool) -> dict[str, Any]:
    kinds = ["node", bar.state.value.replace(" ", "_")]
    kinds += ["map"] if bar.is_map else []
    kinds += ["critical"] if is_critical and not bar.is_superseded else []
    event = {
        "name": _name(bar),
        "cat": ",".join(kinds),
        "ph": "X",
        "ts": _us(bar.started_s or 0.0),
        "dur": round(_us(bar.ended_s) - _us(bar.started_s or 0.0), 3),
        "pid": _PID,
        "tid": (bar.lane or 0) + 1,
    }
    if bar.state in _COLOURS:
        event["cname"] = _COLOURS[bar.state]
    return {**event, "args": args}


def _args(bar: Bar, text_chars: int) -> dict[str, Any]:
    record = bar.record
    args: dict[str, Any] = {"node": _plain(bar.node), "state": bar.state.value}
    if bar.started_s is not None:
        args["waitedS"] = round(bar.waited_s, 6)
    if bar.attempt > 1:
        args["attempt"] = bar.attempt
    if record is None:
        return args
    args |= {"after": [_plain(node) for node in record.after]} if record.after else {}
    args |= {"needs": [_plain(need) for need in record.needs]} if record.needs else {}
    args |= {"group": _plain(record.group)} if record.group else {}
    args |= {"itemOf": _plain(record.parent)} if record.parent else {}
    args |= {"reason": _plain(record.reason)} if record.reason else {}
    args |= {"exitCode": record.exit_code} if record.exit_code is not None else {}
    args |= {"text": _plain(record.text)[:text_chars]} if record.text else {}
    args |= {"files": [_plain(path) for path in record.digests]} if record.digests else {}
    return args | ({"tokens": record.usage.total_tokens} if record.usage.calls else {})


def _flows(timeline: Timeline) -> Iterator[dict[str, Any]]:
    """An arrow for each dependency, from just before the end of one to the beginning of the other."""
    last = {bar.node: bar for bar in timeline.bars if bar.started_s is not None and not bar.is_superseded}
    number = 0
    for bar in last.values():
        for node in bar.after:
            before = last.get(node)
            if before is None or before.started_s is None or bar.started_s is None:
                continue
            if before.ended_s > bar.started_s:
                continue
            number += 1
            common = {"name": "then", "cat": "dependency", "id": number, "pid": _PID}
            # An event binds to what is under way at its time: the end itself is not.
            leaves_us = max(_us(before.started_s), round(_us(before.ended_s) - 0.001, 3))
            yield {**common, "ph": "s", "ts": leaves_us, "tid": (before.lane or 0) + 1}
            yield {**common, "ph": "f", "bp": "e", "ts": _us(bar.started_s), "tid": (bar.lane or 0) + 1}


def _counter(name: str, moment_s: float, level: int) -> dict[str, Any]:
    return {"name": name, "ph": "C", "ts": _us(moment_s), "pid": _PID, "tid": _ASIDE, "args": {name: level}}


def _us(seconds: float) -> float:
    return round(seconds * 1e6, 3)


def _name(bar: Bar) -> str:
    title = " ".join(_plain(bar.title).split())
    shown = title if len(title) <= _TITLE_CHARS else f"{title[: _TITLE_CHARS - 1]}…"
    return shown if shown.startswith(bar.node) else f"{_plain(bar.node)} {shown}"


def _plain(text: str) -> str:
    """Text without halves of a surrogate pair, which a reader of JSON may refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")
