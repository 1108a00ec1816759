"""How OpenClaw is started, and what of its report is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skvm.errors import ConfigError
from skvm.evidence.record import Usage
from skvm.harness.adapters.openclaw import OpenClaw
from skvm.harness.contract import SkillMode
from skvm.harness.programs.contract import Launch
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings
from tests.unit.harness.adapters.making import BODY, TOKEN, a_setting, a_skill, what_was_left

AGENT = OpenClaw()
REPORT = {
    "ok": True,
    "status": "ok",
    "final": "Done.",
    "usage": {
        "input": 200,
        "output": 40,
        "cacheRead": 14,
        "cacheWrite": 3,
        "total": 257,
        "cost": {"total": 0},
    },
    "assistantTurns": 2,
}


def config(launch: Launch) -> dict[str, Any]:
    return dict(json.loads(launch.home_files[".openclaw/openclaw.json"]))


def test_it_is_pointed_at_the_door() -> None:
    launch = AGENT.launch(a_setting())
    settings = config(launch)
    assert list(settings["models"]["providers"]) == ["skvm"]
    provider = settings["models"]["providers"]["skvm"]
    assert provider["baseUrl"] == "http://127.0.0.1:8018/v1"
    assert provider["apiKey"] == TOKEN
    assert provider["timeoutSeconds"] == 90
    assert settings["agents"]["defaults"]["model"] == {"primary": "skvm/fake/some-model", "fallbacks": []}
    argv = list(launch.argv)
    assert argv[argv.index("--model") + 1] == "skvm/fake/some-model"
    assert argv[argv.index("--state-dir") + 1] == "/run/home/.openclaw"
    assert launch.stdin == b"Make hello.txt."
    assert not any(TOKEN in each for each in (*argv, *launch.env.values()))


def test_nothing_of_the_work_directory_instructs_a_managed_run(tmp_path: Path) -> None:
    assert config(AGENT.launch(a_setting()))["agents"]["defaults"]["contextInjection"] == "never"
    native = config(AGENT.launch(a_setting(mode="native", user_home=tmp_path)))
    assert "contextInjection" not in native["agents"]["defaults"]


def test_an_injected_skill_stands_before_the_task() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.INJECT)))
    before, body, after = launch.stdin.decode().partition(BODY)
    assert body
    assert before
    assert after.endswith("\n\nMake hello.txt.")
    assert launch.work_files == {}


@pytest.mark.parametrize(("of_the_task", "ours"), [([], "AGENTS.md"), (["AGENTS.md"], "BOOTSTRAP.md")])
def test_natively_an_injected_skill_is_a_file_it_reads_by_itself(
    tmp_path: Path, of_the_task: list[str], ours: str
) -> None:
    for name in of_the_task:
        (tmp_path / name).write_text("of the task")
    skill = a_skill(SkillMode.INJECT)
    launch = AGENT.launch(a_setting(skill=skill, work_dir=tmp_path, mode="native", user_home=tmp_path))
    assert list(launch.work_files) == [ours]
    assert launch.stdin == b"Make hello.txt."
    assert BODY in launch.work_files[ours].decode()
    # By itself it would cut a long one.
    assert config(launch)["agents"]["defaults"]["bootstrapMaxChars"] >= 1_000_000


def test_a_listed_skill_lies_in_its_home_alone() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.DISCOVER), bundle={"words.md": b"hello"}))
    assert BODY in launch.home_files[".openclaw/skills/greet/SKILL.md"].decode()
    assert launch.home_files[".openclaw/skills/greet/words.md"] == b"hello"
    assert launch.work_files == {}
    assert config(launch)["tools"]["fs"]["workspaceOnly"] is False


def test_the_users_settings_lose_models_channels_and_keys(tmp_path: Path) -> None:
    theirs = """{
      // mine
      "env": {"OPENAI_API_KEY": "planted"},
      "models": {"providers": {"other": {"apiKey": "planted", "baseUrl": "https://elsewhere.example"}}},
      "channels": {"telegram": {"botToken": "planted"}},
      "tools": {"deny": ["browser"], "fs": {"workspaceOnly": true}},
      "skills": {"entries": {"lab": {"apiKey": "planted", "enabled": true}}},
      "agents": {"defaults": {"model": {"primary": "other/some"}, "thinkingDefault": "high"}},
    }"""
    (tmp_path / ".openclaw").mkdir()
    (tmp_path / ".openclaw/openclaw.json").write_text(theirs)
    options = AdapterSettings(native_agent="coder", extra_args=("--thinking", "low"))
    launch = AGENT.launch(a_setting(mode="native", user_home=tmp_path, options=options))
    settings = config(launch)
    assert "planted" not in str(settings)
    assert "elsewhere" not in str(settings)
    assert settings["tools"] == {"deny": ["browser"], "fs": {"workspaceOnly": False}}
    assert settings["skills"]["entries"] == {"lab": {"enabled": True}}
    assert settings["agents"]["defaults"]["thinkingDefault"] == "high"
    assert settings["agents"]["defaults"]["model"]["primary"] == "skvm/fake/some-model"
    assert settings["agents"]["defaults"]["systemAgent"] == {"agentId": "coder"}
    assert list(launch.argv[-2:]) == ["--thinking", "low"]


@pytest.mark.parametrize("broken", [b"{tools: {}}", b"\xff\xfe"])
def test_settings_we_cannot_read_are_told(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / ".openclaw").mkdir()
    (tmp_path / ".openclaw/openclaw.json").write_bytes(broken)
    with pytest.raises(ConfigError, match=r"openclaw\.json"):
        AGENT.launch(a_setting(mode="native", user_home=tmp_path))


def test_its_report_is_read(tmp_path: Path) -> None:
    told = AGENT.read(what_was_left(tmp_path, f"a notice\n{json.dumps(REPORT, indent=2)}\n"))
    assert told.final_text == "Done."
    assert told.error is None
    assert told.usage == Usage(
        input_tokens=200,
        output_tokens=40,
        cache_read_tokens=14,
        cache_write_tokens=3,
        calls=2,
        cost_usd=None,
    )


def test_what_it_says_of_a_failure_is_told(tmp_path: Path) -> None:
    report = {
        "ok": False,
        "status": "error",
        "final": "",
        "error": {"message": "no model", "kind": "exception"},
    }
    told = AGENT.read(what_was_left(tmp_path, json.dumps(report), exit_code=1))
    assert (told.error, told.final_text, told.usage) == ("no model", None, None)


def test_its_tools_are_known() -> None:
    assert AGENT.tools.kind_of("exec", {}) is ToolKind.RUN
    assert AGENT.tools.kind_of("apply_patch", {}) is ToolKind.EDIT
    assert AGENT.tools.kind_of("sessions_spawn", {}) is ToolKind.OTHER
    # Most are called by way of another.
    assert AGENT.tools.kind_of("tool_call", {"id": "web_fetch", "args": {}}) is ToolKind.FETCH
    assert AGENT.tools.kind_of("tool_call", {"id": "openclaw:core:web_search"}) is ToolKind.FETCH
    assert AGENT.tools.kind_of("tool_call", {"id": 7}) is ToolKind.OTHER
