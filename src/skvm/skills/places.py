"""Where each agent program looks for skills, of its user and of a project, and whether it is there.

Facts from running the programs: a skill with a marker was put into each folder, and the marker was looked
for in what the model was sent.
"""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import UsageError

__all__ = ["GENERIC", "LOOKERS", "Looker", "find_looker", "home_of"]

GENERIC = "agents"
"""The folder many programs read beside their own."""


@dataclass(frozen=True, slots=True)
class Looker:
    """A program that looks for skills.

    Args:
        name: As ``skvm harness list`` names it.
        title: As its makers name it.
        home: Its folder in the user's home.
        variable: What may name that folder instead.
        below: Where skills lie in that folder.
        project: Where they lie in a project; ``None`` if it reads none there.
        command: What it is called on PATH.
        remark: What one has to know.
        project_remark: What one has to know of skills of a project.
        parent_variable: What may name the folder above its own instead.
    """

    name: str
    title: str
    home: str
    variable: str | None = None
    below: str = "skills"
    project: str | None = None
    command: str | None = None
    remark: str = ""
    project_remark: str = ""
    parent_variable: str | None = None

    def base(self, home: Path, env: Mapping[str, str]) -> Path:
        """Its own folder: the one a variable names, else the one in the home.

        Args:
            home: The user's.
            env: The environment; a relative folder in it counts as absent, as programs treat it.
        """
        if self.variable and (said := env.get(self.variable)) and Path(said).expanduser().is_absolute():
            return Path(said).expanduser()
        if self.parent_variable and (said := env.get(self.parent_variable)) and Path(said).is_absolute():
            return Path(said, Path(self.home).name)
        return home / self.home

    def folder(self, home: Path, env: Mapping[str, str], project: Path | None) -> Path:
        """Where its skills go.

        Args:
            home: The user's.
            env: The environment.
            project: The project's folder; ``None`` for the user's own skills.

        Raises:
            UsageError: It reads no skills of a project.
        """
        if project is None:
            return self.base(home, env) / self.below
        if self.project is None:
            raise UsageError(f"{self.title} reads no skills of a project", help="leave --project out")
        return project / self.project

    def is_there(self, home: Path, env: Mapping[str, str], project: Path | None) -> bool:
        """Whether the program seems to be used here.

        Its folder is in the project or the home, or it is on PATH.
        """
        if project is not None and self.project is not None:
            top = Path(self.project).parts[0]
            if top.startswith(".") and (project / top).is_dir():
                return True
        if self.base(home, env).is_dir():
            return True
        return self.command is not None and shutil.which(self.command, path=env.get("PATH", "")) is not None


LOOKERS: tuple[Looker, ...] = (
    Looker(
        "claude-code",
        "Claude Code",
        ".claude",
        variable="CLAUDE_CONFIG_DIR",
        project=".claude/skills",
        command="claude",
        remark="with --bare it offers the model no skills",
    ),
    Looker("codex", "Codex", ".codex", variable="CODEX_HOME", project=".codex/skills", command="codex"),
    Looker(
        "opencode",
        "OpenCode",
        ".config/opencode",
        project=".opencode/skills",
        command="opencode",
        parent_variable="XDG_CONFIG_HOME",
    ),
    Looker(
        "pi",
        "pi",
        ".pi/agent",
        variable="PI_CODING_AGENT_DIR",
        project=".pi/skills",
        command="pi",
        project_remark="since 0.87 it reads skills of a project only where somebody trusts the project",
    ),
    Looker("hermes", "Hermes", ".hermes", variable="HERMES_HOME", command="hermes"),
    Looker(
        "openclaw",
        "OpenClaw",
        ".openclaw",
        variable="OPENCLAW_STATE_DIR",
        project="skills",
        command="openclaw",
        project_remark="a project is the workspace its agent works in",
    ),
    Looker("jiuwenclaw", "JiuwenClaw", ".jiuwenclaw", below="agent/jiuwenclaw_workspace/skills"),
    Looker(
        GENERIC,
        "programs that read .agents/skills",
        ".agents",
        project=".agents/skills",
        remark="Codex, OpenCode, pi, Gemini CLI, Qwen Code, Cline, OpenHands and Mistral Vibe read it, too",
    ),
)
"""Every program we know, the generic folder last."""

_WITHOUT = {
    "bare-agent": "is given a skill with --skill",
    "shell-agent": "is given a skill with --skill",
    "mini-swe-agent": "reads no skills",
    "aider": "reads no skills",
}


def find_looker(name: str) -> Looker:
    """The program of that name.

    Raises:
        UsageError: There is none, or it looks for no skills.
    """
    for looker in LOOKERS:
        if looker.name == name:
            return looker
    known = [looker.name for looker in LOOKERS]
    if name in _WITHOUT:
        raise UsageError(f"{name} {_WITHOUT[name]}; there is nowhere to install to")
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(
        f"unknown harness {name!r}",
        help=f"{hint}known: {', '.join(known)}; {GENERIC!r} is the folder many others read",
    )


def home_of(env: Mapping[str, str]) -> Path:
    """The user's home.

    Raises:
        UsageError: Nothing tells where it is.
    """
    said = env.get("HOME")
    home = Path(said) if said else Path(os.path.expanduser("~"))  # noqa: PTH111 - does not raise
    if not home.is_absolute():
        raise UsageError("your home folder is unknown", help="set HOME")
    return home
