"""What the form that was asked for is, and what is beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from skvm.target.contract import Answer, Level
from skvm.target.primitives.follow_format import FOLLOW_FORMAT
from skvm.target.reports import NOTE_ROOM_BYTES, Report, judge_report
from tests.unit.target import works

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def report(**changes: object) -> Report:
    probe = FOLLOW_FORMAT.probe(Level.L3, 0)
    return replace(Report.from_json(probe.secret["report"]), **changes)  # type: ignore[arg-type]


def test_every_schema_is_another() -> None:
    keys = set()
    for seed in range(100):
        expected = FOLLOW_FORMAT.probe(Level.L2, seed).secret["expected"]
        assert len(expected) == 7
        assert any(isinstance(value, dict) for value in expected.values())
        keys.add(frozenset(expected))
    assert len(keys) >= 90


async def test_a_key_that_stands_twice_is_no_object() -> None:
    probe = FOLLOW_FORMAT.probe(Level.L2, 1)
    text = probe.reference.response
    key = next(iter(json.loads(text)))
    twice = Answer(f'{{"{key}": 1, {text[1:]}')
    assert not (await works.graded(FOLLOW_FORMAT, Level.L2, probe, twice)).passed
    assert (await works.graded(FOLLOW_FORMAT, Level.L2, probe, Answer(text))).passed


@pytest.mark.parametrize("is_forward", [True, False])
def test_nested_keys_have_an_order_too(is_forward: bool) -> None:
    asked = report(is_forward=is_forward)
    value = json.loads(asked.text)
    place = asked.key("place")
    for row in value[asked.key("rows")]:
        row[place] = dict(reversed(row[place].items()))
    assert judge_report(asked, asked.text) is None
    assert "order" in str(judge_report(asked, asked.dump(value)))


def test_the_limit_counts_bytes_and_its_edge_is_inside() -> None:
    asked = report()
    full = "one two three " + "é" * ((NOTE_ROOM_BYTES - 14) // 2)
    assert len(asked.with_note(full).encode()) == asked.max_bytes
    assert judge_report(asked, asked.with_note(full)) is None
    assert "bytes" in str(judge_report(asked, asked.with_note(full + "x")))


def test_a_space_outside_of_the_strings_is_seen() -> None:
    asked = report(layout="compact")
    assert "white space" in str(judge_report(asked, asked.text.replace(",", ", ", 1)))
    assert judge_report(asked, asked.with_note("a, b, c, d: e")) is None


async def test_backticks_around_a_single_line_are_a_fence() -> None:
    probes = [FOLLOW_FORMAT.probe(Level.L1, seed) for seed in range(60)]
    single = next(probe for probe in probes if probe.secret["kind"] == "semicolons")
    line = single.reference.response
    for said, is_right in ((f"`{line}`", True), (f"`{line}", False), (f"`{line}` is it", False)):
        assert (await works.graded(FOLLOW_FORMAT, Level.L1, single, Answer(said))).passed is is_right
