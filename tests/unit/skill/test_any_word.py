"""Looking for many words at once finds what looking for one after the other finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.skill.any_word import EDGE, AnyWord

_LETTERS = "aAb.*[( \n\\|é脚\ud800"


@given(st.lists(st.text("aAb.*[( \n\\|é脚", min_size=1), min_size=1), st.text(_LETTERS))
def test_a_word_is_in_a_text_where_it_stands(words: list[str], text: str) -> None:
    assert AnyWord(words).is_in(text) == any(word in text for word in words)


@given(st.lists(st.text("ab-é脚", min_size=1), min_size=1), st.text("aAbB-é脚\ud800"))
def test_case_is_ignored_where_that_is_asked(words: list[str], text: str) -> None:
    assert AnyWord(words, ignore_case=True).is_in(text) == any(word in text.lower() for word in words)


@pytest.mark.parametrize(
    ("word", "text", "is_in"),
    [
        (f"{EDGE}if{EDGE}", "what if?", True),
        (f"{EDGE}if{EDGE}", "specific", False),
        (f"{EDGE}if", "iffy", True),
        (f"if{EDGE}", "iffy", False),
        (f"{EDGE}if{EDGE}", "脚if本", True),
        (f"{EDGE}脚", "一脚", True),
    ],
)
def test_an_edge_is_where_a_word_begins_or_ends(word: str, text: str, is_in: bool) -> None:
    assert AnyWord([word]).is_in(text) is is_in


@pytest.mark.parametrize("word", ["", EDGE])
def test_an_empty_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        AnyWord(["a", word])
