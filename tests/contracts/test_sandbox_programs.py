"""What a cell gives a program that runs in it whole: a home, several doors, output that goes to files."""

from __future__ import annotations

import os
import resource
import stat
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import anyio
import anyio.to_thread
import pytest
from tests.confinement import ALL, CONFINING, Ground, living, make_ground, wait_until_gone, working

from skvm.errors import InfrastructureError
from skvm.harness.sandbox import Cell, Execution, Limits, Policy, Sandbox, Streams

pytestmark = pytest.mark.anyio

ASK = "import sys, socket; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print(s.recv(9))"
STAYERS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", sys.argv[1]])  # holds both pipes
    os._exit(0)
print("began", flush=True)
if sys.argv[2] == "stays":
    time.sleep(600)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=ALL)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return working(request.param)


@pytest.fixture
def ground() -> Iterator[Ground]:
    with make_ground() as made:
        yield made


@pytest.fixture
def marker() -> str:
    return f"{uuid.uuid4().int % 10**9 + 10**9}"


def make_home(ground: Ground) -> Path:
    home = ground.work.parent / "home"
    home.mkdir(mode=0o700)
    return home


@dataclass(frozen=True)
class Out:
    """Where the output of one command goes."""

    folder: Path

    @property
    def streams(self) -> Streams:
        return Streams(self.folder / "stdout", self.folder / "stderr")

    def texts(self) -> tuple[str, str]:
        return self.streams.stdout.read_text(), self.streams.stderr.read_text()


async def test_the_home_is_at_its_own_path_and_closed_to_others(sandbox: Sandbox, ground: Ground) -> None:
    home = make_home(ground)
    (home / "given").write_text("by the host")
    async with sandbox.open(Policy(ground.work, home=home)) as cell:
        ran = await cell.execute('cat "$HOME/given"; echo made > ~/made; echo "$HOME"', timeout_s=20)
        assert ran.stdout == f"by the host{home}\n"
        mode = home.stat().st_mode
        assert stat.S_IMODE(mode) == 0o700
    assert (home / "made").read_text() == "made\n"
    assert (home / "made").stat().st_uid == os.geteuid()


async def test_a_home_others_may_enter_is_refused(sandbox: Sandbox, ground: Ground) -> None:
    home = make_home(ground)
    home.chmod(0o755)
    with pytest.raises(InfrastructureError, match="0700"):
        async with sandbox.open(Policy(ground.work, home=home)):
            pass


@pytest.mark.parametrize("name", CONFINING)
async def test_a_home_of_another_run_is_out_of_reach(name: str, ground: Ground) -> None:
    sandbox, home = working(name), make_home(ground)
    (home / "token").write_text("of another run")
    async with sandbox.open(Policy(ground.work)) as cell:
        assert (await cell.execute(f"cat {home}/token", timeout_s=20)).stdout == ""


async def test_several_doors_lead_to_several_servers(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work, listen_ports=(8017, 8018))) as cell:
        assert len(cell.listeners) == 2
        async with anyio.create_task_group() as group:
            for word, listener in zip((b"site", b"gateway"), cell.listeners, strict=True):
                group.start_soon(anyio.to_thread.run_sync, answer, listener, word)
            said = [await ask(cell, listener) for listener in cell.listeners]
    assert said == ["b'site'\n", "b'gateway'\n"]


def answer(listener: socket, word: bytes) -> None:
    listener.setblocking(True)
    listener.settimeout(30)
    connection, _ = listener.accept()
    with connection:
        connection.sendall(word)


async def ask(cell: Cell, listener: socket) -> str:
    port = str(listener.getsockname()[1])
    return (await cell.execute(["python3", "-c", ASK, port], timeout_s=30)).stdout


