"""What a report says of runs: pairing, exclusions, degenerate sessions."""

from __future__ import annotations

import json
import random

import pytest
from tests.unit.bench.report.factories import TARGET, failed, make_plan, make_run, make_runs, share

from skvm.bench.plan import PlannedTask, Preparation, Skip, Target
from skvm.bench.report.build import build_report
from skvm.bench.report.model import Report
from skvm.evidence.record import CriterionResult, Outcome, Usage


def exclusions(report: Report) -> dict[tuple[str, str], int]:
    return {(each.condition, each.reason): len(each.entries) for each in report.exclusions}


def test_identical_behaviour_differs_by_exactly_nothing() -> None:
    """The skill-less task runs under one condition only, which must not move any difference."""
    bare = PlannedTask(id="z-bare", name="bare", category="text", path="/t", digest="sha256:" + "1" * 64)
    plan = make_plan(8)
    plan = plan.model_copy(update={"tasks": (*plan.tasks, bare)})
    runs = [
        make_run(task.id, name, each, score=round(share(task.id, each), 2))
        for task in plan.tasks[:-1]
        for name in plan.condition_names
        for each in range(2)
    ]
    runs += [make_run("z-bare", "no-skill", each, score=0.0) for each in range(2)]
    report = build_report(plan, runs)
    for each in report.comparisons:
        assert each.as_completed.difference == 0.0
        assert each.as_completed.verdict == "no difference found"
    delta = report.summary.delta
    assert set(report.summary.per_category) == {"text", "tables", "code"}
    assert list(report.summary.per_category["code"]) == ["no-skill", "original", "aot-compiled"]
    assert (delta.original_vs_baseline, delta.aot_vs_original, delta.jit_vs_aot) == (0.0, 0.0, None)
    assert (
        report.summary.per_condition["no-skill"].avg_score
        != report.summary.per_condition["original"].avg_score
    )
    assert exclusions(report) == {("original", "no-skill-to-use"): 1, ("aot-compiled", "no-skill-to-use"): 1}


def test_delta_of_a_compiled_condition_with_passes_is_found() -> None:
    plan = make_plan(2, ("original", "aot-compiled-p13"), repetitions=1)
    scores = {"original": 0.25, "aot-compiled-p13": 0.75}
    report = build_report(plan, make_runs(plan, lambda _, name, __: {"score": scores[name]}))
    assert report.summary.delta.aot_vs_original == 0.5


def test_the_order_of_runs_makes_no_difference() -> None:
    plan = make_plan()
    runs = list(
        make_runs(
            plan,
            lambda task, _, each: failed(Outcome.INFRA_FAILED) if (task, each) == ("task-001", 0) else {},
        )
    )
    first = build_report(plan, runs).model_dump_json()
    for seed in range(3):
        random.Random(seed).shuffle(runs)
        assert build_report(plan, runs).model_dump_json() == first


def test_one_bad_repetition_does_not_void_a_cell() -> None:
    plan = make_plan(1, ("original",), repetitions=3)
    fates = [{"score": 0.4}, failed(Outcome.INFRA_FAILED), {"score": 0.8, "outcome": Outcome.TIMED_OUT}]
    (cell,) = build_report(plan, make_runs(plan, lambda _, __, each: fates[each])).tasks[0].conditions
    assert cell.score == pytest.approx(0.6)
    assert cell.run_status == "ok"
    assert cell.run_scores == (0.4, None, 0.8)
    assert cell.status_detail == "1 of 3 infra failed: the provider answered 503; 1 of 3 timed out"
    assert [each.run_status for each in cell.outcomes] == ["ok", "tainted", "timeout"]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.SCORED, "ok"),
        (Outcome.STEP_LIMIT, "ok"),
        (Outcome.TIMED_OUT, "timeout"),
        (Outcome.HARNESS_FAILED, "adapter-crashed"),
        (Outcome.INFRA_FAILED, "tainted"),
        (Outcome.GRADER_FAILED, "tainted"),
        (Outcome.CANCELLED, "tainted"),
    ],
)
def test_status_of_a_cell_is_the_compatible_word(outcome: Outcome, status: str) -> None:
    plan = make_plan(1, ("original",), repetitions=1)
    shaped = {"outcome": outcome} if outcome.is_graded else failed(outcome)
    report = build_report(plan, make_runs(plan, lambda *_: shaped))
    assert report.tasks[0].conditions[0].run_status == status
    assert report.summary.per_condition["original"].by_status == {status: 1}


def test_a_time_out_counts_as_it_was_left_and_as_nothing() -> None:
    plan = make_plan(2, ("no-skill", "original"), repetitions=1)
    runs = make_runs(
        plan,
        lambda _, name, __: {
            "score": 0.5,
            "outcome": Outcome.TIMED_OUT if name == "original" else Outcome.SCORED,
        },
    )
    report = build_report(plan, runs)
    original = report.summary.per_condition["original"]
    assert (original.avg_score, original.intention_to_treat.avg_score) == (0.5, 0.0)
    (compared,) = report.comparisons
    assert (compared.treatment, compared.control) == ("no-skill", "original")
    assert compared.as_completed.difference == 0.0
    assert compared.intention_to_treat.difference == 0.5


