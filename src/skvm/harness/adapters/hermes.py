"""``hermes``: Hermes Agent, a general agent in Python.

In ``managed`` mode instructions of the work directory do not count, but for one thing it has no switch for:
as it goes into a subfolder it is told that folder's ``AGENTS.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from skvm.errors import ConfigError
from skvm.evidence.record import Usage
from skvm.harness.contract import harness
from skvm.harness.delivery import injected_section, is_injected
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import ProgramHarness, was_seen
from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events
from skvm.harness.programs.keyless import without_keys
from skvm.harness.programs.skill_files import skill_folder
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings

__all__ = ["Hermes"]

HOME = ".hermes"
"""Its folder in a home."""
PROVIDER = "skvm"
CONTEXT_TOKENS = 131_072
"""What it is told of the model's context. It refuses one of less than 64,000; the gateway tells the truth."""
OUTPUT_TOKENS = 16_384
"""What it asks for at most; by itself it asks for 65,536, which many models refuse."""
MAX_TEXT_BYTES = 1 << 20
"""Of what it prints as it fails."""
STARTER = (
    "import runpy, sys; "
    "sys.argv = [*sys.argv[1:], '--query=' + sys.stdin.buffer.read().decode()]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""It takes a prompt as an argument only, and those end at 128 KiB; this hands it on within the process."""
TOOLS = ToolTable(
    {
        "read_file": ToolKind.READ,
        "search_files": ToolKind.READ,
        "write_file": ToolKind.WRITE,
        "patch": ToolKind.EDIT,
        "terminal": ToolKind.RUN,
        "execute_code": ToolKind.RUN,
        "web_extract": ToolKind.FETCH,
        "web_search": ToolKind.FETCH,
        "browser_navigate": ToolKind.FETCH,
    },
)
NATIVE = ("config.yaml", "SOUL.md", "skills", "memories", "plugins")
"""Neither .env nor auth.json: the model is ours, and a key has no business in a cell."""
ELSEWHERE = (
    *("model", "providers", "custom_providers", "fallback_model", "fallback_providers"),
    *("auxiliary", "delegation", "mcp_servers", "moa"),
)
"""Parts of a configuration that name models of the user's, or need the network."""
_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@harness("hermes")
@dataclass(frozen=True, slots=True)
class Hermes(ProgramHarness):
    """Drives ``hermes chat --quiet`` and asks it for its count afterwards."""

    @property
    def name(self) -> str:
        """Registered name."""
        return "hermes"

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
        """Configuration, character, skills and memories."""
        return tuple(PurePosixPath(HOME, name) for name in NATIVE)

    def native_of(self, user_home: Path, options: AdapterSettings) -> Sequence[PurePosixPath]:
        """Those of the profile that is active."""
        folder = _folder(user_home, options)
        return tuple(PurePosixPath(folder, name) for name in NATIVE)

    def launch(self, setting: Setting) -> Launch:
        """The prompt goes by standard input where its own Python is known; the rest are files of the home."""
        is_native = setting.mode == "native"
        folder = _folder(setting.user_home, setting.options) if is_native else HOME
        theirs = _read_config(setting.user_home / folder / "config.yaml") if is_native else {}
        toolsets = ["terminal", "file"]
        files = {f"{folder}/config.yaml": _config(setting, theirs)}
        if not is_native:
            # Else it fills the folder with a hundred skills of its own.
            files[f"{folder}/.no-bundled-skills"] = b""
        if setting.skill is not None and not is_injected(setting.skill):
            files |= skill_folder(setting, f"{folder}/skills")
            toolsets.append("skills")
        argv = [
            *(str(setting.program), "chat", "--quiet", "--yolo", "--source", "tool"),
            # At its own limit it asks for a summary; the gateway's comes first.
            *("--max-turns", str(setting.max_steps + 1), "--model", _bare(setting.model)),
            # What the user has chosen is the user's.
            *(() if is_native else ("--ignore-rules", "--toolsets", ",".join(toolsets))),
            *setting.options.extra_args,
        ]
        python = _python_of(setting.program)
        # Isolated, for the work directory may hold modules of the task.
        by_stdin = [str(python), "-I", "-c", STARTER, *argv]
        return Launch(
            argv=by_stdin if python else [*argv, f"--query={setting.prompt}"],
            stdin=setting.prompt.encode("utf-8", "replace") if python else b"",
            env={"HERMES_HOME": str(setting.home / folder), "NO_PROXY": "127.0.0.1"},
            home_files=files,
            then=[str(setting.program), "sessions", "export", "-"],
        )

    def read(self, left: Left) -> Told:
        """What it prints beside its last words cannot be told from them, unless it failed."""
        usage = _usage(left.then) if left.then else None
        error = _last_line(left.stdout) if left.exit_code else None
        return Told(usage=usage, error=error)

    def skill_loaded(self, setting: Setting, seen: str) -> bool | None:
        """Its tools answer in JSON, so a line may have been quoted."""
        if setting.skill is None:
            return None
        content = setting.skill.content
        quoted = "\n".join(json.dumps(line, ensure_ascii=False)[1:-1] for line in content.splitlines())
        return was_seen(content, seen) or was_seen(quoted, seen)


def _bare(model: str) -> str:
    """The name it knows a model by: it tells families of models apart by their names."""
    return model.partition("/")[2] or model


def _folder(user_home: Path, options: AdapterSettings) -> str:
    """The folder of the user's that is active: that of a profile, or the one of them all."""
    profile = options.native_agent
    if profile is None:
        try:
            profile = (user_home / HOME / "active_profile").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return HOME
    is_named = profile != "default" and _PROFILE.fullmatch(profile)
    return f"{HOME}/profiles/{profile}" if is_named else HOME


def _read_config(path: Path) -> Mapping[str, Any]:
    """The user's configuration without models and keys.

    Raises:
        ConfigError: It is no configuration.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}", help="mend it, or leave --adapter-config=native out") from error
    kept = {key: value for key, value in as_mapping(said).items() if key not in ELSEWHERE}
    return as_mapping(without_keys(kept))


def _config(setting: Setting, theirs: Mapping[str, Any]) -> bytes:
    """Its configuration: the model at the gateway, and nothing that works behind a run's back."""
    model = _bare(setting.model)
    provider = {
        "name": PROVIDER,
        "base_url": setting.door.chat_url,
        "api_key": setting.door.token,
        "api_mode": "chat_completions",
        "model": model,
    }
    ours: dict[str, Any] = {
        "model": {
            "default": model,
            "provider": f"custom:{PROVIDER}",
            "context_length": CONTEXT_TOKENS,
            "max_tokens": OUTPUT_TOKENS,
        },
        "custom_providers": [provider],
    }
    changed: dict[str, dict[str, Any]] = {
        # It would fetch a checker of commands.
        "security": {"tirith_enabled": False},
        # The gateway tries again by itself.
        "agent": {"api_max_retries": 1},
        # It would write skills of its own, and tidy them up, with calls beside the run's.
        "skills": {"creation_nudge_interval": 0},
        "curator": {"enabled": False},
    }
    if setting.mode == "managed":
        changed["memory"] = {"memory_enabled": False, "user_profile_enabled": False}
    if setting.skill is not None and is_injected(setting.skill):
        before = as_text(as_mapping(theirs.get("agent")).get("system_prompt"))
        text = injected_section(setting.skill)
        changed["agent"]["system_prompt"] = f"{before}\n\n{text}" if before else text
    for key, values in changed.items():
        ours[key] = {**as_mapping(theirs.get(key)), **values}
    # JSON is YAML, too.
    return json.dumps({**theirs, **ours}, default=str).encode()


def _python_of(program: Path) -> Path | None:
    """The Python beside it that it runs on; ``None`` if it is no script of an environment."""
    python = program.with_name("python3")
    try:
        with program.open("rb") as file:
            is_script = b"python" in file.read(512) and python.exists()
    except OSError:
        is_script = True
    return python if is_script else None


def _last_line(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_TEXT_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


def _usage(sessions: Path) -> Usage | None:
    """The sum over its sessions; a long one goes on in another, and a helper has one of its own."""
    usage = None
    for session in read_events(sessions):
        usage = (usage or Usage(cost_usd=None)) + Usage(
            input_tokens=as_count(session.get("input_tokens")),
            output_tokens=as_count(session.get("output_tokens")),
            cache_read_tokens=as_count(session.get("cache_read_tokens")),
            cache_write_tokens=as_count(session.get("cache_write_tokens")),
            calls=as_count(session.get("api_call_count")),
            # It knows no price of a model that is behind a gateway.
            cost_usd=None,
        )
    return usage
