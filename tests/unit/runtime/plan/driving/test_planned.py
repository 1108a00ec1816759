from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart

from skvm.evidence.journal import Journal
from skvm.evidence.record import Outcome
from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.adapters.shell_agent import ShellAgent
from skvm.harness.contract import RunContext, SkillDelivery
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.trajectory import ToolKind, Trajectory
from skvm.llm.contract import BudgetExceededError, ProviderError
from skvm.runtime.plan.driving.planned import Arm, Planned, Surroundings
from skvm.runtime.plan.model import FINISHED_KIND, MEASURED_KIND, STARTED_KIND, STEP_FINISHED_KIND
from tests.unit.runtime.plan.driving.skills import (
    LABEL,
    LABELS,
    SKILL,
    TALLY,
    a_plan,
    a_step,
    lay_tickets,
    needs,
    ticket_plan,
)
from tests.unit.runtime.plan.making import Everything
from tests.unit.runtime.plan.working.benches import a_context, said, words_of

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def around(tmp_path: Path) -> AsyncIterator[Surroundings]:
    (tmp_path / "tmp").mkdir()
    async with Journal(tmp_path / "journal.sqlite") as journal:
        yield Surroundings(journal, tmp_path / "tmp", lambda _: Everything(), 4)


def the_context(work: Path, answers: Any, **more: Any) -> RunContext:
    skill = SkillDelivery("tickets", "Label tickets.", SKILL)
    return replace(a_context(work, answers), **({"skill": skill, "prompt": "Label the tickets."} | more))


def item_of(messages: list[ModelMessage]) -> str | None:
    words = words_of(messages[:1])
    _, found, rest = words.partition("Do it for this one: ")
    return rest.split("\n")[0] if found else None


async def label(messages: list[ModelMessage]) -> ModelResponse:
    if (item_of(messages)) is None:
        return said("All are labelled.")
    return said("bug" if "It broke" in words_of(messages) else "wish")


async def drive(tmp_path: Path, context: RunContext, plan=None, arm: Arm = "parallel", harness=None):
    async with around(tmp_path) as surroundings:
        planned = Planned(harness or BareAgent(), "bare-agent", plan or ticket_plan(), arm, surroundings)
        trajectory = await planned.run(context)
        records = await surroundings.journal.query()
        assert list((tmp_path / "tmp").iterdir()) == []
        return trajectory, records


async def test_a_plan_is_followed_and_one_run_is_told(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work)
    context = the_context(work, [label])

    trajectory, records = await drive(tmp_path, context)

    assert (trajectory.outcome, trajectory.final_text) == (Outcome.SCORED, "All are labelled.")
    assert (work / "tally.txt").read_text().split() == ["4", "bug", "4", "wish"]
    assert (trajectory.harness, trajectory.prompt) == ("bare-agent", "Label the tickets.")
    # Eight answers, the command, the closing words: in the order of the plan.
    assert [turn.index for turn in trajectory.turns] == list(range(10))
    assert [turn.from_hook for turn in trajectory.turns] == [False] * 8 + [True, False]
    paths = [turn.tool_calls[0].arguments.get("path") for turn in trajectory.turns[:8]]
    assert paths == [f"labels/t{index}.txt" for index in range(8)]
    run = trajectory.turns[8].tool_calls[0]
    assert (run.name, run.kind) == ("execute_command", ToolKind.RUN)
    ids = [call.id for call in trajectory.tool_calls]
    assert len(set(ids)) == len(ids)
    assert [seen.tool_call_id for turn in trajectory.turns for seen in turn.observations] == ids
    assert trajectory.usage.calls == 9
    assert trajectory.skill_loaded is True
    kinds = [entry.kind for entry in records]
    assert kinds.count(STEP_FINISHED_KIND) == 10
    assert (kinds[0], kinds.count(MEASURED_KIND), kinds[-1]) == (STARTED_KIND, 1, FINISHED_KIND)
    measured = next(entry.body for entry in records if entry.kind == MEASURED_KIND)
    assert (measured["arm"], measured["units"], measured["harness"]) == ("parallel", 8, "bare-agent")


@pytest.mark.parametrize(("arm", "at_once"), [("parallel", 8), ("serial", 1)])
async def test_an_arm_is_what_it_says(tmp_path: Path, arm: Arm, at_once: int):
    work = tmp_path / "work"
    lay_tickets(work)
    now, most, all_there = 0, 0, anyio.Event()

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if arm == "parallel" and item_of(messages) is not None:
            if now == 8:
                all_there.set()
            await all_there.wait()
        else:
            await anyio.sleep(0.001)
        now -= 1
        return await label(messages)

    with anyio.fail_after(30):
        trajectory, records = await drive(tmp_path, the_context(work, [answer]), arm=arm)

    assert most == at_once
    assert trajectory.usage.calls == 9
    measured = [entry.body["arm"] for entry in records if entry.kind == MEASURED_KIND]
    assert measured == [arm]


