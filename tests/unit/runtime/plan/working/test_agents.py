from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart

from skvm.harness.contract import SkillDelivery
from skvm.harness.hooks import Hook, HookContext, Hooks
from skvm.harness.trajectory import Observation, ToolCall, Trajectory, Turn
from skvm.runtime.plan.branching import Branches
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.graph import Graph
from skvm.runtime.plan.model import AgentJob, CommandJob, MapJob, Node, StepResult, StepState
from skvm.runtime.plan.working.agents import Helper
from skvm.runtime.plan.working.limits import RunLimits
from tests.unit.runtime.plan.making import Everything, Remembered
from tests.unit.runtime.plan.working.benches import a_bench, a_context, said, words_of

pytestmark = pytest.mark.anyio


def runs(command: str) -> ModelResponse:
    return ModelResponse([ToolCallPart("execute_command", {"command": command}, tool_call_id="c")])


def an_agent(id: str, words: str, **more: object) -> Node:
    job = AgentJob(words, (id,), is_alone=bool(more.pop("is_alone", False)))
    return Node(id, title=words, job=job, **more)  # type: ignore[arg-type]


def conversation(messages: Sequence[ModelMessage]) -> str:
    return words_of(messages[:1])


async def test_an_agent_that_is_alone_works_in_the_directory_itself(tmp_path: Path):
    told: list[Turn] = []
    bench = a_bench(
        tmp_path, [runs("echo hi > made.txt"), "I made it."], on_turns=lambda _, turns: told.extend(turns)
    )

    result = await bench.do(an_agent("1", "Make it.", is_alone=True, writes=("made.txt",)))

    assert (result.state, result.text) == (StepState.DONE, "I made it.")
    assert list(result.digests) == ["made.txt"]
    assert result.usage.calls == 2
    assert (tmp_path / "made.txt").read_text() == "hi\n"
    assert len(told) == 2


async def test_what_the_steps_before_gave_is_told(tmp_path: Path):
    bench = a_bench(tmp_path, ["I counted."])
    graph = Graph.of(
        [
            Node("1", title="Count", job=CommandJob(("echo 42",))),
            Node("2", title="Elsewhere", job=CommandJob(("echo nothing",))),
            an_agent("3", "Tell it.", after=("1",), is_alone=True),
        ]
    )

    report = await execute(graph, bench.do, share=bench.share, log=bench.log)

    assert report.is_done
    assert bench.agent is not None
    (asked,) = bench.agent.context.session.requests  # type: ignore[attr-defined]
    prompt = words_of(asked)
    assert prompt.startswith("Do the work.")
    assert "- Count: 42" in prompt
    assert "Elsewhere" not in prompt
    assert "Tell it." in prompt


async def test_agents_beside_each_other_work_in_directories_of_their_own(tmp_path: Path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "in.txt").write_text("given")
    both, seen = anyio.Event(), set()

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        name = "a" if "Make a." in conversation(messages) else "b"
        if len(messages) > 1:
            return said(f"made {name}")
        seen.add(name)
        if len(seen) == 2:
            both.set()
        await both.wait()
        return runs(f"cat in.txt > {name}.txt; ls > {name}.ls; pwd > {name}.pwd")

    branches = Branches(base, tmp_path / "scratch")
    graph = Graph.of(
        [
            an_agent("1", "Make a.", writes=("a.txt", "a.ls", "a.pwd")),
            an_agent("2", "Make b.", writes=("b.txt", "b.ls", "b.pwd")),
        ]
    )
    bench = a_bench(base, [answer], branches=branches)

    with anyio.fail_after(30):
        report = await execute(graph, bench.do, share=bench.share, log=bench.log)

    assert report.is_done
    assert {path.name for path in base.iterdir()} == {
        "in.txt",
        "a.txt",
        "a.ls",
        "a.pwd",
        "b.txt",
        "b.ls",
        "b.pwd",
    }
    assert (base / "a.txt").read_text() == "given"
    assert (base / "a.pwd").read_text() != (base / "b.pwd").read_text()
    assert "b.txt" not in (base / "a.ls").read_text()
    assert set(report.results["1"].digests) == {"a.txt", "a.ls", "a.pwd"}


async def test_a_conflict_is_done_again_alone_and_told(tmp_path: Path):
    base = tmp_path / "base"
    base.mkdir()
    both, seen = anyio.Event(), set()

    async def answer(messages: list[ModelMessage]) -> ModelResponse:
        name = "a" if "Make a." in conversation(messages) else "b"
        if len(messages) > 1:
            return said(f"made {name}")
        seen.add(name)
        if len(seen) == 2:
            both.set()
        await both.wait()
        # Neither said that it would.
        return runs(f"echo {name} >> shared.log")

    told: list[str] = []
    graph = Graph.of([an_agent("1", "Make a."), an_agent("2", "Make b.")])
    bench = a_bench(
        base,
        [answer],
        branches=Branches(base, tmp_path / "scratch"),
        on_turns=lambda node, _: told.append(node.id),
    )

    with anyio.fail_after(30):
        report = await execute(graph, bench.do, share=bench.share, log=bench.log)

    assert report.is_done
    assert sorted((base / "shared.log").read_text().split()) == ["a", "b"]
    assert len(told) == 3
    twice = max(("1", "2"), key=told.count)
    assert report.results[twice].reason
    assert report.results[twice].usage.calls == 4


