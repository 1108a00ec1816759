"""Python code as what it does and its constants: names of locals, quotes and layout do not matter."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from skvm.compiler.effects.python_names import ON_PATH, READ, WRITE
from skvm.runtime.boost.compiling.python_danger import NEVER, restrictions
from skvm.runtime.boost.compiling.python_forms import drop_prints, normalize
from skvm.runtime.boost.compiling.python_render import rebuilt
from skvm.runtime.boost.compiling.python_scopes import Scopes
from skvm.runtime.boost.compiling.slots import Filling, Ref, Slot, Spot, UnfillableError

__all__ = ["PythonReading", "read_python"]

_MAX_CHARS = 100_000
_COSMETIC = frozenset({"indent", "ensure_ascii", "separators"})
_UNORDERED = frozenset({"open", "dump", "dumps", "print", "reader", "writer", "DictReader", "DictWriter"})
"""Calls whose keywords may stand in any order: they take no others than their own."""


@dataclass(frozen=True, slots=True)
class PythonReading:
    """Python code that was read.

    Args:
        key: What it does.
        slots: Its constants, in order.
        tree: The code in its normal form.
        nodes: The constants' nodes in the tree.
    """

    key: tuple[str, ...]
    slots: tuple[Slot, ...]
    tree: ast.Module = field(repr=False, compare=False)
    nodes: tuple[ast.expr, ...] = field(repr=False, compare=False)

    def render(self, fills: Mapping[Spot, Filling]) -> str:
        """The code with some constants replaced; a parameter is looked up in ``P``."""
        if fills and any(isinstance(node, ast.Name) and node.id == "P" for node in ast.walk(self.tree)):
            raise UnfillableError("the code has a P of its own")
        limits = restrictions(self.tree)
        for spot, filling in fills.items():
            if limits.get(id(self._node(spot))) == NEVER:
                refs = [part.name for part in filling if isinstance(part, Ref)]
                if refs:
                    raise UnfillableError(f"{refs[0]} would become code")
        escapes = {id(node): limits[id(node)] for node in self.nodes if id(node) in limits}
        tree = rebuilt(self.tree, self.nodes, self.slots, fills, escapes)
        return written(tree)

    def _node(self, spot: Spot) -> ast.expr | None:
        """The node of a constant; its list's where it is an item that is not there."""
        if not 0 <= spot.slot < len(self.nodes):
            return None
        node = self.nodes[spot.slot]
        items: list[ast.expr] = getattr(node, "elts", [])
        return items[spot.item] if spot.item is not None and spot.item < len(items) else node


def written(tree: ast.Module) -> str:
    """A tree as code that reads as the same tree."""
    try:
        code = ast.unparse(tree)
        back = ast.parse(code)
    except (ValueError, SyntaxError, RecursionError) as error:
        raise UnfillableError(f"the code cannot be written: {error}") from error
    if ast.dump(back) != ast.dump(tree):
        raise UnfillableError("the code cannot be written so that it reads the same")
    return code + "\n"


@lru_cache(maxsize=256)
def read_python(code: str, *, without_prints: bool = False) -> PythonReading | None:
    """Read Python code.

    Args:
        code: The code.
        without_prints: Whether to leave out what only prints.

    Returns:
        ``None`` for what is no Python, is too long, or cannot be written back.
    """
    if len(code) > _MAX_CHARS:
        return None
    try:
        tree = normalize(ast.parse(code))
        if without_prints:
            tree = normalize(drop_prints(tree))
        # What was joined or moved may read as less than it is: the form is that of its own text.
        tree = ast.parse(written(tree))
        walk = _Walk(tree)
        walk.visit(tree)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return PythonReading(tuple(walk.key), tuple(walk.slots), tree, tuple(walk.nodes))


