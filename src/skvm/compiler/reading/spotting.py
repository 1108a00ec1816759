"""Finding the few sentences of a skill worth reading closely, at the price of a search for plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from skvm.compiler.reading.prose import Prose, Sentence
from skvm.skill.any_word import AnyWord

__all__ = ["TOLD", "is_chinese", "looked_for", "number_in", "spotted", "stems"]

TOLD = (
    r"(?:^|[.:;!?,\u2014\u2013\u2192()]\s*|\*\*\s*"
    r"|[\uff0c\u3002\uff1a\uff1b\u3001\u8bf7\u5148\u518d\u5e76]\s*"
    r"|\b(?:and|then|or|first|please|always|must|should|shall|now|next|also|to|you|can|will|carefully"
    r"|directly|"
    r"immediately|only|before|after|by|fully|completely|may|let's)\s+)[\s*_\"\u201c\[]*"
)
"""What stands before a verb that tells the reader to do something; the beginning of a pattern."""
_CHINESE = re.compile("[\u4e00-\u9fff]")
_UNITS = {
    "one": 1, "two": 2, "both": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "eighty": 80, "hundred": 100,
}  # fmt: skip
_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}


def stems(words: str) -> tuple[bytes, ...]:
    """Words or beginnings of words to look for, given in lower case with a bar between them."""
    return tuple(word.encode() for word in words.split("|"))


def spotted(prose: Prose, words: Sequence[bytes], *, rows: bool = False) -> Iterator[Sentence]:
    """The sentences that hold one of some words, in order; headings never, table rows where asked for.

    Args:
        prose: The skill's prose.
        words: Words or beginnings of words, in lower case.
        rows: Whether table rows count.
    """
    is_in = looked_for(tuple(words)).is_in_utf8
    if is_in(prose.lowered_text):
        for sentence, lowered, is_row in prose.spoken:
            if (rows or not is_row) and is_in(lowered):
                yield sentence


@cache
def looked_for(words: tuple[bytes, ...]) -> AnyWord:
    """Words given in UTF-8, ready to be looked for."""
    return AnyWord(word.decode() for word in words)


def is_chinese(text: str) -> bool:
    """Whether a text has to be answered in Chinese: a fifth of its letters are."""
    letters = sum(sign.isalpha() for sign in text)
    return letters > 0 and 5 * len(_CHINESE.findall(text)) >= letters


def number_in(word: str) -> int | None:
    """The whole number a word or a Chinese numeral below one hundred means; ``None`` where it is none."""
    word = word.strip().lower()
    if word.isdecimal():
        return int(word)
    if word in _UNITS:
        return _UNITS[word]
    if "百" in word or not word or any(sign not in _DIGITS and sign != "十" for sign in word):
        return None
    tens, ten, ones = word.rpartition("十")
    if not ten:
        return _DIGITS[word] if len(word) == 1 else None
    return 10 * (_DIGITS[tens] if tens else 1) + (_DIGITS[ones] if ones else 0)
