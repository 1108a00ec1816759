"""The labelled test skills among ``examples/more``, and what their graders forgive."""

import re
from pathlib import Path

import pytest
from tests.unit.examples.test_more_tasks import MORE, TASKS, lay_out, solve, verdict

from skvm.task.loader import skill_folders

LABELS = Path(__file__).resolve().parents[2] / "labels" / "requirements"
ORIGINS = {
    "tide-table": "tool-exec-l2",
    "ladder-standings": "gen-code-sql-l3",
    "stage-turnover": "reason-planning-l2",
}
PLANS = {
    "a schedule": (
        "0-6 Clear the old set\n6-11 Roll in the drums\n6-10 Lay the cables\n11-19 Line check\nTotal 19 min\n"
    ),
    "minutes": (
        "minute 0: clear the old set\nminute 6: roll in the drums, lay the cables (same time)\n"
        "minute 11: line check\nminute 19: done\n"
    ),
    "steps": (
        "# Plan\n\nStep 1: **clear the old set** (6)\nStep 2: **roll in the drums** (5)\n"
        "Step 2: **lay the cables** (4)\nStep 3: **line check** (8)\n\nTotal: 6 + 5 + 8 = 19 minutes\n"
    ),
    "a heading over two": (
        "clear the old set: 6 min\nAt the same time:\n- roll in the drums\n- lay the cables\n\n"
        "line check, after roll in the drums and lay the cables\nThe turnover takes 19 minutes.\n"
    ),
    "arrows": "clear the old set -> roll in the drums + lay the cables -> line check\n19 minutes, 11 spare\n",
    "one sentence": (
        "Clear the old set, then roll in the drums and lay the cables at the same time, then line check. "
        "The whole takes 19 minutes."
    ),
}
POOR_PLANS = {
    "the table copied": (
        "| clear the old set | 6 | nothing |\n| roll in the drums | 5 | clear the old set |\n"
        "| lay the cables | 4 | clear the old set |\n| line check | 8 | roll in the drums, lay the cables |\n"
    ),
    "all at once": (
        "At the same time: clear the old set, roll in the drums, lay the cables, line check\nTotal: 8 min\n"
    ),
    "a list and the sum": (
        "clear the old set\nroll in the drums\nlay the cables\nline check\nThe turnover takes 23 minutes.\n"
    ),
    "the wrong two": (
        "clear the old set and roll in the drums at the same time\nlay the cables\nline check\nTotal: 18\n"
    ),
}
NO_PLANS = (
    "No plan is made in rain.\n",
    "It is raining, so there is no turnover plan tonight; the stage manager decides alone.",
    "The plan is not made tonight.\nThat is up to the stage manager.",
    "We don't make a plan in the rain.",
)


def grade_text(name, text, tmp_path, file="plan.txt"):
    task = lay_out(name, tmp_path / "work")
    (tmp_path / "work" / file).write_text(text)
    return verdict(task, tmp_path / "work", tmp_path)


@pytest.mark.parametrize(("skill", "origin"), ORIGINS.items())
def test_the_skill_is_as_it_was_written(skill, origin):
    """Byte for byte: the tasks came later and left the skill alone."""
    trees = [
        {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
        for root in (MORE / "skills" / skill, LABELS / origin)
    ]
    copied, written = ({name: data for name, data in tree.items() if "pycache" not in name} for tree in trees)
    assert copied == {name: data for name, data in written.items() if name != "labels.json"}


@pytest.mark.parametrize("name", ["tide-table-mid-july", "tide-table-late-july"])
def test_the_other_week_and_the_whole_year_are_wrong(name, tmp_path):
    task = lay_out(name, tmp_path / "work")
    rows = (tmp_path / "work" / "assets" / "tides.csv").read_text()
    (tmp_path / "work" / "table.txt").write_text(rows)
    assert verdict(task, tmp_path / "work", tmp_path)[0] == 0.0
    (tmp_path / "work" / "table.txt").write_text(rows.replace(",", " ").partition("\n")[2])
    assert verdict(task, tmp_path / "work", tmp_path)[0] < 0.45


def test_a_table_with_blank_ends_is_as_good(tmp_path):
    task = lay_out("tide-table-mid-july", tmp_path / "work")
    solve(task, tmp_path / "work")
    table = tmp_path / "work" / "table.txt"
    table.write_bytes(table.read_bytes().replace(b"\n", b" \r\n") + b"\n\n")
    assert verdict(task, tmp_path / "work", tmp_path)[0] == 1.0
    lines = table.read_text().strip().splitlines()
    table.write_text("\n".join(lines[:-1]))
    assert 0.3 < verdict(task, tmp_path / "work", tmp_path)[0] < 0.5


def test_the_query_on_one_line_is_as_good(tmp_path):
    task = lay_out("ladder-standings-lost", tmp_path / "work")
    solve(task, tmp_path / "work")
    file = tmp_path / "work" / "standings.sql"
    file.write_text("  " + " ".join(file.read_text().split()))
    assert verdict(task, tmp_path / "work", tmp_path)[0] == 1.0


def test_the_query_elsewhere_than_asked_scores_nothing(tmp_path):
    task = lay_out("ladder-standings-editor", tmp_path / "work")
    solve(task, tmp_path / "work")
    (tmp_path / "work" / "editor" / "standings.sql").rename(tmp_path / "work" / "standings.sql")
    assert verdict(task, tmp_path / "work", tmp_path)[0] == 0.0


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("SELECT name, season, MAX(points) FROM players JOIN games ON player_id = id GROUP BY 1, 2;", 0.25),
        ("DROP TABLE games;", 0.0),
        ("ATTACH 'other.db' AS other;", 0.0),
        ("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n;", 0.0),
    ],
)
def test_another_query_scores_low(query, most, tmp_path):
    score, said = grade_text("ladder-standings-lost", query, tmp_path, "standings.sql")
    assert score <= most, said
    assert not (tmp_path / "work" / "other.db").exists()


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_in_any_form_is_as_good(plan, tmp_path):
    score, said = grade_text("stage-turnover-evening", PLANS[plan], tmp_path)
    assert score == 1.0, said


@pytest.mark.parametrize("plan", POOR_PLANS)
def test_a_wrong_plan_scores_low(plan, tmp_path):
    score, said = grade_text("stage-turnover-evening", POOR_PLANS[plan], tmp_path)
    assert 0 < score < 0.35, said


@pytest.mark.parametrize("text", NO_PLANS)
def test_any_words_for_no_plan_are_as_good(text, tmp_path):
    score, said = grade_text("stage-turnover-rain", text, tmp_path)
    assert score == 1.0, said


@pytest.mark.parametrize("before", ["", "No plan is made in rain.\n", "In rain the stage manager decides.\n"])
@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_in_the_rain_scores_nothing(plan, before, tmp_path):
    assert grade_text("stage-turnover-rain", before + PLANS[plan], tmp_path)[0] == 0.0


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith(tuple(ORIGINS))])
def test_the_prompt_is_a_sentence_or_two_of_a_user(name, tmp_path):
    """It neither gives the answer away nor repeats the skill's instructions."""
    task = lay_out(name, tmp_path / "work")
    assert 1 <= len(re.findall(r"[.?](?:\s|$)", task.prompt)) <= 2
    page = (skill_folders(task)[0] / "SKILL.md").read_text()
    assert not any(part in page for part in re.split(r"(?<=[.?])\s", task.prompt))
