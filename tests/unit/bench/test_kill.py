"""A bench is killed fifty times at random moments and goes on each time: nothing is lost, nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import anyio
from tests.unit.bench.sessions import plan_of, settings_in, write_skill, write_tasks

from skvm.bench.history import attempts_of, counts
from skvm.evidence.journal import Journal

REPO = Path(__file__).resolve().parents[3]
KILLS = 50
SHEPHERD = """
import os, sys
from pathlib import Path
import anyio
import skvm.evaluate.graders.file_check, skvm.harness.environment.bind, pydantic_ai.models.function
import skvm.bench.conditions.no_skill, skvm.bench.conditions.original
from skvm.bench.history import find_plan
from skvm.bench.plan import BenchPlan
from skvm.evidence.journal import Journal
from skvm.harness.fake import FakeHarness, registered_fake
from tests.unit.bench.sessions import Watch, run_plan, settings_in

folder = Path(sys.argv[1])

class Tell(Watch):
    def ends(self, cell, run):
        os.write(1, f"{run.run_id}\\n".encode())

async def go(plan):
    record = None
    if settings_in(folder).journal_path.exists():
        async with Journal(settings_in(folder).journal_path) as journal:
            found = await journal.query("bench_started")
            if found:
                record, plan = await find_plan(journal, "s1")
    await run_plan(plan, folder, record=record, watch=Tell())

plan = BenchPlan.model_validate_json((folder / "plan.json").read_text())
with registered_fake(FakeHarness({"a": "x"})):
    for _ in sys.stdin:
        # A fork of a process that has imported everything begins in a moment.
        child = os.fork()
        if child == 0:
            anyio.run(go, plan)
            os.write(1, b"whole\\n")
            os._exit(0)
        os.write(1, f"pid {child}\\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"over\\n")
"""


def test_kill_9_fifty_times_loses_no_finished_run_and_doubles_none(tmp_path):
    tasks = write_tasks(tmp_path / "tasks", 20, write_skill(tmp_path / "skills"))
    plan = plan_of(tasks, repetitions=10, concurrency=3)
    (tmp_path / "plan.json").write_text(plan.model_dump_json(by_alias=True))
    source = random.Random(7)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SHEPHERD, str(tmp_path)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as shepherd:
        told, kills = drive(shepherd, source)
    assert kills == KILLS, "the matrix is large enough to be killed in so often"

    async def read():
        async with Journal(settings_in(tmp_path).journal_path) as journal:
            return await attempts_of(journal, "s1")

    attempts = anyio.run(read)
    filled = Counter(run.cell for run in attempts if counts(run))
    assert len(filled) == 20 * 2 * 10, "every cell was filled in the end"
    assert set(filled.values()) == {1}, "and none twice"
    assert told <= {run.run_id for run in attempts}, "what was told as done is there"


def drive(shepherd, source):
    """Start the bench again and again, kill it after a few runs, and let the last start come to its end."""
    told, kills = set(), 0
    while True:
        shepherd.stdin.write("go\n")
        pid = int(shepherd.stdout.readline().removeprefix("pid "))
        left = source.randrange(0, 8) if kills < KILLS else None
        for line in iter(shepherd.stdout.readline, "over\n"):
            if line == "whole\n":
                shepherd.stdout.readline()
                shepherd.stdin.close()
                return told, kills
            if line.strip() in told:
                continue  # stood already
            told.add(line.strip())
            if left == 0:
                time.sleep(source.random() / 50)
                os.kill(pid, signal.SIGKILL)
                kills, left = kills + 1, None
            elif left is not None:
                left -= 1
