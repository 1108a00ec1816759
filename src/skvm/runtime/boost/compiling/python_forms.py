"""One form for Python code that does the same: what is changed here changes nothing it does."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping

from skvm.runtime.boost.compiling.python_inlining import inline_constants, inline_functions
from skvm.runtime.boost.compiling.python_scopes import binding_counts, block_names, is_dynamic

__all__ = ["drop_prints", "normalize"]

_PURE_CALLS = frozenset({"len", "str", "round", "repr", "int", "float", "type", "dumps", "format"})


def normalize(tree: ast.Module) -> ast.Module:
    """Bring a module that is run as a program into its form; the tree is changed."""
    _each_body(tree, _without_noise)
    tree.body = _as_program(tree.body)
    _strip_annotations(tree)
    if not is_dynamic(tree):
        _each_body(tree, _with_blocks)
        inline_functions(tree)
        inline_constants(tree)
    _FoldTexts().visit(tree)
    tree.body = _imports_first(tree)
    return ast.fix_missing_locations(tree)


def drop_prints(tree: ast.Module) -> ast.Module:
    """Take out what only prints and has no other effect; the tree is changed."""
    loops = block_names(tree)
    _each_body(tree, lambda body: [node for node in body if not _only_prints(node, loops)])
    return ast.fix_missing_locations(tree)


def _only_prints(node: ast.stmt, blocks: Mapping[int, frozenset[str]]) -> bool:
    match node:
        case ast.For(
            target=target, iter=ast.Call(func=ast.Attribute(value=ast.Name(), attr=attr)), body=body
        ):
            own = {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
            is_own = own <= blocks.get(id(node), frozenset())
            # Going through a mapping does not use it up.
            is_kept = attr in ("items", "keys", "values")
            return is_own and is_kept and not node.orelse and all(_only_prints(each, blocks) for each in body)
        case ast.If(test=test, body=body, orelse=orelse):
            return _is_pure(test) and all(_only_prints(each, blocks) for each in [*body, *orelse])
        case ast.Pass():
            return True
        case _:
            return _is_print(node)


def _each_body(tree: ast.Module, change: Callable[[list[ast.stmt]], list[ast.stmt]]) -> None:
    """Change every list of statements, innermost first; one that must not be empty gets a ``pass``."""
    for node in reversed(list(ast.walk(tree))):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body:
                changed = change(body)
                if not changed and name == "body" and not isinstance(node, ast.Module):
                    changed = [ast.Pass()]
                setattr(node, name, changed)


def _without_noise(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without docstrings and other constants nobody uses, ``pass``, and imports from the future."""
    return [node for node in body if not _is_noise(node)]


def _is_noise(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.ImportFrom(module="__future__"):
            return True
        case _:
            return False


def _as_program(body: list[ast.stmt]) -> list[ast.stmt]:
    """With what stands under ``if __name__ == "__main__":`` in its place."""
    found: list[ast.stmt] = []
    for node in body:
        match node:
            case ast.If(
                test=ast.Compare(
                    left=ast.Name(id="__name__"),
                    ops=[ast.Eq()],
                    comparators=[ast.Constant(value="__main__")],
                ),
                orelse=[],
            ):
                found.extend(node.body)
            case _:
                found.append(node)
    return found


def _strip_annotations(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    arg.annotation = None
        if not isinstance(node, ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list):
                    setattr(node, name, [_plain_assignment(each) for each in body])


def _plain_assignment(node: ast.stmt) -> ast.stmt:
    match node:
        case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
            return ast.copy_location(ast.Assign([target], value), node)
        case _:
            return node


def _with_blocks(body: list[ast.stmt]) -> list[ast.stmt]:
    """``f = open(…); …; f.close()`` as a ``with`` block."""
    for start, first in enumerate(body):
        match first:
            case ast.Assign(
                targets=[ast.Name(id=name) as target], value=ast.Call(func=ast.Name(id="open")) as call
            ):
                for end in range(start + 1, len(body)):
                    if _closes(body[end], name):
                        inner = body[start + 1 : end]
                        if not inner or any(_rebinds(node, name) for node in inner):
                            break
                        block = ast.With([ast.withitem(call, target)], inner)
                        return _with_blocks(
                            [*body[:start], ast.copy_location(block, first), *body[end + 1 :]]
                        )
            case _:
                continue
    return body


def _closes(node: ast.stmt, name: str) -> bool:
    match node:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(id=closed), attr="close"), args=[], keywords=[])
        ):
            return closed == name
        case _:
            return False


def _rebinds(node: ast.stmt, name: str) -> bool:
    return name in binding_counts(node)


class _FoldTexts(ast.NodeTransformer):
    """Texts that are written in parts, as one."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self.generic_visit(node)
        values: list[ast.expr] = []
        for value in node.values:
            text = _text_in(value)
            before = _text_in(values[-1]) if values else None
            if text is None:
                values.append(value)
            elif before is not None:
                values[-1] = ast.Constant(before + text)
            else:
                values.append(ast.Constant(text))
        texts = [value for value in values if isinstance(value, ast.Constant)]
        if len(texts) == len(values) <= 1:
            return ast.copy_location(texts[0] if texts else ast.Constant(""), node)
        return ast.copy_location(ast.JoinedStr(values), node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        node.value = self.visit(node.value)
        # A format specification must stay an f-string.
        if node.format_spec is not None:
            for part in getattr(node.format_spec, "values", []):
                self.visit(part)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(
                left=ast.Constant(value=str(left)), op=ast.Add(), right=ast.Constant(value=str(right))
            ):
                return ast.copy_location(ast.Constant(left + right), node)
            case _:
                return node


def _text_in(value: ast.expr) -> str | None:
    """The text a part of an f-string always gives."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Constant(value=str(text)), conversion=-1, format_spec=None):
            return text
        case _:
            return None


def _imports_first(tree: ast.Module) -> list[ast.stmt]:
    """Imports one by one, in order, the standard library's first and only those that are used."""
    counts = binding_counts(tree)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    moved: dict[str, ast.stmt] = {}
    rest: list[ast.stmt] = []
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            rest.append(node)
            continue
        for each in _one_by_one(node):
            name = each.names[0].asname or each.names[0].name.split(".")[0]
            module = each.module or "" if isinstance(each, ast.ImportFrom) else each.names[0].name
            is_standard = module.split(".")[0] in sys.stdlib_module_names and name != "*"
            text = ast.unparse(each)
            if not is_standard or (counts[name] > 1 and text not in moved):
                rest.append(each)
            elif name in used:
                moved[text] = each
    return [*(moved[text] for text in sorted(moved)), *rest]


def _one_by_one(node: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node)
        else:
            yield ast.copy_location(ast.Import([alias]), node)


def _is_print(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=args, keywords=keywords)):
            plain = all(each.arg in ("sep", "end", "flush") for each in keywords)
            return plain and all(_is_pure(arg) for arg in args)
        case _:
            return False


def _is_pure(node: ast.expr) -> bool:
    """Whether working out an expression changes nothing, as far as its form shows."""
    for each in ast.walk(node):
        match each:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                if name not in _PURE_CALLS:
                    return False
            case ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr() | ast.Starred():
                return False
            case _:
                continue
    return True
