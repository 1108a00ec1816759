"""What is peculiar to each program the shared tests run: its tools, how it loads a skill, a user's files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skvm.harness.trajectory import ToolKind
from skvm.llm.fake import FakeToolCall

__all__ = ["BADGER", "CREDENTIAL", "DRIVEN", "Driven", "Native"]

BADGER = "Always be kind to the badger."
"""What a user tells every agent of theirs."""
CREDENTIAL = "planted-0123456789"
"""What no program may be given of its user's."""
_WORDS = "references/words.md"

Upstream = Literal["chat", "messages"]


@dataclass(frozen=True)
class Native:
    """A user's own configuration, and what shows that a run goes by it.

    Args:
        files: What lies in the home.
        told: What the model is told because of them.
        offers: Holds for the tools a model is offered because of them.
        look: A command that shows what of it was copied; ``None`` if the program is to write a file.
        shown: What that command shows.
        hidden: What it must not.
    """

    files: Mapping[str, str]
    told: Sequence[str] = ()
    offers: Callable[[frozenset[str]], bool] = lambda _: True
    look: str | None = None
    shown: Sequence[str] = ()
    hidden: Sequence[str] = ()


@dataclass(frozen=True)
class Driven:
    """One program.

    Args:
        name: Of its harness.
        write: The call that writes a file.
        writes_by: Name and kind of that call, as it is told.
        run: The call that runs a command.
        load: The calls that load the skill ``greet`` and show the file beside it; sees the request.
        native: Its user's configuration.
        is_whole: Whether its tools want whole paths.
        is_system: Whether an injected skill stands in its system text.
        upstreams: Dialects of the model it is run with.
        at_once: How many are run at once.
        calls_counted: By dialect of the model, how many calls it counts itself where they are not all.
    """

    name: str
    write: Callable[[str, str], FakeToolCall]
    run: Callable[[str], FakeToolCall]
    load: Callable[[Mapping[str, Any]], Sequence[FakeToolCall]]
    native: Native
    writes_by: tuple[str, ToolKind]
    is_whole: bool = False
    is_system: bool = True
    upstreams: Sequence[Upstream] = ("chat", "messages")
    at_once: int = 8
    calls_counted: Mapping[str, int] = field(default_factory=dict)

    def path(self, work: Path, name: str) -> str:
        """A file of the work directory, as its tools want to be told."""
        return str(work / name) if self.is_whole else name


def _tool(name: str, *keys: str, **more: str) -> Callable[..., FakeToolCall]:
    return lambda *values: FakeToolCall(name, {**dict(zip(keys, values, strict=True)), **more})


def _reads_what_is_listed(body: Mapping[str, Any]) -> list[FakeToolCall]:
    """The skill is listed once, by its place, and read like any file."""
    [place] = re.findall(r"<location>(\S*/greet)/SKILL\.md</location>", str(body["messages"]))
    read = _tool("read", "path")
    return [read(f"{place}/SKILL.md"), read(f"{place}/{_WORDS}")]


def _a_skill(name: str, description: str) -> str:
    return f"---\nname: {name}\ndescription: {description}\n---\nDo it.\n"


PI = Driven(
    name="pi",
    write=_tool("write", "path", "content"),
    writes_by=("write", ToolKind.WRITE),
    run=_tool("bash", "command"),
    load=_reads_what_is_listed,
    native=Native(
        {
            ".pi/agent/AGENTS.md": BADGER,
            ".pi/agent/skills/mine/SKILL.md": _a_skill("mine", "What I do."),
            ".pi/agent/settings.json": '{"httpProxy": "http://10.0.0.1:1", "defaultTools": ["write"]}',
            ".pi/agent/auth.json": f'{{"openai": {{"type": "api_key", "key": "{CREDENTIAL}"}}}}',
        },
        told=[BADGER],
        offers=lambda tools: tools == {"write"},
    ),
)

_run_in_opencode = _tool("bash", "command", description="Run it")
OPENCODE = Driven(
    name="opencode",
    write=_tool("write", "filePath", "content"),
    writes_by=("write", ToolKind.WRITE),
    run=_run_in_opencode,
    load=lambda _: [
        _tool("skill", "name")("greet"),
        _run_in_opencode(f"cat ~/.config/opencode/skills/greet/{_WORDS}"),
    ],
    native=Native(
        {
            ".config/opencode/AGENTS.md": BADGER,
            ".config/opencode/agents/writer.md": "---\nmode: primary\n---\nYou write as nobody does.\n",
            ".config/opencode/opencode.jsonc": f"""{{
              "model": "openai/gpt-5", // mine
              "provider": {{"openai": {{"options": {{"apiKey": "{CREDENTIAL}"}}}}}},
              "default_agent": "writer",
            }}""",
        },
        told=[BADGER, "You write as nobody does."],
    ),
    is_whole=True,
)

