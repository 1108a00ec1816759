"""One suite over every sandbox back end that works here, ``none`` included: what a cell does."""

from __future__ import annotations

import http.server
import os
import resource
import shutil
import signal
import stat
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.confinement import ALL, Ground, living, make_ground, wait_until_gone, working

from skvm.errors import InfrastructureError
from skvm.harness.confine.inside.tree import descendants
from skvm.harness.sandbox import Cell, Limits, Policy, Sandbox

pytestmark = pytest.mark.anyio


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
    """An argument of ``sleep`` that no other process has."""
    return f"{uuid.uuid4().int % 10**9 + 10**9}"


async def test_commands(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work, env={"FROM_POLICY": "1"})) as cell:
        ran = await cell.execute("cat; echo $FROM_POLICY $MORE >&2; pwd; exit 7", timeout_s=20, stdin=b"in\n",
                                 env={"MORE": "2"})  # fmt: skip
        assert (ran.exit_code, ran.stdout, ran.stderr) == (7, f"in\n{ground.work}\n", "1 2\n")
        assert not ran.is_timed_out
        assert not ran.is_truncated
        assert ran.duration_ms
        ran = await cell.execute(["printf", "%s|", "a b", "$HOME", "*"], timeout_s=20)
        assert ran.stdout == "a b|$HOME|*|"
        ran = await cell.execute("printf '\\377ok'", timeout_s=20)
        assert ran.stdout == "\ufffdok"
        assert (await cell.execute("kill -9 $$", timeout_s=20)).exit_code == -9
        assert (await cell.execute("echo \0", timeout_s=20)).exit_code == 126
        assert (await cell.execute("true", timeout_s=float("inf"))).exit_code == 0
        assert (await cell.execute("true", timeout_s=0)).is_timed_out
        missing = await cell.execute(["no-such-program"], timeout_s=20)
        assert missing.exit_code == 127
        assert "no-such-program" in missing.stderr
        await cell.write("sub/x", b"")
        assert (await cell.execute("ls", timeout_s=20, cwd="sub")).stdout == "x\n"
        assert (await cell.execute("ls", timeout_s=20, cwd="nowhere")).exit_code != 0


async def test_files(sandbox: Sandbox, ground: Ground) -> None:
    (ground.work / "given").write_bytes(b"by the host")
    async with sandbox.open(Policy(ground.work)) as cell:
        assert await cell.read("given") == b"by the host"
        content = bytes(range(256)) * 9000
        await cell.write("a/b/c.bin", content)
        assert await cell.read(str(ground.work / "a/b/c.bin")) == content
        await cell.write("a/b/c.bin", b"shorter")
        assert (await cell.execute("cat a/b/c.bin", timeout_s=20)).stdout == "shorter"
        await cell.write("given", b"changed")
        entries = await cell.list()
        assert [(entry.name, entry.is_dir) for entry in entries] == [("a", True), ("given", False)]
        assert entries[1].size_bytes == 7
        for path, kind in (
            ("nope", FileNotFoundError),
            ("a", IsADirectoryError),
            ("given/x", NotADirectoryError),
        ):
            with pytest.raises(kind):
                await cell.read(path)
        with pytest.raises(OSError, match="larger than 3 bytes"):
            await cell.read("given", max_bytes=3)
        with pytest.raises(OSError, match="null"):
            await cell.read("a\0b")
        with pytest.raises(OSError, match=r"recursion|too long"):
            await cell.write("x/" * 3000 + "x", b"")
        with pytest.raises(FileNotFoundError):
            await cell.list("nope")
        with pytest.raises(FileNotFoundError):
            await cell.read("~/x")
    assert (ground.work / "a/b/c.bin").read_bytes() == b"shorter"
    assert (ground.work / "a/b/c.bin").stat().st_uid == os.geteuid()


