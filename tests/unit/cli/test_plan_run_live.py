"""What a person at a terminal sees of a plan run."""

import pytest

from skvm.cli import plan_run_live
from skvm.cli.plan_run_live import live_view, print_outcome
from skvm.cli.plan_run_report import summary_of
from skvm.compiler.plans.plan import Plan
from skvm.evidence.record import Usage
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import CommandJob, LeftJob, Node, PlanReport, StepResult, StepState
from skvm.runtime.plan.running.request import Outcome
from tests.unit.cli.plans import plan, step

AGAIN = ("skvm", "plan", "run", "my plan.json")


def outcome_of(*pairs, kept=(), notes=()):
    nodes = [node for node, _ in pairs]
    results = {node.id: result for node, result in pairs}
    return Outcome("plan-1", Graph.of(nodes), PlanReport(results, 1.25), kept=tuple(kept), notes=tuple(notes))


def node(name, *, after=(), once=False, left=""):
    job = LeftJob(left) if left else CommandJob(("true",))
    return Node(name, title=f"Step {name}", after=tuple(after), is_idempotent=not once, job=job)


@pytest.fixture
def printed(monkeypatch):
    """What is printed on a terminal of 100 columns, without colours."""
    from rich.console import Console

    console = Console(width=100, force_terminal=True, color_system=None, highlight=False, record=True)
    monkeypatch.setattr(plan_run_live, "out", console)
    return console.export_text


def test_a_table_says_what_became_of_each_step_and_how_to_go_on(printed):
    told = outcome_of(
        (node("1.1"), StepResult(StepState.DONE)),
        (node("1.2", once=True), StepResult(StepState.UNCERTAIN, reason="it was under way")),
        (
            node("1.3", left="it needs a model: sum it up"),
            StepResult(StepState.LEFT, reason="it needs a model"),
        ),
        (node("1.4", after=["1.3"]), StepResult(StepState.LEFT, reason="step 1.3 is left")),
        (
            node("1.5"),
            StepResult(StepState.FAILED, reason="no \x1b[31mred", usage=Usage(calls=2, input_tokens=5)),
        ),
        kept=["1.1"],
        notes=["something\x07 worth telling"],
    )
    print_outcome(told, Plan.model_validate(plan(step("1.1"))), AGAIN)
    text = printed()
    assert "\x1b" not in text
    assert "\x07" not in text
    for words in ("done before", "uncertain", "left", "failed", "note: something\ufffd worth telling"):
        assert words in text
    assert "1 done, 1 failed, 1 uncertain, 2 left in 1.2 s, 2 model calls, 5 tokens, $0.0000" in text
    assert "to do: step 1.3: it needs a model: sum it up" in text
    assert "step 1.4: " not in text, "nothing can be done about it yet"
    assert "next: skvm plan run 'my plan.json' --done 1.3" in text
    assert "next: skvm plan run 'my plan.json' --repeat 1.2" in text


def test_of_very_many_steps_only_what_is_not_done_is_shown(printed):
    nodes = [node(f"1.{index}") for index in range(500)]
    pairs = [(each, StepResult(StepState.DONE)) for each in nodes[:-1]]
    pairs.append((nodes[-1], StepResult(StepState.FAILED, reason="no")))
    print_outcome(outcome_of(*pairs), Plan.model_validate(plan(step("1.1"))), AGAIN)
    text = printed()
    assert "1.499" in text
    assert "1.17 " not in text
    assert "499 done, 1 failed" in text


def test_the_live_view_follows_a_run():
    graph = Graph.of([node("1.1"), node("1.2"), node("1.3")])
    done = StepResult(StepState.DONE)
    with live_view() as watcher:
        watcher.began("plan-1", graph, {"1.1": done, "1.2[x]": done})
        task = watcher.bar.tasks[0]
        assert (task.total, task.completed) == (3, 1)
        watcher.started(graph.nodes["1.2"])
        watcher.started(Node("1.2[y]"))
        assert task.description == "1.2, 1.2[y]"
        watcher.finished(Node("1.2[y]"), done)
        watcher.finished(graph.nodes["1.2"], StepResult(StepState.FAILED))
        assert (task.completed, task.fields["note"]) == (2, "1 item, 1 failed")
    assert not task.visible


def test_a_summary_counts_and_names_only_what_there_is():
    assert summary_of({}) == "no steps"
    assert summary_of({"a": StepResult(StepState.DONE)}) == "1 done"
