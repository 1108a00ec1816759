"""The agents whose side of ACP we know: how each is started, and how it is led to the gateway.

Most of them are a harness with an adapter of its own, started to speak ACP; its configuration, its skills and
its tools are that adapter's. What is left to say is the command, and what stood in arguments there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skvm.harness.contract import HARNESSES
from skvm.harness.delivery import injected_section, is_injected
from skvm.harness.programs.contract import Launch, Setting, Wire
from skvm.harness.programs.driver import ProgramHarness
from skvm.harness.programs.skill_files import skill_folder

__all__ = ["GENERIC", "JIUWENCLAW", "PRESETS", "Beside", "Prepared", "Preset", "find_preset"]


@dataclass(frozen=True, slots=True)
class Beside:
    """A program an agent needs to run beside it.

    Args:
        argv: How it is started.
        port: The loopback port it listens on once it is ready.
        cwd: Where it is started.
        timeout_s: How long it may take for that.
    """

    argv: Sequence[str]
    port: int
    cwd: Path
    timeout_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one run of an agent is prepared with.

    Args:
        env: Variables.
        home_files: Files of the home.
        work_files: Files of the work directory.
        prompt: What it is asked, where that is not the task's prompt as it is.
        session_meta: ``_meta`` of ``session/new``.
        session: Requests after that: method and parameters without the session's id.
        beside: What has to run beside it.
        links: Links to make before anything starts, by place; of our client's, in the cell.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    home_files: Mapping[str, bytes] = field(default_factory=dict)
    work_files: Mapping[str, bytes] = field(default_factory=dict)
    prompt: str | None = None
    session_meta: Mapping[str, Any] = field(default_factory=dict)
    session: Sequence[tuple[str, Mapping[str, Any]]] = ()
    beside: Sequence[Beside] = ()
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preset:
    """An agent we know.

    Args:
        name: What stands behind ``acp:``.
        program: Its entry in the catalogue.
        arguments: What makes the program speak ACP.
        commands: Commands that mean this agent, too.
        wire: The dialect it speaks to the gateway.
        prepare: What a run is prepared with.
        base: The harness whose configuration, tools and skills are its, too.
        tells_turn: Whether the usage it tells is that of the whole turn.
        tells_text: Whether what it says is told once, and its own.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    commands: tuple[str, ...]
    wire: Wire
    prepare: Callable[[Setting], Prepared]
    base: str | None = None
    tells_turn: bool = True
    tells_text: bool = True

    @property
    def based_on(self) -> ProgramHarness | None:
        """That harness."""
        made = HARNESSES.get(self.base)() if self.base else None
        return made if isinstance(made, ProgramHarness) else None


def _launch_of(name: str, setting: Setting) -> Launch:
    """How the harness of that name would be started."""
    harness = HARNESSES.get(name)()
    if not isinstance(harness, ProgramHarness):
        raise TypeError(f"{name} is no program")
    return harness.launch(setting)


def _like(name: str, setting: Setting) -> Prepared:
    """Prepared as that harness is."""
    launch = _launch_of(name, setting)
    return Prepared(env=launch.env, home_files=launch.home_files, work_files=launch.work_files)


def _injected_into_prompt(setting: Setting) -> str | None:
    """The skill before the task, for agents that take no words of ours otherwise."""
    if setting.skill is None or not is_injected(setting.skill):
        return None
    return f"{injected_section(setting.skill)}\n\n{setting.prompt}"


def _generic(setting: Setting) -> Prepared:
    """The variables that lead most agents to an endpoint, and the folders most of them find skills in."""
    door = setting.door
    files: dict[str, bytes] = {}
    if setting.skill is not None and not is_injected(setting.skill):
        for folder in (".agents/skills", ".claude/skills"):
            files |= skill_folder(setting, folder)
    return Prepared(
        env={
            "OPENAI_BASE_URL": door.chat_url,
            "OPENAI_API_BASE": door.chat_url,
            "OPENAI_API_KEY": door.token,
            "OPENAI_MODEL": setting.model,
            "ANTHROPIC_BASE_URL": door.messages_url,
            "ANTHROPIC_API_KEY": door.token,
            "ANTHROPIC_MODEL": setting.model,
            "NO_PROXY": "127.0.0.1",
        },
        home_files=files,
        prompt=_injected_into_prompt(setting),
    )


def _opencode(setting: Setting) -> Prepared:
    return _like("opencode", setting)


def _hermes(setting: Setting) -> Prepared:
    # Over ACP it leaves a system text of its configuration out.
    return replace(_like("hermes", setting), prompt=_injected_into_prompt(setting))


def _codex(setting: Setting) -> Prepared:
    return _like("codex", setting)


def _claude(setting: Setting) -> Prepared:
    launch = _launch_of("claude-code", setting)
    claude = setting.needed.get("claude-code")
    # What its own adapter says in arguments.
    options: dict[str, Any] = {"maxTurns": setting.max_steps}
    if "--model" in launch.argv:
        options["model"] = launch.argv[launch.argv.index("--model") + 1]
    if setting.mode == "managed":
        options |= {"settingSources": ["user"], "strictMcpConfig": True}
    meta: dict[str, Any] = {"claudeCode": {"options": options}}
    if setting.skill is not None and is_injected(setting.skill):
        meta["systemPrompt"] = {"append": injected_section(setting.skill)}
    return Prepared(
        env={**launch.env, **({"CLAUDE_CODE_EXECUTABLE": str(claude)} if claude else {})},
        home_files=launch.home_files,
        session_meta=meta,
        session=[("session/set_mode", {"modeId": "bypassPermissions"})],
    )


