"""How the agents we know are started to speak ACP, and those we do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skvm.errors import InfrastructureError
from skvm.harness.acp.harness import AcpHarness, make_harness
from skvm.harness.acp.presets import JIUWENCLAW, PRESETS, find_preset
from skvm.harness.contract import HARNESSES, SkillMode
from skvm.harness.programs.contract import Launch
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings, Settings, load_settings
from tests.unit.harness.adapters.making import BODY, TOKEN, a_setting, a_skill

CONFIG = ".skvm/acp/config.json"


def config_of(launch: Launch) -> dict[str, Any]:
    found = json.loads(launch.home_files[CONFIG])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("opencode", "opencode"),
        ("opencode acp", "opencode"),
        (" opencode  acp ", "opencode"),
        ("claude-agent-acp", "claude-code"),
        ("codex-acp", "codex"),
        ("qwen --acp", "qwen-code"),
        ("hermes acp", "hermes"),
        ("pi-acp", "pi"),
        ("opencode acp --print-logs", None),
        ("cline --acp", None),
        ("", None),
    ],
)
def test_an_agent_is_known_by_its_name_and_by_its_command(target: str, name: str | None) -> None:
    found = find_preset(target)
    assert (found.name if found else None) == name


def test_what_is_started_is_our_client_and_it_starts_the_agent() -> None:
    needed = {"python:0": Path("/sdk"), "python:1": Path("/more"), "ripgrep": Path("/opt/rg")}
    options = AdapterSettings(extra_args=("--print-logs",))
    launch = make_harness("opencode").launch(a_setting(needed=needed, options=options))
    assert launch.stdin == b"Make hello.txt."
    assert list(launch.argv[-4:]) == [f"/run/home/{CONFIG}", "/run/home/.skvm/acp", "/sdk", "/more"]
    config = config_of(launch)
    assert config["argv"] == ["/opt/program", "acp", "--print-logs"]
    assert (config["workDir"], config["writable"]) == ("/run/work", ["/run/work"])
    assert config["readable"] == ["/run/work", "/run/home"]
    assert config["promptTimeoutS"] == 85.0
    assert ".skvm/acp/skvm/harness/acp/inside/client.py" in launch.home_files


def test_it_is_told_to_stop_soon_enough_however_short_the_run() -> None:
    launch = make_harness("opencode").launch(a_setting(timeout_s=10.0))
    assert config_of(launch)["promptTimeoutS"] == 9.0


@pytest.mark.parametrize("name", [preset.name for preset in PRESETS if preset.base])
def test_configuration_and_tools_are_those_of_the_harness_it_is(name: str) -> None:
    preset = find_preset(name)
    assert preset is not None
    base = HARNESSES.get(preset.base or "")()
    over_acp = make_harness(name)
    assert over_acp.tools == base.tools  # type: ignore[attr-defined]
    assert tuple(over_acp.native_files) == tuple(base.native_files)  # type: ignore[attr-defined]
    assert over_acp.modes == ("managed", "native")
    theirs = base.launch(a_setting()).home_files  # type: ignore[attr-defined]
    assert theirs.items() <= over_acp.launch(a_setting()).home_files.items()


def test_claude_code_takes_an_injected_skill_as_a_part_of_its_system_text() -> None:
    setting = a_setting(skill=a_skill(SkillMode.INJECT), needed={"claude-code": Path("/opt/claude/claude")})
    launch = make_harness("claude-code").launch(setting)
    assert launch.env["CLAUDE_CODE_EXECUTABLE"] == "/opt/claude/claude"
    config = config_of(launch)
    assert BODY in config["sessionMeta"]["systemPrompt"]["append"]
    # What the task's folder holds configures nothing.
    assert config["sessionMeta"]["claudeCode"]["options"] == {
        "maxTurns": 7,
        "model": "some-model",
        "settingSources": ["user"],
        "strictMcpConfig": True,
    }
    assert config["session"] == [{"method": "session/set_mode", "params": {"modeId": "bypassPermissions"}}]
    assert launch.stdin == b"Make hello.txt."


def test_pi_is_told_its_model_and_where_it_lies() -> None:
    launch = make_harness("pi").launch(a_setting(needed={"pi": Path("/opt/pi/cli.js")}))
    assert launch.env["PI_ACP_PI_COMMAND"] == "/opt/pi/cli.js"
    settings = json.loads(launch.home_files[".pi/agent/settings.json"])
    assert settings["defaultModel"] == "fake/some-model"


def test_settings_of_the_users_pi_are_kept(tmp_path: Path) -> None:
    theirs = tmp_path / ".pi/agent/settings.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"theme": "dark", "defaultModel": "another"}')
    launch = make_harness("pi").launch(a_setting(mode="native", user_home=tmp_path))
    settings = json.loads(launch.home_files[".pi/agent/settings.json"])
    assert (settings["theme"], settings["defaultModel"]) == ("dark", "fake/some-model")


def test_jiuwenclaw_has_its_server_beside_it_and_is_told_where_the_task_lies() -> None:
    launch = AcpHarness("jiuwenclaw", JIUWENCLAW).launch(a_setting(skill=a_skill(SkillMode.INJECT)))
    [beside] = config_of(launch)["before"]
    # Not in the work directory, whose modules are the task's.
    assert (beside["port"], beside["cwd"]) == (19001, "/run/home")
    assert launch.stdin.startswith(b"Work in the folder /run/work")
    assert BODY.encode() in launch.stdin
    assert TOKEN in launch.home_files[".jiuwenclaw/config/.env"].decode()


def test_an_unknown_agent_finds_its_endpoint_in_variables() -> None:
    harness = make_harness("my-agent --acp 'two words'")
    launch = harness.launch(a_setting())
    assert config_of(launch)["argv"] == ["/opt/program", "--acp", "two words"]
    assert launch.env["OPENAI_BASE_URL"] == "http://127.0.0.1:8018/v1"
    assert launch.env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8018"
    assert launch.env["OPENAI_API_KEY"] == launch.env["ANTHROPIC_API_KEY"] == TOKEN
    assert harness.modes == ("managed",)


@pytest.mark.parametrize("mode", list(SkillMode))
def test_an_unknown_agent_is_given_a_skill(mode: SkillMode) -> None:
    launch = make_harness("my-agent").launch(a_setting(skill=a_skill(mode), bundle={"references/a.md": b"a"}))
    places = {name for name in launch.home_files if name.endswith(("SKILL.md", "a.md"))}
    if mode is SkillMode.INJECT:
        assert BODY.encode() in launch.stdin
        assert launch.stdin.endswith(b"Make hello.txt.")
        assert places == set()
    else:
        assert launch.stdin == b"Make hello.txt."
        assert ".agents/skills/greet/SKILL.md" in places
        assert ".claude/skills/greet/references/a.md" in places


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Read", ToolKind.READ),
        ("mcp__acp__Write", ToolKind.WRITE),
        ("run_shell_command", ToolKind.RUN),
        ("apply_patch", ToolKind.EDIT),
        ("list_directory", ToolKind.LIST),
        ("WebFetch", ToolKind.FETCH),
        ("todo_write", ToolKind.OTHER),
    ],
)
def test_tools_of_unknown_agents_are_told_by_common_names(name: str, kind: ToolKind) -> None:
    tools = make_harness("my-agent").tools
    assert tools.kind_of(name, {}) is kind
    renamed = tools.renamed.get(name, {})
    assert (renamed.get("file_path") == "path") == (kind is not ToolKind.OTHER)


def an_executable(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("skvm.harness.acp.harness.sdk_folders", lambda: (Path("/sdk"),))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return load_settings(cache_dir=str(tmp_path / "cache"), env={})


@pytest.mark.anyio
async def test_a_command_is_found_and_what_it_names_is_shown(settings: Settings, tmp_path: Path) -> None:
    program = an_executable(tmp_path / "bin", "my-agent")
    rules = tmp_path / "rules.md"
    rules.touch()
    async with make_harness(f"my-agent --rules {rules} --root / /no/such/file").ready(settings) as needs:
        assert needs.program == program
        assert {program, rules, Path("/sdk")} == set(needs.read_only)
        assert needs.needed == {"python:0": Path("/sdk")}


@pytest.mark.anyio
async def test_a_known_program_with_other_arguments_is_the_installed_one(
    settings: Settings, tmp_path: Path
) -> None:
    an_executable(tmp_path / "bin", "opencode")
    # It needs another program, as the catalogue says, which is not here.
    with pytest.raises(InfrastructureError, match="opencode needs ripgrep"):
        async with make_harness("opencode acp --print-logs").ready(settings):
            pass


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
