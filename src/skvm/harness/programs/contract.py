"""What an adapter of a program says: how to start it, where a skill goes, its tools, what it printed.

An adapter starts nothing and calls nobody. It makes a ``Launch`` from a ``Setting`` and reads a ``Told`` from
what the program left; ``driver.run_program`` does the rest for all of them: a private home, the cell, the
door to the gateway, the deadline, and the trajectory, which is read off the model traffic and not off what
the program says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from skvm.evidence.record import Usage
from skvm.harness.command_tool import CommandTool, find_command_tool
from skvm.harness.contract import ConfigMode, SkillDelivery
from skvm.harness.gateway.contract import Door, Wire
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = [
    "ConfigMode",
    "Launch",
    "Left",
    "ProgramAdapter",
    "Setting",
    "Told",
    "ToolTable",
    "Wire",
]


@dataclass(frozen=True, slots=True)
class Setting:
    """For what run a program is started.

    Paths are as the program sees them; ``home`` and ``work_dir`` are at the same place on the host.

    Args:
        prompt: What the agent is asked.
        model: The backend id of the model, as the gateway knows it; any name may be asked of it.
        door: The gateway as this run sees it: base URLs by dialect and the token that is its only secret.
        home: Private folder (0700), empty but for what ``native`` copied; HOME and all XDG folders lie in it.
        work_dir: The work directory.
        program: The program's executable.
        max_steps: Model turns, for programs that can bound them; the driver bounds them in any case.
        timeout_s: Wall clock.
        mode: ``managed``: a fresh configuration of ours; ``native``: the user's, copied into ``home``.
        needed: Executables of the other programs that the catalogue says it needs, by name.
        options: What the user's configuration says of it: further arguments, the agent to be.
        user_home: Where ``native`` copied from.
        skill: The skill, if the condition has one.
        bundle: The skill's files beside ``SKILL.md``, by path relative to it; they lie in the work
            directory, too.
        temperature: Sampling temperature, for programs that can set it; the gateway sets it in any case.
    """

    prompt: str
    model: str
    door: Door
    home: Path
    work_dir: Path
    program: Path
    max_steps: int
    timeout_s: float
    mode: ConfigMode = "managed"
    needed: Mapping[str, Path] = field(default_factory=dict)
    options: AdapterSettings = field(default_factory=AdapterSettings)
    user_home: Path = field(default_factory=Path.home)
    skill: SkillDelivery | None = None
    bundle: Mapping[str, bytes] = field(default_factory=dict)
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start it.

    Args:
        argv: Program and arguments. No secret and no prompt where the program can take it otherwise.
        stdin: What it reads; nothing but the end of file by default.
        env: Variables beside HOME, the XDG folders, TMPDIR, PATH and LANG, which the driver sets.
        home_files: Files to write into the home first (0600), by path relative to it.
        work_files: Files to write into the work directory first, by path relative to it. Where the task has
            one of that name the run fails: it would run without what the file is for. They are taken away
            again before grading, unless the agent changed them.
        then: A second command after the first one ended (``sessions export``); its output is ``Left.then``.
    """

    argv: Sequence[str]
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    home_files: Mapping[str, bytes] = field(default_factory=dict)
    work_files: Mapping[str, bytes] = field(default_factory=dict)
    then: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What a program left.

    Args:
        stdout: File with what it printed; read it line by line, it may be large.
        stderr: File with what it complained.
        exit_code: ``None`` if the deadline ended it.
        home: Its home, with whatever it wrote there.
        then: File with the output of ``Launch.then``.
    """

    stdout: Path
    stderr: Path
    exit_code: int | None
    home: Path
    then: Path | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a program says of itself.

    Args:
        final_text: Its last words; ``None`` takes those of the last answer at the gateway.
        usage: Its own count, kept beside the gateway's, which is the truth; ``None`` if it tells none.
        error: One line on what went wrong by its own account; ``None`` if nothing did.
        hint: The way out of that.
        is_step_limit: Whether it stopped because of its own limit of turns.
    """

    final_text: str | None = None
    usage: Usage | None = None
    error: str | None = None
    hint: str | None = None
    is_step_limit: bool = False


@dataclass(frozen=True, slots=True)
class ToolTable:
    """From a program's tool names to ours.

    Args:
        kinds: What each tool does; a name that is not here is ``other``.
        renamed: Arguments that have another name with us (``file_path`` → ``path``), by tool.
        fixed: What further arguments of a tool that runs commands are to be where a hook calls it, by tool.
    """

    kinds: Mapping[str, ToolKind]
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fixed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def kind_of(self, name: str, arguments: Mapping[str, Any]) -> ToolKind:
        """The normalized kind of a call; programs differ in case and in prefixes of servers."""
        return self.kinds.get(name, ToolKind.OTHER)

    def command_tool(self, offered: Sequence[ToolDefinition]) -> CommandTool | None:
        """The tool that runs commands among those a request offers; the first one the table has."""
        for name in (name for name, kind in self.kinds.items() if kind is ToolKind.RUN):
            renamed = self.renamed.get(name, {})
            theirs = [their for their, ours in renamed.items() if ours == "command"] or ["command"]
            if found := find_command_tool(offered, [name], theirs, self.fixed):
                return found
        return None


class ProgramAdapter(Protocol):
    """One program. Implementations are frozen dataclasses whose fields are options."""

    @property
    def program(self) -> str:
        """Name in the catalogue of programs (``harness/programs/catalogue.py``)."""

    @property
    def wire(self) -> Wire:
        """The dialect it is made to speak to the gateway."""

    @property
    def tools(self) -> ToolTable:
        """Its tools."""

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """What ``native`` copies of the user's home, relative to it; never linked, never written."""

    def launch(self, setting: Setting) -> Launch:
        """How to start it for one run."""

    def read(self, left: Left) -> Told:
        """Read what it left; never raises on what it printed."""

    def skill_loaded(self, setting: Setting, seen: str) -> bool | None:
        """Whether the skill reached the model.

        Args:
            setting: The run.
            seen: Everything the model was sent: system texts, messages and tool results.

        Returns:
            ``None`` where it cannot be told.
        """
