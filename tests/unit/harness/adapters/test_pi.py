"""The adapter of pi, beyond what every adapter is held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skvm.errors import ConfigError
from skvm.harness.adapters.pi import Pi
from skvm.harness.contract import SkillMode
from skvm.settings import AdapterSettings
from tests.unit.harness.adapters.making import TOKEN, a_setting, a_skill, what_was_left


def configuration(**fields: Any) -> dict[str, bytes]:
    return dict(Pi().launch(a_setting(**fields)).home_files)


def test_it_is_given_one_model_at_the_gateway() -> None:
    [(name, provider)] = json.loads(configuration()[".pi/agent/models.json"])["providers"].items()
    assert provider["baseUrl"] == "http://127.0.0.1:8018/v1"
    assert provider["apiKey"] == TOKEN
    assert [model["id"] for model in provider["models"]] == ["fake/some-model"]
    argv = Pi().launch(a_setting()).argv
    assert argv[argv.index("--model") + 1] == f"{name}/fake/some-model"


def test_nothing_of_the_work_directory_instructs_a_managed_run(tmp_path: Path) -> None:
    ignoring = {"--no-context-files", "--no-approve"}
    assert ignoring <= set(Pi().launch(a_setting()).argv)
    assert not ignoring & set(Pi().launch(a_setting(mode="native", user_home=tmp_path)).argv)


def test_further_arguments_come_last() -> None:
    options = AdapterSettings(extra_args=("--thinking", "low"))
    assert Pi().launch(a_setting(options=options)).argv[-2:] == ["--thinking", "low"]


def test_an_injected_skill_follows_the_users_own_words(tmp_path: Path) -> None:
    (tmp_path / ".pi/agent").mkdir(parents=True)
    (tmp_path / ".pi/agent/APPEND_SYSTEM.md").write_text("Be brief.\n")
    known = {"skill": a_skill(SkillMode.INJECT), "user_home": tmp_path}
    ours = configuration(**known)[".pi/agent/APPEND_SYSTEM.md"].decode()
    assert ours.startswith("Follow this skill")
    both = configuration(**known, mode="native")[".pi/agent/APPEND_SYSTEM.md"].decode()
    assert both == f"Be brief.\n\n{ours}"


def test_native_keeps_settings_that_name_no_other_model(tmp_path: Path) -> None:
    (tmp_path / ".pi/agent").mkdir(parents=True)
    settings = {"defaultModel": "x", "defaultTools": ["read"], "httpProxy": "http://me:secret@proxy"}
    (tmp_path / ".pi/agent/settings.json").write_text(json.dumps(settings))
    assert ".pi/agent/settings.json" not in configuration(user_home=tmp_path)
    kept = configuration(user_home=tmp_path, mode="native")[".pi/agent/settings.json"]
    assert json.loads(kept) == {"defaultTools": ["read"]}


def test_native_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / ".pi/agent").mkdir(parents=True)
    (tmp_path / ".pi/agent/settings.json").write_text("{")
    with pytest.raises(ConfigError, match=r"settings\.json"):
        configuration(user_home=tmp_path, mode="native")


def test_native_copies_no_keys() -> None:
    names = {path.name for path in Pi().native_files}
    assert not names & {"auth.json", "models.json", "sessions"}


def message(**fields: Any) -> str:
    return json.dumps({"type": "message_end", "message": {"role": "assistant", **fields}}) + "\n"


def test_an_error_counts_if_nothing_came_after_it(tmp_path: Path) -> None:
    failed = message(stopReason="error", errorMessage="503 overloaded", usage={"input": 3})
    told = Pi().read(what_was_left(tmp_path, failed))
    assert told.error == "503 overloaded"
    told = Pi().read(what_was_left(tmp_path, failed + message(stopReason="stop", usage={"output": 2})))
    assert told.error is None
    assert told.usage is not None
    assert (told.usage.input_tokens, told.usage.output_tokens, told.usage.calls) == (3, 2, 2)


def test_its_cost_is_unknown(tmp_path: Path) -> None:
    told = Pi().read(what_was_left(tmp_path, message(usage={"input": 3, "cost": {"total": 0}})))
    assert told.usage is not None
    assert told.usage.cost_usd is None