async def test_where_a_plan_fails_the_agent_goes_on_from_there(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 2)

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        item = item_of(messages)
        if item == "inbox/t1.txt":
            return said("")
        if item is not None:
            return said("wish")
        if len(messages) == 1:
            command = "echo bug > labels/t1.txt; ls labels"
            return ModelResponse([ToolCallPart("execute_command", {"command": command}, tool_call_id="c")])
        return said("Done by hand.")

    context = the_context(work, [answer])
    trajectory, _ = await drive(tmp_path, context)

    assert (trajectory.outcome, trajectory.final_text) == (Outcome.SCORED, "Done by hand.")
    assert "1.1" in (trajectory.detail or "")
    assert {path.name for path in (work / "labels").iterdir()} == {"t0.txt", "t1.txt"}
    took_over = words_of(context.session.requests[-2])  # type: ignore[attr-defined]
    assert "[FAILED] Step 1.1" in took_over
    assert "[not done] Step 1.2" in took_over
    assert "inbox/t1.txt" in took_over


async def test_a_last_agent_answers_itself(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 2)
    plan = a_plan(
        LABEL,
        TALLY,
        a_step(
            "1.3", kind="open", text="Think about it and say what to do.", open=True, dependsOn=needs("1.2")
        ),
        groups=[LABELS],
    )

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        return said("wish") if item_of(messages) else said("Hire somebody.")

    context = the_context(work, [answer])
    trajectory, _ = await drive(tmp_path, context, plan)

    assert trajectory.final_text == "Hire somebody."
    assert trajectory.usage.calls == 3
    last = words_of(context.session.requests[-1])  # type: ignore[attr-defined]
    assert "It is the last step" in last
    assert "- Step 1.2" in last


async def test_turns_are_limited_over_the_whole_run(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work)

    async def again(messages: list[ModelMessage]) -> ModelResponse:
        # Every question takes two turns, which nobody could know.
        return said("") if item_of(messages) and len(messages) == 1 else await label(messages)

    trajectory, _ = await drive(tmp_path, the_context(work, [again], max_steps=11))

    assert trajectory.outcome is Outcome.STEP_LIMIT
    assert sum(not turn.from_hook for turn in trajectory.turns) == 11
    assert trajectory.usage.calls == 11


async def test_a_map_that_does_not_fit_into_the_turns_is_the_agents(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work)

    trajectory, _ = await drive(tmp_path, the_context(work, [label], max_steps=8))

    assert (trajectory.outcome, trajectory.usage.calls) == (Outcome.SCORED, 1)
    assert "8 model turns are left for 8 questions" not in (trajectory.detail or "")
    assert "1.1" in (trajectory.detail or "")


async def test_the_deadline_is_that_of_the_whole_run(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 3)

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        if item_of(messages) == "inbox/t2.txt":
            await anyio.sleep_forever()
        return await label(messages)

    trajectory, _ = await drive(tmp_path, the_context(work, [answer], timeout_s=2.0))

    assert trajectory.outcome is Outcome.TIMED_OUT
    assert (trajectory.detail or "").startswith("deadline")
    assert {path.name for path in (work / "labels").iterdir()} == {"t0.txt", "t1.txt"}
    assert not (work / "tally.txt").exists()


class Watching(Hook):
    def __init__(self, answer: Callable[[HookContext], ModelResponse | None] = lambda _: None) -> None:
        self.answer = answer
        self.asked = 0
        self.ends: list[Trajectory] = []

    async def before_model(self, context: HookContext) -> ModelResponse | None:
        self.asked += 1
        return self.answer(context)

    async def after_run(self, trajectory: Trajectory) -> None:
        self.ends.append(trajectory)


async def test_hooks_see_one_run(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 2)
    hook = Watching()

    trajectory, _ = await drive(tmp_path, the_context(work, [label], hooks=Hooks((hook,))))

    assert hook.ends == [trajectory]
    assert hook.asked == 1


