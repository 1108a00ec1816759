"""The harness contract: task and skill in, trajectory out.

An adapter is a frozen dataclass whose fields are its options, registered under its file's name. It is
re-entrant: everything of one run lives in the ``RunContext`` it is given.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from socket import socket
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from skvm.errors import ConfigError, UsageError
from skvm.harness.hooks import Hooks
from skvm.harness.sandbox import Cell, Limits
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import PortSession
from skvm.registry import Registry
from skvm.settings import AdapterSettings, Settings

__all__ = [
    "HARNESSES",
    "MAX_OUTPUT_TOKENS",
    "ConfigMode",
    "Facility",
    "Harness",
    "Needs",
    "Place",
    "ProgramInCell",
    "RunContext",
    "SkillDelivery",
    "SkillMode",
    "TaskTool",
    "harness",
    "harness_family",
    "output_bound",
    "path_name",
]

ConfigMode = Literal["managed", "native"]
"""Whose configuration a program runs with: one of ours, or a copy of the user's."""

MAX_OUTPUT_TOKENS = 2048
"""What a built-in harness lets a model write a turn where nobody asks for another bound."""


class SkillMode(enum.StrEnum):
    """How a skill reaches the model."""

    INJECT = "inject"
    DISCOVER = "discover"


class Facility(enum.StrEnum):
    """What a harness can do; a primitive declares which ones it needs.

    ``native-tools`` means it offers a task's own tools (``RunContext.tools``) to the model;
    ``parallel-tools`` that several calls in one turn are carried out; ``fetch`` that the model can ask for
    a URL, with a tool or a command; ``browser`` that it can drive a real browser.
    """

    FILES = "files"
    COMMANDS = "commands"
    NATIVE_TOOLS = "native-tools"
    PARALLEL_TOOLS = "parallel-tools"
    FETCH = "fetch"
    BROWSER = "browser"
    HOOKS = "hooks"


@dataclass(frozen=True, slots=True)
class SkillDelivery:
    """A skill on its way to a model.

    Args:
        name: What the model is told it is called.
        description: One paragraph, for ``discover``.
        content: The text of ``SKILL.md`` without frontmatter.
        mode: Inject it, or let the model find it.
    """

    name: str
    description: str
    content: str
    mode: SkillMode = SkillMode.INJECT


