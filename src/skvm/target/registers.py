"""Registers a reader can check: what a text never does, and what it does in every part of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from skvm.target.passages import contractions, first_person, has_word

__all__ = [
    "MARKS",
    "Register",
    "endings",
    "found_words",
    "missing_words",
    "register_fault",
    "register_lines",
]

Register = Mapping[str, Literal["never", "some"]]
"""By mark: never, or at least once in every part."""


def _second_person(text: str) -> list[str]:
    return re.findall(r"\b(?:you|your|yours|yourself|yourselves)\b", text, re.IGNORECASE)


_FOUND: Mapping[str, Callable[[str], Sequence[str]]] = {
    "contractions": contractions,
    "first": first_person,
    "second": _second_person,
    "exclamations": lambda text: re.findall("!", text),
}
_NAMES = {
    "contractions": ("contractions", "contraction", "such as don't, it's or we'll"),
    "first": ("words of the first person", "word of the first person", "I, me, my, we, us, our"),
    "second": ("words that address the reader", "word that addresses the reader", "you, your"),
    "exclamations": ("exclamation marks", "exclamation mark", "!"),
}
_ENDINGS = {
    "contractions": ", and that wasn't strange.",
    "first": ", as I remember.",
    "second": ", as you can imagine.",
    "exclamations": "!",
}
MARKS = tuple(_FOUND)
"""What a register may rule."""


def register_lines(register: Register, where: str = "") -> str:
    """The rules in words, a line each; ``where`` says what the parts are (``in each section``)."""
    lines = []
    for mark, rule in register.items():
        many, one, such = _NAMES[mark]
        lines.append(
            f"- No {many} ({such}).\n" if rule == "never" else f"- At least one {one} ({such}){where}.\n"
        )
    return "".join(lines)


def endings(register: Register) -> list[str]:
    """How sentences may end so that a part does what it must do."""
    return [_ENDINGS[mark] for mark, rule in register.items() if rule == "some"]


def register_fault(register: Register, parts: Sequence[str]) -> str:
    """The first rule that is broken, empty without one."""
    for mark, rule in register.items():
        many, one, _ = _NAMES[mark]
        for place, part in enumerate(parts, start=1):
            found = _FOUND[mark](part)
            if rule == "never" and found:
                return f"has {many}: {found[0]}"
            if rule == "some" and not found:
                return f"no {one} in part {place} of {len(parts)}"
    return ""


def missing_words(text: str, asked: Sequence[str]) -> list[str]:
    """Which words do not stand in a text."""
    return [word for word in asked if not has_word(text, word)]


def found_words(text: str, banned: Sequence[str]) -> list[str]:
    """Which words stand in a text."""
    return [word for word in banned if has_word(text, word)]
