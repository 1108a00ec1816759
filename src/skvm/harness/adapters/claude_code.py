"""``claude-code``: Anthropic's agent, one program that speaks the messages dialect.

Its whole configuration lies in a folder of the home (``CLAUDE_CONFIG_DIR``), and so does a skill it is to
discover: the work directory stays the task's. In ``managed`` mode nothing of the work directory configures
it, either; a ``CLAUDE.md`` there is a file like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from skvm.evidence.record import Usage
from skvm.harness.contract import harness
from skvm.harness.delivery import injected_section, is_injected
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.events import as_count, as_mapping, as_text, read_events
from skvm.harness.programs.skill_files import skill_folder
from skvm.harness.trajectory import ToolKind

__all__ = ["ClaudeCode"]

CONFIG = ".claude"
"""Folder of its configuration in a home."""
SYSTEM_FILE = "skvm/system.md"
"""What is put after its system text."""
OWN_WORDS = "<synthetic>"
"""The model of what it says itself in an answer's place."""
TOOLS = ToolTable(
    kinds={
        "Read": ToolKind.READ,
        "Grep": ToolKind.READ,
        "Write": ToolKind.WRITE,
        "Edit": ToolKind.EDIT,
        "MultiEdit": ToolKind.EDIT,
        "NotebookEdit": ToolKind.EDIT,
        "Bash": ToolKind.RUN,
        "Glob": ToolKind.LIST,
        "LS": ToolKind.LIST,
        "WebFetch": ToolKind.FETCH,
    },
    renamed={
        **{name: {"file_path": "path"} for name in ("Read", "Write", "Edit", "MultiEdit")},
        "NotebookEdit": {"notebook_path": "path", "new_source": "content"},
    },
)
NATIVE = (
    # Neither .credentials.json nor .claude.json: the model is ours, and a key has no business in a cell.
    *("settings.json", "CLAUDE.md", "rules", "skills", "agents", "commands", "hooks", "output-styles"),
    "plugins",
)
_CREDENTIAL_SETTINGS = frozenset(
    {
        *("apiKeyHelper", "proxyAuthHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh"),
        *("otelHeadersHelper", "forceLoginMethod", "forceLoginOrgUUID"),
    }
)
"""Settings that give it another credential than ours; they run programs of the user's."""
_ENDPOINT_VARIABLE = re.compile(
    r"^(ANTHROPIC_|AWS_|GOOGLE_|AZURE_|OTEL_|CLAUDE_CODE_USE_)|KEY|TOKEN|SECRET|PASSW|CREDENTIAL|PROXY",
    re.IGNORECASE,
)
"""Variables of the user's settings that lead to another endpoint, or hold a secret."""


@harness("claude-code")
@dataclass(frozen=True, slots=True)
class ClaudeCode(ProgramHarness):
    """Drives ``claude -p``."""

    @property
    def name(self) -> str:
        """Registered name."""
        return "claude-code"

    @property
    def wire(self) -> Wire:
        """Messages."""
        return "messages"

    @property
    def tools(self) -> ToolTable:
        """Its tools for files call a path ``file_path``."""
        return TOOLS

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """Settings, instructions, skills, agents, commands, hooks and plugins."""
        return tuple(PurePosixPath(CONFIG, name) for name in NATIVE)

    def launch(self, setting: Setting) -> Launch:
        """The prompt goes by standard input; what is injected is a file of the home."""
        files: dict[str, bytes] = {}
        argv = [
            *(str(setting.program), "-p", "--output-format", "stream-json", "--verbose"),
            *("--model", _model_name(setting.model)),
            *("--permission-mode", "bypassPermissions"),
        ]
        if setting.mode == "managed":
            argv += ["--setting-sources", "user", "--strict-mcp-config"]
        else:
            files |= _settings_without_credentials(setting)
        if setting.skill is not None and is_injected(setting.skill):
            files[SYSTEM_FILE] = injected_section(setting.skill).encode("utf-8", "replace")
            argv += ["--append-system-prompt-file", str(setting.home / SYSTEM_FILE)]
        elif setting.skill is not None:
            files |= skill_folder(setting, f"{CONFIG}/skills")
        return Launch(
            argv=[*argv, *setting.options.extra_args],
            stdin=setting.prompt.encode("utf-8", "replace"),
            env=_environment(setting),
            home_files=files,
        )

    def read(self, left: Left) -> Told:
        """Its last event says how it ended and what it used."""
        result: Mapping[str, Any] = {}
        answers = set()
        for event in read_events(left.stdout):
            message = as_mapping(event.get("message"))
            if event.get("type") == "assistant" and message.get("model") != OWN_WORDS:
                # An answer is told in several events, one for each of its parts.
                answers.add(as_text(message.get("id")))
            elif event.get("type") == "result":
                result = event
        if not result:
            return Told()
        is_step_limit = result.get("subtype") == "error_max_turns"
        said = as_text(result.get("result"))
        error = _error(result, said) if result.get("is_error") is True and not is_step_limit else None
        return Told(
            final_text=None if error or is_step_limit else said or None,
            usage=_usage(result, calls=len(answers)),
            error=error,
            hint=_hint(error),
            is_step_limit=is_step_limit,
        )


