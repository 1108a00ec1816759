"""What a ``junit-grade`` payload may say, and what is read out of test files and reports."""

import pytest

from skvm.diagnostics import Severity
from skvm.evaluate.grading import check_criteria, errors_of, ungradable
from skvm.evaluate.junit import cases as junit_cases
from skvm.evaluate.junit.cases import Case, grade_by_cases, named_tests, of_node, read_xml
from skvm.evaluate.junit.payload import TestFile, alternatives, find_test_file, read_payload
from skvm.evaluate.workspace import lay_fixtures, lay_inline, sealed_fixtures
from skvm.task.model import Criterion, Task


def part(**more):
    return {"id": "a", "weight": 1, "description": "", "testPattern": "works", **more}


def criterion(*parts, **more):
    payload = {"testFile": "test_x.py", "criteria": list(parts or [part()]), **more}
    return Criterion(method="custom", id="c", options={"evaluatorId": "junit-grade", "payload": payload})


def task_with(criterion, **fixtures):
    fixtures = fixtures or {"test_x.py": "def test_works(): pass\n"}
    return Task(id="t", prompt="p", criteria=(criterion,), fixtures=fixtures)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (criterion(testFile="/etc/x.py"), "testFile"),
        (criterion(testFile="../x.py"), "testFile"),
        (criterion(testFile="other.py"), "no file other.py"),
        (criterion(runner="vitest"), "runner"),
        (criterion(timeoutMs=0), "timeoutMs"),
        (criterion(criteria=[]), "not empty"),
        (criterion(part(), part()), "used twice"),
        (criterion(part(weight=0.5)), "sum 0.5"),
        (criterion(part(weight=0.5), part(id="b", weight=0.498)), "sum 0.998"),
        (criterion(part(weight=-1)), "weight"),
        (criterion(part(weight=10**400)), "weight"),
        (criterion(timeoutMs=10**400), "timeoutMs"),
        (criterion(part(weight=float("nan"))), "weight"),
        (criterion(part(testPattern="(")), "not a regular expression"),
        (criterion(part(testPattern=" | ")), "empty"),
        (criterion(part(id=" ")), "`id`"),
    ],
)
def test_a_malformed_payload_is_an_error_before_anything_runs(made, said):
    found = errors_of(task_with(made))
    assert found
    assert all((each.code, each.severity) == ("SKV312", Severity.ERROR) for each in found)
    assert any(said in each.message for each in found), found


def test_a_sound_payload_has_defaults():
    payload, found = read_payload(criterion(part(weight=0.4995), part(id="b", weight=0.5)))
    assert found == []
    assert (payload.runner, payload.timeout_s, len(payload.parts)) == ("pytest", 120.0, 2)
    payload, _ = read_payload(criterion(testFile="./a/x.test.ts"))
    assert (payload.runner, payload.test_file) == ("bun", "a/x.test.ts")


def test_a_test_file_that_does_not_compile_is_an_error():
    assert "no Python" in errors_of(task_with(criterion(), **{"test_x.py": "def ("}))[0].message


def test_a_criterion_whose_runner_is_not_here_is_listed_and_no_error(monkeypatch):
    monkeypatch.setattr("skvm.evaluate.junit.bun_runner.find_program", lambda name: None)
    monkeypatch.setattr("skvm.evaluate.junit.pytest_runner.importlib.util.find_spec", lambda name: None)
    bun = task_with(criterion(testFile="x.test.ts"), **{"x.test.ts": "test()"})
    assert [each.code for each in check_criteria(bun)] == ["SKV311"]
    assert list(ungradable(bun)) == ["c"]
    assert "needs bun" in ungradable(bun)["c"]
    assert "skvm[bench]" in ungradable(task_with(criterion()))["c"]


def test_nothing_is_ungradable_where_all_is_here(monkeypatch):
    monkeypatch.setattr("skvm.evaluate.junit.bun_runner.find_program", lambda name: f"/usr/bin/{name}")
    assert ungradable(task_with(criterion(testFile="x.test.ts"), **{"x.test.ts": "test()"})) == {}
    assert ungradable(task_with(criterion())) == {}


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("a", ("a",)),
        ("a|b c", ("a", "b c")),
        (r"a\|b", (r"a\|b",)),
        (r"a\\|b", (r"a\\", "b")),
        ("(a|b) c", ("(a|b) c",)),
        ("a | ", ("a",)),
    ],
)
def test_patterns_split_at_unescaped_bars(pattern, pieces):
    assert alternatives(pattern) == pieces


