"""Shell code in a skill: whether the agent is to make it or to run it, and which constructs it has."""

from __future__ import annotations

import re

from skvm.compiler.reading.commands import is_shell
from skvm.compiler.reading.fence_role import FenceRole
from skvm.compiler.reading.shell import read_shell
from skvm.skill.ir import CodeFence

__all__ = ["edits_streams", "has_flow", "is_made", "split_pipeline"]

_FLOW = re.compile(
    r"^[ \t]*(?:for|while|until|if|case|function)\b|^[ \t]*[\w-]+[ \t]*\(\)[ \t]*\{|[;&|"
    r"]\s*(?:do|then)\b",
    re.MULTILINE,
)
_STREAM_EDITORS = frozenset({"awk", "gawk", "mawk", "sed", "gsed", "perl"})
_STARTS_STREAM = re.compile(
    r"(?:^|[|;&(`]|\bxargs|\bdo|\bthen)\s*(?:sudo\s+)?(?:g?awk|mawk|g?sed|"
    r"perl\s+-\w*[np])\b",
    re.MULTILINE,
)
_SHELL_FILE = re.compile(r"\.(?:sh|bash|zsh)\b")
_MADE = re.compile(
    r"\b(?:write|create|save|put|make|compose|implement|generate|add|place|store)\b[^.:]{0,60}?"
    r"\b(?:(?:shell|bash|sh|zsh|wrapper|helper|cron|hook|setup|launcher|monitoring|"
    r"utility)?\s*scripts?|"
    r"(?:shell|bash)\s+(?:functions?|loops?|one-?liners?)|alias(?:es)?|pre-commit hook)\b"
    r"|(?:编写|创建|写).{0,20}(?:脚本)",
    re.IGNORECASE,
)
_PLAIN_PIPE = re.compile(r"(?<!\|)\|(?![|&])")


def is_made(fence: CodeFence, role: FenceRole, code: str) -> bool:
    """Whether a fence of shell code is a script to write or change, not commands to run as they stand.

    A here-document that writes the script is a command that is given.
    """
    if not is_shell(fence) or role.is_shown or "<<" in code:
        return False
    if role.changes:
        return True
    if role.runs and not role.writes:
        return False
    if role.telling is not None and role.writes:
        text = role.telling.text
        is_file = role.file is not None and _SHELL_FILE.search(role.file) is not None
        if is_file or _MADE.search(text):
            # "Create a script with: `tool new script`" gives the command that creates it.
            return code.lstrip().startswith("#!") or has_flow(code) or code.strip().count("\n") > 2
    return code.lstrip().startswith("#!")


def edits_streams(code: str) -> bool:
    """Whether it programs ``awk``, ``sed`` or ``perl``."""
    if not _STARTS_STREAM.search(code):
        return False
    return any(command.program.rsplit("/", 1)[-1] in _STREAM_EDITORS for command in read_shell(code).commands)


def has_flow(code: str) -> bool:
    """Whether it has loops, branches or functions, or pipes three commands or more in a row."""
    if _FLOW.search(code):
        return True
    if not any(len(_PLAIN_PIPE.findall(line)) > 1 for line in code.replace("\\\n", " ").splitlines()):
        return False
    return any(command.position > 1 for command in read_shell(code).commands)


def split_pipeline(line: str, first: int) -> list[str] | None:
    """A pipeline as single commands, each of which leaves a file for the next one.

    Args:
        line: One command line.
        first: Number of the first file.

    Returns:
        The commands; ``None`` where the line is no plain pipeline.
    """
    code = read_shell(line)
    source = line.encode()
    bare = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "''", line)
    commands = code.commands
    plain = (
        not code.has_error
        and len(commands) > 1
        and len({command.pipeline for command in commands}) == 1
        and not any(command.is_nested or command.reads for command in commands)
        and not any(command.writes for command in commands[:-1])
        and not re.search(r"\|&|2>|&>|&&|\|\||;|`|\$\(|<<|\bxargs\b|\btee\b|\bwhile\b", bare)
    )
    if not plain:
        return None
    made: list[str] = []
    for index, command in enumerate(commands):
        end = commands[index + 1].span.start if index + 1 < len(commands) else len(source)
        text = source[command.span.start : end].decode("utf-8", "replace").strip()
        text = text.removesuffix("|").strip() if index + 1 < len(commands) else text
        fed = f" < step-{first + index - 1}.txt" if index else ""
        if command.writes:
            at = text.index(">")
            made.append(f"{text[:at].rstrip()}{fed} {text[at:]}")
        else:
            made.append(f"{text}{fed} > step-{first + index}.txt")
    return made
