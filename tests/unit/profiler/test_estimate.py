"""Estimates: ranges that hold what a measurement then takes, and no figure out of the air."""

from __future__ import annotations

import pytest

from skvm.profiler.estimate import estimate, runs_range
from skvm.profiler.ladder import FixedDesign, SequentialDesign
from skvm.profiler.plan import Plan, Request
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import LevelResult, PrimitiveDetail, Profile, TokenUsage

NAMES = ("follow.format", "reason.logic")


def request(model: str = "local/m", **options: object) -> tuple[Request, Plan]:
    asked = tuple(PRIMITIVES.get(name) for name in NAMES)
    return Request(model, "shell-agent", asked, **options), Plan(None, None, (), asked, {}, {})  # type: ignore[arg-type]


def profile(model: str, runs: int, *, harness: str = "shell-agent") -> Profile:
    result = LevelResult(
        level=Level.L1, passed=True, pass_count=runs, total_count=runs, duration_ms=runs * 3000
    )
    detail = PrimitiveDetail(
        primitive_id="reason.logic",
        highest_level=Level.L1,
        level_results=(result,),
        usage=TokenUsage(input=runs * 400, output=runs * 100),
        runs=runs,
    )
    return Profile(model=model, harness=harness, profiled_at="2026-01-01T00:00:00Z", details=(detail,))


def test_the_fixed_design_is_known_exactly() -> None:
    assert runs_range(FixedDesign(3), 26) == (234, 234)


def test_the_sequential_design_costs_between_the_cheapest_and_the_dearest_target() -> None:
    low, high = runs_range(SequentialDesign(), 26)
    assert 52 <= low < high < 234


def test_the_own_runs_of_a_target_say_tokens_and_minutes() -> None:
    wanted, todo = request(design=FixedDesign(3), concurrency=2)
    found = estimate(wanted, todo, [profile("other/m", 10), profile("local/m", 10)])
    assert found.runs == (18, 18)
    assert found.tokens == (9000, 9000)
    assert found.minutes == pytest.approx((0.45, 0.45))
    assert found.basis == "its own runs"


def test_another_model_says_tokens_but_no_minutes() -> None:
    found = estimate(
        *request(design=FixedDesign(1)), [profile("other/m", 10), profile("x/y", 9, harness="sim")]
    )
    assert found.tokens == (3000, 3000)
    assert found.minutes is None
    assert found.basis == "runs of other/m"


def test_nothing_known_is_unknown() -> None:
    found = estimate(*request(), [profile("local/m", 10, harness="bare-agent")])
    assert found.tokens is None
    assert found.minutes is None
    assert "nothing" in found.basis
