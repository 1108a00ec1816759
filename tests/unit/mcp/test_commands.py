"""What each tool makes of its arguments: a command line that exists, within what the server allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from mcp import Client

from skvm.cli.main import cli
from skvm.errors import UsageError
from skvm.mcp.children import Ended, Heard, run_command
from skvm.mcp.ground import Ground, harness_name
from skvm.mcp.jobs import AT_ONCE, MAX_DOCUMENT_CHARS, Jobs
from skvm.mcp.server import make_server
from skvm.settings import load_settings

pytestmark = pytest.mark.anyio

RUN = {"run_id": "r", "outcome": "scored"}
TARGET = {"model": "fake/m", "harness": "shell-agent"}
CALLS: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "doctor": ({}, {"ok": True, "checks": []}, ["doctor"]),
    "lint": ({"paths": ["s", "s"], "strict": True}, {"skills": [], "summary": {}}, ["--strict", "{root}/s"]),
    "analyze": ({"paths": ["s"]}, {"skills": 1, "kinds": {}}, ["{root}/s"]),
    "explain": ({"code": "SKV203"}, {"code": "SKV203"}, ["SKV203"]),
    "profile_list": ({}, {"profiles": []}, ["profile", "list"]),
    "profile_show": (
        {**TARGET, "primitives": ["tool.exec", "gen.regex"]},
        {"profiles": []},
        ["--model=fake/m", "--adapter=shell-agent", "--primitives=tool.exec,gen.regex"],
    ),
    "verify": ({"variant": "s", "skill": "s"}, {"holds": True}, ["--skill={root}/s", "{root}/s"]),
    "plan_show": ({"plan": "s", **TARGET}, {"plan": {}}, ["plan", "show", "--model=fake/m"]),
    "bench_sessions": ({}, [], ["--list-sessions"]),
    "proposals_list": ({"skill": "s", **TARGET}, {"proposals": []}, ["--skill=s", "--target-model=fake/m"]),
    "proposals_show": ({"id": "h/m/s/t", "round": 1}, {}, ["--round=1", "h/m/s/t"]),
    "proposals_diff": ({"id": "h/m/s/t", "round": 0}, {}, ["--round=0", "h/m/s/t"]),
    "profile_measure": (
        {**TARGET, "primitives": ["tool.exec"], "estimate_only": True, "max_usd": 9, "max_tokens": 5},
        {"estimates": []},
        ["--estimate", "--max-usd=3", "--max-tokens=5", "--sandbox=none"],
    ),
    "compile": (
        {"skill": "s", **TARGET, "passes": "1,2", "dry_run": True, "lock": False, "max_usd": 1},
        {"compiled": [{"variant": "v", "proof": {}}]},
        ["--skill={root}/s", "--pass=1,2", "--dry-run", "--no-lock", "--compiler-model=none", "--max-usd=1"],
    ),
    "run": (
        {"task": "t", **TARGET, "skill": "s", "skill_mode": "discover", "workdir": "new", "max_steps": 3},
        RUN,
        ["--task={root}/t", "--skill-mode=discover", "--workdir={root}/new", "--max-usd=3", "--sandbox=none"],
    ),
    "plan_run": (
        {"plan": "s", "workdir": "t", "prompt": "--yes", "done": ["1.1", "1.2"], "dry_run": True},
        {"states": {}},
        ["--prompt=--yes", "--done=1.1", "--done=1.2", "--dry-run", "--sandbox=none", "{root}/s"],
    ),
    "bench": (
        {"tasks": ["t", "an-id"], **TARGET, "skill": "s", "runs_per_task": 2, "dry_run": True},
        {"sessionId": "x", "tasks": [1]},
        ["--tasks={root}/t,an-id", "--conditions=no-skill,original", "--runs-per-task=2", "--dry-run"],
    ),
    "optimize": (
        {"skill": "s", "target_model": "fake/m", "optimizer_model": "none", "logs": ["t"], "budget_runs": 7},
        {"proposal": "p"},
        ["--task-source=log", "--logs={root}/t", "--optimizer-model=none", "--budget-runs=7", "--detach"],
    ),
}
WITHOUT_A_COMMAND = {"job", "job_cancel", "job_list"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Recorder:
    """Takes command lines, and answers what it is told to."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = []
        self.document: Any = None

    async def __call__(self, arguments: list[str], **_: Any) -> Ended:
        """Run nothing."""
        self.lines.append(list(arguments))
        return Ended(0, self.document, (), None)


def parse(words: list[str]) -> None:
    """Let click read a command line; raises what it says of a wrong one."""
    context = click.Context(cli, info_name="skvm")
    found: click.Command = cli
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        name, inner, words = found.resolve_command(context, words)
        assert inner is not None
        context = click.Context(inner, info_name=name, parent=context)
        found = inner
    found.make_context(found.name, words, parent=context.parent)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("s", "t"):
        (tmp_path / name).mkdir()
    return tmp_path.resolve()


