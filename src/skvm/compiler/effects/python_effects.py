"""What Python code touches, by its syntax tree: files it opens, programs it starts, hosts it asks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from skvm.compiler.effects.exclusive import BROWSER, BROWSER_MODULES, database
from skvm.compiler.effects.model import ANYTHING, ENVIRONMENT, Effects, merged
from skvm.compiler.effects.python_names import KNOWN, MOVE, NETWORK, ON_PATH, READ, SEND, START, WRITE
from skvm.compiler.effects.resources import hosts_in, path_name
from skvm.compiler.effects.tools import tool_effects
from skvm.compiler.reading.python_code import parse_python

__all__ = ["PythonEffects", "called", "iter_loops", "python_effects"]

_DYNAMIC = frozenset({"eval", "exec", "__import__", "compile"})


@dataclass(frozen=True, slots=True)
class PythonEffects:
    """What a piece of Python code touches.

    Args:
        effects: Everything together.
        unbound: Whether it uses names it does not make: it needs what other code made.
        reads_unnamed: Whether it reads a file whose name is not in the code.
        writes_unnamed: Whether it writes one.
        parsed: Whether it is Python at all.
        unknown_modules: Modules it imports that are neither standard nor well known.
    """

    effects: Effects
    unbound: bool = False
    reads_unnamed: bool = False
    writes_unnamed: bool = False
    parsed: bool = True
    unknown_modules: tuple[str, ...] = ()

    @property
    def whole(self) -> Effects:
        """The effects, open where a module is imported nobody knows."""
        return merged([self.effects, Effects(is_open=True)]) if self.unknown_modules else self.effects


@lru_cache(maxsize=512)
def python_effects(code: str) -> PythonEffects:
    """What running a piece of code touches; what it calls and nobody knows leaves it open."""
    tree = parse_python(code)
    if tree is None:
        return PythonEffects(
            Effects(hosts=tuple(sorted(hosts_in(code))), is_open=True), True, True, True, False
        )
    reader = _Reader()
    for node in ast.walk(tree):
        reader.look(node)
    return reader.result(code)


@dataclass(slots=True)
class _Reader:
    """Collects what the nodes of one tree touch."""

    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    started: list[Effects] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    exclusive: set[str] = field(default_factory=set)
    network: bool = False
    sends: bool = False
    reads_unnamed: bool = False
    writes_unnamed: bool = False
    is_open: bool = False

    def look(self, node: ast.AST) -> None:
        """One node; ``ast.walk`` goes breadth first, so assignments of a level come before deeper calls."""
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Name):
            (self.used if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                self._import(alias.name, alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._import(node.module or ".", alias.asname or alias.name)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.bound.add(node.name)
        elif isinstance(node, ast.arg):
            self.bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self.bound.add(node.name)
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            text = _text_of(node.value, self.texts)
            if text is not None:
                self.texts[node.targets[0].id] = text

    def result(self, code: str) -> PythonEffects:
        hosts = set(hosts_in(code)) if self.network else set()
        if self.network and not hosts:
            hosts = {"*"}
        touched = {f"host:{host}" for host in hosts}
        import builtins

        unbound = self.used - self.bound - set(self.modules) - set(dir(builtins)) - {"__file__", "__name__"}
        own = Effects(
            tuple(sorted(self.reads | touched | {ENVIRONMENT})),
            tuple(sorted(self.writes | (touched if self.sends else set()))),
            tuple(sorted(self.calls)),
            tuple(sorted(hosts)),
            self.is_open,
            tuple(sorted(self.exclusive)),
        )
        return PythonEffects(
            merged([own, *self.started]) if self.started else own,
            bool(unbound),
            self.reads_unnamed,
            self.writes_unnamed,
            unknown_modules=tuple(sorted(self.unknown)),
        )

    def _import(self, module: str, name: str) -> None:
        top = module.split(".", maxsplit=1)[0]
        self.modules[name] = top
        if top in BROWSER_MODULES:
            self.exclusive.add(BROWSER)
        if top not in KNOWN:
            self.unknown.add(top)
        if top in NETWORK and module not in {"urllib.parse", "http.server"}:
            self.network = True

    def _call(self, node: ast.Call) -> None:
        owner, name = called(node.func)
        module = self.modules.get(owner, owner)
        if name in _DYNAMIC and not owner:
            self.is_open = True
        elif (name == "open" and owner in {"", "io", "codecs", "gzip"}) or name in {"ZipFile", "TarFile"}:
            self._open(node, 0)
        elif name == "open":
            self._open_of(node, owner)
        elif name in START and module in {"subprocess", "os"}:
            self._start(node)
        elif name in MOVE and module in {"shutil", "os"}:
            takes = name in {"move", "rename", "replace"}
            for index, argument in enumerate(node.args[:2]):
                target = _text_of(argument, self.texts)
                self._touch(target, reads=index == 0, writes=index == 1 or takes)
        elif name in READ or name in WRITE:
            is_own = (name in ON_PATH and owner != "os") or (
                name in {"exists", "glob", "rglob"} and not node.args
            )
            target = self._receiver(node) if is_own else self._first(node)
            self._touch(target, reads=name in READ, writes=name in WRITE)
        elif name == "connect" and module == "sqlite3":
            self._touch(self._first(node), reads=True, writes=True)
            self.exclusive.add(database(self._first(node) or ANYTHING))
        else:
            self._ask(node, owner, name)

    def _ask(self, node: ast.Call, owner: str, name: str) -> None:
        """A call that may use the network."""
        if self.modules.get(owner, "") not in NETWORK and owner not in {"session", "client"}:
            return
        self.network |= self.modules.get(owner, "") in NETWORK
        if name in SEND:
            self.sends = self.network = True
        if name == "urlretrieve":
            target = _text_of(node.args[1], self.texts) if len(node.args) > 1 else None
            self._touch(target, writes=True)

    def _open_of(self, node: ast.Call, owner: str) -> None:
        """``Path(x).open("w")``, or a library's own ``open(x)``."""
        if owner in self.modules and self.modules[owner] != "pathlib":
            self._touch(self._first(node), reads=True)
            return
        mode = _mode(node, 0)
        self._touch(self._receiver(node), reads="w" not in mode, writes=bool(set(mode) & set("wax+")))

    def _open(self, node: ast.Call, at: int) -> None:
        mode = _mode(node, at + 1)
        target = _text_of(node.args[at], self.texts) if len(node.args) > at else None
        self._touch(target, reads="w" not in mode, writes=bool(set(mode) & set("wax+")))

    def _first(self, node: ast.Call) -> str | None:
        values = [
            *node.args[:1],
            *(k.value for k in node.keywords if k.arg in {"path", "filename", "fname", "file"}),
        ]
        return _text_of(values[0], self.texts) if values else None

    def _receiver(self, node: ast.Call) -> str | None:
        return _text_of(node.func.value, self.texts) if isinstance(node.func, ast.Attribute) else None

    def _touch(self, target: str | None, *, reads: bool = False, writes: bool = False) -> None:
        name = None if target is None else path_name(target)
        if name is not None and name.startswith("host:"):
            self.network = True
            return
        if name is None or name in {ANYTHING, "./*"}:
            self.reads_unnamed |= reads
            self.writes_unnamed |= writes
            name = ANYTHING
        if reads:
            self.reads.add(name)
        if writes:
            self.writes.add(name)

    def _start(self, node: ast.Call) -> None:
        """A program: its words where they are a list or a text, else unknown."""
        argument = node.args[0] if node.args else None
        if isinstance(argument, (ast.List, ast.Tuple)) and argument.elts:
            words = tuple(_text_of(word, self.texts) or "*" for word in argument.elts)
            known = tool_effects(words) if words[0] != "*" else None
            name = words[0].rsplit("/", 1)[-1]
            self.started.append(known or Effects(calls=() if name == "*" else (name,), is_open=True))
            return
        text = _text_of(argument, self.texts) if argument is not None else None
        from skvm.compiler.effects.shell_effects import shell_effects

        if text and text != ANYTHING:
            self.started += [found.effects for found in shell_effects(text, lambda _: None)]
        else:
            self.started.append(Effects(is_open=True))