async def test_a_hook_that_answers_the_task_is_heard_first(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 2)

    def answer(context: HookContext) -> ModelResponse | None:
        assert context.command_turn is not None
        if context.turn == 0:
            return context.command_turn("echo solved > tally.txt")
        return ModelResponse([TextPart("solved before")], finish_reason="stop")

    hook = Watching(answer)
    trajectory, records = await drive(tmp_path, the_context(work, [label], hooks=Hooks((hook,))))

    assert trajectory.final_text == "solved before"
    assert (work / "tally.txt").read_text() == "solved\n"
    assert trajectory.usage.calls == 0
    assert records == ()
    assert hook.ends == [trajectory]


async def test_the_shell_agent_closes_in_its_own_manner(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 2)

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        if item_of(messages):
            return said("wish")
        return said("```bash\ncat tally.txt\n```" if len(messages) == 1 else "2 wishes")

    trajectory, _ = await drive(tmp_path, the_context(work, [answer]), harness=ShellAgent())

    assert trajectory.final_text == "2 wishes"
    assert [turn.tool_calls[0].name for turn in trajectory.turns[2:4]] == ["shell", "shell"]


async def test_auto_follows_what_was_measured(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 2)

    trajectory, records = await drive(tmp_path, the_context(work, [label]), arm="auto")

    assert trajectory.outcome is Outcome.SCORED
    assert records[0].body["arm"] == "auto"


async def test_a_run_that_is_cancelled_leaves_a_plan_that_was_interrupted_and_no_folder(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 3)
    reached = anyio.Event()

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        if item_of(messages) == "inbox/t1.txt":
            return await label(messages)
        reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    async with around(tmp_path) as surroundings:
        planned = Planned(BareAgent(), "bare-agent", ticket_plan(), "parallel", surroundings)
        async with anyio.create_task_group() as group:
            group.start_soon(planned.run, the_context(work, [answer]))
            await reached.wait()
            group.cancel_scope.cancel()
        records = await surroundings.journal.query()
        assert list((tmp_path / "tmp").iterdir()) == []

    assert (records[-1].kind, records[-1].body["interrupted"]) == (FINISHED_KIND, True)
    ended = {entry.body["node"] for entry in records if entry.kind == STEP_FINISHED_KIND}
    assert ended <= {"1.1[inbox/t1.txt]"}


@pytest.mark.parametrize(
    "error", [ProviderError("loop: it is down", status=503), BudgetExceededError("the ceiling is reached")]
)
async def test_a_provider_that_fails_is_no_answer_of_the_agent(tmp_path: Path, error: Exception):
    work = tmp_path / "work"
    lay_tickets(work, 2)

    with pytest.raises(type(error)):
        await drive(tmp_path, the_context(work, [error]))


async def test_a_provider_that_fails_once_costs_one_item(tmp_path: Path):
    work = tmp_path / "work"
    lay_tickets(work, 3)

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        if item_of(messages) == "inbox/t1.txt":
            raise ProviderError("loop: it is down", status=503)
        return await label(messages)

    trajectory, _ = await drive(tmp_path, the_context(work, [answer]))

    assert (trajectory.outcome, trajectory.final_text) == (Outcome.SCORED, "All are labelled.")
    assert {path.name for path in (work / "labels").iterdir()} == {"t0.txt", "t2.txt"}
    assert "1.1" in (trajectory.detail or "")


async def test_two_runs_of_one_harness_do_not_meet(tmp_path: Path):
    for name in ("a", "b"):
        lay_tickets(tmp_path / name, 3)

    async with around(tmp_path) as surroundings:
        planned = Planned(BareAgent(), "bare-agent", ticket_plan(), "parallel", surroundings)
        found: dict[str, Trajectory] = {}

        async def one(name: str) -> None:
            found[name] = await planned.run(the_context(tmp_path / name, [label]))

        async with anyio.create_task_group() as group:
            group.start_soon(one, "a")
            group.start_soon(one, "b")

    assert [trajectory.usage.calls for trajectory in found.values()] == [4, 4]
    assert [len(trajectory.turns) for trajectory in found.values()] == [5, 5]


@pytest.mark.parametrize("names_it", [True, False])
async def test_the_agent_at_the_end_is_kept_from_running_the_plan_again(tmp_path: Path, names_it: bool):
    work = tmp_path / "work"
    lay_tickets(work, 2)
    text = f"{SKILL}\nOr `skvm plan run plan.json`." if names_it else SKILL
    context = the_context(work, [label], skill=SkillDelivery("tickets", "Label tickets.", text))

    await drive(tmp_path, context)

    asked = words_of(context.session.requests[-1])  # type: ignore[attr-defined]
    assert ("do not call `skvm plan run`" in asked) is names_it
    assert "[done] Step 1.1: 2 items done" in asked
