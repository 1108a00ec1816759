"""What is found about plans: all at its place, nothing about what skvm writes, garbage without a fault."""

from __future__ import annotations

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of
from skvm.diagnostics import Severity
from skvm.runtime.plan.checking import Checked, Surroundings, check_plan
from skvm.runtime.plan.instancing import graph_of
from skvm.runtime.plan.model import Target
from skvm.skill.frontend import load_skill

EXAMPLES = sorted((Path(__file__).parents[5] / "examples").glob("**/SKILL.md"))
SPAN = {"start": 0, "end": 1}


def step(name: str, *after: str, reads: Any = (), writes: Any = (), **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "description": f"Step {name}",
        "span": SPAN,
        "kind": "write",
        "reads": list(reads),
        "writes": list(writes),
        "dependsOn": [{"step": each, "kind": "flow", "reason": "it uses it"} for each in after],
        **more,
    }


def group(*steps: str, **more: Any) -> dict[str, Any]:
    given = {"id": "g1", "type": "ilp", "steps": list(steps), "mechanism": "", "reason": "", "span": SPAN}
    return given | more


def plan(*steps: dict[str, Any], groups: Any = (), **more: Any) -> dict[str, Any]:
    procedure = {"id": "1", "title": "All", "span": SPAN, "steps": [each["id"] for each in steps]}
    return {
        "schema": 1,
        "skill": "demo",
        "skillDigest": "sha256:0",
        "procedures": [procedure],
        "steps": list(steps),
        "groups": list(groups),
        **more,
    }


def check(value: Any, **around: Any) -> Checked:
    data = json.dumps(value, indent=1).encode()
    return check_plan(data, name="plan.json", around=Surroundings(**around))


def told(checked: Checked) -> list[tuple[str, str, str]]:
    """Code, severity, and the line it points at."""
    return [(each.code, each.severity.value, each.text.strip().rstrip(",")) for each in checked.diagnostics]


def said(checked: Checked) -> str:
    return "\n".join(each.message for each in checked.diagnostics)


def test_a_sound_plan_has_no_finding() -> None:
    steps = (step("1", writes=["a"]), step("2", "1", reads=["a"], writes=["b"]), step("3", "1", writes=["c"]))
    checked = check(plan(*steps, groups=[group("2", "3")]))
    assert checked.diagnostics == ()
    assert checked.plan is not None


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_plans_skvm_makes_have_no_errors(file: Path) -> None:
    value = plan_of(load_skill(file.parent)).plan.record()
    checked = check_plan(json.dumps(value).encode(), around=Surroundings(folder=file.parent))
    assert [each for each in checked.diagnostics if each.severity is Severity.ERROR] == []
    assert "SKV812" not in {each.code for each in checked.diagnostics}


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        (b'{\n "a": 1,\n}', 3, 1, "no JSON: a comma with nothing after it"),
        ('{\n "é": ü}'.encode(), 2, 7, "no JSON: 'ü}' begins no value"),
        (b'{\n "a\xff": 1}', 2, 4, "no JSON: it is not UTF-8"),
        (b"\xef\xbb\xbf[1", 1, 3, "no JSON: it ends too early"),
    ],
)
def test_what_is_no_json_is_told_with_line_and_column(
    data: bytes, line: int, column: int, message: str
) -> None:
    (found,) = check_plan(data, name="plan.json").diagnostics
    assert (found.code, found.line, found.column, found.message) == ("SKV801", line, column, message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "a plan is an object, and this is an array"),
        (None, "a plan is an object, and this is null"),
        (plan(schema=2), "this is schema 2, and this skvm reads 1"),
        (plan(schema=True), "this is schema True, and this skvm reads 1"),
        (plan(schema="1"), "this is schema '1', and this skvm reads 1"),
    ],
)
def test_another_schema_is_told(value: Any, message: str) -> None:
    checked = check(value)
    assert [(each.code, each.message) for each in checked.diagnostics] == [("SKV802", message)]
    assert checked.plan is None


def test_what_is_missing_or_of_the_wrong_kind_is_told_at_its_place() -> None:
    value = plan(step("1", kind="wirte"), step("2", span={"start": -1, "end": 1}))
    del value["skill"]
    checked = check(value)
    assert {each.code for each in checked.diagnostics} == {"SKV803"}
    assert "skill is missing" in said(checked)
    assert "steps[0].kind: input should be" in said(checked)
    assert '"kind": "wirte"' in [text for _, _, text in told(checked)]
    assert '"start": -1' in [text for _, _, text in told(checked)]


