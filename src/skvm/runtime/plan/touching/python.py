"""Python code that says all it touches: it opens files by names that stand there, and does nothing else.

What a skill's script may do is guessed elsewhere, for a plan that is checked. Here nothing is guessed: code
that reaches the machine but by ``open`` with a name that stands there, or is given to it, is not known.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Opened", "opened_by"]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HARMLESS = _names("""
json csv re math cmath statistics decimal fractions datetime calendar time random string textwrap collections
itertools functools dataclasses enum typing abc copy heapq bisect hashlib base64 binascii html unicodedata
difflib pprint struct zlib colorsys sys __future__
""")
"""Modules of the library whose functions reach nothing outside the process."""
_SYS = _names("argv exit stdin stdout stderr maxsize version version_info platform")
_REFUSED = _names("""
exec eval compile __import__ getattr setattr delattr globals locals vars breakpoint __builtins__ __loader__
__spec__
""")
"""Names by which code reaches what does not stand in it."""
_MODULES = _names("os _os sys _sys io _io codecs builtins")
"""Modules that others have among their names."""
_MODES = frozenset("rwaxbt+")
_KEYWORDS = frozenset({"mode", "encoding", "newline", "errors", "buffering"})


@dataclass(frozen=True, slots=True)
class Opened:
    """What a piece of code opens.

    Args:
        reads: Files by name.
        writes: Those that are made or changed.
        modules: Modules it imports that are not of the library.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


def opened_by(code: str, arguments: Sequence[str]) -> Opened | None:
    """What a piece of code opens, and nothing else touches; ``None`` where that is not sure.

    Args:
        code: A whole module.
        arguments: Its ``sys.argv``.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    nodes = [*ast.walk(tree)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    of_sys = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and node.attr in _SYS}
    modules: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported = _imported(node)
            if imported is None:
                return None
            modules += imported
        elif not _is_harmless(node, called, of_sys):
            return None
    bound = Counter(_bound(nodes))
    # Imported and never anything else; what is built in is not bound at all.
    if bound["open"] or bound["sys"] > sum(_is_of_sys(node) for node in nodes):
        return None
    texts = _Texts(nodes, bound, arguments)
    reads, writes = set[str](), set[str]()
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            found = _opened(node, texts)
            if found is None:
                return None
            name, mode = found
            if name is not None:
                (reads if set(mode) <= set("rbt") else writes).add(name)
    return Opened(tuple(sorted(reads)), tuple(sorted(writes)), tuple(sorted({*modules})))


def _imported(node: ast.Import | ast.ImportFrom) -> list[str] | None:
    """Modules beyond the library; ``None`` where one may do anything, or may be called something else."""
    if isinstance(node, ast.ImportFrom):
        is_plain = (
            not node.level and node.module not in {None, "sys"} and all(a.name != "*" for a in node.names)
        )
        names = [node.module or ""]
    else:
        is_plain = all(alias.asname is None or alias.name != "sys" for alias in node.names)
        names = [alias.name for alias in node.names]
    if not is_plain:
        return None
    foreign = [name for name in names if name.split(".")[0] not in _HARMLESS]
    # One of the library is found there, whatever lies beside the code.
    return None if any("." in name or name in sys.stdlib_module_names for name in foreign) else foreign


def _is_of_sys(node: ast.AST) -> bool:
    return isinstance(node, ast.alias) and node.name == "sys" and node.asname is None


def _is_harmless(node: ast.AST, called: set[int], of_sys: set[int]) -> bool:
    if isinstance(node, ast.Attribute):
        return not node.attr.startswith("__") and node.attr not in _MODULES
    if not isinstance(node, ast.Name):
        return True
    if node.id in {"open", "sys"}:
        # Called, or asked for something harmless, and never given another name or made something else.
        ways = called if node.id == "open" else of_sys
        return isinstance(node.ctx, ast.Load) and id(node) in ways
    return node.id not in _REFUSED


class _Texts:
    """Texts that are known: constants, arguments, and names that are one of them throughout."""

    def __init__(self, nodes: Sequence[ast.AST], bound: Counter[str], arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._named = {
            node.targets[0].id: node.value
            for node in nodes
            if isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
            and bound[node.targets[0].id] == 1
        }

    def of(self, node: ast.expr) -> tuple[str | None] | None:
        """The text of an expression, ``(None,)`` for an argument that is not given; ``None`` if not known."""
        if isinstance(node, ast.Name):
            node = self._named.get(node.id, node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return (node.value,)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "sys.argv":
            at = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if isinstance(at, int) and at > 0:
                return (self._arguments[at] if at < len(self._arguments) else None,)
        return None


def _bound(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Every name that is given to something, as often as it is."""
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        elif isinstance(node, ast.Global | ast.Nonlocal):
            # Whatever it is, it is bound in more places than one.
            yield from node.names * 2


def _opened(call: ast.Call, texts: _Texts) -> tuple[str | None, str] | None:
    """The name and the mode of a call of ``open``."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if not 1 <= len(call.args) <= 2 or not set(keywords) <= _KEYWORDS:
        return None
    mode = call.args[1] if len(call.args) > 1 else keywords.get("mode", ast.Constant("r"))
    if not (isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) <= _MODES):
        return None
    name = texts.of(call.args[0])
    return None if name is None or name == ("",) else (name[0], mode.value)
