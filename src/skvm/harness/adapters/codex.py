"""``codex``: OpenAI's agent, one program that speaks the responses dialect and no other.

Its whole configuration lies in a folder of the home (``CODEX_HOME``), and so does a skill it is to discover.
In ``managed`` mode nothing of the work directory configures it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any

from skvm.evidence.record import Usage
from skvm.harness.contract import harness
from skvm.harness.delivery import injected_section, is_injected
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events
from skvm.harness.programs.skill_files import skill_folder
from skvm.harness.trajectory import ToolKind

__all__ = ["Codex"]

CONFIG = ".codex"
"""Folder of its configuration in a home."""
PROVIDER = "skvm"
SKILLS_OF_A_TASK = ".agents/skills"
TMP = "tmp"
TOKEN_VARIABLE = "SKVM_GATEWAY_TOKEN"  # noqa: S105 - the name of a variable
TOOLS = ToolTable(
    kinds={
        "exec_command": ToolKind.RUN,
        "shell_command": ToolKind.RUN,
        "shell": ToolKind.RUN,
        "local_shell": ToolKind.RUN,
        "apply_patch": ToolKind.EDIT,
        "view_image": ToolKind.READ,
        "read_file": ToolKind.READ,
        "grep_files": ToolKind.READ,
        "list_dir": ToolKind.LIST,
    },
    renamed={"exec_command": {"cmd": "command"}},
    # The most it waits for a command; it would go on without the result after ten seconds.
    fixed={"exec_command": {"yield_time_ms": 30_000}},
)
NATIVE = (
    # Not auth.json: the model is ours, and a key has no business in a cell.
    *("config.toml", "AGENTS.md", "AGENTS.override.md", "skills", "prompts", "rules"),
)
_ENDPOINT_SETTINGS = frozenset(
    {
        *("model", "model_provider", "model_providers", "profile", "profiles", "openai_base_url"),
        *("chatgpt_base_url", "oss_provider", "forced_login_method", "forced_chatgpt_workspace_id"),
        *("mcp_servers", "otel", "notify", "approval_policy", "sandbox_mode", "default_permissions"),
        *("shell_environment_policy", "log_dir", "sqlite_home", "projects"),
    }
)
"""Settings of the user's that lead elsewhere, hold secrets, start programs or ask questions."""


@harness("codex")
@dataclass(frozen=True, slots=True)
class Codex(ProgramHarness):
    """Drives ``codex exec``."""

    @property
    def name(self) -> str:
        """Registered name."""
        return "codex"

    @property
    def wire(self) -> Wire:
        """Responses."""
        return "responses"

    @property
    def tools(self) -> ToolTable:
        """It does nearly everything with commands."""
        return TOOLS

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """Configuration, instructions, skills and prompts."""
        return (*(PurePosixPath(CONFIG, name) for name in NATIVE), PurePosixPath(".agents/skills"))

    def launch(self, setting: Setting) -> Launch:
        """The prompt goes by standard input; the endpoint and what is injected are settings in the home."""
        files = {f"{CONFIG}/config.toml": _config(setting)}
        if setting.skill is not None and not is_injected(setting.skill):
            files |= skill_folder(setting, f"{CONFIG}/skills")
        return Launch(
            argv=[
                *(str(setting.program), "exec", "--json", "--skip-git-repo-check", "--ephemeral"),
                *("--cd", str(setting.work_dir)),
                *setting.options.extra_args,
                "-",
            ],
            stdin=setting.prompt.encode("utf-8", "replace"),
            env={
                "CODEX_HOME": str(setting.home / CONFIG),
                TOKEN_VARIABLE: setting.door.token,
                "NO_PROXY": "127.0.0.1",
                # It puts its apply_patch on PATH only where its home is not in the temporary folder.
                "TMPDIR": str(setting.home / TMP),
            },
            home_files={**files, f"{TMP}/.keep": b""},
        )

    def read(self, left: Left) -> Told:
        """Each turn of its own ends with what it used, or with why it failed."""
        usage: Usage | None = None
        text, error, complaint = None, None, None
        for event in read_events(left.stdout):
            kind, item = event.get("type"), as_mapping(event.get("item"))
            if kind == "item.completed" and item.get("type") == "agent_message":
                text = as_text(item.get("text"))
            elif kind == "turn.completed":
                usage = (usage or Usage(cost_usd=None)) + _usage(as_mapping(event.get("usage")))
                error = None
            elif kind == "turn.failed":
                told = _message(as_mapping(event.get("error")).get("message"))
                error = told or complaint or "the turn failed"
            elif kind == "error":
                complaint = _message(event.get("message"))
        if error is None and left.exit_code and usage is None:
            error = complaint
        return Told(final_text=text, usage=usage, error=error)