def test_a_misspelt_field_is_told_with_what_was_meant() -> None:
    value = plan(step("1", dependson=[]), extra={"anything": [1]})
    checked = check(value)
    found = [(each.code, each.message, each.help) for each in checked.diagnostics]
    assert ("SKV804", "nobody reads the field 'dependson'", "did you mean dependsOn?") in found
    assert ("SKV804", "nobody reads the field 'extra'", None) in found
    assert len(found) == 2
    assert not checked.has_errors


def test_ids_that_are_not_there_or_there_twice_are_told() -> None:
    value = plan(step("1", "9"), step("1"), groups=[group("1", "8"), group("1", "1")])
    value["procedures"] += [{"id": "1", "title": "", "span": SPAN, "steps": ["7"], "partOf": "6"}]
    checked = check(value)
    assert checked.plan is not None
    for words in (
        "step '1' waits for '9', which is no step of the plan",
        "group 'g1' has '8', which is no step of the plan",
        "procedure '1' has '7', which is no step of the plan",
        "procedure '1' is a part of '6', which is no step of the plan",
        "two steps are called '1'",
        "two groups are called 'g1'",
        "two procedures are called '1'",
        "step '1' stands twice in group 'g1'",
        "step '1' stands twice in procedure '1'",
    ):
        assert words in said(checked)


def test_every_circle_is_named_at_a_dependency_of_it() -> None:
    checked = check(plan(step("1", "3"), step("2", "1"), step("3", "2"), step("4", "4"), step("5", "4")))
    assert [each.message for each in checked.diagnostics] == [
        "steps wait for each other in a circle: 1 → 3 → 2 → 1",
        "steps wait for each other in a circle: 4 → 4",
    ]
    assert told(checked)[0] == ("SKV807", "error", "{")


def test_a_circle_through_a_step_whose_id_stands_twice_is_named_where_it_is_said() -> None:
    checked = check(plan(step("a", "b"), step("b"), step("b", "a")))

    assert {code for code, _, _ in told(checked)} == {"SKV805", "SKV807"}
    assert "steps wait for each other in a circle: a → b → a" in said(checked)


def test_members_of_a_group_that_wait_for_each_other_or_clash_are_told() -> None:
    steps = (
        step("1", writes=["out/a.txt"]),
        step("2", "1"),
        step("3", "2", writes=["b.txt"]),
        step("4", reads=["out/"]),
        step("5", reads=["c.txt"]),
    )
    checked = check(plan(*steps, groups=[group("1", "3", "4", "5")]))
    assert said(checked).splitlines() == [
        "step '3' of group 'g1' waits for '1' of the same group",
        "steps '1' and '4' of group 'g1' both touch 'out/a.txt', and one writes it",
    ]
    assert told(checked)[0] == ("SKV808", "error", '"3"')


@pytest.mark.parametrize(
    ("items", "code", "message"),
    [
        ({"output": "out.json"}, "SKV808", "the output of group 'g1' names neither {item} nor {name}"),
        ({"command": "wc -l a"}, "SKV814", "the command of group 'g1' names neither {item} nor {name}"),
        ({"over": " "}, "SKV814", "the items of group 'g1' are none"),
        ({"kind": "list"}, "SKV814", "the items of group 'g1' are none"),
        ({"kind": "list", "values": ["a", "a"]}, "SKV808", "item 'a' of group 'g1' stands there twice"),
        ({"over": "../*.txt"}, "SKV809", "'../*.txt' lies outside of the work directory"),
        ({"output": "/etc/{name}"}, "SKV809", "'/etc/{name}' lies outside of the work directory"),
        ({"inputs": ["a/../../b"]}, "SKV809", "'a/../../b' lies outside of the work directory"),
    ],
)
def test_items_that_cannot_be_gone_through_are_told(items: Any, code: str, message: str) -> None:
    given = {"kind": "glob", "over": "*.txt"} | items
    checked = check(plan(step("1"), groups=[group("1", type="dlp", items=given)]))
    assert [each.code for each in checked.diagnostics] == [code]
    assert message in said(checked)


