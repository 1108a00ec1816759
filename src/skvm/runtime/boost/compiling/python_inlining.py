"""Python code with constants in place of their names, and functions in place of their only calls."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping

from skvm.runtime.boost.compiling.python_scopes import (
    BUILTINS,
    binding_counts,
    bound_by,
    names_bound_at,
    own_nodes,
)

__all__ = ["inline_constants", "inline_functions"]

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def inline_constants(tree: ast.Module) -> None:
    """Put a text or number in place of a name its scope binds to it once, and to nothing else."""
    shared = {
        name for node in ast.walk(tree) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names
    }
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef)]
    for scope in scopes:
        nodes: list[ast.AST] = list(scope.body)
        if isinstance(scope, ast.FunctionDef):
            nodes.extend(each for each in ast.walk(scope.args) if isinstance(each, ast.arg))
        counts = Counter(name for node in own_nodes(nodes) for name in names_bound_at(node))
        values: dict[str, ast.expr] = {}
        kept: list[ast.stmt] = []
        for statement in scope.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                    counts[name] == 1 and name not in BUILTINS | shared and _is_constant(value)
                ):
                    values[name] = value
                case _:
                    kept.append(statement)
        if values:
            scope.body = kept
            _Inline(values).fill(scope)
            scope.body = scope.body or _empty(scope)


def _empty(scope: ast.AST) -> list[ast.stmt]:
    return [] if isinstance(scope, ast.Module) else [ast.Pass()]


def _is_constant(node: ast.expr) -> bool:
    """Whether a node is a text or a number."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return not isinstance(value, bool)
        case ast.Constant(value=str() | int() | float() as value):
            return not isinstance(value, bool)
        case _:
            return False


