"""How Claude Code is started, and what of its last event is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skvm.evidence.record import Usage
from skvm.harness.adapters.claude_code import ClaudeCode
from skvm.harness.contract import SkillMode
from skvm.harness.trajectory import ToolKind
from skvm.settings import AdapterSettings
from tests.unit.harness.adapters.making import BODY, TOKEN, a_setting, a_skill, what_was_left

AGENT = ClaudeCode()


def result(**fields: Any) -> str:
    event = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "Done.",
        "total_cost_usd": 0.25,
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "modelUsage": {
            "some-model": {
                "inputTokens": 100,
                "outputTokens": 20,
                "cacheReadInputTokens": 7,
                "cacheCreationInputTokens": 3,
            },
            "a-helper": {"inputTokens": 10, "outputTokens": 2},
        },
    }
    return json.dumps({**event, **fields}) + "\n"


def answer(id: str) -> str:
    return json.dumps({"type": "assistant", "message": {"id": id, "role": "assistant"}}) + "\n"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("local/qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("openrouter/anthropic/claude-haiku-4.5", "claude-haiku-4-5"),
        ("plain", "plain"),
    ],
)
def test_a_model_has_the_name_the_program_knows(model: str, name: str) -> None:
    launch = AGENT.launch(a_setting(model=model))
    assert launch.argv[launch.argv.index("--model") + 1] == name
    assert launch.env["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == name


def test_it_is_pointed_at_the_door() -> None:
    launch = AGENT.launch(a_setting())
    assert launch.env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8018"
    assert launch.env["ANTHROPIC_AUTH_TOKEN"] == TOKEN
    assert launch.env["CLAUDE_CONFIG_DIR"] == "/run/home/.claude"
    assert launch.stdin == b"Make hello.txt."
    assert launch.work_files == {}


def test_nothing_of_the_work_directory_configures_a_managed_run() -> None:
    argv = list(AGENT.launch(a_setting()).argv)
    assert argv[argv.index("--setting-sources") + 1] == "user"
    assert "--setting-sources" not in AGENT.launch(a_setting(mode="native")).argv


def test_an_injected_skill_is_a_file_it_is_told_of() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.INJECT), bundle={"words.md": b"hello"}))
    argv = list(launch.argv)
    place = argv[argv.index("--append-system-prompt-file") + 1]
    assert BODY in launch.home_files[place.removeprefix("/run/home/")].decode()
    assert not any("words.md" in name for name in launch.home_files)


def test_a_listed_skill_lies_among_the_users_own() -> None:
    launch = AGENT.launch(a_setting(skill=a_skill(SkillMode.DISCOVER), bundle={"words.md": b"hello"}))
    assert BODY in launch.home_files[".claude/skills/greet/SKILL.md"].decode()
    assert launch.home_files[".claude/skills/greet/words.md"] == b"hello"
    assert "--append-system-prompt-file" not in launch.argv


def test_arguments_of_the_configuration_come_last() -> None:
    launch = AGENT.launch(a_setting(options=AdapterSettings(extra_args=("--bare", "--effort", "low"))))
    assert list(launch.argv[-3:]) == ["--bare", "--effort", "low"]


def test_the_users_settings_lose_what_leads_to_another_endpoint(tmp_path: Path) -> None:
    folder = tmp_path / ".claude"
    folder.mkdir()
    theirs = {
        "apiKeyHelper": "cat /secret",
        "env": {
            "ANTHROPIC_API_KEY": "sk-planted",
            "ANTHROPIC_BASE_URL": "https://elsewhere.example",
            "MY_TOKEN": "planted",
            "HTTPS_PROXY": "http://elsewhere.example",
            "BASH_MAX_TIMEOUT_MS": "1000",
        },
        "includeCoAuthoredBy": False,
    }
    (folder / "settings.json").write_text(json.dumps(theirs))
    launch = AGENT.launch(a_setting(mode="native", user_home=tmp_path))
    kept = json.loads(launch.home_files[".claude/settings.json"])
    assert kept == {"env": {"BASH_MAX_TIMEOUT_MS": "1000"}, "includeCoAuthoredBy": False}
    assert json.loads((folder / "settings.json").read_text()) == theirs


def test_credentials_are_not_among_what_is_copied() -> None:
    names = {path.name for path in AGENT.native_files}
    assert "CLAUDE.md" in names
    assert not names & {".credentials.json", ".claude.json"}


@pytest.mark.parametrize("written", [b"{broken", b"[1]", b"\xff"])
def test_settings_that_cannot_be_read_do_not_reach_the_cell(tmp_path: Path, written: bytes) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_bytes(written)
    launch = AGENT.launch(a_setting(mode="native", user_home=tmp_path))
    assert launch.home_files[".claude/settings.json"] == b"{}"


def test_its_usage_is_that_of_all_models(tmp_path: Path) -> None:
    # One answer is told in several events, one for each of its parts.
    told = AGENT.read(what_was_left(tmp_path, answer("a") + answer("a") + answer("b") + result()))
    assert told.final_text == "Done."
    assert told.error is None
    assert told.usage == Usage(
        input_tokens=110,
        output_tokens=22,
        cache_read_tokens=7,
        cache_write_tokens=3,
        calls=2,
        cost_usd=0.25,
    )


def test_a_price_it_guessed_is_unknown(tmp_path: Path) -> None:
    models = {"qwen": {"inputTokens": 5, "costUSD": 0.1, "costBasis": "unknown"}}
    told = AGENT.read(what_was_left(tmp_path, result(modelUsage=models)))
    assert told.usage is not None
    assert told.usage.cost_usd is None


def test_its_own_limit_of_turns_is_no_error(tmp_path: Path) -> None:
    told = AGENT.read(
        what_was_left(tmp_path, result(subtype="error_max_turns", is_error=True, result=None), exit_code=1)
    )
    assert told.is_step_limit
    assert told.error is None
    assert told.final_text is None


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Invalid API key · Please run /login", "--adapter-config=managed"),
        ("API Error: 404 not found", "route"),
        ("API Error: 429 too many", "later"),
        ("Something else", None),
    ],
)
def test_an_error_is_told_with_the_way_out(tmp_path: Path, said: str, hint: str | None) -> None:
    told = AGENT.read(what_was_left(tmp_path, result(is_error=True, result=said), exit_code=1))
    assert told.error == said
    assert told.final_text is None
    assert (hint in (told.hint or "")) if hint else told.hint is None


def test_an_error_without_words_has_its_kind(tmp_path: Path) -> None:
    printed = result(subtype="error_during_execution", is_error=True, result=None, errors=["it broke"])
    assert AGENT.read(what_was_left(tmp_path, printed)).error == "it broke"
    printed = result(subtype="error_during_execution", is_error=True, result=None)
    assert AGENT.read(what_was_left(tmp_path, printed)).error == "error_during_execution"


def test_a_run_that_was_cut_short_has_told_nothing(tmp_path: Path) -> None:
    told = AGENT.read(what_was_left(tmp_path, answer("a") + result()[:50], exit_code=None))
    assert (told.final_text, told.usage, told.error) == (None, None, None)


def test_its_tools() -> None:
    kinds = {name: AGENT.tools.kind_of(name, {}) for name in ("Bash", "Read", "Edit", "Write", "Skill")}
    assert kinds == {
        "Bash": ToolKind.RUN,
        "Read": ToolKind.READ,
        "Edit": ToolKind.EDIT,
        "Write": ToolKind.WRITE,
        "Skill": ToolKind.OTHER,
    }
    assert AGENT.tools.renamed["Write"]["file_path"] == "path"