def test_groups_and_steps_that_do_nothing_are_told() -> None:
    value = plan(step("1", executable=True), step("2"), groups=[group("1"), group("1", id="g2", type="dlp")])
    value["procedures"][0]["steps"] = ["1"]
    checked = check(value)
    assert said(checked).splitlines() == [
        "step '1' is executable and has no command",
        "step '2' is in no procedure",
        "group 'g1' has 1 step: nothing goes at once",
        "group 'g2' is a map, and has no items",
    ]
    assert not checked.has_errors


@pytest.mark.parametrize("name", ["/tmp/a.txt", "~/notes", "/tmp"])
def test_what_does_not_stay_after_the_step_is_a_warning(name: str) -> None:
    assert told(check(plan(step("1", writes=[name])))) == [("SKV809", "warning", json.dumps(name))]


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.txt", "/tmpfile", "a/../../b"])
def test_paths_that_leave_the_work_directory_are_told(name: str) -> None:
    writes, reads = check(plan(step("1", writes=[name]))), check(plan(step("1", reads=[name])))
    assert told(writes) == [("SKV809", "error", json.dumps(name))]
    assert told(reads) == [("SKV809", "warning", json.dumps(name))]


@pytest.mark.parametrize("name", ["*", "./*", "host:example.org", "db:stock.sqlite", "env:", "a/../b", "..a"])
def test_names_that_stay_inside_or_are_no_files_are_not_told(name: str) -> None:
    assert check(plan(step("1", writes=[name], reads=[name]))).diagnostics == ()


def test_inputs_nobody_makes_and_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "skill").mkdir()
    (tmp_path / "work" / "here.csv").touch()
    (tmp_path / "skill" / "words.txt").touch()
    reads = ["here.csv", "words.txt", "made.csv", "gone.csv", "*.md", "*.csv"]
    run = {"executable": True, "actions": [{"command": "cat here.csv words.txt made.csv gone.csv"}]}
    value = plan(step("1", writes=["made.csv"]), step("2", "1", reads=reads, **run))
    around = {"folder": tmp_path / "skill", "work_dir": tmp_path / "work"}
    checked = check(value, **around)
    assert told(checked) == [("SKV810", "error", '"gone.csv"'), ("SKV810", "warning", '"*.md"')]
    assert check(value, folder=tmp_path / "skill").diagnostics == ()
    actions = value["steps"][1]["actions"]
    actions[0]["command"] = "test -e gone.csv && cat gone.csv"
    assert {severity for _, severity, _ in told(check(value, **around))} == {"warning"}
    actions[0]["command"] = "cat gone.csv"
    # A step that may write anything may make it.
    value["steps"][0]["open"] = True
    assert {severity for _, severity, _ in told(check(value, **around))} == {"warning"}
    over = plan(step("1"), groups=[group("1", type="dlp", items={"kind": "glob", "over": "*.pdf"})])
    assert said(check(over, **around)) == "'*.pdf' of group 'g1' matches no file"


def test_programs_that_are_not_there_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "run.sh").touch()
    lines = [
        "sh -c true && cd x && ./run.sh | no-such-program-1",
        "if true; then no-such-program-1; fi",
        "./made.sh; ./gone.sh",
        '"$TOOL" a; $(which b) c; [ -e d ] && export E=1',
    ]
    actions = [{"command": line} for line in lines]
    value = plan(step("1", writes=["made.sh"], executable=True, actions=actions))
    checked = check(value, folder=tmp_path, work_dir=tmp_path)
    assert [(each.code, each.message) for each in checked.diagnostics] == [
        ("SKV811", "there is no program 'no-such-program-1' here"),
        ("SKV811", "there is no program './gone.sh' here"),
    ]


def test_a_plan_of_another_state_of_the_skill_is_told(tmp_path: Path) -> None:
    text = "---\nname: demo\ndescription: Count words in a file and print them.\n---\n\n1. Read `a.txt`.\n"
    (tmp_path / "SKILL.md").write_text(text)
    value = plan_of(load_skill(tmp_path)).plan.record()
    assert check(value, folder=tmp_path).diagnostics == ()
    (tmp_path / "SKILL.md").write_text(text + "2. Write `b.txt`.\n")
    assert [each.code for each in check(value, folder=tmp_path).diagnostics] == ["SKV812"]
    # In a variant the text is another one by intent.
    (tmp_path / "compilation-plan.json").write_text("{}")
    assert check(value, folder=tmp_path).diagnostics == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)
