from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.compiler.contract import PassContext, PassResult
from skvm.compiler.guard import budget_lines, enforce
from skvm.compiler.pipeline import resolve_passes, run_passes
from skvm.compiler.reading.norms import is_normative, normative_sentences
from skvm.compiler.reading.prose import Prose
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import Skill
from skvm.target.contract import PRIMITIVES, Level
from tests.unit.compiler.labelled import labelled_skills
from tests.unit.compiler.making import make_profile, make_skill

BODY = """# One

You must keep this. Take care of `scripts/go.sh`, see [the notes](notes.md).

```python
print("code")
```

## Two

- Never drop it.
- 必须保留。

~~~c++
int x;
~~~

The end.
"""


def sample(folder: Path) -> Skill:
    return make_skill(folder, BODY, notes_dot_md="n", scripts__go_dot_sh="echo")


def at(skill: Skill, words: str) -> Span:
    start = skill.source.index(words.encode())
    return Span(start, start + len(words.encode()))


BAD = [
    ("name: sample", "name: other", "frontmatter"),
    ("# One", "# Uno", "heading"),
    ("You must keep this.", "", "normative"),
    ("Never drop it.", "Drop it.", "normative"),
    ("必须保留。", "保留。", "normative"),
    ('print("code")', "pass", "code block"),
    ("int x;", "int y;", "code block"),
    ("[the notes](notes.md)", "the notes", "reference"),
    ("The end.", "The end, see [more](more.md).", "lead nowhere"),
    ("The end.", "The end.\n\n## Three\n", "heading"),
    ("The end.", "The end." + "\nmore" * 99, "lines would be added"),
]


@pytest.mark.parametrize(("words", "new", "why"), BAD)
def test_a_violation_is_rolled_back_and_the_rest_stands(
    words: str, new: str, why: str, tmp_path: Path
) -> None:
    skill = sample(tmp_path)
    good = Edit(at(skill, "Take care of"), "Look after", "fine")
    bad = Edit(at(skill, words), new, "bad", rule="test")
    kept = enforce(skill, PassResult((bad, good)))
    assert kept.edits == (good,)
    assert [edit for edit, _ in kept.dropped] == [bad]
    assert why in kept.dropped[0][1]
    assert [found.code for found in kept.diagnostics] == ["SKV203"]
    assert b"Look after" in kept.skill.source


MORE = """# One

When the input is empty, stop. 如果失败，就停止。 Run `npm test --all` first.

- Keep 3 copies.
- Take your time.

| flag | meaning |
|---|---|
| `-v` | says more |

    make install

See [the site](https://example.org/x).

The end.
"""
MORE_BAD = [
    ("When the input is empty, stop.", "Stop.", "normative"),
    ("如果失败，就停止。", "", "normative"),
    ("`npm test --all`", "the tests", "a command would be lost"),
    ("Keep 3 copies.", "Keep copies.", "a list item with a number"),
    ("| `-v` | says more |", "| `-q` | says less |", "a table row"),
    ("make install", "make", "code block"),
    ("[the site](https://example.org/x)", "the site", "reference"),
    ("The end.", "The end.\n\n    rm -r build\n", "indented code"),
]


@pytest.mark.parametrize(("words", "new", "why"), MORE_BAD)
def test_conditions_commands_limits_rows_and_indented_code_are_kept(
    words: str, new: str, why: str, tmp_path: Path
) -> None:
    skill = make_skill(tmp_path, MORE)
    good = Edit(at(skill, "Take your time."), "Do not hurry.", "fine")
    bad = Edit(at(skill, words), new, "bad", rule="test")
    kept = enforce(skill, PassResult((bad, good)))
    assert kept.edits == (good,)
    assert why in kept.dropped[0][1]


@pytest.mark.parametrize(("words", "new", "why"), MORE_BAD[:5])
def test_all_of_it_may_go_by_name(words: str, new: str, why: str, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, MORE)
    edit = Edit(at(skill, words), new, "named", rule="test", releases=(words,))
    assert enforce(skill, PassResult((edit,))).edits == (edit,)


def test_a_name_given_by_another_edit_does_not_count(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, MORE)
    bad = Edit(at(skill, "Keep 3 copies."), "Keep copies.", "bad")
    other = Edit(at(skill, "The end."), "Fin.", "fine", releases=("Keep 3 copies.",))
    assert enforce(skill, PassResult((bad, other))).edits == (other,)


