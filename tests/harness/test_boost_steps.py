"""A step answered in the model's place, in every real program: by its own tool, in its own transcript."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from skvm.evaluate.bench import RunSpec, load_trajectory, open_bench
from skvm.evaluate.run import run_once
from skvm.evidence.record import CriterionResult, Outcome
from skvm.harness.hooks import Hooks
from skvm.harness.programs.scripted import tool_results
from skvm.harness.trajectory import ToolKind, Trajectory
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.runtime.boost.hook import Boost
from skvm.runtime.boost.model import BoostEvent, Candidate
from skvm.settings import Route
from skvm.skill.ir import Skill
from skvm.task.model import Task
from tests.harness.conftest import GetProgram
from tests.harness.staging import KEY, Stage
from tests.unit.runtime.boost.hitting.samples import PROMPT, SALES, FakeLibrary, candidate, template

pytestmark = pytest.mark.anyio

PROGRAMS = pytest.mark.parametrize(
    "name", ["pi", "opencode", "claude-code", "codex", "hermes", "openclaw", "acp:qwen-code"]
)
TASK = Task(id="t", prompt=PROMPT, timeout_ms=120_000, fixtures={"sales.csv": SALES.decode()})


async def boosted(
    stage: Stage, name: str, skill: Skill, one: Candidate, model: Callable[[dict[str, Any]], FakeAnswer]
) -> tuple[Trajectory, dict[str, str], list[BoostEvent]]:
    """Run the task once with a promoted candidate; gives what was told, the files left and what happened."""
    files: dict[str, str] = {}

    async def look(evidence: Any) -> list[CriterionResult]:
        for path in sorted(evidence.snapshot.iterdir()):
            if path.is_file():
                files[path.name] = path.read_text(errors="replace")
        return [CriterionResult(id="x", method="oracle", score=1.0)]

    library = FakeLibrary(stage.outer / "library", promoted=(one,))
    hooks = Hooks((Boost(cast("Any", library), shadow_every=0),))
    async with FakeServer(model) as server:
        route = Route("fake/*", "openai-compatible", base_url=server.base_url, api_key=KEY)
        settings = replace(stage.settings, routes=(route,), auto_probe=False)
        async with open_bench(settings, sandbox="auto", hooks=hooks) as bench:
            record = await run_once(RunSpec(TASK, "fake/m", harness=name, oracle=look, skill=skill), bench)
            told = load_trajectory(bench.blobs, record)
    assert record.outcome is Outcome.SCORED, record.detail
    assert told is not None
    return told, files, library.noted[: len(library.noted) // 2]


class Words:
    """A model that makes no calls; remembers what tools had said when it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        if tool_results(body):
            self.seen.append(tool_results(body)[-1])
        return FakeAnswer("It is all done.", input_tokens=100, output_tokens=20)


@PROGRAMS
async def test_a_step_is_run_by_the_programs_own_tool_and_the_model_goes_on(
    name: str, stage: Stage, skill: Skill, get_program: GetProgram
) -> None:
    get_program(name.removeprefix("acp:"))
    model = Words()
    told, files, events = await boosted(stage, name, skill, candidate(), model)
    assert json.loads(files["totals.json"]) == {"Rome": 8, "Oslo": 4}
    step = next(turn for turn in told.turns if turn.from_hook)
    assert [call.kind for call in step.tool_calls] == [ToolKind.RUN]
    assert ": done] wrote totals.json (2 keys)" in step.observations[0].text
    assert any(": done] wrote totals.json" in said for said in model.seen)
    assert [(event.is_good, event.is_terminal, event.reason) for event in events] == [(True, False, "")]
    assert told.final_text == "It is all done."


@PROGRAMS
async def test_a_terminal_step_ends_the_program_without_the_model(
    name: str, stage: Stage, skill: Skill, get_program: GetProgram
) -> None:
    get_program(name.removeprefix("acp:"))
    model = Words()
    last = candidate(is_terminal=True, closing="Found {stdout}: {outputs}.")
    told, files, events = await boosted(stage, name, skill, last, model)
    assert json.loads(files["totals.json"]) == {"Rome": 8, "Oslo": 4}
    assert model.seen == []
    assert [(event.is_good, event.is_terminal) for event in events] == [(True, True)]
    assert told.final_text == "Found 2 cities: wrote totals.json (2 keys)."
    assert [turn.from_hook for turn in told.turns if turn.tool_calls] == [True]


@PROGRAMS
async def test_a_step_that_bails_out_is_told_the_model(
    name: str, stage: Stage, skill: Skill, get_program: GetProgram
) -> None:
    get_program(name.removeprefix("acp:"))
    model = Words()
    wrong = candidate(template=template(code='open(P["target"], "w").write("[1]")'))
    _, files, events = await boosted(stage, name, skill, wrong, model)
    assert "totals.json" not in files
    assert any("bailed out: output: totals.json" in said for said in model.seen)
    assert [event.is_good for event in events] == [False]