def called(func: ast.expr) -> tuple[str, str]:
    """The name before the dot and the name of what is called."""
    if isinstance(func, ast.Name):
        return "", func.id
    if isinstance(func, ast.Attribute):
        inner = func.value
        while isinstance(inner, (ast.Attribute, ast.Call)):
            inner = inner.value if isinstance(inner, ast.Attribute) else inner.func
        return inner.id if isinstance(inner, ast.Name) else "", func.attr
    return "", ""


def _mode(node: ast.Call, at: int) -> str:
    for keyword in node.keywords:
        if keyword.arg == "mode":
            return keyword.value.value if _is_text(keyword.value) else "rw+"  # type: ignore[attr-defined]
    if len(node.args) <= at:
        return "r"
    value = node.args[at]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    return "rw+"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _text_of(  # noqa: PLR0911 - one return a kind of expression
    node: ast.expr, names: dict[str, str]
) -> str | None:
    """The text an expression gives, what is not known in it a star; ``None`` where nothing is known."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.JoinedStr):
        text = "".join(part.value if _is_text(part) else "*" for part in node.values)  # type: ignore[attr-defined]
        return text if text.strip("*./") else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div, ast.Mod)):
        return _joined(node, names)
    if isinstance(node, ast.Call):
        name = called(node.func)[1]
        if name in {"Path", "str", "PurePath", "expanduser", "resolve", "abspath", "fspath"} and node.args:
            return _text_of(node.args[0], names)
        if (name == "join" and node.args and not _is_text(node.args[0])) or (
            name == "join" and len(node.args) > 1
        ):
            parts = [_text_of(part, names) or "*" for part in node.args]
            text = "/".join(parts)
            return text if text.strip("*./") else None
    return None


def _joined(node: ast.BinOp, names: dict[str, str]) -> str | None:
    if isinstance(node.op, ast.Mod):
        return _text_of(node.left, names)
    left, right = _text_of(node.left, names), _text_of(node.right, names)
    if left is None and right is None:
        return None
    return ("/" if isinstance(node.op, ast.Div) else "").join((left or "*", right or "*"))


def iter_loops(tree: ast.Module) -> Iterator[ast.For]:
    """Every ``for`` statement of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            yield node
