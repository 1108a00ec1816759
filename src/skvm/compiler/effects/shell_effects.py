"""What shell code touches, command by command, and loops that do the same to each of several things."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from skvm.compiler.effects.exclusive import exclusive_of
from skvm.compiler.effects.model import ENVIRONMENT, Effects, merged
from skvm.compiler.effects.programs import NETWORK_PROGRAMS
from skvm.compiler.effects.resources import is_path, path_name
from skvm.compiler.effects.tools import tool_effects
from skvm.compiler.reading.commands import PLACEHOLDER
from skvm.compiler.reading.shell import Command, read_shell
from skvm.diagnostics import Span

__all__ = ["CommandEffects", "Interpret", "ShellLoop", "shell_effects", "shell_loops"]

Interpret = Callable[[tuple[str, ...]], Effects | None]
"""Says what a script of the bundle touches when it is run with some words; ``None`` if it is not one."""


@dataclass(frozen=True, slots=True)
class CommandEffects:
    """One command and what it touches.

    Args:
        command: The command.
        effects: What it touches.
        is_exact: Whether nothing in it is left to fill in.
    """

    command: Command
    effects: Effects
    is_exact: bool


@dataclass(frozen=True, slots=True)
class ShellLoop:
    """``for NAME in ITEMS; do BODY; done``.

    Args:
        variable: The name.
        over: The items as written.
        body: The code between ``do`` and ``done``.
        span: The whole loop's bytes in the code.
        body_span: The body's.
    """

    variable: str
    over: str
    body: str
    span: Span
    body_span: Span


_TESTS = re.compile(r"(?:\[\[?|\btest)\s[^\n;\]]*")
_TESTED = re.compile(
    r"\s-[a-hkprstuwxGLNOS]\s+[\"']?([^\s;|&\"'()\]]+)|[\"']?([^\s\"'\[]+)[\"']?\s+-(?:nt|ot|ef)\s+[\"']?([^\s\"'\]]+)"
)


def _tested(code: str) -> tuple[str, ...]:
    """Files whose being there, or whose age, a test of shell code asks about."""
    if "[" not in code and "test" not in code:
        return ()
    names = {
        path_name(name)
        for test in _TESTS.findall(code)
        for groups in _TESTED.findall(test)
        for name in groups
        if name
    }
    return tuple(sorted(names))


_NO_COMMANDS: tuple[CommandEffects, ...] = ()
_APPENDS = re.compile(r">>[ \t]*[\"']?([^\s;|&\"'()]+)")
_ANGLES = re.compile(r"<([A-Za-z][\w ./|-]{0,60})>")


def _without_angles(code: str) -> str:
    """Code without carriage returns whose ``<placeholder>`` is no redirection; of the same length."""
    return (
        _ANGLES.sub(lambda found: "{" + re.sub(r"[ |]", "_", found[1]) + "}", code) if "<" in code else code
    )


def shell_effects(code: str, interpret: Interpret) -> tuple[CommandEffects, ...]:
    """What each command of some shell code touches, in order.

    Args:
        code: The code.
        interpret: Asked about programs that are not well known.
    """
    shell = read_shell(_without_angles(code))
    if not shell.commands:
        return _NO_COMMANDS
    source = code.encode()
    appended = {path_name(name) for name in _APPENDS.findall(code)} if ">>" in code else set()
    tested = Effects(_tested(code))
    found: list[CommandEffects] = []
    for command in shell.commands:
        if command.words[0] in shell.functions:
            continue
        effects = _command_effects(command, interpret)
        if tested.reads:
            # Which commands hang on a test is not looked into.
            effects = merged([effects, tested])
        if again := appended.intersection(effects.writes):
            # What is added to is there before, and counts as read.
            effects = merged([effects, Effects(tuple(sorted(again)))])
        if shell.has_error and effects.is_open:
            # What is no shell gives words that are no programs.
            effects = Effects(hosts=effects.hosts, is_open=True)
        text = source[command.span.start : command.span.end].decode("utf-8", "replace")
        is_exact = "$" not in text and not PLACEHOLDER.search(text)
        found.append(CommandEffects(command, effects, is_exact))
    if shell.has_error and found:
        last = found[-1]
        found[-1] = CommandEffects(last.command, merged([last.effects, Effects(is_open=True)]), False)
    return tuple(found)


def _command_effects(command: Command, interpret: Interpret) -> Effects:
    words = command.effective
    redirected = Effects(
        tuple(sorted({path_name(name) for name in command.reads})),
        tuple(sorted({path_name(name) for name in command.writes})),
    )
    if not words or not command.program:
        return merged([redirected, Effects(is_open=True)])
    known = interpret(words)
    if known is None:
        known = tool_effects(words)
    if known is None:
        known = _unknown(words)
    if command.words[0] == "sudo":
        known = merged([known, Effects(calls=("sudo",))])
    # xargs feeds its command words nobody can read here.
    if command.words[0] == "xargs":
        known = merged([known, Effects(calls=("xargs",), is_open=True)])
    if alone := exclusive_of(words):
        known = merged([known, Effects(exclusive=alone)])
    return merged([known, redirected]) if command.reads or command.writes else known


_PROGRAM = re.compile(r"(?:Rscript|[a-z])[\w.+-]*\Z")


def _unknown(words: tuple[str, ...]) -> Effects:
    """A program nobody knows: what its words name may be read and written, and anything else too."""
    named = sorted({path_name(word) for word in words[1:] if not word.startswith("-") and is_path(word)})
    hosts = sorted(
        {name.removeprefix("host:") for word in words[1:] if "://" in word for name in [path_name(word)]}
    )
    name = words[0].rsplit("/", 1)[-1]
    return Effects(
        tuple(sorted({ENVIRONMENT, *(name for name in named if not name.startswith("host:"))})),
        (),
        (name,) if _PROGRAM.match(name) else (),
        ("*",) if name in NETWORK_PROGRAMS and not hosts else tuple(hosts),
        is_open=True,
    )


_LOOP = re.compile(
    r"^[ \t]*(?P<for>for)[ \t]+(?P<variable>[A-Za-z_]\w*)[ \t]+in[ \t]+"
    r"(?P<over>[^;\n]{1,400}?)[ \t]*[;\n]\s*do\b",
    re.MULTILINE,
)
_DONE = re.compile(r"(?:^|[;\s])done\b")


def shell_loops(code: str) -> list[ShellLoop]:
    """The ``for`` loops of some shell code that have no loop in them."""
    if "done" not in code or "for " not in code:
        return []
    found: list[ShellLoop] = []
    for head in _LOOP.finditer(code):
        done = _DONE.search(code, head.end())
        if done is None:
            break
        body = code[head.end() : done.start()].replace("\r", " ")
        if re.search(r"\bdo\b", body):
            continue
        spans = [
            Span(len(code[:start].encode()), len(code[:end].encode()))
            for start, end in ((head.start("for"), done.end()), (head.end(), done.start()))
        ]
        found.append(ShellLoop(head["variable"], head["over"].strip(), body, spans[0], spans[1]))
    return found
