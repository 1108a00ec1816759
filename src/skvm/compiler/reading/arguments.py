"""What a script takes on the command line, read from its code."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Argument", "arguments_of"]

_MAX_CHARS = 60_000
_MAX_ARGUMENTS = 6
_POSITION = re.compile(r"\$(?:\{([1-9])(:?[-=?+][^}]*)?\}|([1-9])\b)")
_NAMED = re.compile(r"^[ \t]*(?:local\s+|readonly\s+)?([A-Za-z_]\w*)=[\"']?\$\{?([1-9])(?!\d)", re.MULTILINE)
_FUNCTION = re.compile(r"^(?:function[ \t]+)?[\w-]+[ \t]*\(\)[ \t]*\{[ \t]*\n(?:(?!\}).*\n)*\}", re.MULTILINE)
_WHOLE = re.compile(r"\bgetopts?\b|\$[@*#]|\"\$\{?@|\bshift\b|\bcase\b")
_NODE_WHOLE = re.compile(r"process\.argv(?!\s*\[\s*[2-9]\s*\])|\b(?:commander|yargs|minimist|parseArgs)\b")
_NODE_POSITION = re.compile(
    r"(?:(?:const|let|var)\s+(\w+)\s*=[^;\n]{0,40})?process\.argv\s*\[\s*([2-9])\s*\]"
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One thing a script has to be given.

    Args:
        name: What it is called there.
        option: The option it is given by; ``""`` for a place in the line.
        takes_value: Whether the option takes a value.
    """

    name: str
    option: str = ""
    takes_value: bool = True

    @property
    def usage(self) -> str:
        """How it stands in a command line: ``<name>``, ``--option <name>`` or ``--option``."""
        value = f"<{self.name}>"
        if not self.option:
            return value
        return f"{self.option} {value}" if self.takes_value else self.option


@lru_cache(maxsize=256)
def arguments_of(code: str, language: str) -> tuple[Argument, ...] | None:
    """What has to be given; ``None`` where the code cannot be read or decides by more than that."""
    if len(code) > _MAX_CHARS:
        return None
    if language == "python":
        return _of_python(code)
    if language == "shell":
        return _of_shell(_FUNCTION.sub("", code))
    if language == "javascript" and not _NODE_WHOLE.search(code):
        found = {str(int(number) - 1): name for name, number in _NODE_POSITION.findall(code)}
        return _by_place(set(found), set(found), found)
    return None


def _of_shell(code: str) -> tuple[Argument, ...] | None:
    """Places of the script itself; those of its functions are not among them."""
    if _WHOLE.search(code):
        return None
    names = {number: name for name, number in _NAMED.findall(code)}
    required: set[str] = set()
    given: set[str] = set()
    for braced, default, plain in _POSITION.findall(code):
        given.add(braced or plain)
        if not default.lstrip(":").startswith(("-", "=", "+")):
            required.add(braced or plain)
    return _by_place(required, given, names)


def _by_place(required: set[str], given: set[str], names: dict[str, str]) -> tuple[Argument, ...] | None:
    """Arguments by their number; ``None`` where a place is left out."""
    last = max((int(number) for number in required), default=0)
    if last > _MAX_ARGUMENTS or any(str(number) not in given for number in range(1, last + 1)):
        return None
    return tuple(
        Argument((names.get(str(number)) or f"argument-{number}").lower().replace("_", "-"))
        for number in range(1, last + 1)
    )


def _of_python(code: str) -> tuple[Argument, ...] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    nodes = list(ast.walk(tree))
    if "argparse" in code or "ArgumentParser" in code:
        return _of_argparse(nodes)
    if re.search(r"\b(?:click|typer|docopt|fire|optparse|getopt)\b", code):
        return None
    return _of_argv(nodes)


def _of_argparse(nodes: list[ast.AST]) -> tuple[Argument, ...] | None:
    places: list[tuple[int, Argument]] = []
    options: list[tuple[int, Argument]] = []
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        called = node.func.attr
        if called in {"add_subparsers", "add_mutually_exclusive_group", "parse_known_args"}:
            return None
        if called != "add_argument":
            continue
        flags = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        words = {keyword.arg: keyword.value for keyword in node.keywords}
        if not flags or len(flags) != len(node.args) or None in words:
            return None
        flag = max((str(found) for found in flags), key=len)
        name = flag.lstrip("-")
        shown = words.get("metavar")
        label = str(shown.value) if isinstance(shown, ast.Constant) and isinstance(shown.value, str) else name
        label = label.strip("<>[] ").lower().replace("_", "-").replace(" ", "-")
        if not flag.startswith("-"):
            count = words.get("nargs")
            if isinstance(count, ast.Constant) and count.value in {"?", "*"}:
                continue
            places.append((node.lineno, Argument(label)))
        elif _is_true(words.get("required")):
            options.append((node.lineno, Argument(label, flag)))
    made = tuple(argument for _, argument in (*sorted(places, key=_line), *sorted(options, key=_line)))
    return made if len(made) <= _MAX_ARGUMENTS else None


def _line(item: tuple[int, Argument]) -> int:
    return item[0]


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _of_argv(nodes: list[ast.AST]) -> tuple[Argument, ...] | None:
    """Arguments of a program that looks at ``sys.argv`` place by place."""
    places = {
        id(node.value): node
        for node in nodes
        if isinstance(node, ast.Subscript) and _is_argv(node.value) and isinstance(node.slice, ast.Constant)
    }
    counted = {id(node.args[0]) for node in nodes if isinstance(node, ast.Call) and _is_len(node)}
    if any(_is_argv(node) and id(node) not in places and id(node) not in counted for node in nodes):
        return None
    # What is compared decides what the program does; no one line stands for all of that.
    if any(
        isinstance(node, ast.Compare) and any(id(part.value) in places for part in _subscripts(node))
        for node in nodes
    ):
        return None
    optional = {id(found) for node in nodes if isinstance(node, ast.IfExp) for found in ast.walk(node.body)}
    names: dict[str, str] = {}
    given: set[str] = set()
    required: set[str] = set()
    for node in nodes:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
            for found in ast.walk(node.value):
                if isinstance(found, ast.Subscript) and id(found.value) in places:
                    names.setdefault(_number(found), target.id)
        if isinstance(node, ast.Subscript) and id(node.value) in places and _number(node) != "0":
            given.add(_number(node))
            if id(node) not in optional:
                required.add(_number(node))
    return _by_place(required, given, names) if all(number.isdecimal() for number in given) else None


def _subscripts(node: ast.Compare) -> list[ast.Subscript]:
    return [part for part in (node.left, *node.comparators) if isinstance(part, ast.Subscript)]


def _number(node: ast.Subscript) -> str:
    return str(node.slice.value) if isinstance(node.slice, ast.Constant) else ""


def _is_argv(node: ast.AST) -> bool:
    by_module = isinstance(node, ast.Attribute) and node.attr == "argv"
    return by_module or (isinstance(node, ast.Name) and node.id == "argv")


def _is_len(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "len"
        and bool(node.args)
        and _is_argv(node.args[0])
    )
