"""Python code: the distributions it imports, the programs it starts, the hosts it asks."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from skvm.compiler.dependencies.tables import distribution_of, is_standard
from skvm.compiler.reading.python_code import parse_python
from skvm.skill.sieve import sieved

__all__ = ["PythonNeeds", "read_python_needs"]

_IMPORT = re.compile(
    r"^[ \t]*(?:>>>[ \t]*)?(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import\b|import[ \t]+([A-Za-z_][\w., \t]*))",
    re.MULTILINE,
)
_STARTS = sieved(r"\b(?:subprocess|os\.system|os\.popen|which|create_subprocess_exec|Popen)\b")
_MAX_CHARS = 200_000
_CALLS = frozenset(
    [
        "run",
        "call",
        "check_call",
        "check_output",
        "Popen",
        "create_subprocess_exec",
        "system",
        "popen",
        "which",
        "getoutput",
        "create_subprocess_shell",
        "run_command",
        "run_cmd",
    ]
)


@dataclass(frozen=True, slots=True)
class PythonNeeds:
    """What Python code needs.

    Args:
        imports: Dotted module, line from 1, whether it may be absent; in order of place.
        programs: Programs it starts by name, with their lines.
        commands: Shell command lines it starts, with their lines.
    """

    imports: tuple[tuple[str, int, bool], ...] = ()
    programs: tuple[tuple[str, int], ...] = ()
    commands: tuple[tuple[str, int], ...] = ()


@lru_cache(maxsize=2048)
def read_python_needs(code: str) -> PythonNeeds:
    """Read code; a piece that does not parse is read line by line.

    Args:
        code: Any text; one beyond 200,000 characters is read line by line.
    """
    rough = tuple(_rough(code))
    starts = _STARTS.search(code) is not None
    # Most code imports the standard library alone; a tree is worth its time only where more is at stake.
    if not starts and all(is_standard(name.split(".")[0]) for name, _ in rough):
        return PythonNeeds()
    tree = parse_python(code, most_chars=_MAX_CHARS)
    if tree is None:
        return PythonNeeds(tuple((name, line, False) for name, line in rough))
    walk = _Walk()
    walk.visit_all(tree)
    return PythonNeeds(tuple(walk.imports), tuple(walk.programs), tuple(walk.commands))


def _rough(code: str) -> Iterator[tuple[str, int]]:
    line, counted = 1, 0
    for found in _IMPORT.finditer(code):
        line += code.count("\n", counted, found.start())
        counted = found.start()
        if found[1]:
            yield found[1], line
        else:
            for part in found[2].split(","):
                name = part.split()[0] if part.split() else ""
                if name and not name.startswith("."):
                    yield name, line


class _Walk:
    """Collects from a tree, statements under ``try: … except ImportError`` marked as optional."""

    def __init__(self) -> None:
        self.imports: list[tuple[str, int, bool]] = []
        self.programs: list[tuple[str, int]] = []
        self.commands: list[tuple[str, int]] = []

    def visit_all(self, tree: ast.Module) -> None:
        """Walk without recursion."""
        pending: list[tuple[ast.AST, bool]] = [(tree, False)]
        while pending:
            node, optional = pending.pop()
            if isinstance(node, ast.Import):
                self.imports += [(alias.name, node.lineno, optional) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                if node.module and not node.level:
                    self.imports += self._members(node, node.module, optional)
            elif isinstance(node, ast.If) and _is_type_checking(node.test):
                pending += [(child, optional) for child in reversed(node.orelse)]
                continue
            elif isinstance(node, ast.Call):
                self._call(node)
            guarded = isinstance(node, ast.Try) and any(map(_catches_import_error, node.handlers))
            if guarded and isinstance(node, ast.Try):
                gives_up = any(map(_gives_up, node.handlers))
                pending += [(child, optional) for child in reversed([*node.handlers, *node.orelse])]
                pending += [(child, optional or not gives_up) for child in reversed(node.body)]
                continue
            pending += [(child, optional) for child in reversed(list(ast.iter_child_nodes(node)))]

    @staticmethod
    def _members(node: ast.ImportFrom, module: str, optional: bool) -> list[tuple[str, int, bool]]:
        # "from google.cloud import storage" names a part of a namespace.
        deep = [f"{module}.{alias.name}" for alias in node.names]
        known = [name for name in deep if distribution_of(name)[1] and not distribution_of(module)[1]]
        return [(name, node.lineno, optional) for name in known or [module]]

    def _call(self, node: ast.Call) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name not in _CALLS or not node.args:
            return
        first = node.args[0]
        if isinstance(first, ast.List | ast.Tuple) and first.elts:
            words = [item.value for item in first.elts if isinstance(item, ast.Constant)]
            if isinstance(first.elts[0], ast.Constant) and isinstance(first.elts[0].value, str):
                self.programs.append((first.elts[0].value, first.lineno))
                self.commands.append((_joined(words), first.lineno))
        elif isinstance(first, ast.Constant) and isinstance(first.value, str):
            if name == "which":
                self.programs.append((first.value, node.lineno))
            elif name != "run" or _is_shell(node):
                self.commands.append((first.value, node.lineno))
        elif isinstance(first, ast.JoinedStr) and _is_shell(node) and first.values:
            start = first.values[0]
            if isinstance(start, ast.Constant) and isinstance(start.value, str) and " " in start.value:
                self.programs.append((start.value.split()[0], node.lineno))


def _joined(words: Sequence[object]) -> str:
    import shlex

    return shlex.join(word for word in words if isinstance(word, str))


def _is_shell(node: ast.Call) -> bool:
    by_keyword = any(
        word.arg == "shell" and getattr(word.value, "value", False) is True for word in node.keywords
    )
    return by_keyword or getattr(node.func, "attr", "") in ("system", "popen", "getoutput")


def _is_type_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return caught is None or any(
        getattr(name, "id", "") in ("ImportError", "ModuleNotFoundError", "Exception") for name in names
    )


def _gives_up(handler: ast.ExceptHandler) -> bool:
    """Whether a handler ends the program: then what it guards is required after all."""
    for node in handler.body:
        call = getattr(node, "value", None)
        function = getattr(call, "func", None)
        if isinstance(node, ast.Raise) or getattr(function, "attr", getattr(function, "id", "")) in (
            "exit",
            "_exit",
        ):
            return True
    return False


def third_party(needs: PythonNeeds, own: Collection[str]) -> Iterator[tuple[str, int, bool]]:
    """Imports that neither the standard library nor the skill itself brings."""
    for module, line, optional in needs.imports:
        root = module.split(".")[0]
        if not is_standard(root) and root not in own:
            yield module, line, optional


__all__ += ["third_party"]
