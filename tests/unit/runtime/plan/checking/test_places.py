"""JSON with places: the same values as the standard library, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.runtime.plan.checking.places import NoJsonError, read_placed

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside), max_leaves=20
)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    found = [(path, value)]
    pairs = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, inside in pairs:
        found += paths(inside, (*path, key))
    return found


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_values_are_those_of_the_standard_library_and_stand_where_it_says(
    value: Any, indent: int | str | None, is_ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    found = read_placed(text)
    assert found.value == value
    for path, inside in paths(value):
        span = found.places[path]
        assert json.loads(text[span.start : span.end]) == inside


@given(st.text(alphabet='{}[]:,"\\u00e9 \n01.-+eEtruefalsnN/'))
def test_what_it_takes_the_standard_library_takes_too(text: str) -> None:
    try:
        found, refused_at = read_placed(text).value, 0
    except NoJsonError as error:
        found, refused_at = None, error.at
    assert 0 <= refused_at <= len(text)
    if found is not None:
        assert json.loads(text) == found


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("", "it is empty", 0),
        (" \n", "it ends too early", 2),
        ('{"a": 1', "it ends too early", 7),
        ('{"a": 1,}', "a comma with nothing after it", 8),
        ("[1,]", "a comma with nothing after it", 3),
        ("[1 2]", "a comma is missing", 3),
        ('{"a" 1}', "a colon is missing", 5),
        ("{a: 1}", "'a: 1}' begins no value", 1),
        ("{'a': 1}", "\"'a': 1}\" begins no value", 1),
        ("[NaN]", "'NaN]' begins no value", 1),
        ("[1]]", "there is something after the end", 3),
        ("]", "']' closes nothing", 0),
        ("{]", "']' closes nothing", 1),
        ("[,1]", "',' stands where a value is wanted", 1),
        ('{"a":}', "a value is missing", 5),
        ('["a\nb"]', "a text that does not end on its line, or has an escape there is not", 1),
        (r'["\x"]', "a text that does not end on its line, or has an escape there is not", 1),
        (r'["\ud800"]', "a text with half of a character: a surrogate without its other half", 1),
        (r'{"\udc00\ud800": 1}', "a text with half of a character: a surrogate without its other half", 1),
        ("[01]", "a comma is missing", 2),
        ("[1e999]", "a number that is too large", 1),
        ("9" * 500, "a number of too many digits", 0),
        ("[" * 200_000, "it nests over 100 deep, which no plan does", 100),
        ("// no\n{}", "'// no' begins no value", 0),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, said: str, at: int) -> None:
    with pytest.raises(NoJsonError) as caught:
        read_placed(text)
    assert (caught.value.message, caught.value.at) == (said, at)


def test_a_field_that_stands_twice_is_told_and_the_last_counts() -> None:
    found = read_placed('{"a": 1, "b": {"a": 2, "a": 3}}')
    assert found.value == {"a": 1, "b": {"a": 3}}
    assert [path for path, _ in found.twice] == [("b", "a")]
    assert found.at(("b", "missing", 3)) == found.places["b",]