class _Inline(ast.NodeTransformer):
    """Puts constants in place of names, but for scopes that give these names another meaning."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def fill(self, scope: ast.Module | ast.FunctionDef) -> None:
        """Change the statements of a scope."""
        for statement in scope.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name):
            return self._value(node)
        within = self._within(node)
        if within is None or len(within) == len(self._values):
            return self.generic_visit(node)
        inner = _Inline(within)
        for name, value in ast.iter_fields(node):
            # Only these see the names of the scope; defaults and decorators are worked out around it.
            visitor = inner if name in ("body", "elt", "key", "value", "generators") else self
            if isinstance(value, list):
                setattr(
                    node, name, [visitor.visit(each) if isinstance(each, ast.AST) else each for each in value]
                )
            elif isinstance(value, ast.AST):
                setattr(node, name, visitor.visit(value))
        return node

    def _within(self, node: ast.AST) -> Mapping[str, ast.expr] | None:
        """What is still meant in the scope a node opens."""
        if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
            body = node.body if isinstance(node.body, list) else [node.body]
            bound = bound_by([*arguments, *body])
        elif isinstance(node, ast.ClassDef):
            bound = bound_by(node.body)
        elif isinstance(node, _Comprehension):
            bound = bound_by([generator.target for generator in node.generators], is_comprehension=True)
            # What is gone through first is worked out around it.
            node.generators[0].iter = _visited(self, node.generators[0].iter)
        else:
            return None
        return {name: value for name, value in self._values.items() if name not in bound}

    def _value(self, node: ast.Name) -> ast.expr:
        match self._values.get(node.id):
            case ast.Constant(value=constant):
                return ast.copy_location(ast.Constant(constant), node)
            case ast.UnaryOp(op=op, operand=ast.Constant(value=constant)):
                return ast.copy_location(ast.UnaryOp(op, ast.Constant(constant)), node)
            case _:
                return node


def _visited(inline: _Inline, node: ast.expr) -> ast.expr:
    made = inline.visit(node)
    assert isinstance(made, ast.expr)  # noqa: S101 - an expression stays one
    return made


def inline_functions(tree: ast.Module) -> None:
    """Put the body of a function in place of its only call, where that is a statement of the module."""
    for _ in range(20):
        if not _inline_one(tree):
            return


def _inline_one(tree: ast.Module) -> bool:
    uses = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    counts = binding_counts(tree)
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and uses[node.name] == 1 and counts[node.name] == 1
    }
    for index, statement in enumerate(tree.body):
        call, target = _call_in(statement)
        function = functions.get(call.func.id) if call and isinstance(call.func, ast.Name) else None
        if call is None or function is None or not _is_before(tree, function, index):
            continue
        body = _body_for(tree, function, call, target)
        if body is None:
            continue
        rest = [node for node in tree.body[index + 1 :] if node is not function]
        tree.body = [*(node for node in tree.body[:index] if node is not function), *body, *rest]
        return True
    return False


def _is_before(tree: ast.Module, function: ast.FunctionDef, index: int) -> bool:
    return any(node is function for node in tree.body[:index])


def _call_in(statement: ast.stmt) -> tuple[ast.Call | None, ast.expr | None]:
    """The call a statement is, and what its result is bound to."""
    match statement:
        case ast.Expr(value=ast.Call() as call):
            return call, None
        case ast.Assign(targets=[ast.Name() | ast.Tuple() as target], value=ast.Call() as call):
            return call, target
        case _:
            return None, None


def _body_for(
    tree: ast.Module, function: ast.FunctionDef, call: ast.Call, target: ast.expr | None
) -> list[ast.stmt] | None:
    """The statements that do what a call does; ``None`` where they might do something else."""
    arguments = _arguments(function.args, call)
    body = list(function.body)
    given = body.pop() if isinstance(body[-1], ast.Return) else None
    if arguments is None or function.decorator_list or not _is_plain(body):
        return None
    own = bound_by([*ast.walk(function.args), *function.body])
    rest = [node for node in tree.body if node is not function]
    taken = _names_of_module(rest) | set(BUILTINS)
    values = {
        node.id for value in arguments.values() for node in ast.walk(value) if isinstance(node, ast.Name)
    }
    target_names = {node.id for node in ast.walk(target) if isinstance(node, ast.Name)} if target else set()
    if own & ((taken - target_names) | values):
        return None
    if own & target_names and not _is_own_result(given, target):
        return None
    result = given.value if isinstance(given, ast.Return) and given.value is not None else None
    last: list[ast.stmt] = []
    if target is not None and not _is_own_result(given, target):
        last = [ast.Assign([target], result or ast.Constant(None))]
    elif target is None and result is not None:
        last = [ast.Expr(result)]
    first: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], value) for name, value in arguments.items()
    ]
    return [*first, *body, *last]


def _names_of_module(body: Iterable[ast.stmt]) -> set[str]:
    """Names statements of a module use or bind in the module itself, from within functions, too."""
    found: set[str] = set()
    for node in own_nodes(body):
        found.update(names_bound_at(node))
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, _Scope):
            found |= _free_names(node)
    return found


def _free_names(scope: ast.AST) -> set[str]:
    """Names a function or class uses, but for those that are its own whatever is within it."""
    used = {node.id for node in ast.walk(scope) if isinstance(node, ast.Name)}
    if isinstance(scope, ast.ClassDef):
        return used
    nested = [node for node in ast.walk(scope) if isinstance(node, _Scope) and node is not scope]
    declared = [node for node in ast.walk(scope) if isinstance(node, ast.Global | ast.Nonlocal)]
    if nested or declared or not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        return used | {name for node in declared for name in node.names}
    arguments = [each for each in ast.walk(scope.args) if isinstance(each, ast.arg)]
    outside = {
        node.id
        for each in [*scope.args.defaults, *scope.decorator_list]
        for node in ast.walk(each)
        if isinstance(node, ast.Name)
    }
    return (used - bound_by([*arguments, *scope.body])) | outside


def _is_own_result(given: ast.stmt | None, target: ast.expr | None) -> bool:
    """Whether ``x = f()`` takes what the function calls ``x``, too."""
    match given, target:
        case ast.Return(value=ast.Name(id=inner)), ast.Name(id=outer):
            return inner == outer
        case _:
            return False


def _is_plain(body: Iterable[ast.stmt]) -> bool:
    """Whether statements mean the same outside a function."""
    for node in own_nodes(body):
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom | ast.Await | ast.Global | ast.Nonlocal):
            return False
    return not any(isinstance(node, ast.Nonlocal) for each in body for node in ast.walk(each))


def _arguments(parameters: ast.arguments, call: ast.Call) -> dict[str, ast.expr] | None:
    """What each parameter is bound to, in order; ``None`` where that is not plain."""
    if parameters.vararg or parameters.kwarg or parameters.posonlyargs or parameters.kwonlyargs:
        return None
    if any(isinstance(value, ast.Starred) for value in call.args):
        return None
    names = [each.arg for each in parameters.args]
    found: dict[str, ast.expr] = dict(zip(names, call.args, strict=False))
    if len(call.args) > len(names):
        return None
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in names or keyword.arg in found:
            return None
        found[keyword.arg] = keyword.value
    defaults = dict(zip(names[::-1], parameters.defaults[::-1], strict=False))
    for name in names:
        if name not in found:
            if name not in defaults or not isinstance(defaults[name], ast.Constant):
                return None
            found[name] = defaults[name]
    return found
