"""Container paths into paths of a work directory.

A Harbor task speaks of ``/root``, ``/app`` or ``/workspace`` (whatever the image's work directory is), of
``/tests`` and of ``/logs``. In a prompt, and in a reference solution, the first become relative to the work
directory. In a Python test the strings are mapped while it runs, because only then is known where the sealed
test files and the snapshot lie.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

__all__ = ["WORK_PREFIXES", "relative", "relative_text", "rewrite_python"]

WORK_PREFIXES = ("/root", "/app", "/workspace")
"""Where images of Harbor tasks keep what the agent works on."""

_HEAD = """\
import os as _os_of_paths, re as _re_of_paths, tempfile as _tmp_of_paths
def _skvm_mapped(text, _work=_os_of_paths.getcwd()):
    tests = _os_of_paths.path.join(_os_of_paths.environ.get("SKVM_GRADERS", _work), "tests")
    logs = _os_of_paths.environ.get("SKVM_LOGS") or _os_of_paths.path.join(_tmp_of_paths.gettempdir(), "logs")
    roots = {"/tests": tests, "/logs": logs}
    pattern = r"(?<![\\w.~:/-])(?:%PREFIXES%|/tests|/logs)(?![\\w-])"
    return _re_of_paths.sub(pattern, lambda found: roots.get(found[0], _work), text)
"""


def relative(path: str, prefixes: tuple[str, ...] = WORK_PREFIXES) -> str | None:
    """A container path seen from the work directory; ``None`` if it lies elsewhere or climbs out."""
    pure = PurePosixPath(path)
    for prefix in sorted(prefixes, key=len, reverse=True):
        if pure.is_relative_to(prefix):
            inner = pure.relative_to(prefix)
            return None if ".." in inner.parts else inner.as_posix()
    return None


def relative_text(text: str, prefixes: tuple[str, ...] = WORK_PREFIXES) -> str:
    """Text with every container path of the work directory made relative: ``/app/x`` to ``x``."""
    return _pattern(prefixes).sub(_relative_match, text)


def _pattern(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.~:/-])(?:{_any_of(prefixes)})(?P<rest>/[\w.@%+~/-]*)?(?![\w-])")


def _relative_match(found: re.Match[str]) -> str:
    rest = found["rest"]
    if not rest:
        return "."
    return rest.lstrip("/") or "./"


def _any_of(prefixes: tuple[str, ...]) -> str:
    return "|".join(re.escape(prefix) for prefix in sorted(prefixes, key=len, reverse=True))


def rewrite_python(source: str, prefixes: tuple[str, ...] = WORK_PREFIXES) -> str:
    """Python whose strings that hold container paths are mapped while it runs.

    Raises:
        SyntaxError: It is no Python of this version.
    """
    try:
        module = ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error
    inner = re.compile(rf"(?<![\w.~:/-])(?:{_any_of((*prefixes, '/tests', '/logs'))})(?![\w-])")
    data = source.encode()
    starts = _line_starts(data)
    found = [(_span(starts, node), node) for node in _strings(module) if _holds(node, inner)]
    if not found:
        return source
    for (start, end), node in sorted(found, key=lambda item: item[0], reverse=True):
        text = _nested(node, inner) or data[start:end]
        data = data[:start] + b"_skvm_mapped(" + text + b")" + data[end:]
    # What stays first holds no mapped string, so its end has not moved.
    at = starts[_after_future(module)]
    head = _HEAD.replace("%PREFIXES%", _any_of(prefixes)).encode()
    return (data[:at] + head + data[at:]).decode()


def _holds(node: ast.expr, inner: re.Pattern[str]) -> bool:
    """Whether a string, or any string within an f-string, has such a path."""
    texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return any(isinstance(text, str) and inner.search(text) for text in texts)


def _nested(node: ast.expr, inner: re.Pattern[str]) -> bytes | None:
    """An f-string written anew, if what it formats holds such strings itself.

    Raises:
        SyntaxError: It cannot be written in the grammar of this version.
    """
    if not isinstance(node, ast.JoinedStr):
        return None
    formatted = [part for part in node.values if isinstance(part, ast.FormattedValue)]
    if not any(_holds(part, inner) for part in formatted):
        return None
    for part in formatted:
        part.value = _Mapping(inner).visit(part.value)
    try:
        return ast.unparse(node).encode()
    except ValueError as error:
        raise SyntaxError(str(error)) from error


class _Mapping(ast.NodeTransformer):
    """Wraps strings that hold such a path into the mapping call."""

    def __init__(self, inner: re.Pattern[str]) -> None:
        self._inner = inner

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Wrap."""
        return self._wrapped(node) if isinstance(node.value, str) and _holds(node, self._inner) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """Wrap, and what it formats as well."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                part.value = self.visit(part.value)
        return self._wrapped(node) if _holds(node, self._inner) else node

    @staticmethod
    def _wrapped(node: ast.expr) -> ast.Call:
        return ast.Call(func=ast.Name(id="_skvm_mapped", ctx=ast.Load()), args=[node], keywords=[])


def _strings(module: ast.Module) -> Iterator[ast.expr]:
    """String expressions, outermost only, that are neither docstrings nor parts of patterns."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.pattern):
            continue
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            yield node
            continue
        waiting += ast.iter_child_nodes(node)


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(starts: list[int], node: ast.expr) -> tuple[int, int]:
    """Byte range of an expression; columns of the syntax tree are bytes of UTF-8 already."""
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_column


def _after_future(module: ast.Module) -> int:
    """Number of lines that must stay first: the docstring and imports from ``__future__``."""
    last = 0
    for index, node in enumerate(module.body):
        is_doc = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_doc or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            last = node.end_lineno or node.lineno
        else:
            break
    return last
