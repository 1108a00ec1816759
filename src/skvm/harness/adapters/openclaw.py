"""``openclaw``: OpenClaw, a personal assistant in Node, by its one-shot command.

It puts files of the work directory into its system text (``AGENTS.md``, ``SOUL.md``, others), all or none. In
``managed`` mode it is none, and a skill to be injected stands before the task: a one-shot run takes no other
words of ours, for it does not ask plugins. In ``native`` mode the skill is one of those files while the agent
runs. Skills of the task, in ``skills`` and ``.agents/skills``, are listed in either mode; there is no switch.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from skvm.errors import ConfigError
from skvm.evidence.record import Usage
from skvm.harness.contract import harness
from skvm.harness.delivery import injected_section, is_injected, safe_name
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.events import as_count, as_mapping, as_text
from skvm.harness.programs.jsonc import read_jsonc
from skvm.harness.programs.keyless import without_keys
from skvm.harness.programs.skill_files import skill_folder
from skvm.harness.trajectory import ToolKind

__all__ = ["OpenClaw"]

HOME = ".openclaw"
"""Its folder in a home."""
PROVIDER = "skvm"
CONTEXT_TOKENS, OUTPUT_TOKENS = 131_072, 16_384
"""What it is told of the model. It asks for so much output at most, and shortens a conversation before it is
longer than the first; the gateway tells the truth."""
MAX_ENVELOPE_BYTES = 16 << 20
"""Of what it prints: one JSON object."""
MAX_LOG_BYTES = 64 << 10
"""Of the end of its log."""
INSTRUCTIONS = ("AGENTS.md", "BOOTSTRAP.md")
"""Files of the work directory that it puts into its system text, the usual one first."""
INSTRUCTIONS_CHARS = 1_000_000
"""By itself it cuts them at 20,000."""


@dataclass(frozen=True, slots=True)
class _Tools(ToolTable):
    """Most of its tools are offered by one that calls them by name."""

    def kind_of(self, name: str, arguments: Mapping[str, Any]) -> ToolKind:
        """The kind of the tool that is really called."""
        called = as_text(arguments.get("id")).rpartition(":")[2] if name == "tool_call" else name
        return self.kinds.get(called, ToolKind.OTHER)


TOOLS = _Tools(
    {
        "read": ToolKind.READ,
        "grep": ToolKind.READ,
        "memory_get": ToolKind.READ,
        "write": ToolKind.WRITE,
        "edit": ToolKind.EDIT,
        "apply_patch": ToolKind.EDIT,
        "exec": ToolKind.RUN,
        "code_execution": ToolKind.RUN,
        "ls": ToolKind.LIST,
        "find": ToolKind.LIST,
        "web_fetch": ToolKind.FETCH,
        "web_search": ToolKind.FETCH,
    },
    # It would go on without the result of a command after ten seconds.
    fixed={"exec": {"yieldMs": 90_000}},
)
SESSION = b'{"retry": {"provider": {"maxRetries": 0}}}'
"""Settings of its sessions: it tries a failed call for a minute and more, as the gateway has done before."""
NATIVE = ("openclaw.json", "skills", "workspace/skills", "extensions")
"""Neither credentials nor the agents' own stores of them: the model is ours."""
KEPT = ("agents", "browser", "hooks", "plugins", "skills", "tools")
"""What counts of a user's configuration: nothing that names endpoints, or opens channels or servers."""
_CAUSE = re.compile(r"rawError=(.+)")


