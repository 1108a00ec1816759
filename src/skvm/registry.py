"""One way to find a named implementation: its module is named after it.

A look-up of ``claude-code`` in the harness registry imports ``skvm.harness.adapters.claude_code``,
whose decorator registers it; nothing else is imported and no table exists. Third parties publish the
same decorator's product through an entry-point group. A name with a colon (``acp:some command``) is of a
family: what stands before it names the module, what stands behind it is the family's to read.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from skvm.diagnostics import Diagnostic, rule
from skvm.errors import ConfigError, UsageError

__all__ = ["BUILTIN", "Registry"]

BUILTIN = "skvm"
"""The distribution of what we ship."""

SKV403 = rule(
    "SKV403",
    "a plugin that cannot be used",
    "An installed distribution offers an entry that cannot be imported, that is not what it should be, or "
    "whose name is taken already. It is left out; everything else works as if it were not installed. Repair "
    "it, or uninstall the distribution.",
)

T = TypeVar("T")


@lru_cache(maxsize=64)
def _entry_points(group: str, path: tuple[str, ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    """The entry points of a group; every look reads the metadata of all that is installed on ``path``."""
    return tuple(importlib.metadata.entry_points(group=group))


class Registry(Generic[T]):
    """Named things of one kind, found by module name.

    Args:
        kind: What one entry is called, for messages (``"harness"``).
        package: Dotted package whose modules hold the built-in ones.
        group: Entry-point group of third parties.
        check: Raises ``ValueError`` for an entry that must not be registered under its name.
    """

    def __init__(
        self, kind: str, *, package: str, group: str, check: Callable[[str, T], None] | None = None
    ) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self._check = check
        self._entries: dict[str, T] = {}
        self._families: dict[str, Callable[[str], T]] = {}
        self._members: dict[str, T] = {}
        self._plugged: dict[str, importlib.metadata.EntryPoint] = {}

    def register(self, name: str, entry: T) -> T:
        """Add ``entry`` under ``name``.

        Raises:
            ValueError: The name is taken, or the entry is not what it should be.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        if self._check is not None:
            self._check(name, entry)
        self._entries[name] = entry
        return entry

    def register_family(self, prefix: str, make: Callable[[str], T]) -> Callable[[str], T]:
        """Add what makes the entry of every name that begins with ``prefix`` and a colon.

        Args:
            prefix: The name of the module, which may register an entry of that very name, too.
            make: Given what stands behind the colon; raises ``UsageError`` if it is no good. The entry it
                makes is remembered.

        Raises:
            ValueError: The prefix is taken.
        """
        if prefix in self._families:
            raise ValueError(f"the family {prefix!r} of {self.kind} is registered twice")
        self._families[prefix] = make
        return make

    def decorator(self, name: str) -> Callable[[T], T]:
        """A decorator that registers what it decorates."""
        return lambda entry: self.register(name, entry)

    @contextlib.contextmanager
    def temporarily(self, name: str, entry: T) -> Iterator[T]:
        """Register ``entry`` for the length of a ``with`` block: how fakes get into a test and out again."""
        self.register(name, entry)
        try:
            yield entry
        finally:
            del self._entries[name]

    def get(self, name: str) -> T:
        """The entry called ``name``.

        Raises:
            UsageError: Nothing is called that; the help line suggests what was meant.
            ConfigError: A plugin that claims the name cannot be imported.
        """
        if ":" in name and self._load_member(name):
            return self._members[name]
        if name not in self._entries:
            self._load_builtin(name) or self._load_plugin(name)
        if name not in self._entries and name in self._families:
            # The family knows best what should stand behind the colon, and says so.
            self._families[name]("")
        if name not in self._entries:
            known = self.names()
            close = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"unknown {self.kind} {name!r}",
                help=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}",
            )
        return self._entries[name]

    def names(self) -> tuple[str, ...]:
        """Every name that can be looked up, sorted; imports the built-in modules."""
        self._load_builtins()
        return tuple(sorted({*self._entries, *(point.name for point in self._plugins())}))

    def all(self) -> tuple[T, ...]:
        """Every entry in order of name, without plugins that cannot be used; ``faults`` tells those."""
        found = []
        for name in self.names():
            with contextlib.suppress(ConfigError):
                found.append(self.get(name))
        return tuple(found)

    def origin(self, name: str) -> str:
        """The distribution an entry comes from."""
        point = self._plugged.get(name)
        return _distribution(point) if point else BUILTIN

    def faults(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the installed plugins; each one is imported."""
        self._load_builtins()
        found, seen = [], dict[str, str]()
        for point in self._plugins():
            owner = _distribution(point)
            taken = seen.get(point.name)
            if taken is None and point.name in self._entries and point.name not in self._plugged:
                taken = BUILTIN
            if taken is not None:
                message = f"{self.kind} {point.name!r} of {owner} is left out: {taken} has one of that name"
                found.append(SKV403.at(message, help=f"uninstall {owner}, or have it take another name"))
                continue
            seen[point.name] = owner
            try:
                self.get(point.name)
            except ConfigError as error:
                found.append(SKV403.at(error.message, help=error.help))
        return tuple(found)

    def _builtin_modules(self) -> Iterator[str]:
        package = importlib.import_module(self.package)
        return (info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))

    def _load_builtins(self) -> None:
        for module in self._builtin_modules():
            importlib.import_module(f"{self.package}.{module}")

    def _load_member(self, name: str) -> bool:
        if name in self._members:
            return True
        prefix, _, rest = name.partition(":")
        if prefix not in self._families:
            self._load_builtin(prefix) or self._load_plugin(prefix)
        if prefix not in self._families:
            return False
        self._members[name] = self._families[prefix](rest)
        return True

    def _load_builtin(self, name: str) -> bool:
        module = name.replace("-", "_").replace(".", "_")
        if not module.isidentifier() or module not in self._builtin_modules():
            return False
        importlib.import_module(f"{self.package}.{module}")
        return name in self._entries

    def _plugins(self) -> tuple[importlib.metadata.EntryPoint, ...]:
        return _entry_points(self.group, tuple(sys.path))

    def _load_plugin(self, name: str) -> bool:
        point = next((point for point in self._plugins() if point.name == name), None)
        if point is None:
            return False
        # Ours come first: whatever else a plugin registers cannot take a built-in name.
        self._load_builtins()
        before, families = dict(self._entries), dict(self._families)
        try:
            loaded = point.load()
            if name not in self._entries:
                self.register(name, loaded)
        except (Exception, SystemExit) as error:
            self._entries, self._families = before, families
            owner = _distribution(point)
            raise ConfigError(
                f"{self.kind} {name!r} of {owner} cannot be imported: {error or type(error).__name__}",
                help=f"repair or uninstall {owner}",
            ) from error
        self._plugged.update(dict.fromkeys(self._entries.keys() - before.keys(), point))
        return True


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown distribution"
