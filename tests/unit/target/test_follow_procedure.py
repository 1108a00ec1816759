"""Procedures: the loop decides, the end is computed, a fence is no line and a sentence is one."""

from __future__ import annotations

import pytest

from skvm.target.contract import Answer, Level
from skvm.target.loops import MAX_ROUNDS, MIN_ROUNDS
from skvm.target.primitives.follow_procedure import FOLLOW_PROCEDURE
from tests.unit.target import works

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_steps_are_as_many_as_claimed() -> None:
    counts = set()
    for seed in range(100):
        assert "\n3. " in FOLLOW_PROCEDURE.probe(Level.L1, seed).prompt
        assert "\n4. " not in FOLLOW_PROCEDURE.probe(Level.L1, seed).prompt
        counts.add(len(FOLLOW_PROCEDURE.probe(Level.L2, seed).secret["expected"]))
    assert counts == {5, 6, 7}


def test_rounds_and_the_check_are_not_in_the_prompt() -> None:
    ends, checks = set(), set()
    for seed in range(100):
        probe = FOLLOW_PROCEDURE.probe(Level.L3, seed)
        *lines, rounds, check = probe.secret["expected"]
        assert MIN_ROUNDS <= len(lines) <= MAX_ROUNDS
        assert rounds not in probe.prompt
        word, margin = check.split()
        assert int(margin) > 0
        assert f"`{word} d`" in probe.prompt
        ends.add(len(lines))
        checks.add(probe.prompt.index(f"`{word} d`") > probe.prompt.index("otherwise write"))
    assert len(ends) >= 3
    assert checks == {True, False}


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
async def test_prose_beside_the_lines_fails_where_only_lines_are_asked_for(level: Level) -> None:
    for seed in range(10):
        probe = FOLLOW_PROCEDURE.probe(level, seed)
        text = probe.reference.response
        for said in (f"Step by step:\n{text}", f"{text}\nThat is all."):
            assert not (await works.graded(FOLLOW_PROCEDURE, level, probe, Answer(said))).passed
        fenced = Answer(f"```text\n{text}\n```")
        assert (await works.graded(FOLLOW_PROCEDURE, level, probe, fenced)).passed


async def test_work_may_stand_before_the_lines_of_a_loop_but_not_after() -> None:
    probe = FOLLOW_PROCEDURE.probe(Level.L3, 0)
    text = probe.reference.response
    for said, passed in ((f"First I divide.\n\n{text}", True), (f"{text}\nSo 1 is left.", False)):
        assert (await works.graded(FOLLOW_PROCEDURE, Level.L3, probe, Answer(said))).passed is passed


async def test_each_line_of_a_step_may_have_its_number() -> None:
    probe = FOLLOW_PROCEDURE.probe(Level.L2, 501)
    lines = probe.secret["expected"]
    for before in ("{}. ", "{}: ", "Step {}: "):
        said = "\n".join(before.format(n) + line for n, line in enumerate(lines, start=1))
        assert (await works.graded(FOLLOW_PROCEDURE, Level.L2, probe, Answer(said))).passed
    shifted = "\n".join(f"{n}. {line}" for n, line in enumerate(lines, start=2))
    assert not (await works.graded(FOLLOW_PROCEDURE, Level.L2, probe, Answer(shifted))).passed
