"""The statements of a piece of shell code as they are to be run: each whole, by a shell of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.effects.model import Action, Effects, Repetition, merged
from skvm.compiler.effects.shell_effects import CommandEffects
from skvm.compiler.reading.commands import PLACEHOLDER
from skvm.compiler.reading.shell import read_shell, statements_in
from skvm.diagnostics import Span

__all__ = ["statements_of"]

_PROMPT = re.compile(r"^[ \t]*[$❯][ \t]+(?=\S)", re.MULTILINE)
_QUOTED = re.compile(r"'[^'\n]*'")
_OWN_PROGRAM = re.compile(r"\b(?:awk|gawk|mawk|jq|sed|perl|python3?\s+-c)\b[^|;\n']*'[^']*'")
_VARIABLE = re.compile(r"\$(?:\{[#!]?([^}]*)\}|(\w+)|([@*#?!$-]))")
_ALWAYS = frozenset({"HOME", "PWD", "USER", "PATH", "TMPDIR", "RANDOM", "?"})
_BACKGROUND = re.compile(r"[ \t]*&(?!&)")


def statements_of(
    code: str, at: int, commands: Sequence[CommandEffects], loops: Sequence[Repetition]
) -> list[Action]:
    """The statements of some code, in order; those that need what an earlier one did to the shell are joined.

    Args:
        code: The code.
        at: Where it stands in ``SKILL.md``.
        commands: What its commands touch.
        loops: Its loops whose rounds are apart; what they touch is known better.
    """
    if not commands:
        return []
    source = code.encode()
    spans: list[Span] = []
    joins = False
    for span, changes in statements_in(code):
        if joins:
            spans[-1] = Span(spans[-1].start, span.end)
        else:
            spans.append(span)
        joins |= changes
    lines = [line for line in code.splitlines() if line.strip()]
    prompted = [line for line in lines if _PROMPT.match(line)]
    is_no_code = (bool(prompted) and len(prompted) < len(lines)) or read_shell(code).has_error
    found: list[Action] = []
    for span in spans:
        inside = [item for item in commands if span.contains(item.command.span)]
        if not inside:
            continue
        text = source[span.start : span.end].decode("utf-8", "replace").replace("\r\n", "\n")
        text = _PROMPT.sub("", text)
        rest = source[span.end : span.end + 4].decode("utf-8", "replace")
        place = Span(at + span.start, at + span.end)
        exact = not is_no_code and not _BACKGROUND.match(rest) and _is_exact(text)
        found.append(Action(_effects(place, at, inside, loops), place, text if exact else None))
    return found


def _effects(
    place: Span, at: int, commands: Sequence[CommandEffects], loops: Sequence[Repetition]
) -> Effects:
    """What a statement touches; a loop's commands are counted once for all its rounds."""
    mine = [loop for loop in loops if loop.effects is not None and place.contains(loop.span)]
    parts = [loop.effects for loop in mine if loop.effects is not None]
    for item in commands:
        span = Span(at + item.command.span.start, at + item.command.span.end)
        if not any(loop.span.contains(span) for loop in mine):
            parts.append(item.effects)
    return merged(parts)


def _is_exact(text: str) -> bool:
    """Whether nothing is left to fill in: no placeholder, and no variable that is not set in the text."""
    shell = read_shell(text)
    if shell.has_error or not shell.commands:
        return False
    plain = _OWN_PROGRAM.sub("x", text)
    for found in _VARIABLE.finditer(_QUOTED.sub("''", plain)):
        name = re.split(r"[^\w]", found[1] or found[2] or found[3] or "", maxsplit=1)[0] or found[3] or ""
        if name not in shell.variables and name not in _ALWAYS:
            return False
    return not PLACEHOLDER.search(_VARIABLE.sub("x", plain))
