"""How Hermes is started, and what of its words and its count is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from skvm.errors import ConfigError
from skvm.evidence.record import Usage
from skvm.harness.adapters.hermes import Hermes
from skvm.harness.contract import SkillMode
from skvm.harness.programs.contract import Launch
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings
from tests.unit.harness.adapters.making import BODY, TOKEN, a_setting, a_skill, what_was_left

AGENT = Hermes()
THEIRS = """
model: {default: openrouter/some, api_key: planted-1}
fallback_providers: [{provider: openrouter, api_key: planted-2}]
agent: {system_prompt: Be brief., max_turns: 3}
terminal: {timeout: 60}
mcp_servers: {docs: {env: {DOCS_TOKEN: planted-3}}}
skills: {config: {notes: {api_key: planted-4, folder: ~/notes}}}
security: {redact_secrets: false}
"""


def config(launch: Launch, folder: str = ".hermes") -> dict[str, Any]:
    return dict(yaml.safe_load(launch.home_files[f"{folder}/config.yaml"]))


def test_it_is_pointed_at_the_door() -> None:
    launch = AGENT.launch(a_setting())
    settings = config(launch)
    [provider] = settings["custom_providers"]
    assert settings["model"]["provider"] == f"custom:{provider['name']}"
    assert settings["model"]["default"] == provider["model"] == "some-model"
    assert provider["base_url"] == "http://127.0.0.1:8018/v1"
    assert provider["api_key"] == TOKEN
    assert settings["model"]["context_length"] >= 64_000
    assert launch.env["HERMES_HOME"] == "/run/home/.hermes"
    assert not any(TOKEN in each for each in launch.argv)


def test_a_prompt_reaches_it_within_the_process(tmp_path: Path) -> None:
    # The starter of an environment: a script for the Python beside it.
    program = tmp_path / "hermes"
    program.write_text("#!/usr/bin/env python3\n")
    (tmp_path / "python3").touch()
    launch = AGENT.launch(a_setting(program=program, prompt="--help me"))
    assert launch.argv[0] == str(tmp_path / "python3")
    assert str(program) in launch.argv
    assert launch.stdin == b"--help me"
    assert "--help me" not in " ".join(launch.argv)


def test_what_is_no_script_of_python_is_told_the_prompt(tmp_path: Path) -> None:
    program = tmp_path / "hermes"
    program.write_text("#!/bin/sh\nexec ssh elsewhere hermes\n")
    launch = AGENT.launch(a_setting(program=program))
    assert launch.argv[0] == str(program)
    assert launch.argv[-1] == "--query=Make hello.txt."
    assert launch.stdin == b""


def test_an_injected_skill_is_in_its_system_text() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.INJECT)))
    assert BODY in config(launch)["agent"]["system_prompt"]
    assert "terminal,file" in launch.argv
    assert not any("/skills/" in name for name in launch.home_files)


def test_nothing_of_the_work_directory_instructs_a_managed_run(tmp_path: Path) -> None:
    assert "--ignore-rules" in AGENT.launch(a_setting()).argv
    assert "--ignore-rules" not in AGENT.launch(a_setting(mode="native", user_home=tmp_path)).argv


def test_a_listed_skill_lies_in_its_home_alone() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.DISCOVER), bundle={"words.md": b"hello"}))
    assert BODY in launch.home_files[".hermes/skills/greet/SKILL.md"].decode()
    assert launch.home_files[".hermes/skills/greet/words.md"] == b"hello"
    assert ".hermes/.no-bundled-skills" in launch.home_files
    assert "terminal,file,skills" in launch.argv
    assert "system_prompt" not in config(launch)["agent"]


def test_arguments_of_the_configuration_are_passed_on() -> None:
    launch = AGENT.launch(a_setting(options=AdapterSettings(extra_args=("--checkpoints",))))
    assert "--checkpoints" in launch.argv


def test_the_users_settings_lose_models_and_keys(tmp_path: Path) -> None:
    (tmp_path / ".hermes").mkdir()
    (tmp_path / ".hermes/config.yaml").write_text(THEIRS)
    launch = AGENT.launch(a_setting(mode="native", user_home=tmp_path, skill=a_skill(SkillMode.INJECT)))
    settings = config(launch)
    assert "planted" not in str(settings)
    assert "openrouter" not in str(settings)
    assert settings["terminal"] == {"timeout": 60}
    assert settings["skills"]["config"] == {"notes": {"folder": "~/notes"}}
    assert settings["security"] == {"redact_secrets": False, "tirith_enabled": False}
    assert settings["agent"]["max_turns"] == 3
    assert settings["agent"]["system_prompt"].startswith("Be brief.\n\n")
    assert BODY in settings["agent"]["system_prompt"]
    assert "--toolsets" not in launch.argv
    assert not {".env", "auth.json"} & {path.name for path in AGENT.native_files}


@pytest.mark.parametrize("is_named", [True, False])
def test_the_profile_that_is_active_is_taken(tmp_path: Path, is_named: bool) -> None:
    folder = tmp_path / ".hermes/profiles/coder"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("terminal: {timeout: 7}")
    (tmp_path / ".hermes/config.yaml").write_text("terminal: {timeout: 8}")
    options = AdapterSettings(native_agent="coder" if is_named else None)
    (tmp_path / ".hermes/active_profile").write_text("default\n" if is_named else "coder\n")
    launch = AGENT.launch(a_setting(mode="native", user_home=tmp_path, options=options))
    assert config(launch, ".hermes/profiles/coder")["terminal"] == {"timeout": 7}
    assert launch.env["HERMES_HOME"] == "/run/home/.hermes/profiles/coder"
    copied = AGENT.native_of(tmp_path, options)
    assert PurePosixPath(".hermes/profiles/coder/SOUL.md") in copied
    assert PurePosixPath(".hermes/SOUL.md") not in copied


@pytest.mark.parametrize("name", ["../../etc", "default", ""])
def test_no_profile_leads_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / ".hermes").mkdir()
    (tmp_path / ".hermes/active_profile").write_text(name)
    assert AGENT.native_of(tmp_path, AdapterSettings()) == AGENT.native_files


@pytest.mark.parametrize("broken", [b"model: [", b"\xff\xfe"])
def test_broken_settings_of_the_user_are_told(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / ".hermes").mkdir()
    (tmp_path / ".hermes/config.yaml").write_bytes(broken)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        AGENT.launch(a_setting(mode="native", user_home=tmp_path))


def test_the_count_is_that_of_all_its_sessions(tmp_path: Path) -> None:
    session = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 7, "api_call_count": 1}
    then = tmp_path / "then"
    then.write_text("".join(json.dumps(each) + "\n" for each in (session, {**session, "output_tokens": 3})))
    told = AGENT.read(replace(what_was_left(tmp_path, "Done.\n"), then=then))
    assert told.usage == Usage(
        input_tokens=200, output_tokens=23, cache_read_tokens=14, calls=2, cost_usd=None
    )


def test_what_it_says_of_a_failure_is_told(tmp_path: Path) -> None:
    printed = "  ┊ review diff\n+hello\nHTTP 400: no such field\n\n"
    assert AGENT.read(what_was_left(tmp_path, printed, exit_code=1)).error == "HTTP 400: no such field"
    silent = what_was_left(tmp_path, stderr="Error: no credentials\n", exit_code=1)
    assert AGENT.read(silent).error is None


def test_what_it_prints_is_not_taken_for_its_last_words(tmp_path: Path) -> None:
    told = AGENT.read(what_was_left(tmp_path, "  ┊ review diff\n+hello\nDone.\n"))
    assert (told.final_text, told.error) == (None, None)


@pytest.mark.parametrize("is_quoted", [True, False])
def test_a_skill_is_loaded_if_most_of_it_was_seen(is_quoted: bool) -> None:
    content = '# Greeting\n\nSay "hello" in a letter.\nPut the letter in "out".'
    setting = a_setting(skill=replace(a_skill(SkillMode.DISCOVER), content=content))
    seen = json.dumps({"content": content}) if is_quoted else content
    assert AGENT.skill_loaded(setting, seen) is True
    assert AGENT.skill_loaded(setting, "greet: How to greet.") is False
    assert AGENT.skill_loaded(a_setting(), content) is None


def test_its_tools_are_known() -> None:
    assert AGENT.tools.kind_of("terminal", {}) is ToolKind.RUN
    assert AGENT.tools.kind_of("patch", {}) is ToolKind.EDIT
    assert AGENT.tools.kind_of("delegate_task", {}) is ToolKind.OTHER
