"""``skvm plan run`` with a model for the steps that commands cannot do."""

import json
from functools import partial

import pytest

from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.unit.cli.plans import log_of, logged, plan_run, step, write_plan


@pytest.fixture
def work(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def skvm(capsys):
    """Run ``skvm plan run …``: exit code, standard output, standard error."""
    return partial(plan_run, capsys)


def answer(body):
    """An agent that writes the file its step names, then says so."""
    if any(message["role"] == "tool" for message in body["messages"]):
        return FakeAnswer("It is done.")
    return FakeAnswer("", [FakeToolCall("execute_command", {"command": "echo by hand > b.txt"})])


def test_with_a_model_nothing_is_left(tmp_path, work, skvm, monkeypatch):
    path = write_plan(
        tmp_path,
        step("1.1", f"{logged('one')}; echo a > a.txt", writes=["a.txt"]),
        step("1.2", after=["1.1"], is_open=True),
        step("1.3", f"{logged('three')}; cat a.txt b.txt > c.txt", after=["1.2"], writes=["c.txt"]),
    )
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    skvm(path)
    with FakeServer.running(answer) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        code, out, said = skvm(path, "--model=fake/m", "--no-auto-probe", "--json")
    told = json.loads(out)
    assert code == 0, said
    assert told["states"] == {"done": 3}
    # What commands did before the model came stays done.
    assert log_of(work) == ["one", "three"]
    assert (work / "c.txt").read_text() == "a\nby hand\n"
    assert told["steps"][1]["usage"]["calls"] == 2


def test_a_ceiling_that_is_reached_fails_the_step_and_says_so(tmp_path, work, skvm, monkeypatch):
    path = write_plan(tmp_path, step("1.1", is_open=True), step("1.2", logged("two")))
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    with FakeServer.running(answer) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        code, out, _ = skvm(path, "--model=fake/m", "--no-auto-probe", "--max-tokens=1")
        assert code == 1
        assert "failed      1.1" in out
        assert "--max-tokens 1" in out.splitlines()[-1]
        code, out, _ = skvm(path, "--model=fake/m", "--no-auto-probe")
    assert code == 0
    assert "2 model calls" in out
