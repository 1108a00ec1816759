from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse

from skvm.evaluate.bench import Bench, RunSpec, open_bench
from skvm.evaluate.run import run_once
from skvm.evidence.record import Outcome
from skvm.harness.contract import SkillMode
from skvm.harness.fake import FakeHarness, FakeSandbox, ScriptedSession
from skvm.llm.contract import CallScope
from skvm.runtime.plan.driving.drivable import drivable_plan
from skvm.runtime.plan.driving.opening import Mode, following
from skvm.runtime.plan.model import MEASURED_KIND, STARTED_KIND, GroupMeasured
from skvm.settings import load_settings
from skvm.skill.frontend import load_skill
from skvm.task.model import Criterion, Task
from tests.unit.runtime.plan.driving.skills import lay_skill, lay_tickets
from tests.unit.runtime.plan.working.benches import said, words_of

pytestmark = pytest.mark.anyio

TALLIED = Criterion(
    method="file-check",
    id="tally",
    options={"path": "tally.txt", "mode": "contains", "expected": "2 bug"},
)


async def answer(messages: list[ModelMessage]) -> ModelResponse:
    words = words_of(messages)
    if "Do it for this one" not in words:
        return said("done")
    return said("bug" if "It broke" in words else "wish")


@dataclass(frozen=True)
class Port:
    answer: Any = answer

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        yield ScriptedSession([self.answer], scope=scope)


@asynccontextmanager
async def a_bench(tmp_path: Path, mode: Mode, answers: Any = answer) -> AsyncIterator[Bench]:
    settings = load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})
    async with (
        open_bench(settings, sandbox=FakeSandbox(), port=Port(answers)) as bench,
        following(bench, mode) as whole,
    ):
        yield whole


def a_spec(tmp_path: Path, **more: Any) -> RunSpec:
    work = tmp_path / "work"
    lay_tickets(work, 4)
    task = Task(id="t", prompt="Label the tickets.", criteria=(TALLIED,))
    return RunSpec(task, "fake/one", **({"skill": lay_skill(tmp_path / "skill"), "work_dir": work} | more))


async def test_a_run_of_a_bench_follows_its_plan_and_is_graded(tmp_path: Path):
    async with a_bench(tmp_path, "parallel") as bench:
        record = await run_once(a_spec(tmp_path), bench)
        plans = await bench.journal.query(STARTED_KIND)

    assert (record.outcome, record.score, record.harness) == (Outcome.SCORED, 1.0, "bare-agent")
    assert record.usage.calls == 5
    assert record.notes == ()
    assert [entry.body["skill"] for entry in plans] == ["tickets"]


async def test_without_plans_nothing_changes(tmp_path: Path):
    async with a_bench(tmp_path, "off") as bench:
        record = await run_once(a_spec(tmp_path), bench)

    assert record.usage.calls == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"skill_mode": SkillMode.DISCOVER}, "find the skill itself"),
        ({"harness": "codex"}, "skvm plan run"),
        ({"harness": "acp:some agent"}, "skvm plan run"),
        ({"skill": None}, ""),
        ({"harness": FakeHarness()}, ""),
    ],
)
async def test_a_run_that_cannot_follow_one_says_why(tmp_path: Path, more: dict[str, Any], why: str):
    async with a_bench(tmp_path, "auto") as bench:
        assert bench.follow is not None
        spec = a_spec(tmp_path, **more)

        followed, told = bench.follow(spec)

    assert followed is spec
    assert (why in told) if why else not told


async def test_why_a_plan_was_not_followed_is_a_note_of_the_run(tmp_path: Path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "SKILL.md").write_text("---\nname: plain\ndescription: d\n---\nBe kind.\n")

    async with a_bench(tmp_path, "auto") as bench:
        record = await run_once(a_spec(tmp_path, skill=load_skill(plain)), bench)

    assert record.notes[0].startswith("plan: not followed: the skill has no procedure")


@pytest.mark.parametrize(("faster", "at_once"), [("serial", 1), ("parallel", 4)])
async def test_auto_does_what_was_faster_on_this_target(tmp_path: Path, faster: str, at_once: int):
    spec = a_spec(tmp_path)
    assert spec.skill is not None
    plan = drivable_plan(spec.skill).plan
    assert plan is not None
    now, most, all_there = 0, 0, anyio.Event()

    async def watched(messages: list[ModelMessage]) -> ModelResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == at_once:
            all_there.set()
        await all_there.wait()
        now -= 1
        return await answer(messages)

    async with a_bench(tmp_path, "auto", watched) as bench:
        for index in range(8):
            for arm in ("serial", "parallel"):
                wall_s = (1.0 if arm == faster else 3.0) + index / 100
                await bench.journal.append(
                    MEASURED_KIND,
                    GroupMeasured(
                        plan_run=f"r{index}",
                        skill_digest=plan.skill_digest,
                        model=spec.model_id,
                        harness="bare-agent",
                        group="g1",
                        arm=arm,
                        units=4,
                        wall_s=wall_s,
                        work_s=4.0,
                    ),
                )
        with anyio.fail_after(30):
            await run_once(spec, bench)
        newest = (await bench.journal.query(MEASURED_KIND, newest_first=True))[0]

    assert (most, newest.body["arm"]) == (at_once, faster)
