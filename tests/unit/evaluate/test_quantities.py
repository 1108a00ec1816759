"""Means with intervals, ratios of what runs took, and what was left out."""

from __future__ import annotations

import pytest
from scipy import stats as reference
from tests.unit.evaluate.test_stats import record

from skvm.evaluate.stats import (
    compare_quantity,
    exclusions,
    mean_interval,
    mean_score,
    quantity_of,
    repetitions_of,
)
from skvm.evidence.record import CriterionResult, Outcome, RunRecord, Usage


def used(task: str, repetition: int = 0, *, outcome: Outcome = Outcome.SCORED, **usage: object) -> RunRecord:
    score = 0.5 if outcome.is_graded else None
    made = Usage(**{"calls": 1, **usage})  # type: ignore[arg-type]
    return record(task, score, outcome, repetition).model_copy(update={"usage": made, "duration_ms": 1500.0})


def test_a_mean_has_students_interval_over_tasks() -> None:
    scores = {"a": [0.2, 0.4], "b": [0.5], "c": [0.9, 0.7, 0.8], "d": [0.4]}
    means = [0.3, 0.5, 0.8, 0.4]
    found = mean_interval(scores)
    assert found is not None
    expected = reference.t.interval(0.95, 3, reference.tmean(means), reference.tsem(means))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-6)
    assert (found.method, found.over) == ("student", "tasks")


def test_a_mean_of_passes_has_that_of_a_proportion() -> None:
    found = mean_interval({str(place): [float(place < 3)] for place in range(10)})
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.06674, 0.65245), abs=2e-5)
    solid = mean_interval({str(place): [1.0] for place in range(10)})
    assert solid is not None
    assert 0.69 < solid.low < solid.high == 1.0


def test_a_mean_of_few_tasks_has_the_spread_of_their_runs() -> None:
    found = mean_interval({"a": [0.2, 0.4, 0.3], "b": [0.9, 0.9, 0.6]})
    assert found is not None
    assert found.over == "runs"
    assert 0.0 <= found.low < 0.55 < found.high <= 1.0
    assert mean_interval({"a": [0.2]}) is None
    assert mean_interval({"a": [0.5, 0.5], "b": [0.5], "c": [0.5]}) is None
    assert mean_interval({}) is None
    assert mean_score([record(task, 0.1 * place) for place, task in enumerate("abcd")]).interval is not None


def test_the_later_attempt_of_a_repetition_counts() -> None:
    first, second = record("a", 0.1), record("a", 0.9).model_copy(update={"run_id": "a1"})
    assert repetitions_of([second, first]) == {"a": {0: 0.9}}


def test_what_nobody_knows_is_not_zero() -> None:
    assert quantity_of(used("a", cost_usd=None), "cost_usd") is None
    assert quantity_of(used("a", cost_usd=0.0), "cost_usd") == 0.0
    silent = record("a", 1.0)
    assert quantity_of(silent, "tokens") is None
    assert quantity_of(silent, "cost_usd") is None
    assert quantity_of(silent, "seconds") == 0.0
    run = used("a", input_tokens=5, cache_read_tokens=3, cache_write_tokens=1, output_tokens=2)
    assert quantity_of(run, "input_tokens") == 9
    assert quantity_of(run, "output_tokens") == 2
    assert quantity_of(run, "tokens") == 11
    assert quantity_of(run, "seconds") == 1.5


def test_ratios_are_paired_by_task_and_averaged_geometrically() -> None:
    ours = [used(str(task), input_tokens=200 * (task + 1)) for task in range(8)]
    theirs = [used(str(task), input_tokens=100 * (task + 1)) for task in range(8)]
    found = compare_quantity(ours, theirs, "tokens")
    assert found.ratio == pytest.approx(2.0)
    assert found.p == pytest.approx(2 / 2**8)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(2.0, rel=0.01)
    assert found.interval.high == pytest.approx(2.0, rel=0.01)
    back = compare_quantity(theirs, ours, "tokens")
    assert back.ratio == pytest.approx(0.5)
    mixed = compare_quantity([*ours[:4], *theirs[4:]], [*theirs[:4], *ours[4:]], "tokens")
    assert mixed.ratio == pytest.approx(1.0)
    assert mixed.p == 1.0
    same = compare_quantity(ours, ours, "tokens")
    assert (same.ratio, same.p) == (1.0, 1.0)


def test_few_pairs_have_a_ratio_and_no_interval() -> None:
    found = compare_quantity([used("a", input_tokens=8)], [used("a", input_tokens=2)], "tokens")
    assert (found.ratio, found.interval, found.p) == (pytest.approx(4.0), None, 1.0)
    assert compare_quantity([], [], "tokens").ratio is None


def test_what_has_no_ratio_is_counted_by_reason() -> None:
    ours = [
        used("a", cost_usd=2.0),
        used("b", cost_usd=None),
        used("c", cost_usd=0.0),
        used("d", cost_usd=1.0),
        used("e", outcome=Outcome.INFRA_FAILED),
        used("f", cost_usd=4.0, outcome=Outcome.TIMED_OUT),
    ]
    theirs = [used(task, cost_usd=1.0) for task in "abcf"]
    found = compare_quantity(ours, theirs, "cost_usd")
    assert set(found.per_task) == {"a", "f"}
    assert dict(found.excluded) == {
        "control: the other side has none": 2,
        "treatment: infra_failed": 1,
        "treatment: not known": 1,
        "treatment: the other side has none": 1,
        "treatment: zero": 1,
    }


def test_every_exclusion_has_its_reason() -> None:
    pending = CriterionResult(id="0", method="llm-judge", is_pending=True)
    missing = CriterionResult(id="1", method="custom", infra_error="no evaluator 'x'")
    ours = [
        record("a", 0.5).model_copy(update={"criteria": (pending, missing)}),
        record("a", 0.5, repetition=1),
        record("b", None, Outcome.INFRA_FAILED),
        record("c", 0.7, Outcome.TIMED_OUT),
        record("d", None),
    ]
    theirs = [record("a", 0.5), record("b", 0.5), record("c", 0.5), record("e", None, Outcome.CANCELLED)]
    found = exclusions(ours, theirs, "intention-to-treat")
    assert found.treatment == {"infra_failed": 1, "nothing could be graded": 1}
    assert found.control == {"cancelled": 1}
    assert found.tasks == {
        "b": "the treatment has no scored run",
        "d": "the treatment has no scored run, the control has no run",
        "e": "the treatment has no run, the control has no scored run",
    }
    assert found.criteria == {"custom: no evaluator 'x'": 1, "llm-judge: a judge is still to be asked": 1}
    assert (found.unpaired, found.zeroed) == (1, 1)
    assert exclusions(ours, theirs).zeroed == 0
    assert "1 runs of the treatment have no score: infra_failed" in found.lines
    assert "task b is not compared: the treatment has no scored run" in found.lines
    assert len(found.lines) == 3 + 3 + 2 + 2
    assert exclusions(ours[1:2], ours[1:2]).lines == ()
