"""Loops of the shell that do the same to each of several files, and the command that does it to one.

A loop counts only where its body is understood whole and what a round writes carries the item's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skvm.compiler.effects.model import Effects, Repetition, merged
from skvm.compiler.effects.patterns import ITEM, NAME, is_glob, may_meet, names_differ, over_all, parts_of
from skvm.compiler.effects.resources import touches_same
from skvm.compiler.effects.shell_effects import (
    CommandEffects,
    Interpret,
    ShellLoop,
    shell_effects,
    shell_loops,
)
from skvm.compiler.effects.words import IN_TURN
from skvm.diagnostics import Span

__all__ = ["Mapped", "are_apart", "of_all", "shell_repetitions", "spelled"]

_ITEM, _NAME = "ITEM_OF_LOOP.x", "NAME_OF_ITEM"
"""What stands for an item and for its name while a body is read: words that look like paths."""
_SIMPLE = re.compile(r"[\w./@+-]+\Z")
_MAX_ITEMS = 64
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}\Z|\$\(seq (\d+) (\d+)\)\Z")
_LISTING = re.compile(r"\$\(ls (?:-1 )?([^\s$`()]+)\)\Z")
_SAFE = re.compile(r"[\w./@%+=:,{}-]*\Z")
_ASSIGNS = re.compile(r"\s*(?:local\s+)?([A-Za-z_]\w*)=(\S.*?)\s*\Z")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a loop goes through.

    Args:
        over: A pattern, or the items as written.
        kind: ``glob``, ``list`` or ``named``.
        items: The items, where they are listed.
    """

    over: str
    kind: str
    items: tuple[str, ...] = ()

    @classmethod
    def of(cls, over: str) -> Mapped:
        """Read what stands behind ``in``."""
        if listing := _LISTING.match(over):
            over = listing[1]
        if numbers := _RANGE.match(over):
            first, last = (int(numbers[at] or numbers[at + 2]) for at in (1, 2))
            if first < last < first + _MAX_ITEMS:
                return cls(over, "list", tuple(str(number) for number in range(first, last + 1)))
        words = tuple(over.split())
        if len(words) > 1 and all(map(_SIMPLE.match, words)):
            return cls(over, "list", words)
        return cls(over, "glob" if is_glob(over) else "named")

    @property
    def folder_and_suffix(self) -> tuple[str, str] | None:
        """What all items have before and behind their name, if that is known."""
        if self.kind == "glob":
            return parts_of(self.over)
        found = {parts_of(item) for item in self.items}
        return next(iter(found)) if len(found) == 1 else None


def shell_repetitions(code: str, at: int, interpret: Interpret) -> list[Repetition]:
    """The loops of some shell code that may go at once.

    Args:
        code: The code.
        at: Where it stands in ``SKILL.md``.
        interpret: Asked about programs that are not well known.
    """
    if IN_TURN.search(code):
        return []
    found = [_repetition(code, loop, at, interpret) for loop in shell_loops(code)]
    return [repetition for repetition in found if repetition is not None]


def _repetition(code: str, loop: ShellLoop, at: int, interpret: Interpret) -> Repetition | None:
    behind = code.encode()[loop.span.end :].decode("utf-8", "replace").partition("\n")[0].rstrip("\r")
    if ">>" in loop.body or "<<" in loop.body or not re.fullmatch(r"[ \t]*;?[ \t]*(?:#.*)?", behind):
        return None
    mapped = Mapped.of(loop.over)
    body = _told(loop, mapped)
    if body is None or len(mapped.items) > _MAX_ITEMS:
        return None
    commands = shell_effects(body, interpret)
    if not commands or not are_apart([item.effects for item in commands], mapped):
        return None
    if all(item.command.words[0] in {"echo", "printf"} and not item.effects.writes for item in commands):
        return None
    return Repetition(
        loop.over if mapped.kind == "named" else mapped.over,
        mapped.kind,
        Span(at + loop.span.start, at + loop.span.end),
        "every round of the loop works on its own item",
        mapped.items,
        loop.variable,
        _for_one(body, commands),
        of_all([item.effects for item in commands], mapped),
    )


# --- the names a round makes of its item


def _told(loop: ShellLoop, mapped: Mapped) -> str | None:
    """A loop's body with the item's names in the place of variables; ``None`` if one is left over."""
    known = {loop.variable: _ITEM}
    lines: list[str] = []
    for line in _lines(loop.body):
        assigned = _ASSIGNS.match(line)
        value = None if assigned is None else _expanded(assigned[2], known, mapped)
        if assigned is not None and value is not None and " " not in value.strip("\"'"):
            known[assigned[1]] = value.replace('"', "")
            continue
        told = _expanded(line, known, mapped)
        if told is None:
            return None
        if told.strip():
            lines.append(told)
    body = "\n".join(lines)
    return body if _ITEM in body or _NAME in body else None


def _lines(body: str) -> list[str]:
    """The commands of a body: cut at line ends and semicolons that stand in no quotes."""
    found, quote = [""], ""
    for char in body:
        if not quote and char in ";\n":
            found.append("")
            continue
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        found[-1] += char
    return [line for line in found if line.strip() and not line.lstrip().startswith("#")]


