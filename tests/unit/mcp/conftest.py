"""A server as clients start it, over a place with a skill, two tasks and a scripted model."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from skvm.harness.confine.inside import tree
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall

PROGRAM = "from skvm.cli.main import main; main()"
GRADE = {"method": "file-check", "id": "there", "path": "a", "mode": "exact", "expected": "x"}


@dataclass
class Place:
    """Where a server works.

    Args:
        root: What clients may reach.
        cache: Its cache.
        model: What answers; a test may put another there.
        heard: Progress that clients were told.
    """

    root: Path
    cache: Path
    model: Callable[[Any], FakeAnswer]
    heard: list[tuple[float, float | None, str | None]] = field(default_factory=list)

    def answer(self, body: Any) -> FakeAnswer:
        """What the model says now."""
        return self.model(body)

    @property
    def arguments(self) -> list[str]:
        return ["-c", PROGRAM, "mcp", "--root", str(self.root), "--sandbox=none", "--no-auto-probe"]

    @property
    def env(self) -> dict[str, str]:
        return {"SKVM_CACHE": str(self.cache), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}

    def client(self, *more: str, **options: Any) -> Client:
        """A client of the SDK, on a server of its own."""
        program = StdioServerParameters(
            command=sys.executable, args=[*self.arguments, *more], env=self.env, cwd=self.root
        )
        return Client(program, **options)

    async def hear(self, done: float, total: float | None, text: str | None) -> None:
        """Take what a call tells of its progress."""
        self.heard.append((done, total, text))

    def children(self) -> list[int]:
        """Commands that a server of this test has under way."""
        found = []
        for pid in tree.pids():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.cache) in environment and b"skvm.cli.followed" in command:
                found.append(pid)
        return found


def until(holds: Callable[[], object], what: str) -> None:
    """Wait for something that has to come."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def write_x(body: Any) -> FakeAnswer:
    """Writes x with the skill and y without it."""
    if any(message["role"] == "tool" for message in body["messages"]):
        return FakeAnswer("done")
    good = "Write x" in json.dumps(body["messages"])
    return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": "x" if good else "y"})])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    root, cache = tmp_path / "root", tmp_path / "cache"
    cache.mkdir()
    skill = root / "skills/writer"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(
        "---\nname: writer\ndescription: Writes a letter into a file, whenever somebody wants that.\n---\n\n"
        "Write x into a.\n"
    )
    for name in ("t1", "t2"):
        (root / "tasks" / name).mkdir(parents=True)
        task = {"id": name, "prompt": f"Do {name}", "eval": [GRADE], "skill": str(skill)}
        (root / "tasks" / name / "task.json").write_text(json.dumps(task))
    found = Place(root, cache, write_x)
    with FakeServer.running(found.answer) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url, "apiKey": "none"}
        (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
        yield found