def _pi(setting: Setting) -> Prepared:
    like = _like("pi", setting)
    pi, place = setting.needed.get("pi"), ".pi/agent/settings.json"
    # What its own adapter says in arguments.
    settings = {"defaultProvider": "skvm", "defaultModel": setting.model, "quietStartup": True}
    theirs = json.loads(like.home_files.get(place, b"{}"))
    return Prepared(
        env={**like.env, **({"PI_ACP_PI_COMMAND": str(pi)} if pi else {})},
        home_files={**like.home_files, place: json.dumps({**theirs, **settings}).encode()},
    )


QWEN_WORDS = "skvm-words.md"
"""The file it takes words from, in its home and in the work directory."""


def _qwen(setting: Setting) -> Prepared:
    settings = {
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"disableAutoUpdate": True},
        # Each would ask the model once more after the turn.
        "memory": {"enableManagedAutoMemory": False},
        "ui": {"enableFollowupSuggestions": False},
        "security": {"auth": {"selectedType": "openai"}},
        # Else a file of the task that has one of its usual names would instruct it.
        "context": {"fileName": QWEN_WORDS},
    }
    files = {".qwen/settings.json": json.dumps(settings).encode()}
    skill = setting.skill
    if skill is not None and is_injected(skill):
        files[f".qwen/{QWEN_WORDS}"] = injected_section(skill).encode("utf-8", "replace")
    elif skill is not None:
        files |= skill_folder(setting, ".qwen/skills")
    return Prepared(
        env={
            "OPENAI_BASE_URL": setting.door.chat_url,
            "OPENAI_API_KEY": setting.door.token,
            "OPENAI_MODEL": setting.model,
            "NO_PROXY": "127.0.0.1",
        },
        home_files=files,
    )


def _jiuwenclaw(setting: Setting) -> Prepared:
    door, home = setting.door, ".jiuwenclaw"
    variables = {
        "API_BASE": door.chat_url,
        "API_KEY": door.token,
        "MODEL_NAME": setting.model,
        "MODEL_PROVIDER": "OpenAI",
    }
    files = {
        f"{home}/config/.env": "".join(f'{name}="{each}"\n' for name, each in variables.items()).encode()
    }
    if setting.skill is not None and not is_injected(setting.skill):
        files |= skill_folder(setting, f"{home}/agent/jiuwenclaw_workspace/skills")
    prompt = _injected_into_prompt(setting) or setting.prompt
    return Prepared(
        env={"NO_PROXY": "127.0.0.1"},
        home_files=files,
        # It does not look at where a session is to work.
        prompt=f"Work in the folder {setting.work_dir}, and name files by their whole path.\n\n{prompt}",
        beside=[Beside([str(setting.program), "-I", "-m", "jiuwenclaw.app"], port=19001, cwd=setting.home)],
    )


PRESETS: tuple[Preset, ...] = (
    Preset(
        name="opencode",
        program="opencode",
        arguments=("acp",),
        commands=("opencode acp",),
        wire="chat",
        prepare=_opencode,
        base="opencode",
        # It tells what the last of its calls took.
        tells_turn=False,
    ),
    Preset(
        name="hermes",
        program="hermes",
        arguments=("acp",),
        commands=("hermes acp",),
        wire="chat",
        prepare=_hermes,
        base="hermes",
    ),
    Preset(
        name="claude-code",
        program="claude-agent-acp",
        arguments=(),
        commands=("claude-agent-acp",),
        wire="messages",
        prepare=_claude,
        base="claude-code",
    ),
    Preset(
        name="codex",
        program="codex-acp",
        arguments=(),
        commands=("codex-acp",),
        wire="responses",
        prepare=_codex,
        base="codex",
        # It says what it thinks of the model before the model's own words.
        tells_text=False,
    ),
    Preset(
        name="pi",
        program="pi-acp",
        arguments=(),
        commands=("pi-acp",),
        wire="chat",
        prepare=_pi,
        base="pi",
    ),
    Preset(
        name="qwen-code",
        program="qwen-code",
        arguments=("--acp", "--auth-type", "openai", "--yolo"),
        commands=("qwen", "qwen --acp"),
        wire="chat",
        prepare=_qwen,
    ),
)

JIUWENCLAW = Preset(
    name="jiuwenclaw",
    program="jiuwenclaw",
    arguments=("-I", "-m", "jiuwenclaw.channel.acp_channel"),
    commands=(),
    wire="chat",
    prepare=_jiuwenclaw,
    # It says its last words twice.
    tells_text=False,
)
"""An agent that is a harness of that name, because its own command line does not end."""

GENERIC = Preset(
    name="", program="", arguments=(), commands=(), wire="chat", prepare=_generic, tells_turn=True
)
"""An agent we know nothing of but its command."""


def find_preset(target: str) -> Preset | None:
    """The preset that is meant by what stands behind ``acp:``, if one is."""
    words = " ".join(target.split())
    return next((each for each in PRESETS if words == each.name or words in each.commands), None)
