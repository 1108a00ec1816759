"""A bench whose model is a fake server, and the same bench with its runs made by workers."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from skvm.cluster.driver import RayRunner
from skvm.cluster.fleet import open_fleet
from skvm.evaluate.bench import open_bench
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.settings import Route, load_settings
from skvm.task.model import Criterion, Task
from tests.unit.cluster.lanes import Lanes

GRADE = Criterion(method="file-check", id="there", options={"path": "a", "mode": "exact", "expected": "x"})


def task(name="t", **fields):
    return Task(id=name, prompt=f"Do {name}", criteria=(GRADE,), timeout_ms=60_000, **fields)


class Model:
    """Writes x with the skill and y without it; ``says`` may answer instead."""

    def __init__(self):
        self.says = None

    def __call__(self, body):
        if self.says is not None and (answer := self.says(body)) is not None:
            return answer
        if any(message["role"] == "tool" for message in body["messages"]):
            return FakeAnswer("done")
        good = "Write x" in json.dumps(body["messages"])
        return FakeAnswer("", [FakeToolCall("write_file", {"path": "a", "content": "x" if good else "y"})])


@pytest.fixture
def ground(tmp_path):
    """``async with ground.local() as bench`` and ``async with ground.remote() as (bench, lanes)``."""
    model = Model()
    with FakeServer.running(model) as server:
        routes = (Route("fake/*", "openai-compatible", base_url=server.base_url),)

        def settings(name):
            made = load_settings(
                cache_dir=str(tmp_path / name), tmp_dir=str(tmp_path / "tmp"), auto_probe=False, env={}
            )
            return replace(made, routes=routes)

        @asynccontextmanager
        async def local(name="local", **options):
            async with open_bench(settings(name), sandbox="none", **options) as bench:
                yield bench

        @asynccontextmanager
        async def remote(name="remote", *, workers=2, slots=2, lanes=None, notes=None, **options):
            async with open_bench(settings(name), sandbox="none", **options) as bench:
                lanes = lanes or Lanes(bench.settings, slots)
                told = [] if notes is None else notes
                async with open_fleet(
                    lanes, workers, slots, on_note=told.append, start_timeout_s=20
                ) as fleet:
                    yield replace(bench, runner=RayRunner(fleet, on_note=told.append)), lanes

        yield SimpleNamespace(
            model=model, server=server, settings=settings, local=local, remote=remote, root=tmp_path
        )


@pytest.fixture
def settings(tmp_path):
    return load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})
