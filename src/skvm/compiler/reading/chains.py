"""Whether commands hang together: each works on what the one before has left."""

from __future__ import annotations

import itertools
import re

from skvm.compiler.reading.shell import Command, read_shell
from skvm.skill.sieve import sieved

__all__ = ["is_chain", "is_said_chain", "is_unbroken"]

_SAID = sieved(
    r"\b(?:in (?:this|exactly this|the following|that) order|only work in (?:this )?order|"
    r"one after (?:the other|another)|"
    r"in sequence|sequentially|use this loop)\b|按(?:以下|照)?顺序|依次",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(
    r"^[ \t]*#.*\b(?:or|alternatively|option|either|variant)\b", re.IGNORECASE | re.MULTILINE
)
_OUTPUT_WORDS = """
-o -O -of --out --output --output-file --output-dir --out-dir --outdir --dest -l --log-dir --save --target
-cf -czf cf czf cvf czvf -czvf -cvf --tag -t
"""
_OUTPUT_OPTIONS = frozenset(_OUTPUT_WORDS.split())
"""Options whose value a command leaves behind."""
_MAKES_LAST = frozenset({"mkdir", "touch", "cp", "mv", "tee", "ln"})
_LISTS = re.compile(
    r"^\W*(?:usage|examples?|quick reference|common|options|commands|cheat ?sheet|backup)\b"
    r"|\breference\W*$",
    re.IGNORECASE,
)
_MARKED = re.compile(r"(?<!<)<[A-Za-z][\w |./-]*>|\[--?[\w -]+\]")
"""Marks of what is put in or left out, which a shell would take for redirections."""
_MAY_LEAVE = re.compile(
    r"=\"?(?:\$\(|`)|>|\s-(?:o|O|of|l|t|cf|czf|czvf|cvf)\s|--(?:out|dest|log-dir|save|target|tag)|\bof=|"
    r"\b(?:mkdir|touch|cp|mv|tee|ln|clone|venv|cf|czf|cvf|czvf)\b|\bgit\s+add\b"
)
"""What a command that leaves something has in it; without it the code need not be parsed."""
_MAX_CHARS = 20_000


def is_chain(code: str, lead: str) -> bool:
    """Whether the commands of a fence only work in their order.

    They do where the text says so, where a later one uses a value or file an earlier one found or
    left. Alternatives and single command lines are no chain.

    Args:
        code: Shell code.
        lead: The words right before it.
    """
    if len(code) > _MAX_CHARS or "\n" not in code.strip():
        return False
    code = _MARKED.sub("PUT-IN", code)
    if not is_said_chain(lead) and not _MAY_LEAVE.search(code):
        return False
    shell = read_shell(code)
    commands = [command for command in shell.commands if not command.is_nested]
    lines = sorted({_line(code, command) for command in commands})
    if len(lines) + len(shell.variables) < 2:
        return False
    if is_said_chain(lead):
        return True
    if _ALTERNATIVE.search(code) or _LISTS.search(lead):
        return False
    return _shares_variable(code, shell.variables) or bool(_links(code, commands))


def is_said_chain(lead: str) -> bool:
    """Whether words say that the commands behind them are done one after the other."""
    return _SAID.search(lead) is not None


def is_unbroken(code: str) -> bool:
    """Whether every command line is tied to another one by a file, and none stands for itself."""
    shell = read_shell(code)
    commands = [command for command in shell.commands if not command.is_nested]
    lines = {_line(code, command) for command in commands}
    tied = {line for link in _links(code, commands) for line in link}
    return bool(lines) and lines <= tied


def _line(code: str, command: Command) -> int:
    """The logical line a command begins on; a continued line is one."""
    before = code.encode()[: command.span.start]
    return before.count(b"\n") - before.count(b"\\\n")


def _shares_variable(code: str, variables: frozenset[str]) -> bool:
    """Whether a value one command found out is used by a later one; one put in by hand hands on nothing.

    What stands inside a loop or function is not looked at.
    """
    top = "\n".join("" if line[:1] in {" ", "\t"} else line for line in code.splitlines())
    for name in sorted(variables):
        assigned = re.search(rf"(?m)^(?:export[ \t]+)?{re.escape(name)}=(.*)$", top)
        if assigned and ("$(" in assigned.group(1) or "`" in assigned.group(1)):
            return re.search(rf"\$\{{?{re.escape(name)}\b", top[assigned.end() :]) is not None
    return False


def _links(code: str, commands: list[Command]) -> set[tuple[int, int]]:
    """Pairs of lines, the second of which uses what the first leaves."""
    made: dict[str, int] = {}
    staged = -1
    found: set[tuple[int, int]] = set()
    for command in commands:
        line = _line(code, command)
        words = command.effective
        own = _makes(command, words)
        for word in (*words[1:], *command.reads):
            value = word.rsplit("=", 1)[-1].removeprefix("@").removeprefix("./")
            if word not in own:
                found |= {(at, line) for name, at in made.items() if at < line and _within(value, name)}
        if words[:2] == ("git", "commit") and staged >= 0:
            found.add((staged, line))
        staged = line if words[:2] == ("git", "add") else staged
        for name in own:
            made.setdefault(name.removeprefix("./").rstrip("/"), line)
    return found


def _within(value: str, name: str) -> bool:
    return value.rstrip("/") == name or value.startswith(f"{name}/")


def _makes(command: Command, words: tuple[str, ...]) -> set[str]:
    """Files and folders a command leaves; names too short to mean anything are left out."""
    found = set(command.writes)
    program = words[0] if words else ""
    plain = [word for word in words[1:] if not word.startswith("-")]
    for option, value in itertools.pairwise(words):
        if (
            option in _OUTPUT_OPTIONS
            and not value.startswith("-")
            and program not in {"ls", "wc", "grep", "sort"}
            and re.search(r"[./$]", value)
        ):
            found.add(value)
    found |= {
        word.partition("=")[2]
        for word in words
        if word.startswith(("--output=", "--out=", "--output-dir=", "of="))
    }
    if program in _MAKES_LAST and plain:
        found |= set(plain) if program in {"mkdir", "touch"} else {plain[-1]}
    if program == "git" and words[1:2] == ("clone",) and len(plain) > 1:
        found.add(
            plain[2] if len(plain) > 2 else plain[1].rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
        )
    if words[1:3] == ("-m", "venv") or words[1:2] == ("venv",):
        found |= {plain[-1]}
    return {name for name in found if len(name) > 1 and name not in {"..", "/dev/null"}}
