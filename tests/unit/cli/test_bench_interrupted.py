"""``skvm bench`` when it is stopped from outside, again and again, and goes on."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import anyio
import pytest

from skvm.bench.history import attempts_of, counts
from skvm.evidence.journal import Journal
from skvm.harness.fake import registered_fake
from skvm.llm.contract import BudgetExceededError
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from tests.unit.bench.sessions import Agent, plan_of, run_plan, settings_in, write_skill, write_tasks

RUN = [
    sys.executable,
    "-W",
    "ignore",
    "-c",
    # Where the tests run in the background SIGINT is ignored, and a child inherits that.
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from skvm.cli.main import main; main()",
    "bench",
    "--no-auto-probe",
]
NEW = [*RUN, "--model=fake/m", "--conditions=no-skill,original", "--runs-per-task=10", "--concurrency=3"]


def answer(body):
    if any(message["role"] == "tool" for message in body["messages"]):
        return FakeAnswer("done", delay_s=0.03)
    return FakeAnswer("", [FakeToolCall("execute_command", {"command": "sleep 0.05; echo x > a"})])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SKVM_CACHE", str(tmp_path))
    monkeypatch.setenv("SKVM_DATA_DIR", str(tmp_path / "data"))
    write_tasks(tmp_path / "data" / "tasks", 3, write_skill(tmp_path / "skills"))
    with FakeServer.running(answer) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (tmp_path / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield tmp_path


def journal_rows(place):
    path = place / "log" / "journal.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=30)) as journal:
        if not journal.execute("select 1 from sqlite_master where name = 'records'").fetchall():
            return []  # it has only just been made
        rows = journal.execute("select body from records where kind = 'run_finished'").fetchall()
    return [json.loads(body) for (body,) in rows]


def stopped(arguments, number, after_runs, place):
    """Start, wait for some more finished runs, send a signal; the exit code and what was said."""
    had = len(journal_rows(place))
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place
    ) as process:
        while process.poll() is None and len(journal_rows(place)) < had + after_runs:
            time.sleep(0.02)
        process.send_signal(number)
        said = process.communicate(timeout=60)
    return process.returncode, *said


def test_signals_end_a_session_in_good_order_and_nothing_is_lost_or_doubled(place):
    source = random.Random(5)
    arguments = NEW
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        code, out, err = stopped(arguments, number, source.randrange(1, 6), place)
        if number == signal.SIGKILL:
            assert code == -9
        else:
            assert code == 130
            assert out == ""
            assert "go on with: skvm bench --resume=" in err
            assert err.rstrip().endswith("interrupted")
            assert "Traceback" not in err
        arguments = [*RUN, "--resume=latest"]
    done = subprocess.run([*arguments, "--json"], capture_output=True, text=True, cwd=place, check=False)
    assert done.returncode == 0, done.stderr
    counted = Counter(run["cell"] for run in journal_rows(place) if run["outcome"] == "scored")
    assert len(counted) == 3 * 2 * 10
    assert set(counted.values()) == {1}
    report = json.loads(done.stdout)
    scores = [row["runScores"] for task in report["tasks"] for row in task["conditions"]]
    assert [len(each) for each in scores] == [10] * 6


def test_the_first_failure_is_the_one_that_is_told(tmp_path):
    plan = plan_of(write_tasks(tmp_path / "tasks", 3), conditions=("no-skill",), concurrency=3)

    async def act(context):
        if context.prompt == "do 1":
            await anyio.sleep(0.05)
            raise BudgetExceededError("nothing is left")
        try:
            await anyio.sleep_forever()
        finally:
            raise BaseExceptionGroup("cleaning up failed, too", [KeyError("a")])

    with registered_fake(Agent(act)), pytest.raises(BudgetExceededError, match="nothing is left"):
        anyio.run(run_plan, plan, tmp_path)

    async def read():
        async with Journal(settings_in(tmp_path).journal_path, read_only=True) as journal:
            return await attempts_of(journal, "s1")

    attempts = anyio.run(read)
    assert len(attempts) == 3
    assert not any(counts(run) for run in attempts), "who was stopped has another turn"
