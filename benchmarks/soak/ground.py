"""The ground of the soak: a cache, tasks, and a model in a process of its own whose answers are faulty."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TextIO

from benchmarks.soak.hostile import MISDEEDS
from skvm.cli.main import run
from skvm.harness.programs.scripted import tool_results
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.llm.fake_faults import FaultSchedule, FaultyServer

__all__ = ["Ground", "open_ground"]

SPAWN = multiprocessing.get_context("spawn")
TASKS = 10
GRADE = {"method": "file-check", "id": "there", "path": "a", "mode": "exact", "expected": "x"}


@dataclass
class Ground:
    """A place to run many sessions in.

    Args:
        root: Where it lies; any user may pass it.
        model: The process of the model.
        pipe: To ask it what it did.
        log: Takes what the commands print.
    """

    root: Path
    model: BaseProcess
    pipe: Connection
    log: TextIO

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def system_tmp(self) -> Path:
        return self.root / "system-tmp"

    @property
    def spare(self) -> set[int]:
        """Processes that are the soak's own: the model, and what this way of starting it leaves."""
        tracker = getattr(multiprocessing.resource_tracker._resource_tracker, "_pid", None)
        return {pid for pid in (self.model.pid, tracker) if pid is not None}

    def skvm(self, *arguments: str) -> int:
        """Run a command in this process, as a user would write it; the exit code."""
        print(f"$ skvm {' '.join(arguments)}", file=self.log, flush=True)
        with redirect_stdout(self.log), redirect_stderr(self.log):
            code = run([*arguments])
        print(f"exit code {code}", file=self.log, flush=True)
        return code

    def injected(self) -> dict[str, int]:
        """How often the model was asked, and how often each fault happened."""
        self.pipe.send("tell")
        told: dict[str, int] = self.pipe.recv()
        return told

    def journal(self) -> tuple[int, Counter[str]]:
        """Runs without an end, and how often each outcome is in the journal."""
        with closing(sqlite3.connect(self.root / "cache/log/journal.sqlite")) as journal:
            (open_runs,) = journal.execute(
                "select count(*) from records as began where kind = 'run_started' and not exists "
                "(select 1 from records where kind = 'run_finished' and parent = began.id)"
            ).fetchone()
            rows = journal.execute(
                "select json_extract(body, '$.outcome'), count(*) from records "
                "where kind = 'run_finished' group by 1"
            )
            return open_runs, Counter(dict(rows.fetchall()))

    def doubled(self) -> int:
        """Cells that have more than one run that counts."""
        with closing(sqlite3.connect(self.root / "cache/log/journal.sqlite")) as journal:
            (found,) = journal.execute(
                "select count(*) from (select 1 from records where kind = 'run_finished' "
                "and json_extract(body, '$.score') is not null and json_extract(body, '$.cell') is not null "
                "group by json_extract(body, '$.session_id'), json_extract(body, '$.cell') "
                "having count(*) > 1)"
            ).fetchone()
            return int(found)

    def said_tracebacks(self) -> int:
        """How often a command fell over."""
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace").count("Traceback (most recent call last)")


@contextmanager
def open_ground(rate: float, seed: int) -> Iterator[Ground]:
    """Lay it out, start the model, and take all away again."""
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="skvm-soak-"))
        stack.callback(shutil.rmtree, root)
        root.chmod(0o755)
        ours, theirs = SPAWN.Pipe()
        model = SPAWN.Process(target=_serve, args=(rate, seed, theirs), daemon=True)
        model.start()
        theirs.close()
        stack.callback(model.join)
        stack.callback(ours.send, "end")
        _lay(root, ours.recv())
        log = stack.enter_context((root / "log.txt").open("w", buffering=1))
        before = dict(os.environ), tempfile.tempdir
        os.environ |= {
            "SKVM_CACHE": str(root / "cache"),
            "SKVM_DATA_DIR": str(root / "data"),
            "SKVM_TMP_DIR": str(root / "tmp"),
        }
        tempfile.tempdir = str(root / "system-tmp")
        try:
            yield Ground(root, model, ours, log)
        finally:
            tempfile.tempdir = before[1]
            os.environ.clear()
            os.environ |= before[0]
            if sys.exc_info()[0] is not None:
                print(Path(log.name).read_text(errors="replace")[-4000:], file=sys.stderr)


def _lay(root: Path, url: str) -> None:
    for name in ("cache", "tmp", "system-tmp"):
        (root / name).mkdir()
        (root / name).chmod(0o755)
    for number in range(TASKS):
        _task(root, f"t{number}", f"Write x into a, number {number}.")
    for name in MISDEEDS:
        _task(root, name, f"This one {name}.")
    route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": url, "apiKey": "none"}
    config = {"providers": {"routes": [route]}, "autoProbe": False}
    (root / "cache" / "skvm.config.json").write_text(json.dumps(config))


def _task(root: Path, id: str, prompt: str) -> None:
    folder = root / "data" / "tasks" / id
    folder.mkdir(parents=True)
    (folder / "task.json").write_text(json.dumps({"id": id, "prompt": prompt, "eval": [GRADE]}))


def _serve(rate: float, seed: int, pipe: Connection) -> None:
    """The model: asks for a file to be written, then is done; some of it wrongly."""

    def answer(body: dict[str, Any]) -> FakeAnswer:
        if tool_results(body) or not body.get("tools"):
            return FakeAnswer("done")
        return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": "x"})])

    with FaultyServer.under(FaultSchedule(rate, seed=seed), answer, late_s=0.5) as server:
        pipe.send(server.base_url)
        while pipe.recv() == "tell":
            counts: Sequence[tuple[str, int]] = [(kind.value, n) for kind, n in server.injected.items()]
            pipe.send({"asked": server.asked, **dict(sorted(counts))})
