"""How long a text is to be, as a skill says it."""

from __future__ import annotations

import re

from skvm.compiler.reading.spotting import number_in

__all__ = ["WORD_BYTES", "stated_bytes"]

WORD_BYTES = 6
"""Bytes of an English word with the blank behind it."""
_UNIT_BYTES = {
    "word": WORD_BYTES,
    "character": 1,
    "char": 1,
    "byte": 1,
    "kb": 1000,
    "kilobyte": 1000,
    "page": 3000,
    "sentence": 100,
    "字节": 1,
    "字符": 3,
    "字": 3,
    "页": 3000,
}
_NUMBER = (
    r"(?:\d[\d,]*(?:\.\d+)?|[一二两三四五六七八九十百千万]+|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"twelve|fifteen|twenty|thirty|forty|fifty|sixty|eighty|(?:an? )?hundred)"
)
_SIZE = re.compile(
    rf"(?<![A-Za-z\d.])({_NUMBER})(?:\s*(?:-|\u2013|\u2014|~|to|or|and|\u81f3|\u5230)\s*({_NUMBER}))?[+\s-]*"
    r"(?:(words?|characters?|chars?|bytes?|kb|kilobytes?|pages?|sentences?)(?!\w)|(字节|字符|字|页))",
    re.IGNORECASE,
)


def stated_bytes(text: str) -> int | None:
    """The size a text is to have, in bytes of UTF-8: the upper end of the largest one stated, if any is."""
    sizes = []
    for found in _SIZE.finditer(text):
        count = _count(found.group(2) or found.group(1))
        unit = (found.group(3) or found.group(4)).lower()
        if count is not None:
            sizes.append(round(count * _UNIT_BYTES[unit if unit in _UNIT_BYTES else unit.rstrip("s")]))
    return max(sizes, default=None)


def _count(word: str) -> float | None:
    bare = word.replace(",", "").lower().removeprefix("an ").removeprefix("a ")
    if re.fullmatch(r"\d+(?:\.\d+)?", bare):
        return float(bare)
    for sign, value in (("万", 10_000), ("千", 1_000), ("百", 100)):
        head, found, tail = bare.partition(sign)
        if found:
            rest = _count(tail) if tail else 0
            many = number_in(head) if head else 1
            return None if many is None or rest is None else many * value + rest
    return number_in(bare)
