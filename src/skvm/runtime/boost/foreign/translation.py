"""A JavaScript pattern in the words of RE2."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PatternRefusedError", "translate"]

MAX_PATTERN = 2_000
"""Characters of a pattern."""
MAX_DEPTH = 50
_MAX_REPEAT = 1000
_SPACE = r"\t\n\v\f\r \x{00a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
_CLASSES = {"d": r"[0-9]", "D": r"[^0-9]", "w": r"[0-9A-Za-z_]", "W": r"[^0-9A-Za-z_]"}
_CLASSES |= {"s": f"[{_SPACE}]", "S": f"[^{_SPACE}]"}
_NOT_SPACE = (
    r"\x00-\x08\x0e-\x1f!-\x{009f}\x{00a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}"
    r"\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}"
)
_INSIDE = {
    "d": "0-9",
    "D": r"\x00-/:-\x{10ffff}",
    "w": "0-9A-Za-z_",
    "W": r"\x00-/:-@\[-\^`\{-\x{10ffff}",
    "s": _SPACE,
    "S": _NOT_SPACE,
}
_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_ANY = r"[^\n\r\x{2028}\x{2029}]"
_ALL = r"[\x00-\x{10ffff}]"
_NEVER = r"[^\x00-\x{10ffff}]"


class PatternRefusedError(Exception):
    """A pattern cannot be translated.

    Args:
        reason: Why, in a few words.
        offset: Where, in characters from the start.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} (at character {offset + 1})")
        self.reason = reason
        self.offset = offset


def translate(source: str) -> tuple[str, int]:
    """A pattern in the words of RE2, and how many groups it captures.

    Raises:
        PatternRefusedError: It is no JavaScript pattern, or RE2 cannot do it.
    """
    if len(source) > MAX_PATTERN:
        raise PatternRefusedError(f"longer than {MAX_PATTERN} characters", MAX_PATTERN)
    return _Translation(source).whole()


