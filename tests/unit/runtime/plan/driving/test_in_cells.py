"""Plans that are followed where it is meant: in confined cells, by a bench as commands open it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart

from skvm.evaluate.bench import RunSpec, load_trajectory, open_bench
from skvm.evaluate.run import run_once
from skvm.evidence.record import Outcome
from skvm.harness.fake import ScriptedSession
from skvm.harness.permissions import Grant, Permissions
from skvm.llm.contract import CallScope
from skvm.runtime.boost.opening import boosted
from skvm.runtime.plan.driving.opening import following
from skvm.runtime.plan.model import STEP_FINISHED_KIND
from skvm.settings import load_settings
from skvm.task.model import Task
from tests.unit.runtime.plan.driving.skills import (
    NOWHERE,
    a_plan,
    a_step,
    lay_skill,
    lay_tickets,
    needs,
)
from tests.unit.runtime.plan.working.benches import said, words_of

pytestmark = pytest.mark.anyio


def a_branch(name: str) -> dict[str, Any]:
    return {"kind": "write", "text": f"Make up {name}.", "writes": [f"{name}.txt"]}


BRANCHES = a_plan(
    a_step("1.1", **a_branch("left")),
    a_step("1.2", **a_branch("right")),
    a_step(
        "1.3",
        executable=True,
        actions=[{"command": "cat left.txt right.txt > both.txt"}],
        reads=["left.txt", "right.txt"],
        writes=["both.txt"],
        dependsOn=needs("1.1", "1.2"),
    ),
    groups=[
        {
            "id": "g1",
            "type": "tlp",
            "steps": ["1.1", "1.2"],
            "mechanism": "two agents",
            "reason": "they touch different things",
            "span": NOWHERE,
        }
    ],
)


@dataclass
class Two:
    """Two agents that wait for each other: one after the other they would never end."""

    both: anyio.Event = field(default_factory=anyio.Event)
    there: set[str] = field(default_factory=set)

    async def answer(self, messages: list[ModelMessage]) -> ModelResponse:
        first = words_of(messages[:1])
        name = next((each for each in ("left", "right") if f"Make up {each}." in first), None)
        if name is None:
            return said("Both are there.")
        if len(messages) > 1:
            return said(f"I made {name}.")
        self.there.add(name)
        if len(self.there) == 2:
            self.both.set()
        await self.both.wait()
        command = f"echo {name} > {name}.txt; ls > seen-by-{name}.txt; cat ../*/*.txt"
        return ModelResponse([ToolCallPart("execute_command", {"command": command}, tool_call_id="c")])


@dataclass
class Port:
    answer: Any

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        yield ScriptedSession([self.answer], scope=scope)


async def test_agents_in_confined_directories_of_their_own(tmp_path: Path):
    settings = load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})
    work = tmp_path / "work"
    skill = lay_skill(tmp_path / "skill", BRANCHES)
    spec = RunSpec(Task(id="t", prompt="Make both.", criteria=()), "fake/one", skill=skill, work_dir=work)
    with anyio.fail_after(60):
        async with (
            open_bench(settings, sandbox="auto", port=Port(Two().answer)) as bench,
            following(bench, "parallel") as whole,
        ):
            record = await run_once(spec, whole)
            trajectory = load_trajectory(bench.blobs, record)
            rows = await bench.journal.query(STEP_FINISHED_KIND)

    assert (record.outcome, record.usage.calls) == (Outcome.SCORED, 5)
    assert (work / "both.txt").read_text() == "left\nright\n"
    assert "right.txt" not in (work / "seen-by-left.txt").read_text().splitlines()
    assert {entry.body["node"]: sorted(entry.body["digests"]) for entry in rows} == {
        "1.1": ["left.txt", "seen-by-left.txt"],
        "1.2": ["right.txt", "seen-by-right.txt"],
        "1.3": ["both.txt"],
    }
    assert trajectory is not None
    # The order of the plan, whoever came first; and nobody saw the other's directory.
    assert [turn.text for turn in trajectory.turns if turn.text] == [
        "I made left.",
        "I made right.",
        "Both are there.",
    ]
    seen = [turn.observations[0].text for turn in trajectory.turns[:3:2]]
    assert ("left" in seen[0], "right" in seen[0]) == (True, False)
    assert ("left" in seen[1], "right" in seen[1]) == (False, True)
    assert list(settings.tmp_dir.iterdir()) == []


async def test_permissions_hold_in_every_directory(tmp_path: Path):
    settings = load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})
    skill = lay_skill(tmp_path / "skill", BRANCHES)
    permissions = Permissions.model_validate({"skill": "tickets", "skillDigest": skill.id})
    spec = RunSpec(
        Task(id="t", prompt="Make both.", criteria=()),
        "fake/one",
        skill=skill,
        permissions=Grant(permissions, "report", ()),
        work_dir=tmp_path / "work",
    )

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        if "Make up" not in words_of(messages[:1]) or len(messages) > 1:
            return said("done")
        return ModelResponse(
            [ToolCallPart("execute_command", {"command": "gzip --version"}, tool_call_id="c")]
        )

    async with (
        open_bench(settings, sandbox="auto", port=Port(answer)) as bench,
        following(bench, "parallel") as whole,
    ):
        record = await run_once(spec, whole)

    assert sum("program gzip" in note for note in record.notes) == 1, record.notes


async def test_boost_and_plans_get_along(tmp_path: Path):
    settings = load_settings(cache_dir=str(tmp_path / "cache"), tmp_dir=str(tmp_path / "tmp"), env={})
    skill = lay_skill(tmp_path / "skill")

    async def label(messages: list[ModelMessage]) -> ModelResponse:
        return said("bug" if "Do it for this one" in words_of(messages) else "done")

    async with (
        open_bench(settings, sandbox="auto", port=Port(label)) as bench,
        following(boosted(bench, "on"), "auto") as whole,
    ):
        for index in range(2):
            work = tmp_path / f"work{index}"
            lay_tickets(work, 3)
            task = Task(id="t", prompt="Label the tickets.", criteria=())
            record = await run_once(RunSpec(task, "fake/one", skill=skill, work_dir=work), whole)
            assert (record.outcome, record.notes) == (Outcome.SCORED, ())
            assert (work / "tally.txt").read_text().split() == ["3", "bug"]
