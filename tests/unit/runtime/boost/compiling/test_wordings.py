"""Which constants prompts explain, and which prompts share a wording."""

from __future__ import annotations

from typing import Any

import pytest

from skvm.runtime.boost.compiling.variables import Spread, explain
from skvm.runtime.boost.compiling.wordings import wording_of
from skvm.runtime.boost.model import Skeleton


def strings(*columns: tuple[str, ...]) -> list[Spread]:
    return [Spread(index, "string", values) for index, values in enumerate(columns)]


def test_constants_alike_in_every_run_are_one_variable() -> None:
    found = explain(strings(("a.csv", "b.csv"), ("x", "x"), ("a.csv", "b.csv")), ("read a.csv", "read b.csv"))
    assert [variable.texts for variable in found.variables] == [("a.csv", "b.csv")]
    assert found.fills == {0: (0,), 2: (0,)}


def test_a_message_is_put_together_from_what_is_known() -> None:
    found = explain(
        strings(("a.json", "b.json"), ("wrote a.json!", "wrote b.json!")), ("make a.json", "make b.json")
    )
    assert found.fills == {0: (0,), 1: ("wrote ", 0, "!")}


def test_a_part_of_a_name_is_looked_for_in_the_prompt() -> None:
    found = explain(strings(("sales.csv", "orders.csv")), ("the sales report", "the orders report"))
    assert [variable.texts for variable in found.variables] == [("sales", "orders")]
    assert found.fills == {0: (0, ".csv")}


def test_what_no_prompt_tells_is_unexplained() -> None:
    found = explain(
        [Spread(0, "boolean", (True, False)), Spread(1, "integer", (2, 4))],
        ("sort ascending", "sort descending"),
    )
    assert found.unexplained == (0, 1)
    assert not found.variables


def test_number_words_and_signs_explain_nothing() -> None:
    found = explain([Spread(0, "integer", (2, 3)), Spread(1, "number", (0.1, 0.2))], ("two 10%", "three 20%"))
    assert found.unexplained == (0, 1)


def test_whole_floats_stand_as_integers() -> None:
    found = explain([Spread(0, "number", (10.0, 2.5))], ("over 10 units", "over 2.5 units"))
    assert found.variables[0].texts == ("10", "2.5")


@pytest.mark.parametrize(
    ("prompts", "texts"),
    [
        (("keep id and name only", "keep id, city and zip only"), ("id and name", "id, city and zip")),
        (
            ("keep `id` and `name`", "keep `id`, `city` and `zip`."),
            ("`id` and `name`", "`id`, `city` and `zip`"),
        ),
    ],
)
def test_lists_stand_as_words(prompts: tuple[str, str], texts: tuple[str, str]) -> None:
    found = explain([Spread(0, "list", (("id", "name"), ("id", "city", "zip")))], prompts)
    assert found.variables[0].texts == texts


def test_a_wording_has_a_hole_for_what_varies_and_no_other() -> None:
    prompts = ["Sum amount in a.csv", "Sum amount in b.csv"]
    wording = wording_of(strings(("amount", "amount"), ("a.csv", "b.csv")), prompts)
    assert wording.members == (0, 1)
    assert wording.skeleton == Skeleton(texts=("Sum amount in ", ""), params=("0",))
    assert wording.texts("Sum price in a.csv") is None
    assert wording.texts("Sum  amount in\nq.csv") == {"0": "q.csv"}


def test_an_accident_is_no_hole() -> None:
    prompts = ["Of 2 columns keep the top 2 rows", "Of 2 columns keep the top 5 rows"]
    wording = wording_of([Spread(0, "integer", (2, 5))], prompts)
    assert wording.members == (0, 1)
    assert wording.skeleton.texts == ("Of 2 columns keep the top ", " rows")
    assert wording.texts("Of 3 columns keep the top 7 rows") is None


def test_another_wording_is_another_skeleton() -> None:
    prompts = ["Sum a.csv", "Sum b.csv", "Add up c.csv"]
    wording = wording_of(strings(("a.csv", "b.csv", "c.csv")), prompts)
    assert wording.members == (0, 1)


def test_variation_the_code_has_not_is_never_a_hole() -> None:
    prompts = ["Sum a.csv for EU", "Sum b.csv for US"]
    wording = wording_of(strings(("a.csv", "b.csv")), prompts)
    assert len(wording.members) == 1


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_a_number_hole_takes_numbers(kind: Any) -> None:
    values = (2, 5) if kind == "integer" else (2.5, 5.5)
    prompts = [f"top {value} rows" for value in values]
    wording = wording_of([Spread(0, kind, values)], prompts)
    assert wording.texts("top 7 rows") == {"0": "7"}
    assert wording.texts("top seven rows") is None
    assert wording.texts("top 7 big rows") is None


def test_same_prompts_are_a_skeleton_without_holes() -> None:
    wording = wording_of([Spread(0, "integer", (2, 4))], ["Do it", "Do  it"])
    assert wording.members == (0, 1)
    assert wording.skeleton == Skeleton(texts=("Do it",))
