"""The test that may be looked at after every block."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.evaluate.test_stats import record

from skvm.evaluate.stats import Sequential, StopRule, Verdict, blocks_in_order, corrected, decide_early
from skvm.evidence.record import Outcome

DIFFERENCES = st.lists(st.floats(-1, 1), max_size=40)


def fed(differences: list[float], **options: object) -> Sequential:
    made = Sequential(**options)  # type: ignore[arg-type]
    for difference in differences:
        made.add(difference)
    return made


def test_it_starts_knowing_nothing() -> None:
    start = Sequential()
    assert (start.e_value, start.p, start.interval, start.bound) == (1.0, 1.0, None, (-1.0, 1.0))
    assert not start.is_decided


def test_a_fair_game_keeps_the_capital_of_one() -> None:
    # Over all signs of the same sizes the mean capital is exactly what was staked.
    for sizes in ((0.3, 1.0, 0.2, 0.7), (1.0,) * 6, (0.01, 0.9, 0.0, 0.5, 0.5)):
        capitals = [
            fed([sign * size for sign, size in zip(signs, sizes, strict=True)]).e_value
            for signs in itertools.product((1, -1), repeat=len(sizes))
        ]
        assert sum(capitals) / len(capitals) == pytest.approx(1.0)


@given(DIFFERENCES)
def test_ties_and_scale_and_sides_change_nothing(differences: list[float]) -> None:
    mirrored = fed([-each for each in differences])
    padded = fed([value for each in differences for value in (0.0, each)])
    here = fed(differences)
    assert here.p == pytest.approx(mirrored.p)
    assert here.p == pytest.approx(padded.p)
    # A difference of 1e-9 is rounding, and would still be one if it were halved.
    if all(each == 0 or abs(each) > 1e-6 for each in differences):
        assert here.p == pytest.approx(fed([each / 2 for each in differences]).p)


@given(DIFFERENCES)
def test_p_and_interval_agree(differences: list[float]) -> None:
    here = fed(differences)
    assert 0 <= here.p <= 1
    if here.interval is not None:
        excluded = here.interval.low > 0 or here.interval.high < 0
        assert excluded == (here.p <= 0.05)
        assert -1 <= here.interval.low <= here.interval.high <= 1
    low, high = here.bound
    assert -1 <= low <= high <= 1


def test_the_same_blocks_give_the_same_state() -> None:
    differences = [random.Random(4).uniform(-1, 1) for _ in range(30)]
    assert (fed(differences).p, fed(differences).bound) == (fed(differences).p, fed(differences).bound)


def test_only_differences_of_scores_are_taken() -> None:
    with pytest.raises(ValueError, match="no difference of two scores"):
        Sequential().add(1.5)


def test_looking_after_every_block_is_no_second_chance() -> None:
    source, flagged, benches = random.Random(8), 0, 400
    for _ in range(benches):
        here = Sequential(margin=None)
        for _ in range(80):
            here.add(source.choice((-1.0, -0.5, 0.0, 0.5, 1.0)))
        flagged += here.p <= 0.05
    # A true 5 % exceeds this about once in a thousand times.
    assert flagged <= 34


def test_a_skewed_mean_of_zero_stays_inside_the_bound() -> None:
    source, lost, benches = random.Random(6), 0, 200
    for _ in range(benches):
        here = Sequential()
        for _ in range(120):
            here.add(0.9 if source.random() < 0.1 else -0.1)
            low, high = here.bound
            if not low <= 0.0 <= high:
                lost += 1
                break
    assert lost <= 18


def test_a_real_difference_ends_the_session_early() -> None:
    source, here = random.Random(1), Sequential()
    while not here.is_decided and len(here.differences) < 200:
        here.add(min(1.0, max(-1.0, source.gauss(0.4, 0.4))))
    assert here.is_different
    assert len(here.differences) < 30


def test_no_difference_that_matters_ends_it_too() -> None:
    same = fed([0.0] * 600)
    assert same.is_futile
    assert not same.is_different
    assert not fed([0.0] * 20).is_futile
    assert not fed([0.0] * 600, margin=None).is_decided
    # Six ties say little about a rare difference.
    low, high = fed([0.0] * 6).bound
    assert low < -0.5 < 0.5 < high


def test_the_rule_waits_for_every_pair_and_keeps_the_family() -> None:
    rule = StopRule(["a", "b", "a"])
    assert [each.family for each in rule.watched.values()] == [2, 2]
    while not rule.watched["a"].is_decided:
        rule.add("a", 1.0)
    assert not rule.is_sure
    alone = StopRule(["a"])
    while not alone.is_sure:
        alone.add("a", 1.0)
    assert len(alone.watched["a"].differences) < len(rule.watched["a"].differences)
    while not rule.is_sure:
        rule.add("b", -1.0)
    assert rule.sentence == "of 2 comparisons 2 differ, 0 do not by more than 0.05"
    assert not StopRule([]).is_sure
    with pytest.raises(KeyError):
        rule.add("c", 0.0)


def test_blocks_come_by_repetition_then_by_task() -> None:
    ours = [
        record("b", 0.8),
        record("a", 1.0, repetition=1),
        record("a", 0.9),
        record("b", 0.7, repetition=1),
    ]
    theirs = [record("a", 0.5), record("a", 0.4, repetition=1), record("b", 0.3)]
    theirs.append(record("b", None, Outcome.INFRA_FAILED, repetition=1))
    found = blocks_in_order(ours, theirs)
    assert [(block.repetition, block.task_id) for block in found] == [(0, "a"), (0, "b"), (1, "a")]
    assert [block.difference for block in found] == pytest.approx([0.4, 0.5, 0.6])
    assert found == blocks_in_order(ours[::-1], theirs[::-1])


def test_a_watched_session_is_judged_by_the_test_it_was_watched_with() -> None:
    ours = [record(f"t{place}", 1.0) for place in range(7)]
    theirs = [record(f"t{place}", 0.0) for place in range(7)]
    few = fed([block.difference for block in blocks_in_order(ours, theirs)])
    found = decide_early(ours, theirs, few)
    assert (found.test, found.p, found.difference) == ("anytime", few.p, 1.0)
    # A fixed test would call this better; one that was looked at seven times does not.
    assert found.verdict is Verdict.NO_DIFFERENCE
    many = fed([1.0] * 20)
    decided = decide_early(ours, theirs, many)
    assert decided.verdict is Verdict.BETTER
    assert decided.p_of(0.0) == many.p
    assert "watched" in decided.sentence
    assert corrected({"a": decided, "b": found})["a"].holm_p == pytest.approx(2 * many.p)
    assert decide_early(ours, theirs, Sequential()).verdict is Verdict.UNDECIDED