def test_test_files_are_kept_from_the_agent_wherever_they_lie(tmp_path):
    for name in ("fixtures/test_x.py", "fixtures/data.csv", "graders/test_x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    made = Task(
        id="t", prompt="p", criteria=(criterion(testFile="./test_x.py"),), root=tmp_path,
        fixtures={"test_x.py": "inline", "more.txt": "m"},
    )  # fmt: skip
    assert sealed_fixtures(made) == {"test_x.py"}
    work = tmp_path / "work"
    work.mkdir()
    lay_fixtures(made, work)
    lay_inline(made, work)
    assert sorted(path.name for path in work.iterdir()) == ["data.csv", "more.txt"]
    payload, _ = read_payload(criterion(runner="bun"))
    assert find_test_file(payload, made) == TestFile("test_x.py", b"graders/test_x.py", tmp_path / "graders")
    (tmp_path / "graders/test_x.py").unlink()
    assert find_test_file(payload, made).source == b"fixtures/test_x.py"
    (tmp_path / "fixtures/test_x.py").unlink()
    assert find_test_file(payload, made).source == b"inline"


def test_names_are_those_of_the_xml_that_pytest_writes():
    assert of_node("sub/test_x.py::TestA::test_b[1-a::b/c.d]") == "sub.test_x.TestA > test_b[1-a::b/c.d]"
    assert of_node("test_x.py::test_b") == "test_x > test_b"


def test_named_tests_are_those_pytest_would_collect():
    source = b"""
import unittest, pytest
def helper(): ...
def test_one(): ...
async def test_two(): ...
@pytest.fixture
def test_data(): ...
class TestA:
    def test_b(self): ...
    def other(self): ...
    class TestInner:
        def test_c(self): ...
class Case(unittest.TestCase):
    def test_d(self): ...
class TestWithInit:
    def __init__(self): ...
    def test_no(self): ...
class TestNot:
    __test__ = False
    def test_no(self): ...
class Helper:
    def test_no(self): ...
if False:
    def test_never(): ...
"""
    assert named_tests(TestFile("sub/test_x.py", source)) == [
        "sub.test_x > test_one",
        "sub.test_x > test_two",
        "sub.test_x.TestA > test_b",
        "sub.test_x.TestA.TestInner > test_c",
        "sub.test_x.Case > test_d",
    ]


def test_a_report_is_read_and_a_hostile_one_is_none():
    report = b"""<?xml version="1.0"?><testsuites><testsuite>
    <testcase classname="a &gt; b" name="works"/>
    <testcase classname="a" name="fails"><failure message="no"><![CDATA[x < y]]></failure></testcase>
    <testcase name="left out"><skipped/></testcase></testsuite></testsuites>"""
    read = read_xml(report)
    assert [(case.name, case.is_passed) for case in read] == [
        ("a > b > works", True), ("a > fails", False), ("left out", False),
    ]  # fmt: skip
    assert read[1].reason == "no"
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testcase name="&b;"/>'
    assert [read_xml(data) for data in (bomb, b"", b"<a", b"\xff\xfe", b"<a>" * 10_000)] == [[]] * 5


def test_a_part_scores_what_passed_of_what_matched():
    payload, _ = read_payload(
        criterion(
            part(id="a", weight=0.5, testPattern="add|SUB"), part(id="b", weight=0.5, testPattern="none")
        )
    )
    result = grade_by_cases(
        payload, [Case("t > add", True), Case("t > sub", False, "why"), Case("t > x", True)]
    )
    assert result.score == 0.25
    assert [(each.name, each.score, each.weight) for each in result.checkpoints] == [
        ("a", 0.5, 0.5),
        ("b", 0, 0.5),
    ]
    assert "t > sub: why" in result.checkpoints[0].reason


def test_a_pattern_that_runs_away_scores_nothing(monkeypatch):
    monkeypatch.setattr(junit_cases, "_REGEX_TIMEOUT_S", 0.05)
    payload, _ = read_payload(criterion(part(testPattern="(a|aa)+$x")))
    result = grade_by_cases(payload, [Case("a" * 900 + "!", True)])
    assert (result.score, result.checkpoints[0].reason) == (0.0, "its pattern takes too long")
