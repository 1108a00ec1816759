"""Programs in awk and jq within shell code, whose texts and numbers may be values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skvm.runtime.boost.compiling.slots import Filling, Ref, Slot, Spot, UnfillableError, text_of
from skvm.runtime.boost.model import ParamType

__all__ = ["ProgramReading", "read_awk", "read_jq"]

_AWK = re.compile(
    r"""(?P<blank>(?:\s|\\\n|\#[^\n]*)+)|"(?P<string>(?:[^"\\\n]|\\.)*)"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<other>\|\||&&|[<>=!+\-*/%^]=|\+\+|--|>>|\d[\w.]*|.)""",
    re.DOTALL,
)
_JQ = re.compile(
    r"""(?P<blank>(?:\s|\#[^\n]*)+)|"(?P<string>(?:[^"\\]|\\.)*)"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"""
    r"""|(?P<word>[@$]?[A-Za-z_][\w:]*)|(?P<other>[<>=!+\-*/%|]=|//=?|\?//|\d[\w.]*|.)""",
    re.DOTALL,
)
_AWK_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\]|\\.)*\])+/")
_BEFORE_REGEX = frozenset({"", "(", ",", "{", "}", ";", "~", "!", "&&", "||", "return", "case"})
_AWK_RUNS = frozenset({"system", "getline", "|", "|&"})
_AWK_PATTERNS = frozenset({"sub", "gsub", "gensub", "match", "split", "patsplit", "sprintf", "RS", "FPAT"})
_JQ_PATTERNS = frozenset(
    {
        "test",
        "match",
        "capture",
        "scan",
        "split",
        "splits",
        "sub",
        "gsub",
        "import",
        "include",
        "env",
        "error",
    }
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ProgramReading:
    """A program in awk or jq; ``key``, ``slots`` and ``render`` as ``slots.Reading`` says.

    Args:
        is_awk: Whether it is awk.
        code: The program.
        tokens: Its constants.
        only_numbers: Whether its texts are patterns or formats, in which a value would mean something else.
    """

    key: tuple[str, ...]
    slots: tuple[Slot, ...]
    is_awk: bool
    code: str = field(repr=False)
    tokens: tuple[_Token, ...] = field(repr=False)
    only_numbers: bool

    def render(self, fills: Mapping[Spot, Filling]) -> str:
        """The program with some constants replaced; a parameter is read from the environment."""
        code = self.code
        for spot in sorted(fills, reverse=True):
            token, slot = self.tokens[spot.slot], self.slots[spot.slot]
            text = self._number(slot, fills[spot]) if token.kind == "number" else self._string(fills[spot])
            code = code[: token.start] + text + code[token.end :]
        return code

    def _number(self, slot: Slot, filling: Filling) -> str:
        text = text_of(filling)
        if text is not None:
            if not re.fullmatch(r"\d+(?:\.\d+)?", text):
                raise UnfillableError(f"{text} is no number")
            return text
        match filling:
            case [Ref(name, ParamType.INTEGER)]:
                pass
            case [Ref(name, ParamType.NUMBER)] if slot.kind == "number":
                pass
            case _:
                raise UnfillableError("a number has no parts")
        return f'(ENVIRON["P_{name}"]+0)' if self.is_awk else f"($ENV.P_{name}|tonumber)"

    def _string(self, filling: Filling) -> str:
        text = text_of(filling)
        if text is not None:
            return self._quoted(text)
        if self.only_numbers:
            raise UnfillableError("a value would be a pattern")
        parts: list[str] = []
        for part in filling:
            if isinstance(part, str):
                parts.append(self._quoted(part))
            elif part.type is ParamType.LIST:
                raise UnfillableError(f"{part.name} is a list")
            else:
                parts.append(f'ENVIRON["P_{part.name}"]' if self.is_awk else f"$ENV.P_{part.name}")
        # Joined with a text, what looks like a number stays a text.
        return f"({' '.join([*parts, chr(34) * 2])})" if self.is_awk else f"({' + '.join(parts)})"

    def _quoted(self, text: str) -> str:
        if not self.is_awk:
            return json.dumps(text, ensure_ascii=False)
        if any(ord(char) < 32 and char != "\n" for char in text):
            raise UnfillableError("a control character stands in a text")
        text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{text}"'


def read_awk(code: str) -> ProgramReading | None:
    """Read an awk program; ``None`` where it starts other programs or cannot be read."""
    tokens = _tokens(code, _AWK, regexes=True)
    words = {token.text for token in tokens or () if token.kind != "string"}
    if tokens is None or words & _AWK_RUNS:
        return None
    return _reading(code, tokens, is_awk=True, only_numbers=bool(words & _AWK_PATTERNS))


def read_jq(code: str) -> ProgramReading | None:
    """Read a jq program; ``None`` where it cannot be read."""
    tokens = _tokens(code, _JQ, regexes=False)
    if tokens is None:
        return None
    words = {token.text for token in tokens if token.kind != "string"}
    return _reading(code, tokens, is_awk=False, only_numbers=bool(words & _JQ_PATTERNS))


def _tokens(code: str, pattern: re.Pattern[str], *, regexes: bool) -> list[_Token] | None:
    found: list[_Token] = []
    at = 0
    while at < len(code):
        before = found[-1].text if found else ""
        regex = _AWK_REGEX.match(code, at) if regexes and before in _BEFORE_REGEX else None
        match = regex or pattern.match(code, at)
        if match is None:
            return None
        kind = "regex" if regex else (match.lastgroup or "other")
        text = match["string"] if kind == "string" else match[0]
        if kind == "other" and text == '"':
            return None
        if kind != "blank":
            found.append(_Token(kind, text, at, match.end()))
        elif regexes and "\n" in text.replace("\\\n", ""):
            found.append(_Token("other", ";", at, match.end()))
        at = match.end()
    return found


def _reading(code: str, tokens: Sequence[_Token], *, is_awk: bool, only_numbers: bool) -> ProgramReading:
    key: list[str] = ["awk" if is_awk else "jq"]
    slots: list[Slot] = []
    taken: list[_Token] = []
    for index, token in enumerate(tokens):
        before = tuple(each.text for each in tokens[max(0, index - 2) : index])
        slot = _slot(token, before, is_awk=is_awk)
        if slot is None:
            key.append(f"{token.kind} {token.text}")
        else:
            key.append(token.kind)
            slots.append(slot)
            taken.append(token)
    return ProgramReading(tuple(key), tuple(slots), is_awk, code, tuple(taken), only_numbers)


def _slot(token: _Token, before: tuple[str, ...], *, is_awk: bool) -> Slot | None:
    """The constant a token is, if another may stand in its place."""
    if token.kind == "number" and len(token.text) < 18:
        is_integer = "." not in token.text
        return Slot("integer", int(token.text)) if is_integer else Slot("number", float(token.text))
    if token.kind != "string" or "\\" in token.text:
        return None
    previous = before[-1] if before else ""
    if is_awk:
        # What is matched against, splits or formats is more than a text.
        is_more = previous in ("~", "printf") or before in (("FS", "="), ("printf", "("))
    else:
        is_more = previous == "." or previous.startswith("@")
    return None if is_more else Slot("string", token.text)
