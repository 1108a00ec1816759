"""The designs: what they ask, when they stop, how often they are wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.profiler.ladder import (
    FLAT_PRIOR,
    Design,
    FixedDesign,
    SequentialDesign,
    highest,
    shared_prior,
)
from skvm.target.contract import LEVELS, Level

L1, L2, L3 = LEVELS
Chances = Mapping[Level, float]
OUTCOMES = st.lists(st.booleans(), max_size=45)


def at(level: Level, high: float = 0.97, low: float = 0.03) -> Chances:
    return {each: high if each <= level else low for each in LEVELS}


def play(
    design: Design, chances: Chances, rng: random.Random, many: int = 1
) -> tuple[dict[Level, list[bool]], Level]:
    seen: dict[Level, list[bool]] = {level: [] for level in chances}
    while levels := design.next_levels(seen, many):
        for level in levels:
            seen[level].append(rng.random() < chances[level])
    return seen, highest(design, seen)


def runs_of(seen: Mapping[Level, list[bool]]) -> int:
    return sum(map(len, seen.values()))


@pytest.mark.parametrize(
    ("instances", "needed"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 5), (10, 7), (20, 14)]
)
def test_seven_tenths_of_a_fixed_number_must_pass(instances: int, needed: int) -> None:
    design = FixedDesign(instances)
    enough = [True] * needed + [False] * (instances - needed)
    assert design.holds(L1, {L1: enough}) is True
    assert design.holds(L1, {L1: [False, *enough[1:]]}) is False
    assert design.holds(L1, {L1: enough[:-1]}) is None


def test_the_fixed_design_always_asks_everything() -> None:
    for chances in (at(L3), at(Level.L0)):
        seen, _ = play(FixedDesign(3), chances, random.Random(0), many=4)
        assert [len(seen[level]) for level in LEVELS] == [3, 3, 3]


def test_the_fixed_design_counts_an_inversion_as_the_lower_level_and_says_so() -> None:
    seen = {L1: [True] * 3, L2: [False] * 3, L3: [True] * 3}
    assert highest(FixedDesign(3), seen) is L1
    assert FixedDesign(3).note(seen) == "L3 passed above L2, which failed; counted as the level below L2"
    assert FixedDesign(3).note({**seen, L3: [False] * 3}) is None


@pytest.mark.parametrize("instances", [0, -1])
def test_no_instances_are_no_design(instances: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FixedDesign(instances)


@pytest.mark.parametrize("level", list(Level))
def test_levels_away_from_the_line_are_found(level: Level) -> None:
    rng = random.Random(level)
    found = [play(SequentialDesign(), at(level), rng)[1] for _ in range(150)]
    assert sum(each is not level for each in found) <= 3


def _errors(design: SequentialDesign, chance: float, wrong: bool) -> float:
    rng, rounds, count = random.Random(5), 1500, 0
    for _ in range(rounds):
        seen, _ = play(design, {L1: chance}, rng)
        count += design.holds(L1, seen) is wrong
    return count / rounds


@pytest.mark.parametrize("prior", [(0.97, 0.01, 0.01, 0.01), FLAT_PRIOR, (0.01, 0.01, 0.01, 0.97)])
@pytest.mark.parametrize(("chance", "wrong"), [(0.4, True), (0.9, False)])
@pytest.mark.parametrize(("odds_limit", "bound"), [(1.0, 0.05), (1.7, 0.08)])
def test_errors_stay_within_their_bounds(
    prior: tuple[float, float, float, float], chance: float, wrong: bool, odds_limit: float, bound: float
) -> None:
    rate = _errors(SequentialDesign(prior, odds_limit), chance, wrong)
    # Three standard errors of 1,500 simulations above the bound.
    assert rate <= bound + 3 * math.sqrt(bound * (1 - bound) / 1500)


def _profile(levels: list[Level], rng: random.Random) -> tuple[int, int]:
    """Runs and wrong levels of a whole target, one primitive after the other."""
    done: list[dict[Level, list[bool]]] = []
    wrong = 0
    for level in levels:
        seen, found = play(SequentialDesign().informed(done), at(level), rng)
        done.append(seen)
        wrong += found is not level
    return sum(map(runs_of, done)), wrong


@pytest.mark.parametrize(
    ("pool", "most_runs"), [((Level.L0,), 60), ((L3,), 110), ((Level.L0, L1, L2, L3), 160)]
)
def test_a_target_costs_a_third_of_the_fixed_design(pool: tuple[Level, ...], most_runs: int) -> None:
    rng = random.Random(7)
    runs, wrong = zip(*(_profile([rng.choice(pool) for _ in range(26)], rng) for _ in range(12)), strict=True)
    assert sum(runs) / 12 <= most_runs
    assert sum(wrong) <= 0.02 * 12 * 26


def test_more_is_asked_near_the_line() -> None:
    rng = random.Random(3)
    near = sum(runs_of(play(SequentialDesign(), {L1: 0.69}, rng)[0]) for _ in range(200))
    far = sum(runs_of(play(SequentialDesign(), {L1: 0.97}, rng)[0]) for _ in range(200))
    assert near > 1.5 * far


def test_a_contradiction_is_asked_longer_and_told() -> None:
    design = SequentialDesign()
    seen = {L1: [True] * 4, L2: [False, False], L3: [True] * 3}
    assert design.next_levels(seen) != ()
    assert "L2 passed 0 of 2 but L3 passed 3 of 3" in (design.note(seen) or "")
    settled = {**seen, L2: [False] * 4, L3: [True] * 7}
    assert design.next_levels(settled) == ()
    assert highest(design, settled) is L1


def test_a_level_that_cannot_be_asked_is_a_ceiling() -> None:
    seen, level = play(SequentialDesign(), {L1: 1.0, L2: 1.0}, random.Random(0))
    assert level is L2
    assert L3 not in seen


@given(st.tuples(OUTCOMES, OUTCOMES, OUTCOMES), st.integers(1, 8))
def test_whatever_was_seen_it_ends_and_asks_no_more_than_it_may(
    outcomes: tuple[list[bool], list[bool], list[bool]], many: int
) -> None:
    design = SequentialDesign()
    seen = {level: list(each[: design.most_probes]) for level, each in zip(LEVELS, outcomes, strict=True)}
    asked = 0
    while levels := design.next_levels(seen, many):
        assert len(set(levels)) == 1
        assert len(levels) <= many
        for level in levels:
            seen[level].append(asked % 3 > 0)
            asked += 1
        assert asked <= 3 * design.most_probes
    assert all(len(each) <= design.most_probes for each in seen.values())
    assert highest(design, seen) in Level


@given(st.integers(0, 3), st.integers(0, 10_000))
def test_probes_asked_at_once_are_none_too_many(rank: int, seed: int) -> None:
    """Asked four at a time, a level is never decided before the last of them."""
    design, rng = SequentialDesign(), random.Random(seed)
    chances = at(tuple(Level)[rank])
    seen: dict[Level, list[bool]] = {level: [] for level in LEVELS}
    while levels := design.next_levels(seen, 4):
        for level in levels:
            assert design.holds(level, seen) is None
            seen[level].append(rng.random() < chances[level])


def test_the_shared_prior_follows_what_the_others_did() -> None:
    strong = {L3: [True] * 4}
    assert shared_prior([]) == pytest.approx(FLAT_PRIOR)
    assert shared_prior([{L1: []}]) == pytest.approx(FLAT_PRIOR)
    prior = shared_prior([strong] * 10)
    assert sum(prior) == pytest.approx(1)
    assert prior[3] > 0.7
    assert shared_prior([{L1: [False, False]}] * 10)[0] > 0.7
