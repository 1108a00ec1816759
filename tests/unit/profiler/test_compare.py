"""Standings and contrasts: one form for every profile, and a difference only where intervals lie apart."""

from __future__ import annotations

import pytest

from skvm.profiler.compare import Verdict, compare_profiles, count_verdicts
from skvm.profiler.standing import in_order, printable, standings
from skvm.target.contract import Level
from skvm.target.profile import LevelResult, PrimitiveDetail, Profile

NAME = "gen.regex"
Seen = dict[int, tuple[int, int]]
"""Passes and probes by level."""


def profile(level: int | None, seen: Seen | None = None, **more: object) -> Profile:
    results = tuple(
        LevelResult(level=Level(f"L{at}"), passed=passes > asked / 2, pass_count=passes, total_count=asked)
        for at, (passes, asked) in (seen or {}).items()
    )
    held = Level(f"L{level}") if level is not None else None
    return Profile(
        model="m",
        harness="h",
        profiled_at="2026-01-01T00:00:00Z",
        capabilities={NAME: held} if held else {},
        details=(PrimitiveDetail(primitive_id=NAME, highest_level=held, level_results=results),)
        if held and seen
        else (),
        **more,
    )


@pytest.mark.parametrize(
    ("first", "second", "verdict", "deciding"),
    [
        # Three probes a level: all against none is still luck.
        (profile(3, {2: (3, 3), 3: (3, 3)}), profile(2, {3: (0, 3)}), Verdict.NOT_TOLD_APART, "L3"),
        (profile(3, {3: (10, 10)}), profile(2, {3: (1, 10)}), Verdict.DIFFER, "L3"),
        (profile(0, {1: (1, 10)}), profile(2, {1: (10, 10), 2: (10, 10)}), Verdict.DIFFER, "L1"),
        # L2 was not asked of the first: that it does the harder L3 says enough, and the other way round.
        (profile(3, {3: (10, 10)}), profile(1, {2: (0, 10)}), Verdict.DIFFER, "L2"),
        (profile(1, {1: (10, 10)}), profile(3, {2: (9, 10)}), Verdict.NOT_TOLD_APART, "L2"),
        # An easier level that is held says nothing of the deciding one.
        (profile(3, {1: (10, 10)}), profile(1, {2: (0, 10)}), Verdict.NOT_TOLD_APART, "L2"),
        (profile(3), profile(0), Verdict.NOT_TOLD_APART, "L1"),
        (profile(2, {3: (0, 30)}), profile(2, {3: (15, 30)}), Verdict.SAME, None),
        (profile(None), profile(0, {1: (0, 30)}), Verdict.UNMEASURED, None),
    ],
)
def test_only_intervals_that_lie_apart_make_a_difference(
    first: Profile, second: Profile, verdict: Verdict, deciding: str | None
) -> None:
    for one, other in ((first, second), (second, first)):
        (only,) = compare_profiles(one, other)
        assert only.verdict is verdict
        assert (only.deciding and only.deciding.value) == deciding
        assert count_verdicts((only,)) == {each: int(each is verdict) for each in Verdict}


def test_a_stored_interval_is_taken_and_a_missing_one_worked_out() -> None:
    foreign = standings(profile(1, {1: (3, 3)}))[NAME].evidence[Level.L1]
    assert foreign.is_computed
    assert foreign.interval == pytest.approx((0.2924, 1.0), abs=1e-4)
    stored = LevelResult(level=Level.L1, passed=True, pass_count=3, total_count=3, interval=(0.4, 0.9))
    detail = PrimitiveDetail(primitive_id=NAME, highest_level=Level.L1, level_results=(stored,))
    ours = standings(profile(1).model_copy(update={"details": (detail,)}))[NAME].evidence[Level.L1]
    assert (ours.interval, ours.is_computed) == ((0.4, 0.9), False)


def test_skipped_probes_are_no_trials_and_nonsense_has_no_interval() -> None:
    skipped = LevelResult(level=Level.L1, passed=True, pass_count=1, total_count=3, skip_count=2)
    nonsense = LevelResult(level=Level.L2, passed=True, pass_count=9, total_count=3)
    detail = PrimitiveDetail(primitive_id=NAME, highest_level=Level.L2, level_results=(nonsense, skipped))
    evidence = standings(profile(2).model_copy(update={"details": (detail,)}))[NAME].evidence
    assert list(evidence) == [Level.L1, Level.L2]
    assert evidence[Level.L1].counts == "1/1"
    assert evidence[Level.L2].interval is None


def test_unmeasured_has_its_reason_and_a_contradiction_its_note() -> None:
    told = standings(
        profile(2, {1: (0, 3), 2: (3, 3)}, unmeasured={"tool.web": "no web"}, requested=("x.y",))
    )
    assert (told["tool.web"].level, told["tool.web"].reason) == (None, "no web")
    assert told["x.y"].reason == "not in the profile"
    assert told[NAME].note == "counts as L2 although L1 failed"
    assert list(told) == list(in_order(["x.y", NAME, "tool.web"])) == [NAME, "tool.web", "x.y"]


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    strange = profile(None, unmeasured={"tool.web": "bad\x1b[2J\nkey \ud800"})
    assert (printable(strange).unmeasured or {})["tool.web"] == "bad\ufffd[2J key \ufffd"
    plain = profile(1, {1: (3, 3)})
    assert printable(plain) is plain
