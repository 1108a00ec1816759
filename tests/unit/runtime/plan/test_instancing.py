from __future__ import annotations

from typing import Any

import pytest

from skvm.compiler.plans.plan import Plan
from skvm.errors import UsageError
from skvm.runtime.plan.instancing import graph_of, main_procedure, needs_of
from skvm.runtime.plan.model import AgentJob, AskJob, CommandJob, LeftJob, MapJob, Target

SPAN = {"start": 0, "end": 1}
MODEL = Target("local/some", "shell-agent")


def step(id: str, after: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    needs = [{"step": other, "kind": "flow", "reason": "it reads it"} for other in after]
    return {"id": id, "description": f"Do {id}", "span": SPAN, "kind": "open", "dependsOn": needs, **more}


def command(id: str, line: str, after: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return step(id, after, kind="command", executable=True, actions=[{"command": line}], **more)


def plan(*steps: dict[str, Any], groups: tuple[dict[str, Any], ...] = (), **more: Any) -> Plan:
    given = {
        "skill": "a-skill",
        "skillDigest": "sha256:0",
        "procedures": [{"id": "1", "title": "All", "span": SPAN, "steps": [each["id"] for each in steps]}],
        "steps": list(steps),
        "groups": [{"mechanism": "m", "reason": "r", "span": SPAN, **group} for group in groups],
    }
    return Plan.model_validate({**given, **more})


def test_commands_run_and_what_needs_a_model_is_left_without_one():
    made = plan(
        command("1.1", "true", exclusive=["git"], idempotent=True), step("1.2", ("1.1",), text="Think.")
    )
    graph = graph_of(made, target=Target())
    first, second = graph.nodes.values()
    assert first.job == CommandJob(("true",))
    assert first.needs == ("cpu", "only:git")
    assert first.is_idempotent
    assert second.job == LeftJob("it needs a model: Think.")
    assert graph.after["1.2"] == ("1.1",)


def test_a_step_of_known_files_is_a_question_and_any_other_an_agents():
    known = step("1.1", kind="write", reads=["sales.csv"], writes=["sales.md"], text="Sum it up.")
    other = step("1.2", ("1.1",), open=True, text="Do what is needed.")
    graph = graph_of(plan(known, other), target=MODEL)
    first, second = graph.nodes.values()
    assert first.job == AskJob("Sum it up.", ("sales.csv",), "sales.md")
    assert first.needs == ("model:local",)
    assert first.is_idempotent
    assert second.job == AgentJob("Do what is needed.", ("1.2",), is_alone=True)
    assert second.needs == ()
    assert not second.is_idempotent


@pytest.mark.parametrize(
    "more",
    [
        {"reads": ["a"], "writes": ["b", "c"]},
        {"reads": ["a"], "writes": ["out/"]},
        {"reads": ["a"], "writes": ["out/*.md"]},
        {"reads": ["a"], "writes": ["person:"]},
        {"reads": ["*"], "writes": ["b"]},
        {"reads": [], "writes": ["b"]},
        {"reads": ["a"], "writes": ["b"], "conditional": True},
        {"reads": ["a"], "writes": ["b"], "hosts": ["example.org"]},
        {"reads": ["a"], "writes": ["b"], "actions": [{"command": "sort a"}]},
    ],
)
def test_what_is_not_wholly_known_is_an_agents(more: dict[str, Any]):
    (node,) = graph_of(plan(step("1.1", kind="write", **more)), target=MODEL).nodes.values()
    assert isinstance(node.job, AgentJob)


def test_maps_go_over_files_and_lists():
    groups = (
        {
            "id": "g1",
            "type": "dlp",
            "steps": ["1.1"],
            "items": {
                "kind": "glob",
                "over": "in/*.txt",
                "output": "out/{name}.json",
                "inputs": ["rules.md"],
            },
        },
        {
            "id": "g2",
            "type": "dlp",
            "steps": ["1.2"],
            "items": {"kind": "list", "over": "a, b", "values": ["a", "b"], "command": "wc {item}"},
        },
    )
    made = plan(
        step("1.1", kind="write", reads=["in/*.txt"], writes=["out/*.json"], open=True, text="Label each."),
        step("1.2", kind="command"),
        groups=groups,
    )
    asked, counted = graph_of(made, target=MODEL).nodes.values()
    assert asked.job == MapJob(
        AskJob("Label each.", ("rules.md",), "out/{name}.json", item="{item}"), glob="in/*.txt"
    )
    assert not asked.is_open
    assert asked.group == "g1"
    assert counted.job == MapJob(CommandJob(("wc {item}",)), items=("a", "b"))
    serial = graph_of(made, target=MODEL, fused={"g1"}).nodes["1.1"]
    assert isinstance(serial.job, MapJob)
    assert serial.job.is_serial
    left, _ = graph_of(made, target=Target()).nodes.values()
    assert isinstance(left.job, LeftJob)


def test_a_fused_group_is_a_row():
    made = plan(
        command("1.1", "a", writes=["x"]),
        command("1.2", "b", writes=["y"]),
        command("1.3", "c", writes=["z"]),
        groups=({"id": "g1", "type": "ilp", "steps": ["1.1", "1.2", "1.3"]},),
    )
    assert graph_of(made, target=Target()).after["1.3"] == ()
    fused = graph_of(made, target=Target(), fused={"g1"})
    assert fused.after == {"1.1": (), "1.2": (), "1.3": ()}
    assert fused.nodes["1.3"].order == ("1.2",)
    assert not any(map(fused.may_overlap, fused.nodes))


def test_where_no_group_pays_nothing_runs_at_once():
    made = plan(
        command("1.1", "a", writes=["a"]),
        command("1.2", "b", ("1.1",), writes=["b"]),
        command("1.3", "c", writes=["c"]),
        command("1.4", "d", ("1.3",), writes=["d"]),
        groups=(
            {"id": "g1", "type": "ilp", "steps": ["1.1", "1.3"]},
            {"id": "g2", "type": "ilp", "steps": ["1.2", "1.4"]},
        ),
    )
    one = graph_of(made, target=Target(), fused={"g1"})
    assert one.may_overlap("1.2")
    for graph in (
        graph_of(made, target=Target(), fused={"g1", "g2"}),
        graph_of(made, target=Target(), serial=True),
    ):
        assert not any(map(graph.may_overlap, graph.nodes))
        assert list(graph.nodes) == ["1.1", "1.2", "1.3", "1.4"]


def test_agents_in_a_row_are_one_conversation_though_nothing_joins_them():
    made = plan(*(step(f"1.{index}", text=f"Do {index}.") for index in range(1, 5)))
    assert len(graph_of(made, target=MODEL).nodes) == 4
    (node,) = graph_of(made, target=MODEL, serial=True).nodes.values()
    assert node.id == "1.1+1.2+1.3+1.4"
    assert node.job == AgentJob(
        "Do 1.\n\nDo 2.\n\nDo 3.\n\nDo 4.", ("1.1", "1.2", "1.3", "1.4"), is_alone=True
    )


def test_a_group_of_agents_in_a_row_swallows_no_neighbour():
    leans = {"open": True}
    made = plan(
        step("1.1", text="Before.", **leans),
        step("1.2", ("1.1",), text="One.", **leans),
        step("1.3", ("1.1",), text="Two.", **leans),
        step("1.4", ("1.2", "1.3"), text="After.", **leans),
        groups=({"id": "g1", "type": "tlp", "steps": ["1.2", "1.3"]},),
    )
    assert list(graph_of(made, target=MODEL).nodes) == ["1.1", "1.2", "1.3", "1.4"]
    # What is measured in a row is then the same work as at once.
    assert list(graph_of(made, target=MODEL, fused={"g1"}).nodes) == ["1.1", "1.2+1.3", "1.4"]
    assert list(graph_of(made, target=MODEL, serial=True).nodes) == ["1.1", "1.2+1.3", "1.4"]


def test_a_map_of_a_serial_run_is_a_row_too():
    items = {"kind": "list", "over": "a", "values": ["a", "b"], "command": "wc {item}"}
    made = plan(step("1.1"), groups=({"id": "g1", "type": "dlp", "steps": ["1.1"], "items": items},))
    job = graph_of(made, target=Target(), serial=True).nodes["1.1"].job
    assert isinstance(job, MapJob)
    assert job.is_serial


def test_agents_that_only_follow_each_other_become_one():
    made = plan(
        step("1.1", text="First."),
        step("1.2", ("1.1",), text="Then."),
        command("1.3", "a", ("1.2",), writes=["x"]),
        step("1.4", ("1.2",), text="Beside."),
        step("1.5", ("1.3", "1.4"), text="Last."),
    )
    graph = graph_of(made, target=MODEL)
    assert list(graph.nodes) == ["1.1+1.2", "1.3", "1.4", "1.5"]
    assert graph.nodes["1.1+1.2"].job == AgentJob("First.\n\nThen.", ("1.1", "1.2"), is_alone=True)
    assert graph.nodes["1.4"].job == AgentJob("Beside.", ("1.4",))
    assert graph.nodes["1.4"].needs == ("branch",)
    assert graph.nodes["1.4"].is_idempotent
    assert graph.after["1.5"] == ("1.3", "1.4")


def test_a_question_to_a_person_is_left_until_it_is_answered():
    made = plan(
        step("1.1", confirmation=True, text="Ask whether to go on."), command("1.2", "true", ("1.1",))
    )
    assert graph_of(made, target=MODEL).nodes["1.1"].job == LeftJob(
        "a person has to answer first: Ask whether to go on."
    )
    assert isinstance(graph_of(made, target=MODEL, answered={"1.1"}).nodes["1.1"].job, AgentJob)


def test_one_procedure_is_run_and_several_have_to_be_named():
    both = [
        {"id": "1", "title": "Make", "span": SPAN, "steps": ["1.1"]},
        {"id": "2", "title": "Remove", "span": SPAN, "steps": ["2.1"]},
        {"id": "3", "title": "Inside", "span": SPAN, "partOf": "1.1", "steps": ["3.1"]},
        {"id": "loop-1", "title": "Beside", "span": SPAN, "steps": ["0.1"]},
    ]
    steps = [command(id, "true") for id in ("1.1", "2.1", "3.1", "0.1")]
    two = plan(*steps, procedures=both)
    assert main_procedure(two) is None
    with pytest.raises(UsageError, match=r"2 procedures: 1 \(Make\); 2 \(Remove\)"):
        graph_of(two, target=Target())
    assert list(graph_of(two, target=Target(), procedures=["2"]).nodes) == ["2.1"]
    with pytest.raises(UsageError, match="no procedure '9'"):
        graph_of(two, target=Target(), procedures=["9"])
    one = plan(*steps, procedures=[both[0], *both[2:]])
    assert list(graph_of(one, target=Target()).nodes) == ["1.1"]
    loop = plan(*steps, procedures=both[3:])
    assert list(graph_of(loop, target=Target()).nodes) == ["0.1"]
    assert not graph_of(plan(), target=Target()).nodes


def test_needs_of_an_agent_alone():
    assert needs_of(AgentJob("x", ("1",)), MODEL, ["browser"]) == ("branch", "only:browser")
    assert needs_of(AgentJob("x", ("1",), is_alone=True), MODEL) == ()


def test_a_step_that_only_says_what_to_read_is_no_work_and_its_file_is_shown():
    leans = {"dependsOn": [{"step": "1.1", "kind": "flow", "reason": "it may use what was found"}]}
    made = plan(
        step("1.1", kind="read", reads=["rules.md"], text="Read the rules."),
        step("1.2", kind="write", reads=["in.txt"], writes=["out.txt"], text="Apply them.") | leans,
        step("1.3", open=True, text="Look around.") | leans,
    )
    graph = graph_of(made, target=MODEL)
    assert graph.nodes["1.1"].job == CommandJob(())
    assert graph.nodes["1.1"].needs == ()
    assert graph.nodes["1.2"].job == AskJob("Apply them.", ("rules.md", "in.txt"), "out.txt")
    other = graph.nodes["1.3"].job
    assert isinstance(other, AgentJob)
    assert other.instruction == "Read the rules.\n\nLook around."


def test_what_leans_on_something_that_stands_in_no_file_is_an_agents():
    leans = {"dependsOn": [{"step": "1.1", "kind": "flow", "reason": "it may use what was found"}]}
    made = plan(
        step("1.1", kind="check", reads=["*"]),
        step("1.2", kind="write", reads=["in.txt"], writes=["out.txt"]) | leans,
    )
    assert all(isinstance(node.job, AgentJob) for node in graph_of(made, target=MODEL).nodes.values())
