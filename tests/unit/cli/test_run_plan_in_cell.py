"""A skill is compiled and run, and its model does as the text says: the plan runs in the cell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skvm.cli.main import run as skvm
from skvm.harness.programs.scripted import tool_results
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.confinement import CONFINING, working
from tests.conftest import REPO
from tests.unit.compiler.making import make_profile

PLANS = REPO / "examples" / "plans"
RUN = "skvm plan run plan.json --jobs 2"


def model(body: dict[str, Any]) -> FakeAnswer:
    """Does what the text says, once."""
    told = json.dumps(body["messages"])
    if tool_results(body) or "skvm plan run plan.json" not in told:
        return FakeAnswer("They are not ready.")
    return FakeAnswer("", [FakeToolCall("execute_command", {"command": RUN})])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A cache with a route to a scripted model, and the variant pass 3 makes of an example."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    cache.mkdir()
    shutil.copytree(PLANS / "skills" / "build-checks", tmp_path / "build-checks")
    profile = make_profile("L3").model_copy(update={"model": "fake/m", "harness": "bare-agent"})
    (tmp_path / "profile.json").write_text(profile.model_dump_json(by_alias=True))
    compiled = ["--skill=build-checks", "--model=fake/m", "--profile=profile.json", "--pass=3"]
    assert skvm(["aot-compile", *compiled, "--compiler-model=none", "--no-lock"]) == 0
    [plan] = (cache / "proposals").rglob("plan.json")
    with FakeServer.running(model) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield SimpleNamespace(variant=plan.parent, server=server)


@pytest.mark.parametrize("sandbox", CONFINING)
def test_a_compiled_skill_is_run_by_its_plan(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str], sandbox: str
) -> None:
    working(sandbox)
    task = f"--task={PLANS / 'tasks' / 'build-checks-handbook'}"
    given = [task, "--model=fake/m", f"--skill={place.variant}", f"--sandbox={sandbox}"]
    capsys.readouterr()
    assert skvm(["run", *given, "--permissions=enforce", "--no-auto-probe", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["outcome"], shown["condition"]) == ("scored", "aot-compiled")
    assert shown["score"] == 1.0
    assert shown["notes"] == []
    assert shown["usage"]["calls"] == len(place.server.requests) == 2
    assert skvm(["plan", "trace", "--json"]) == 0
    trace = json.loads(capsys.readouterr().out)
    assert (trace["harness"], trace["model"], trace["ended"]) == ("bare-agent", "fake/m", "done")
    assert trace["states"] == {"done": 5}
    assert trace["mostAtOnce"] == 2
