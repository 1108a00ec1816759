"""``skvm run --plan`` as a user calls it, on a scripted model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skvm.cli.main import run as skvm
from skvm.llm.fake import FakeAnswer, FakeServer
from tests.unit.runtime.plan.driving.skills import lay_skill, lay_tickets


def answer(body: dict[str, Any]) -> FakeAnswer:
    words = str(body["messages"][-1]["content"])
    if "Do it for this one" not in words:
        return FakeAnswer("All are labelled.")
    return FakeAnswer("bug" if "It broke" in words else "wish")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    cache, task = tmp_path / "cache", tmp_path / "t"
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    cache.mkdir()
    lay_tickets(task / "fixtures")
    lay_skill(tmp_path / "tickets")
    tallied = {
        "method": "file-check",
        "id": "n",
        "path": "tally.txt",
        "mode": "contains",
        "expected": "4 bug",
    }
    (task / "task.json").write_text(json.dumps({"id": "t", "prompt": "Label them.", "eval": [tallied]}))
    with FakeServer.running(answer) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield SimpleNamespace(server=server)


def go(*more: str) -> int:
    return skvm(["run", "--task=t", "--model=fake/m", "--no-auto-probe", *more])


@pytest.mark.parametrize("arm", ["auto", "serial", "parallel"])
def test_a_plan_is_followed(place: SimpleNamespace, capsys: pytest.CaptureFixture[str], arm: str):
    assert go("--skill=tickets", f"--plan={arm}", "--json") == 0

    told = capsys.readouterr()
    assert "plan: 2 of 2 steps done in" in told.err
    assert skvm(["plan", "trace", re.findall(r"plan trace (\S+)`", told.err)[0], "--json"]) == 0
    shown = json.loads(told.out)
    assert (shown["outcome"], shown["score"], shown["final_text"]) == ("scored", 1.0, "All are labelled.")
    assert shown["usage"]["calls"] == len(place.server.requests) == 9


def test_a_plan_needs_a_skill(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    assert go("--plan=auto") == 2
    assert "--skill" in capsys.readouterr().err


def test_a_run_that_follows_no_plan_says_so(place: SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    assert go("--skill=tickets", "--skill-mode=discover", "--plan=auto") == 0

    told = capsys.readouterr()
    assert "plan: not followed: the model is to find the skill itself" in told.out + told.err


@pytest.mark.parametrize(("adapter", "calls"), [("bare-agent", 1 + 9), ("shell-agent", 1 + 9)])
def test_a_bench_follows_plans_where_there_is_a_skill(
    place: SimpleNamespace, capsys: pytest.CaptureFixture[str], adapter: str, calls: int
):
    what = ["--tasks=t", "--skill=tickets", "--conditions=no-skill,original", "--plan=parallel"]

    assert skvm(["bench", *what, "--model=fake/m", f"--adapter={adapter}", "--no-auto-probe"]) == 0
    capsys.readouterr()

    assert len(place.server.requests) == calls
