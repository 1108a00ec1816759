"""When a run is over after a step, and what may be said then without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.runtime.boost.compiling.workflows import Chore, carried_out, heredoc

from skvm.evidence.blobs import BlobStore
from skvm.harness.trajectory import ToolCall, ToolKind, Turn
from skvm.runtime.boost.compiling.candidates import compile_candidates
from skvm.runtime.boost.compiling.closing import asks_for_words, closing_for, is_over_after, says_nothing_new
from skvm.runtime.boost.model import Candidate

FILES = {"n.txt": b"3\n4\n", "total.json": b'{"total": 7}'}


@pytest.mark.parametrize(
    "prompt",
    [
        "How many rows has a.csv?",
        "Sum a.csv into t.json and tell me the total.",
        "Sum a.csv into t.json. Then explain what you did.",
        "Which region sold most? Write it to r.txt.",
        "Write r.txt. What is the highest value",
        "Sum it, and let me know when you are done.",
        "Convert it. In your final answer, give the number of rows.",
        'Clean it up. Reply with "DONE".',
        "Make r.txt and report the mean.",
        "Make r.txt, then list the columns.",
    ],
)
def test_prompts_that_want_words(prompt: str) -> None:
    assert asks_for_words(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "Sum the column amount of sales.csv and write the total to t.json.",
        "Keep the rows where state is open, as open.csv.",
        "Rename who to name in a.csv and leave the rest as it is.",
        "Take the records whose status is paid into p.csv.",
        "Write the top 3 rows to t.csv, highest first.",
    ],
)
def test_prompts_that_want_files(prompt: str) -> None:
    assert not asks_for_words(prompt)


@pytest.mark.parametrize(
    ("said", "is_plain"),
    [
        ("Done.", True),
        ("I have written the total (7) to total.json.", True),
        ("The file total.json was created successfully; total: 7.", True),
        ("The total is 8.", False),
        ("Done. I ignored two malformed rows.", False),
        ("Done. Note that prices look suspicious.", False),
        ("x" * 5000, False),
    ],
)
def test_words_that_say_nothing_new(said: str, is_plain: bool) -> None:
    assert says_nothing_new(said, "Add up n.txt into total.json.", "", FILES) is is_plain


def test_a_question_is_closed_with_what_was_printed_only() -> None:
    prompts = ["What is the total of n.txt? Write it to total.json."]
    assert closing_for(prompts, ["The total is 7."], ["7\n"]) == "{stdout}\n\n{outputs}"
    assert closing_for(prompts, ["The total is 7."], ["8\n"]) is None
    assert closing_for(prompts, ["The total is 7."], [""]) is None
    assert closing_for(prompts, ["Done."], ["7\n"]) is None
    assert closing_for(["Add up n.txt into total.json."], ["Done."], [""]) == "Done. {outputs}"


def test_a_run_is_over_if_it_only_looked_and_spoke() -> None:
    step = Turn(index=0, tool_calls=(ToolCall(id="a", name="run", kind=ToolKind.RUN),))
    look = Turn(index=1, tool_calls=(ToolCall(id="b", name="read", kind=ToolKind.READ),))
    edit = Turn(index=1, tool_calls=(ToolCall(id="b", name="edit", kind=ToolKind.EDIT),))
    last = Turn(index=2, text="Done.")
    assert is_over_after((step, look, last), 0, is_unchanged=True)
    assert not is_over_after((step, look, last), 0, is_unchanged=False)
    assert not is_over_after((step, edit, last), 0, is_unchanged=True)
    assert not is_over_after((step,), 0, is_unchanged=True)
    assert not is_over_after((step, look), 0, is_unchanged=True)


def chore(name: str, prompt: str, said: str, shown: str = "") -> Chore:
    code = heredoc(
        f"import json\nn = sum(map(int, open('{name}')))\n"
        f"json.dump({{'total': n}}, open('t.json', 'w'))\n{shown}"
    )
    return Chore(prompt.format(name), {name: "3\n4\n"}, [code], said)


def candidate_of(chores: list[Chore], folder: Path) -> Candidate:
    blobs = BlobStore(folder / "blobs")
    runs = [carried_out(each, folder, blobs, number) for number, each in enumerate(chores)]
    (candidate,) = compile_candidates(runs).candidates
    return candidate


def test_a_plain_chore_is_terminal(tmp_path: Path) -> None:
    prompt = "Add up {} into t.json."
    made = candidate_of(
        [chore("a.txt", prompt, "Done."), chore("b.txt", prompt, "The total is 7.")], tmp_path
    )
    assert made.is_terminal
    assert made.closing == "Done. {outputs}"
    assert made.template.stdout is None


def test_one_run_with_news_makes_it_go_on(tmp_path: Path) -> None:
    prompt = "Add up {} into t.json."
    said = "Done, though the second line looked odd to me."
    made = candidate_of([chore("a.txt", prompt, "Done."), chore("b.txt", prompt, said)], tmp_path)
    assert not made.is_terminal
    assert made.closing == ""


def test_a_question_whose_answer_is_printed_is_terminal(tmp_path: Path) -> None:
    prompt = "Add up {} into t.json and tell me the total."
    shown = "print('total', n)"
    told = [chore(name, prompt, "The total is 7.", shown) for name in ("a.txt", "b.txt")]
    made = candidate_of(told, tmp_path / "told")
    assert made.is_terminal
    assert "{stdout}" in made.closing
    assert made.template.stdout is not None
    silent = [replace(each, commands=[each.commands[0].replace(shown, "")]) for each in told]  # type: ignore[union-attr]
    assert not candidate_of(silent, tmp_path / "silent").is_terminal
