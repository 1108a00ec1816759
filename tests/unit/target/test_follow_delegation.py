"""``follow.delegation``: a value counts where code that ran showed it, and code is not always ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import LEVELS, PRIMITIVES, Act, Answer, Level, Probe
from tests.unit.target import works

DELEGATION = PRIMITIVES.get("follow.delegation")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def done(probe: Probe, turns: Sequence[Sequence[Act]], files: dict[str, str] | None = None) -> Answer:
    return replace(probe.reference, turns=turns, files=files or {})


def ran(output: str) -> Act:
    return Act(ToolKind.RUN, {"command": "python3 compute.py"}, output=output)


async def test_a_script_of_comments_that_ran_shows_nothing() -> None:
    for level in LEVELS:
        probe = DELEGATION.probe(level, 0)
        answer = done(probe, ((ran(""),),), {"compute.py": "# the computation\n"})
        verdict = await works.graded(DELEGATION, level, probe, answer)
        assert not verdict.passed
        assert "no command that was run showed it" in verdict.reason


async def test_a_script_that_was_only_written_did_not_run() -> None:
    for level in (Level.L1, Level.L2):
        probe = DELEGATION.probe(level, 0)
        content = f"print({probe.secret['expected']})\n"
        wrote = Act(ToolKind.WRITE, {"path": "compute.py", "content": content}, output=content)
        assert not (await works.graded(DELEGATION, level, probe, done(probe, ((wrote,),)))).passed


async def test_a_value_may_be_shown_with_separators_or_in_a_file_a_command_wrote() -> None:
    probe = DELEGATION.probe(Level.L2, 0)
    value = probe.secret["expected"]
    read = Act(ToolKind.READ, {"path": "out.txt"}, output=f"result: {value}.0\n")
    for turns in (((ran(f"= {value:,}\n"),),), ((ran(""),), (read,))):
        assert (await works.graded(DELEGATION, Level.L2, probe, done(probe, turns))).passed


async def test_a_value_inside_a_longer_one_is_not_shown() -> None:
    probe = DELEGATION.probe(Level.L2, 0)
    value = probe.secret["expected"]
    for output in (f"1{value}", f"{value}7", f"0.{value}", f"{value}.25"):
        assert not (await works.graded(DELEGATION, Level.L2, probe, done(probe, ((ran(output),),)))).passed


async def test_the_small_computation_counts_too() -> None:
    probe = DELEGATION.probe(Level.L3, 0)
    values = probe.secret["computed"]
    for missing in values:
        shown = "\n".join(value for value in values if value != missing)
        assert not (await works.graded(DELEGATION, Level.L3, probe, done(probe, ((ran(shown),),)))).passed
    assert (await works.graded(DELEGATION, Level.L3, probe, done(probe, ((ran("\n".join(values)),),)))).passed


def test_what_to_run_is_only_said_at_the_lowest_level() -> None:
    for seed in range(30):
        assert "python3" in DELEGATION.probe(Level.L1, seed).prompt
        for level in (Level.L2, Level.L3):
            prompt = DELEGATION.probe(level, seed).prompt.lower()
            assert not [word for word in ("python", "script", "command", ".py") if word in prompt]
