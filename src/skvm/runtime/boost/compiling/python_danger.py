"""Where in Python code a text would become code: a pattern, a query, a format, or a name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

__all__ = ["NEVER", "restrictions"]

NEVER = "never"
"""No value may stand there; any other restriction is the name of a module whose ``escape`` makes it plain."""


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_QUERIES = _names("execute executemany executescript read_sql read_sql_query sql")
_EVALUATES = _names(
    "query eval getattr setattr hasattr delattr import_module find_spec exec compile xpath Template"
)
_PATTERNS = _names("compile search match fullmatch findall finditer sub subn split")
_TABLE_PATTERNS = _names("contains extract extractall fullmatch match findall")


def restrictions(tree: ast.Module) -> dict[int, str]:
    """What may stand in place of texts, by ``id`` of their nodes; nothing is said of those that are free."""
    found: dict[int, str] = {}
    patterns = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "re"
        for alias in node.names
    }
    if any(_called(node) in _QUERIES for node in ast.walk(tree)):
        _mark(found, [tree], NEVER)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                _free(found, node)
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            _mark(found, [node.left], NEVER)
        elif isinstance(node, ast.Call):
            _of_call(found, node, patterns)
    return found


def _of_call(found: dict[int, str], node: ast.Call, patterns: Iterable[str]) -> None:
    called = _called(node)
    pattern = [
        *node.args[:1],
        *(each.value for each in node.keywords if each.arg in ("pattern", "pat", "regex")),
    ]
    match node.func:
        case ast.Attribute(value=ast.Name(id="re" as module), attr=name) if name in _PATTERNS:
            _mark(found, pattern, module)
        case ast.Name(id=name) if name in patterns:
            _mark(found, pattern, NEVER)
        case ast.Attribute(value=ast.Attribute(attr="str"), attr=name) if name in _TABLE_PATTERNS:
            _mark(found, pattern, NEVER)
        case ast.Attribute(value=value, attr="format" | "format_map" | "strftime"):
            _mark(found, [value], NEVER)
        case _:
            if called in _EVALUATES:
                _mark(found, [*node.args, *(each.value for each in node.keywords)], NEVER)


def _free(found: dict[int, str], node: ast.Call) -> None:
    """Files that are opened, and values that are handed to a query beside it, are no part of it."""
    called = _called(node)
    if called in ("open", "read_csv", "connect", "DictReader"):
        free: list[ast.expr] = list(node.args[:1])
    elif called in _QUERIES:
        free = [each for each in node.args[1:2] if isinstance(each, ast.Tuple | ast.List | ast.Dict)]
    else:
        return
    for each in _texts(free):
        found.pop(id(each), None)


def _mark(found: dict[int, str], nodes: Iterable[ast.AST], restriction: str) -> None:
    for node in _texts(nodes):
        found[id(node)] = restriction


def _texts(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Texts among some nodes and what is below them, and literal lists of them."""
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.Constant | ast.List | ast.Tuple | ast.Set):
                yield each


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _:
            return ""
