"""Things there is one of, between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import pytest

from skvm.runtime.plan.resources import Commons, Standing
from skvm.runtime.plan.resources.locks import FileLock
from skvm.runtime.plan.resources.pressure import Reading
from tests.unit.runtime.plan.resources.test_commons import Room, run, settle

HOLDER = """
import sys
from pathlib import Path
from skvm.runtime.plan.resources.locks import FileLock
lock = FileLock(Path(sys.argv[1]) / "exclusive", sys.argv[2], print)
print(lock.acquire(), flush=True)
sys.stdin.read()
print(lock.release(), flush=True)
"""


@contextmanager
def another_process(folder, name):
    """A process that has the lock until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        if process.poll() is None:
            process.stdin.close()


def locks(folder, *names):
    return [FileLock(folder, name, pytest.fail) for name in names]


def test_one_has_it_at_a_time_and_names_that_look_alike_differ(tmp_path):
    first, second, other = locks(tmp_path / "x", "only:db:a.b", "only:db:a.b", "only:db:a-b")
    assert first.acquire()
    assert not second.acquire()
    assert other.acquire()
    assert first.release()
    assert second.acquire()
    assert not second.release()


def test_it_is_seen_whether_somebody_waits(tmp_path):
    first, second, third = locks(tmp_path, "x", "x", "x")
    first.acquire()
    for _ in range(3):
        assert not second.acquire()
        assert not third.acquire()
    second.wait_no_more()
    assert first.release(), "the third still waits"
    assert third.acquire()
    assert not third.release()


def test_a_folder_that_cannot_be_written_keeps_nobody_out_and_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    told = []
    lock = FileLock(tmp_path / "file", "only:x", told.append)
    assert lock.acquire()
    assert not lock.release()
    assert lock.acquire()
    assert len(told) == 1
    assert "only:x" in told[0]


def test_a_process_that_is_killed_leaves_its_lock_free(tmp_path):
    with another_process(tmp_path, "only:x") as process:
        (lock,) = locks(tmp_path / "exclusive", "only:x")
        assert not lock.acquire()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert lock.acquire()
        assert not lock.release()


def test_a_command_that_is_begun_meanwhile_does_not_keep_the_lock(tmp_path):
    first, second = locks(tmp_path, "x", "x")
    assert first.acquire()
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            first.release()
            assert second.acquire()
        finally:
            child.kill()
    second.release()


def test_who_waits_for_another_process_holds_nothing_and_goes_on_once_it_is_through(tmp_path):
    room = Room(tmp_path, jobs=1)
    share = room.commons.share("r")

    async def work(tasks):
        with another_process(tmp_path, "only:db") as process:
            tasks.hold("waits", share, "cpu", "only:db")
            tasks.hold("goes", share, "cpu")
            await settle()
            assert tasks.began == ["goes"]
            await tasks.end("goes")
            for _ in range(3):
                room.commons.try_locks()
                await settle()
            assert room.commons.standing()["cpu"] == Standing(1, 0, 1)
            process.stdin.close()
            assert process.stdout.readline() == "True\n", "it saw that somebody waits"
        room.commons.try_locks()
        await settle()
        assert tasks.began == ["goes", "waits"]

    run(work)
    assert [name for name, _ in room.events] == ["locked_out"], "said once"


def test_who_gives_up_waiting_for_another_process_is_not_waited_for(tmp_path):
    room = Room(tmp_path)
    share = room.commons.share("r")

    async def work(tasks):
        with another_process(tmp_path, "only:db") as process:
            tasks.hold("waits", share, "only:db")
            await settle()
            tasks.scopes["waits"].cancel()
            await settle()
            room.commons.try_locks()
            process.stdin.close()
            assert process.stdout.readline() == "False\n"
        # And the next one is not kept waiting for what was in the way then.
        tasks.hold("next", share, "only:db")
        await settle()
        assert tasks.began == ["next"]

    run(work)


def test_two_processes_take_turns(tmp_path):
    """Two commons stand for two processes: their locks know nothing of each other but files."""
    order = []

    async def use(commons, name):
        for _ in range(4):
            async with commons.share(name).held(["only:x"]):
                order.append(name)
                await anyio.lowlevel.checkpoint()

    async def main():
        options = {"jobs": 2, "state_dir": tmp_path, "pressure": Reading}
        with anyio.fail_after(60):
            async with (
                Commons(**options) as first,
                Commons(**options) as second,
                anyio.create_task_group() as group,
            ):
                for name in ("a1", "a2"):
                    group.start_soon(use, first, name)
                group.start_soon(use, second, "b")

    anyio.run(main)
    assert sorted(order) == ["a1"] * 4 + ["a2"] * 4 + ["b"] * 4
    assert order.index("b") < len(order) - 4 - 1, "it need not wait until the other has nothing left to do"


def test_who_gives_it_back_lets_another_process_try_first(tmp_path):
    room = Room(tmp_path)
    share = room.commons.share("r")
    (other,) = locks(tmp_path / "exclusive", "only:x")

    async def work(tasks):
        tasks.hold("first", share, "only:x")
        tasks.hold("second", share, "only:x")
        await settle()
        assert not other.acquire()
        await tasks.end("first")
        for _ in range(2):
            assert tasks.began == ["first"]
            room.commons.try_locks()
            await settle()
        assert tasks.began == ["first"], "the other one tries no more often than we do"
        room.commons.try_locks()
        await settle()
        assert tasks.began == ["first", "second"], "it did not take it"
        other.wait_no_more()

    run(work)