@harness("openclaw")
@dataclass(frozen=True, slots=True)
class OpenClaw(ProgramHarness):
    """Drives ``openclaw agent exec``."""

    @property
    def name(self) -> str:
        """Registered name."""
        return "openclaw"

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
        """Configuration, skills and plugins."""
        return (*(PurePosixPath(HOME, name) for name in NATIVE), PurePosixPath(".agents/skills"))

    def launch(self, setting: Setting) -> Launch:
        """The prompt goes by standard input; endpoint and skill are files."""
        theirs = _read_config(setting.user_home / HOME / "openclaw.json") if setting.mode == "native" else {}
        agent = (setting.options.native_agent if setting.mode == "native" else None) or "main"
        home_files = {
            f"{HOME}/openclaw.json": _config(setting, theirs),
            f"{HOME}/agents/{safe_name(agent)}/agent/settings.json": SESSION,
        }
        work_files: dict[str, bytes] = {}
        prompt = setting.prompt
        if setting.skill is not None and is_injected(setting.skill) and setting.mode == "managed":
            prompt = f"{injected_section(setting.skill)}\n\n{prompt}"
        elif setting.skill is not None and is_injected(setting.skill):
            free = [name for name in INSTRUCTIONS if not (setting.work_dir / name).exists()]
            name = (*free, *INSTRUCTIONS)[0]
            work_files[name] = f"{injected_section(setting.skill)}\n".encode()
        elif setting.skill is not None:
            home_files |= skill_folder(setting, f"{HOME}/skills")
        return Launch(
            argv=[
                *(str(setting.program), "agent", "exec", "--json", "--message-file", "-"),
                *("--cwd", str(setting.work_dir), "--state-dir", str(setting.home / HOME)),
                # The deadline is ours; its own ends the run in the middle of a call.
                *("--model", f"{PROVIDER}/{setting.model}", "--timeout", "0"),
                *setting.options.extra_args,
            ],
            stdin=prompt.encode("utf-8", "replace"),
            env={
                "OPENCLAW_STATE_DIR": str(setting.home / HOME),
                "OPENCLAW_OFFLINE": "1",
                "OPENCLAW_NO_AUTO_UPDATE": "1",
                "NO_PROXY": "127.0.0.1",
            },
            home_files=home_files,
            work_files=work_files,
        )

    def read(self, left: Left) -> Told:
        """It prints one object at its end; why a call failed stands in its log."""
        said = _envelope(left.stdout)
        error = as_text(as_mapping(said.get("error")).get("message")) or None
        why = _why(left.stderr) if error else None
        return Told(
            final_text=as_text(said.get("final")) or None,
            usage=_usage(said) if as_mapping(said.get("usage")) else None,
            error=f"{error} ({why})" if why else error,
        )


def _read_config(path: Path) -> Mapping[str, Any]:
    """What counts of the user's configuration, without keys.

    Raises:
        ConfigError: It is no configuration we can read.
    """
    try:
        said = read_jsonc(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: {error}",
            help="let `openclaw config` write it, or leave --adapter-config=native out",
        ) from error
    return {name: without_keys(value) for name, value in as_mapping(said).items() if name in KEPT}


def _config(setting: Setting, theirs: Mapping[str, Any]) -> bytes:
    """Its configuration: the model at the gateway, over what is the user's."""
    model = {
        "id": setting.model,
        "name": setting.model,
        "reasoning": False,
        "input": ["text"],
        "contextWindow": CONTEXT_TOKENS,
        "maxTokens": OUTPUT_TOKENS,
        "compat": {"supportsDeveloperRole": False, "supportsStore": False, "maxTokensField": "max_tokens"},
    }
    provider = {
        "baseUrl": setting.door.chat_url,
        "apiKey": setting.door.token,
        "api": "openai-completions",
        # Else it gives up a model that is silent for some minutes, as small machines are.
        "timeoutSeconds": math.ceil(setting.timeout_s),
        "models": [model],
    }
    defaults: dict[str, Any] = {
        "model": {"primary": f"{PROVIDER}/{setting.model}", "fallbacks": []},
        "bootstrapMaxChars": INSTRUCTIONS_CHARS,
        "bootstrapTotalMaxChars": INSTRUCTIONS_CHARS,
    }
    if setting.mode == "native" and setting.options.native_agent:
        defaults["systemAgent"] = {"agentId": setting.options.native_agent}
    if setting.mode == "managed":
        # What the work directory holds is the task's, and instructs nobody.
        defaults["contextInjection"] = "never"
    ours: dict[str, Any] = {
        "models": {"mode": "replace", "providers": {PROVIDER: provider}},
        "agents": {"defaults": defaults},
        # The cell is what confines it; skills lie beside the work directory.
        "tools": {"fs": {"workspaceOnly": False}},
        "skills": {"load": {"extraDirs": [str(setting.home / HOME / "workspace/skills")]}},
    }
    return json.dumps(_over(theirs, ours)).encode()


def _over(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Ours laid over theirs, object by object."""
    merged = dict(theirs)
    for name, value in ours.items():
        below = theirs.get(name)
        is_both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[name] = _over(as_mapping(below), value) if is_both else value
    return merged


def _envelope(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_ENVELOPE_BYTES).decode("utf-8", "replace")
        return as_mapping(json.loads(text[text.index("{") :]))
    except (OSError, ValueError, RecursionError):
        return {}


def _why(log: Path) -> str | None:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - MAX_LOG_BYTES))
            found = _CAUSE.findall(file.read(MAX_LOG_BYTES).decode("utf-8", "replace"))
    except OSError:
        return None
    return found[-1].strip() if found else None


def _usage(said: Mapping[str, Any]) -> Usage:
    counted = as_mapping(said.get("usage"))
    return Usage(
        input_tokens=as_count(counted.get("input")),
        output_tokens=as_count(counted.get("output")),
        cache_read_tokens=as_count(counted.get("cacheRead")),
        cache_write_tokens=as_count(counted.get("cacheWrite")),
        calls=as_count(said.get("assistantTurns")),
        # It knows no price of a model that is behind a gateway.
        cost_usd=None,
    )