def test_no_data_is_null_and_what_is_optional_is_absent() -> None:
    plan = make_plan(1, ("original",), repetitions=1)
    report = build_report(plan, make_runs(plan, lambda *_: failed(Outcome.INFRA_FAILED)))
    written = json.loads(report.model_dump_json())
    cell = written["tasks"][0]["conditions"][0]
    for key in ("score", "pass", "tokens", "cost", "durationMs", "llmDurationMs", "steps"):
        assert cell[key] is None, key
    assert cell["error"] == cell["statusDetail"] == "infra failed: the provider answered 503"
    summary = written["summary"]["perCondition"]["original"]
    nulls = {key for key, value in summary.items() if value is None}
    assert nulls >= {"avgScore", "passRate", "avgTokens", "avgCost", "avgDurationMs", "avgLlmDurationMs"}
    assert (summary["evaluableCount"], summary["taintedCount"]) == (0, 1)
    assert "runsPerTask" not in written
    assert "skillPaths" not in cell
    assert written["summary"]["delta"] == {
        "originalVsBaseline": None,
        "aotVsOriginal": None,
        "jitVsAot": None,
    }
    assert not report.summary.is_whole


def test_an_unknown_price_makes_the_mean_unknown_and_never_cheaper() -> None:
    plan = make_plan(1, ("original",), repetitions=2)
    usages = [Usage(input_tokens=10, calls=1, cost_usd=0.5), Usage(input_tokens=20, calls=1, cost_usd=None)]
    report = build_report(plan, make_runs(plan, lambda _, __, each: {"usage": usages[each]}))
    found = report.summary.per_condition["original"]
    assert found.avg_cost is None
    assert found.avg_tokens == 15
    assert report.spend.cost is None


def test_a_harness_that_tells_no_tokens_leaves_the_averages() -> None:
    plan = make_plan(1, ("original",), repetitions=2)
    usages = [Usage(input_tokens=10, calls=1), Usage()]
    report = build_report(plan, make_runs(plan, lambda _, __, each: {"usage": usages[each]}))
    assert report.summary.per_condition["original"].avg_tokens == 10
    assert report.tasks[0].conditions[0].tokens is not None
    assert report.tasks[0].conditions[0].tokens.input == 10
    silent = build_report(plan, make_runs(plan, lambda *_: {"usage": Usage()}))
    assert silent.summary.per_condition["original"].avg_tokens is None
    assert not silent.tasks[0].conditions[0].usage_available


def test_of_several_attempts_the_first_that_counts_stands() -> None:
    plan = make_plan(1, ("original",), repetitions=1)
    base = make_run("task-000", "original")
    moved = [base.started_at.replace(minute=minute) for minute in (1, 2, 3)]
    runs = [
        base.model_copy(update={"run_id": "c", "score": 0.9, "started_at": moved[2]}),
        base.model_copy(update={"run_id": "a", "started_at": moved[0], **failed(Outcome.INFRA_FAILED)}),
        base.model_copy(update={"run_id": "b", "score": 0.2, "started_at": moved[1]}),
    ]
    report = build_report(plan, runs)
    assert [each.run_id for each in report.tasks[0].conditions[0].outcomes] == ["b"]
    (repeated,) = report.exclusions
    assert repeated.reason == "repeated"
    assert [each.run_id for each in repeated.entries] == ["a", "c"]
    # What was spent on attempts is spent.
    assert report.spend.tokens == 3 * base.usage.total_tokens


def test_every_exclusion_has_its_reason() -> None:
    plan = make_plan(3, ("original", "aot-compiled", "jit-optimized"), repetitions=2)
    fates = {
        ("task-000", "original"): failed(Outcome.GRADER_FAILED, "the grader timed out"),
        ("task-001", "original"): failed(Outcome.HARNESS_FAILED, "exit code 3"),
        ("task-002", "original"): failed(Outcome.CANCELLED),
    }
    runs = [
        run
        for run in make_runs(plan, lambda task, name, each: fates.get((task, name), {}) if each == 0 else {})
        if run.condition != "aot-compiled" and not (run.condition == "jit-optimized" and run.repetition == 1)
    ]
    runs.append(make_run("task-000", "elsewhere"))
    missing = Preparation(
        condition="aot-compiled",
        model=TARGET.model,
        harness=TARGET.harness,
        skill_id="csv",
        problem="there is no profile of this target",
    )
    report = build_report(plan, runs, preparations=[missing])
    assert exclusions(report) == {
        ("original", "harness_failed"): 1,
        ("original", "grader_failed"): 1,
        ("original", "cancelled"): 1,
        ("aot-compiled", "unavailable"): 3,
        ("jit-optimized", "not-run"): 3,
        ("elsewhere", "unplanned"): 1,
    }
    unavailable = next(each for each in report.exclusions if each.reason == "unavailable")
    assert {each.detail for each in unavailable.entries} == {"there is no profile of this target"}