def _expanded(line: str, known: Mapping[str, str], mapped: Mapped) -> str | None:
    """A line with what is known in the place of its variables; ``None`` where something stays open."""
    parts = re.split(r"('[^']*')", line)
    for place, part in enumerate(parts):
        if part.startswith("'") and part.endswith("'") and len(part) > 1:
            continue
        told = part
        for variable, value in known.items():
            told = _names(told, variable, value, mapped)
        if "$" in told or "`" in told:
            return None
        parts[place] = told
    return "".join(parts)


def _names(text: str, variable: str, value: str, mapped: Mapped) -> str:
    """The usual ways to take a path apart, replaced by what they give; the others stay."""
    name, around = re.escape(variable), mapped.folder_and_suffix
    uses = rf"\"?\$(?:{name}\b|\{{{name}\}})\"?"
    if value == _ITEM and around is not None:
        folder, suffix = around
        ending = rf"(?:\.\*|{re.escape(suffix)})"
        whole = rf"\$\(basename (?:--? )?{uses}\)|\$\{{{name}##\*/\}}"
        text = re.sub(rf"\$\(basename {uses} [\"']?{re.escape(suffix)}[\"']?\)", _NAME, text)
        text = re.sub(rf"\$\(basename -s [\"']?{re.escape(suffix)}[\"']? {uses}\)", _NAME, text)
        text = re.sub(rf"\$\(basename \"?\$\{{{name}%{ending}\}}\"?\)", _NAME, text)
        text = re.sub(rf"\$\{{{name}%{ending}\}}", folder + _NAME, text)
        text = re.sub(whole, _NAME + suffix, text)
    elif around is not None and value == _NAME + around[1]:
        text = re.sub(rf"\$\{{{name}%(?:\.\*|{re.escape(around[1])})\}}", _NAME, text)
    return re.sub(rf"\$(?:{name}\b|\{{{name}\}})", value, text)


# --- whether rounds are apart


def are_apart(parts: Sequence[Effects], mapped: Mapped) -> bool:
    """Whether two rounds never touch the same thing: every write carries its item.

    Args:
        parts: What a round touches.
        mapped: What the rounds are over.
    """
    if any(part.is_open for part in parts) or any(part.exclusive for part in parts):
        return False
    writes = {name for part in parts for name in part.writes}
    reads = {name for part in parts for name in part.reads} - {"env:"}
    for name in writes:
        if _ITEM not in name and (_NAME not in name or not names_differ(mapped.over, mapped.items)):
            return False
    items = mapped.items or (mapped.over,)
    for name in writes:
        for made in over_all(spelled(name), mapped.over, mapped.items):
            fixed = (other for other in reads if _ITEM not in other and _NAME not in other)
            if any(touches_same(made, other) for other in fixed):
                return False
            if mapped.kind != "named" and name != _ITEM and any(may_meet(made, item) for item in items):
                return False
    return True


def of_all(parts: Sequence[Effects], mapped: Mapped) -> Effects:
    """What all rounds touch together.

    Args:
        parts: What a round touches.
        mapped: What the rounds are over.
    """
    whole = merged(parts)
    over = mapped.over if mapped.kind == "glob" else "*"

    def general(names: Sequence[str]) -> tuple[str, ...]:
        every = {made for name in names for made in over_all(spelled(name), over, mapped.items)}
        return tuple(sorted(every))

    own = {mapped.over} if mapped.kind == "glob" else set[str]()
    return replace(whole, reads=tuple(sorted({*general(whole.reads), *own})), writes=general(whole.writes))


def spelled(text: str) -> str:
    """A text with ``{item}`` and ``{name}`` for what stands for them while it is read."""
    return text.replace(_ITEM, ITEM).replace(_NAME, NAME)


# --- the command for one item


def _for_one(body: str, commands: Sequence[CommandEffects]) -> str | None:
    """The command for one item, with nothing of the item in quotes."""
    says = ("echo ", "printf ", "#")
    silent = [not item.effects.writes for item in commands if item.command.words[0] in {"echo", "printf"}]
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    if all(silent):
        lines = [line for line in lines if not line.startswith(says)]
    if not lines or any(
        re.match(r"(?:if|then|else|fi|case|esac|while|do|done|\{|\})\b", line) for line in lines
    ):
        return None
    return spelled("; ".join(_unquoted(line) for line in lines))


def _unquoted(line: str) -> str:
    """A line in which what stands for the item is in no quotes: its value is quoted when it is put in."""
    parts = re.split(r"(\"(?:[^\"\\]|\\.)*\")", line)
    for at in range(1, len(parts), 2):
        if _ITEM not in parts[at] and _NAME not in parts[at]:
            continue
        pieces = re.split(rf"({re.escape(_ITEM)}|{_NAME})", parts[at][1:-1])
        parts[at] = "".join(
            piece if place % 2 or _SAFE.match(piece) else f'"{piece}"' for place, piece in enumerate(pieces)
        )
    return "".join(parts)
