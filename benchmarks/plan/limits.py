"""``python -m benchmarks plan limits``: where the number of calls at once settles, and what a grant costs.

Real calls through the model port to a server on loopback that either takes so many at once and refuses the
rest (429), or works on so many at once and lets the rest wait, as one machine does. Then places alone: what
it takes to pass one on while ever more requests wait.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters

from skvm.errors import SkvmError
from skvm.llm.contract import CallScope
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.llm.port import ModelPort
from skvm.llm.retry import RetryPolicy
from skvm.runtime.plan.resources import Commons, RunShare
from skvm.runtime.plan.resources.arbiter import Arbiter
from skvm.runtime.plan.resources.levels import Level, Run
from skvm.runtime.plan.resources.places import Places
from skvm.runtime.plan.resources.pressure import Reading
from skvm.settings import Route, load_settings

NEED = "model:fake"


@dataclass
class Provider:
    """What a server has to do, reckoned when a request comes.

    Args:
        capacity: Calls it takes at once.
        processors: Calls it works on at once.
        latency_s: Of a call that is worked on.
    """

    latency_s: float
    capacity: int = 10**6
    processors: int = 10**6
    ends: list[float] = field(default_factory=list)
    refused: int = 0

    def answer(self, _: dict[str, Any]) -> FakeAnswer:
        now = perf_counter()
        self.ends = [end for end in self.ends if end > now]
        if len(self.ends) >= self.capacity:
            self.refused += 1
            return FakeAnswer("slow down", status=429)
        begins = now if len(self.ends) < self.processors else sorted(self.ends)[-self.processors]
        self.ends.append(begins + self.latency_s)
        return FakeAnswer("ok", delay_s=begins + self.latency_s - now)


@dataclass
class Course:
    """What one course of calls came to."""

    numbers: list[int] = field(default_factory=list)
    wall_s: float = 0.0
    failed: int = 0
    refused: int = 0

    @property
    def settled(self) -> int:
        """The number of places that stood at most ends in the second half."""
        return statistics.mode(self.numbers[len(self.numbers) // 2 :])

    @property
    def steps(self) -> str:
        """The numbers in the order they came, each once in a row."""
        changed = [
            one for one, before in zip(self.numbers, [0, *self.numbers], strict=False) if one != before
        ]
        return " ".join(map(str, changed))


async def call(model: Model, share: RunShare, commons: Commons, course: Course) -> None:
    """One call under a place."""
    async with share.held([NEED]):
        try:
            request = ModelRequest([UserPromptPart("go on")])
            await model.request([request], None, ModelRequestParameters())
        except SkvmError:
            course.failed += 1
    course.numbers.append(commons.standing()[NEED].now)


async def drive(provider: Provider, calls: int) -> Course:
    """Many calls, as many at once as are worth it."""
    course = Course()
    with tempfile.TemporaryDirectory() as folder:
        async with FakeServer(provider.answer) as server:
            route = Route("fake/*", "openai-compatible", base_url=server.base_url, api_key="k")
            settings = replace(load_settings(cache_dir=folder, env={}), routes=(route,), auto_probe=False)
            async with (
                ModelPort(settings, retry=RetryPolicy(attempts=8, base_s=0.5)) as port,
                port.session(CallScope("limits")) as session,
                Commons(jobs=2, state_dir=Path(folder), pressure=Reading) as commons,
            ):
                model = await session.model("fake/m")
                share = commons.share("only")
                began = perf_counter()
                with commons.heeding(port):
                    async with anyio.create_task_group() as group:
                        for _ in range(calls):
                            group.start_soon(call, model, share, commons, course)
                course.wall_s = perf_counter() - began
    course.refused = provider.refused
    return course


def grant_us(waiting: int, runs: int, *, is_wide: bool) -> float:
    """Microseconds to pass a place on while so many requests of so many runs wait; the median of some."""
    arbiter = Arbiter(perf_counter)
    levels = (Level("a", Places(1)), Level("b", Places(1)))
    several = [Run(str(number)) for number in range(runs)]
    requests = [arbiter.ask(several[0], levels[:1], (), lambda: None)]
    for number in range(waiting + 400):
        wanted = levels if is_wide and number % 2 else levels[:1]
        requests.append(arbiter.ask(several[number % runs], wanted, (), lambda: None))
    times = []
    for _ in range(200):
        hold = next(each.hold for each in requests if each.hold and each.hold.is_live)
        began = perf_counter()
        arbiter.release(hold)
        times.append(perf_counter() - began)
    return statistics.median(times) * 1e6


async def held_us(waiting: int) -> float:
    """Microseconds of each of so many tasks that all want one place at once, all in all."""
    with tempfile.TemporaryDirectory() as folder:
        share = Commons(jobs=1, state_dir=Path(folder), pressure=Reading).share("only")

        async def work() -> None:
            async with share.held(["cpu"]):
                pass

        began = perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(waiting):
                group.start_soon(work)
        return (perf_counter() - began) / waiting * 1e6


def main() -> None:
    print(f"{'provider':<34}{'settles at':>11}{'calls/s':>9}{'possible':>9}{'429s':>6}{'failed':>7}  course")
    for capacity, calls in ((3, 500), (10, 1500), (24, 3000)):
        course = anyio.run(drive, Provider(0.2, capacity=capacity), calls)
        _row(f"refuses more than {capacity} at once", course, capacity / 0.2)
    for processors, calls in ((1, 400), (2, 800), (4, 1200)):
        course = anyio.run(drive, Provider(0.05, processors=processors), calls)
        _row(f"works on {processors}, the rest wait", course, processors / 0.05)
    print(f"\n{'requests waiting':<20}{'runs':>6}{'us a grant':>12}{'with wide ones':>16}")
    for waiting, runs in ((10, 1), (100, 1), (1_000, 1), (10_000, 1), (10_000, 100), (10_000, 10_000)):
        figures = (grant_us(waiting, runs, is_wide=False), grant_us(waiting, runs, is_wide=True))
        print(f"{waiting:<20}{runs:>6}{figures[0]:>12.1f}{figures[1]:>16.1f}")
    for waiting in (100, 1_000, 10_000):
        print(f"{waiting} tasks that wait for one place: {anyio.run(held_us, waiting):.0f} us a task")


def _row(name: str, course: Course, possible: float) -> None:
    rate = len(course.numbers) / course.wall_s
    print(
        f"{name:<34}{course.settled:>11}{rate:>9.1f}{possible:>9.1f}"
        f"{course.refused:>6}{course.failed:>7}  {course.steps}"
    )


if __name__ == "__main__":
    main()
