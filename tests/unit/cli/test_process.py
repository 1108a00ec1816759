"""``skvm`` as a process of its own: signals, and a standard output that does not take everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skvm.evidence.record import Outcome
from skvm.llm.fake import FakeAnswer, FakeServer

SKVM = [sys.executable, "-c", "from skvm.cli.main import main; main()"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a cache, a task and a folder for work directories; its model never answers."""
    for name in ("cache", "t", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.delenv("SKVM_TMP_DIR", raising=False)
    (tmp_path / "t" / "task.json").write_text(json.dumps({"id": "t", "prompt": "Wait."}))
    with FakeServer.running([FakeAnswer(hang=True)]) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (tmp_path / "cache" / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield tmp_path


@pytest.mark.parametrize(
    ("number", "is_in_background"),
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGHUP, False), (signal.SIGTERM, True)],
)
def test_a_run_that_is_told_to_end_cleans_up_and_is_recorded(
    place: Path, number: signal.Signals, is_in_background: bool
) -> None:
    def as_a_shell_does() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN if is_in_background else signal.default_int_handler)

    process = subprocess.Popen(
        [*SKVM, "run", "--task=t", "--model=fake/m", "--sandbox=none", "--no-auto-probe"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_a_shell_does,  # noqa: PLW1509 - nothing here has threads that hold locks
    )
    while process.poll() is None and not list((place / "tmp").glob("skvm-run-*")):
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert list((place / "tmp").iterdir()) == []
    listed = subprocess.run([*SKVM, "logs", "--json"], capture_output=True, check=True).stdout
    assert [row["outcome"] for row in json.loads(listed)] == [Outcome.CANCELLED]


BUSY = """
import os, signal, anyio
from skvm.cli import main

async def compute():
    os.kill(os.getpid(), signal.SIGTERM)
    sum(range(1000))

async def all_of_it():
    async with anyio.create_task_group() as group:
        group.start_soon(compute)

signal.signal(signal.SIGINT, signal.SIG_IGN)
main.cli.main = lambda **_: anyio.run(all_of_it)
main.main()
"""


def test_a_task_in_the_background_that_never_waits_ends_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")


def test_hang_ups_are_ignored_below_nohup(place: Path) -> None:
    process = subprocess.Popen(
        [
            *SKVM,
            "run",
            "--task=t",
            "--model=fake/m",
            "--sandbox=none",
            "--no-auto-probe",
            "--timeout-ms=1000",
        ],
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # noqa: PLW1509 - as above
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None and not list((place / "tmp").glob("skvm-run-*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=30) == 1, "it went on to its own timeout"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["explain"], ["explain", "--json"], ["--help"]])
def test_a_full_disk_below_the_output_is_told(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SKVM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith("error: No space left on device")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_closed_output_is_no_fault(more: list[str]) -> None:
    done = subprocess.run(
        [*SKVM, "explain", "SKV101", *more],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.close(1),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_output_that_is_not_unicode_takes_everything(tmp_path: Path, more: list[str]) -> None:
    skill = tmp_path / os.fsdecode(b"bad\xff")
    skill.mkdir()
    (skill / "SKILL.md").write_bytes("---\nname: 😀\ndescription: é\n---\nbody \xff\n".encode())
    for encoding in ("ascii", "utf-8"):
        done = subprocess.run(
            [*SKVM, "lint", *more, str(skill)],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (1, b"")
        if more:
            assert json.loads(done.stdout)["summary"]["skills"] == 1


WITH_A_THREAD = """
import os, signal, threading, anyio
from skvm.cli import main

async def all_of_it():
    os.kill(os.getpid(), signal.SIGTERM)
    await anyio.sleep_forever()

# An idle worker of the event loop that nobody tells to end.
threading.Thread(target=threading.Event().wait).start()
main.cli.main = lambda **_: anyio.run(all_of_it)
main.main()
"""


def test_a_thread_that_is_left_keeps_no_interrupted_command_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_THREAD], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")