def _config(setting: Setting) -> bytes:
    """Its settings: in ``native`` mode the user's, but for what leads to another endpoint than ours."""
    known: dict[str, Any] = {}
    if setting.mode == "native":
        known = _settings_without_endpoints(setting)
    else:
        # What the work directory holds is the task's, and instructs nobody.
        known["project_doc_max_bytes"] = 0
        known["skills"] = {"config": _without_skills_of(setting.work_dir)}
    features = as_mapping(known.get("features"))
    settings: dict[str, Any] = {
        **known,
        "model": setting.model,
        "model_provider": PROVIDER,
        "approval_policy": "never",
        # It stands in a sandbox already, in which another one cannot be made.
        "sandbox_mode": "danger-full-access",
        "check_for_update_on_startup": False,
        # Without a network it would try for five seconds to tell how the run went.
        "analytics": {"enabled": False},
        # OpenAI's own servers would search.
        "web_search": "disabled",
        # Plugins are fetched, and no picture passes the gateway into another dialect.
        "features": {**features, "plugins": False, "view_image": False},
        "model_providers": {PROVIDER: _provider(setting)},
    }
    if setting.skill is not None and is_injected(setting.skill):
        theirs = as_text(known.get("developer_instructions")).rstrip()
        text = injected_section(setting.skill)
        settings["developer_instructions"] = f"{theirs}\n\n{text}" if theirs else text
    return _toml(settings).encode("utf-8", "replace")


def _without_skills_of(work_dir: Path) -> list[dict[str, Any]]:
    """Its settings for the skills of the task that it would list; it has no switch for all of them."""
    found = sorted((work_dir / SKILLS_OF_A_TASK).rglob("SKILL.md"))
    return [{"path": str(path), "enabled": False} for path in found]


def _provider(setting: Setting) -> dict[str, Any]:
    return {
        "name": "skvm",
        "base_url": setting.door.chat_url,
        "env_key": TOKEN_VARIABLE,
        "wire_api": "responses",
        # The port tries again where that is of use.
        "request_max_retries": 0,
        "stream_max_retries": 0,
        "stream_idle_timeout_ms": int(setting.timeout_s * 1000),
    }


def _settings_without_endpoints(setting: Setting) -> dict[str, Any]:
    theirs: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        theirs = tomllib.loads((setting.user_home / CONFIG / "config.toml").read_text(encoding="utf-8"))
    return {name: value for name, value in theirs.items() if name not in _ENDPOINT_SETTINGS}


def _toml(settings: Mapping[str, Any]) -> str:
    """Settings as TOML, every one on a line of its own."""
    return "".join(f"{json.dumps(name)} = {_toml_value(value)}\n" for name, value in settings.items())


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(name)} = {_toml_value(each)}" for name, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    # JSON's words for texts, whole numbers and truth are TOML's, too, but for the last ASCII character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _message(said: Any) -> str:
    """An error in words; it passes on the whole body of a refusal."""
    text = as_text(said)
    with suppress(ValueError, RecursionError):
        inner = as_mapping(as_mapping(json.loads(text)).get("error"))
        return as_text(inner.get("message")) or text
    return text


def _usage(told: Mapping[str, Any]) -> Usage:
    """Its input counts cached tokens, too; of calls and prices it says nothing."""
    cached = as_count(told.get("cached_input_tokens"))
    return Usage(
        input_tokens=max(0, as_count(told.get("input_tokens")) - cached),
        output_tokens=as_count(told.get("output_tokens")),
        cache_read_tokens=cached,
        cost_usd=None,
    )
