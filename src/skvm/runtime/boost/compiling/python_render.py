"""Python code with parameters in place of constants; values are looked up, never written into the code."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from skvm.runtime.boost.compiling.slots import Filling, Ref, Slot, Spot, UnfillableError, text_of
from skvm.runtime.boost.model import ParamType

__all__ = ["rebuilt"]

_TEXTS = frozenset({ParamType.STRING, ParamType.PATH, ParamType.ENUM})


def rebuilt(
    tree: ast.Module,
    nodes: Sequence[ast.expr],
    slots: Sequence[Slot],
    fills: Mapping[Spot, Filling],
    escapes: Mapping[int, str],
) -> ast.Module:
    """A copy of a tree with some of its constants replaced.

    Args:
        tree: The tree; it is not changed.
        nodes: The constants' nodes in it.
        slots: The constants.
        fills: What to put in their places.
        escapes: By ``id`` of the nodes that are patterns: the module whose ``escape`` makes a value plain.

    Raises:
        UnfillableError: A constant cannot be replaced by what is given.
    """
    replaced: dict[int, ast.expr] = {}
    for spot, filling in fills.items():
        if not 0 <= spot.slot < len(nodes):
            raise UnfillableError(f"there is no constant {spot.slot}")
        node, slot = nodes[spot.slot], slots[spot.slot]
        if spot.item is None:
            replaced[id(node)] = _expression(node, slot, filling, escapes.get(id(node)))
        else:
            item = getattr(node, "elts", [])[spot.item]
            replaced[id(item)] = _expression(item, Slot("string", slot.value[spot.item]), filling)
    copy: ast.Module = _Copy(replaced).of(tree)
    return ast.fix_missing_locations(copy)


class _Copy:
    """Copies a tree, with other nodes in place of some."""

    def __init__(self, replaced: Mapping[int, ast.expr]) -> None:
        self._replaced = replaced

    def of(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.of(each) for each in node]
        if not isinstance(node, ast.AST):
            return node
        if id(node) in self._replaced:
            return self._replaced[id(node)]
        if isinstance(node, ast.MatchValue) and id(node.value) in self._replaced:
            raise UnfillableError("a pattern takes constants only")
        if isinstance(node, ast.JoinedStr) and any(id(value) in self._replaced for value in node.values):
            return _sum([self._part(value) for value in node.values])
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            # A specification holds texts and values only: a parameter in it becomes a value.
            parts = [
                ast.FormattedValue(self.of(value), -1) if id(value) in self._replaced else self.of(value)
                for value in node.format_spec.values
            ]
            return ast.FormattedValue(self.of(node.value), node.conversion, ast.JoinedStr(parts))
        return type(node)(**{name: self.of(value) for name, value in ast.iter_fields(node)})

    def _part(self, value: ast.expr) -> ast.expr:
        """A part of an f-string as an expression of its own."""
        copy: ast.expr = self.of(value)
        return ast.JoinedStr([copy]) if isinstance(copy, ast.FormattedValue) else copy


def _expression(node: ast.expr, slot: Slot, filling: Filling, escape: str | None = None) -> ast.expr:
    if (text := text_of(filling)) is not None:
        return _constant(slot, text)
    if escape is not None and slot.kind == "string":
        function = ast.Attribute(ast.Name(escape, ast.Load()), "escape", ast.Load())
        parts = [
            ast.Constant(part) if isinstance(part, str) else ast.Call(function, [_as_text(part)], [])
            for part in filling
        ]
        return _sum(parts)
    if len(filling) == 1 and isinstance(filling[0], Ref):
        return _whole(node, slot, filling[0])
    if slot.kind != "string":
        raise UnfillableError(f"a {slot.kind} has no parts")
    return _sum(
        [ast.Constant(part) if isinstance(part, str) else _as_text(part) for part in filling if part != ""]
    )


def _constant(slot: Slot, text: str) -> ast.expr:
    try:
        match slot.kind:
            case "string":
                return ast.Constant(text)
            case "integer" | "number":
                value = int(text) if slot.kind == "integer" else float(text)
                return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))
            case _:
                raise UnfillableError(f"a {slot.kind} cannot be given as a text")
    except ValueError as error:
        raise UnfillableError(str(error)) from error


def _whole(node: ast.expr, slot: Slot, ref: Ref) -> ast.expr:
    """A parameter in place of a whole constant."""
    if slot.kind == "list":
        if ref.type is not ParamType.LIST:
            raise UnfillableError(f"{ref.name} is no list")
        items: list[ast.expr] = [ast.Starred(_lookup(ref), ast.Load())]
        if isinstance(node, ast.Set):
            return ast.Set(items)
        return ast.Tuple(items, ast.Load()) if isinstance(node, ast.Tuple) else ast.List(items, ast.Load())
    if ref.type is ParamType.LIST:
        raise UnfillableError(f"{ref.name} is a list")
    if slot.kind == "string":
        return _as_text(ref)
    if slot.kind == "boolean":
        raise UnfillableError("whether something holds is no parameter")
    if ref.type in _TEXTS:
        raise UnfillableError(f"{ref.name} is no number")
    return _lookup(ref)


def _lookup(ref: Ref) -> ast.expr:
    return ast.Subscript(ast.Name("P", ast.Load()), ast.Constant(ref.name), ast.Load())


def _as_text(ref: Ref) -> ast.expr:
    if ref.type is ParamType.LIST:
        raise UnfillableError(f"{ref.name} is a list")
    if ref.type in _TEXTS:
        return _lookup(ref)
    return ast.JoinedStr([ast.FormattedValue(_lookup(ref), -1)])


def _sum(parts: Sequence[ast.expr]) -> ast.expr:
    total = parts[0]
    for part in parts[1:]:
        total = ast.BinOp(total, ast.Add(), part)
    return total
