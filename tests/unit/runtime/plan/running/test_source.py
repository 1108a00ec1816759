"""Where a plan comes from, and what is said of what is none."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.plans.plan import Plan
from skvm.errors import UsageError
from skvm.runtime.plan.running.source import digest_of_plan, read_plan, read_source
from tests.unit.cli.plans import plan, step, write_plan

SKILL = """---
name: greeter
description: Greets files, one after the other, when asked to greet.
---

# Greeter

1. Run `python scripts/a.py > a.txt`.
2. Run `cat a.txt > b.txt`.
"""


@pytest.fixture
def skill(tmp_path):
    folder = tmp_path / "greeter"
    folder.mkdir()
    (folder / "SKILL.md").write_text(SKILL)
    return folder


def test_a_file_a_variant_and_a_skill_have_plans(tmp_path, skill):
    path = write_plan(tmp_path, step("1.1", "true"))
    assert read_source(path).plan.skill == "demo"
    assert read_source(tmp_path).folder == tmp_path
    made = read_source(skill)
    assert (made.is_made, made.plan.skill, made.folder) == (True, "greeter", skill)
    assert read_source(skill / "SKILL.md").plan == made.plan
    write_plan(skill, step("7.1", "true"))
    assert [each.id for each in read_source(skill).plan.steps] == ["7.1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", ":1:2: no JSON: "),
        ('{"schema": 1,\n "skill": }', ":2:11: no JSON: "),
        ("[]", "no plan: not an object"),
        ('{"schema": 2}', "no plan: schema 2, not 1"),
        ('{"schema": 1, "skill": "x"}', "no plan: skillDigest: Field required"),
        ('{"schema": 1, "skill": "x", "skillDigest": "0", "steps": [{"id": 1}]}', "no plan: steps.0.id: "),
    ],
)
def test_what_is_no_plan_is_told_with_its_place(tmp_path, text, said):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_plan(path)
    assert said in caught.value.message
    assert caught.value.message.startswith(str(path))


def test_a_pipe_a_folder_and_nothing_are_no_plans(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "empty").mkdir()
    for path in (pipe, tmp_path / "empty", tmp_path / "nothing", tmp_path / "n\0ul"):
        with pytest.raises(UsageError):
            read_source(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["schema", "skill", "skillDigest", "steps", "groups", "id", "span", "actions", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(value=JSON)
def test_any_json_is_a_plan_or_is_refused_with_words(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("any") / "plan.json"
    path.write_text(json.dumps(value))
    said = "a plan"
    try:
        read_plan(path)
    except UsageError as error:
        said = error.message
    assert said == "a plan" or f"{path}: no plan" in said


@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused_with_words(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "plan.json"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read_plan(path)


def test_json_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("[" * 200_000)
    with pytest.raises(UsageError):
        read_plan(path)


def test_a_digest_tells_plans_and_procedures_apart_and_nothing_else():
    one = Plan.model_validate(plan(step("1.1", "true")))
    other = Plan.model_validate(plan(step("1.1", "false")))
    assert digest_of_plan(one, None) == digest_of_plan(Plan.model_validate(one.record()), None)
    assert len({digest_of_plan(one, None), digest_of_plan(other, None), digest_of_plan(one, ["1"])}) == 3
    assert digest_of_plan(one, ["1", "2"]) == digest_of_plan(one, ["2", "1"])
