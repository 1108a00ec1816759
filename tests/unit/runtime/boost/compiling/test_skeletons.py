"""Where values stand in prompts, and which prompts a skeleton reads."""

from __future__ import annotations

import pytest

from skvm.runtime.boost.compiling.skeletons import (
    fold,
    marks_of,
    readings,
    skeleton_of,
    skeletons_of,
    stands_at,
)
from skvm.runtime.boost.model import Skeleton


def anything(_name: str, _text: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Sum sales.csv by region.", "sales.csv"),
        ("Write it to out/a.json", "out/a.json"),
        ("Read `sales.csv`, please", "sales.csv"),
        ('the column "unit price"', "unit price"),
        ("keep the top 3.", "3"),
        ("limit=5; go", "5"),
        ("sales.csv's rows", "sales.csv"),
        ("**sales.csv** holds it", "sales.csv"),
    ],
)
def test_a_value_stands_where_it_is_a_word(prompt: str, text: str) -> None:
    assert stands_at(prompt, text) == [prompt.index(text)]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Sum sales.csv", "sales"),
        ("the v2 file", "2"),
        ("about 2% of it", "2"),
        ("a 2-column table", "2"),
        ("12 rows", "2"),
        ("data/sales.csv", "sales.csv"),
        ("version 3.5", "3"),
        ("unit_price", "price"),
        ("", "x"),
        ("x", ""),
    ],
)
def test_a_part_of_a_word_is_no_value(prompt: str, text: str) -> None:
    assert stands_at(prompt, text) == []


def test_a_part_stands_where_nothing_of_its_kind_joins_it() -> None:
    assert stands_at("read sales_2024.csv and x2024", "2024", is_part=True) == [11]


def test_the_longest_value_takes_the_place() -> None:
    marks = marks_of("merge a b and a", {"x": "a", "y": "a b"})
    assert [(mark.start, mark.param) for mark in marks] == [(6, "y"), (14, "x")]


def test_a_skeleton_accounts_for_every_character() -> None:
    prompt = "Sum a.csv by region."
    skeleton = skeleton_of(prompt, marks_of(prompt, {"x": "a.csv", "y": "region"}))
    assert skeleton == Skeleton(texts=("Sum ", " by ", "."), params=("x", "y"))
    assert readings(skeleton, "Sum b.csv by city.", anything) == ({"x": "b.csv", "y": "city"},)
    assert readings(skeleton, "Sum b.csv by city", anything) == ()
    assert readings(skeleton, "Please: Sum b.csv by city.", anything) == ()


def test_two_ways_to_read_are_told() -> None:
    skeleton = Skeleton(texts=("from ", " to ", ""), params=("x", "y"))
    assert len(readings(skeleton, "from a to b to c", anything)) == 2
    assert readings(skeleton, "from a to b", anything) == ({"x": "a", "y": "b"},)


def test_one_parameter_at_two_holes_has_one_value() -> None:
    skeleton = Skeleton(texts=("top ", " of ", ""), params=("n", "n"))
    assert readings(skeleton, "top 2 of 2", anything) == ({"n": "2"},)
    assert readings(skeleton, "top 2 of 3", anything) == ()


def test_a_hostile_prompt_ends_as_ambiguous() -> None:
    skeleton = Skeleton(texts=("", *["a"] * 12, ""), params=tuple(f"p{at}" for at in range(13)))
    assert len(readings(skeleton, "a" * 4000 + "b", anything)) == 2


def test_variants_leave_accidents_out() -> None:
    prompt = "the top 2 of 2 columns"
    found = [each.params for each in skeletons_of(prompt, marks_of(prompt, {"n": "2"}))]
    assert found == [("n", "n"), ("n",), ("n",)]


def test_folding() -> None:
    assert fold("  a\n\n b\tc ") == "a b c"
