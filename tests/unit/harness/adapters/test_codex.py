"""How Codex is started, and what of its events is read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from skvm.evidence.record import Usage
from skvm.harness.adapters.codex import Codex
from skvm.harness.contract import SkillMode
from skvm.harness.programs.contract import Launch
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings
from tests.unit.harness.adapters.making import BODY, TOKEN, a_setting, a_skill, what_was_left

AGENT = Codex()


def config(launch: Launch) -> dict[str, Any]:
    return tomllib.loads(launch.home_files[".codex/config.toml"].decode())


def events(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


SAID = {"type": "item.completed", "item": {"id": "item_1", "type": "agent_message", "text": "Done."}}
USED = {
    "type": "turn.completed",
    "usage": {"input_tokens": 107, "cached_input_tokens": 7, "output_tokens": 20},
}


def test_it_is_pointed_at_the_door() -> None:
    launch = AGENT.launch(a_setting())
    settings = config(launch)
    provider = settings["model_providers"][settings["model_provider"]]
    assert provider["base_url"] == "http://127.0.0.1:8018/v1"
    assert provider["wire_api"] == "responses"
    assert launch.env[provider["env_key"]] == TOKEN
    assert launch.env["CODEX_HOME"] == "/run/home/.codex"
    assert launch.stdin == b"Make hello.txt."
    assert launch.argv[-1] == "-"
    assert settings["model"] == "fake/some-model"
    assert settings["approval_policy"] == "never"


def test_its_temporary_folder_does_not_hold_its_home() -> None:
    launch = AGENT.launch(a_setting())
    assert launch.env["TMPDIR"] == "/run/home/tmp"
    assert "tmp/.keep" in launch.home_files


def test_no_file_holds_the_token() -> None:
    launch = AGENT.launch(a_setting())
    assert not any(TOKEN.encode() in data for data in launch.home_files.values())


def test_nothing_of_the_work_directory_instructs_a_managed_run() -> None:
    assert config(AGENT.launch(a_setting()))["project_doc_max_bytes"] == 0
    assert "project_doc_max_bytes" not in config(AGENT.launch(a_setting(mode="native")))


def test_skills_of_a_task_are_not_listed_in_a_managed_run(tmp_path: Path) -> None:
    skill = tmp_path / ".agents/skills/deep/greet/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: greet\n---\n")
    managed = config(AGENT.launch(a_setting(work_dir=tmp_path)))
    assert managed["skills"]["config"] == [{"path": str(skill), "enabled": False}]
    assert config(AGENT.launch(a_setting()))["skills"]["config"] == []
    assert "skills" not in config(AGENT.launch(a_setting(work_dir=tmp_path, mode="native")))


def test_an_injected_skill_is_among_its_instructions() -> None:
    skill = a_skill(SkillMode.INJECT)
    launch = AGENT.launch(a_setting(skill=skill))
    assert BODY in config(launch)["developer_instructions"]
    assert not any("skills" in name for name in launch.home_files)


def test_a_listed_skill_lies_among_its_own() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.DISCOVER), bundle={"words.md": b"hello"}))
    assert BODY in launch.home_files[".codex/skills/greet/SKILL.md"].decode()
    assert launch.home_files[".codex/skills/greet/words.md"] == b"hello"
    assert "developer_instructions" not in config(launch)


def test_arguments_of_the_configuration_stand_before_the_prompt() -> None:
    launch = AGENT.launch(a_setting(options=AdapterSettings(extra_args=("-c", "web_search=live"))))
    assert list(launch.argv[-3:]) == ["-c", "web_search=live", "-"]


def test_the_users_settings_lose_what_leads_to_another_endpoint(tmp_path: Path) -> None:
    theirs = """
model = "gpt-5"
model_provider = "mine"
developer_instructions = \"\"\"Be "brief".\\nAlways.\"\"\"
approval_policy = "untrusted"
model_reasoning_effort = "high"
when = 2026-01-02T03:04:05Z
ratio = 0.5
many = [1, true, "\\u007f ä"]

[model_providers.mine]
base_url = "https://elsewhere.example"
experimental_bearer_token = "planted"

[mcp_servers.docs.env]
KEY = "planted"

[features]
plugins = true
goals = true
"""
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text(theirs)
    launch = AGENT.launch(a_setting(mode="native", user_home=tmp_path, skill=a_skill(SkillMode.INJECT)))
    settings, known = config(launch), tomllib.loads(theirs)
    assert "planted" not in str(settings)
    assert "elsewhere" not in str(settings)
    for name in ("model_reasoning_effort", "when", "ratio", "many"):
        assert settings[name] == known[name]
    assert settings["features"] == {"plugins": False, "view_image": False, "goals": True}
    assert settings["developer_instructions"].startswith('Be "brief".\nAlways.\n\n')
    assert BODY in settings["developer_instructions"]
    assert settings["model"] == "fake/some-model"


def test_credentials_are_not_among_what_is_copied() -> None:
    names = {path.name for path in AGENT.native_files}
    assert "AGENTS.md" in names
    assert "auth.json" not in names


def test_its_input_counts_cached_tokens_too(tmp_path: Path) -> None:
    told = AGENT.read(what_was_left(tmp_path, events(SAID, USED)))
    assert told.final_text == "Done."
    assert told.usage == Usage(input_tokens=100, output_tokens=20, cache_read_tokens=7, cost_usd=None)
    assert told.error is None


def test_a_remark_in_the_shape_of_an_error_is_none(tmp_path: Path) -> None:
    remark = {"type": "item.completed", "item": {"type": "error", "message": "unknown model"}}
    assert AGENT.read(what_was_left(tmp_path, events(remark, SAID, USED))).error is None


def test_a_turn_that_failed_is_an_error(tmp_path: Path) -> None:
    failed = events({"type": "turn.failed", "error": {"message": "the stream broke"}})
    assert AGENT.read(what_was_left(tmp_path, failed, exit_code=1)).error == "the stream broke"


def test_the_body_of_a_refusal_is_told_in_words(tmp_path: Path) -> None:
    body = json.dumps({"error": {"message": "no such model", "type": "invalid_request_error"}})
    failed = events({"type": "turn.failed", "error": {"message": body}})
    assert AGENT.read(what_was_left(tmp_path, failed, exit_code=1)).error == "no such model"


def test_what_it_complained_of_before_counts_if_it_failed(tmp_path: Path) -> None:
    printed = events({"type": "error", "message": "stream closed"}, {"type": "turn.failed"})
    assert AGENT.read(what_was_left(tmp_path, printed, exit_code=1)).error == "stream closed"
    printed = events({"type": "error", "message": "stream closed"})
    assert AGENT.read(what_was_left(tmp_path, printed, exit_code=1)).error == "stream closed"


def test_a_failure_it_got_over_is_none(tmp_path: Path) -> None:
    printed = events({"type": "error", "message": "Reconnecting... 1/5"}, SAID, USED)
    assert AGENT.read(what_was_left(tmp_path, printed)).error is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("exec_command", ToolKind.RUN),
        ("apply_patch", ToolKind.EDIT),
        ("update_plan", ToolKind.OTHER),
    ],
)
def test_its_tools(name: str, kind: ToolKind) -> None:
    assert AGENT.tools.kind_of(name, {}) is kind
