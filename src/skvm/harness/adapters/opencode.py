"""``opencode``: a coding agent in one program.

In ``managed`` mode neither instructions, configuration nor skills of the work directory count, but for one
thing it has no switch for: with a file of a subfolder it reads that folder's ``AGENTS.md``.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from skvm.errors import ConfigError
from skvm.evidence.record import Usage
from skvm.harness.contract import harness
from skvm.harness.delivery import injected_section, is_injected
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events
from skvm.harness.programs.jsonc import read_jsonc
from skvm.harness.programs.skill_files import skill_folder
from skvm.harness.trajectory import ToolKind

__all__ = ["OpenCode"]

CONFIG = ".config/opencode"
"""Folder of the user's configuration in a home."""
OWN = ".config/skvm"
"""Folder of ours beside it, which stands above it."""
PROVIDER = "skvm"
CONTEXT_TOKENS, OUTPUT_TOKENS = 131_072, 16_384
"""What it is told of the model. It asks for so much output at most, and shortens a conversation before it is
longer than the first; the gateway tells the truth."""
_PATH = {"filePath": "path"}
TOOLS = ToolTable(
    {
        "read": ToolKind.READ,
        "grep": ToolKind.READ,
        "write": ToolKind.WRITE,
        "edit": ToolKind.EDIT,
        "multiedit": ToolKind.EDIT,
        "patch": ToolKind.EDIT,
        "apply_patch": ToolKind.EDIT,
        "bash": ToolKind.RUN,
        "glob": ToolKind.LIST,
        "list": ToolKind.LIST,
        "webfetch": ToolKind.FETCH,
        "websearch": ToolKind.FETCH,
        "codesearch": ToolKind.FETCH,
        # ``skill``, ``task``, ``todowrite`` and ``question`` are none of these.
    },
    dict.fromkeys(("read", "write", "edit", "multiedit"), _PATH),
)
NOT_OF_THE_TASK = (
    *("OPENCODE_DISABLE_PROJECT_CONFIG", "OPENCODE_DISABLE_CLAUDE_CODE"),
    "OPENCODE_DISABLE_EXTERNAL_SKILLS",
)
"""Variables that make what the work directory holds files like any other."""
NEEDS_PROC = "it reads /proc, which a landlock cell does not have: use bubblewrap"
CONFIG_FILES = ("opencode.json", "opencode.jsonc", "config.json")
NATIVE = (
    *CONFIG_FILES,
    *("AGENTS.md", "agent", "agents", "command", "commands", "mode", "modes", "plugin", "plugins"),
    *("skill", "skills", "tool", "tools"),
)
KEPT = frozenset(
    {
        *("agent", "command", "compaction", "default_agent", "formatter", "instructions", "lsp", "mode"),
        *("permission", "skills", "snapshot", "tools", "username"),
    }
)
"""What counts of a user's configuration: nothing that holds keys, names endpoints or needs the network."""