def _model_name(model: str) -> str:
    """The name it knows the model by, without provider and dots; by it, it tells what the model can do."""
    name = model.rpartition("/")[2]
    return name.replace(".", "-") if name.startswith("claude-") else name


def _environment(setting: Setting) -> dict[str, str]:
    model = _model_name(setting.model)
    return {
        "ANTHROPIC_BASE_URL": setting.door.messages_url,
        "ANTHROPIC_AUTH_TOKEN": setting.door.token,
        # Whatever class of model it wants for a title or a helper, there is one model behind the door.
        **{f"ANTHROPIC_DEFAULT_{each}_MODEL": model for each in ("HAIKU", "SONNET", "OPUS")},
        "CLAUDE_CONFIG_DIR": str(setting.home / CONFIG),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        # A first line of the system text that is another in every run, which no cache of prompts survives.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        # It refuses to run without asking as root, unless it is told that it stands in a sandbox. It does.
        "IS_SANDBOX": "1",
        "API_TIMEOUT_MS": str(int(setting.timeout_s * 1000)),
        "NO_PROXY": "127.0.0.1",
    }


def _settings_without_credentials(setting: Setting) -> dict[str, bytes]:
    """The user's settings without what leads to another endpoint than ours; they stand above variables."""
    place = setting.user_home / CONFIG / "settings.json"
    if not place.is_file():
        return {}
    theirs: Any = None
    with suppress(OSError, ValueError):
        theirs = json.loads(place.read_bytes())
    known = theirs if isinstance(theirs, dict) else {}
    kept = {name: value for name, value in known.items() if name not in _CREDENTIAL_SETTINGS}
    if isinstance(variables := kept.get("env"), dict):
        kept["env"] = {name: each for name, each in variables.items() if not _ENDPOINT_VARIABLE.search(name)}
    return {f"{CONFIG}/settings.json": json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")}


def _usage(result: Mapping[str, Any], *, calls: int) -> Usage:
    """All models together; the plain count of the event leaves helpers out."""
    models = [as_mapping(each) for each in as_mapping(result.get("modelUsage")).values()]
    cost = result.get("total_cost_usd")
    is_guess = any(each.get("costBasis") == "unknown" for each in models)
    return Usage(
        input_tokens=sum(as_count(each.get("inputTokens")) for each in models),
        output_tokens=sum(as_count(each.get("outputTokens")) for each in models),
        cache_read_tokens=sum(as_count(each.get("cacheReadInputTokens")) for each in models),
        cache_write_tokens=sum(as_count(each.get("cacheCreationInputTokens")) for each in models),
        calls=calls,
        cost_usd=None if is_guess or not isinstance(cost, int | float) else float(cost),
    )


def _error(result: Mapping[str, Any], said: str) -> str:
    listed = result.get("errors")
    errors = [as_text(each) for each in listed] if isinstance(listed, list) else []
    return said or "; ".join(filter(None, errors)) or as_text(result.get("subtype")) or "it failed"


def _hint(error: str | None) -> str | None:
    """The way out of an error it told of."""
    if error is None:
        return None
    lowered = error.lower()
    for words, hint in _HINTS:
        if any(word in lowered for word in words):
            return hint
    return None


_HINTS = (
    (
        ("/login", "401", "api key", "authentication"),
        "its settings lead to another endpoint than the gateway; try --adapter-config=managed",
    ),
    (("404", "model may not exist", "issue with the selected model"), "check the model's name and its route"),
    (("429", "rate limit", "overloaded", "529"), "the provider is busy; run it again later"),
)