HERMES = Driven(
    name="hermes",
    write=_tool("write_file", "path", "content"),
    writes_by=("write_file", ToolKind.WRITE),
    run=_tool("terminal", "command"),
    load=lambda _: [
        _tool("skill_view", "name")("greet"),
        _tool("skill_view", "name", "file_path")("greet", _WORDS),
    ],
    native=Native(
        {
            ".hermes/SOUL.md": BADGER,
            ".hermes/config.yaml": (
                "model: {provider: openrouter, default: some/other}\nmemory: {memory_enabled: true}\n"
            ),
            ".hermes/.env": f"OPENROUTER_API_KEY={CREDENTIAL}\n",
        },
        told=[BADGER],
        look="ls -A $HERMES_HOME ~/.hermes; cat ~/.hermes/.env",
        shown=["SOUL.md"],
    ),
    upstreams=("chat",),
)

OPENCLAW = Driven(
    name="openclaw",
    write=_tool("write", "path", "content"),
    writes_by=("write", ToolKind.WRITE),
    run=_tool("exec", "command"),
    load=_reads_what_is_listed,
    native=Native(
        {
            ".openclaw/workspace/skills/badger/SKILL.md": _a_skill("badger", BADGER),
            ".openclaw/openclaw.json": (
                '{"tools": {"deny": ["web_fetch"]}, '
                f'"env": {{"OPENAI_API_KEY": "{CREDENTIAL}"}},}} // mine'
            ),
        },
        told=[BADGER],
        offers=lambda tools: "exec" in tools and "web_fetch" not in tools,
        look="cat ~/.openclaw/openclaw.json",
    ),
    is_system=False,
    upstreams=("chat",),
    at_once=3,
)

_run_in_claude_code = _tool("Bash", "command", description="Run it")
CLAUDE_CODE = Driven(
    name="claude-code",
    write=_tool("Write", "file_path", "content"),
    writes_by=("Write", ToolKind.WRITE),
    run=_run_in_claude_code,
    load=lambda _: [
        _tool("Skill", "skill")("greet"),
        _run_in_claude_code(f"cat ~/.claude/skills/greet/{_WORDS}"),
    ],
    native=Native(
        {
            ".claude/CLAUDE.md": BADGER,
            ".claude/settings.json": '{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}}',
            ".claude/.credentials.json": f'{{"claudeAiOauth": {{"accessToken": "{CREDENTIAL}"}}}}',
        },
        told=[BADGER],
        look="ls -A ~/.claude",
        shown=["CLAUDE.md"],
        hidden=[".credentials.json"],
    ),
    is_whole=True,
    # It counts answers by their ids, and the scripted messages endpoint has one for all.
    calls_counted={"messages": 1},
)

_run_in_codex = _tool("exec_command", "cmd")
CODEX = Driven(
    name="codex",
    write=lambda path, content: _run_in_codex(f"printf {content} > {path}"),
    writes_by=("exec_command", ToolKind.RUN),
    run=_run_in_codex,
    load=lambda _: [_run_in_codex(f"cat ~/.codex/skills/greet/SKILL.md ~/.codex/skills/greet/{_WORDS}")],
    native=Native(
        {
            ".codex/AGENTS.md": BADGER,
            ".codex/config.toml": (
                'model_provider = "mine"\n'
                '[model_providers.mine]\nname = "m"\nbase_url = "http://127.0.0.1:9"\n'
            ),
            ".codex/auth.json": f'{{"OPENAI_API_KEY": "{CREDENTIAL}"}}',
        },
        told=[BADGER],
        look="ls -A ~/.codex",
        shown=["AGENTS.md"],
        hidden=["auth.json"],
    ),
    is_system=False,
    # It tells tokens only.
    calls_counted={"chat": 0, "messages": 0},
)

DRIVEN: Mapping[str, Driven] = {
    each.name: each for each in (PI, OPENCODE, HERMES, OPENCLAW, CLAUDE_CODE, CODEX)
}