MOVING = """# One

Begin here.

## Two

This is help.

```sh
ls -l
```

Never delete `data`.

## Three

The end.
"""
MOVED = "This is help.\n\n```sh\nls -l\n```"
TOLD = "Read `references/two.md` before listing files."


def moving(skill: Skill, **changes: object) -> Edit:
    values = {"span": at(skill, MOVED), "new_text": TOLD, "reason": "x", "rule": "move out"}
    return Edit(**{**values, "moved": ("references/two.md",), **changes})  # type: ignore[arg-type]


def judged(skill: Skill, edit: Edit, data: str = f"# Two\n\n{MOVED}\n") -> str:
    kept = enforce(skill, PassResult((edit,), {"references/two.md": data.encode()}))
    return kept.dropped[0][1] if kept.dropped else ""


def test_what_is_moved_and_told_of_is_kept(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, MOVING)
    kept = enforce(skill, PassResult((moving(skill),), {"references/two.md": MOVED.encode()}))
    assert kept.dropped == ()
    assert sorted(kept.files) == ["references/two.md"]
    assert kept.skill.references[-1].resource == "references/two.md"


def test_a_heading_may_move_along(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, MOVING)
    assert not judged(skill, moving(skill, span=at(skill, f"## Two\n\n{MOVED}")), f"## Two\n\n{MOVED}\n")


def test_a_move_that_loses_is_rolled_back(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, MOVING)
    rule = at(skill, f"{MOVED}\n\nNever delete `data`.")
    with_rule = f"{MOVED}\n\nNever delete `data`.\n"
    assert "moved nowhere" in judged(skill, moving(skill), "This is help.\n")
    assert "moved nowhere" in judged(skill, moving(skill), MOVED.replace("ls -l", "ls"))
    assert "code block" in judged(skill, moving(skill), MOVED.replace("ls -l", "  ls -l\n"))
    assert "no such file is added" in judged(skill, moving(skill, moved=("references/other.md",)))
    assert "code block" in judged(skill, moving(skill, new_text="It is in `references/two.md`."))
    assert "normative" in judged(skill, moving(skill, span=rule), with_rule)
    kept_rule = f"{TOLD}\n\nNever delete `data`."
    assert not judged(skill, moving(skill, span=rule, new_text=kept_rule), with_rule)


def test_only_what_edits_touch_is_compared_again_but_nothing_slips(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, MOVING)
    start = at(skill, "## Two").start
    swallow = Edit(Span(start, start), "<!--\n", "opens a comment")
    assert enforce(skill, PassResult((swallow,))).edits == ()


def test_an_edit_may_release_what_it_names(tmp_path: Path) -> None:
    skill = sample(tmp_path)
    edit = Edit(at(skill, "Never drop it."), "Keep it.", "said shorter", releases=("Never drop it.",))
    assert enforce(skill, PassResult((edit,))).edits == (edit,)


def test_an_insertion_that_swallows_code_is_found_though_no_edit_touches_it(tmp_path: Path) -> None:
    skill = sample(tmp_path)
    start = at(skill, "You must").start
    good = Edit(at(skill, "The end."), "The very end.", "fine")
    kept = enforce(skill, PassResult((Edit(Span(start, start), "````\n", "opens a fence"), good)))
    assert kept.edits == (good,)


def test_overlapping_edits_the_first_one_stands(tmp_path: Path) -> None:
    skill = sample(tmp_path)
    first, second = Edit(at(skill, "The end."), "Fin.", "a"), Edit(at(skill, "end."), "finish.", "b")
    assert enforce(skill, PassResult((first, second))).edits == (first,)


def test_files_only_dropped_edits_speak_of_go_too(tmp_path: Path) -> None:
    skill = sample(tmp_path)
    bad = Edit(at(skill, "Never drop it."), "Run `scripts/a.py`.", "bad")
    good = Edit(at(skill, "The end."), "Run `scripts/b.py`.", "good")
    files = {"scripts/a.py": b"1", "scripts/b.py": b"2", "env.json": b"{}"}
    kept = enforce(skill, PassResult((bad, good), files))
    assert sorted(kept.files) == ["env.json", "scripts/b.py"]
    assert {"env.json", "scripts/b.py"} <= {found.path for found in kept.skill.resources}


