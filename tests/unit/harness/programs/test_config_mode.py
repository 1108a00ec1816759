"""``--adapter-config`` from the command line to a program's home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.cli.command import check_adapter_config
from skvm.cli.main import run as skvm
from skvm.errors import UsageError
from skvm.harness.contract import HARNESSES
from skvm.llm.fake import FakeServer
from tests.unit.harness.programs.conftest import Stage, answers, put

NAME = "fake-program"


def test_only_what_has_a_configuration_runs_with_the_users(stage: Stage) -> None:
    with HARNESSES.temporarily(NAME, stage.program):
        check_adapter_config([NAME, "bare-agent"], "managed")
        check_adapter_config([NAME], "native")
        with pytest.raises(UsageError, match="bare-agent has no configuration of its own"):
            check_adapter_config([NAME, "bare-agent"], "native")


@pytest.mark.parametrize("mode", ["managed", "native"])
def test_a_run_has_the_configuration_asked_for(
    stage: Stage, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = tmp_path / "user"
    (user / ".fake").mkdir(parents=True)
    (user / ".fake/agents.json").write_text("the user's agents")
    monkeypatch.setattr(Path, "home", lambda: user)
    task = tmp_path / "task"
    task.mkdir()
    (task / "task.json").write_text(json.dumps({"id": "t", "prompt": "Make hello.txt.", "eval": []}))
    cache = tmp_path / "cache"
    cache.mkdir()
    with (
        FakeServer.running(answers(put("hello.txt"))) as server,
        HARNESSES.temporarily(NAME, lambda: stage.program(behaviour="modes")),
    ):
        route = {"match": "fake/*", "kind": "openai-compatible", "apiKey": "k", "baseUrl": server.base_url}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        work = tmp_path / "work"
        code = skvm(
            [
                *("run", f"--task={task}", "--model=fake/m", f"--adapter={NAME}", f"--workdir={work}"),
                *(f"--adapter-config={mode}", f"--skvm-cache={cache}", f"--tmp-dir={stage.settings.tmp_dir}"),
                *("--sandbox=none", "--no-auto-probe"),
            ]
        )
    assert code == 0
    assert (work / "hello.txt").read_text() == "hello"
    assert (".fake/agents.json" in json.loads((work / "modes.json").read_text())) == (mode == "native")
