from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from pydantic import BaseModel

from skvm.compiler.contract import Counsel, PassContext, PassResult
from skvm.compiler.passes.extract_parallelism import ExtractParallelism
from skvm.compiler.pipeline import resolve_passes, run_passes
from skvm.compiler.plans.plan import Plan, PlanStep, dag_of, mermaid_of
from skvm.compiler.plans.plan_counsel import PlanProposal, with_proposal
from skvm.compiler.plans.planning import plan_of
from skvm.skill.ir import Skill
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill

A = TypeVar("A", bound=BaseModel)
READS = "# Flow\n\n1. Read `notes/a.md`.\n2. Read `notes/b.md`.\n3. Write the comparison to `out.md`.\n"


def planned(folder: Path, body: str, **files: str) -> Plan:
    return plan_of(make_skill(folder, body, **files)).plan


def waits(plan: Plan) -> dict[str, list[str]]:
    return {step.id: [found.step for found in step.depends_on] for step in plan.steps}


def applied(skill: Skill, counsel: Counsel | None = None) -> PassResult:
    async def run() -> PassResult:
        return await ExtractParallelism().apply(skill, PassContext(MODEL, HARNESS, None, counsel=counsel))

    return anyio.run(run)


def test_two_reads_may_go_at_once_and_the_write_waits(tmp_path: Path) -> None:
    plan = planned(tmp_path, READS)
    assert waits(plan) == {"1.1": [], "1.2": [], "1.3": ["1.1", "1.2"]}
    assert [(group.type, group.steps) for group in plan.groups] == [("ilp", ("1.1", "1.2"))]
    assert plan.groups[0].mechanism == "in one turn: read `notes/a.md`; read `notes/b.md`"
    assert plan.groups[0].fallback == "sequential_execution"


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("Run `cp in.csv out.csv`.", "Run `wc -l out.csv`.", "flow"),
        ("Run `wc -l data.csv`.", "Run `cp new.csv data.csv`.", "anti"),
        ("Run `cp a.csv out.csv`.", "Run `cp b.csv out.csv`.", "output"),
        ("Run `mystery --all`.", "Read `a.md`.", "control"),
        ("Wait for the user's approval.", "Read `a.md`.", "confirmation"),
        ("Read `a.md`.", "Read `b.md` for what was found in it.", "flow"),
    ],
)
def test_why_a_step_waits(tmp_path: Path, first: str, second: str, kind: str) -> None:
    plan = planned(tmp_path, f"# Flow\n\n1. {first}\n2. {second}\n")
    assert [found.kind for found in plan.steps[1].depends_on] == [kind]
    assert plan.groups == ()


def test_a_step_may_name_the_one_it_needs(tmp_path: Path) -> None:
    plan = planned(tmp_path, "# Flow\n\n1. Read `a.md`.\n2. Read `b.md`.\n3. Read `c.md` after step 1.\n")
    assert [(found.step, found.kind) for found in plan.steps[2].depends_on] == [("1.1", "stated")]


def test_a_circle_is_told(tmp_path: Path) -> None:
    found = plan_of(
        make_skill(tmp_path, "# Flow\n\n1. Run `wc a.md` on the result of step 2.\n2. Run `cp x.md a.md`.\n")
    )
    assert [item.code for item in found.diagnostics] == ["SKV230"]
    assert found.plan.groups == ()


SAID = (
    "# Flow\n\n1. Design the left.\n2. Design the right.\n3. Write `out.md`.\n\n"
    "Steps 1 and 2 can run in parallel.\n"
)


def test_what_the_skill_says_lifts_a_doubt(tmp_path: Path) -> None:
    plan = planned(tmp_path, SAID)
    assert [(group.type, group.steps) for group in plan.groups] == [("tlp", ("1.1", "1.2"))]
    assert waits(plan)["1.2"] == []


