"""A session is killed again and again at random moments: it goes on, repeats no run, and decides the same."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio

from skvm.optimizer.model import Verdict
from tests.unit.optimizer.loop.sessions import past_of, store_in
from tests.unit.optimizer.loop.test_optimizing import decisions

REPO = Path(__file__).resolve().parents[4]
KILLS = 15
SHEPHERD = """
import os, sys
from pathlib import Path
import anyio
import skvm.evaluate.graders.file_check, skvm.harness.environment.bind, pydantic_ai.models.function
import skvm.optimizer.editing.editor, skvm.optimizer.sources.real
from tests.unit.optimizer.loop.sessions import agents, better, go, go_on, request_in, store_in

folder = Path(sys.argv[1])
odds = [0.1, 0.2, 0.95]

def edit(text):
    # Three edits of which the last is good: each says how many there were before it.
    number = len(list(folder.glob("cache/proposals/jit-optimize/*/*/*/*/round-*-optimizer")))
    return better(text, odds[number - 1])

def tell(update):
    if update.kind in ("event", "doing"):
        os.write(1, b"told\\n")

async def session():
    found = store_in(folder).list()
    if found:
        await go_on(folder, str(found[0].id), tell)
    else:
        await go(folder, request_in(folder, concurrency=2), tell)

with agents(edit):
    for _ in sys.stdin:
        # A fork of a process that has imported everything begins in a moment.
        child = os.fork()
        if child == 0:
            anyio.run(session)
            os.write(1, b"whole\\n")
            os._exit(0)
        os.write(1, f"pid {child}\\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"over\\n")
"""


def test_kill_9_again_and_again_repeats_no_run_and_decides_the_same(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    wanted = drive(whole, kills=0)
    got = drive(killed, kills=KILLS)
    assert (wanted, got) == (0, KILLS), "the session is long enough to be killed in so often"
    (one,) = store_in(whole).list()
    (other,) = store_in(killed).list()
    assert one.meta.verdict is Verdict.RECOMMENDED
    assert decisions(other) == decisions(one)
    assert other.phase == "done"
    _, runs = anyio.run(past_of, killed, other)
    cells = [run.cell for run in runs if run.cell and run.outcome.is_graded]
    assert len(cells) == len(set(cells)), "no run was made twice"
    assert not list(other.dir.parent.glob(".new-*/proposal/meta.json")), (
        "nothing orphaned looks like a proposal"
    )
    assert rows_in(other.dir) == rows_in(one.dir)


def rows_in(folder):
    """The rows of evidence a session kept; a killed writer may leave scratch, which nobody reads."""
    found = folder.glob("round-*-evidence/train/*")
    return sorted(str(path.relative_to(folder)) for path in found if not path.name.startswith(".tmp-"))


def drive(folder, kills):
    """Start the session again and again, kill it after a few steps, and let the last come to its end."""
    folder.mkdir()
    source, done = random.Random(5), 0
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SHEPHERD, str(folder)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as shepherd:
        while True:
            shepherd.stdin.write("go\n")
            pid = int(shepherd.stdout.readline().removeprefix("pid "))
            left = source.randrange(0, 6) if done < kills else None
            for line in iter(shepherd.stdout.readline, "over\n"):
                if line == "whole\n":
                    shepherd.stdout.readline()
                    shepherd.stdin.close()
                    return done
                if left == 0:
                    time.sleep(source.random() / 20)
                    os.kill(pid, signal.SIGKILL)
                    done, left = done + 1, None
                elif left is not None:
                    left -= 1