async def test_an_agent_that_fails_leaves_nothing_behind(tmp_path: Path):
    base = tmp_path / "base"
    base.mkdir()
    bench = a_bench(
        base,
        [runs("touch half")],
        branches=Branches(base, tmp_path / "scratch"),
        limits=RunLimits(steps=2),
    )

    result = await bench.do(an_agent("1", "Never ends."))

    assert (result.state, "used up" in result.reason) == (StepState.FAILED, True)
    assert list(base.iterdir()) == []


async def test_turns_are_shared_between_agents_at_once(tmp_path: Path):
    asked = 0

    async def answer(_: list[ModelMessage]) -> ModelResponse:
        nonlocal asked
        asked += 1
        await anyio.lowlevel.checkpoint()
        return runs(f"echo {asked}")

    base = tmp_path / "base"
    base.mkdir()
    told: list[Turn] = []
    node = Node("1", job=MapJob(AgentJob("Go on.", ("1",)), items=("a", "b", "c")))
    bench = a_bench(
        base,
        [answer],
        branches=Branches(base, tmp_path / "scratch"),
        limits=RunLimits(steps=7),
        on_turns=lambda _, turns: told.extend(turns),
    )

    result = await bench.do(node)

    assert result.state is StepState.FAILED
    assert asked == 7
    assert len(told) == 7


class Counting(Everything):
    """Counts what is held, and by how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, ...]] = []

    def held(self, needs):  # type: ignore[no-untyped-def]
        self.taken.append(tuple(needs))
        return super().held(needs)


async def test_a_place_is_taken_around_each_call_and_command_of_an_agent(tmp_path: Path):
    share = Counting()
    bench = a_bench(tmp_path, [runs("true"), "done"], share=share)

    await bench.do(an_agent("1", "Do it.", is_alone=True))

    assert share.taken == [("model:fake",), ("cpu",), ("model:fake",)]


async def test_hooks_see_calls_but_no_end(tmp_path: Path):
    seen: list[str] = []

    class Watching(Hook):
        async def before_model(self, context: HookContext) -> ModelResponse | None:
            seen.append("before model")
            return None

        async def after_model(self, context: HookContext, response: ModelResponse) -> None:
            seen.append("model")

        async def after_tool(self, context: HookContext, call: ToolCall, observation: Observation) -> None:
            seen.append(call.name)

        async def after_run(self, trajectory: Trajectory) -> None:
            seen.append("end")

    bench = a_bench(tmp_path, [runs("true"), "done"])
    assert bench.agent is not None
    bench.agent = Helper(bench.agent.harness, replace(bench.agent.context, hooks=Hooks((Watching(),))))

    await bench.do(an_agent("1", "Do it.", is_alone=True))

    assert seen == ["model", "execute_command", "model"]


async def test_an_agent_does_not_run_the_plan_it_is_part_of(tmp_path: Path):
    skill = SkillDelivery("s", "d", "Call `skvm plan run plan.json`.")
    context = a_context(tmp_path, ["done"], skill=skill)
    bench = a_bench(tmp_path, ["x"])
    assert bench.agent is not None
    bench.agent = Helper(bench.agent.harness, context)

    await bench.do(an_agent("1", "Do it.", is_alone=True))

    assert "do not call `skvm plan run`" in words_of(context.session.requests[0])  # type: ignore[attr-defined]


async def test_without_branches_agents_take_turns_in_the_directory(tmp_path: Path):
    now = most = 0

    async def answer(_: list[ModelMessage]) -> ModelResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.sleep(0.01)
        now -= 1
        return said("done")

    bench = a_bench(tmp_path, [answer])
    graph = Graph.of([an_agent("1", "a"), an_agent("2", "b")])

    report = await execute(graph, bench.do, share=bench.share, log=Remembered())

    assert (report.is_done, most) == (True, 1)


async def test_what_an_earlier_process_did_is_told_too(tmp_path: Path):
    earlier = {"1": StepResult(StepState.DONE, "42 files"), "2": StepResult(StepState.DONE, "nothing")}
    bench = a_bench(tmp_path, ["told"], earlier=earlier)

    await bench.do(an_agent("3", "Tell it.", after=("1",), is_alone=True))

    assert bench.agent is not None
    prompt = words_of(bench.agent.context.session.requests[0])  # type: ignore[attr-defined]
    assert "- step 1: 42 files" in prompt
    assert "nothing" not in prompt.replace("nothing of the other steps", "")