def test_what_the_skill_says_does_not_lift_a_conflict(tmp_path: Path) -> None:
    body = SAID.replace("Design the left", "Run `cp a x.md`").replace("Design the right", "Run `cp b x.md`")
    found = plan_of(make_skill(tmp_path, body))
    assert [item.code for item in found.diagnostics] == ["SKV231"]
    assert found.plan.groups == ()


def test_a_loop_is_a_step_of_its_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, '# Batch\n\n```bash\nfor f in *.png; do convert "$f" "small/$f"; done\n```\n')
    group = plan.groups[0]
    assert (group.type, group.steps) == ("dlp", ("0.1",))
    assert group.items is not None
    assert (group.items.kind, group.items.over) == ("glob", "*.png")
    assert group.items.command == "convert {item} small/{item}"


def test_exact_commands_can_be_run_without_a_model(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        "# Flow\n\n1. Run `python scripts/scan.py in.txt`.\n2. Run `python scripts/scan.py <file>`.\n",
        scripts__scan_dot_py="import sys\nprint(open(sys.argv[1]).read())\n",
    )
    first, second = plan.steps
    assert first.executable
    assert [(action.command, action.script, action.idempotent) for action in first.actions] == [
        ("python scripts/scan.py in.txt", "scripts/scan.py", True)
    ]
    assert not second.executable


def test_the_record_reads_back(tmp_path: Path) -> None:
    plan = planned(tmp_path, READS)
    text = json.dumps(plan.record())
    assert json.loads(text)["schema"] == 1
    assert json.loads(text)["steps"][2]["dependsOn"][0]["step"] == "1.1"
    assert Plan.model_validate_json(text) == plan


def test_the_compatible_graph(tmp_path: Path) -> None:
    dag = dag_of(planned(tmp_path, READS))
    assert [step["dependsOn"] for step in dag["steps"]] == [[], [], ["1.1", "1.2"]]
    assert set(dag["parallelism"][0]) == {"type", "steps", "mechanism", "fallback"}
    graph = mermaid_of(dag)
    assert "s1_1 --> s1_3" in graph
    assert mermaid_of(dag_of(planned(tmp_path, "# Flow\n\n1. Explore.\n2. Build.\n"))) == ""


def test_the_pass_hints_and_keeps_the_text(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, READS)
    result = applied(skill)
    assert set(result.records) == {"plan.json", "workflow-dag.md"}
    (edit,) = result.edits
    assert edit.span.start == edit.span.end == len(skill.source)
    assert "read `notes/a.md`; read `notes/b.md`" in edit.new_text
    assert "#" not in edit.new_text

    async def run() -> bytes:
        ctx = PassContext(MODEL, HARNESS, make_profile("L3"))
        return (await run_passes(skill, resolve_passes(["3"]), ctx)).skill.source

    made = anyio.run(run)
    assert made.startswith(skill.source)
    assert made.endswith(edit.new_text.encode())


def test_a_hint_names_the_command_for_each_item(tmp_path: Path) -> None:
    body = "# Icons\n\n```bash\nfor s in 64 32 16; do\n  convert in.png -resize $s icon-$s.png\ndone\n```\n"
    result = applied(make_skill(tmp_path, body))
    assert "`convert in.png -resize {item} icon-{item}.png`" in result.edits[0].new_text


def test_a_hint_is_in_the_language_of_the_skill_and_cuts_no_word(tmp_path: Path) -> None:
    loop = "```bash\nfor s in 64 32 16; do\n  convert in.png -resize $s icon-$s.png\ndone\n```\n"
    (edit,) = applied(make_skill(tmp_path, f"# 图标\n\n## 生成各种大小的图标\n\n{loop}")).edits
    assert "**可以同时进行（每项做同样的事）** — “" in edit.new_text
    assert "：逐项各调用一次 `64 32 16`，一轮最多 8 个：`convert in.png" in edit.new_text
    assert "tools" not in edit.new_text
    long = READS.replace("`notes/a.md`", "`notes/a.md` for everything the neighbours have told about it", 1)
    (edit,) = applied(make_skill(tmp_path, long)).edits
    assert "everything…”" in edit.new_text or "neighbours…”" in edit.new_text


