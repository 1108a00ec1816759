"""The ground of the fire tests: a cache, tasks, a skill, one model for every command, and a look round.

A command is called in process, as a user would write it, over a server whose faults a schedule decides. When
it has ended, ``leftovers`` says what it left that it should not have left.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.cli.main import run
from skvm.harness.confine.inside.tree import descendants
from skvm.harness.programs.scripted import tool_results
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.llm.fake_faults import FaultSchedule, FaultyServer
from tests.unit.compiler.asking.adviser import Script
from tests.unit.compiler.making import make_profile

BOUND_S = 60
"""No command may take longer, whatever its model does. A fuse, not a measurement."""
PATIENCE_S = 30.0
HASTE_S = 0.5
"""What a command waits for a model that is known to say nothing."""
QUIET = FaultSchedule(rate=0.0)
SENTENCE = "Write a letter to the customer in the voice of a patient shopkeeper."
NEEDS = {
    "SkillNeeds": [
        {
            "purposes": [
                {
                    "purpose": "writer",
                    "requirements": [{"id": "reason.spatial", "level": "L2", "quote": SENTENCE}],
                }
            ]
        }
    ],
    "Proposals": [
        {"edits": [{"gap": 1, "old_text": SENTENCE, "new_text": "Write a short letter.", "why": "Plainer."}]}
    ],
    "Demand": [{"level": "L1"}],
}
GRADE = {"method": "file-check", "id": "there", "path": "a", "mode": "exact", "expected": "x"}
JUDGED = {"method": "llm-judge", "id": "nice", "rubric": "Is it nice?"}
SKILL = (
    f"---\nname: writer\ndescription: Writes.\n---\n\n# Writer\n\nYou MUST write y into `a`.\n\n{SENTENCE}\n"
)


class Stuck(BaseException):
    """A command that does not end."""


@dataclass
class Model:
    """Says what each command wants to hear, by the name it is asked under."""

    script: Script = field(default_factory=lambda: Script(NEEDS))
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        with self.lock:
            return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> FakeAnswer:
        name = str(body.get("model"))
        if name == "adviser":
            return self.script(body)
        if name == "namer":
            return FakeAnswer(json.dumps({"params": [], "wordings": []}))
        if name == "court":
            return FakeAnswer(json.dumps({"score": 0.5, "reasoning": "half of it"}))
        if tool_results(body) or not body.get("tools"):
            return FakeAnswer("done")
        if name == "editor":
            said = json.dumps({"rootCause": "it says y", "changedFiles": ["SKILL.md"]})
            files = {"SKILL.md": SKILL.replace("write y", "write x"), ".optimize/submission.json": said}
            calls = [
                FakeToolCall("write_file", {"path": path, "content": text}) for path, text in files.items()
            ]
            return FakeAnswer("", calls)
        letter = "y" if "write y" in json.dumps(body) else "x"
        if "put_file" in json.dumps(body["tools"]):
            return FakeAnswer("", [FakeToolCall("put_file", {"filePath": "a", "content": letter})])
        return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": letter})])


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Ground:
    """A place with everything a command needs.

    Args:
        root: Where it all lies; the current folder.
        server: The model.
        read: Takes what was printed since it was last called.
        hurry: Within it, commands wait for ``HASTE_S`` only, also where they have no flag for that.
        patience_s: What commands are told to wait, where they have a flag.
        tmp_dir: The folder of temporary files, where it is not the one in ``root``.
        cache_dir: The cache, likewise.
    """

    root: Path
    server: FaultyServer
    read: Callable[[], tuple[str, str]]
    hurry: Callable[[], AbstractContextManager[None]]
    patience_s: float = PATIENCE_S
    tmp_dir: Path | None = None
    cache_dir: Path | None = None
    _children: frozenset[int] = frozenset()
    _forgiven: frozenset[str] = frozenset()
    _open: int = 0
    _threads: int = 0

    @property
    def timeout(self) -> str:
        """The flag."""
        return f"--timeout-ms={self.patience_s * 1000:.0f}"

    @property
    def cache(self) -> Path:
        return self.cache_dir or self.root / "cache"

    @property
    def tmp(self) -> Path:
        return self.tmp_dir or self.root / "tmp"

    def lay(self) -> None:
        """Write tasks, a skill, a plan, a profile and the configuration."""
        for folder in (self.cache, self.tmp, self.root / "skills/writer", self.root / "work"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.root / "skills/writer/SKILL.md").write_text(SKILL)
        for number in range(6):
            self.task(f"t{number}", GRADE)
        self.task("judged", GRADE, JUDGED)
        profile = make_profile("L3", reason_spatial="L1")
        profile = profile.model_copy(update={"model": "fake/m", "harness": "bare-agent"})
        (self.root / "profile.json").write_text(profile.model_dump_json(by_alias=True))
        kinds = {
            "fake": ("openai-compatible", self.server.base_url),
            "or": ("openrouter", self.server.base_url),
            "ant": ("anthropic", self.server.root_url),
        }
        routes = [
            {"match": f"{name}/*", "kind": kind, "baseUrl": url, "apiKey": "k-planted-0123456789"}
            for name, (kind, url) in kinds.items()
        ]
        (self.cache / "skvm.config.json").write_text(
            json.dumps({"providers": {"routes": routes}, "autoProbe": False})
        )

    def task(self, id: str, *criteria: dict[str, Any]) -> None:
        folder = self.root / "data" / "tasks" / id
        folder.mkdir(parents=True, exist_ok=True)
        task = {
            "id": id,
            "prompt": f"Do {id}",
            "eval": list(criteria),
            "skill": str(self.root / "skills/writer"),
        }
        (folder / "task.json").write_text(json.dumps(task))

    def skvm(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        self.read()
        with fuse(), self.hurry() if self.patience_s == HASTE_S else nullcontext():
            code = run([*arguments])
        return Ended(code, *self.read())

    def forgive(self) -> None:
        """Count no run as left that has no end now."""
        self._forgiven = frozenset(self.runs(ended=False))

    def heal(self) -> None:
        """From now on every answer is right."""
        self.server.schedule = QUIET

    def look(self) -> None:
        """Remember what is there before a command, to be compared with what it leaves."""
        self._children = frozenset(descendants(os.getpid()))
        self._open, self._threads = len(descriptors()), threading.active_count()

    def leftovers(self, patience_s: float = 5.0) -> list[str]:
        """What a command left: runs without an end, files, processes, descriptors, threads."""
        end = time.monotonic() + patience_s
        while (left := self._left()) and time.monotonic() < end:
            gc.collect()
            time.sleep(0.02)
        return left

    def _left(self) -> list[str]:
        left = [f"run {each} has no end" for each in self.runs(ended=False) if each not in self._forgiven]
        left += [f"temporary {path.name}" for path in self.tmp.iterdir()]
        left += [f"half-written {path}" for path in self.root.rglob(".tmp-*")]
        left += [f"process {pid}" for pid in set(descendants(os.getpid())) - self._children]
        if (more := len(descriptors()) - self._open) > 0:
            left.append(f"{more} descriptors: {descriptors()[-more:]}")
        if (more := threading.active_count() - self._threads) > 0:
            left.append(f"{more} threads: {[each.name for each in threading.enumerate()][-more:]}")
        return left

    def runs(self, *, ended: bool) -> list[str]:
        """Ids of the runs in the journal that have an end, or have none."""
        path = self.cache / "log" / "journal.sqlite"
        if not path.exists():
            return []
        told = """
            select json_extract(body, '$.run_id') from records as began
            where kind = 'run_started' and exists (
              select 1 from records where kind = 'run_finished' and parent = began.id
            ) = ?
            """
        with closing(sqlite3.connect(path)) as journal:
            assert journal.execute("pragma integrity_check").fetchone() == ("ok",)
            return [id for (id,) in journal.execute(told, [ended])]

    def scored(self) -> list[str]:
        """Ids of the runs with a score."""
        path = self.cache / "log" / "journal.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as journal:
            rows = journal.execute("select body from records where kind = 'run_finished' order by id")
            return [run["run_id"] for (body,) in rows if (run := json.loads(body))["score"] is not None]


def descriptors() -> Sequence[str]:
    """What is open."""
    found = []
    for path in sorted(Path("/proc/self/fd").iterdir(), key=lambda each: int(each.name)):
        with suppress(OSError):  # the one by which we list is gone
            found.append(f"{path.name} {path.readlink()}")
    return found


@contextmanager
def fuse(seconds: float = BOUND_S) -> Iterator[None]:
    """Raise ``Stuck`` in the main thread when the time is over."""

    def burn(number: int, frame: object) -> None:
        raise Stuck(f"not over after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, burn)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
