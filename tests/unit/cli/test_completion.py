"""What a shell completes, asked as bash asks it, in a real bash where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from skvm.cli import completing
from skvm.cli.main import COMMANDS, cli
from skvm.cli.main import run as run_skvm
from skvm.harness.contract import HARNESSES
from skvm.target.contract import PRIMITIVES

HEAVY = ("pydantic", "pydantic_ai", "openai", "rich", "yaml", "httpx2", "numpy", "scipy", "mcp")
STAMP = "20261122T010203004Z"
SESSION = "20261122-010203-bench-m"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    (cache / f"proposals/jit-optimize/bare-agent/fake--m/writer/{STAMP}").mkdir(parents=True)
    for name in (SESSION, f"{SESSION}2"):
        (cache / "log/bench" / name).mkdir(parents=True)
    (cache / "data/tasks/t-one").mkdir(parents=True)
    (cache / "data/tasks/t-one/task.json").write_text("{}")
    (cache / "log/sessions.jsonl").write_text('torn"}\n' + json.dumps({"models": ["seen/model"]}) + "\n{half")
    routes = [{"match": "mine/*", "kind": "local"}, {"match": "named/model", "kind": "local"}]
    (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": routes}}))
    monkeypatch.setenv("SKVM_CACHE", str(cache))
    monkeypatch.setenv("SKVM_DATA_DIR", str(cache / "data"))
    return cache


def complete(*words: str) -> list[str]:
    """What the last word may become; what a shell completes itself stands as <dir> or <file>."""
    asked = BashComplete(cli, {}, "skvm", "_SKVM_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in asked]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["be"], ["bench"]),
        (["plan", "r"], ["run"]),
        (["bench", "--adapter", "openc"], ["openclaw", "opencode"]),
        (["run", "--adapter=openc"], ["openclaw", "opencode"]),
        (["bench", "--model", "fake/m,named"], ["fake/m,named/model"]),
        (["run", "--model", "s"], ["seen/model"]),
        (["run", "--model", "local/qwen2.5-coder-0"], ["local/qwen2.5-coder-0.5b"]),
        (["profile", "--primitives", "tool.exec,tool.web"], ["tool.exec,tool.web"]),
        (["primitives", "show", "tool.ex"], ["tool.exec"]),
        (["bench", "--resume", ""], ["latest", f"{SESSION}2", SESSION]),
        (["jit-optimize", "--resume", "b"], [f"bare-agent/fake--m/writer/{STAMP}"]),
        (["proposals", "accept", ""], [f"bare-agent/fake--m/writer/{STAMP}"]),
        (["bench", "--tasks", "t-"], ["t-one", "<dir>"]),
        (["bench", "--conditions", "no-skill,or"], ["no-skill,original"]),
        (["run", "--skill", ""], ["<dir>"]),
        (["plan", "show", ""], ["<file>"]),
        (["lint", ""], ["<file>"]),
        (["skills", "install", "skvm-j"], ["skvm-jit"]),
        (["skills", "install", "--harness", "ag"], ["agents"]),
        (["harness", "install", "bare"], []),
        (["run", "--skill-m"], ["--skill-mode"]),
        (["run", "--skill-mode", "d"], ["discover"]),
        (["completion", "f"], ["fish"]),
    ],
)
def test_what_is_completed(cache: Path, words: list[str], found: list[str]) -> None:
    assert complete(*words) == found


def test_all_commands_are_named_first(cache: Path) -> None:
    assert complete("")[: len(COMMANDS)] == list(COMMANDS)


def test_names_read_off_files_are_those_there_are() -> None:
    ours = {name for name in HARNESSES.names() if HARNESSES.origin(name) == "skvm"}
    assert {name for name in completing._harnesses() if ":" not in name} == ours
    own = {each.id for each in PRIMITIVES.all() if PRIMITIVES.origin(each.id) == "skvm"}
    assert set(completing._primitives()) == own


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        (["run", "--adapter", "=", "p"], ["run", "--adapter=p"]),
        (["run", "--adapter", "="], ["run", "--adapter="]),
        (["run", "--adapter", "=", ""], ["run", "--adapter="]),
        (["run", "--adapter", "=", "acp", ":", "p"], ["run", "--adapter=acp:p"]),
        (["run", "--adapter", "acp", ":"], ["run", "--adapter", "acp:"]),
        (["run", "=", "x", ""], ["run", "=", "x", ""]),
        ([":"], [":"]),
        ([], []),
    ],
)
def test_what_bash_breaks_is_put_together(broken: list[str], whole: list[str]) -> None:
    assert completing.joined(broken) == whole


def test_a_broken_configuration_is_no_matter_of_the_tab_key(cache: Path) -> None:
    (cache / "skvm.config.json").write_text('{"providers": 7')
    assert complete("run", "--model", "") == []
    assert complete("run", "--adapter", "pi") == ["pi"]


@pytest.mark.parametrize(
    "line", ["skvm ", "skvm bench --model ", "skvm proposals show ", "skvm run --adapter p"]
)
def test_nothing_heavy_is_imported(cache: Path, line: str) -> None:
    code = (
        "import sys, atexit\n"
        f"heavy = lambda: [m for m in {HEAVY!r} if m in sys.modules]\n"
        "atexit.register(lambda: print('HEAVY', heavy(), file=sys.stderr))\n"
        "from skvm.cli.main import main; main()"
    )
    env = {
        **os.environ,
        "_SKVM_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("plain,")
    assert done.stderr.rstrip() == "HEAVY []"


def test_a_real_bash(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if (bash := shutil.which("bash")) is None:
        pytest.skip("there is no bash")
    assert run_skvm(["completion", "bash"]) == 0
    script = tmp_path / "skvm.bash"
    script.write_text(capsys.readouterr().out)
    program = tmp_path / "bin/skvm"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom skvm.cli.main import main\nmain()\n")
    program.chmod(0o755)
    ask = f"""
    source {script}
    for words in "skvm be" "skvm run --adapter = openc" "skvm run --adapter acp : p" \\
      "skvm bench --resume {SESSION}"; do
      COMP_WORDS=($words); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); COMPREPLY=()
      $(complete -p skvm | sed 's/.*-F \\([^ ]*\\).*/\\1/') skvm
      echo "${{COMPREPLY[@]}}"
    done
    """
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run([bash, "-c", ask], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (
        ["bench", "openclaw opencode", "pi", f"{SESSION}2 {SESSION}"],
        "",
    )


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef skvm"), ("fish", "complete ")]
)
def test_each_shell_has_its_script(shell: str, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_skvm(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert mark in told
    assert "_SKVM_COMPLETE" in told


def test_the_shell_is_the_users_unless_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert run_skvm(["completion"]) == 0
    assert "function _skvm_completion" in capsys.readouterr().out
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert run_skvm(["completion"]) == 2
    assert "tcsh is not one" in capsys.readouterr().err