def test_no_hint_for_a_target_that_cannot_batch(tmp_path: Path) -> None:
    async def run() -> PassResult:
        ctx = PassContext(MODEL, HARNESS, make_profile("L2", tool_call_batch="L0"))
        return await ExtractParallelism().apply(make_skill(tmp_path, READS), ctx)

    result = anyio.run(run)
    assert result.edits == ()
    assert json.loads(result.records["plan.json"])["groups"]


def test_a_name_the_shell_takes_apart_is_the_items_name(tmp_path: Path) -> None:
    body = '# Batch\n\n```bash\nfor f in *.md; do\n  cp "$f" "${f%.md}.bak"\ndone\n```\n'
    group = planned(tmp_path, body).groups[0]
    assert group.items is not None
    assert group.items.command == "cp {item} {name}.bak"


def test_no_group_no_hint(tmp_path: Path) -> None:
    result = applied(make_skill(tmp_path, "# Flow\n\n1. Explore.\n2. Build.\n"))
    assert result.edits == ()
    assert result.artifacts == {"dag": {"steps": [], "parallelism": []}}
    assert set(result.records) == {"plan.json"}


def proposal(**value: Any) -> PlanProposal:
    return PlanProposal.model_validate(value)


def test_a_model_may_add_a_dependency(tmp_path: Path) -> None:
    plan, refused = with_proposal(
        planned(tmp_path, READS),
        proposal(dependencies=[{"step": "1.2", "depends_on": "1.1", "reason": "b cites a"}]),
    )
    assert waits(plan)["1.2"] == ["1.1"]
    assert plan.groups == ()
    assert refused == ()


@pytest.mark.parametrize(
    "dependency",
    [
        {"step": "1.1", "depends_on": "9.9", "reason": "x"},
        {"step": "1.1", "depends_on": "1.1", "reason": "x"},
        {"step": "1.1", "depends_on": "1.3", "reason": "x"},
    ],
)
def test_a_model_may_not_name_what_is_not_there_or_close_a_circle(
    tmp_path: Path, dependency: Mapping[str, str]
) -> None:
    before = planned(tmp_path, READS)
    after, refused = with_proposal(before, proposal(dependencies=[dict(dependency)]))
    assert after == before
    assert [item.code for item in refused] == ["SKV232"]


@pytest.mark.parametrize(
    "group",
    [
        {"type": "ilp", "steps": ["1.1", "1.3"], "reason": "x"},
        {"type": "ilp", "steps": ["1.1"], "reason": "x"},
        {"type": "tlp", "steps": ["1.1", "7.7"], "reason": "x"},
        {"type": "dlp", "steps": ["1.1"], "reason": "x"},
        {"type": "dlp", "steps": ["1.3"], "over": "rows", "reason": "x"},
    ],
)
def test_a_group_of_a_model_must_pass_the_same_check(tmp_path: Path, group: Mapping[str, Any]) -> None:
    before = planned(tmp_path, READS)
    after, refused = with_proposal(before, proposal(groups=[dict(group)]))
    assert after.groups == before.groups
    assert [item.code for item in refused] == ["SKV232"]


def test_a_group_of_a_model_that_passes(tmp_path: Path) -> None:
    after, refused = with_proposal(
        planned(tmp_path, READS),
        proposal(groups=[{"type": "dlp", "steps": ["1.1"], "over": "each section", "reason": "apart"}]),
    )
    assert [(group.type, group.source) for group in after.groups] == [("ilp", "static"), ("dlp", "model")]
    assert refused == ()


class Says:
    """A counsel with one answer."""

    model = "test/one"
    answers: Mapping[str, Any] = {}

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def ask(self, prompt: str, answer: type[A], *, system: str = "") -> A:
        self.asked.append(prompt)
        return answer.model_validate(self.answer)


