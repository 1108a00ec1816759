"""The whole loop in each harness: watched, learnt, trusted, answered; the scripted model costs no time.

``python -m benchmarks boost harnesses`` (the built-in harnesses; ``SKVM_TEST_HARNESSES`` names the cache that
``make test-harness`` installs real programs into, which then take part, all model calls through the gateway).
The model writes the same program with other names in it each time, with the tool the harness offers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import anyio

from benchmarks.boost.workflows import WORKFLOWS
from skvm.evaluate.bench import Bench, load_trajectory
from skvm.evaluate.run import RunSpec, open_bench, run_once
from skvm.evidence.record import RunRecord
from skvm.harness.programs.scripted import offered_tools, tool_results
from skvm.harness.trajectory import Trajectory
from skvm.llm.fake import FakeAnswer, FakeServer, FakeToolCall
from skvm.runtime.boost.evidence import load_events
from skvm.runtime.boost.model import BoostEvent, Event
from skvm.runtime.boost.opening import boosted
from skvm.settings import Route, load_settings
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

BUILT_IN = ("shell-agent", "bare-agent")
PROGRAMS = ("pi", "opencode", "claude-code", "codex", "hermes", "openclaw", "acp:qwen-code")
RUNNERS = ("execute_command", "bash", "exec_command", "run_shell_command", "terminal", "exec", "shell")
SKILL = Path(__file__).parents[2] / "examples" / "boost" / "data-chores"
TOTALS = WORKFLOWS[0]
_CODE = """\
import csv, json
totals = {{}}
with open("{source}", newline="") as file:
    for row in csv.DictReader(file):
        totals[row["{group}"]] = totals.get(row["{group}"], 0) + float(row["{column}"])
with open("{target}", "w") as file:
    json.dump(totals, file, indent=2, sort_keys=True)
"""


class Model:
    """Does one task: a command first, in a fence where no tools are offered, then plain words."""

    def __init__(self) -> None:
        self.command = ""
        self.asked = 0

    def set_task(self, prompt: str) -> None:
        """What it is to do from now on."""
        words = prompt.replace("`", "").rstrip(".").split()
        values = {"column": words[3], "source": words[5], "group": words[8], "target": words[-1]}
        self.command = f"python3 - <<'EOF'\n{_CODE.format(**values)}EOF"

    def __call__(self, body: dict[str, Any]) -> FakeAnswer:
        """Answer one request."""
        self.asked += 1
        tools = offered_tools(body)
        if not tools:
            first = sum(message.get("role") == "user" for message in body.get("messages", ())) == 1
            wants = "```bash" in str(body.get("messages", ""))
            return self._say(f"```bash\n{self.command}\n```" if first and wants else "Done.")
        if tool_results(body):
            return self._say("Done.")
        by_name = {name.lower(): name for name in tools}
        name = next(by_name[each] for each in RUNNERS if each in by_name)
        return self._say("I run it.", FakeToolCall(name, self._arguments(tools[name])))

    def _arguments(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties", {})
        key = next(each for each in ("command", "cmd") if each in properties)
        required = [each for each in schema.get("required", ()) if each != key]
        blanks = {"boolean": False, "integer": 1, "number": 1}
        more = {each: blanks.get(properties[each].get("type"), "run a program") for each in required}
        return {**more, key: self.command}

    def _say(self, text: str, *calls: FakeToolCall) -> FakeAnswer:
        return FakeAnswer(text, tool_calls=calls, input_tokens=100, output_tokens=20)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one harness.

    Args:
        harness: Its name.
        learnt_after: Runs by the model before the first answered one.
        match_ms, step_ms: Medians of the answered runs.
        with_model_ms, with_boost_ms: Medians of whole runs.
        answered, tried: Runs answered, of those tried after the first answered one.
        calls: Model calls of the answered runs.
        shown: How the step stands in the harness's transcript: its own tool's name.
        problem: Why there is nothing to show.
    """

    harness: str
    learnt_after: int = 0
    match_ms: float = 0.0
    step_ms: float = 0.0
    with_model_ms: float = 0.0
    with_boost_ms: float = 0.0
    answered: int = 0
    tried: int = 0
    calls: int = 0
    shown: str = ""
    problem: str = ""


