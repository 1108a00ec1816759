"""Names of Python code that it binds itself: which do not matter, as long as they are used alike."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["BUILTINS", "Scopes", "binding_counts", "is_dynamic"]

BUILTINS = frozenset(dir(builtins))
"""Names every module has without binding them."""
_DYNAMIC = frozenset({"locals", "globals", "vars", "eval", "exec", "dir", "compile", "__import__"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def is_dynamic(tree: ast.AST) -> bool:
    """Whether code can see its own names, so that none may be changed."""
    return any(isinstance(node, ast.Name) and node.id in _DYNAMIC for node in ast.walk(tree))


def _names_bound_at(node: ast.AST) -> Iterator[str]:
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
        counts.update(_names_bound_at(node))
        if isinstance(node, ast.Global | ast.Nonlocal):
            counts.update(node.names)
    return counts


def _bound(nodes: Iterable[ast.AST], *, is_comprehension: bool = False) -> set[str]:
    """Names bound by some nodes in their own scope, not in those within."""
    found: set[str] = set()
    outer: set[str] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        found.update(_names_bound_at(node))
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
        self._stack = [_Scope(frozenset(_bound(tree.body)))]
        self._count = 0

    def enter(self, node: ast.AST) -> bool:
        """Enter the scope a node opens; whether it opens one."""
        if isinstance(node, _Function):
            body = node.body if isinstance(node.body, list) else [node.body]
            arguments = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
            self._stack.append(_Scope(frozenset(_bound([*arguments, *body]))))
        elif isinstance(node, ast.ClassDef):
            self._stack.append(_Scope(frozenset(_bound(node.body)), is_class=True))
        elif isinstance(node, _Comprehension):
            targets = [generator.target for generator in node.generators]
            self._stack.append(_Scope(frozenset(_bound(targets, is_comprehension=True))))
        else:
            return False
        return True

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
