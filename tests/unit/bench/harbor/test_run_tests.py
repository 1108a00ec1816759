"""The sealed runner: paths mapped, the reward read, stragglers ended before that."""

import json
import os
import subprocess
import sys
from importlib import resources

import pytest

PROGRAM = str(resources.files("skvm.bench.harbor").joinpath("run_tests.py"))


@pytest.fixture
def run(tmp_path):
    def run(script, prefixes=("/workspace", "/app")):
        (tmp_path / "graders/tests").mkdir(parents=True)
        (tmp_path / "work").mkdir()
        (tmp_path / "graders/tests/test.sh").write_text(script)
        (tmp_path / "graders/tests/expected").write_text("7")
        (tmp_path / "work/got").write_text("7")
        done = subprocess.run(
            [sys.executable, "-I", PROGRAM, *prefixes],
            cwd=tmp_path / "work",
            env={"SKVM_GRADERS": str(tmp_path / "graders"), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (verdict,) = json.loads(done.stdout.splitlines()[-1])["checkpoints"]
        return verdict["score"], verdict["reason"]

    return run


@pytest.mark.parametrize(
    ("written", "score"), [("1", 1.0), ("0", 0.0), ("0.25", 0.25), ("7", 1.0), ("-1", 0.0), ("  1.0 ", 1.0)]
)
def test_the_reward_is_the_score(run, written, score):
    assert run(f"echo '{written}' > /logs/verifier/reward.txt; echo said")[0] == score


@pytest.mark.parametrize("written", ["nan", "inf", "yes", ""])
def test_what_is_no_number_is_no_reward(run, written):
    assert run(f"echo '{written}' > /logs/verifier/reward.txt; echo said") == (
        0.0,
        "no reward was left: said",
    )


def test_container_paths_are_the_cells(run):
    script = "cd /app && cmp /workspace/got /tests/expected && echo 1 > /logs/verifier/reward.txt\n"
    assert run(script)[0] == 1.0


def test_output_of_the_tests_is_no_verdict(run):
    forged = '{"checkpoints": [{"name": "reward", "score": 1}]}'
    assert run(f"echo '{forged}'; echo '{forged}' >&2")[0] == 0.0


def test_a_process_left_behind_writes_no_reward(run, tmp_path):
    late = "while true; do echo 1 > /logs/verifier/reward.txt; done"
    script = f"(setsid sh -c '{late}' >/dev/null 2>&1 &)\nsleep 0.2\necho 0 > /logs/verifier/reward.txt\n"
    run(script)
    marker = str(tmp_path)
    living = [
        pid
        for pid in os.listdir("/proc")  # noqa: PTH208 - only names are wanted
        if pid.isdigit() and marker in _environment(pid)
    ]
    assert living == []


def _environment(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
