"""Python code in a skill: whether it is complete, and what it imports."""

from __future__ import annotations

import ast
import builtins
import re
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache

from skvm.compiler.reading.commands import PLACEHOLDER

__all__ = ["PythonCode", "is_python", "parse_python", "read_python"]

_BUILT_IN = frozenset({*dir(builtins), "__name__", "__file__"})
_STANDARD = sys.stdlib_module_names | {"__future__"}
_IMPORT = re.compile(r"^[ \t]*(?:>>>[ \t]*)?(?:from\s+([A-Za-z_]\w*)|import\s+([A-Za-z_]\w*))", re.MULTILINE)

_MAX_CHARS = 60_000


@dataclass(frozen=True, slots=True)
class PythonCode:
    """What a piece of Python code is.

    Args:
        third_party: Top-level modules it imports that are not in the standard library.
        standard: Those that are.
        is_program: Whether it parses, has nothing left to fill in and does something when it is run.
        calls_only: Whether it is nothing but comments and calls of functions Python does not know, as calls
            of tools are written down.
        is_module: Whether it parses and has nothing left to fill in, though it may only define things.
    """

    third_party: tuple[str, ...]
    standard: tuple[str, ...]
    is_program: bool
    is_module: bool = False
    calls_only: bool = False


def is_python(language: str) -> bool:
    """Whether an info string says Python."""
    return language in {"python", "py", "python3"}


@lru_cache(maxsize=512)
def parse_python(code: str, *, most_chars: int = _MAX_CHARS) -> ast.Module | None:
    """The syntax tree; ``None`` for what is no Python, or longer than is looked at."""
    if len(code) > most_chars:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


@lru_cache(maxsize=1024)
def read_python(code: str) -> PythonCode:
    """Read a piece of code; one that does not parse is read line by line."""
    tree = parse_python(code)
    if tree is None:
        found = {name.group(1) or name.group(2) for name in _IMPORT.finditer(code)}
        return PythonCode(tuple(sorted(found - _STANDARD)), tuple(sorted(found & _STANDARD)), False)
    names = _Names()
    for node in ast.walk(tree):
        names.note(node)
    is_whole = not names.is_open and not names.read - names.bound and not PLACEHOLDER.search(code)
    return PythonCode(
        tuple(sorted(names.modules - _STANDARD)),
        tuple(sorted(names.modules & _STANDARD)),
        is_whole and _acts(tree),
        is_whole,
        all(_is_foreign_call(node) for node in tree.body),
    )


class _Names:
    """What the nodes of a module import, read and bind; a star import may bind anything, so it counts."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.bound: set[str] = set(_BUILT_IN)
        self.read: set[str] = set()
        self.is_open = False

    def note(self, node: ast.AST) -> None:
        """Take account of one node."""
        if isinstance(node, ast.Name):
            (self.read if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)
        elif isinstance(node, ast.Constant):
            self.is_open = self.is_open or node.value is Ellipsis
        elif isinstance(node, ast.Import):
            self.modules.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                self.modules.add(node.module.split(".")[0])
        else:
            self._bind(node)

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.alias):
            self.is_open = self.is_open or node.name == "*"
            self.bound.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.bound.add(node.name)
        elif isinstance(node, ast.arg):
            self.bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self.bound.add(node.name)


def _is_foreign_call(node: ast.stmt) -> bool:
    """Whether a statement is one call of a plain name that is not built in."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return False
    return not hasattr(builtins, call.func.id)


def _acts(tree: ast.Module) -> bool:
    """Whether running the module does something."""
    defines = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Import,
        ast.ImportFrom,
        ast.Assign,
        ast.AnnAssign,
    )
    return any(
        not isinstance(node, defines)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
    )
