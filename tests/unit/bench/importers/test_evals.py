"""``evals.json``: plain assertions mechanically, the rest by a judge, the answers out of reach."""

import pytest
from tests.unit.bench.importers.sources import evals, write

from skvm.bench.importing import import_from
from skvm.task.loader import load_task


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "counter"


def test_assertions_become_checks_or_rubrics(folder, tmp_path):
    report = import_from("evals", evals(folder), tmp_path / "data" / "tasks")
    assert [(item.task_id, item.status) for item in report.items] == [
        ("counter", "refused"),
        ("counter-eval-1", "written"),
        ("counter-eval-2", "written"),
    ]
    assert report.items[0].reason == "test case 3: it has no prompt"
    first, second = (load_task(tmp_path / "data/tasks" / f"counter-eval-{n}") for n in (1, 2))
    assert [each.method for each in first.criteria] == ["file-check", "llm-judge"]
    assert first.criteria[1].options["rubric"] == "The answer is polite"
    assert first.grading_type == "hybrid"
    assert [each.options["rubric"] for each in second.criteria] == ["A greeting"]


def test_fixtures_lie_where_the_prompt_says_byte_for_byte(folder, tmp_path):
    import_from("evals", evals(folder), tmp_path / "data" / "tasks")
    fixture = tmp_path / "data/tasks/counter-eval-1/fixtures/data/rows.csv"
    assert fixture.read_bytes() == b"a\r\nb\r\n"


def test_the_copy_of_the_skill_holds_no_answers(folder, tmp_path):
    import_from("evals", evals(folder), tmp_path / "data" / "tasks")
    copy = tmp_path / "data/tasks/counter-eval-1/skills/counter"
    assert sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*")) == [
        "SKILL.md",
        "scripts",
        "scripts/count.py",
    ]


@pytest.mark.parametrize(
    "case",
    [
        {"prompt": "p", "assertions": [{"method": "script", "command": "true", "weight": -1}]},
        {"prompt": "p", "files": ["../../secret"], "assertions": ["a.txt exists"]},
        {"prompt": "p", "assertions": [3, None]},
        "no case",
    ],
)
def test_an_odd_test_case_is_refused_with_a_reason(folder, tmp_path, case):
    write(tmp_path, {"secret": "s"})
    report = import_from("evals", evals(folder, [case]), tmp_path / "data" / "tasks")
    assert [(item.status, bool(item.reason)) for item in report.items] == [("refused", True)]