async def test_special_files_do_not_block(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        await cell.execute("mkfifo fifo", timeout_s=20)
        with anyio.fail_after(10):
            with pytest.raises(OSError, match="regular"):
                await cell.read("fifo")
            with pytest.raises(OSError):  # noqa: PT011 - the number differs with the reader
                await cell.write("fifo", b"x")
            with pytest.raises(OSError, match="regular"):
                await cell.read("/dev/zero")


async def test_nothing_is_inherited(
    sandbox: Sandbox, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_TOKEN", "planted-value")
    async with sandbox.open(Policy(ground.work)) as cell:
        shown = (await cell.execute(["env"], timeout_s=20)).stdout
        names = {line.partition("=")[0] for line in shown.splitlines()}
        assert names == {
            "PATH", "HOME", "TMPDIR", "LANG", "TERM", "USER", "LOGNAME", "SHELL", "PYTHONDONTWRITEBYTECODE",
            "GIT_CONFIG_NOSYSTEM",
        }  # fmt: skip
        dump = await cell.execute("cat /proc/$PPID/environ /proc/1/environ /proc/self/environ", timeout_s=20)
        # An unconfined command of the same user may read its parents; those were started without it too,
        # all but ourselves.
        assert "planted-value" not in dump.stdout


async def test_git_works(sandbox: Sandbox, ground: Ground) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    script = "git init -q . && git config user.name a && git config user.email a@b && echo x > f && "
    script += "git add f && git commit -q -m m && git log --format=%s"
    async with sandbox.open(Policy(ground.work)) as cell:
        ran = await cell.execute(script, timeout_s=20)
        assert (ran.exit_code, ran.stdout) == (0, "m\n"), ran.stderr


async def test_home_and_temporary_directory_are_its_own(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        ran = await cell.execute("echo x > ~/x && echo y > $TMPDIR/y && ls ~ && mktemp", timeout_s=20)
        assert ran.exit_code == 0
        assert ran.stdout.startswith("x\n")
        assert await cell.list() == ()
        locked = await cell.execute("mkdir -p $TMPDIR/a/b && chmod 0 $TMPDIR/a && echo $TMPDIR", timeout_s=20)
        assert locked.exit_code == 0


async def test_protocol_is_out_of_reach(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        program = (
            "import os\n"
            "for fd in range(3, 1024):\n"
            "    try: os.write(fd, b'x' * 100); print('open', fd)\n"
            "    except OSError: pass\n"
        )
        assert (await cell.execute(["python3", "-c", program], timeout_s=20)).stdout == ""
        assert (await cell.execute("echo fine", timeout_s=20)).stdout == "fine\n"


async def test_deadline_kills_the_tree(sandbox: Sandbox, ground: Ground, marker: str) -> None:
    daemon = f"(trap '' TERM HUP; setsid sh -c 'trap \"\" TERM; sleep {marker}; true' &) &"
    async with sandbox.open(Policy(ground.work)) as cell:
        ran = await cell.execute(f"echo began; {daemon} sleep {marker}", timeout_s=0.7)
        assert ran.is_timed_out
        assert ran.exit_code is None
        assert ran.stdout == "began\n"
        assert wait_until_gone(marker) == []
        assert (await cell.execute("echo on", timeout_s=20)).stdout == "on\n"


async def test_background_processes_hold_nothing_up_and_end_with_the_cell(
    sandbox: Sandbox, ground: Ground, marker: str
) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        with anyio.fail_after(15):
            ran = await cell.execute(
                f"(setsid sh -c 'trap \"\" TERM HUP; sleep {marker}; true' &) & echo done", timeout_s=60
            )
        assert (ran.exit_code, ran.stdout, ran.is_timed_out) == (0, "done\n", False)
        assert living(marker)
        assert (await cell.execute("echo next", timeout_s=20)).stdout == "next\n"
    assert wait_until_gone(marker) == []


async def test_cancellation_kills_the_tree(sandbox: Sandbox, ground: Ground, marker: str) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        with anyio.move_on_after(0.5) as scope:
            await cell.execute(f"setsid sleep {marker} & sleep {marker}", timeout_s=60)
        assert scope.cancelled_caught
        assert wait_until_gone(marker) == []
        assert (await cell.execute("echo on", timeout_s=20)).stdout == "on\n"


async def test_commands_run_side_by_side(sandbox: Sandbox, ground: Ground) -> None:
    answers = {}

    async def run(cell: Cell, name: str, command: str) -> None:
        answers[name] = (await cell.execute(command, timeout_s=30)).stdout

    async with sandbox.open(Policy(ground.work)) as cell:
        await cell.execute("mkfifo meet", timeout_s=20)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(run, cell, "reads", "cat meet")
                group.start_soon(run, cell, "writes", "echo hello > meet")
    assert answers == {"reads": "hello\n", "writes": ""}


async def test_a_gigabyte_of_output_is_dropped(ground: Ground) -> None:
    # Once: every back end has the same worker.
    async with working("auto").open(Policy(ground.work)) as cell:
        await cell.execute("head -c 3000000 /dev/zero", timeout_s=20)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ran = await cell.execute("head -c 1000000000 /dev/zero; echo end >&2", timeout_s=120)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert (ran.exit_code, len(ran.stdout), ran.stderr) == (0, 1 << 20, "end\n")
    assert ran.is_truncated
    assert grown_kb < 32_000


async def test_large_input_and_output_do_not_lock(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work, limits=Limits(output_bytes=8 << 20))) as cell:
        data = b"0123456789abcdef" * 300_000
        assert (await cell.execute("cat", timeout_s=60, stdin=data)).stdout.encode() == data
        assert (await cell.execute("true", timeout_s=60, stdin=data)).exit_code == 0


async def test_limits(sandbox: Sandbox, ground: Ground) -> None:
    limits = Limits(cpu_s=1, memory_bytes=512 << 20, file_bytes=1 << 20)
    async with sandbox.open(Policy(ground.work, limits=limits)) as cell:
        busy = await cell.execute(["python3", "-c", "while True: pass"], timeout_s=60)
        assert busy.exit_code == -signal.SIGXCPU
        greedy = await cell.execute(["python3", "-c", "x = bytearray(1 << 30)"], timeout_s=20)
        assert "MemoryError" in greedy.stderr
        await cell.execute("head -c 9000000 /dev/zero > big", timeout_s=20)
        assert (ground.work / "big").stat().st_size <= 1 << 20
        with pytest.raises(OSError, match="large"):
            await cell.write("big2", bytes(2 << 20))


async def test_death_of_the_worker_is_told(sandbox: Sandbox, ground: Ground, marker: str) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:

        async def kill() -> None:
            while not living(marker):  # noqa: ASYNC110 - another process begins, which sets no event
                await anyio.sleep(0.01)
            # The nearest: bwrap or the worker itself. What they started must not outlive them.
            os.kill(nearest(marker), signal.SIGKILL)

        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            with pytest.raises(InfrastructureError, match=sandbox.name):
                await cell.execute(f"sleep {marker}", timeout_s=60)
        with pytest.raises(InfrastructureError):
            await cell.read("x")
    assert wait_until_gone(marker) == []


def nearest(marker: str) -> int:
    """The process of this cell that stands nearest to us; the server that forked it is no part of it."""
    above = [pid for pid in descendants(os.getpid()) if set(living(marker)) & set(descendants(pid))]
    is_forked = b"forkserver" in Path(f"/proc/{above[0]}/cmdline").read_bytes()
    return above[is_forked]


def kill_fork_servers() -> None:
    for pid in descendants(os.getpid()):
        # Its workers have its command line, too; it is our own child.
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes() and int(parent) == os.getpid():
            os.kill(pid, signal.SIGKILL)


async def test_cells_do_not_need_who_forked_them(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        kill_fork_servers()
        assert (await cell.execute("echo on", timeout_s=20)).stdout == "on\n"
    async with sandbox.open(Policy(ground.work)) as cell:
        assert (await cell.execute("echo again", timeout_s=20)).stdout == "again\n"


async def test_nothing_survives_our_own_death(sandbox: Sandbox, ground: Ground, marker: str) -> None:
    program = f"""
import anyio, os, pathlib, signal
from skvm.harness.confine import choose_sandbox
from skvm.harness.sandbox import Policy
async def main():
    async with choose_sandbox({sandbox.name!r}).open(Policy(pathlib.Path({str(ground.work)!r}))) as cell:
        await cell.execute("setsid sleep {marker} >/dev/null 2>&1 &", timeout_s=20)
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: cell.execute("sleep {marker}", timeout_s=60))
            await anyio.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
anyio.run(main)
"""
    ended = await anyio.run_process([sys.executable, "-c", program], check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert wait_until_gone(marker) == []


async def test_a_closed_cell_is_dead(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        pass
    with pytest.raises(InfrastructureError, match="closed"):
        await cell.execute("true", timeout_s=5)


async def test_errors_of_the_body_come_out_as_they_are(sandbox: Sandbox, ground: Ground) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with sandbox.open(Policy(ground.work)):
            raise KeyError("mine")


async def test_setuid_bits_do_not_come_back(sandbox: Sandbox, ground: Ground) -> None:
    async with sandbox.open(Policy(ground.work)) as cell:
        await cell.execute("cp /bin/sh mine; chmod 6755 mine; mkdir d; chmod 2755 d", timeout_s=20)
    if sandbox.name != "none" and os.geteuid() == 0:
        for name in ("mine", "d"):
            assert not (ground.work / name).stat().st_mode & (stat.S_ISUID | stat.S_ISGID)


@pytest.mark.parametrize("path", ["/", "/tmp", "/usr", "/nonexistent-for-skvm"])
async def test_unfit_work_directories(sandbox: Sandbox, path: str) -> None:
    with pytest.raises(InfrastructureError, match="work directory"):
        async with sandbox.open(Policy(Path(path))):
            pass


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/to-file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("X-Here", "yes")
        self.end_headers()
        self.wfile.write(b"body")

    do_POST = do_GET  # noqa: N815 - the base class looks for this name

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


async def test_fetch(sandbox: Sandbox, ground: Ground, server: str) -> None:
    async with sandbox.open(Policy(ground.work, network=True)) as cell:
        answer = await cell.fetch(f"{server}/x")
        assert (answer.status, answer.text, answer.headers["x-here"]) == (200, "body", "yes")
        assert not answer.is_truncated
        assert (await cell.fetch(f"{server}/none", method="POST", body=b"q")).status == 404
        for url in ("file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/hostname", f"{server}/to-file"):
            with pytest.raises(OSError):  # noqa: PT011 - the reason differs
                await cell.fetch(url)
