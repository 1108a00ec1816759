"""Several processes that make one journal, and ones that are killed while they make it."""

import shutil
import sqlite3
import subprocess
import sys
import textwrap

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.evidence.journal import Journal

WATCHED = textwrap.dedent(
    """
    import os, random, signal, sqlite3, sys, time
    from pathlib import Path
    import anyio
    from skvm.evidence.journal import Journal

    connect = sqlite3.connect

    def watch(on_statement):
        def watched(*args, **options):
            connection = connect(*args, **options)
            connection.set_trace_callback(on_statement)
            return connection
        sqlite3.connect = watched

    async def append(path):
        async with Journal(Path(path)) as journal:
            return await journal.append("note", {})
    """
)
PAUSED = WATCHED + textwrap.dedent(
    """
    paused = []

    def pause(statement):
        if statement == "PRAGMA user_version" and not paused:
            paused.append(statement)
            print("half read", flush=True)
            sys.stdin.readline()

    watch(pause)
    print(anyio.run(append, sys.argv[1]))
    """
)
AT_ONCE = WATCHED + textwrap.dedent(
    """
    def child(path, number, gate):
        source = random.Random(number)
        # Processes that are held up between any two statements, as on a machine with much to do.
        watch(lambda statement: time.sleep(source.random() / 500))
        os.read(gate, 1)
        try:
            anyio.run(append, path)
        except Exception as error:
            print(error, flush=True)

    for turn in range(3):
        gate, door = os.pipe()
        pids = []
        for number in range(8):
            pid = os.fork()
            if pid == 0:
                os.close(door)
                child(f"{sys.argv[1]}/{turn}.sqlite", 100 * turn + number, gate)
                os._exit(0)
            pids.append(pid)
        os.close(gate)
        os.close(door)
        for pid in pids:
            os.waitpid(pid, 0)
    """
)
KILLED = WATCHED + textwrap.dedent(
    """
    def child(path, last):
        left = [last]

        def kill(statement):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        watch(kill)
        Journal(path)._open()

    status, number = -1, 0
    while status != 0:
        number += 1
        pid = os.fork()
        if pid == 0:
            child(Path(f"{sys.argv[1]}/{number}.sqlite"), number)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
    """
)


def run(work, path, **options):
    async def main():
        async with Journal(path, **options) as journal:
            return await work(journal)

    return anyio.run(main)


def script(source, *args, **options):
    command = [sys.executable, "-c", source, *map(str, args)]
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def test_a_process_that_has_read_half_of_a_new_file_takes_no_other_process_for_another_program(tmp_path):
    path = tmp_path / "j.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    command = [sys.executable, "-c", PAUSED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "half read\n"
        assert run(lambda journal: journal.append("note", {}), path) == 1
        assert other.communicate("go on\n")[0] == "2\n"
    assert other.returncode == 0


def test_processes_that_make_one_journal_at_once_all_write_to_it(tmp_path):
    assert script(AT_ONCE, tmp_path) == ""
    for turn in range(3):
        entries = run(lambda journal: journal.query(), tmp_path / f"{turn}.sqlite", read_only=True)
        assert [entry.id for entry in entries] == list(range(1, 9))


def test_a_journal_whose_maker_was_killed_at_any_statement_is_used_by_the_next(tmp_path):
    script(KILLED, tmp_path)
    made = sorted(tmp_path.glob("*.sqlite"))
    assert len(made) > 15, "it was killed at every statement, and once not"
    for path in made:
        assert run(lambda journal: journal.query(), path, read_only=True) == ()
        assert run(lambda journal: journal.append("note", {}), path) == 1


def test_a_first_write_that_was_cut_short_is_undone_for_readers_too(tmp_path):
    """What a process leaves that is killed after its first page is written, before that counts."""
    living, killed = tmp_path / "living.sqlite", tmp_path / "killed.sqlite"
    connection = sqlite3.connect(living, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE half (x)")
    connection.executemany("INSERT INTO half VALUES (zeroblob(4000))", [()] * 20)
    for end in ("", "-journal"):
        shutil.copyfile(f"{living}{end}", f"{killed}{end}")
    connection.close()
    assert killed.stat().st_size > 0
    assert run(lambda journal: journal.query(), killed, read_only=True) == ()
    assert run(lambda journal: journal.append("note", {}), killed) == 1


@pytest.mark.parametrize("statement", ["CREATE TABLE mine (x)", "PRAGMA application_id = 5"])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path, statement):
    path = tmp_path / "theirs.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(InfrastructureError, match="another program"):
            run(lambda journal: journal.query(), path, read_only=read_only)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