async def test_every_tool_is_a_command(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr("skvm.mcp.jobs.run_command", recorder)
    ground = Ground(load_settings(), (root,), ("--no-auto-probe",), "none", 3.0)
    async with Client(make_server(ground, Jobs(root))) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {*CALLS, *WITHOUT_A_COMMAND}
        for tool, (arguments, document, wanted) in CALLS.items():
            recorder.document = document
            told = await client.call_tool(tool, arguments)
            assert not told.is_error, (tool, told.content)
            line = recorder.lines.pop()
            parse(line)
            missing = {"--json", "--no-auto-probe", *(word.format(root=root) for word in wanted)} - set(line)
            assert not missing, (tool, line)
            assert told.structured_content is not None
            said = str(told.structured_content["result"])
            assert "proof" not in said
            assert "'tasks': [1]" not in said


async def test_what_a_command_says_on_its_way_is_told_apart(tmp_path: Path) -> None:
    heard: list[Heard] = []
    sessions: list[str] = []
    program = tmp_path / "skvm"
    (program / "cli").mkdir(parents=True)
    for name in ("__init__.py", "cli/__init__.py"):
        (program / name).write_text("")
    (program / "cli/followed.py").write_text(
        "import sys\n"
        "def main():\n"
        "    w = sys.stderr.write\n"
        '    w(\'{"session": "s1"}\\n{"progress": {"done": 1, "total": null, "text": "a"}}\\n\')\n'
        '    w(\'{"progress": 7}\\n{"progress": {"done": "x"}}\\n{"progress": \\n\')\n'
        "    w('a note\\n' + 'y' * 200000 + '\\n' + 'last')\n"
        "    print('{\"a\": 1}')\n"
        "    sys.exit(3)\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    ended = await run_command(["x"], cwd=tmp_path, tell=heard.append, env=env, note_session=sessions.append)
    assert (ended.exit_code, ended.document, ended.session, sessions) == (3, {"a": 1}, "s1", ["s1"])
    assert heard == [Heard(1.0, None, "a")]
    assert ended.notes[-1] == "last"
    assert "a note" in ended.notes
    assert max(map(len, ended.notes)) <= 2000


async def told(client: Client, tool: str, **arguments: Any) -> Any:
    return await client.call_tool(tool, arguments)


def test_what_we_keep_is_no_place_to_work_in(tmp_path: Path) -> None:
    """A root around the cache, as where a client starts its server in somebody's home."""
    home = tmp_path.resolve()
    settings = load_settings(cache_dir=str(home / ".skvm"))
    tasks = home / "dataset"
    (home / "work").mkdir()
    (settings.proposals_dir / "aot-compile/v").mkdir(parents=True)
    (tasks / "t").mkdir(parents=True)
    ground = Ground(replace(settings, data_dir=tasks), (home,))
    for place in (".", "", ".skvm", ".skvm/new", str(settings.proposals_dir / "aot-compile/v"), "dataset/t"):
        with pytest.raises(UsageError, match="workdir: "):
            ground.workdir(place, must_exist=False)
    (home / "link").symlink_to(home / ".skvm")
    with pytest.raises(UsageError, match="what skvm keeps"):
        ground.workdir("link/sub", must_exist=False)
    assert ground.workdir("work") == str(home / "work")
    # To be read they may still be named.
    assert ground.path(str(tasks / "t"), "task") == str(tasks / "t")


def test_no_command_is_a_harness() -> None:
    for name in ("bare-agent", "codex", "acp:opencode", "acp:qwen-code"):
        assert harness_name(name) == name
    for name in ("acp:python3", "acp:reboot", "acp:", "acp:a:b", "sh:opencode", "sh -c id"):
        with pytest.raises(UsageError, match="is no name"):
            harness_name(name)


async def test_what_cannot_be_started_ends_nothing_else(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(arguments: list[str], **_: Any) -> Ended:
        raise ValueError("embedded null byte")

    ground = Ground(load_settings(), (root,), (), "none")
    async with Client(make_server(ground, Jobs(root))) as client:
        said = await told(client, "plan_run", plan="s", workdir="t", prompt="a\0b")
        assert "zero byte" in said.content[0].text
        monkeypatch.setattr("skvm.mcp.jobs.run_command", fail)
        said = await told(client, "lint", paths=["s"])
        assert "lint could not be run: ValueError: embedded null byte" in said.content[0].text
        assert not (await told(client, "job_list")).is_error


async def test_a_skill_that_cannot_be_read_has_no_id(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr("skvm.mcp.jobs.run_command", recorder)
    recorder.document = {"skills": [{"path": "s", "id": None, "diagnostics": []}], "summary": {"skills": 1}}
    async with Client(make_server(Ground(load_settings(), (root,)), Jobs(root))) as client:
        said = await told(client, "lint", paths=["s"])
        assert not said.is_error, said.content
        assert said.structured_content["result"]["skills"][0]["id"] is None


async def test_looking_does_not_wait_for_work(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(arguments: list[str], **_: Any) -> Ended:
        if arguments[0] == "run":
            await anyio.sleep_forever()
        return Ended(0, {"ok": True, "checks": []}, (), None)

    monkeypatch.setattr("skvm.mcp.jobs.run_command", work)
    async with Client(make_server(Ground(load_settings(), (root,)), Jobs(root))) as client:
        for _ in range(AT_ONCE + 1):
            said = await told(client, "run", task="t", model="fake/m", wait_s=0)
            assert said.structured_content["state"] == "running"
        with anyio.fail_after(30):
            assert not (await told(client, "doctor")).is_error


async def test_what_is_too_large_is_neither_sent_nor_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr("skvm.mcp.jobs.run_command", recorder)
    large = "x" * MAX_DOCUMENT_CHARS
    jobs = Jobs(root)
    async with Client(make_server(Ground(load_settings(), (root,)), jobs)) as client:
        recorder.document = {"skills": [], "summary": {}, "more": large}
        said = await told(client, "lint", paths=["s"])
        assert "the answer of lint is too large\nhelp: ask for less" in said.content[0].text
        # Of a bench single runs are left out first.
        recorder.document = {"sessionId": "b", "tasks": [large]}
        said = await told(client, "bench", tasks=["t"], model="fake/m")
        assert said.structured_content["result"]["sessionId"] == "b"
    assert large not in str([job.ended for job in jobs.all()])
