from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.effects.analysis import effects_of
from skvm.compiler.effects.model import SkillStep, StepKind
from skvm.compiler.effects.words import SentenceKind, ask_of
from tests.unit.compiler.making import make_skill


def steps_of(folder: Path, body: str, **files: str) -> tuple[SkillStep, ...]:
    workflows = effects_of(make_skill(folder, body, **files)).workflows
    return workflows[0].steps if workflows else ()


def test_a_numbered_list_with_files_and_commands(tmp_path: Path) -> None:
    steps = steps_of(
        tmp_path,
        "# Work\n\n1. Read `notes.md`.\n2. Run `wc -l data.csv`.\n3. Write the summary to `out.md`.\n"
        "4. Ask the user to confirm.\n5. Improve the world.\n",
    )
    assert [step.kind for step in steps] == [
        StepKind.READ,
        StepKind.COMMAND,
        StepKind.WRITE,
        StepKind.ASK,
        StepKind.OPEN,
    ]
    assert steps[0].effects.reads == ("notes.md",)
    assert steps[1].actions[0].command == "wc -l data.csv"
    assert steps[2].effects.writes == ("out.md",)
    assert steps[4].effects.is_open


def test_steps_under_headings_take_their_code(tmp_path: Path) -> None:
    steps = steps_of(
        tmp_path,
        "# Flow\n\n## Step 1: Collect\n\n```bash\ncp a.csv work/a.csv\n```\n\n"
        "## Step 2: Count\n\n```bash\nwc -l b.csv\n```\n",
    )
    assert [step.effects.writes for step in steps] == [("work/a.csv",), ()]
    assert "b.csv" in steps[1].effects.reads


def test_a_script_of_the_bundle_is_read(tmp_path: Path) -> None:
    steps = steps_of(
        tmp_path,
        "# Flow\n\n1. Run `python scripts/scan.py in.txt`.\n"
        "2. Run `python scripts/make.py in.txt -o out.txt`.\n"
        "3. Run `python scripts/gone.py in.txt`.\n",
        scripts__scan_dot_py="import sys\nprint(open(sys.argv[1]).read())\n",
        scripts__make_dot_py="import sys\nimport helper\nopen(sys.argv[3], 'w').write(helper.x)\n",
        scripts__helper_dot_py="x = 'y'\n",
    )
    assert steps[0].effects.writes == ()
    assert not steps[0].effects.is_open
    assert steps[1].effects.writes == ("out.txt",)
    assert not steps[1].effects.is_open
    assert steps[2].effects.is_open


def test_words_that_lean_on_what_was_found(tmp_path: Path) -> None:
    steps = steps_of(
        tmp_path, "# Flow\n\n1. Read `a.md`.\n2. Read `b.md`.\n3. Read `c.md` for the files found above.\n"
    )
    assert [step.uses_context for step in steps] == [False, False, True]


def test_a_loop_whose_rounds_are_apart(tmp_path: Path) -> None:
    found = effects_of(
        make_skill(
            tmp_path,
            '# Batch\n\n```bash\nfor f in *.png; do\n  convert "$f" -resize 50% "small/$f"\ndone\n```\n\n'
            '```bash\nfor f in *.png; do\n  convert "$f" out.png\ndone\n```\n',
        )
    ).loose
    assert [(loop.over, loop.kind, loop.command) for loop in found] == [
        ("*.png", "glob", "convert {item} -resize 50% small/{item}")
    ]


def test_order_that_matters_is_no_repetition(tmp_path: Path) -> None:
    body = "# Flow\n\n1. Fetch each URL in parallel.\n2. Write `a.md`.\n"
    loud = steps_of(tmp_path, body)
    assert [found.over for found in loud[0].repetitions] == ["each url"]
    quiet = steps_of(tmp_path, body.replace("in parallel.", "in parallel, but one at a time per host."))
    assert quiet[0].repetitions == ()


def test_what_is_done_to_each_may_stand_below(tmp_path: Path) -> None:
    body = (
        "# Flow\n\n1. Inspect the runs.\n   - For each failing check, fetch its log:\n"
        "     - `gh run view <run> --log`\n   - Stop.\n2. Write `a.md`.\n"
    )
    assert [found.over for found in steps_of(tmp_path, body)[0].repetitions] == ["each failing check"]
    writing = body.replace("gh run view <run> --log", "gh run rerun <run> --failed")
    (tmp_path / "again").mkdir()
    assert steps_of(tmp_path / "again", writing)[0].repetitions == ()


def test_lists_of_advice_are_no_workflow(tmp_path: Path) -> None:
    assert steps_of(tmp_path, "# Best practices\n\n1. Read `a.md`.\n2. Read `b.md`.\n") == ()


def test_evidence_names_where_it_stands(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Run `curl https://api.example.org/x -o x.json`.\n")
    seen = [found for found in effects_of(skill).evidence if found.effects.hosts]
    assert [found.effects.hosts for found in seen] == [("api.example.org",)]
    assert skill.text(seen[0].span).startswith("curl https://")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Read `a.md`.", SentenceKind.READ),
        ("**Load** the template from `t.md`", SentenceKind.READ),
        ("Then check that the totals agree.", SentenceKind.CHECK),
        ("Write the report to `out.md`.", SentenceKind.WRITE),
        ("Wait for the user's approval.", SentenceKind.ASK),
        ("Report the count.", SentenceKind.TELL),
        ("The file holds one row a day.", SentenceKind.REMARK),
        ("Harmonise everything.", SentenceKind.OTHER),
    ],
)
def test_what_a_sentence_asks(text: str, kind: SentenceKind) -> None:
    assert ask_of(text).kind is kind


def test_a_file_a_text_is_made_from_is_read() -> None:
    asked = ask_of("Create `a.md` from `b.json`.")
    assert (asked.reads, asked.writes) == (("b.json",), ("a.md",))