async def test_the_memory_limit_can_be_off(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        assert (await cell.execute("ulimit -v", timeout_s=20)).stdout == f"{4 << 20}\n"
    async with sandbox.open(Policy(ground.work, limits=Limits(memory_bytes=None))) as cell:
        assert (await cell.execute("ulimit -v", timeout_s=20)).stdout == "unlimited\n"


async def stream(cell: Cell, ground: Ground, argv: Sequence[str], **options: object) -> tuple[Out, Execution]:
    out = Out(ground.outside)
    ran = await cell.stream(argv, out.streams, **{"timeout_s": 30, **options})  # type: ignore[arg-type]
    return out, ran


async def test_output_goes_to_files_of_ours(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        script = "cat; echo error $WORD >&2; exit 3"
        out, ran = await stream(cell, ground, ["sh", "-c", script], stdin=b"in\n", env={"WORD": "w"})
        assert out.texts() == ("in\n", "error w\n")
        assert (ran.exit_code, ran.stdout, ran.stderr) == (3, "", "")
        assert not ran.is_truncated
        assert not ran.is_timed_out
        assert stat.S_IMODE(out.streams.stdout.stat().st_mode) == 0o600
        out, ran = await stream(cell, ground, ["sh", "-c", "echo two"])
        assert out.texts() == ("two\n", "")
        assert (await cell.execute("echo on", timeout_s=20)).stdout == "on\n"


async def test_output_files_are_not_handed_to_other_commands(sandbox: Sandbox, ground: Ground) -> None:
    look = "import os; print(sorted(int(fd) for fd in range(3, 1024) if is_open(fd)))"
    program = f"""
import os
def is_open(fd):
    try: os.fstat(fd)
    except OSError: return False
    return True
{look}
"""
    async with sandbox.open(Policy(ground.work)) as cell, anyio.create_task_group() as group:
        group.start_soon(stream, cell, ground, ["sleep", "1"])
        await anyio.sleep(0.3)
        ran = await cell.execute(["python3", "-c", program], timeout_s=20)
    assert ran.stdout == "[]\n"


async def test_a_folder_that_takes_no_files_is_told(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        streams = Streams(ground.outside / "absent" / "out", ground.outside / "err")
        with pytest.raises(OSError, match="absent"):
            await cell.stream(["true"], streams, timeout_s=20)
        assert (await cell.execute("echo on", timeout_s=20)).stdout == "on\n"


async def test_output_beyond_its_cap_ends_the_program(sandbox: Sandbox, ground: Ground, marker: str) -> None:
    out = Out(ground.outside)
    streams = Streams(out.streams.stdout, out.streams.stderr, max_bytes=300_000)
    command = ["sh", "-c", f"sleep {marker} & yes; sleep {marker}"]
    async with sandbox.open(Policy(ground.work)) as cell:
        with anyio.fail_after(30):
            ran = await cell.stream(command, streams, timeout_s=60)
        assert ran.is_truncated
        assert not ran.is_timed_out
        assert wait_until_gone(marker) == []
    assert sum(len(text) for text in out.texts()) == 300_000


@pytest.mark.parametrize("how", ["ends", "stays"])
async def test_nothing_a_program_started_outlives_it(
    sandbox: Sandbox, ground: Ground, marker: str, how: str
) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        with anyio.fail_after(30):
            out, ran = await stream(cell, ground, ["python3", "-c", STAYERS, marker, how], timeout_s=4)
        assert living(marker) == []
        assert ran.is_timed_out == (how == "stays")
        assert out.texts() == ("began\n", "")


async def test_what_is_printed_does_not_grow_us(ground: Ground) -> None:
    # Once: every back end has the same worker.
    async with working("auto").open(Policy(ground.work)) as cell:
        await stream(cell, ground, ["head", "-c", "3000000", "/dev/zero"])
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        out, ran = await stream(cell, ground, ["head", "-c", "300000000", "/dev/zero"], timeout_s=120)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert (ran.exit_code, out.streams.stdout.stat().st_size) == (0, 300_000_000)
    assert grown_kb < 16_000
