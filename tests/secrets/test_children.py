"""No key reaches a child: not by its variables or arguments, nor by those of any process it can see."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skvm.bench.dataset import fetch_dataset
from skvm.cli.main import run as skvm
from skvm.errors import SkvmError
from skvm.evidence.redact import without_provider_keys
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.confinement import working
from tests.secrets.planting import KEYS
from tests.unit.cli.plans import step, write_plan

# Such that the one who looks does not find itself.
LOOK = "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'"
SEEN = f"({LOOK}) | grep -a '[c]nry' | sed s/[c]nry/found/"
NAMES = {
    "literal": None,
    "variable": "MODEL_ACCESS",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}


def answer(body: dict) -> FakeAnswer:
    if any(message.get("role") == "tool" for message in body["messages"]):
        return FakeAnswer("done")
    return FakeAnswer("", [FakeToolCall("execute_command", {"command": f"{SEEN} > agent.seen"})])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, variable in NAMES.items():
        if variable:
            monkeypatch.setenv(variable, KEYS[name])
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").mkdir()
    with FakeServer.running(answer) as server:
        route = {
            "match": "lit/*",
            "kind": "openai-compatible",
            "apiKey": KEYS["literal"],
            "baseUrl": server.base_url,
        }
        path = tmp_path / "cache" / "skvm.config.json"
        path.write_text(json.dumps({"providers": {"routes": [route]}}))
        path.chmod(0o600)
        yield tmp_path


@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock", "none"])
def test_neither_setup_nor_agent_nor_grader_is_given_a_key(
    place: Path, sandbox: str, capsys: pytest.CaptureFixture[str]
):
    working(sandbox)
    # Without a sandbox processes see each other; what they are given is the same.
    look = SEEN if sandbox != "none" else SEEN.replace(LOOK, "env")
    task = place / "task"
    (task / "fixtures").mkdir(parents=True)
    (task / "fixtures" / "_setup.sh").write_text(f"{look} > setup.seen\n")
    grader = f"{look} > grader.seen; cat setup.seen grader.seen; test ! -s setup.seen -a ! -s grader.seen"
    python = (
        "import os\n\ndef grade(transcript, workspace_path):\n"
        "    return {'nothing': 0.0 if any('cn' + 'ry' in value for value in os.environ.values()) else 1.0}\n"
    )
    grades = [
        {"method": "script", "id": "script", "command": grader},
        {"method": "custom", "id": "python", "evaluatorId": "python-grade", "payload": python},
    ]
    if sandbox != "none":
        grades.append({"method": "script", "id": "agent", "command": "cat agent.seen; test ! -s agent.seen"})
    (task / "task.json").write_text(json.dumps({"id": "t", "prompt": "Look", "eval": grades}))
    code = skvm(["run", "--task=task", "--model=lit/m", f"--sandbox={sandbox}", "--no-auto-probe", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0, told
    assert {each["id"]: each["score"] for each in told["criteria"]} == dict.fromkeys(
        [each["id"] for each in grades], 1.0
    ), told["criteria"]


def test_the_commands_of_a_plan_are_given_none(place: Path, capsys: pytest.CaptureFixture[str]):
    write_plan(place, step("1.1", f"{SEEN} > plan.seen; test ! -s plan.seen"))
    assert skvm(["plan", "run", "plan.json", "--sandbox=auto", "--json"]) == 0, capsys.readouterr()


def test_programs_of_this_machine_are_given_no_providers_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\nexit 1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENAI_API_KEY", KEYS["openai"])
    monkeypatch.setenv("GIT_TOKEN", "stays")
    with pytest.raises(SkvmError):
        fetch_dataset(tmp_path / "data", url="https://example.invalid/x.git")
    seen = (tmp_path / "seen").read_text()
    assert "cnry" not in seen
    assert "GIT_TOKEN=stays" in seen
    assert without_provider_keys({"anthropic_api_key": "x", "ANTHROPIC_AUTH_TOKEN": "x", "A": "b"}) == {
        "A": "b"
    }
