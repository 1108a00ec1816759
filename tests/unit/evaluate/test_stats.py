import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.evaluate.stats import compare, compare_scores, exact_binomial, mean_score, scores_of, sign_test
from skvm.evidence.record import Outcome, RunRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCORES = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(st.floats(0, 1), min_size=1, max_size=3), max_size=6
)


def record(task, score, outcome=Outcome.SCORED, repetition=0):
    return RunRecord(
        run_id=f"{task}{repetition}",
        task_id=task,
        task_digest="d",
        condition="c",
        model="m",
        harness="h",
        repetition=repetition,
        outcome=outcome,
        score=score,
        started_at=NOW,
        finished_at=NOW,
    )


@given(SCORES)
def test_identical_behaviour_differs_by_exactly_nothing(scores):
    shuffled = {task: list(reversed(values)) for task, values in scores.items()}
    result = compare_scores(scores, shuffled)
    if scores:
        assert result.difference == 0.0
        assert (result.interval.low, result.interval.high) == (0.0, 0.0)
    else:
        assert (result.difference, result.interval) == (None, None)


@settings(max_examples=40, deadline=None)
@given(SCORES, SCORES, st.integers(0, 5))
def test_swapping_the_sides_turns_the_sign(ours, theirs, seed):
    there = compare_scores(ours, theirs, seed=seed, resamples=50)
    back = compare_scores(theirs, ours, seed=seed, resamples=50)
    assert there.dropped == back.dropped
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    assert there.sign_p == back.sign_p
    if there.difference is not None:
        assert there.difference == pytest.approx(-back.difference)
        assert -1 <= there.difference <= 1
    if there.interval is not None:
        assert -1 - 1e-9 <= there.interval.low <= there.interval.high <= 1 + 1e-9


def test_only_common_tasks_are_compared():
    result = compare_scores({"a": [1.0, 1.0], "b": [0.0]}, {"a": [0.5, 0.0], "c": [1.0]})
    assert result.per_task == {"a": 0.75}
    assert result.difference == 0.75
    assert result.dropped == ("b", "c")


def test_the_same_seed_gives_the_same_interval():
    ours = {str(i): [random.Random(i).random()] for i in range(6)}
    theirs = {str(i): [random.Random(-i - 1).random()] for i in range(6)}
    assert compare_scores(ours, theirs, seed=3) == compare_scores(ours, theirs, seed=3)
    assert compare_scores(ours, theirs, seed=3).interval != compare_scores(ours, theirs, seed=4).interval


def test_few_tasks_fall_back_to_runs_and_say_so():
    result = compare_scores({"a": [1.0, 0.0, 1.0]}, {"a": [0.0, 0.0, 0.5]})
    assert (result.interval.over, result.sign_over) == ("runs", "runs")
    assert (result.wins, result.losses, result.ties) == (2, 0, 1)
    assert result.sign_p == 0.5
    result = compare_scores({t: [1.0, 0.5] for t in "abc"}, {t: [0.0, 0.5] for t in "abc"})
    assert (result.interval.over, result.sign_over) == ("tasks", "tasks")


def test_what_does_not_vary_has_no_interval():
    assert compare_scores({"a": [1.0]}, {"a": [0.0]}).interval is None
    certain = compare_scores({t: [1.0, 1.0] for t in "abc"}, {t: [0.0, 0.0] for t in "abc"})
    assert certain.interval is None
    assert (certain.difference, certain.sign_p) == (1.0, 0.25)


def test_both_views_of_a_time_out():
    runs = [record("a", 0.8, Outcome.TIMED_OUT), record("b", 1.0), record("c", None, Outcome.INFRA_FAILED)]
    assert scores_of(runs) == {"a": [0.8], "b": [1.0]}
    assert scores_of(runs, "intention-to-treat") == {"a": [0.0], "b": [1.0]}
    assert mean_score(runs).value == pytest.approx(0.9)
    treated = mean_score(runs, "intention-to-treat")
    assert (treated.value, treated.runs, treated.tasks, treated.excluded) == (0.5, 2, 2, {"infra_failed": 1})
    control = [record(task, 0.5) for task in "abc"]
    assert compare(runs, control).difference == pytest.approx(0.4)
    assert compare(runs, control, view="intention-to-treat").difference == 0.0
    assert mean_score([]).value is None


def test_repetitions_weigh_within_their_task():
    runs = [record("a", 1.0, repetition=i) for i in range(9)] + [record("b", 0.0)]
    assert mean_score(runs).value == 0.5


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (8, 2, 0.109375), (3, 3, 1.0)]
)
def test_sign_test(wins, losses, p):
    assert sign_test(wins, losses) == pytest.approx(p)
    assert sign_test(losses, wins) == sign_test(wins, losses)


def test_exact_binomial_against_published_values():
    for successes, trials, low, high in (
        (0, 10, 0.0, 0.30850),
        (3, 10, 0.06674, 0.65245),
        (10, 10, 0.69150, 1.0),
        (300, 1000, 0.27171, 0.32946),
    ):
        interval = exact_binomial(successes, trials)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=2e-5)
    assert (exact_binomial(0, 0).low, exact_binomial(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no proportion"):
        exact_binomial(3, 2)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_an_exact_interval_holds_its_proportion_and_mirrors(pair, level):
    successes, trials = pair
    here, mirrored = (
        exact_binomial(successes, trials, level),
        exact_binomial(trials - successes, trials, level),
    )
    assert 0 <= here.low <= successes / trials <= here.high <= 1
    assert here.low == pytest.approx(1 - mirrored.high, abs=1e-9)


@pytest.mark.parametrize(("tasks", "repetitions"), [(3, 3), (5, 2), (10, 1)])
def test_intervals_cover_about_as_often_as_they_say(tasks, repetitions):
    source, hits, trials, effect = random.Random(11), 0, 120, 0.1
    for seed in range(trials):
        ours, theirs = {}, {}
        for task in map(str, range(tasks)):
            base, own = source.uniform(0.3, 0.6), source.gauss(effect, 0.1)
            ours[task] = [base + own + source.gauss(0, 0.05) for _ in range(repetitions)]
            theirs[task] = [base + source.gauss(0, 0.05) for _ in range(repetitions)]
        interval = compare_scores(ours, theirs, seed=seed, resamples=250).interval
        hits += interval.low <= effect <= interval.high
    # 95 % nominal; the bound is what a true 95 % would miss once in some thousand times.
    assert hits / trials >= 0.87


def test_many_tasks_are_resampled_as_few_are():
    source = random.Random(4)
    ours, theirs = (
        {str(task): [source.gauss(mean, 0.2) for _ in range(4)] for task in range(60)} for mean in (0.6, 0.5)
    )
    interval = compare_scores(ours, theirs).interval
    # Each task's difference has a variance of 2 × 0.2² / 4, seen about twice: between tasks and within.
    half = 1.96 * (2 * 2 * 0.2**2 / 4 / 60) ** 0.5
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.25)
    assert interval.low < 0.1 < interval.high
