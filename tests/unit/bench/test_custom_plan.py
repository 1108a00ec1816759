"""Plans in YAML: what they say, and every way they can be wrong, with its line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.bench.situations import write_skill

from skvm.bench.conditions.labelled import Labelled
from skvm.bench.contract import condition_of, planned_condition
from skvm.bench.custom_plan import CustomPlan, load_custom_plan, read_custom_plan
from skvm.bench.plan import Target
from skvm.bench.plan_file import PlanFile
from skvm.errors import UsageError

A = Target(model="fake/a", harness="bare-agent")
B = Target(model="fake/b", harness="shell-agent")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a dataset of two tasks, a task of its own, and two skills."""
    for name in ("data/tasks/t1", "data/tasks/t2", "own/t3"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "task.json").write_text("{}")
    for name in ("one", "two"):
        write_skill(tmp_path / "skills", name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(place: Path, text: str | bytes, name: str = "plan.yaml"):
    path = place / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_custom_plan(path, data_dir=place / "data")


def good(place: Path, text: str, name: str = "plan.yaml") -> CustomPlan:
    plan, found = read(place, text, name)
    assert plan is not None, found
    assert found == ()
    return plan


TREE = """\
defaults:
  model: fake/a
  adapter: bare-agent
  concurrency: 4
  judge-model: fake/judge
  timeout-mult: 2
  max-steps: 9
  runs-per-task: 3
groups:
  - tasks: [t1, t2]
    groups:
      - label: original
      - label: mine
        skill: skills/one
        timeout-mult: 1.5
      - model: fake/b
        adapter: shell-agent
        groups:
          - {label: mine, skill: ./skills/one, max-steps: 4}
          - {label: bare, tasks: [./own/t3], runs-per-task: 1}
  - {label: no-skill, tasks: [t2]}
"""


def test_children_inherit(place: Path):
    plan = good(place, TREE)
    t1, t2, t3 = place / "data/tasks/t1", place / "data/tasks/t2", place / "own/t3"
    told = [
        (leaf.label, leaf.target, leaf.skill and leaf.skill.name, leaf.tasks, leaf.line)
        for leaf in plan.leaves
    ]
    assert told == [
        ("original", A, None, (t1, t2), 12),
        ("mine", A, "one", (t1, t2), 13),
        ("mine", B, "one", (t1, t2), 19),
        ("bare", B, None, (t3,), 20),
        ("no-skill", A, None, (t2,), 21),
    ]
    limits = [(leaf.timeout_mult, leaf.max_steps, leaf.repetitions) for leaf in plan.leaves]
    assert limits == [(2.0, 9, 3), (1.5, 9, 3), (2.0, 4, 3), (2.0, 9, 1), (2.0, 9, 3)]
    assert (plan.concurrency, plan.judge_model) == (4, "fake/judge")
    assert plan.tasks == (t1, t2, t3)
    assert {target: len(leaves) for target, leaves in plan.by_target.items()} == {A: 3, B: 2}


def test_leaves_become_conditions_of_a_bench(place: Path):
    plan = good(place, TREE)
    planned = plan.conditions({task: task.name for task in plan.tasks})
    assert [each.name for each in planned] == ["original", "mine", "mine", "bare", "no-skill"]
    assert planned_condition(planned[0]) == condition_of("original")
    assert planned_condition(planned[1]) == Labelled(str(place / "skills/one"))
    assert planned_condition(planned[3]) == Labelled("")
    assert planned_condition(planned[4]) == condition_of("no-skill")
    mine = planned[1]
    assert (mine.targets, mine.task_ids) == ((A,), ("t1", "t2"))
    assert (mine.timeout_mult, mine.max_steps, mine.repetitions) == (1.5, 9, 3)


def test_an_inherited_skill_can_be_taken_back(place: Path):
    text = (
        "groups:\n- {skill: skills/one, model: fake/a, adapter: bare-agent, tasks: [t1], "
        "groups: [{label: x}, {label: no-skill, skill: null}]}\n"
    )
    assert [leaf.skill is None for leaf in good(place, text).leaves] == [False, True]


def test_paths_are_seen_from_the_current_folder_then_from_the_plan(place: Path):
    text = "groups: [{{label: x, model: fake/a, adapter: bare-agent, skill: {0}, tasks: [{1}]}}]\n"
    write_skill(place / "plans" / "skills", "one", "Beside the plan.\n")
    write_skill(place / "plans" / "skills", "three")
    here = good(place, text.format("skills/one", "own/t3"), "plans/p.yaml")
    assert here.leaves[0].skill == place / "skills/one"
    beside = good(place, text.format("skills/three", "../own/t3"), "plans/p.yaml")
    assert beside.leaves[0].skill == place / "plans/skills/three"
    assert beside.leaves[0].tasks == (place / "plans/../own/t3",)


def leaf(**changes: str) -> str:
    fields = {"label": "x", "model": "fake/a", "adapter": "bare-agent", "tasks": "[t1]", **changes}
    return "groups:\n- " + "\n  ".join(f"{key}: {value}" for key, value in fields.items()) + "\n"


@pytest.mark.parametrize(
    ("text", "code", "line", "said"),
    [
        ("", "SKV340", None, "the file is empty"),
        ("groups: [", "SKV340", 1, "not YAML"),
        ("a: 1\n---\nb: 2\n", "SKV340", 2, "not YAML"),
        ("groups: *x\n", "SKV340", 1, "not YAML: found undefined alias"),
        ("[" * 5000, "SKV340", None, "nested too deeply"),
        ("a: \x07", "SKV340", None, "unacceptable character"),
        (b"\xff\xfe\x00", "SKV340", None, "not UTF-8"),
        (b"# " + b"x" * (1 << 20), "SKV340", None, "over 1 MB"),
        ("- a\n", "SKV341", 1, "a plan must be an object"),
        ("defaults: {}\n", "SKV341", 1, "a plan needs groups"),
        ("groups: []\n", "SKV341", 1, "at least one group"),
        ("groups: 7\n", "SKV341", 1, "groups must be a list"),
        ("groups: [7]\n", "SKV341", 1, "a group must be an object"),
        ("defaults: 7\ngroups: []\n", "SKV341", 1, "defaults must be an object"),
        ("group: []\n", "SKV342", 1, "no field 'group'"),
        ("groups:\n- {? [1] : 2}\n", "SKV342", 2, "no field None"),
        (leaf(timeout_mult="2"), "SKV342", 6, "no field 'timeout_mult'"),
        (leaf(concurrency="2"), "SKV342", 6, "no field 'concurrency'"),
        (leaf() + "  <<: {label: y}\n", "SKV342", 6, "no field '<<'"),
        (leaf() + "  label: y\n", "SKV341", 6, "label stands twice, first on line 2"),
        (leaf(label="7"), "SKV341", 2, "label must be a text"),
        (leaf(label="no"), "SKV341", 2, "label must be a text"),
        (leaf(label="''"), "SKV341", 2, "label must be a text"),
        (leaf(label="../x"), "SKV341", 2, "without '/'"),
        (leaf(label="y" * 61), "SKV341", 2, "at most 60 characters"),
        (leaf(label='"a\\nb"'), "SKV341", 2, "label must be a text"),
        (leaf(label="!!python/object:os.system x"), "SKV341", 2, "label must be a text"),
        (leaf(model="weak"), "SKV341", 3, "no full model id"),
        (leaf(model="[fake/a]"), "SKV341", 3, "model must be a text"),
        (leaf(adapter="bare-agnt"), "SKV343", 4, "unknown harness"),
        (leaf(tasks="t1"), "SKV341", 5, "tasks must be a list"),
        (leaf(tasks="[]"), "SKV341", 2, "needs tasks"),
        (leaf(tasks="[t9]"), "SKV343", 5, "no task 't9' in the dataset"),
        (leaf(tasks="['..']"), "SKV343", 5, "no task '..'"),
        (leaf(tasks="[own/t9]"), "SKV343", 5, "no task 'own/t9'"),
        (leaf(tasks="[{a: 1}]"), "SKV341", 5, "a task must be a text"),
        (leaf(skill="skills/none"), "SKV343", 6, "no skill 'skills/none'"),
        (leaf(skill="own"), "SKV343", 6, "no skill 'own'"),
        (leaf(skill="[skills/one]"), "SKV341", 6, "skill must be a text"),
        (leaf(**{"timeout-mult": "0"}), "SKV341", 6, "timeout-mult must be a number over 0"),
        (leaf(**{"timeout-mult": ".inf"}), "SKV341", 6, "timeout-mult must be a number over 0"),
        (leaf(**{"timeout-mult": ".nan"}), "SKV341", 6, "timeout-mult must be a number over 0"),
        (leaf(**{"max-steps": "true"}), "SKV341", 6, "max-steps must be a whole number"),
        (leaf(**{"max-steps": "1.5"}), "SKV341", 6, "max-steps must be a whole number"),
        (leaf(**{"runs-per-task": "-1"}), "SKV341", 6, "runs-per-task must be a whole number"),
        (leaf(**{"runs-per-task": "9" * 5000}), "SKV341", 6, "runs-per-task must be a whole number"),
        (leaf(**{"max-steps": "2026-99-99"}), "SKV341", 6, "max-steps must be a whole number"),
        ("defaults: {concurrency: 0}\n" + leaf(), "SKV341", 1, "concurrency must be a whole number"),
        (leaf(skill="skills/one") + leaf(skill="skills/two").partition("\n")[2], "SKV344", 7, "on line 2"),
        (leaf() + leaf().partition("\n")[2], "SKV344", 6, "on line 2 already"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    place: Path, text: str | bytes, code: str, line: int | None, said: str
):
    plan, found = read(place, text)
    assert plan is None
    told = [(each.code, each.line, each.message) for each in found]
    assert any((code, line) == each[:2] and said in each[2] for each in told), told


@pytest.mark.parametrize("field", ["label", "model", "adapter"])
def test_a_leaf_needs_what_nobody_above_says(place: Path, field: str):
    text = "\n".join(
        line for line in leaf(skill="skills/one").splitlines() if f"{field}:" not in line
    ).replace("groups:\n  ", "groups:\n- ")
    _, found = read(place, text)
    assert [each.message for each in found] == [f"a group without groups needs {field}"]


def test_all_errors_are_told_at_once_by_the_strict_reader(place: Path):
    (place / "p.yaml").write_text(leaf(model="weak", skill="skills/none", color="red"))
    with pytest.raises(UsageError) as raised:
        load_custom_plan(place / "p.yaml", data_dir=place / "data")
    for part in ("line 3: 'weak'", "line 6: there is no skill", "line 7: a group has no field 'color'"):
        assert part in raised.value.message
    with pytest.raises(UsageError, match="cannot be read"):
        load_custom_plan(place / "none.yaml", data_dir=place / "data")
    with pytest.raises(UsageError, match="not a regular file"):
        load_custom_plan(place, data_dir=place / "data")


@pytest.mark.parametrize(
    "text",
    [
        "groups: &g [{label: x, groups: *g}, {label: y, groups: *g}]\n",
        "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrst")),
        "groups:\n- &a {label: x, groups: [*a, *a, *a]}\n",
        "groups:\n- label: x\n  tasks: &t [a/b, a/b]\n  groups: &g [{tasks: *t, groups: *g}, {groups: *g}]\n",
    ],
)
def test_aliases_make_no_endless_plan(place: Path, text: str):
    plan, found = read(place, text)
    assert plan is None
    assert 0 < len(found) <= 100


def test_aliases_that_mean_no_harm_are_read(place: Path):
    text = (
        "defaults: {model: fake/a, adapter: bare-agent}\n"
        "groups: [{label: original, tasks: &t [t1, t2]}, {label: no-skill, tasks: *t}]\n"
    )
    first, second = good(place, text).leaves
    assert first.tasks == second.tasks


def test_a_byte_order_mark_and_windows_line_ends_change_no_line(place: Path):
    text = b"\xef\xbb\xbf" + leaf(color="red").replace("\n", "\r\n").encode()
    _, found = read(place, text)
    assert [(each.code, each.line, each.column) for each in found] == [("SKV342", 6, 3)]


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_bytes_make_it_raise(tmp_path_factory, content):
    source = content.encode("utf-8", "replace") if isinstance(content, str) else content
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(source)
    plan, found = read_custom_plan(path, data_dir=path.parent)
    assert plan is None
    assert found
    assert PlanFile(path, source).found == []