@harness("opencode")
@dataclass(frozen=True, slots=True)
class OpenCode(ProgramHarness):
    """Drives ``opencode run``."""

    @property
    def name(self) -> str:
        """Registered name."""
        return "opencode"

    @property
    def wire(self) -> Wire:
        """Chat completions."""
        return "chat"

    @property
    def tools(self) -> ToolTable:
        """Its tools for files call a path ``filePath``."""
        return TOOLS

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """Configuration, instructions, agents, commands, plugins, tools and skills."""
        others = (".claude/CLAUDE.md", ".claude/skills", ".agents/skills")
        return (*(PurePosixPath(CONFIG, name) for name in NATIVE), *map(PurePosixPath, others))

    def launch(self, setting: Setting) -> Launch:
        """The prompt goes by standard input; endpoint and skill are files of the home."""
        is_native = setting.mode == "native"
        files = _theirs(setting.user_home) if is_native else {}
        files[f"{OWN}/opencode.json"] = _ours(setting)
        if setting.skill is not None and is_injected(setting.skill):
            files[f"{OWN}/skill.md"] = injected_section(setting.skill).encode("utf-8", "replace")
        elif setting.skill is not None:
            files |= skill_folder(setting, f"{CONFIG}/skills")
        agent = setting.options.native_agent if is_native else None
        return Launch(
            argv=[
                *(str(setting.program), "run", "--format", "json", "--auto"),
                # Else it asks the model for one.
                *("--title", "run"),
                *("--model", f"{PROVIDER}/{setting.model}"),
                *(("--agent", agent) if agent else ()),
                *(() if is_native else ("--pure",)),
                *setting.options.extra_args,
            ],
            stdin=setting.prompt.encode("utf-8", "replace"),
            env={
                "OPENCODE_CONFIG": str(setting.home / OWN / "opencode.json"),
                "OPENCODE_DISABLE_AUTOUPDATE": "1",
                "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
                "OPENCODE_DISABLE_MODELS_FETCH": "1",
                # It installs what its plugins need, and waits for that.
                "NPM_CONFIG_OFFLINE": "true",
                **({} if is_native else dict.fromkeys(NOT_OF_THE_TASK, "1")),
            },
            home_files=files,
        )

    def read(self, left: Left) -> Told:
        """Sum up what its steps took; an error it tells is the end."""
        usage, error = None, None
        for event in read_events(left.stdout):
            if event.get("type") == "step_finish":
                usage = (usage or Usage(cost_usd=None)) + _usage(as_mapping(event.get("part")))
            elif event.get("type") == "error":
                error = _error(as_mapping(event.get("error")))
        if left.exit_code == -signal.SIGABRT and usage is None and error is None:
            return Told(error="opencode was aborted before it said anything", hint=NEEDS_PROC)
        return Told(usage=usage, error=error)


def _ours(setting: Setting) -> bytes:
    """A configuration of ours: the model at the gateway, for everything."""
    model = {
        "name": setting.model,
        "tool_call": True,
        "temperature": True,
        "limit": {"context": CONTEXT_TOKENS, "output": OUTPUT_TOKENS},
    }
    config: dict[str, Any] = {
        "provider": {
            PROVIDER: {
                "npm": "@ai-sdk/openai-compatible",
                "name": PROVIDER,
                "options": {"baseURL": setting.door.chat_url, "apiKey": setting.door.token},
                "models": {setting.model: model},
            }
        },
        "enabled_providers": [PROVIDER],
        "model": f"{PROVIDER}/{setting.model}",
        "small_model": f"{PROVIDER}/{setting.model}",
        "share": "disabled",
        "autoupdate": False,
        # It would keep a copy of the work directory for every step.
        "snapshot": False,
    }
    if setting.skill is not None and is_injected(setting.skill):
        config["instructions"] = [str(setting.home / OWN / "skill.md")]
    return json.dumps(config).encode()


def _theirs(user_home: Path) -> dict[str, bytes]:
    """The user's configuration, without what has no business in a cell.

    Raises:
        ConfigError: It is none.
    """
    found = {}
    for name in CONFIG_FILES:
        place = user_home / CONFIG / name
        try:
            said = read_jsonc(place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            help = "mend it, or leave --adapter-config=native out"
            raise ConfigError(f"{place}: {error}", help=help) from error
        kept = {key: value for key, value in as_mapping(said).items() if key in KEPT}
        text = json.dumps(_without_models(kept), ensure_ascii=False)
        found[f"{CONFIG}/{name}"] = text.encode("utf-8", "replace")
    return found


def _without_models(value: Any) -> Any:
    """The same without the models agents and commands name; they are not to be had."""
    if isinstance(value, Mapping):
        return {key: _without_models(inner) for key, inner in value.items() if key != "model"}
    return [_without_models(each) for each in value] if isinstance(value, list) else value


def _usage(part: Mapping[str, Any]) -> Usage:
    tokens = as_mapping(part.get("tokens"))
    cache = as_mapping(tokens.get("cache"))
    return Usage(
        input_tokens=as_count(tokens.get("input")),
        output_tokens=as_count(tokens.get("output")) + as_count(tokens.get("reasoning")),
        cache_read_tokens=as_count(cache.get("read")),
        cache_write_tokens=as_count(cache.get("write")),
        calls=1,
        # It knows no price of a model that is behind a gateway.
        cost_usd=None,
    )


def _error(told: Mapping[str, Any]) -> str:
    message = as_text(as_mapping(told.get("data")).get("message"))
    return message or as_text(told.get("name")) or "opencode ended with an error"