ODD = st.sampled_from(
    ["", "1", "2", "a/../..", "/", "~", "\x00", "\ud800", "*" * 50, "[", "a\nb", "{item}", "$(", '"']
)


@settings(max_examples=300)
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    checked = check_plan(data, name="plan.json")
    assert checked.diagnostics or checked.plan is not None


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """A sound plan in which some values were replaced, taken out or doubled."""
    names = st.sampled_from(["1", "2", "3", "4"])
    files = st.lists(st.sampled_from(["a", "b/", "b/c", "*.d"]) | ODD, max_size=2)
    steps = [
        step(name, *draw(st.lists(names, max_size=2)), reads=draw(files), writes=draw(files))
        for name in ("1", "2", "3", "4")
    ]
    items = {"kind": "glob", "over": draw(ODD), "command": draw(ODD)}
    groups = [group(*draw(st.lists(names))), group("1", type="dlp", items=items)]
    # Its parts are changed, and some are shared.
    value: Any = copy.deepcopy(plan(*steps, groups=groups))
    for _ in range(draw(st.integers(0, 3))):
        at = value
        while True:
            keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            if isinstance(at, list) and draw(st.booleans()):
                at.append(copy.deepcopy(at[key]))
            elif isinstance(at, dict) and draw(st.booleans()):
                del at[key]
            else:
                at[key] = draw(JSON | ODD)
            break
    return value


@settings(max_examples=200)
@given(broken())
def test_no_plan_makes_it_fail_and_one_without_errors_can_be_run(value: Any) -> None:
    checked = check(value, folder=Path("/nonexistent"), work_dir=Path("/nonexistent"))
    for found in checked.diagnostics:
        assert found.line is not None
        assert found.message
    if not checked.has_errors:
        assert checked.plan is not None
        names = [each.id for each in checked.plan.procedures]
        graph = graph_of(checked.plan, target=Target(), procedures=names)
        assert set(graph.nodes) <= {each.id for each in checked.plan.steps}


@given(st.integers(2, 40), st.data())
def test_a_circle_is_found_exactly_where_there_is_one(count: int, data: st.DataObject) -> None:
    waits = {
        node: data.draw(st.lists(st.integers(0, count - 1), max_size=2, unique=True)) for node in range(count)
    }
    value = plan(*(step(str(node), *map(str, found)) for node, found in waits.items()))
    alive = set(waits)
    while free := {node for node in alive if not alive & set(waits[node])}:
        alive -= free
    checked = check_plan(json.dumps(value).encode())
    circles = [each for each in checked.diagnostics if each.code == "SKV807"]
    assert bool(circles) == bool(alive)
    for each in circles:
        names = each.message.partition(": ")[2].split(" → ")
        if "…" not in names:
            assert names[0] == names[-1]
            assert all(int(after) in waits[int(one)] for one, after in itertools.pairwise(names))


def test_a_plan_of_ten_thousand_steps_is_checked_without_comparing_all_with_all() -> None:
    steps = [step("s0")] + [
        step(f"s{at}", f"s{at - 1}" if at % 2 else "s0", writes=[f"out/{at}.txt"]) for at in range(1, 10_000)
    ]
    names = [f"s{at}" for at in range(2, 10_000, 2)]
    value = plan(*steps, groups=[group(*names)])
    checked = check(value)
    assert checked.diagnostics == ()
    assert isinstance(checked.plan, Plan)


def test_of_endless_findings_so_many_are_kept_and_none_holds_the_whole_file() -> None:
    value = plan(*(step(f"s{at}", "gone", "é") for at in range(2_000)))
    data = json.dumps(value, ensure_ascii=False).encode()
    checked = check_plan(data, name="plan.json")
    assert len(checked.diagnostics) == 501
    assert checked.diagnostics[-1].message == "and 3,500 more like this"
    # An error is not lost among as many warnings.
    late = plan(*(step(f"s{at}", writes=["~/a"]) for at in range(600)), step("late", writes=["/etc/a"]))
    assert check(late).has_errors
    for found in checked.diagnostics[:-1]:
        assert found.line == 1
        assert found.text == ""
        assert found.span is not None
        assert data[found.span.start : found.span.end].decode() in {'"gone"', '"é"'}
