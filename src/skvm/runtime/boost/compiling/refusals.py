"""Why some code can be no template, however often it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from skvm.compiler.effects.programs import NETWORK_PROGRAMS
from skvm.compiler.effects.python_effects import python_effects
from skvm.compiler.effects.python_names import NETWORK
from skvm.compiler.effects.shell_effects import shell_effects
from skvm.runtime.boost.compiling.pieces import Source, pieces_of
from skvm.runtime.boost.model import Language
from skvm.runtime.boost.shell_tree import parse_shell, walk

if TYPE_CHECKING:
    from skvm.compiler.effects.model import Effects
    from skvm.runtime.boost.compiling.actions import Action

__all__ = ["refusals", "refusals_of_code"]

_MAX_CHARS = 64_000
_PLACE = "depends on where it runs"


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STEERING = _names("sudo su nohup setsid disown kill pkill killall git chmod chown ln mount crontab at")
_PROGRAMS: Mapping[str, str] = {
    **dict.fromkeys(_names("shuf uuidgen mktemp"), "depends on chance"),
    **dict.fromkeys(
        _names("hostname whoami id uname tty ps top df du uptime nproc free env printenv"), _PLACE
    ),
    **dict.fromkeys({*NETWORK_PROGRAMS, *_names("nc ssh scp rsync telnet ftp")}, "uses the network"),
    **dict.fromkeys(
        _names("pip pip3 apt apt-get npm yarn brew conda uv cargo gem apk dnf yum pnpm pipx"),
        "installs programs",
    ),
}
_CALLED: Mapping[str, str] = {
    **dict.fromkeys(
        _names("now today utcnow time_ns monotonic perf_counter gmtime localtime ctime"), "asks the clock"
    ),
    **dict.fromkeys(_names("system popen fork execv execvp spawnv kill startfile"), "starts programs"),
}
_NAMED: Mapping[str, str] = {
    **dict.fromkeys(_names("random urandom"), "depends on chance"),
    **dict.fromkeys(_names("getmtime getctime getatime st_mtime st_ctime st_atime"), "asks the clock"),
    **dict.fromkeys(
        _names("gethostname getpid getuser getlogin node uname cpu_count expanduser home environ getenv"),
        _PLACE,
    ),
    **dict.fromkeys(
        _names("symlink link symlink_to hardlink_to chmod chown"), "makes links or changes permissions"
    ),
}
_CHANCE_MODULES = frozenset({"random", "secrets", "uuid"})
_STARTING_MODULES = frozenset({"subprocess", "multiprocessing", "ctypes", "signal", "pty", "webbrowser"})
_RUNNING_TEXT = frozenset({"eval", "exec", "compile", "__import__", "input", "breakpoint"})
_CLOCK_VARIABLES = _names("SECONDS EPOCHSECONDS EPOCHREALTIME")
_PLACE_VARIABLES = _names("HOSTNAME USER LOGNAME UID PPID BASHPID HOME OLDPWD")
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
        case ast.Call(func=ast.Attribute(attr=name)) if name in _CALLED:
            yield _CALLED[name]
        case ast.Call(func=ast.Name(id="hash" | "id")):
            yield "depends on chance"
        case ast.Attribute(attr=name) if name in _NAMED:
            yield _NAMED[name]
        case ast.Name(id=name) if name in _RUNNING_TEXT:
            yield "asks or runs what is no part of it"
        case _:
            return


def _of_variable(name: str) -> Iterator[str]:
    if name in ("RANDOM", "SRANDOM"):
        yield "depends on chance"
    elif name in _CLOCK_VARIABLES:
        yield "asks the clock"
    elif name in _PLACE_VARIABLES or name == "$":
        yield _PLACE


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
    root = parse_shell(code.encode("utf-8", "replace"))
    if root is None:
        yield "is no shell"
        return
    for node in walk(root):
        if node.type == "&":
            yield "leaves programs running"
        elif node.type in ("variable_name", "special_variable_name"):
            yield from _of_variable((node.text or b"").decode("utf-8", "replace"))
    for piece in pieces_of(code):
        if isinstance(piece, Source):
            yield from _of_python(piece.code)
    for each in shell_effects(code, lambda words: None):
        yield from _of_effects(each.effects)
        words = each.command.effective
        program = words[0].rpartition("/")[2] if words else ""
        if reason := _of_program(program, words[1:]):
            yield reason
        if "sudo" in each.command.words:
            yield "runs sudo"


def _of_program(program: str, words: Sequence[str]) -> str | None:
    """Why a command can be no part of a template."""
    if program == "date":
        tells = any(re.match(r"-[a-z]*[dr]|--date|--reference", word) for word in words)
        return None if tells else "asks the clock"
    if program == "go" and tuple(words[:1]) == ("install",):
        return "installs programs"
    return f"runs {program}" if program in _STEERING else _PROGRAMS.get(program)
