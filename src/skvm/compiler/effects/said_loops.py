"""“For each `in/*.csv`, run `python3 sum.py <file> --output out/<name>.json`”: a loop in words.

It is read as the loop of the shell it stands for, and counts where that one does.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from skvm.compiler.effects.model import Action, Repetition
from skvm.compiler.effects.patterns import parts_of
from skvm.compiler.effects.said_files import CODE, JOINS, SELECTS, named_files, only_words
from skvm.compiler.effects.said_maps import Over, gone_through
from skvm.compiler.effects.shell_effects import Interpret
from skvm.compiler.effects.shell_maps import shell_repetitions
from skvm.compiler.effects.words import IN_TURN
from skvm.diagnostics import Span

__all__ = ["said_loop"]

_HEAD = re.compile(
    r"\W*(?:then,?\s+)?(?:for|go through|run\b[^`]*`[^`]*`\s+(?:for|on|over))\b", re.IGNORECASE
)
_PLACE = re.compile(r"<([A-Za-z][\w -]*)>|\{([A-Za-z][\w -]*)\}")
_WHOLE_NAMES = "file path item input page input-file file-path filepath in_file input_file"
_WHOLE = frozenset(_WHOLE_NAMES.split())
_NAMES = frozenset("name stem basename base file-stem".split())  # noqa: SIM905
_SAYS_WHICH_WORDS = """
for each every all of the file files in folder directory then do on over this command and go through matching
csv text json markdown page pages
"""
_SAYS_WHICH = frozenset(_SAYS_WHICH_WORDS.split())


def said_loop(
    text: str, span: Span, interpret: Interpret, context: str = ""
) -> tuple[Repetition, Action] | None:
    """What a step runs for each of several files, and all of it as one command; ``None`` where in doubt.

    Args:
        text: The whole step, without its list mark.
        span: Its bytes in ``SKILL.md``.
        interpret: Asked about programs that are not well known.
        context: The skill's text, for the suffix of files in a folder.
    """
    if not _HEAD.match(text) or IN_TURN.search(text) or JOINS.search(text) or SELECTS.search(text):
        return None
    commands = [
        code for code in CODE.finditer(text) if " " in code["code"].strip() and _PLACE.search(code["code"])
    ]
    if len(commands) != 1 or not _only_runs(text):
        return None
    command = commands[0]
    outside = text[: command.start()] + " " * len(command[0]) + text[command.end() :]
    over = gone_through(outside, named_files(outside), context)
    told = None if over is None else _shell(command["code"].strip(), over)
    if over is None or told is None:
        return None
    code = f"for f in {' '.join(map(shlex.quote, over.items)) or over.pattern}; do {told}; done"
    loops = shell_repetitions(code, 0, interpret)
    if len(loops) != 1 or loops[0].command is None or loops[0].effects is None:
        return None
    return replace(loops[0], span=span), Action(loops[0].effects, span, code)


def _only_runs(text: str) -> bool:
    """Whether nothing is asked but to run the command."""
    words = [word.lower() for word in re.findall(r"[A-Za-z]{2,}", only_words(text))]
    asked = [word for word in words if word not in _SAYS_WHICH]
    return len(asked) == 1 and asked[0] in {"run", "execute", "call", "use"}


def _shell(command: str, over: Over) -> str | None:
    """A command with variables of the shell in the place of what stands for the item."""
    around = parts_of(over.pattern) if over.pattern else _shared(over.items)
    name = None if around is None else f'"$(basename "$f" {around[1]})"'
    whole = {over.placeholder, *_WHOLE} - {""}
    parts = _PLACE.split(command)
    told = parts[0]
    for place in range(1, len(parts), 3):
        word = (parts[place] or parts[place + 1]).lower().replace(" ", "-")
        if word in _NAMES:
            if name is None:
                return None
            told += name
        elif word in whole:
            told += '"$f"'
        else:
            return None
        told += parts[place + 2]
    return told if "'" not in command and '"' not in command and "$" not in command else None


def _shared(items: Sequence[str]) -> tuple[str, str] | None:
    found = {parts_of(item) for item in items}
    return next(iter(found)) if len(found) == 1 else None
