"""Python templates of the existing system: every ``${hole}`` becomes an expression.

A hole is a value or stands in a text. The code is read with a name in the place of each hole; then each name,
and each text that holds one, is replaced by an expression that joins the fixed parts and the values.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping

from skvm.runtime.boost.foreign.findings import HoleRefusedError

__all__ = ["HOLE", "check_python", "fill_python"]

HOLE = re.compile(r"\$\{([A-Za-z_][A-Za-z_0-9]*)\}")
"""A hole as the existing system writes it."""
_MARK = "skvm_hole_{}_of_template"
_MARKED = re.compile(r"skvm_hole_(\d+)_of_template")
_RUNS_CODE = frozenset(
    """exec eval compile __import__ importlib runpy subprocess pty popen popen2 system execv execve execvp
    execl execlp spawnl spawnv posix_spawn pickle marshal shelve ctypes getattr setattr globals locals vars
    __builtins__ __subclasses__ __globals__ code codeop input breakpoint fork multiprocessing builtins sqlite3
    """.split()  # noqa: SIM905 - a list of words
)


def fill_python(code: str, names: Mapping[str, str], value: Callable[[str], str]) -> str:
    """Replace the holes of Python code.

    Args:
        code: With holes.
        names: Parameter by hole; other ``${…}`` are text.
        value: The expression for a parameter.

    Raises:
        HoleRefusedError: It is no Python, or a value could become code or a part of a name.
    """
    # Lines are counted as the parser counts them.
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    holes: list[str] = []

    def mark(found: re.Match[str]) -> str:
        if found[1] not in names:
            return found[0]
        holes.append(names[found[1]])
        return _MARK.format(len(holes) - 1)

    marked = HOLE.sub(mark, code)
    if not holes:
        return code
    if _MARKED.search(code):
        raise HoleRefusedError("the code holds a name that is ours")
    tree = _parsed(marked)
    _check(tree)
    edits = [_edit(node, holes, value, marked) for node in _held(tree)]
    changed = _edited(marked, edits)
    left = _MARKED.search(_without_comments(changed))
    if left:
        raise HoleRefusedError(f"${{{holes[int(left[1])]}}} is neither a value nor part of a text")
    changed = _MARKED.sub(lambda found: holes[int(found[1])], changed)
    _parsed(changed)
    return changed


def check_python(code: str) -> None:
    """Refuse code that could run what it reads.

    Raises:
        HoleRefusedError: It is no Python, or it uses a name that leads to running code.
    """
    _check(_parsed(code))


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise HoleRefusedError("it is no Python") from error


def _check(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        used = {
            name
            for name in (
                getattr(node, "id", None),
                getattr(node, "attr", None),
                getattr(node, "module", None),
            )
            if isinstance(name, str)
        }
        if isinstance(node, ast.Import | ast.ImportFrom):
            used |= {part for alias in node.names for part in alias.name.split(".")}
        used = {part for name in used for part in name.split(".")}
        if found := sorted(used & _RUNS_CODE):
            raise HoleRefusedError(f"the code uses {found[0]}, which can run a value")


def _held(tree: ast.Module) -> Iterator[ast.expr]:
    """Every expression that is to be replaced, outermost only."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and b"skvm_hole_" in node.value:
            raise HoleRefusedError("a value stands in bytes")
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and _MARKED.search(node.value):  # type: ignore[attr-defined]
            yield node  # type: ignore[misc]
        elif isinstance(node, ast.Name) and _MARKED.fullmatch(node.id):
            if not isinstance(node.ctx, ast.Load):
                raise HoleRefusedError("a value stands where a name is assigned")
            yield node
        elif isinstance(node, ast.JoinedStr) and any(
            isinstance(part, ast.Constant) and _MARKED.search(str(part.value)) for part in ast.walk(node)
        ):
            yield node
        else:
            pending += ast.iter_child_nodes(node)


def _edit(node: ast.expr, holes: list[str], value: Callable[[str], str], code: str) -> tuple[int, int, str]:
    start = _offset(code, node.lineno, node.col_offset)
    end = _offset(code, node.end_lineno or node.lineno, node.end_col_offset or 0)
    if isinstance(node, ast.Name):
        return start, end, value(holes[int(_MARKED.fullmatch(node.id)[1])])  # type: ignore[index]
    if isinstance(node, ast.JoinedStr):
        return start, end, ast.unparse(_joined(node, holes, value))
    return start, end, _text(str(node.value), holes, value)  # type: ignore[attr-defined]


def _text(text: str, holes: list[str], value: Callable[[str], str]) -> str:
    parts = []
    for index, part in enumerate(_MARKED.split(text)):
        if index % 2:
            parts.append(f"str({value(holes[int(part)])})")
        elif part:
            parts.append(repr(part))
    return f"({' + '.join(parts)})"


def _joined(node: ast.JoinedStr, holes: list[str], value: Callable[[str], str]) -> ast.JoinedStr:
    values: list[ast.expr] = []
    for part in node.values:
        if not isinstance(part, ast.Constant):
            # A hole in an expression within a text, or in how it is to be formatted.
            if any(_MARKED.search(str(getattr(each, "value", ""))) for each in ast.walk(part)):
                raise HoleRefusedError("a value stands within an expression of a formatted text")
            if any(isinstance(each, ast.Name) and _MARKED.fullmatch(each.id) for each in ast.walk(part)):
                raise HoleRefusedError("a value stands within an expression of a formatted text")
            values.append(part)
            continue
        for index, piece in enumerate(_MARKED.split(str(part.value))):
            if index % 2:
                inner = ast.parse(value(holes[int(piece)]), mode="eval").body
                values.append(ast.FormattedValue(value=inner, conversion=-1, format_spec=None))
            elif piece:
                values.append(ast.Constant(value=piece))
    return ast.JoinedStr(values=values)


def _offset(code: str, line: int, column: int) -> int:
    """Characters from the start; columns of the syntax tree count bytes of UTF-8."""
    lines = code.split("\n")
    before = sum(len(each) + 1 for each in lines[: line - 1])
    return before + len(lines[line - 1].encode()[:column].decode())


def _edited(code: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, text in sorted(edits, reverse=True):
        code = code[:start] + text + code[end:]
    return code


def _without_comments(code: str) -> str:
    """What is left of code when it is read and written again: no comment."""
    return ast.unparse(_parsed(code))
