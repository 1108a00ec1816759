"""Gates: what is read, what passes, and what never does."""

from __future__ import annotations

from typing import Literal

import pytest
from tests.unit.evaluate.test_stats import record

from skvm.bench.gate import Gate, evaluate_gate, gate_decisions, parse_gate
from skvm.bench.plan import BenchPlan, PlannedCondition, Target
from skvm.errors import UsageError
from skvm.evaluate.stats import Decision, decide_scores

CONDITIONS = ("no-skill", "original", "aot-compiled-p13")


def decision(*gaps: float, base: float = 0.5) -> Decision:
    tasks = {f"t{place}": gap for place, gap in enumerate(gaps)}
    return decide_scores(
        {task: {0: base + gap} for task, gap in tasks.items()}, {task: {0: base} for task in tasks}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("variant >= original", Gate("aot-compiled-p13", ">=", "original")),
        ("aot-compiled-p13>=no-skill", Gate("aot-compiled-p13", ">=", "no-skill")),
        ("original > no-skill", Gate("original", ">", "no-skill")),
        (" variant >= original - 0.05 ", Gate("aot-compiled-p13", ">=", "original", -0.05)),
        ("variant > original +.1", Gate("aot-compiled-p13", ">", "original", 0.1)),
    ],
)
def test_what_a_gate_says(text: str, expected: Gate) -> None:
    found = parse_gate(text, CONDITIONS)
    assert found == expected
    assert parse_gate(str(found), CONDITIONS) == found


def test_a_condition_may_look_like_a_margin() -> None:
    assert parse_gate("a >= b - 3", ("a", "b", "b - 3")) == Gate("a", ">=", "b - 3")


@pytest.mark.parametrize(
    ("text", "message", "help_"),
    [
        ("variant", "not a gate", "variant >= original"),
        ("variant = original", "not a gate", "variant >= original"),
        ("a >= b >= c", "not a gate", "variant >= original"),
        ("variant >= orignal", "no condition 'orignal'", "did you mean 'original'?"),
        ("variant >= original-0.05", "no condition 'original-0.05'", "no-skill, original, aot-compiled-p13"),
        ("variant >= original - 5", "not in [0, 1]", "variant >= original"),
        ("original >= original", "with itself", "variant >= original"),
    ],
)
def test_what_is_no_gate(text: str, message: str, help_: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_gate(text, CONDITIONS)
    assert message in raised.value.message
    assert help_ in (raised.value.help or "")


def test_the_variant_has_to_be_one() -> None:
    assert parse_gate("variant > original", ("original", "mine")).treatment == "mine"
    assert (
        parse_gate("variant > original", ("original", "jit-boost", "aot-compiled")).treatment
        == "aot-compiled"
    )
    for conditions in (("original", "no-skill"), ("original", "aot-compiled-p1", "aot-compiled-p2")):
        with pytest.raises(UsageError) as raised:
            parse_gate("variant >= original", conditions)
        assert f"the conditions are {', '.join(conditions)}" == raised.value.help


@pytest.mark.parametrize(
    ("relation", "offset", "gaps", "status"),
    [
        (">=", 0.0, [0.0] * 8, "pass"),
        (">=", 0.0, [0.2] * 8, "pass"),
        (">=", 0.0, [-0.2] * 8, "fail"),
        (">=", 0.0, [-0.2, 0.2, -0.1] * 3, "pass"),
        (">=", -0.3, [-0.2] * 8, "pass"),
        (">=", -0.1, [-0.2] * 8, "fail"),
        (">", 0.0, [0.2] * 8, "pass"),
        (">", 0.0, [0.2, -0.2] * 4, "fail"),
        (">", 0.0, [-0.2] * 8, "fail"),
        (">", 0.3, [0.2] * 8, "fail"),
        (">", 0.1, [0.2] * 8, "pass"),
        # Two runs cannot show a regression, so a loss among them is no pass.
        (">=", 0.0, [-0.5] * 2, "undecided"),
        (">=", 0.0, [0.0] * 2, "pass"),
        (">", 0.0, [0.5] * 2, "fail"),
    ],
)
def test_what_passes(relation: str, offset: float, gaps: list[float], status: str) -> None:
    gate = Gate("a", relation, "b", offset)  # type: ignore[arg-type]
    found = evaluate_gate(gate, {"target": decision(*gaps)})
    assert found.status == status, found.sentence
    assert found.is_passed == (status == "pass")
    assert found.sentence.startswith(f"gate '{gate}': {status}: ")


def test_no_common_data_is_never_a_pass() -> None:
    gate = Gate("a", ">=", "b")
    assert evaluate_gate(gate, {}).status == "fail"
    apart = decide_scores({"x": {0: 1.0}}, {"y": {0: 1.0}})
    found = evaluate_gate(gate, {"one": decision(*[0.5] * 8), "two": apart})
    assert found.status == "fail"
    assert "two: a and b have no common task with scores" in found.sentence


def test_a_regression_on_one_of_many_targets_is_corrected_for_them() -> None:
    gate, lost = Gate("a", ">=", "b"), decision(*[-0.2] * 6)
    assert evaluate_gate(gate, {"one": lost}).status == "fail"
    assert evaluate_gate(gate, {"one": lost, "two": decision(*[0.0] * 6)}).status == "pass"
    assert evaluate_gate(gate, {"one": decision(*[-0.2] * 8), "two": decision(*[0.0] * 6)}).status == "fail"
    better = Gate("a", ">", "b")
    assert evaluate_gate(better, {"one": decision(*[0.2] * 6), "two": decision(*[0.2] * 6)}).status == "pass"
    assert evaluate_gate(better, {"one": decision(*[0.2] * 6), "two": decision(*[0.0] * 6)}).status == "fail"


@pytest.mark.parametrize("stop_when", [None, "sure"])
def test_a_session_is_compared_on_each_target(stop_when: Literal["sure"] | None) -> None:
    targets = (Target(model="m", harness="h"), Target(model="other", harness="h"))
    plan = BenchPlan(
        session_id="s",
        created_at="",
        tasks=(),
        targets=targets,
        conditions=(PlannedCondition(name="original"), PlannedCondition(name="mine")),
        stop_when=stop_when,
    )
    runs = [
        record(f"t{place}", score).model_copy(update={"condition": condition, "model": model})
        for place in range(7)
        for condition, model, score in (("original", "m", 0.9), ("mine", "m", 0.1), ("mine", "other", 1.0))
    ]
    gate = parse_gate("variant >= original", plan.condition_names)
    found = gate_decisions(gate, runs, plan)
    assert list(found) == ["m in h", "other in h"]
    assert found["m in h"].difference == pytest.approx(-0.8)
    assert found["m in h"].test == ("sign-flip" if stop_when is None else "anytime")
    assert found["other in h"].difference is None
    assert evaluate_gate(gate, found).status == "fail"
    # Seven blocks are enough for one look and not for seven.
    alone = evaluate_gate(gate, {"m in h": found["m in h"]})
    assert alone.status == ("fail" if stop_when is None else "undecided")