class _Walk:
    """Writes down a tree: what matters as tokens, constants as slots."""

    def __init__(self, tree: ast.Module) -> None:
        self.key: list[str] = []
        self.slots: list[Slot] = []
        self.nodes: list[ast.expr] = []
        self._scopes = Scopes(tree)
        self._paths: dict[int, str] = {}

    def visit(self, node: ast.AST) -> None:
        """Write down a node and all below it."""
        if isinstance(node, ast.expr) and self._slot(node):
            return
        if isinstance(node, ast.Call):
            self._call(node)
            return
        self.key.append(type(node).__name__)
        if isinstance(node, ast.alias):
            self._alias(node)
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # Its name is bound around it, its arguments and body within.
            self.key.append(self._scopes.token(node.name))
        is_scope = self._scopes.enter(node)
        before = self._scopes.enter_block(node)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            # Generators first: that is where its names are bound.
            self._fields(node, sorted(node._fields, key=lambda name: name != "generators"))
        else:
            self._fields(node, node._fields)
        self._scopes.leave_block(before)
        if is_scope:
            self._scopes.leave()

    def _fields(self, node: ast.AST, names: Iterator[str] | tuple[str, ...] | list[str]) -> None:
        for name in names:
            if name in ("ctx", "kind", "type_comment", "type_ignores"):
                continue
            self._field(node, name, getattr(node, name, None))

    def _field(self, node: ast.AST, name: str, value: object) -> None:
        if isinstance(value, list):
            self.key.append(f"{name}[{len(value)}")
            for each in value:
                self._field(node, name, each)
        elif isinstance(value, ast.AST):
            self.visit(value)
        elif isinstance(value, str) and self._is_name(node, name):
            self.key.append(self._scopes.token(value))
        elif not (name == "name" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)):
            self.key.append(repr(value))

    def _is_name(self, node: ast.AST, name: str) -> bool:
        """Whether a text field holds a name the code binds."""
        match node:
            case ast.Name() | ast.arg() | ast.MatchAs() | ast.MatchStar() | ast.Global() | ast.Nonlocal():
                return True
            case ast.ExceptHandler():
                return name == "name"
            case _:
                return False

    def _alias(self, node: ast.alias) -> None:
        """What is imported, whatever it is called from then on."""
        self.key.append(node.name)
        if node.asname is None and "." in node.name:
            # Only what is before the dot gets a name.
            self.key.append("as its root")
        self.key.append(self._scopes.token(node.asname or node.name.split(".")[0]))

    def _call(self, node: ast.Call) -> None:
        self.key.append("Call")
        called = self._called(node.func)
        self._hint(node, called)
        self.visit(node.func)
        arguments = list(node.args)
        keywords = [each for each in node.keywords if not _is_cosmetic(called, each)]
        if called == "open":
            self._mode(node, arguments, keywords)
        self.key.append(f"args[{len(arguments)}")
        for argument in arguments:
            self.visit(argument)
        if called in _UNORDERED:
            keywords = sorted(keywords, key=lambda each: each.arg or "")
        self.key.append(f"keywords[{len(keywords)}")
        for keyword in keywords:
            self.key.append(f"keyword {keyword.arg}")
            self.visit(keyword.value)

    def _mode(self, node: ast.Call, arguments: list[ast.expr], keywords: list[ast.keyword]) -> None:
        """Put the mode of an opened file into the key; reading text is what is meant without one."""
        at = 1 if isinstance(node.func, ast.Name) else 0
        mode = _text(arguments[at]) if len(arguments) > at else None
        if mode is not None:
            del arguments[at]
        for keyword in [each for each in keywords if each.arg == "mode" and _text(each.value)]:
            mode = _text(keyword.value)
            keywords.remove(keyword)
        self.key.append("mode " + "".join(sorted((mode or "r").replace("t", ""))))

    def _called(self, func: ast.expr) -> str:
        """The last name of what is called; none where the code made it itself."""
        match func:
            case ast.Name(id=name):
                is_own = self._scopes.is_bound(name) and name not in ("Path", "dump", "dumps")
                return "" if is_own and name not in READ | WRITE else name
            case ast.Attribute(attr=name):
                return name
            case _:
                return ""

    def _hint(self, node: ast.Call, called: str) -> None:
        """Note which constants name files."""
        first = node.args[0] if node.args else None
        if called == "open" and isinstance(node.func, ast.Name) and first is not None:
            mode = next((_text(each.value) for each in node.keywords if each.arg == "mode"), None)
            mode = mode or (_text(node.args[1]) if len(node.args) > 1 else None) or "r"
            self._paths[id(first)] = "w" if set(mode) & set("wax") else "r"
            return
        if called in ON_PATH or called == "open":
            match node.func:
                case ast.Attribute(value=ast.Call(func=ast.Name(id="Path"), args=[given])):
                    first = given
                case _:
                    return
        if first is not None and called in READ | WRITE | {"open"}:
            self._paths[id(first)] = "w" if called in WRITE else "r"

    def _slot(self, node: ast.expr) -> bool:
        """Write down a constant; whether it was one."""
        token, slot = _constant_slot(node)
        if slot is None:
            return False
        hint = self._paths.get(id(node), "")
        self.key.append(token)
        self.slots.append(Slot(slot.kind, slot.value, hint == "r", hint == "w"))
        self.nodes.append(node)
        return True


def _text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case _:
            return None


def _is_cosmetic(called: str, keyword: ast.keyword) -> bool:
    """Whether an argument changes nothing but how the same values are written."""
    if called in ("dump", "dumps"):
        return keyword.arg in _COSMETIC and isinstance(keyword.value, ast.Constant | ast.Tuple)
    if called in ("open", "read_text", "write_text"):
        text = _text(keyword.value)
        if keyword.arg == "encoding":
            return text is not None and text.lower().replace("_", "-") in ("utf-8", "utf8")
        return keyword.arg == "newline" and text == ""
    return False


def _constant_slot(  # noqa: PLR0911 - one return a kind of constant
    node: ast.expr,
) -> tuple[str, Slot | None]:
    """The token and slot of a constant."""
    match node:
        case ast.Constant(value=bool(value)):
            return "boolean", Slot("boolean", value)
        case ast.Constant(value=str(value)):
            return "string", Slot("string", value)
        case ast.Constant(value=int() | float() as number):
            return "number", _number(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if (
            not isinstance(number, bool)
        ):
            return "number", _number(-number)
        case (
            ast.List(elts=items, ctx=ast.Load()) | ast.Tuple(elts=items, ctx=ast.Load()) | ast.Set(elts=items)
        ):
            texts = [text for item in items if (text := _text(item)) is not None]
            if texts and len(texts) == len(items):
                return f"{type(node).__name__} of strings", Slot("list", tuple(texts))
            return "", None
        case _:
            return "", None


def _number(value: float) -> Slot:
    return Slot("integer" if isinstance(value, int) else "number", value)