def test_the_model_is_shown_every_step_and_only_then_heard(tmp_path: Path) -> None:
    counsel = Says({"dependencies": [{"step": "1.2", "depends_on": "1.1", "reason": "b cites a"}]})
    result = applied(make_skill(tmp_path, READS), counsel)
    assert all(step in counsel.asked[0] for step in ("1.1", "1.2", "1.3"))
    assert result.edits == ()
    assert json.loads(result.records["plan.json"])["groups"] == []


def test_steps_are_told_apart(tmp_path: Path) -> None:
    plan = planned(tmp_path, READS)
    assert len({step.id for step in plan.steps}) == len(plan.steps)
    assert all(isinstance(step, PlanStep) for step in plan.steps)


def test_a_map_of_a_model_is_a_step_whose_files_are_known(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        "# Labels\n\n## Step 1: Label the tickets\n\nFor each `inbox/*.txt`, choose a label from "
        "`references/labels.md` and write `labels/<name>.json`.\n\n"
        "## Step 2: Tally\n\nRun `wc labels/a.json`.\n",
    )
    first, second = plan.steps
    assert (first.kind, first.open, first.idempotent, first.conditional) == ("write", False, True, False)
    assert first.text.startswith("Step 1: Label the tickets\n\nFor each `inbox/*.txt`")
    assert [(found.step, found.kind) for found in second.depends_on] == [(first.id, "flow")]
    (group,) = plan.groups
    assert group.items is not None
    assert (group.type, group.items.kind, group.items.over) == ("dlp", "glob", "inbox/*.txt")
    assert (group.items.output, group.items.inputs) == ("labels/{name}.json", ("references/labels.md",))
    assert group.forecast is not None
    assert group.forecast.parallel_s < group.forecast.serial_s


def test_two_branches_of_a_model_are_groups_level_by_level(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        "# Day\n\n1. Read `sales.csv` and write `sales.md`.\n2. Read `sales.md` and write `sales.txt`.\n"
        "3. Read `returns.csv` and write `returns.md`.\n4. Read `returns.md` and write `returns.txt`.\n"
        "5. Combine `sales.txt` and `returns.txt` into `day.md`.\n",
    )
    assert waits(plan) == {"1.1": [], "1.2": ["1.1"], "1.3": [], "1.4": ["1.3"], "1.5": ["1.2", "1.4"]}
    assert [group.steps for group in plan.groups] == [("1.1", "1.3"), ("1.2", "1.4")]


def test_a_step_of_commands_waits_for_a_check_but_not_for_what_makes_other_files(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        "# Flow\n\n1. Run `sort a > b`.\n2. Run `sort c > d`.\n3. Run `diff e f`.\n4. Run `sort g > h`.\n",
    )
    assert waits(plan) == {"1.1": [], "1.2": [], "1.3": [], "1.4": ["1.3"]}
    assert [group.steps for group in plan.groups] == [("1.1", "1.2", "1.3")]


def test_a_loop_beside_other_commands_is_not_the_whole_step(tmp_path: Path) -> None:
    loop = "for f in in/*.txt; do sort $f > out/$(basename $f); done"
    body = "# Flow\n\n1. Run this:\n\n   ```bash\n   {}\n   ```\n2. Read `z.md`.\n"
    alone = planned(tmp_path, body.format(f"mkdir -p out\n   {loop}"))
    (group,) = [group for group in alone.groups if group.items is not None]
    assert group.items is not None
    assert group.items.command == "mkdir -p out && sort {item} > out/{name}.txt"
    beside = planned(tmp_path, body.format(f"{loop}\n   wc notes > n"))
    assert all(group.items is None or group.items.command is None for group in beside.groups)
    assert beside.steps[0].executable
    assert len(beside.steps[0].actions) == 2
