"""A cell within a cell: commands, their ends, what is kept of them, and what is left when we die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.harness.sandbox import Cell, Streams
from skvm.runtime.plan.outfit.direct import DirectCell, direct_cell
from tests.confinement import living, wait_until_gone

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return DirectCell(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, output_bytes=1000)


async def test_a_command_tells_both_streams_and_its_status(cell: Cell, tmp_path: Path) -> None:
    done = await cell.execute("pwd; echo oops >&2; exit 3", timeout_s=20)
    assert (done.exit_code, done.stdout, done.stderr) == (3, f"{tmp_path}\n", "oops\n")
    assert (done.is_timed_out, done.is_truncated) == (False, False)


async def test_nothing_waits_for_input_and_words_are_words(cell: Cell) -> None:
    done = await cell.execute(["sh", "-c", 'cat; printf "%s|" "$@"', "sh", "a b", "$HOME", "'"], timeout_s=20)
    assert done.stdout == "a b|$HOME|'|"
    assert (await cell.execute(["cat"], timeout_s=20, stdin=b"from us")).stdout == "from us"
    # What asks for less input than there is.
    assert (await cell.execute(["true"], timeout_s=20, stdin=b"x" * 300_000)).exit_code == 0


async def test_what_is_not_there_and_what_is_killed(cell: Cell) -> None:
    assert (await cell.execute(["no-such-program"], timeout_s=20)).exit_code == 127
    assert (await cell.execute("kill -9 $$", timeout_s=20)).exit_code == -9
    with pytest.raises(ValueError, match="empty"):
        await cell.execute([], timeout_s=20)
    gone = await cell.execute("true", timeout_s=20, cwd="no-such-folder")
    assert gone.exit_code == 127


async def test_output_is_kept_to_a_bound_and_the_rest_is_read(cell: Cell) -> None:
    done = await cell.execute("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2", timeout_s=20)
    assert (done.stdout, done.stderr) == ("x" * 1000, "end\n")
    assert done.is_truncated


@pytest.mark.parametrize(
    "line", ["sleep 91.73", "sleep 91.73 & sleep 91.73", "(sleep 91.73 &) ; sleep 91.73"]
)
async def test_at_the_deadline_all_of_it_is_gone(cell: Cell, line: str) -> None:
    done = await cell.execute(f"echo begun; {line}", timeout_s=0.5)
    assert (done.exit_code, done.is_timed_out, done.stdout) == (None, True, "begun\n")
    assert wait_until_gone("91.73") == []


async def test_what_is_cancelled_is_killed(cell: Cell) -> None:
    with anyio.move_on_after(0.5):
        await cell.execute("sleep 92.73 & sleep 92.73", timeout_s=60)
    assert wait_until_gone("92.73") == []


async def test_what_is_left_in_the_background_lives_on(cell: Cell, tmp_path: Path) -> None:
    line = "(echo later > late.txt; sleep 93.73; true) >/dev/null 2>&1 & echo started"
    done = await cell.execute(line, timeout_s=20)
    try:
        assert (done.exit_code, done.stdout) == (0, "started\n")
        await anyio.sleep(1)
        assert len(living("93.73")) >= 1
        assert (tmp_path / "late.txt").exists()
    finally:
        for pid in living("93.73"):
            os.kill(pid, signal.SIGKILL)


async def test_many_at_once_do_not_meet(cell: Cell) -> None:
    found = {}

    async def one(number: int) -> None:
        found[number] = (await cell.execute(f"sleep 0.1; echo {number}", timeout_s=20)).stdout

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
    assert found == {number: f"{number}\n" for number in range(20)}


async def test_files_are_read_written_and_listed(cell: Cell, tmp_path: Path) -> None:
    await cell.write("deep/a.txt", b"words")
    assert await cell.read("deep/a.txt") == b"words"
    assert [(entry.name, entry.is_dir) for entry in await cell.list(".")] == [("deep", True)]
    with pytest.raises(OSError, match=r".+"):
        await cell.read("absent.txt")
    streams = Streams(tmp_path / "out", tmp_path / "err")
    done = await cell.stream(["sh", "-c", "echo o; echo e >&2"], streams, timeout_s=20)
    assert (done.exit_code, streams.stdout.read_text(), streams.stderr.read_text()) == (0, "o\n", "e\n")


async def test_our_own_variables_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKVM_IN_CELL", "1")
    monkeypatch.setenv("PASSED_ON", "yes")
    async with direct_cell(tmp_path) as cell:
        done = await cell.execute("env", timeout_s=20)
    assert "SKVM_" not in done.stdout
    assert "PASSED_ON=yes" in done.stdout


def test_nothing_of_a_command_outlives_a_kill_9(tmp_path: Path) -> None:
    program = (
        "import sys, anyio; from pathlib import Path\n"
        "from skvm.runtime.plan.outfit.direct import direct_cell\n"
        "async def main():\n"
        "    async with direct_cell(Path(sys.argv[1])) as cell:\n"
        "        await cell.execute('sleep 94.73 & touch begun; sleep 94.73; touch after', timeout_s=60)\n"
        "anyio.run(main)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    try:
        end = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert len(living("94.73")) >= 1
    finally:
        process.kill()
        process.wait()
    assert wait_until_gone("94.73") == []
    assert not (tmp_path / "after").exists()


@given(out=st.binary(max_size=1500), code=st.integers(0, 255))
def test_any_output_and_status_come_back(out: bytes, code: int) -> None:
    # printf's octal escapes carry any byte through a shell.
    escaped = "".join(f"\\0{byte:03o}" for byte in out)

    async def main() -> None:
        done = await DirectCell(Path("/"), dict(os.environ), output_bytes=1000).execute(
            ["sh", "-c", f"printf '%b' '{escaped}'; exit {code}"], timeout_s=20
        )
        assert done.exit_code == code
        assert done.stdout == out[:1000].decode("utf-8", "replace")
        assert done.is_truncated == (len(out) > 1000)

    anyio.run(main)
