"""Shell commands in a skill: what counts as an exact one, and how new ones are written into the text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import Block, BlockKind, Prose, Sentence
from skvm.skill.ir import CodeFence
from skvm.skill.sieve import sieved

__all__ = [
    "PLACEHOLDER",
    "SHELLS",
    "command_lines",
    "fenced",
    "has_command",
    "insertion",
    "is_shell",
    "join_command",
    "ready_script",
]

SHELLS = frozenset({"sh", "bash", "shell", "zsh", "console", "terminal", "shell-session"})
"""Info strings of shell code."""
PLACEHOLDER = sieved(
    r"<[A-Za-z][^<>\n]*>|\{[A-Za-z_][^{}\n]*\}|\[[A-Z][A-Z_ -]+\]|\bYOUR[-_]|\byour[-_]|path/to"
    r"|(?:^|\s)\.\.\.(?:\s|$)|…"
    r"|\bexample\.(?:com|org)\b|\bxxx+\b",
    re.MULTILINE,
)
"""What stands for something the reader must put in."""
_COMMAND = re.compile(
    r"\s*(?:\$\s+)?(?:python3?|awk|bc|node|Rscript|sqlite3|jq|perl|duckdb|sh|bash|\./\S|scripts/\S)"
)


def is_shell(fence: CodeFence) -> bool:
    """Whether a fence holds shell commands."""
    return fence.language in SHELLS


def command_lines(code: str) -> list[str]:
    """The commands of a shell fence: prompts, comments and blank lines dropped, continued lines joined."""
    joined = code.replace("\\\n", " ")
    lines = (re.sub(r"^\s*\$\s+", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def has_command(prose: Prose, sentence: Sentence, kind: re.Pattern[str] = _COMMAND) -> bool:
    """Whether an exact command does what a sentence asks: in it, or in a shell fence right after its block.

    Args:
        prose: The skill's prose.
        sentence: What asks.
        kind: What a command that answers begins with.
    """
    if any(kind.match(code) and " " in code.strip() for code in CODE.findall(sentence.text)):
        return True
    return any(
        kind.match(line)
        for fence in prose.fences_after(sentence.block)
        if is_shell(fence)
        for line in command_lines(prose.text(fence.content))
    )


_READY = re.compile(r"`(?:python3?|(?:ba)?sh)\s+scripts/[^`\n]+`")


def ready_script(prose: Prose, fence: CodeFence) -> bool:
    """Whether the paragraph right behind a fence gives the command that runs it from the bundle."""
    source = prose.skill.source
    start = fence.span.end
    while source[start : start + 1] in {b"\n", b"\r"}:
        start += 1
    end = source.find(b"\n\n", start)
    return (
        _READY.search(source[start : end if end >= 0 else len(source)].decode("utf-8", "replace")) is not None
    )


def join_command(words: Sequence[str]) -> str:
    """A command line: words that need no quotes as they are, the rest in single quotes."""
    return shlex.join(words)


def fenced(code: str, language: str) -> str:
    """Code in a fence longer than any it holds."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    marker = "`" * max(3, longest + 1)
    return f"{marker}{language}\n{code.rstrip()}\n{marker}"


def insertion(block: Block, lead: str, body: str) -> str:
    """Text to insert at the end of a block: a lead line, then a body, indented as the block is.

    Args:
        block: The block it follows and belongs to.
        lead: One line ending in a colon.
        body: Lines of a fence or table.
    """
    if block.kind is BlockKind.ROW:
        raise ValueError("nothing can be inserted between table rows")
    pad = ("> " if block.quote else "") + " " * (block.indent if not block.quote else 0)
    lines = ["", lead, "", *body.splitlines()]
    return "".join(f"\n{pad}{line}".rstrip(" ") if not line else f"\n{pad}{line}" for line in lines)
