"""Verdicts: the exact test, its interval, the correction, and what they say of their own limits."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.evaluate.test_stats import record

from skvm.evaluate.stats import (
    MIN_BLOCKS,
    Repetitions,
    Verdict,
    corrected,
    decide,
    decide_scores,
    flip_interval,
    flip_p,
    holm,
    smallest_detectable,
)
from skvm.evaluate.stats.decision import Decision
from skvm.evaluate.stats.signflip import MANY, _count
from skvm.evidence.record import Outcome

SCORES = st.dictionaries(
    st.sampled_from("abcdefgh"), st.dictionaries(st.integers(0, 2), st.floats(0, 1), min_size=1), max_size=8
)
COARSE = st.lists(st.integers(-4, 4).map(lambda n: n / 4), min_size=1, max_size=9)


def enumerated(values: list[float]) -> float:
    observed = abs(sum(values)) - 1e-9
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    return sum(each >= observed for each in sums) / len(sums)


def runs(*groups: tuple[float, ...]) -> Repetitions:
    return {f"t{place:02}": dict(enumerate(group)) for place, group in enumerate(groups)}


@given(COARSE)
def test_the_test_counts_what_enumeration_counts(values: list[float]) -> None:
    assert flip_p(values) == pytest.approx(enumerated(values), abs=1e-12)


@given(st.lists(st.integers(-30, 30).map(lambda n: n / 7), min_size=1, max_size=8))
def test_thirds_and_sevenths_tie_where_they_should(values: list[float]) -> None:
    assert flip_p(values) == pytest.approx(enumerated(values), abs=1e-12)


def test_values_off_any_grid_are_counted_nearly_alike() -> None:
    source = random.Random(3)
    for _ in range(20):
        values = [source.gauss(0.3, 0.7) for _ in range(9)]
        assert flip_p(values) == pytest.approx(enumerated(values), abs=0.01)


def test_many_values_are_nearly_normal_and_one_large_one_is_not() -> None:
    source = random.Random(5)
    for shift in (0.0, 0.05, 0.1):
        tenths = [round(source.gauss(shift, 0.8) * 10) for _ in range(300)]
        assert sum(map(bool, tenths)) > MANY
        assert flip_p([each / 10 for each in tenths]) == pytest.approx(_count(tenths), abs=0.002)
        dominated = [*tenths, 500]
        assert flip_p([each / 10 for each in dominated]) == pytest.approx(_count(dominated), abs=1e-9)


@pytest.mark.parametrize(("blocks", "p"), [(5, 0.0625), (6, 0.03125), (10, 2 / 1024), (60, 2 / 2**60)])
def test_all_alike_reaches_the_smallest_p(blocks: int, p: float) -> None:
    assert flip_p([0.5] * blocks) == pytest.approx(p)
    assert flip_p([-0.37] * blocks) == pytest.approx(p)


def test_nothing_moved_is_no_evidence() -> None:
    assert flip_p([]) == flip_p([0.0, 1e-12]) == 1.0


@given(SCORES)
def test_identical_behaviour_is_no_difference(scores: Repetitions) -> None:
    shuffled = {task: dict(enumerate(reversed(list(values.values())))) for task, values in scores.items()}
    found = decide_scores(scores, shuffled)
    if not scores:
        assert (found.verdict, found.sentence) == (Verdict.UNDECIDED, "undecided: no common task")
        assert (found.difference, found.interval, found.p) == (None, None, None)
        return
    assert found.interval is not None
    assert (found.difference, found.p, found.holm_p, found.sign_p) == (0.0, 1.0, 1.0, 1.0)
    assert (found.interval.low, found.interval.high, found.interval.method) == (0.0, 0.0, "identical")
    assert found.verdict is Verdict.NO_DIFFERENCE
    assert found.sentence.startswith("no difference found: +0.000")


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_interval_and_verdict_never_contradict_each_other(ours: Repetitions, theirs: Repetitions) -> None:
    here, there = decide_scores(ours, theirs), decide_scores(theirs, ours)
    assert {here.verdict, there.verdict} in (
        {Verdict.BETTER, Verdict.WORSE}, {Verdict.NO_DIFFERENCE}, {Verdict.UNDECIDED}
    )  # fmt: skip
    assert here.p == there.p
    if here.interval is None or here.difference is None:
        return
    assert here.interval.low <= here.difference <= here.interval.high
    assert -1 <= here.interval.low <= here.interval.high <= 1
    excluded = here.interval.low > 0 or here.interval.high < 0
    assert excluded == (here.verdict in (Verdict.BETTER, Verdict.WORSE))


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    source = random.Random(9)
    values = [source.gauss(0.2, 0.3) for _ in range(12)]
    low, high = flip_interval([(value, 1 / 12) for value in values], 0.95)
    for end, outside in ((low, -0.03), (high, 0.03)):
        assert flip_p([value - end - outside for value in values]) <= 0.05
        assert flip_p([value - end + outside for value in values]) > 0.05


def test_tasks_are_flipped_from_six_on_and_runs_below() -> None:
    six = decide_scores(runs(*[(1.0, 0.5)] * 6), runs(*[(0.0, 0.5)] * 6))
    assert (six.over, six.verdict, six.difference, six.p) == ("tasks", Verdict.BETTER, 0.5, 0.03125)
    assert "these tasks only" not in six.sentence
    three = decide_scores(runs(*[(1.0, 0.9)] * 3), runs(*[(0.0, 0.1)] * 3))
    assert (three.over, three.verdict, three.p) == ("runs", Verdict.BETTER, 0.03125)
    assert "6 pairs of runs on 3 common tasks; it speaks of these tasks only" in three.sentence
    assert len(three.blocks) == MIN_BLOCKS


def test_too_few_blocks_say_so_and_bound_nothing() -> None:
    found = decide_scores(runs((1.0, 1.0), (1.0,)), runs((0.0, 0.0), (0.0,)))
    assert (found.verdict, found.is_too_small) == (Verdict.NO_DIFFERENCE, True)
    assert "so few could not show a difference" in found.sentence
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (-1.0, 1.0)
    assert found.smallest_detectable is None


def test_repetitions_are_paired_by_number_then_in_order() -> None:
    found = decide_scores({"a": {0: 1.0, 1: 0.5, 3: 0.4}}, {"a": {1: 0.5, 2: 0.0}})
    assert [value for value, _ in found.blocks] == [0.0, 1.0]
    assert found.difference == 0.5
    assert found.runs == (3, 2)


def test_tasks_of_one_side_are_dropped_and_named() -> None:
    found = decide_scores(runs((1.0,), (0.0,)), {"t00": {0: 0.0}, "z": {0: 1.0}})
    assert (found.dropped, dict(found.per_task)) == (("t01", "z"), {"t00": 1.0})


def test_mcnemar_is_over_runs_that_pass_or_fail() -> None:
    found = decide_scores(runs(*[(1.0, 1.0)] * 7), runs(*[(0.0, 1.0)] * 7))
    assert found.mcnemar_p == pytest.approx(2 / 2**7)
    assert found.sign_p == pytest.approx(2 / 2**7)
    assert decide_scores(runs(*[(0.9,)] * 7), runs(*[(0.0,)] * 7)).mcnemar_p is None


def test_a_time_out_counts_by_view() -> None:
    ours = [record(f"t{place}", 0.9, Outcome.TIMED_OUT) for place in range(6)]
    theirs = [record(f"t{place}", 0.5) for place in range(6)]
    assert decide(ours, theirs).verdict is Verdict.BETTER
    assert decide(ours, theirs, view="intention-to-treat").verdict is Verdict.WORSE


def test_holm_against_published_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_verdict_follows_the_corrected_p() -> None:
    better = decide_scores(runs(*[(1.0,)] * 6), runs(*[(0.0,)] * 6))
    same = decide_scores(runs(*[(1.0,)] * 6), runs(*[(1.0,)] * 6))
    nothing = decide_scores({}, {})
    family: dict[str, Decision] = corrected({"a": better, "b": same, "c": nothing})
    assert better.verdict is Verdict.BETTER
    assert (family["a"].p, family["a"].holm_p, family["a"].family) == (0.03125, 0.0625, 2)
    assert family["a"].verdict is Verdict.NO_DIFFERENCE
    assert "corrected for 2 comparisons" in family["a"].sentence
    assert family["c"].verdict is Verdict.UNDECIDED


def test_shifted_p_values() -> None:
    found = decide_scores(runs(*[(0.9,)] * 8), runs(*[(0.5,)] * 8))
    assert found.p_of(0.4) == 1.0
    assert found.p_of(0.0) == found.p == found.p_of(-0.2) == 2 / 2**8
    with pytest.raises(ValueError, match="common task"):
        decide_scores({}, {}).p_of(0.0)


@pytest.mark.parametrize("view", ["as-completed", "intention-to-treat"])
def test_an_a_a_bench_is_rarely_flagged(view: str) -> None:
    source, flagged, benches = random.Random(view), 0, 300
    for _ in range(benches):
        tasks, repetitions = source.randint(3, 20), source.randint(1, 4)
        chances = [source.random() for _ in range(tasks)]
        sides = [
            runs(*[tuple(float(source.random() < p) for _ in range(repetitions)) for p in chances])
            for _ in range(2)
        ]
        flagged += decide_scores(*sides).verdict is not Verdict.NO_DIFFERENCE
    # A true 5 % exceeds this once in about two thousand times.
    assert flagged <= 29


def test_smallest_detectable_is_found_four_times_of_five() -> None:
    tasks, benches, source, found = 12, 300, random.Random(2), 0
    unit = {str(place): [(11 / 12) ** 0.5 * (-1) ** place] for place in range(tasks)}
    effect = smallest_detectable(unit, by_task=True)
    assert effect is not None
    assert effect == pytest.approx((2.201 + 0.876) / 12**0.5, abs=0.002)
    for _ in range(benches):
        values = [source.gauss(effect, 1) / 20 for _ in range(tasks)]
        found += flip_p(values) <= 0.05
    assert 0.72 <= found / benches <= 0.88


def test_an_unknown_variance_detects_nothing() -> None:
    assert smallest_detectable({}, by_task=True) is None
    assert smallest_detectable({"a": [0.5]}, by_task=True) is None
    assert smallest_detectable({"a": [0.5], "b": [0.5]}, by_task=True) is None
    assert smallest_detectable({"a": [0.5], "b": [0.1]}, by_task=False) is None
    within = smallest_detectable({"a": [0.5, 0.1], "b": [0.2, 0.1, 0.6]}, by_task=False)
    assert within is not None
    assert within > 0
