"""Why some code can be no template, however often it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from skvm.compiler.effects.programs import NETWORK_PROGRAMS
from skvm.compiler.effects.python_effects import python_effects
from skvm.compiler.effects.python_names import NETWORK
from skvm.compiler.effects.shell_effects import shell_effects
from skvm.runtime.boost.compiling.align_shell import parse_shell
from skvm.runtime.boost.compiling.pieces import Source, pieces_of
from skvm.runtime.boost.compiling.shell_danger import walk
from skvm.runtime.boost.model import Language

if TYPE_CHECKING:
    from skvm.compiler.effects.model import Effects
    from skvm.runtime.boost.compiling.actions import Action

__all__ = ["refusals", "refusals_of_code"]

_MAX_CHARS = 64_000


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_INSTALLERS = _names("pip pip3 apt apt-get npm yarn brew conda uv cargo gem apk dnf yum pnpm pipx")
_STEERING = _names("sudo su nohup setsid disown kill pkill killall git chmod chown ln mount crontab at")
_CHANCE = _names("shuf uuidgen mktemp")
_CLOCK = frozenset(
    {"now", "today", "utcnow", "time_ns", "monotonic", "perf_counter", "gmtime", "localtime", "ctime"}
)
_CHANCE_MODULES = frozenset({"random", "secrets", "uuid"})
_STARTING_MODULES = frozenset({"subprocess", "multiprocessing", "ctypes", "signal", "pty", "webbrowser"})
_STARTING = frozenset({"system", "popen", "fork", "execv", "execvp", "spawnv", "kill", "startfile"})
_RUNNING_TEXT = frozenset({"eval", "exec", "compile", "__import__", "input", "breakpoint"})
_CLOCK_COMMAND = re.compile(r"(?:^|[\s;&|(`])date(?![\w.-])(?!\s+(?:-d|--date|-r|--reference))")
_HARMLESS = frozenset({"/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr"})


def refusals(action: Action) -> tuple[str, ...]:
    """Why an action can be no template; nothing if it may be one."""
    found = set(refusals_of_code(action.language, action.code))
    changed = action.changed
    if changed is not None:
        before = action.run.files(action.before) or {}
        found.update(f"deletes {name}" for name, data in changed.items() if data is None and name in before)
        if not changed:
            found.add("changes no file")
    return tuple(sorted(found))


def refusals_of_code(language: Language, code: str) -> tuple[str, ...]:
    """Why some code can be no template, as far as the code itself shows."""
    if len(code) > _MAX_CHARS:
        return ("is too long",)
    found = _of_python(code) if language is Language.PYTHON else _of_shell(code)
    return tuple(sorted(set(found)))


def _of_effects(effects: Effects) -> Iterator[str]:
    if effects.hosts:
        yield "uses the network"
    for name in sorted({*effects.reads, *effects.writes}):
        if name in _HARMLESS or name.startswith(("env:", "git:", "host:", "person:", "program:")):
            continue
        if name.startswith(("/", "~")):
            yield f"touches {name}, which is outside"
        elif ".." in name.split("/"):
            yield f"touches {name}, which may be outside"


def _of_python(code: str) -> Iterator[str]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        yield "is no Python"
        return
    yield from _of_effects(python_effects(code).effects)
    for node in ast.walk(tree):
        yield from _of_node(node)


def _of_node(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield from _of_module(alias.name)
        case ast.ImportFrom(module=module, names=names):
            yield from _of_module(module or "")
            if module == "time" and any(alias.name == "time" for alias in names):
                yield "asks the clock"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="time" | "strftime"), args=args) if (
            len(args) < 2
        ):
            yield "asks the clock"
        case ast.Call(func=ast.Attribute(attr=name)) if name in _CLOCK:
            yield "asks the clock"
        case ast.Call(func=ast.Attribute(attr=name)) if name in _STARTING:
            yield "starts programs"
        case ast.Attribute(attr="random" | "urandom"):
            yield "depends on chance"
        case ast.Name(id=name) if name in _RUNNING_TEXT:
            yield "asks or runs what is no part of it"
        case ast.Attribute(attr="symlink" | "link" | "symlink_to" | "hardlink_to" | "chmod" | "chown"):
            yield "makes links or changes permissions"
        case _:
            return


def _of_module(module: str) -> Iterator[str]:
    root = module.split(".", maxsplit=1)[0]
    if root in NETWORK or root in ("http", "imaplib", "poplib", "telnetlib", "xmlrpc", "socketserver"):
        # Parts of them only take addresses apart.
        if module not in ("urllib.parse", "http.cookies"):
            yield "uses the network"
    elif root in _CHANCE_MODULES:
        yield "depends on chance"
    elif root in _STARTING_MODULES:
        yield "starts programs"


def _of_shell(code: str) -> Iterator[str]:
    if "$RANDOM" in code or "${RANDOM" in code:
        yield "depends on chance"
    if _CLOCK_COMMAND.search(code):
        yield "asks the clock"
    root = parse_shell(code.encode("utf-8", "replace"))
    if root is None:
        yield "is no shell"
        return
    if any(node.type == "&" for node in walk(root)):
        yield "leaves programs running"
    for piece in pieces_of(code):
        if isinstance(piece, Source):
            yield from _of_python(piece.code)
    for each in shell_effects(code, lambda words: None):
        yield from _of_effects(each.effects)
        words = each.command.effective
        program = words[0].rpartition("/")[2] if words else ""
        if program in _INSTALLERS or (program == "go" and words[1:2] == ("install",)):
            yield "installs programs"
        elif program in NETWORK_PROGRAMS or program in ("nc", "ssh", "scp", "rsync", "telnet", "ftp"):
            yield "uses the network"
        elif program in _STEERING or "sudo" in each.command.words:
            yield f"runs {program if program in _STEERING else 'sudo'}"
        elif program in _CHANCE:
            yield "depends on chance"
