"""Names of Python code that it binds itself: which do not matter, as long as they are used alike."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = [
    "BUILTINS",
    "Scopes",
    "binding_counts",
    "block_names",
    "bound_by",
    "is_dynamic",
    "names_bound_at",
    "own_nodes",
]

BUILTINS = frozenset(dir(builtins))
"""Names every module has without binding them."""
_DYNAMIC = frozenset({"locals", "globals", "vars", "eval", "exec", "dir", "compile", "__import__"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def is_dynamic(tree: ast.AST) -> bool:
    """Whether code can see its own names, so that none may be changed."""
    return any(isinstance(node, ast.Name) and node.id in _DYNAMIC for node in ast.walk(tree))


def names_bound_at(node: ast.AST) -> Iterator[str]:
    """Names one node itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=module, asname=given):
            yield given or module.split(".")[0]
        case ast.arg(arg=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            return


def binding_counts(tree: ast.AST) -> Counter[str]:
    """How often each name is bound, in any scope; one declared global or nonlocal counts once more."""
    counts: Counter[str] = Counter()
    for node in ast.walk(tree):
        counts.update(names_bound_at(node))
        if isinstance(node, ast.Global | ast.Nonlocal):
            counts.update(node.names)
    return counts


def bound_by(nodes: Iterable[ast.AST], *, is_comprehension: bool = False) -> set[str]:
    """Names bound by some nodes in their own scope, not in those within."""
    found: set[str] = set()
    outer: set[str] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        found.update(names_bound_at(node))
        if isinstance(node, ast.Global | ast.Nonlocal):
            outer.update(node.names)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            pending.extend(node.decorator_list)
        elif isinstance(node, _Comprehension) and not is_comprehension:
            # An assignment expression in a comprehension binds in the scope around it.
            found.update(
                each.target.id
                for each in ast.walk(node)
                if isinstance(each, ast.NamedExpr) and isinstance(each.target, ast.Name)
            )
        elif not isinstance(node, ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
    return found - outer


@dataclass(slots=True)
class _Scope:
    names: frozenset[str]
    is_class: bool = False
    numbers: dict[str, int] = field(default_factory=dict)


class Scopes:
    """The scopes around the node that is looked at; gives every bound name a number when it is first met."""

    def __init__(self, tree: ast.Module) -> None:
        self._is_dynamic = is_dynamic(tree)
        self._stack = [_Scope(frozenset(bound_by(tree.body)))]
        self._blocks = block_names(tree)
        self._count = 0

    def enter(self, node: ast.AST) -> bool:
        """Enter the scope a node opens; whether it opens one."""
        if isinstance(node, _Function):
            body = node.body if isinstance(node.body, list) else [node.body]
            arguments = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
            self._stack.append(_Scope(frozenset(bound_by([*arguments, *body]))))
        elif isinstance(node, ast.ClassDef):
            self._stack.append(_Scope(frozenset(bound_by(node.body)), is_class=True))
        elif isinstance(node, _Comprehension):
            targets = [generator.target for generator in node.generators]
            self._stack.append(_Scope(frozenset(bound_by(targets, is_comprehension=True))))
        else:
            return False
        return True

    def enter_block(self, node: ast.AST) -> dict[str, int | None]:
        """Enter a block whose own names are used nowhere else: they begin anew. Gives what to restore."""
        numbers = self._stack[-1].numbers
        names = self._blocks.get(id(node), ())
        return {name: numbers.pop(name, None) for name in names}

    def leave_block(self, before: dict[str, int | None]) -> None:
        """Leave such a block."""
        numbers = self._stack[-1].numbers
        for name, number in before.items():
            numbers.pop(name, None)
            if number is not None:
                numbers[name] = number

    def leave(self) -> None:
        """Leave the innermost scope."""
        self._stack.pop()

    def is_bound(self, name: str) -> bool:
        """Whether the code itself binds a name that is seen from here."""
        return self._scope_of(name) is not None

    def token(self, name: str) -> str:
        """What stands for a name in a key: a number where the code binds it, else the name."""
        scope = self._scope_of(name)
        if scope is None or scope.is_class or self._is_dynamic:
            return f"name {name}"
        if name not in scope.numbers:
            scope.numbers[name] = self._count
            self._count += 1
        return f"local {scope.numbers[name]}"

    def _scope_of(self, name: str) -> _Scope | None:
        for depth, scope in enumerate(reversed(self._stack)):
            if name in scope.names and not (scope.is_class and depth):
                return scope
        return None


def own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Some nodes and what is below them, but for the functions and classes within: their names only."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def _block_targets(node: ast.AST) -> set[str]:
    """Names a ``with`` or ``for`` block gives to what it opens or goes through."""
    match node:
        case ast.With(items=items) | ast.AsyncWith(items=items):
            targets = [item.optional_vars for item in items if item.optional_vars is not None]
        case ast.For(target=target) | ast.AsyncFor(target=target):
            targets = [target]
        case _:
            return set()
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def block_names(tree: ast.AST) -> dict[int, frozenset[str]]:
    """By ``with`` and ``for`` block: its own names, where these are used in such blocks only.

    Then two blocks that give their files the same name are as two that give them different ones.
    """
    found: dict[int, set[str]] = {}
    spoiled: set[str] = set()
    pending: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, inside = pending.pop()
        targets = _block_targets(node)
        spoiled |= targets & inside
        within = inside | targets
        if targets:
            found[id(node)] = targets
        for name in _names_at(node):
            if name not in inside:
                spoiled.add(name)
        pending.extend((child, inside if outside else within) for child, outside in _children(node))
    return {place: frozenset(names - spoiled) for place, names in found.items()}


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """What a node holds, and whether the names of its block are not yet, or no longer, its own there."""
    if isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            yield item.context_expr, True
            if item.optional_vars is not None:
                yield item.optional_vars, False
        for statement in node.body:
            yield statement, False
        return
    for name, value in ast.iter_fields(node):
        is_outside = isinstance(node, ast.For | ast.AsyncFor) and name in ("iter", "orelse")
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child, is_outside


def _names_at(node: ast.AST) -> Iterator[str]:
    """Names one node uses or binds; the targets of a block are found within it."""
    if isinstance(node, ast.Name):
        yield node.id
    else:
        yield from names_bound_at(node)
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