def test_a_file_of_the_bundle_is_not_overwritten(tmp_path: Path) -> None:
    skill = sample(tmp_path)
    edit = Edit(at(skill, "The end."), "Run `scripts/go.sh`.", "x")
    kept = enforce(skill, PassResult((edit,), {"scripts/go.sh": b"other"}))
    assert not kept.edits
    assert kept.skill == skill


def test_an_edit_that_lowers_nothing_is_dropped(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Calculate the total of all rows.\n")
    span = at(skill, "Calculate the total of all rows.")
    vain = Edit(
        Span(span.end, span.end), " Be careful.", "x", primitive_id="reason.arithmetic", requirement=span
    )
    kept = enforce(skill, PassResult((vain,)), profile=make_profile("L1"))
    assert "would still need L2" in kept.dropped[0][1]


def test_an_edit_that_opens_another_gap_is_dropped(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "The end.\n")
    span = at(skill, "The end.")
    edit = Edit(Span(span.end, span.end), " Write JSON with the keys `a` and `b`.", "x")
    kept = enforce(skill, PassResult((edit,)), profile=make_profile("L1"))
    assert "follow.format L2, which the target lacks" in kept.dropped[0][1]


@pytest.mark.parametrize(
    ("lines", "more"), [(1, 2), (99, 198), (100, 100), (199, 199), (200, 100), (1000, 500)]
)
def test_budget(lines: int, more: int) -> None:
    assert budget_lines(lines) == more


@pytest.mark.parametrize(
    "text", ["You MUST go.", "please do not", "仅当需要时，禁止删除", "Don’t.", "Use it only once"]
)
def test_normative(text: str) -> None:
    assert is_normative(text)


def test_plain_sentences_are_not_normative() -> None:
    assert not is_normative("This page lists the columns.")


PIECES = st.sampled_from(
    [
        "",
        "x",
        "\n",
        "```\n",
        "~~~",
        "# New\n",
        "---\n",
        "- ",
        "> ",
        "<!--",
        "-->",
        "    ",
        "| a |\n",
        "must",
        "é。",
        "[l](u.md)",
        "\0",
        "1. ",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_passes_keeps_what_must_be_kept(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        skill = sample(Path(folder))
        size = len(skill.source)
        edits = []
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, size))
            end = min(size, start + data.draw(st.sampled_from([0, 0, 1, 3, 20])))
            edits.append(Edit(Span(start, end), "".join(data.draw(st.lists(PIECES, max_size=4))), "random"))
        kept = enforce(skill, PassResult(tuple(edits)))
        made = kept.skill
        assert made.source[: made.body.start] == skill.source[: skill.body.start]
        codes = Counter(made.text(fence.content).strip() for fence in made.fences)
        assert not Counter(skill.text(fence.content).strip() for fence in skill.fences) - codes
        prose = " ".join(" ".join(made.text(block.span).split()) for block in Prose(made).blocks)
        assert all(sentence in prose for sentence in normative_sentences(Prose(skill)))
        assert [(item.level, item.title) for item in made.headings] == [
            (item.level, item.title) for item in skill.headings
        ]
        assert len(kept.edits) + len(kept.dropped) == len(edits)
        assert (made == skill) or kept.edits


@pytest.mark.parametrize(
    ("name", "stands"), [("tide-table", True), ("address-dedupe", True), ("stall-invoices", False)]
)
def test_a_command_may_be_asked_of_who_ran_programs_before(name: str, stands: bool) -> None:
    """Handing a computation over is a new thing to ask; giving the command for a program is not."""
    label = next((each for each in labelled_skills() if each.skill.name == name), None)
    assert label is not None
    levels = dict.fromkeys(PRIMITIVES.names(), Level.L3)
    levels |= {label.primitive_id: Level.L1, "follow.delegation": Level.L0}
    profile = make_profile(None, **{key.replace(".", "_"): str(level) for key, level in levels.items()})
    context = PassContext(profile.model, profile.harness, profile)
    (step,) = anyio.run(run_passes, label.skill, resolve_passes(["1"]), context).steps
    held = [edit for edit in step.edits if edit.primitive_id == label.primitive_id]
    assert bool(held) is stands
    assert stands or any("follow.delegation" in why for _, why in step.dropped)
