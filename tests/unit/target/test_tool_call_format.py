"""``tool.call.format``: the call itself is read, to its last value."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import LEVELS, PRIMITIVES, Act, Answer, Level, Probe
from tests.unit.target import works

CALL = PRIMITIVES.get("tool.call.format")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def called(probe: Probe, arguments: dict[str, Any]) -> Answer:
    tool = probe.secret["tool"]
    act = Act(ToolKind.OTHER, arguments, tool, probe.tools[0].answer)
    return Answer(probe.reference.response, turns=((act,),))


def depth(value: Any) -> int:
    """The most keys on the way to a leaf."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()))
    return max(map(depth, value)) if isinstance(value, list) else 0


def paths(value: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        return [(key, *rest) for key in keys for rest in paths(value[key])]
    return [()]


async def test_a_wrong_value_anywhere_fails() -> None:
    for level in LEVELS:
        probe = CALL.probe(level, 0)
        for path in paths(probe.secret["arguments"]):
            arguments = copy.deepcopy(dict(probe.secret["arguments"]))
            inner: Any = arguments
            for key in path[:-1]:
                inner = inner[key]
            value = inner[path[-1]]
            inner[path[-1]] = value + "x" if isinstance(value, str) else not value
            assert not (await works.graded(CALL, level, probe, called(probe, arguments))).passed, path


async def test_a_call_written_as_text_is_no_call() -> None:
    for level in LEVELS:
        probe = CALL.probe(level, 0)
        call = {"name": probe.secret["tool"], "arguments": probe.secret["arguments"]}
        answer = Answer(f"```json\n{json.dumps(call)}\n```\n{probe.reference.response}")
        assert not (await works.graded(CALL, level, probe, answer)).passed


async def test_the_order_of_keys_does_not_matter() -> None:
    for level in LEVELS:
        probe = CALL.probe(level, 0)
        arguments = json.loads(json.dumps(probe.secret["arguments"], sort_keys=True))
        assert (await works.graded(CALL, level, probe, called(probe, arguments))).passed


def test_levels_are_as_deep_as_they_claim() -> None:
    depths = [depth(CALL.probe(level, 0).secret["arguments"]) for level in LEVELS]
    assert depths == [1, 2, 4]


def test_deep_arguments_hold_every_kind_of_character_that_must_be_escaped() -> None:
    for seed in range(50):
        dumped = json.dumps(CALL.probe(Level.L3, seed).secret["arguments"], ensure_ascii=False)
        assert all(escape in dumped for escape in ('\\"', "\\\\", "\\n"))
