"""The server over its real transport: every tool, progress, cancelling, limits, and what may go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from tests.unit.mcp.conftest import Place, until, write_x

from skvm.cli.main import run as run_skvm
from skvm.llm.fake import FakeAnswer

pytestmark = pytest.mark.anyio

TOOLS = {
    "analyze", "bench", "bench_sessions", "compile", "doctor", "explain", "job", "job_cancel", "job_list",
    "lint", "optimize", "plan_run", "plan_show", "profile_list", "profile_measure", "profile_show",
    "proposals_diff", "proposals_list", "proposals_show", "run", "verify",
}  # fmt: skip
MODEL = "local/qwen2.5-coder-1.5b"


def hang(_: Any) -> FakeAnswer:
    return FakeAnswer(hang=True)


async def answer(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers that has to answer well."""
    told = await client.call_tool(tool, arguments)
    assert not told.is_error, told.content
    assert told.structured_content is not None
    return told.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says that has to refuse."""
    told = await client.call_tool(tool, arguments)
    assert told.is_error
    return str(told.content[0].text)


async def test_the_tools_there_are_and_those_that_look(place: Place) -> None:
    async with place.client() as client:
        assert "A person decides on proposals" in (client.instructions or "")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        lint = await answer(client, "lint", paths=["skills"])
        listed = await answer(client, "proposals_list")
    assert set(tools) == TOOLS
    assert not [name for name, tool in tools.items() if not tool.description or not tool.output_schema]
    assert not [name for name in tools if "accept" in name]
    looks = {name for name, tool in tools.items() if tool.annotations and tool.annotations.read_only_hint}
    assert {"run", "bench", "compile", "optimize", "plan_run", "profile_measure", "job_cancel"}.isdisjoint(
        looks
    )
    assert tools["run"].input_schema["required"] == ["task", "model"]
    assert (lint["state"], lint["exit_code"], lint["result"]["summary"]["skills"]) == ("done", 0, 1)
    assert listed["result"]["proposals"] == []


async def test_an_older_client_is_told_how_it_goes_and_waits_for_a_bench_in_parts(place: Place) -> None:
    arguments = {"tasks": ["tasks/t1"], "model": "fake/m", "wait_s": 0}
    async with place.client(mode="legacy") as client:
        ran = await client.call_tool(
            "run",
            {"task": "tasks/t1", "model": "fake/m", "skill": "skills/writer"},
            progress_callback=place.hear,
        )
        assert ran.structured_content is not None
        result = ran.structured_content["result"]
        assert (result["outcome"], result["score"], result["final_text"]) == ("scored", 1.0, "done")
        texts = [text for _, _, text in place.heard]
        assert texts[0] == "t1: starting"
        assert "t1: turn 1, write_file" in texts
        steps = [done for done, _, _ in place.heard]
        assert steps == sorted(set(steps))
        told = await answer(client, "bench", **arguments)
        assert (told["state"], told["result"]) == ("running", None)
        final = await client.call_tool(
            "job", {"job": told["job"], "wait_s": 60}, progress_callback=place.hear
        )
        assert final.structured_content is not None, final.content
        result = final.structured_content["result"]
        assert result["summary"]["perCondition"]["original"]["avgScore"] == 1.0
        assert "tasks" not in result
        assert final.structured_content["session"] == result["sessionId"]
        assert place.heard[-1][:2] == (2, 2)
        assert [job["state"] for job in (await answer(client, "job_list"))["jobs"]] == ["done", "done"]
        page = await client.read_resource(f"skvm://bench/{result['sessionId']}/report.json")
        assert json.loads(page.contents[0].text)["sessionId"] == result["sessionId"]
        skill = await client.read_resource("skvm://skills/skvm-general")
        assert "# Driving skvm" in skill.contents[0].text
        for uri in ("skvm://bench/nope/report.md", "skvm://bench/..%2F..%2Fx/report.md", "skvm://skills/x"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


async def test_a_call_that_is_cancelled_ends_its_command(place: Place) -> None:
    place.model = hang
    async with place.client() as client:
        async with anyio.create_task_group() as group:
            arguments = {"tasks": ["tasks/t1"], "model": "fake/m", "conditions": ["original"], "wait_s": 600}
            group.start_soon(client.call_tool, "bench", arguments)
            await until_one(client, "session")
            assert place.children()
            group.cancel_scope.cancel()
        job = await until_one(client, "over")
        assert (job["state"], place.children()) == ("cancelled", [])
        # The server goes on, and the session can be gone on with.
        told = await answer(client, "run", task="tasks/t1", model="fake/m", wait_s=0)
        await anyio.to_thread.run_sync(until, place.children, "it never began")
        assert (await answer(client, "job_cancel", job=told["job"]))["state"] == "cancelled"
        assert place.children() == []
        assert "was cancelled" in await refusal(client, "job", job=told["job"])
        assert "no job 'zzz'" in await refusal(client, "job", job="zzz")
        place.model = write_x
        resumed = await answer(client, "bench", resume=job["session"], wait_s=60)
        assert resumed["result"]["summary"]["perCondition"]["original"]["avgScore"] == 1.0


async def until_one(client: Client, what: str) -> Any:
    """The first job, once it has a session, or is over."""
    with anyio.fail_after(60):
        while True:
            for job in (await answer(client, "job_list"))["jobs"]:
                if job["session"] if what == "session" else job["state"] != "running":
                    return job
            await anyio.sleep(0.05)


async def test_what_is_refused_says_why_and_what_to_do(place: Place, tmp_path: Path) -> None:
    (place.root / "way-out").symlink_to("/etc")
    (tmp_path / "beside").mkdir()
    (place.root / "a,b").mkdir()
    # What a client writes is no configuration: it could say where keys are sent.
    (place.root / "skvm.config.json").write_text("{broken")
    async with place.client("--max-usd=2") as client:
        for path in (
            "/etc",
            "..",
            "../beside",
            "way-out",
            "way-out/ssh",
            "~",
            f"skills/writer/../../../{tmp_path.name}",
        ):
            said = await refusal(client, "lint", paths=[path])
            assert "outside" in said or "there is no" in said, path
        assert "skvm mcp --root DIR" in await refusal(client, "lint", paths=["/etc"])
        assert "comma" in await refusal(client, "compile", skill="a,b", model=MODEL)
        assert "no path" in await refusal(client, "lint", paths=["a\0b"])
        assert "there is no 'nope'" in await refusal(client, "lint", paths=["nope"])
        assert "is no id" in await refusal(client, "run", task="t1", model="m/--x,y")
        assert "is no id" in await refusal(client, "proposals_show", id="../../x")
        assert "is no name" in await refusal(client, "run", task="t", model="a/b", harness="acp:sh -c id")
        assert "is no name" in await refusal(client, "run", task="t", model="a/b", harness="acp:python3")
        assert "needs tasks and model" in await refusal(client, "bench")
        assert "leave all else out" in await refusal(client, "bench", resume="latest", model="fake/m")
        assert "from logs or from tasks" in await refusal(
            client, "optimize", skill="skills/writer", target_model="fake/m", optimizer_model="none"
        )
        unknown = await refusal(client, "proposals_show", id="bare-agent/m/s/nope")
        assert "proposals show failed (exit code 2): 'nope' is no stamp of a proposal" in unknown
        assert "\nhelp: an id is harness/model/skill/stamp" in unknown
        assert place.children() == []


@contextmanager
def raw_server(place: Place) -> Iterator[subprocess.Popen[str]]:
    """A server without a client; it has said hello."""
    process = subprocess.Popen(
        [sys.executable, *place.arguments],
        env={**os.environ, **place.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "0"},
        }
        ask(process, {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "skvm"
        ask(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], message: Any) -> None:
    assert process.stdin is not None
    process.stdin.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
    process.stdin.flush()


GARBAGE: tuple[Any, ...] = (
    "nonsense", "", "[]", "null", '{"jsonrpc": "1.0"}', "\ud7ff\u0000", "x" * 200_000, "{" * 5000,
    {"jsonrpc": "2.0", "id": 1, "method": "no/such"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "nope", "arguments": {}}},
    {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "lint", "arguments": {}}},
    {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": "x"},
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}},
)  # fmt: skip


def test_garbage_ends_nothing_and_nothing_but_the_protocol_is_written(place: Place) -> None:
    with raw_server(place) as process:
        for line in GARBAGE:
            ask(process, line)
        call = {"name": "explain", "arguments": {"code": "SKV401"}}
        ask(process, {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": call})
        told = {}
        while 5 not in told:
            message = json.loads(process.stdout.readline())
            told[message.get("id")] = message
        assert {1, 2, 3} <= told.keys()
        assert "result" in told[5]
        rest, _ = process.communicate(timeout=30)
        assert (rest, process.returncode) == ("", 0)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_commands_end_with_their_server(place: Place, end: signal.Signals) -> None:
    place.model = hang
    with raw_server(place) as process:
        call = {"name": "run", "arguments": {"task": "tasks/t1", "model": "fake/m", "wait_s": 600}}
        ask(process, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        until(place.children, "it never began")
        process.send_signal(end)
        until(lambda: not place.children(), "it outlived its server")
        assert process.wait(30) == (-9 if end is signal.SIGKILL else 130)


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run_skvm(["mcp"]) == 2
    told = capsys.readouterr()
    assert (told.out, "help: pip install 'skvm[mcp]'" in told.err) == ("", True)


def test_a_root_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_skvm(["mcp", "--root", "/no/such"]) == 2
    assert "--root /no/such: there is no such folder" in capsys.readouterr().err
