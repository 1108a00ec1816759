"""PinchBench: fixtures byte-true, weights that sum to 1, odd files refused."""

import pytest
from tests.unit.bench.importers.sources import PINCH, pinchbench, write

from skvm.bench.importing import import_from
from skvm.bench.markdown_sections import first_code, sections
from skvm.task.loader import load_task


@pytest.fixture
def imported(tmp_path):
    def run(text=PINCH, **files):
        source = write(pinchbench(tmp_path / "source", text), files)
        report = import_from("pinchbench", source, tmp_path / "data" / "tasks", force=True)
        (item,) = report.items
        return item, tmp_path / "data" / "tasks" / item.task_id

    return run


def test_inline_files_keep_the_ends_yaml_gives_them(imported):
    _, folder = imported()
    assert (folder / "fixtures/in/kept.txt").read_bytes() == b"first\n\nlast\n"
    assert (folder / "fixtures/stripped.txt").read_bytes() == b"no end"
    assert (folder / "fixtures/wide.txt").read_bytes() == b"two ends\n\n"


def test_an_inline_file_at_the_end_of_the_block_keeps_its_line_end(imported):
    text = PINCH.replace("  - source: table.csv\n    dest: data/table.csv\n", "")
    _, folder = imported(text.replace("|+\n      two ends\n\n", "|\n      two ends\n"))
    assert (folder / "fixtures/wide.txt").read_bytes() == b"two ends\n"


def test_assets_are_copied_byte_for_byte(imported):
    _, folder = imported()
    assert (folder / "fixtures/data/table.csv").read_bytes() == b"a,b\r\n1,2\r\n"


def test_the_grader_and_the_rubric_become_weighted_criteria(imported):
    item, folder = imported()
    assert (item.status, item.runs_here) == ("written", True)
    task = load_task(folder)
    assert [(each.method, each.weight) for each in task.criteria] == [("custom", 0.75), ("llm-judge", 0.25)]
    assert task.criteria[0].options == {"evaluatorId": "python-grade"}
    assert task.criteria[1].options["rubric"].startswith("### Criterion 1: Tone")
    assert task.timeout_ms == 90_000
    assert task.prompt == "Read in/kept.txt and write note.txt."
    scope = {}
    exec((folder / "grade.py").read_text(), scope)  # noqa: S102 - it is ours
    assert scope["grade"]([], "") == {"written": 1.0, "else": 0.5}


def test_windows_line_ends_and_a_byte_order_mark_are_read(imported, tmp_path):
    _, folder = imported()
    plain = load_task(folder)
    item, folder = imported("\ufeff" + PINCH.replace("\n", "\r\n"))
    assert item.status == "replaced"
    again = load_task(folder)
    assert again.prompt == plain.prompt
    assert (folder / "fixtures/in/kept.txt").read_bytes() == b"first\n\nlast\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("  - path: in/kept.txt", "  - path: ../out.txt", "leads out"),
        ("  - path: in/kept.txt", "  - path: /etc/out.txt", "leads out"),
        ("  - path: stripped.txt", "  - path: in/kept.txt", "two of its files"),
        ("  - path: stripped.txt", "  - path: data", "two of its files"),
        ("  - path: in/kept.txt", "  - path: [1]", "has no path"),
        ("source: table.csv", "source: ../../../etc/hostname", "leads out"),
        ("source: table.csv", "source: [a]", "neither content nor source"),
        ("workspace_files:", "workspace_files: 7\nmore:", "must be a list"),
        ("id: task_01_note", "id: ../task", "cannot name a folder"),
        ("id: task_01_note", "id: [1]", "must be a text"),
        ("timeout_seconds: 90", "timeout_seconds: .nan", "number of seconds"),
        ("timeout_seconds: 90", "timeout_seconds: true", "number of seconds"),
        ("timeout_seconds: 90", "timeout_seconds: 0", "number of seconds"),
        ("automated: 3", "automated: -3", "grading_weights"),
        ("automated: 3\n  llm_judge: 1", "automated: 0\n  llm_judge: 0", "grading_weights"),
        ("grading_type: hybrid", "grading_type: vibes", "grading_type"),
        ("grading_type: hybrid", "grading_type: [hybrid", "cannot be read"),
        ("category: writing", "category: &a [x]\nother: *a", "aliases"),
        ("category: writing", "category: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("## Prompt\n\nRead", "## Request\n\nRead", "no section Prompt"),
        ("```python", "```perl", "no Python grader"),
        ("---\nid", "--\nid", "no YAML block"),
    ],
)
def test_a_malformed_file_is_refused_with_its_reason(imported, tmp_path, old, new, reason):
    assert old in PINCH
    item, _ = imported(PINCH.replace(old, new, 1))
    assert (item.status, item.runs_here) == ("refused", False)
    assert reason in item.reason
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "source"]
    assert not list((tmp_path / "data" / "tasks").iterdir())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Read in/kept.txt", "Generate an image of a cat, read in/kept.txt", "image generator"),
        ("Read in/kept.txt", "Search the web for it, read in/kept.txt", "network"),
        ("source: table.csv", "source: gone.xlsx", "its file gone.xlsx is not there"),
        ("category: writing", "category: writing\nmulti_session: true", "several sessions"),
    ],
)
def test_what_cannot_run_here_is_imported_and_marked(imported, old, new, reason):
    item, folder = imported(PINCH.replace(old, new, 1))
    assert (item.status, item.runs_here) == ("written", False)
    assert reason in item.reason
    assert not load_task(folder).host_ready


def test_headings_inside_code_are_no_sections():
    text = "## A\n~~~\n## B\n```\n~~~\n## C\n```python\nx = 1\n````\n"
    found = sections(text)
    assert list(found) == ["a", "c"]
    assert first_code(found["c"], "python") == "x = 1\n"
    assert first_code(found["c"], "perl") is None
    assert first_code("```python\nopen", "python") is None
