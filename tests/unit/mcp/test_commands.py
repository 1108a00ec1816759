"""What each tool makes of its arguments: a command line that exists, within what the server allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from mcp import Client

from skvm.cli.main import cli
from skvm.mcp.children import Ended, Heard, run_command
from skvm.mcp.ground import Ground
from skvm.mcp.jobs import Jobs
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
