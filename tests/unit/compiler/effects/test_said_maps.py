from __future__ import annotations

import pytest

from skvm.compiler.effects.model import Repetition
from skvm.compiler.effects.said_maps import said_map
from skvm.diagnostics import Span

PLAIN = "For each `inbox/*.txt`, write `labels/<name>.json`"
INBOX, JSON, TEXT = "inbox/*.txt", "labels/{name}.json", "labels/{name}.txt"


def said(text: str, context: str = "") -> Repetition | None:
    return said_map(text, Span(0, len(text)), context)


@pytest.mark.parametrize(
    ("text", "over", "output"),
    [
        ("For each `inbox/*.txt`, write `labels/<name>.json`.", INBOX, JSON),
        ("For every `inbox/*.txt` write its label to `labels/{name}.txt`.", INBOX, TEXT),
        ("Write `labels/<name>.txt` for each `inbox/<name>.txt`.", INBOX, TEXT),
        ("Write `labels/<ticket>.txt` for each ticket `inbox/<ticket>.txt`.", INBOX, TEXT),
        ("For each `inbox/<id>.txt`, write `labels/<id>.json`.", INBOX, JSON),
        ("Read every file in `inbox/` matching `*.txt` and write `labels/<stem>.json`.", INBOX, JSON),
        ("For each file in `inbox/` (`*.txt`), write `labels/<stem>.json`.", INBOX, JSON),
        ("For each `*.txt` in `inbox/`, write `labels/<name>.json`.", INBOX, JSON),
        ("For every `.txt` file in `inbox/`, write `labels/<name>.json`.", INBOX, JSON),
        ("For each text file in `inbox/`, write `labels/<name>.json`.", INBOX, JSON),
        (
            "For each CSV file in the folder `data/`, write `notes/<name>.md`.",
            "data/*.csv",
            "notes/{name}.md",
        ),
        ("For each file of `inbox/`, write `labels/<name>.json`.", "inbox/*", "labels/{name}.json"),
        (
            "For each page in `docs/*.md`, write a file of the same name in `short/`.",
            "docs/*.md",
            "short/{name}.md",
        ),
        (
            "Summarise each `docs/*.md`: write it to `short/` under the same name, ending in `.txt`.",
            "docs/*.md",
            "short/{name}.txt",
        ),
        (
            "Translate every `docs/*.md`; write the result beside it, the same name with `.de`.",
            "docs/*.md",
            "docs/{name}.de",
        ),
        (
            "For each `inbox/*.txt`:\n\n- read it,\n- choose one label,\n- write `labels/<name>.json`.",
            INBOX,
            JSON,
        ),
        ("Go through all files in `inbox/*.txt` and write `labels/NAME.json`.", INBOX, JSON),
    ],
)
def test_ways_to_say_it(text: str, over: str, output: str) -> None:
    found = said(text)
    assert found is not None
    assert (found.kind, found.over, found.output, found.inputs) == ("glob", over, output, ())
    assert found.effects is not None
    assert found.effects.reads == (over,)
    assert found.effects.writes == (output.replace("{name}", "*"),)


def test_a_condition_may_say_what_stands_in_the_file() -> None:
    found = said(
        f"{PLAIN}: `late` if the parcel is late, else `other`. When nothing fits, the label is `none`."
    )
    assert found is not None
    assert found.output == JSON


def test_the_suffix_may_stand_elsewhere_in_the_skill() -> None:
    text = "For each file of `inbox/`, write `labels/<name>.json`."
    found = said(text, "Tickets are files like `inbox/lamp.txt`.")
    assert found is not None
    assert found.over == "inbox/*.txt"
    mixed = said(text, "Tickets are files like `inbox/lamp.txt` or `inbox/lamp.eml`.")
    assert mixed is not None
    assert mixed.over == "inbox/*"


def test_files_may_be_listed() -> None:
    found = said("For each of `a/x.csv`, `a/y.csv` and `a/z.csv`, write `notes/<name>.md`.")
    assert found is not None
    assert (found.kind, found.items) == ("list", ("a/x.csv", "a/y.csv", "a/z.csv"))
    assert found.effects is not None
    assert found.effects.writes == ("notes/x.md", "notes/y.md", "notes/z.md")
    assert said("For each of `a/x.csv` and `b/x.csv`, write `notes/<name>.md`.") is None


@pytest.mark.parametrize(
    "words",
    [
        "choose one label from `references/labels.md` and",
        "choose one of the labels in `references/labels.md` and",
        "read `references/labels.md`, pick the label that fits, and",
        "using the table in `references/labels.md`,",
    ],
)
def test_files_beside_the_items_are_inputs(words: str) -> None:
    found = said(f"For each `inbox/*.txt`, {words} write `labels/<name>.json`.")
    assert found is not None
    assert found.inputs == ("references/labels.md",)
    assert found.effects is not None
    assert found.effects.reads == ("inbox/*.txt", "references/labels.md")


@pytest.mark.parametrize(
    "text",
    [
        # One item joined with another.
        f"{PLAIN} with the next free number.",
        f"{PLAIN}. Number them from 1.",
        f"{PLAIN} and the running total so far.",
        f"{PLAIN}. No label may be used twice: each is unique.",
        f"{PLAIN}. Compare it with the other tickets.",
        f"{PLAIN}, one at a time.",
        f"{PLAIN}. Keep track of the customers you have seen.",
        f"{PLAIN}. Stop as soon as ten are urgent.",
        f"{PLAIN}, in this order: by date.",
        # The same file for all, or another one beside.
        "For each `inbox/*.txt`, write its label to `labels.csv`.",
        "For each `inbox/*.txt`, append a line to `labels/<name>.txt`.",
        f"{PLAIN} and write a line to `log.txt`.",
        "For each `inbox/*.txt`, write `labels/<name>.json` and `notes/<name>.md`.",
        "For each `inbox/*.txt`, write `labels/all-labels.json`.",
        # The name is not the item's.
        "For each `inbox/*.txt`, write `labels/<category>.json`.",
        "For each `inbox/*.txt`, write `labels/<date>-<name>.json`.",
        "For each `inbox/*/ticket.txt`, write `labels/<name>.json`.",
        # An item is another one's output, or a file all read.
        "For each `inbox/*.txt`, write `inbox/<name>.txt`.",
        "For each `inbox/*.txt`, write `inbox/short-<name>.txt`.",
        "For each `a/*.md`, choose one of the words in `b/words.md` and write `b/<name>.md`.",
        # More than reading, thinking and writing.
        f"{PLAIN} and send it to the customer.",
        f"{PLAIN} and move the ticket to `done/`.",
        f"{PLAIN}. Ask the user which label fits.",
        f"{PLAIN}. Run the linter on it.",
        # Not all of them.
        f"{PLAIN} unless there is one.",
        "For each `inbox/*.txt` that mentions a refund, write `labels/<name>.json`.",
        f"{PLAIN}. Skip empty files.",
        # Only in some cases, or with what is in no file.
        "If the user wants labels, for each `inbox/*.txt` write `labels/<name>.json`.",
        "Optional: for each `inbox/*.txt`, write `labels/<name>.json`.",
        f"{PLAIN} with the results of step 1.",
        f"{PLAIN} from your findings.",
        # Nothing to go by.
        "For each ticket, write `labels/<name>.json`.",
        "For each row of `tickets.csv`, write `labels/<name>.json`.",
        "Write a file for each label.",
        "Write `labels/<name>.json`.",
        "",
    ],
)
def test_a_doubt_leaves_it_a_step_like_any_other(text: str) -> None:
    assert said(text) is None
