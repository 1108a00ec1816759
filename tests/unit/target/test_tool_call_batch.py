"""``tool.call.batch``: whether calls came together is seen in the turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import LEVELS, PRIMITIVES, Act, Level
from tests.unit.target import works

BATCH = PRIMITIVES.get("tool.call.batch")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_right_results_of_calls_one_after_another_fail() -> None:
    for level in LEVELS:
        probe = BATCH.probe(level, 0)
        turns = [(act,) for acts in probe.reference.turns for act in acts]
        verdict = await works.graded(BATCH, level, probe, replace(probe.reference, turns=turns))
        assert not verdict.passed
        assert "one turn" in verdict.reason


async def test_one_command_that_reads_everything_is_one_call() -> None:
    for level in (Level.L1, Level.L2):
        probe = BATCH.probe(level, 0)
        command = "cat " + " ".join(probe.files)
        act = Act(ToolKind.RUN, {"command": command}, output="".join(probe.files.values()))
        verdict = await works.graded(BATCH, level, probe, replace(probe.reference, turns=((act,),)))
        assert not verdict.passed


async def test_calls_beside_one_that_reads_everything_give_no_file_a_call_of_its_own() -> None:
    probe = BATCH.probe(Level.L2, 0)
    whole = Act(
        ToolKind.RUN, {"command": "cat " + " ".join(probe.files)}, output="".join(probe.files.values())
    )
    first = probe.reference.turns[0][0]
    lumped = replace(probe.reference, turns=((whole, *[first] * 4),))
    overlapping = replace(probe.reference, turns=((whole, *probe.reference.turns[0][1:]),))
    assert not (await works.graded(BATCH, Level.L2, probe, lumped)).passed
    assert (await works.graded(BATCH, Level.L2, probe, overlapping)).passed


async def test_a_word_beside_a_code_is_no_harm() -> None:
    probe = BATCH.probe(Level.L1, 0)
    said = {path: text.strip() for path, text in probe.files.items()}
    for form, passes in (("{0}: code {1}", True), ("{0}: <{1}>", True), ("{0}: {1} or 00000000", False)):
        response = "\n".join(form.format(*pair) for pair in said.items())
        verdict = await works.graded(BATCH, Level.L1, probe, replace(probe.reference, response=response))
        assert verdict.passed is passes, form


async def test_a_batch_that_failed_is_none() -> None:
    probe = BATCH.probe(Level.L1, 0)
    turns = [[replace(act, is_error=True, output="no such tool") for act in probe.reference.turns[0]]]
    assert not (await works.graded(BATCH, Level.L1, probe, replace(probe.reference, turns=turns))).passed


async def test_a_second_wave_may_not_come_before_the_first() -> None:
    probe = BATCH.probe(Level.L3, 0)
    turns = tuple(reversed(probe.reference.turns))
    assert not (await works.graded(BATCH, Level.L3, probe, replace(probe.reference, turns=turns))).passed
