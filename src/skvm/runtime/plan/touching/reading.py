"""Reading a command as a hook: what it touches by the compiler's rules, and by stricter ones of its own."""

from __future__ import annotations

import glob
import itertools
import os
import posixpath
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from skvm.compiler.effects.model import ENVIRONMENT
from skvm.errors import ConfigError, UsageError
from skvm.evaluate.bench import Bench
from skvm.harness.contract import HARNESSES, ProgramInCell
from skvm.harness.dispatch import EVERYTHING, Touches
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.harness.tools import is_loopback
from skvm.harness.trajectory import ToolCall, ToolKind
from skvm.runtime.plan.touching.lines import is_plain
from skvm.runtime.plan.touching.programs import Named, named_by
from skvm.runtime.plan.touching.python import Opened, opened_by

if TYPE_CHECKING:
    from skvm.compiler.effects.model import Effects
    from skvm.compiler.effects.shell_effects import CommandEffects
    from skvm.compiler.reading.shell import Command
    from skvm.skill.ir import Skill

__all__ = ["CommandReader", "Touching", "plain_name", "with_touching"]

_SCHEME = re.compile(r"[a-z]{2,8}:")
_PATTERN = re.compile(r"[*?\[{]")
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?\Z")
_IMPORT = re.compile(r"\b(?:import|from)[ \t]+([\w., \t()]+)")
_BESIDE = frozenset({"timeout", "nohup"})
"""What starts another program and does nothing else."""
MAX_CHARS = 20_000
"""Of a command line that is read."""
MAX_STARS = 4
"""Stars in a pattern that is looked up."""
MAX_MATCHES = 256
"""Files a pattern may stand for in a line that is read."""


def with_touching(bench: Bench) -> Bench:
    """The same bench, in whose built-in harnesses commands that touch nothing in common run at once.

    Args:
        bench: Open.
    """
    return replace(bench, hooks=bench.hooks.joined(Hooks((Touching(),))))


@dataclass(frozen=True, slots=True)
class Touching(Hook):
    """The hook of all runs."""

    def of_run(self, run: HookRun) -> Hook:
        """A reader for a run of a built-in harness; a program carries out its calls as it likes."""
        return Hook() if _is_program(run.harness) else CommandReader.of(run)


@lru_cache(maxsize=64)
def _is_program(harness: str) -> bool:
    try:
        return isinstance(HARNESSES.get(harness)(), ProgramInCell)
    except (UsageError, ConfigError):
        # One that was given as an object.
        return False


