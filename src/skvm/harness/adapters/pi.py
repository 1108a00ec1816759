"""``pi``: a small coding agent in Node. In ``managed`` mode nothing of the work directory configures it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from skvm.errors import ConfigError
from skvm.evidence.record import Usage
from skvm.harness.contract import harness
from skvm.harness.delivery import injected_section, is_injected
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events
from skvm.harness.programs.skill_files import skill_folder
from skvm.harness.trajectory import ToolKind

__all__ = ["Pi"]

AGENT = ".pi/agent"
"""Folder of its configuration in a home."""
SETTINGS = f"{AGENT}/settings.json"
ELSEWHERE = frozenset({"defaultProvider", "defaultModel", "enabledModels", "httpProxy"})
"""Settings that name models, or a way to them, that a cell does not have."""
OWN_WORDS = f"{AGENT}/APPEND_SYSTEM.md"
"""What it puts after its system text."""
PROVIDER = "skvm"
TOOLS = ToolTable(
    {
        "read": ToolKind.READ,
        "grep": ToolKind.READ,
        "write": ToolKind.WRITE,
        "edit": ToolKind.EDIT,
        "bash": ToolKind.RUN,
        "powershell": ToolKind.RUN,
        "find": ToolKind.LIST,
        "ls": ToolKind.LIST,
    }
)
NATIVE = (
    # Neither auth.json nor models.json: the model is ours, and a key has no business in a cell.
    *("settings.json", "AGENTS.override.md", "AGENTS.md", "CLAUDE.md", "SYSTEM.md", "APPEND_SYSTEM.md"),
    *("skills", "prompts", "extensions", "npm", "git"),
)


@harness("pi")
@dataclass(frozen=True, slots=True)
class Pi(ProgramHarness):
    """Drives ``pi --mode json``."""

    @property
    def name(self) -> str:
        """Registered name."""
        return "pi"

    @property
    def wire(self) -> Wire:
        """Chat completions."""
        return "chat"

    @property
    def tools(self) -> ToolTable:
        """Its arguments have our names already."""
        return TOOLS

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """Settings, instructions, skills and extensions."""
        return (*(PurePosixPath(AGENT, name) for name in NATIVE), PurePosixPath(".agents/skills"))

    def launch(self, setting: Setting) -> Launch:
        """The prompt goes by standard input; endpoint and skill are files of the home."""
        files = {f"{AGENT}/models.json": _models(setting), **_theirs(setting)}
        if setting.skill is not None and is_injected(setting.skill):
            files[OWN_WORDS] = _appended(setting, injected_section(setting.skill))
        elif setting.skill is not None:
            files |= skill_folder(setting, f"{AGENT}/skills")
        return Launch(
            argv=[
                *(str(setting.program), "--mode", "json", "--no-session"),
                *("--model", f"{PROVIDER}/{setting.model}"),
                # What the work directory holds is the task's, and instructs nobody.
                *(("--no-context-files", "--no-approve") if setting.mode == "managed" else ()),
                *setting.options.extra_args,
            ],
            stdin=setting.prompt.encode("utf-8", "replace"),
            env={"PI_OFFLINE": "1"},
            home_files=files,
        )

    def read(self, left: Left) -> Told:
        """Sum up what its answers took; the last answer says whether it failed."""
        usage, error = None, None
        for event in read_events(left.stdout):
            message = as_mapping(event.get("message"))
            if event.get("type") != "message_end" or message.get("role") != "assistant":
                continue
            usage = (usage or Usage(cost_usd=None)) + _usage(as_mapping(message.get("usage")))
            failed = message.get("stopReason") == "error"
            error = (as_text(message.get("errorMessage")) or "the model call failed") if failed else None
        return Told(usage=usage, error=error)


def _models(setting: Setting) -> bytes:
    """Its list of models: the one at the gateway, described as a plain one."""
    model = {
        "id": setting.model,
        "compat": {"supportsDeveloperRole": False, "supportsStore": False, "maxTokensField": "max_tokens"},
    }
    provider = {
        "baseUrl": setting.door.chat_url,
        "api": "openai-completions",
        "apiKey": setting.door.token,
        "models": [model],
    }
    return json.dumps({"providers": {PROVIDER: provider}}).encode()


def _theirs(setting: Setting) -> dict[str, bytes]:
    """The user's settings, if they are to count: without what names other models, or a way to them."""
    place = setting.user_home / SETTINGS
    if setting.mode != "native" or not place.is_file():
        return {}
    try:
        said = json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        help = "mend it, or leave --adapter-config=native out"
        raise ConfigError(f"{place}: {error}", help=help) from error
    kept = {key: value for key, value in as_mapping(said).items() if key not in ELSEWHERE}
    return {SETTINGS: json.dumps(kept).encode()}


def _appended(setting: Setting, text: str) -> bytes:
    """The skill, after what the user has there already."""
    theirs = setting.user_home / OWN_WORDS
    if setting.mode != "native" or not theirs.is_file():
        return text.encode("utf-8", "replace")
    return theirs.read_bytes().rstrip() + f"\n\n{text}".encode("utf-8", "replace")


def _usage(told: object) -> Usage:
    counted = as_mapping(told)
    return Usage(
        input_tokens=as_count(counted.get("input")),
        output_tokens=as_count(counted.get("output")),
        cache_read_tokens=as_count(counted.get("cacheRead")),
        cache_write_tokens=as_count(counted.get("cacheWrite")),
        calls=1,
        # It knows no price of a model that is behind a gateway.
        cost_usd=None,
    )