def test_criteria_are_summed_up_over_repetitions() -> None:
    plan = make_plan(1, ("original",), repetitions=3)
    said = [(1.0, "fine"), (0.0, "wrong"), (None, "")]

    def criteria(_: str, __: str, each: int) -> dict[str, object]:
        score, details = said[each]
        judged = CriterionResult(
            id="style", method="llm-judge", score=score, details=details, is_pending=score is None
        )
        return {"criteria": (CriterionResult(id="0", method="script", score=0.5), judged)}

    report = build_report(plan, make_runs(plan, criteria))
    cell = report.tasks[0].conditions[0]
    script, judge = cell.eval_details
    assert (script.score, script.run_scores) == (0.5, (0.5, 0.5, 0.5))
    assert (judge.score, judge.details, judge.run_scores, judge.pending) == (
        0.5,
        "wrong",
        (1.0, 0.0, None),
        1,
    )
    assert (cell.automated_score, cell.llm_judge_score) == (0.5, 0.5)
    assert report.judge.pending == 1


def test_costs_of_preparing_and_judging_stand_beside_the_runs() -> None:
    plan = make_plan(1, ("original", "aot-compiled"), repetitions=1, judge_model="fake/judge")
    compiled = Preparation(
        condition="aot-compiled",
        model=TARGET.model,
        harness=TARGET.harness,
        skill_id="csv",
        what="compiled",
        is_reused=False,
        usage=Usage(input_tokens=700, output_tokens=70, calls=3, cost_usd=0.25),
        duration_ms=4000,
    )
    elsewhere = compiled.model_copy(update={"model": "other/model"})
    judged = {"judge_usage": Usage(input_tokens=90, calls=1, cost_usd=0.01)}
    report = build_report(plan, make_runs(plan, lambda *_: judged), preparations=[compiled, elsewhere])
    (made,) = report.preparations
    assert (made.tokens, made.cost, made.calls) == (770, 0.25, 3)
    assert (report.judge.spend.tokens, report.judge.spend.calls) == (180, 2)
    assert report.judge.spend.cost == pytest.approx(0.02)
    assert report.spend.tokens == sum(run.usage.total_tokens for run in make_runs(plan))


def test_a_watched_session_is_decided_by_the_anytime_test() -> None:
    plan = make_plan(12, ("original", "better"), stop_when="sure")
    scores = {"original": 0.1, "better": 0.9}
    report = build_report(plan, make_runs(plan, lambda _, name, __: {"score": scores[name]}))
    found = report.comparisons[0].as_completed
    assert (found.test, found.verdict) == ("anytime", "better")


def test_p_values_are_corrected_for_each_other() -> None:
    plan = make_plan(12, ("original", "a", "b", "c"))
    report = build_report(plan, make_runs(plan))
    for each in report.comparisons:
        assert each.as_completed.p is not None
        assert each.as_completed.holm_p is not None
        assert each.as_completed.holm_p >= each.as_completed.p
    smallest = min(report.comparisons, key=lambda each: each.as_completed.p or 0).as_completed
    assert smallest.holm_p == pytest.approx(min(1.0, 3 * (smallest.p or 0)))


@pytest.mark.parametrize("keep", [0, 1])
def test_hardly_any_run_is_a_report(keep: int) -> None:
    plan = make_plan(2)
    report = build_report(plan, make_runs(plan)[:keep])
    assert report.summary.task_count == 2
    assert sum(each.runs.total for each in report.summary.per_condition.values()) == keep
    assert all(each.as_completed.difference is None for each in report.comparisons)
    assert all(each.as_completed.verdict == "undecided" for each in report.comparisons)
    assert (report.completed_at is None) == (keep == 0)


def test_a_single_condition_is_compared_with_nothing() -> None:
    plan = make_plan(2, ("no-skill",))
    report = build_report(plan, make_runs(plan))
    assert report.comparisons == ()
    assert report.baseline == "no-skill"


def test_a_hundred_conditions_are_all_compared() -> None:
    plan = make_plan(3, [f"variant-{number}" for number in range(100)], repetitions=1)
    report = build_report(plan, make_runs(plan))
    assert len(report.comparisons) == 99
    assert {each.control for each in report.comparisons} == {"variant-0"}


def test_which_target_must_be_said_where_there_are_several() -> None:
    plan = make_plan(1, targets=(TARGET, Target(model="fake/large", harness="bare-agent")))
    with pytest.raises(ValueError, match="which of the 2 targets"):
        build_report(plan, make_runs(plan))
    report = build_report(plan, make_runs(plan), target=plan.targets[1])
    assert report.model == "fake/large"
    assert len(report.tasks[0].conditions[0].outcomes) == 2
    assert report.exclusions == ()


def test_a_report_can_be_read_again() -> None:
    plan = make_plan(3, skipped=(Skip(task_id="gpu", reason="needs a GPU"),))
    report = build_report(plan, make_runs(plan))
    text = report.model_dump_json(by_alias=True)
    assert Report.model_validate_json(text).model_dump_json(by_alias=True) == text