@dataclass(frozen=True, slots=True)
class CommandReader(Hook):
    """Reads the commands of one run.

    Args:
        work_dir: Where they run, on the host.
        skill: The skill, whose scripts can be read.
    """

    work_dir: Path
    skill: Skill | None = field(default=None, repr=False)

    @classmethod
    def of(cls, run: HookRun) -> CommandReader:
        """The reader for a run."""
        return cls(run.work_dir, run.skill)

    def touches(self, call: ToolCall) -> Touches | None:
        """What a command touches; ``None`` where a word of it is not known."""
        command = call.arguments.get("command")
        if call.kind is not ToolKind.RUN or not isinstance(command, str):
            return None
        return self.read(command)

    def read(self, command: str) -> Touches | None:
        """What a command line touches, as things lie now; ``None`` where a word of it is not known."""
        from skvm.compiler.effects.shell_effects import shell_effects

        if len(command) > MAX_CHARS or not is_plain(command):
            return None
        relies_on: list[str] = []
        parts = shell_effects(command, lambda words: self._python(words, relies_on))
        found = [self._part(part) for part in parts]
        if not found or None in found:
            return None
        known = [part for part in found if part is not None]
        touches = Touches(
            tuple(sorted({name for part in known for name in part.reads})),
            tuple(sorted({name for part in known for name in part.writes})),
            tuple(sorted({*relies_on})),
        )
        hosts = (
            name.removeprefix("host:") for name in (*touches.reads, *touches.writes) if name[:5] == "host:"
        )
        return EVERYTHING if any(host == "*" or is_loopback(host) for host in hosts) else touches

    def _part(self, part: CommandEffects) -> Touches | None:
        command, effects = part.command, part.effects
        words = _words(command)
        if not words or effects.is_open or not command.is_literal or command.is_nested:
            return None
        if any(map(_is_like_no_file, (*words, *command.reads, *command.writes))):
            return None
        named = Named() if _PYTHON.match(words[0]) else named_by(words, self.work_dir)
        if named is None:
            return None
        matched = [self._matches(name) for name in named.reads if _PATTERN.search(name)]
        if None in matched:
            return None
        reads = {
            *map(plain_name, (*effects.reads, *named.reads)),
            *(name for each in matched for name in each or ()),
        }
        writes = {*map(plain_name, (*effects.writes, *named.writes, *effects.exclusive))}
        # Where it is not said what is asked of a host, it may be told something.
        writes |= {f"host:{host}" for host in effects.hosts if f"host:{host}" not in reads}
        return Touches(tuple(reads), tuple(writes))

    def _matches(self, pattern: str) -> list[str] | None:
        """What a pattern stands for now, as there may be links among it; ``None`` if that is much."""
        if pattern.startswith("/"):
            return []  # what is outside counts as all there is
        if len(_PATTERN.findall(pattern)) > MAX_STARS:
            return None
        matches = glob.iglob(pattern, root_dir=self.work_dir)  # noqa: PTH207 - as a shell has it
        found = [*itertools.islice(matches, MAX_MATCHES + 1)]
        return None if len(found) > MAX_MATCHES else found

    def _python(self, words: tuple[str, ...], relies_on: list[str]) -> Effects | None:
        """What Python code opens, if it stands in the line or in a file of the bundle nobody has changed."""
        from skvm.compiler.effects.model import Effects

        if not _PYTHON.match(words[0]):
            return None
        path = posixpath.normpath(words[1]) if len(words) > 1 else ""
        if len(words) > 2 and path == "-c":
            opened = self._opened_by("", words[2], ("-c", *words[3:]), relies_on)
        else:
            code = self._as_delivered(path) if path.endswith(".py") else None
            opened = None if code is None else self._opened_by(path, code, words[1:], relies_on)
        if opened is None or any(map(_is_like_no_file, (*opened.reads, *opened.writes))):
            return Effects(is_open=True)
        return Effects((ENVIRONMENT, *opened.reads), opened.writes)

    def _opened_by(
        self, path: str, code: str, arguments: Sequence[str], relies_on: list[str]
    ) -> Opened | None:
        """What code opens with all it imports; ``path`` is its own, empty for code in a line."""
        folder = posixpath.dirname(path)
        parts: list[Opened] = []
        pending, seen = [(path, code)], {path}
        while pending:
            place, text = pending.pop()
            opened, around = opened_by(text, arguments), self._importable(folder, text)
            if opened is None or around is None:
                return None
            parts.append(opened)
            relies_on += (*around, *([place] if place else []))
            for module in opened.modules:
                source = posixpath.join(folder, f"{module}.py")
                there = self._as_delivered(source)
                if there is None:
                    return None
                if source not in seen:
                    seen.add(source)
                    pending.append((source, there))
        reads = tuple(sorted({name for part in parts for name in part.reads}))
        return Opened(reads, tuple(sorted({name for part in parts for name in part.writes})))

    def _as_delivered(self, path: str) -> str | None:
        """A file of the bundle, if it lies in the work directory as the skill has it."""
        from skvm.skill.emit import resource_bytes

        if self.skill is None:
            return None
        there = self.work_dir / path
        try:
            code = resource_bytes(self.skill, path)
            status = there.lstat()
            # Neither a pipe nor a device is opened here, nor a file that is larger than ours.
            if not stat.S_ISREG(status.st_mode) or status.st_size != len(code):
                return None
            return code.decode("utf-8", "replace") if there.read_bytes() == code else None
        except (OSError, UsageError):
            return None

    def _importable(self, folder: str, code: str) -> list[str] | None:
        """Where a module would lie that takes another's place; ``None`` if one that is not ours does."""
        words = {name for found in _IMPORT.findall(code) for name in re.findall(r"\w+", found)}
        ours = set() if self.skill is None else {each.path for each in self.skill.resources}
        found: list[str] = []
        for word in sorted(words):
            place = posixpath.join(folder, word)
            for name in (place, f"{place}.py"):
                is_ours = name in ours or any(path.startswith(f"{name}/") for path in ours)
                if os.path.lexists(self.work_dir / name) and not is_ours:
                    return None
                found.append(name)
        return found


def plain_name(name: str) -> str:
    """A name of the compiler's as a path or a name with a scheme; of a pattern the directory it is in."""
    if _SCHEME.match(name):
        return name
    if name == "*" or name.startswith(("~", "$")):
        return "/"
    found = _PATTERN.search(name)
    return name if found is None else posixpath.dirname(name[: found.start()]) or _root_of(name)


def _is_like_no_file(name: str) -> bool:
    """Whether a file of this name would be taken for something else."""
    return "://" not in name and _SCHEME.match(posixpath.normpath(name)) is not None


def _root_of(pattern: str) -> str:
    return "/" if pattern.startswith("/") else "."


def _words(command: Command) -> tuple[str, ...]:
    """What is run in the end; nothing where something stands around it that does more than that."""
    if command.words[0] in _BESIDE:
        return command.effective
    return command.words if command.effective == command.words else ()
