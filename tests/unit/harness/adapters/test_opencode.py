"""The adapter of opencode, beyond what every adapter is held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skvm.errors import ConfigError
from skvm.harness.adapters.opencode import OpenCode
from skvm.harness.contract import SkillMode
from skvm.settings import AdapterSettings
from tests.unit.harness.adapters.making import TOKEN, a_setting, a_skill, what_was_left

OURS = ".config/skvm/opencode.json"


def configuration(**fields: Any) -> dict[str, bytes]:
    return dict(OpenCode().launch(a_setting(**fields)).home_files)


def a_user(home: Path, text: str) -> Path:
    (home / ".config/opencode").mkdir(parents=True)
    (home / ".config/opencode/opencode.jsonc").write_text(text)
    return home


def test_it_is_given_one_model_at_the_gateway_for_everything() -> None:
    config = json.loads(configuration()[OURS])
    [(name, provider)] = config["provider"].items()
    assert provider["options"] == {"baseURL": "http://127.0.0.1:8018/v1", "apiKey": TOKEN}
    assert list(provider["models"]) == ["fake/some-model"]
    assert config["enabled_providers"] == [name]
    assert config["model"] == config["small_model"] == f"{name}/fake/some-model"


def test_an_injected_skill_is_a_file_it_is_told_of() -> None:
    files = configuration(skill=a_skill(SkillMode.INJECT))
    assert json.loads(files[OURS])["instructions"] == ["/run/home/.config/skvm/skill.md"]
    assert b"small letters" in files[".config/skvm/skill.md"]
    assert "instructions" not in json.loads(configuration()[OURS])


def test_nothing_of_the_work_directory_instructs_a_managed_run(tmp_path: Path) -> None:
    ignoring = {"OPENCODE_DISABLE_PROJECT_CONFIG", "OPENCODE_DISABLE_EXTERNAL_SKILLS"}
    assert ignoring <= set(OpenCode().launch(a_setting()).env)
    assert not ignoring & set(OpenCode().launch(a_setting(mode="native", user_home=tmp_path)).env)


def test_the_users_agent_and_plugins_are_for_native() -> None:
    options = AdapterSettings(native_agent="writer", extra_args=("--variant", "high"))
    native = OpenCode().launch(a_setting(options=options, mode="native")).argv
    managed = OpenCode().launch(a_setting(options=options)).argv
    assert native[native.index("--agent") + 1] == "writer"
    assert "--agent" not in managed
    assert ("--pure" in managed, "--pure" in native) == (True, False)
    assert managed[-2:] == native[-2:] == ["--variant", "high"]


def test_native_keeps_what_holds_no_key(tmp_path: Path) -> None:
    text = """{
      // mine
      "provider": {"openai": {"options": {"apiKey": "sk-mine"}}},
      "mcp": {"x": {"headers": {"authorization": "Bearer mine"}}},
      "model": "openai/gpt",
      "agent": {"writer": {"model": "openai/gpt", "prompt": "Write."}},
      "instructions": ["~/rules.md"],
    }"""
    home = a_user(tmp_path, text)
    kept = configuration(user_home=home, mode="native")[".config/opencode/opencode.jsonc"]
    assert json.loads(kept) == {"agent": {"writer": {"prompt": "Write."}}, "instructions": ["~/rules.md"]}
    assert ".config/opencode/opencode.jsonc" not in configuration(user_home=home)


def test_a_native_configuration_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"opencode\.jsonc"):
        configuration(user_home=a_user(tmp_path, "{"), mode="native")


def test_an_error_is_told_in_its_own_words(tmp_path: Path) -> None:
    event = {"type": "error", "error": {"name": "APIError", "data": {"message": "no such model"}}}
    assert OpenCode().read(what_was_left(tmp_path, json.dumps(event) + "\n")).error == "no such model"
    event = {"type": "error", "error": {"name": "UnknownError"}}
    assert OpenCode().read(what_was_left(tmp_path, json.dumps(event) + "\n")).error == "UnknownError"


def test_reasoning_is_output(tmp_path: Path) -> None:
    tokens = {"input": 100, "output": 20, "reasoning": 5, "cache": {"read": 7, "write": 1}}
    event = {"type": "step_finish", "part": {"cost": 0, "tokens": tokens}}
    usage = OpenCode().read(what_was_left(tmp_path, f"{json.dumps(event)}\n" * 2)).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (200, 50)
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.calls) == (14, 2, 2)
    assert usage.cost_usd is None


def test_an_abort_at_the_start_is_told_with_the_way_out(tmp_path: Path) -> None:
    told = OpenCode().read(what_was_left(tmp_path, exit_code=-6))
    assert told.error is not None
    assert "bubblewrap" in (told.hint or "")
    step = json.dumps({"type": "step_finish", "part": {}})
    assert OpenCode().read(what_was_left(tmp_path, f"{step}\n", exit_code=-6)).error is None
