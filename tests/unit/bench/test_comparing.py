"""Comparing conditions of past sessions: which session is taken, which tasks count, what is written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.bench.report.factories import TARGET, failed, make_plan, make_runs

from skvm.bench.compare_analysis import analyse
from skvm.bench.compare_files import diff_markdown, diff_of, skill_text, write_comparison
from skvm.bench.comparing import PastComparison, Side, compare_sides, find_side, parse_side
from skvm.bench.history import STARTED
from skvm.bench.plan import BenchPlan, PlannedSkill, Target
from skvm.errors import UsageError
from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome, RunRecord, Usage
from skvm.harness.fake import ScriptedSession
from skvm.harness.trajectory import Trajectory
from skvm.llm.contract import CallScope

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def hold(journal: Journal, plan: BenchPlan, shape: Any = None, keep: int | None = None) -> None:
    """Put a session into the journal."""
    await journal.append(STARTED, plan)
    runs = [
        run.model_copy(update={"session_id": plan.session_id, "run_id": f"{plan.session_id}-{number}"})
        for number, run in enumerate(make_runs(plan, shape)[:keep])
    ]
    await journal.append_all([("run_finished", run) for run in runs])


@asynccontextmanager
async def journal_in(folder: Path) -> AsyncIterator[Journal]:
    async with Journal(folder / "journal.db") as journal:
        yield journal


async def find(journal: Journal, side: str, **wanted: Any) -> str:
    found = await find_side(journal, parse_side(side), model=TARGET.model, harness=TARGET.harness, **wanted)
    return found.plan.session_id


def test_a_side_is_a_condition_and_maybe_a_session() -> None:
    assert parse_side("original") == Side("original")
    assert parse_side(" original @ 2026-x ") == Side("original", "2026-x")
    with pytest.raises(UsageError, match="names no condition"):
        parse_side("@2026-x")


async def test_the_newest_session_that_fits_is_taken(tmp_path: Path) -> None:
    other = Target(model="other/model", harness="bare-agent")
    async with journal_in(tmp_path) as journal:
        await hold(journal, make_plan(2, session_id="old"))
        await hold(journal, make_plan(2, session_id="new"))
        await hold(journal, make_plan(2, session_id="several", targets=(TARGET, other)))
        await hold(journal, make_plan(2, session_id="elsewhere", targets=(other,)))
        await hold(journal, make_plan(2, ("no-skill",), session_id="lacks-it"))
        await hold(journal, make_plan(2, session_id="has-no-run"), keep=0)
        await journal.append(STARTED, {"schema": 1, "sessionId": "unreadable"})
        assert await find(journal, "original") == "new"
        assert await find(journal, "original@old") == "old"
        assert await find(journal, "original@several") == "several"
        assert await find(journal, "no-skill") == "lacks-it"
        for side in ("original@elsewhere", "original@nowhere", "jit-boost"):
            with pytest.raises(UsageError, match="there are no runs of"):
                await find(journal, side)


async def test_the_skill_is_matched_by_path_or_id(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        plan = make_plan(2, session_id="both")
        skill = PlannedSkill(id="pdf", path=str(tmp_path / "pdf"), digest="sha256:" + "8" * 64)
        tasks = (plan.tasks[0], plan.tasks[1].model_copy(update={"skills": (skill,)}))
        await hold(journal, plan.model_copy(update={"tasks": tasks}))
        for wanted in ("pdf", str(tmp_path / "pdf"), str(tmp_path / "pdf" / "SKILL.md")):
            found = await find_side(
                journal, Side("original"), model=TARGET.model, harness=TARGET.harness, skill=wanted
            )
            assert list(found.tasks) == ["task-001"]
        with pytest.raises(UsageError, match="with skill docx"):
            await find(journal, "original", skill="docx")


async def compared(tmp_path: Path) -> tuple[Any, Any, PastComparison]:
    """A left side that is 0.4 everywhere and a right one that is 0.6, with a task of each kind of trouble."""
    troubles: dict[str, dict[str, Any]] = {
        "task-000": failed(Outcome.INFRA_FAILED),
        "task-001": {"task_digest": "sha256:" + "0" * 64},
    }
    async with journal_in(tmp_path) as journal:
        await hold(journal, make_plan(9, session_id="a"), lambda *_: {"score": 0.4, "turns": 6})
        right = make_plan(10, session_id="b", temperature=0.7)
        await hold(journal, right, lambda task, *_: {"score": 0.6, "turns": 4, **troubles.get(task, {})})
        sides = [
            await find_side(journal, side, model=TARGET.model, harness=TARGET.harness)
            for side in (Side("original", "a"), Side("aot-compiled", "b"))
        ]
    return sides[0], sides[1], compare_sides(*sides)


async def test_only_tasks_that_are_the_same_on_both_sides_count(tmp_path: Path) -> None:
    _, _, found = await compared(tmp_path)
    reasons = {task.task_id: task.incomparable for task in found.tasks if task.incomparable}
    assert reasons == {
        "task-000": "no run of the right side has a score: 2 of 2 infra failed: the provider answered 503",
        "task-001": "the task changed between the sessions",
        "task-009": "only the right side ran it",
    }
    assert sorted(found.as_completed.per_task) == [f"task-{number:03}" for number in range(2, 9)]
    assert found.as_completed.difference == pytest.approx(0.2)
    assert found.as_completed.verdict == "better"
    assert found.steps == -2
    assert found.differently_held == (("temperature", "0.0", "0.7"),)
    assert (found.rhs.runs, found.rhs.scored) == (20, 18)


@pytest.mark.parametrize(
    ("harness", "told"), [("bare-agent", ()), ("pi", (("max_output_tokens", "2048", "None"),))]
)
async def test_a_bound_that_a_harness_has_by_itself_is_held_the_same(
    tmp_path: Path, harness: str, told: tuple[Any, ...]
) -> None:
    target = Target(model=TARGET.model, harness=harness)
    async with journal_in(tmp_path) as journal:
        for session, bound in (("a", 2048), ("b", None)):
            plan = make_plan(2, session_id=session, targets=(target,), max_output_tokens=bound)
            await hold(journal, plan)
        sides = [
            await find_side(journal, Side("original", session), model=target.model, harness=harness)
            for session in ("a", "b")
        ]
    assert compare_sides(*sides).differently_held == told


async def test_files_are_named_by_target_and_conditions(tmp_path: Path) -> None:
    _, _, found = await compared(tmp_path)
    diff = diff_of("a\nb\n", "a\nc\n")
    written = write_comparison(tmp_path / "out", found, diff)
    assert [path.name for path in written] == [
        "bare-agent--fake--small--aot-compiled-vs-original.report.json",
        "bare-agent--fake--small--aot-compiled-vs-original.report.md",
        "bare-agent--fake--small--aot-compiled-vs-original.skill-diff.md",
    ]
    plain = json.loads(written[0].read_bytes())
    assert plain["changedLines"] == 2
    assert PastComparison.model_validate(plain).as_completed == found.as_completed
    text = written[1].read_text()
    assert "**Not held the same**: temperature 0.0 left, 0.7 right" in text
    assert "⚠ the task changed between the sessions" in text
    assert "better: +0.200" in text
    assert "-b\n+c\n" in written[2].read_text()


async def test_the_diff_is_of_what_the_agent_was_given(tmp_path: Path) -> None:
    left, right, _ = await compared(tmp_path)

    def load(run: RunRecord) -> Trajectory:
        text = f'Do it.\n<skill name="csv">\nUse {run.condition}.\n</skill>\nEnd.'
        return Trajectory(harness="h", model="m", prompt="p", system=text)

    texts = [skill_text(side, load) for side in (left, right)]
    assert texts == ["Use original.", "Use aot-compiled."]
    assert skill_text(left, lambda run: None) is None


async def test_no_fence_in_a_skill_ends_the_diff(tmp_path: Path) -> None:
    _, _, found = await compared(tmp_path)
    text = diff_markdown(found, diff_of("", "````\n# not a heading\n"))
    assert text.count("`````") == 2
    assert diff_markdown(found, ()).endswith("The texts are the same.\n")
    assert "not known" in diff_markdown(found, None)


class Port:
    """A port behind which a model says what it is told to."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.session_opened: ScriptedSession | None = None

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        self.session_opened = ScriptedSession([self.answer] * 5, scope=scope, usage=Usage(calls=1))
        yield self.session_opened


async def test_a_model_may_say_what_changed(tmp_path: Path) -> None:
    _, _, found = await compared(tmp_path)
    port = Port(json.dumps({"bullets": ["one\ntwo", "b", "c"]}))
    said = await analyse(port, "fake/m", found, diff_of("a", "b"))
    assert said == ("one two", "b", "c")
    told = found.model_copy(update={"analysis": said})
    written = write_comparison(tmp_path / "out", told, None)
    assert "- one two\n" in written[1].read_text()
