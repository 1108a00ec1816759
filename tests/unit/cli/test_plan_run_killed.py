"""``skvm plan run`` when it is ended from outside, at any moment, and goes on."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import pytest

from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.unit.cli.plans import mapped, step, write_plan

RUN = [
    sys.executable,
    "-W",
    "ignore",
    "-c",
    # Where the tests run in the background SIGINT is ignored, and a child inherits that.
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from skvm.cli.main import main; main()",
    "plan",
    "run",
]
ONCE = ("1.3", "1.6", "1.8")
ITEMS = ("a", "b", "c", "d")


def command_of(name, *inputs):
    """Says that it began, takes a while, writes what depends on what it reads, and says that it ended."""
    read = " ".join(f"{each}.txt" for each in inputs)
    return f"echo {name} >> began; sleep 0.03; (echo {name}; cat {read} /dev/null) > {name}.txt"


def counted(name):
    """What may not be repeated: it adds to a file."""
    return f"echo {name} >> began; sleep 0.03; echo {name} >> sent; sleep 0.03"


@pytest.fixture
def path(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    for name in ITEMS:
        (work / f"{name}.in").write_text(name)
    return write_plan(
        tmp_path,
        step("1.1", command_of("1.1"), writes=["1.1.txt"]),
        step("1.2", command_of("1.2", "1.1"), after=["1.1"], reads=["1.1.txt"], writes=["1.2.txt"]),
        step("1.3", counted("1.3"), idempotent=False, writes=["sent"]),
        step("1.4", command_of("1.4", "1.1"), after=["1.1"], reads=["1.1.txt"], writes=["1.4.txt"]),
        step("1.5", "true", writes=["x/"]),
        step("1.6", counted("1.6"), idempotent=False, after=["1.2"], writes=["sent"]),
        step("1.7", command_of("1.7", "1.2", "1.4"), after=["1.2", "1.4"], writes=["1.7.txt"]),
        step("1.8", counted("1.8"), idempotent=False, after=["1.7"], writes=["sent"]),
        step("1.9", command_of("1.9", "1.7"), after=["1.7", "1.8"], writes=["1.9.txt"]),
        groups=[
            mapped("1.5", "*.in", "echo 1.5-{name} >> began; sleep 0.02; tr a-z A-Z < {item} > {name}.out")
        ],
    )


def lines_of(work, name):
    file = work / name
    return file.read_text().split() if file.exists() else []


def done_of(cache):
    """The steps and items on record as done."""
    file = cache / "log" / "journal.sqlite"
    if not file.exists():
        return set()
    with closing(sqlite3.connect(file, timeout=30)) as journal:
        if not journal.execute("select 1 from sqlite_master where name = 'records'").fetchall():
            return set()  # it has only just been made
        rows = journal.execute("select body from records where kind = 'plan_step_finished'").fetchall()
    found = [json.loads(body) for (body,) in rows]
    return {row["node"].replace("[", "-").replace(".in]", "") for row in found if row["state"] == "done"}


def begun(path, cache, *words, sandbox="auto"):
    return subprocess.Popen(
        [*RUN, str(path), "--parallel", "--jobs=3", f"--sandbox={sandbox}", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=path.parent / "work",
        env={"SKVM_CACHE": str(cache), "PATH": "/usr/bin:/bin", "HOME": str(cache)},
    )


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_killed_at_any_moment_it_goes_on_and_does_nothing_twice_that_may_not_be(tmp_path, path, sandbox):
    work, cache = tmp_path / "work", tmp_path / "cache"
    source = random.Random(7)
    for _ in range(7):
        done, had = done_of(cache), Counter(lines_of(work, "began"))
        with begun(path, cache, sandbox=sandbox) as process:
            while process.poll() is None and Counter(lines_of(work, "began")) == had:
                time.sleep(0.005)
            time.sleep(source.uniform(0, 0.15))
            process.kill()
            process.communicate(timeout=60)
        again = Counter(lines_of(work, "began")) - had
        assert not done & set(again), "what was done was done again"
    with begun(path, cache, "--json", sandbox=sandbox) as process:
        out, said = process.communicate(timeout=120)
    told = json.loads(out)
    assert not set(told["states"]) - {"done", "uncertain", "cancelled"}, said
    assert all(count <= 1 for count in Counter(lines_of(work, "sent")).values())
    # A person looks at each that is uncertain, and says which it was.
    while process.returncode == 1:
        unsure = [each["id"] for each in told["steps"] if each["state"] == "uncertain"]
        assert set(unsure) <= set(ONCE)
        assert unsure
        sent = lines_of(work, "sent")
        words = [f"--{'done' if name in sent else 'repeat'}={name}" for name in unsure]
        with begun(path, cache, "--json", *words, sandbox=sandbox) as process:
            told = json.loads(process.communicate(timeout=120)[0])
    assert process.returncode == 0
    assert sorted(lines_of(work, "sent")) == sorted(ONCE)
    assert lines_of(work, "1.9.txt") == ["1.9", "1.7", "1.2", "1.1", "1.4", "1.1"]
    assert [(work / f"{name}.out").read_text() for name in ITEMS] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_signal_ends_the_commands_and_what_was_under_way_is_told(tmp_path, number, sandbox):
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    endless = "(while :; do echo x >> ticks; sleep 0.01; done) & wait"
    path = write_plan(
        tmp_path,
        step("1.1", "true"),
        step("1.2", endless, after=["1.1"], idempotent=False),
        step("1.3", "true"),
    )
    with begun(path, cache, sandbox=sandbox) as process:
        while not (work / "ticks").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (-number if number is signal.SIGKILL else 130)
    with begun(path, cache, "--dry-run", "--json", sandbox=sandbox) as process:
        told = json.loads(process.communicate(timeout=60)[0])
    ticks = (work / "ticks").stat().st_size
    time.sleep(0.1)
    assert (work / "ticks").stat().st_size == ticks, "its commands are still there"
    assert told["finished"]["1.2"] == "uncertain"
    assert told["finished"]["1.1"] == "done"
    with closing(sqlite3.connect(cache / "log" / "journal.sqlite")) as journal:
        ended = journal.execute("select body from records where kind = 'plan_finished'").fetchall()
    if number is signal.SIGKILL:
        assert ended == []
    else:
        assert said.splitlines()[-1] == "interrupted"
        assert [json.loads(body)["interrupted"] for (body,) in ended] == [True]


def test_a_second_process_on_the_same_plan_and_folder_is_refused(tmp_path):
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    path = write_plan(tmp_path, step("1.1", "echo x >> began; while ! test -e go; do sleep 0.01; done"))
    with begun(path, cache) as first:
        while not (work / "began").exists():
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        with begun(path, cache) as second:
            _, said = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"{work}: this plan is being run here now by process {first.pid}" in said
        (work / "go").touch()
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert lines_of(work, "began") == ["x"]


def test_of_a_map_only_the_item_that_was_under_way_is_uncertain(tmp_path):
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    for name in ITEMS:
        (work / f"{name}.in").write_text(name)
    waits = "test {name} != b || while ! test -e go; do sleep 0.01; done"
    command = f"{waits}; echo {{name}} >> sent"
    path = write_plan(
        tmp_path,
        step("1.1", "true", idempotent=False, writes=["sent"]),
        groups=[mapped("1.1", "*.in", command)],
    )
    with begun(path, cache) as process:
        while done_of(cache) != {"1.1-a", "1.1-c", "1.1-d"}:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=60)
    (work / "go").touch()
    with begun(path, cache) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "uncertain   1.1" in out
    assert "b.in" in out
    assert sorted(lines_of(work, "sent")) == ["a", "c", "d"]
    with begun(path, cache, "--repeat=1.1[b.in]") as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert sorted(lines_of(work, "sent")) == ["a", "b", "c", "d"]


def thinking(body):
    """A model that writes what a step wants, slowly."""
    told = json.dumps(body["messages"])
    name = next(name for name in ("2.4", "2.3", "2.2") if f"step {name}" in told)
    if name == "2.2":
        return FakeAnswer("an answer", delay_s=0.05)
    if any(message["role"] == "tool" for message in body["messages"]):
        return FakeAnswer("It is done.", delay_s=0.05)
    command = f"echo {name} > {name}.txt; echo {name} >> tries-{name}.txt"
    return FakeAnswer("", [FakeToolCall("execute_command", {"command": command})], delay_s=0.05)


def test_killed_while_a_model_works_nothing_is_done_by_halves(tmp_path):
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    cache.mkdir()
    path = write_plan(
        tmp_path,
        step("2.1", "echo 2.1 >> began; echo text > 2.1.txt", writes=["2.1.txt"]),
        step("2.2", after=["2.1"], kind="write", reads=["2.1.txt"], writes=["2.2.txt"], idempotent=True),
        step("2.3", after=["2.1"], writes=["2.3.txt", "tries-2.3.txt"]),
        step("2.4", after=["2.1"], writes=["2.4.txt", "tries-2.4.txt"]),
        step("2.5", "cat 2.2.txt 2.3.txt 2.4.txt > 2.5.txt", after=["2.2", "2.3", "2.4"], writes=["2.5.txt"]),
    )
    source = random.Random(3)
    with FakeServer.running(thinking) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        words = ("--model=fake/m", "--no-auto-probe", f"--tmp-dir={tmp_path / 'tmp'}", "--json")
        for _ in range(4):
            asked = len(server.requests)
            with begun(path, cache, *words) as process:
                while process.poll() is None and len(server.requests) == asked:
                    time.sleep(0.005)
                time.sleep(source.uniform(0, 0.25))
                process.kill()
                process.communicate(timeout=60)
        with begun(path, cache, *words) as process:
            out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said + out
    assert (work / "2.5.txt").read_text().split() == ["an", "answer", "2.3", "2.4"]
    assert lines_of(work, "began") == ["2.1"]
    # An agent works in a directory of its own: what it did in vain was never seen.
    assert (lines_of(work, "tries-2.3.txt"), lines_of(work, "tries-2.4.txt")) == (["2.3"], ["2.4"])
    assert not list((tmp_path / "tmp").glob("skvm-plan-*"))
