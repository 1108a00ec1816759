"""No key of ours reaches a program: not by its files, its arguments, its variables, nor what can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.evidence.record import Outcome
from tests.unit.harness.programs.conftest import KEY, Stage, answers, put

pytestmark = pytest.mark.anyio

IN_ENV = "sk-or-v1-inenvironment0123456789abcdef"
IN_CONFIG = "sk-ant-inconfiguration0123456789abcdef"
EVERYWHERE = "/root /home /tmp /etc /var /run /opt /srv /dev/shm"


@pytest.fixture
def planted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Keys where people keep them: a variable, the configuration, a file of the user's home."""
    monkeypatch.setenv("OPENROUTER_API_KEY", IN_ENV)
    cache = stage.settings.cache_dir
    cache.mkdir(parents=True)
    route = {"match": "ant/*", "kind": "anthropic", "apiKey": IN_CONFIG}
    (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
    # Beside the folders of the run, where every user of the machine may read it.
    beside = stage.settings.tmp_dir.parent / "auth.json"
    beside.write_text(json.dumps({"key": IN_CONFIG}))
    beside.chmod(0o644)
    return stage


def token_in(world: str) -> str:
    lines = (line for line in world.splitlines() if line.startswith("{") and '"token"' in line)
    return str(json.loads(next(lines))["token"])


@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock", "none"])
async def test_no_key_is_to_be_found_in_the_world_of_a_program(planted: Stage, sandbox: str) -> None:
    planted.sandbox = sandbox
    # Without walls a program reads what we may read; but nothing is handed to it.
    folders = "" if sandbox == "none" else EVERYWHERE
    done = await planted.run(planted.program(behaviour=f"dump {folders}"))
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    # The key was used, on our side of the door.
    assert done.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    world = done.files["world.txt"]
    assert "FAKE_COLOUR" in world
    assert '"token":' in world
    assert len(world) > 1000
    for key in (KEY, IN_ENV, IN_CONFIG):
        assert key not in world
        assert key not in str(done.told)


async def test_no_key_and_no_token_is_kept(planted: Stage) -> None:
    agent = planted.program(behaviour="dump")
    done = await planted.run(agent)
    token = token_in(done.files["world.txt"])
    assert len(token) > 30
    # Neither in the journal nor in a log, a blob or a folder left behind; the configuration is the user's.
    for path in planted.settings.cache_dir.rglob("*"):
        if path.is_file() and path.name != "skvm.config.json":
            data = path.read_bytes()
            for secret in (KEY, IN_ENV, IN_CONFIG, token):
                assert secret.encode() not in data, path
    assert planted.left == []


async def test_a_token_is_good_for_its_own_run_alone(stage: Stage) -> None:
    tokens = set()
    for _ in range(2):
        done = await stage.run(stage.program(behaviour="dump"), answers(put("hello.txt")))
        tokens.add(token_in(done.files["world.txt"]))
    assert len(tokens) == 2


async def test_files_of_the_home_are_closed_to_others(any_stage: Stage) -> None:
    done = await any_stage.run(any_stage.program(behaviour="modes"))
    modes = json.loads(done.files["modes.json"])
    assert modes["."] == modes[".fake"] == "0o700"
    assert modes[".fake/config.json"] == "0o600"


async def test_the_native_configuration_is_copied_and_never_written(
    any_stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "user"
    (home / ".fake/notes").mkdir(parents=True)
    (home / ".fake/agents.json").write_text("the user's agents")
    (home / ".fake/notes/one.md").write_text("a note")
    (home / ".fake/sessions").write_text("nothing a run is to see")
    monkeypatch.setattr(Path, "home", lambda: home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    agent = any_stage.program(behaviour="modes")
    done = await any_stage.run(agent, config_mode="native")
    assert done.record.outcome is Outcome.SCORED, done.record.detail
    assert set(json.loads(done.files["modes.json"])) == {
        *(".", ".fake", ".fake/agents.json", ".fake/config.json", ".fake/notes", ".fake/notes/one.md")
    }
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


async def test_native_without_a_configuration_says_so(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skvm.errors import ConfigError

    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nobody")
    with pytest.raises(ConfigError, match="no configuration of yours"):
        await stage.run(config_mode="native")
    assert stage.left == []
