from __future__ import annotations

import pytest

from skvm.compiler.effects.said_work import said_work


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("Read `sales.csv` and write `sales.md`.", ("sales.csv",), ("sales.md",)),
        ("Read `sales.csv`. Write its total to `sales.md`.", ("sales.csv",), ("sales.md",)),
        ("Write the summary of `sales.csv` to `sales.md`.", ("sales.csv",), ("sales.md",)),
        ("From `sales.csv`, write `sales.md`: one line.", ("sales.csv",), ("sales.md",)),
        ("Summarise `sales.csv` in `sales.md`.", ("sales.csv",), ("sales.md",)),
        ("Summarise sales.csv in `sales.md`.", ("sales.csv",), ("sales.md",)),
        ("Write `all.md` from `a.md` and `b.md`.", ("a.md", "b.md"), ("all.md",)),
        ("Combine `a.md` and `b.md` into `all.md`.", ("a.md", "b.md"), ("all.md",)),
        (
            "Read `output/a.json` and `record/b.json`, then write `c.md`.",
            ("output/a.json", "record/b.json"),
            ("c.md",),
        ),
        ("Count the records in `sales.csv` and write the number to `n.txt`.", ("sales.csv",), ("n.txt",)),
        ("Read `labels/*.json` and write `all.md`.", ("labels/*.json",), ("all.md",)),
        (
            "Read `a.csv` and write `a.md`, `low` or `high`.\n\nIt is `high` if the sum is above 10.",
            ("a.csv",),
            ("a.md",),
        ),
        (
            "Read `a.csv` using the rules in `rules.md`, and write `a.md` and `a.json`.",
            ("a.csv", "rules.md"),
            ("a.json", "a.md"),
        ),
        ("Read `a.csv` and write `a.md`. Do not run anything, and never delete it.", ("a.csv",), ("a.md",)),
    ],
)
def test_what_is_read_and_what_is_made(text: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> None:
    found = said_work(text)
    assert found is not None
    assert (found.reads, found.writes, found.is_open) == (reads, writes, False)


@pytest.mark.parametrize(
    "text",
    [
        "Read `sales.csv`.",
        "Write the comparison to `out.md`.",
        "Read `sales.csv` and add a line to `sales.csv`.",
        "Read `sales.csv` and write it back to `sales.csv`.",
        "Read `a.csv` and write `a.md` based on the findings above.",
        "Read `a.csv` and write `a.md` with the results of step 2.",
        "Read `a.csv` and write `a.md`, then send it to the customer.",
        "Read `a.csv` and write `a.md`. Delete `old.md`.",
        "Read `a.csv` and write `a.md` for the chosen customer.",
        "Read `a.csv` and write `out/<name>.md`.",
        "Read `a.csv` and write `out/*.md`.",
        "Read `a.csv`. If there are errors, write `errors.md`.",
        "Write `a.md` from `a.csv` when the user wants it.",
        "Look at `a.csv` and `b.csv` and compare the two.",
        "Update `a.md` from `a.csv`.",
        "",
    ],
)
def test_what_may_need_more_is_left(text: str) -> None:
    assert said_work(text) is None