@dataclass(frozen=True, slots=True)
class TaskTool:
    """A tool that belongs to the task, not to the harness; it does nothing but be called.

    Args:
        name: As the model calls it.
        description: For the model.
        parameters: JSON schema of its arguments, an object.
        answer: What every call is told.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    answer: str = "done"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a harness that is a program needs to find in its cell.

    Args:
        program: Its executable.
        read_only: Where it and what it runs on are installed.
        path_prefix: Directories that come first on PATH.
        needed: Executables of other programs it cannot do without, by name.
        options: What the configuration says of it.
        limits: Those of its cell.
    """

    program: Path
    read_only: Sequence[Path] = ()
    path_prefix: Sequence[Path] = ()
    needed: Mapping[str, Path] = field(default_factory=dict)
    options: AdapterSettings = field(default_factory=AdapterSettings)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Place:
    """What a harness that is a program is given beside its cell.

    Args:
        needs: What it asked for.
        home: Its home: a private folder, empty, at the same path on the host; removed after the run.
        output_dir: Where its output goes; the cell does not see it. Removed after the run.
        door: A socket, ours to serve, that the cell reaches at the socket's own address.
        mode: Whose configuration it runs with.
        user_home: Where the user's configuration lies.
        bundle: The files of the skill beside ``SKILL.md``, by path relative to it.
    """

    needs: Needs
    home: Path
    output_dir: Path
    door: socket
    mode: ConfigMode = "managed"
    user_home: Path = field(default_factory=Path.home)
    bundle: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything one run of a harness needs.

    Args:
        prompt: What the agent is asked.
        model_id: Full model id.
        session: Where its model calls go.
        cell: The confined place where its tools act; its work directory is writable.
        work_dir: That work directory, on the host.
        timeout_s: Wall clock of the agent, > 0.
        max_steps: Model turns, > 0.
        skill: The skill, if the condition has one. Its bundle lies in the work directory already.
        hooks: What watches.
        temperature: Sampling temperature, the same in every condition.
        max_output_tokens: Output tokens a turn at most; ``None`` for ``MAX_OUTPUT_TOKENS`` in a built-in
            harness, and for what a program itself asks for.
        seed: Sampling seed; ``None`` leaves it to the provider.
        network: Whether the task allows the network.
        tools: Tools of the task's own; only a harness with ``native-tools`` is given any.
        site_origin: Where the run's site is, seen from the cell; it can be reached without ``network``.
        place: What a ``ProgramInCell`` is given, and nothing else is.
        open_cell: Opens a further cell like this one on another work directory, where there can be one.
    """

    prompt: str
    model_id: str
    session: PortSession
    cell: Cell
    work_dir: Path
    timeout_s: float = 120.0
    max_steps: int = 30
    skill: SkillDelivery | None = None
    hooks: Hooks = field(default_factory=Hooks)
    temperature: float = 0.0
    max_output_tokens: int | None = None
    seed: int | None = None
    network: bool = False
    tools: Sequence[TaskTool] = ()
    site_origin: str | None = None
    place: Place | None = None
    open_cell: Callable[[Path], AbstractAsyncContextManager[Cell]] | None = None


@runtime_checkable
class Harness(Protocol):
    """An agent program we can drive.

    A built-in one may have a ``revision``, an integer it raises when its words to a model change: what was
    measured in it before is then another target's.
    """

    @property
    def facilities(self) -> frozenset[Facility]:
        """What it can do."""

    async def run(self, context: RunContext) -> Trajectory:
        """Run the agent to its end, its step limit or its deadline.

        A step limit and a deadline are outcomes of the trajectory, not exceptions. A fault of the
        provider or the sandbox propagates as ``InfrastructureError``.
        """


@runtime_checkable
class ProgramInCell(Harness, Protocol):
    """A harness that is a program and itself runs in the cell; its ``RunContext`` has a ``place``."""

    @property
    def modes(self) -> Sequence[ConfigMode]:
        """Whose configuration it can run with."""

    def ready(self, settings: Settings) -> AbstractAsyncContextManager[Needs]:
        """Find the program and what it runs on, and keep it there.

        Raises:
            ConfigError: The configuration names something that is not there.
            InfrastructureError: It, or what it runs on, is not installed; the help line says how to get it.
        """


HARNESSES: Registry[Callable[[], Harness]] = Registry(
    "harness", package="skvm.harness.adapters", group="skvm.harnesses"
)

F = TypeVar("F", bound=Callable[[], Harness])


def harness(name: str) -> Callable[[F], F]:
    """Register a harness class (or any callable without arguments that makes one)."""

    def decorate(factory: F) -> F:
        HARNESSES.register(name, factory)
        return factory

    return decorate


def harness_family(prefix: str) -> Callable[[Callable[[str], Callable[[], Harness]]], Any]:
    """Register what makes the harness of every name ``prefix:…``; it is given what follows the colon.

    It raises ``UsageError`` for what it cannot make a harness of.
    """
    return lambda make: HARNESSES.register_family(prefix, make)


def output_bound(harness: str, asked: int | None) -> int | None:
    """Output tokens a turn in the harness of this name: what is asked for, else its own bound.

    Args:
        harness: Its name.
        asked: What somebody asked for.

    Returns:
        ``None`` where nothing is asked for and the harness is a program, or is not there any more.
    """
    if asked is not None:
        return asked
    try:
        made = HARNESSES.get(harness)()
    except (UsageError, ConfigError):
        return None
    return None if isinstance(made, ProgramInCell) else MAX_OUTPUT_TOKENS


def path_name(name: str) -> str:
    """The name of a harness as one segment of a path: its own, or ``acp-opencode-1f0c3a`` for a command."""
    prefix, colon, rest = name.partition(":")
    if not colon:
        return name
    words = rest.split() or [""]
    program = re.sub(r"[^A-Za-z0-9_.-]+", "-", PurePosixPath(words[0]).name).strip(".-")[:40] or "agent"
    return f"{prefix}-{program}-{hashlib.sha256(rest.encode()).hexdigest()[:6]}"