class _Translation:
    """A reader of one pattern: no flags but ``i``, and the grammar browsers keep for old pages."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.depth = 0
        self.groups = 0
        self.is_beyond = False
        self.total = _count_groups(source)
        self.has_names = "(?<" in source.replace("(?<=", "").replace("(?<!", "")

    def whole(self) -> tuple[str, int]:
        text, _ = self._choice()
        if self.at < len(self.source):
            raise self._error("unmatched )")
        return text, self.groups

    def _error(self, reason: str, at: int | None = None) -> PatternRefusedError:
        return PatternRefusedError(reason, self.at if at is None else at)

    def _next(self) -> str:
        return self.source[self.at : self.at + 1]

    def _takes(self, text: str) -> bool:
        if self.source.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _choice(self) -> tuple[str, bool]:
        """The text of one or several branches, and whether one of them may match nothing."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error("groups nested too deeply")
        branches = [self._sequence()]
        while self._takes("|"):
            branches.append(self._sequence())
        self.depth -= 1
        return "|".join(text for text, _ in branches), any(may_be_empty for _, may_be_empty in branches)

    def _sequence(self) -> tuple[str, bool]:
        parts = []
        while self.at < len(self.source) and self._next() not in "|)":
            parts.append(self._term())
        return "".join(text for text, _ in parts), all(may_be_empty for _, may_be_empty in parts)

    def _term(self) -> tuple[str, bool]:
        start = self.at
        if self._takes(r"\B"):
            # RE2 finds it in the middle of a character.
            raise self._error("looks for a place that is no edge of a word", start)
        for mark, text in (("^", r"\A"), ("$", r"\z"), (r"\b", r"\b")):
            if self._takes(mark):
                return self._bare(text, start), True
        atom, may_be_empty = self._atom()
        quantifier = self._quantifier()
        if may_be_empty and quantifier:
            # The two disagree on how often that is done.
            raise self._error("repeats what may be nothing", start)
        return atom + quantifier, may_be_empty or quantifier[:1] in ("*", "?") or quantifier[:2] == "{0"

    def _bare(self, text: str, start: int) -> str:
        """Something that may not be repeated."""
        if self._quantifier():
            raise self._error("nothing to repeat", start)
        return text

    def _atom(self) -> tuple[str, bool]:
        start = self.at
        if self._takes("("):
            return self._group(start)
        return self._single_character(start), False

    def _single_character(self, start: int) -> str:
        char = self._next()
        self.at += 1
        if char == "[":
            return self._class(start)
        if char == ".":
            return _ANY
        if char == "\\":
            return self._escape(start)
        if char in "*+?":
            raise self._error("nothing to repeat", start)
        if char == "{":
            self.at = start
            if self._counts() is not None:
                raise self._error("nothing to repeat", start)
            self.at = start + 1
        return _literal(char)

    def _quantifier(self) -> str:
        start = self.at
        char = self._next()
        if char and char in "*+?":
            self.at += 1
            text = char
        elif char == "{" and (counts := self._counts()) is not None:
            text = self._repeat(counts, start)
        else:
            self.at = start
            return ""
        return text + ("?" if self._takes("?") else "")

    def _repeat(self, counts: tuple[int, int | None, bool], start: int) -> str:
        least, most, is_range = counts
        if most is not None and most < least:
            raise self._error("numbers of a repetition are the wrong way round", start)
        if max(least, most or 0) > _MAX_REPEAT:
            raise self._error(f"repeats more than {_MAX_REPEAT} times", start)
        return f"{{{least}{',' if is_range else ''}{most if is_range and most is not None else ''}}}"

    def _counts(self) -> tuple[int, int | None, bool] | None:
        """``{2}``, ``{2,}`` or ``{2,5}``; anything else in braces is text."""
        end = self.source.find("}", self.at)
        low, comma, high = self.source[self.at + 1 : max(end, self.at)].partition(",")
        if end < 0 or not _is_number(low) or (high and not _is_number(high)):
            return None
        self.at = end + 1
        return int(low), (int(high) if high else None) if comma else int(low), bool(comma)

    def _group(self, start: int) -> tuple[str, bool]:
        opening = "("
        if self._takes("?:"):
            opening = "(?:"
        elif self.source.startswith(("?=", "?!"), self.at):
            raise self._error("looks ahead", start)
        elif self.source.startswith(("?<=", "?<!"), self.at):
            raise self._error("looks behind", start)
        elif self._takes("?<"):
            self.groups += 1
            self._name(start)
        elif self._next() == "?":
            raise self._error("no group of JavaScript", start)
        else:
            self.groups += 1
        inner, may_be_empty = self._choice()
        if not self._takes(")"):
            raise self._error("unterminated group", start)
        return f"{opening}{inner})", may_be_empty

    def _name(self, start: int) -> None:
        end = self.source.find(">", self.at)
        name = self.source[self.at : end] if end > 0 else ""
        if not name.replace("$", "_").isidentifier():
            raise self._error("a group has no proper name", start)
        self.at = end + 1

    def _escape(self, start: int) -> str:
        char = self._next()
        if char in _CLASSES and char:
            self.at += 1
            return _CLASSES[char]
        if char and char in "123456789":
            digits = self._digits()
            if int(digits) <= self.total:
                raise self._error("refers back to a group", start)
            self.at = start + 1
        if char == "k" and self.has_names:
            raise self._error("refers back to a group", start)
        return _literal(self._character(start, in_class=False))

    def _digits(self) -> str:
        end = self.at
        while end < len(self.source) and self.source[end] in "0123456789":
            end += 1
        return self.source[self.at : end]

    def _character(self, start: int, *, in_class: bool) -> str:
        """The character an escape stands for; the backslash has been read."""
        char = self._next()
        if not char:
            raise self._error("ends in a backslash", start)
        self.at += 1
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "01234567":
            return self._octal(char)
        if char == "c":
            return self._control(in_class=in_class)
        if char in "xu" and (code := self._hex(2 if char == "x" else 4)) is not None:
            return self._whole_character(code, start, in_class=in_class)
        return char

    def _octal(self, first: str) -> str:
        digits = first
        while self._next() and self._next() in "01234567" and int(digits + self._next(), 8) <= 0o377:
            digits += self._next()
            self.at += 1
        return chr(int(digits, 8))

    def _control(self, *, in_class: bool) -> str:
        letter = self._next()
        allowed: Callable[[str], bool] = str.isalnum if in_class else str.isalpha
        if letter and letter.isascii() and (allowed(letter) or (in_class and letter == "_")):
            self.at += 1
            return chr(ord(letter) % 32)
        # A lone \c is a backslash, and the c is read again.
        self.at -= 1
        return "\\"

    def _hex(self, length: int) -> int | None:
        digits = self.source[self.at : self.at + length]
        if len(digits) < length or any(each not in "0123456789abcdefABCDEF" for each in digits):
            return None
        self.at += length
        return int(digits, 16)

    def _whole_character(self, code: int, start: int, *, in_class: bool) -> str:
        """Two escapes of surrogates are one character, outside a class; anything else of them is refused."""
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)
        if code <= 0xDBFF and not in_class and self._takes(r"\u"):
            low = self._hex(4)
            if low is not None and 0xDC00 <= low <= 0xDFFF:
                char = chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
                return self._unrepeated(char, start)
        raise self._error("half of a character", start)

    def _unrepeated(self, char: str, start: int) -> str:
        if self._next() and (self._next() in "*+?" or (self._next() == "{" and self._peek_counts())):
            raise self._error("repeats half of a character", start)
        return char

    def _peek_counts(self) -> bool:
        at = self.at
        found = self._counts() is not None
        self.at = at
        return found

    def _class(self, start: int) -> str:
        negated = self._takes("^")
        if self._takes("]"):
            return _ALL if negated else _NEVER
        parts: list[str] = []
        self.is_beyond = False
        while not self._takes("]"):
            if self.at >= len(self.source):
                raise self._error("unterminated class", start)
            parts.append(self._member())
        text = f"[{'^' if negated else ''}{''.join(parts)}]"
        # RE2 would also take two letters beyond ASCII for k and s, which JavaScript does not.
        return f"(?i:{text})" if self.is_beyond else text

    def _member(self) -> str:
        start = self.at
        low, is_set = self._single()
        if not (self._next() == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", "")):
            self.is_beyond = self.is_beyond or not (is_set or low.isascii())
            return low if is_set else _members(low, low)
        self.at += 1
        high, is_set_too = self._single()
        if is_set or is_set_too:
            # A set is no end of a range: the dash is one more member.
            self.is_beyond = True
            ends = [each if of else _members(each, each) for each, of in ((low, is_set), (high, is_set_too))]
            return f"{ends[0]}\\-{ends[1]}"
        self.is_beyond = self.is_beyond or not high.isascii()
        if ord(low) > ord(high):
            raise self._error("a range is the wrong way round", start)
        return _members(low, high)

    def _single(self) -> tuple[str, bool]:
        start = self.at
        char = self._next()
        if not char:
            raise self._error("unterminated class", start)
        self.at += 1
        if char != "\\":
            if ord(char) > 0xFFFF or 0xD800 <= ord(char) <= 0xDFFF:
                raise self._error("half of a character", start)
            return char, False
        escaped = self._next()
        if escaped and escaped in _INSIDE:
            self.at += 1
            return _INSIDE[escaped], True
        if self._takes("b"):
            return "\b", False
        return self._character(start, in_class=True), False


def _count_groups(source: str) -> int:
    """How many groups capture, wherever they stand: a reference to a group may come before it."""
    count, at, in_class = 0, 0, False
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            after = source[at + 1 : at + 4]
            count += not after.startswith("?") or (after.startswith("?<") and after[2:3] not in ("=", "!"))
        at += 1
    return count


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _literal(char: str) -> str:
    """A character in either case."""
    if not char.isascii():
        return f"(?i:{_plain(char)})"
    return f"[{char.lower()}{char.upper()}]" if char.isalpha() else _plain(char)


def _members(low: str, high: str) -> str:
    """A range of a class, and its letters in the other case."""
    text = _plain(low) if low == high else f"{_plain(low)}-{_plain(high)}"
    for first, last, change in (("a", "z", str.upper), ("A", "Z", str.lower)):
        start, end = max(low, first), min(high, last)
        if start <= end:
            text += f"{change(start)}-{change(end)}"
    return text


def _plain(char: str) -> str:
    if char.isascii() and (char.isalnum() or char in " _"):
        return char
    return f"\\x{ord(char):02x}" if char.isascii() else f"\\x{{{ord(char):x}}}"
