"""What the tests of bench sessions share: tasks on disk, a plan over them, a bench of fakes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.bench.plan import BenchPlan, PlannedCondition, Target
from skvm.bench.planning import plan_tasks
from skvm.bench.session import hold, open_session, run_session
from skvm.evaluate.run import Bench, open_bench
from skvm.evidence.record import RunRecord, Usage
from skvm.harness.contract import Facility, RunContext
from skvm.harness.fake import FakeSandbox, ScriptedSession
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import CallScope
from skvm.settings import Settings, load_settings
from skvm.task.loader import load_task

MODEL = "fake/m"


@dataclass
class FakePort:
    """A port whose sessions say ``done``."""

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        yield ScriptedSession(["done"], scope=scope, usage=Usage(input_tokens=7, calls=1))


@dataclass(frozen=True)
class Agent:
    """A harness made of one function of the context."""

    act: Callable[[RunContext], Any]

    @property
    def facilities(self) -> frozenset[Facility]:
        return frozenset(Facility)

    async def run(self, context: RunContext) -> Trajectory:
        changes = await self.act(context) or {}
        return Trajectory(harness="agent", model=context.model_id, prompt=context.prompt, **changes)


@dataclass
class Watch:
    """Remembers what it is told."""

    begun: list[str] = field(default_factory=list)
    ended: list[RunRecord] = field(default_factory=list)
    accounts: list[Any] = field(default_factory=list)

    def begins(self, cell):
        self.begun.append(cell.key)

    def ends(self, cell, run):
        self.ended.append(run)

    def prepared(self, account):
        self.accounts.append(account)

    def planned(self, cells, done):
        pass


def settings_in(folder: Path) -> Settings:
    return load_settings(cache_dir=str(folder / "cache"), tmp_dir=str(folder / "tmp"), env={})


def write_tasks(folder: Path, count: int, skill: Path | None = None, **fields: Any) -> list[Path]:
    made = []
    for index in range(count):
        place = folder / f"t{index:02}"
        place.mkdir(parents=True, exist_ok=True)
        criterion = {"method": "file-check", "path": "a", "mode": "exact", "expected": "x"}
        task = {"id": place.name, "prompt": f"do {index}", "eval": [criterion], **fields}
        if skill is not None:
            task["skill"] = str(skill)
        (place / "task.json").write_text(json.dumps(task))
        made.append(place)
    return made


def write_skill(folder: Path, name: str = "writer") -> Path:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "SKILL.md").write_text(f"---\nname: {name}\ndescription: Writes.\n---\n\nWrite x into a.\n")
    return place


def plan_of(folders: list[Path], harness: str = "fake", **changes: Any) -> BenchPlan:
    conditions = changes.pop("conditions", ("no-skill", "original"))
    fields: dict[str, Any] = {
        "session_id": "s1",
        "created_at": "2026-01-01T00:00:00+00:00",
        "tasks": plan_tasks([load_task(folder) for folder in folders]),
        "targets": (Target(model=MODEL, harness=harness),),
        "conditions": tuple(PlannedCondition(name=name) for name in conditions),
    }
    return BenchPlan(**{**fields, **changes})


@asynccontextmanager
async def bench_in(folder: Path) -> AsyncIterator[Bench]:
    async with open_bench(settings_in(folder), sandbox=FakeSandbox(), port=FakePort()) as bench:
        yield bench


async def run_plan(
    plan: BenchPlan, folder: Path, *, record: int | None = None, watch: Watch | None = None, **options: Any
) -> tuple[Mapping[str, RunRecord], bool, int]:
    """Run a session; gives its runs, whether it was stopped, and its record."""
    from skvm.bench.limits import Limits

    place = folder / "session"
    place.mkdir(parents=True, exist_ok=True)
    watch = watch or Watch()
    with hold(place):
        async with bench_in(folder) as bench:
            opened = await open_session(plan, bench, place, watch, record)
            limits = options.pop("limits", None) or Limits(plan.concurrency, plan.limits)
            done, is_stopped = await run_session(opened, bench, limits, watch, options.pop("stop", None))
            return done, is_stopped, opened.record
