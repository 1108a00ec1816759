"""``python -m benchmarks plan embedded [PAIRS]``: example skills on the embedded model, at once and in a row.

Each pair runs the plan of a skill twice on the same inputs, in turns which comes first: as early as its graph
allows, and the same nodes in a row. Every run has a line of its own in its prompt, so that nothing of another
run can come from the model's cache. What they leave must be the same files.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import anyio

from skvm.compiler.plans.plan import Plan
from skvm.compiler.plans.planning import plan_of
from skvm.evaluate.stats.intervals import student_quantile
from skvm.evaluate.workspace import lay_bundle, lay_fixtures
from skvm.evidence.journal import Journal
from skvm.harness.adapters.shell_agent import ShellAgent
from skvm.harness.confine import choose_sandbox
from skvm.harness.contract import RunContext, SkillDelivery
from skvm.harness.sandbox import Policy
from skvm.llm.contract import CallScope
from skvm.llm.port import ModelPort
from skvm.runtime.plan.executor import execute
from skvm.runtime.plan.instancing import graph_of
from skvm.runtime.plan.model import PlanReport, Target
from skvm.runtime.plan.resources import Commons
from skvm.runtime.plan.working.agents import Helper
from skvm.runtime.plan.working.workbench import Workbench
from skvm.settings import load_settings
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.task.loader import load_task
from skvm.task.model import Task

EXAMPLES = Path(__file__).parents[2] / "examples" / "plans"
CASES = (("ticket-labels", "ticket-labels-monday"), ("shift-report", "shift-report-mill"))
MODEL = "local/qwen2.5-coder-1.5b"
TARGET = Target(MODEL, "shell-agent")
PAIRS = 6
Files = Mapping[str, bytes]


class _Nowhere:
    """A log that keeps nothing."""

    async def started(self, node: object) -> None:
        """See ``Log``."""

    async def finished(self, node: object, result: object, queued_s: float) -> None:
        """See ``Log``."""


async def once(
    port: ModelPort, commons: Commons, skill: Skill, task: Task, *, arm: str, number: int
) -> tuple[float, Files]:
    """Seconds of one run of a skill's plan, and what it left."""
    plan: Plan = plan_of(skill).plan
    graph = graph_of(plan, target=TARGET, serial=arm == "in a row")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        lay_fixtures(task, work)
        lay_bundle(skill, task, work)
        given = files_of(work)
        async with (
            choose_sandbox().open(Policy(work)) as cell,
            port.session(CallScope("plan")) as session,
        ):
            context = RunContext(
                prompt=f"{task.prompt}\n\nRun {number}, {arm}.",
                model_id=MODEL,
                session=session,
                cell=cell,
                work_dir=work,
                timeout_s=1800,
                skill=SkillDelivery(skill.name, skill.description, skill.text(skill.body)),
            )
            await session.model(MODEL)
            share = commons.share(f"{number} {arm}")
            bench = Workbench(cell, work, share, _Nowhere(), agent=Helper(ShellAgent(), context))
            began = perf_counter()
            report: PlanReport = await execute(graph, bench.do, share=share, log=_Nowhere())
            took_s = perf_counter() - began
        if not report.is_done:
            raise SystemExit(f"{skill.name} {arm}: {report}")
        left = {name: data for name, data in files_of(work).items() if given.get(name) != data}
    return took_s, left


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Geometric mean of ratios and its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    middle = statistics.fmean(logs)
    half = student_quantile(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


async def measure(pairs: int) -> None:
    settings = load_settings()
    with tempfile.TemporaryDirectory() as state:
        async with (
            ModelPort(settings) as port,
            Commons(jobs=2, state_dir=Path(state)) as commons,
            Journal(Path(state) / "journal.db"),
        ):
            for skill_name, task_name in CASES:
                skill = load_skill(EXAMPLES / "skills" / skill_name)
                task = load_task(EXAMPLES / "tasks" / task_name)
                await once(port, commons, skill, task, arm="at once", number=0)
                found: dict[str, list[float]] = {"in a row": [], "at once": []}
                left: list[Files] = []
                for number in range(1, pairs + 1):
                    for arm in sorted(found, reverse=number % 2 == 0):
                        took_s, files = await once(port, commons, skill, task, arm=arm, number=number)
                        found[arm].append(took_s)
                        left.append(files)
                ratios = [
                    row / once_s for row, once_s in zip(found["in a row"], found["at once"], strict=True)
                ]
                gain, low, high = interval(ratios)
                print(
                    f"{skill_name}: {statistics.median(found['in a row']):.1f} s in a row,"
                    f" {statistics.median(found['at once']):.1f} s at once:"
                    f" {gain:.2f}x [{low:.2f}, {high:.2f}] over {pairs} pairs;"
                    f" {len({str(sorted(files.items())) for files in left})} different outcomes of"
                    f" {len(left)} runs, {len(left[0])} files each",
                    flush=True,
                )


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    anyio.run(measure, numbers[0] if numbers else PAIRS)


if __name__ == "__main__":
    main()
