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

__all__ = ["PythonCode", "is_python", "read_python"]

_IMPORT = re.compile(r"^\s*(?:>>>\s*)?(?:from\s+([A-Za-z_]\w*)|import\s+([A-Za-z_]\w*))", re.MULTILINE)


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


@lru_cache(maxsize=1024)
def read_python(code: str) -> PythonCode:
    """Read a piece of code; one that does not parse is read line by line."""
    tree = _parse(code)
    if tree is None:
        modules = {found.group(1) or found.group(2) for found in _IMPORT.finditer(code)}
    else:
        modules = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    standard = sys.stdlib_module_names | {"__future__"}
    return PythonCode(
        tuple(sorted(modules - standard)),
        tuple(sorted(modules & standard)),
        tree is not None and _acts(tree) and not PLACEHOLDER.search(code),
        tree is not None and _is_whole(tree) and not PLACEHOLDER.search(code),
        tree is not None and all(_is_foreign_call(node) for node in tree.body),
    )


def _is_foreign_call(node: ast.stmt) -> bool:
    """Whether a statement is one call of a plain name that is not built in."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return False
    return not hasattr(builtins, call.func.id)


def _parse(code: str) -> ast.Module | None:
    if len(code) > 60_000:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _acts(tree: ast.Module) -> bool:
    """Whether running the module does something and needs nothing that is not in it."""
    defines = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Import,
        ast.ImportFrom,
        ast.Assign,
        ast.AnnAssign,
    )
    acts = any(
        not isinstance(node, defines)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
    )
    return acts and _is_whole(tree)


def _is_whole(tree: ast.Module) -> bool:
    """Whether nothing in it is left out and no name comes from elsewhere."""
    left_open = any(isinstance(node, ast.expr) and _is_ellipsis(node) for node in ast.walk(tree))
    return not left_open and not _unbound(tree)


def _unbound(tree: ast.Module) -> set[str]:
    """Names that are read and bound nowhere in the module; a star import may bind anything, so it counts."""
    bound = {*dir(builtins), "__name__", "__file__"}
    read: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.alias):
            if node.name == "*":
                return {"*"}
            bound.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return read - bound


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
