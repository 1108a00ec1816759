from __future__ import annotations

import fnmatch
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.compiler.effects.patterns import filled, is_glob, may_meet, names_differ, over_all, parts_of

LETTERS = "ab."
SHORT = st.text(alphabet="ab.*?", max_size=4)
WORDS = ["".join(letters) for size in range(6) for letters in product(LETTERS, repeat=size)]


@given(SHORT, SHORT)
def test_two_patterns_meet_where_one_word_matches_both(one: str, other: str) -> None:
    both = any(fnmatch.fnmatchcase(word, one) and fnmatch.fnmatchcase(word, other) for word in WORDS)
    found = may_meet(f"d/{one}x", f"d/{other}x")
    # Words of five letters at most cannot show every meeting of two patterns, but no word may be overlooked.
    assert found or not both
    if "*" not in one + other:
        assert found == both


@given(
    st.lists(SHORT.filter(bool), min_size=1, max_size=3), st.lists(SHORT.filter(bool), min_size=1, max_size=3)
)
def test_it_does_not_matter_which_is_first(ones: list[str], others: list[str]) -> None:
    one, other = "x" + "/x".join(ones), "x" + "/x".join(others)
    assert may_meet(one, other) == may_meet(other, one)
    assert may_meet(one, one)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("small/*.png", "*.png", False),
        ("*.png", "a.png", True),
        ("out/*.json", "out/a.json", True),
        ("out/*.json", "out/x/a.json", False),
        ("./a.txt", "a.txt", True),
        ("*_clean.md", "*.md", True),
        ("*.md.bak", "*.md", False),
    ],
)
def test_a_star_stays_in_its_directory(one: str, other: str, meets: bool) -> None:
    assert may_meet(one, other) is meets


@given(
    st.lists(
        st.text(alphabet="abc.", min_size=1, max_size=5).filter(lambda name: not name.startswith(".")),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_where_names_are_said_to_differ_no_two_outputs_are_the_same(names: list[str]) -> None:
    items = [f"in/{name}.txt" for name in names]
    assert names_differ("in/*.txt")
    outputs = [filled("out/{name}.json", item) for item in items]
    assert len(set(outputs)) == len(items)
    assert set(outputs) == set(over_all("out/{name}.json", "", items))
    assert all(may_meet(output, *over_all("out/{name}.json", "in/*.txt")) for output in outputs)


@pytest.mark.parametrize("over", ["in/*", "*/x.csv", "in/*.*", "in/x*/*.csv"])
def test_names_without_a_fixed_suffix_or_folder_may_be_the_same(over: str) -> None:
    assert not names_differ(over)
    assert parts_of(over) is None


def test_the_names_of_a_list_are_looked_at_themselves() -> None:
    assert names_differ("", ("a/x.csv", "a/y.csv"))
    assert not names_differ("", ("a/x.csv", "b/x.csv"))
    assert not names_differ("", ("x.csv", "x.csv"))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("in/*.txt", True),
        ("*.md", True),
        ("in/", False),
        ("a.txt", False),
        ("../*.txt", False),
        ("/etc/*", False),
        ("in/**/*.txt", False),
        ("$DIR/*.txt", False),
    ],
)
def test_a_pattern_of_files_below_the_work_directory(text: str, good: bool) -> None:
    assert is_glob(text) is good
