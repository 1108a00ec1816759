"""Words of shell code: what they say, and how a value takes their place without becoming code."""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.slots import Filling, Ref, UnfillableError
from skvm.runtime.boost.model import ParamType
from skvm.runtime.boost.shell_tree import text_at

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = [
    "Policy",
    "decoded_string",
    "decoded_word",
    "guard_of",
    "in_heredoc",
    "in_quotes",
    "require",
    "said",
    "word_of",
]

_SPECIAL = re.compile(r"(?<!\\)[*?\[\]{}~$`!]")
_ESCAPED = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r'\\([$`"\\\n])')
_ESCAPED_IN_HEREDOC = re.compile(r"\\([$`\\\n])")


class Policy(enum.StrEnum):
    """What values may stand at a place.

    ``free``: any. ``argument``: none that reads as an option. ``file``: none that leads to a root, either.
    ``operand``: none that reads as an option or an assignment. ``literal``: none with a backslash.
    ``plain``: letters, digits and ``_ . / -`` only, because the shell splits and expands what stands
    there. ``number``: numbers only. ``never``: none, because what stands there is code.
    """

    FREE = "free"
    ARGUMENT = "argument"
    FILE = "file"
    OPERAND = "operand"
    LITERAL = "literal"
    PLAIN = "plain"
    NUMBER = "number"
    NEVER = "never"


_NUMBERS = frozenset({ParamType.INTEGER, ParamType.NUMBER})
_REFUSED = {
    Policy.ARGUMENT: "-*",
    Policy.FILE: "-*|/*",
    Policy.OPERAND: "-*|*=*",
    Policy.LITERAL: "*\\\\*",
    Policy.PLAIN: "-*|/*|''|*[!A-Za-z0-9_./-]*",
}


def decoded_word(text: str) -> str | None:
    """What an unquoted word says; ``None`` where the shell expands it."""
    if _SPECIAL.search(text) or text.startswith("~"):
        return None
    return _ESCAPED.sub(lambda found: "" if found[1] == "\n" else found[1], text)


def decoded_string(text: str, *, is_heredoc: bool = False) -> str:
    """What a literal part of a double-quoted text, or of a here-document that is expanded, says."""
    pattern = _ESCAPED_IN_HEREDOC if is_heredoc else _ESCAPED_IN_QUOTES
    return pattern.sub(lambda found: "" if found[1] == "\n" else found[1], text)


def require(filling: Filling, policy: Policy) -> None:
    """Refuse a filling no guard could make safe.

    Raises:
        UnfillableError: It may not stand there.
    """
    for part in filling:
        if not isinstance(part, Ref):
            continue
        if part.type is ParamType.LIST:
            raise UnfillableError(f"{part.name} is a list")
        if policy is Policy.NEVER or (policy is Policy.NUMBER and part.type not in _NUMBERS):
            raise UnfillableError(f"{part.name} would become code")


def guard_of(filling: Filling, policy: Policy) -> str | None:
    """A line of shell that ends the step where a value may not stand at this place."""
    patterns = _REFUSED.get(policy)
    if patterns is None or not filling:
        return None
    # What follows a fixed text cannot be read as an option or begin a path.
    refs = [part for part in filling if isinstance(part, Ref)]
    if policy not in (Policy.PLAIN, Policy.LITERAL, Policy.OPERAND):
        refs = [part for part in filling[:1] if isinstance(part, Ref)]
    names = sorted({part.name for part in refs})
    lines = [f'case "$P_{name}" in {patterns}) exit 64;; esac' for name in names]
    return "\n".join(lines) or None


def word_of(filling: Filling) -> str:
    """A filling as one word."""
    return "".join(
        f'"$P_{part.name}"' if isinstance(part, Ref) else shlex.quote(part) for part in _joined(filling)
    )


def in_quotes(filling: Filling) -> str:
    """A filling as a part of a double-quoted text."""
    return _escaped(filling, r'([$`"\\])')


def in_heredoc(filling: Filling) -> str:
    """A filling as the body of a here-document that is expanded."""
    return _escaped(filling, r"([$`\\])")


def _escaped(filling: Filling, special: str) -> str:
    return "".join(
        f"${{P_{part.name}}}" if isinstance(part, Ref) else re.sub(special, r"\\\1", part) for part in filling
    )


def _joined(filling: Filling) -> Sequence[str | Ref]:
    """Texts side by side as one; an empty filling is an empty text."""
    found: list[str | Ref] = []
    for part in filling:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return found or [""]


def said(node: Node, source: bytes) -> str | None:
    """What a word says; ``None`` where a part of it is expanded."""
    text = text_at(node, source)
    match node.type:
        case "word" | "number" if not node.child_count:
            return decoded_word(text)
        case "raw_string":
            return text[1:-1]
        case "string" if all(child.type in ('"', "$", "string_content") for child in node.children):
            return decoded_string(text[1:-1])
        case "concatenation":
            parts = [said(child, source) for child in node.children]
            return None if None in parts else "".join(part or "" for part in parts)
        case _:
            return None