async def measure(bench: Bench, model: Model, skill: Skill, harness: str) -> Measured:
    """Run task after task in one harness, with boost on."""
    by_model: list[RunRecord] = []
    answers: list[tuple[RunRecord, BoostEvent, Trajectory]] = []
    learnt_after = tried = 0
    boosting = boosted(bench, "on", shadow_every=0)
    for index in range(TOTALS.count):
        task = TOTALS.make(index)
        model.set_task(task.prompt)
        record = await run_once(RunSpec(task=task, model_id="fake/m", harness=harness, skill=skill), boosting)
        if record.score != 1.0:
            return Measured(harness, problem=f"{task.id}: {record.outcome}, {record.score}: {record.detail}")
        tried += bool(answers)
        event = await answer_in(bench, record)
        trajectory = load_trajectory(bench.blobs, record)
        if event is None or trajectory is None:
            by_model.append(record)
            continue
        learnt_after = learnt_after or len(by_model)
        answers.append((record, event, trajectory))
    if not answers:
        return Measured(harness, problem=f"nothing was answered in {len(by_model)} runs")
    turns = [turn for turn in answers[-1][2].turns if turn.from_hook and turn.tool_calls]
    return Measured(
        harness=harness,
        learnt_after=learnt_after,
        match_ms=median(event.match_ms or 0 for _, event, _ in answers),
        step_ms=median(event.step_ms or 0 for _, event, _ in answers),
        with_model_ms=median(record.duration_ms for record in by_model),
        with_boost_ms=median(record.duration_ms for record, _, _ in answers),
        answered=len(answers),
        tried=tried + 1,
        calls=sum(record.usage.calls for record, _, _ in answers),
        shown=turns[0].tool_calls[0].name if turns else "not shown",
    )


async def answer_in(bench: Bench, record: RunRecord) -> BoostEvent | None:
    """The answer of a template in a run, if there was one that held."""
    for event in await load_events(bench.journal, skill_id=record.skill_id):
        if event.run_id == record.run_id and event.event is Event.ANSWERED and event.is_good:
            return event
    return None


def line(measured: Measured) -> str:
    """A row of the table."""
    if measured.problem:
        return f"| {measured.harness} | {measured.problem} | | | | | | |"
    return (
        f"| {measured.harness} | {measured.learnt_after} | {measured.answered} of {measured.tried} |"
        f" {measured.calls} | {measured.match_ms:.1f} | {measured.step_ms:,.0f} |"
        f" {measured.with_model_ms:,.0f} → {measured.with_boost_ms:,.0f} | `{measured.shown}` |"
    )


async def _measure_all() -> None:
    cache = os.environ.get("SKVM_TEST_HARNESSES")
    base, model, skill = load_settings(cache_dir=cache), Model(), load_skill(SKILL)
    print(
        "| harness | runs until it answers | answered | model calls in these | match, ms | step, ms |"
        " whole run, ms | its tool |\n|---|--:|--:|--:|--:|--:|--:|---|"
    )
    async with FakeServer(model) as server:
        route = Route("fake/*", "openai-compatible", base_url=server.base_url, api_key="none")
        for harness in (*BUILT_IN, *(PROGRAMS if cache else ())):
            with tempfile.TemporaryDirectory(prefix="skvm-boost-") as folder:
                place = Path(folder)
                own = replace(
                    base,
                    logs_dir=place / "log",
                    proposals_dir=place / "proposals",
                    routes=(route,),
                    adapters={},
                    auto_probe=False,
                )
                async with open_bench(own) as bench:
                    print(line(await measure(bench, model, skill, harness)), flush=True)


def main() -> None:
    """Measure and print the table."""
    anyio.run(_measure_all)


if __name__ == "__main__":
    main()
