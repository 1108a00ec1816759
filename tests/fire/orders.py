"""Every command that asks a model or drives a harness, as a user writes it; with short deadlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anyio

from skvm.evidence.journal import Journal
from skvm.runtime.boost.evidence import EVENT_KIND
from skvm.runtime.boost.storage import BoostFolder
from skvm.settings import load_settings
from tests.fire.ground import Ground
from tests.unit.cli.plans import step, write_plan
from tests.unit.cli.test_boost import PROMOTED
from tests.unit.runtime.boost.hitting.samples import candidate

_BARE = ("--sandbox=none", "--no-auto-probe")
_COMPILING = (
    "--skill=skills/writer",
    "--model=fake/m",
    "--adapter=bare-agent",
    "--profile=profile.json",
    "--compiler-model=fake/adviser",
    "--no-auto-probe",
)


def _run(model: str, adapter: str = "bare-agent", *more: str) -> Callable[[Ground], list[str]]:
    return lambda ground: [
        "run",
        "--task=t0",
        f"--model={model}",
        f"--adapter={adapter}",
        ground.timeout,
        *_BARE,
        *more,
    ]


def _bench(*more: str) -> Callable[[Ground], list[str]]:
    return lambda ground: [
        "bench",
        "--model=fake/m",
        "--tasks=t0,t1",
        "--conditions=no-skill,original",
        ground.timeout,
        "--concurrency=2",
        *_BARE,
        *more,
    ]


def _plan(ground: Ground) -> list[str]:
    write_plan(
        ground.root, step("1.1", "echo a > first.txt", writes=["first.txt"]), step("1.2", is_open=True)
    )
    return ["plan", "run", "plan.json", "--workdir=work", "--model=fake/m", *_BARE]


def _improve(ground: Ground) -> list[str]:
    settings = load_settings()
    BoostFolder(settings, "totals").save([candidate()])

    async def record() -> None:
        async with Journal(settings.journal_path) as journal:
            await journal.append_all([(EVENT_KIND, each) for each in PROMOTED])

    anyio.run(record)
    return ["boost", "improve", "totals", "city-totals", "--compiler-model=fake/namer"]


ORDERS: Mapping[str, Callable[[Ground], list[str]]] = {
    "run": _run("fake/m"),
    "run-messages": _run("ant/m"),
    "run-openrouter": _run("or/maker/m", "shell-agent"),
    "run-boosted": _run("fake/m", "bare-agent", "--skill=skills/writer", "--boost=on"),
    "bench": _bench(),
    "bench-judged": lambda ground: [
        "bench",
        "--model=fake/m",
        "--tasks=judged",
        "--conditions=no-skill",
        "--judge-model=fake/court",
        ground.timeout,
        *_BARE,
    ],
    "profile": lambda ground: [
        "profile",
        "--model=fake/m",
        "--primitives=follow.format",
        "--instances=1",
        ground.timeout,
        *_BARE,
    ],
    "aot-compile": lambda ground: ["aot-compile", *_COMPILING, ground.timeout, "--no-lock"],
    "pipeline": lambda ground: ["pipeline", *_COMPILING, ground.timeout],
    "jit-optimize": lambda ground: [
        "jit-optimize",
        "--skill=skills/writer",
        "--task-source=real",
        "--tasks=t0,t1",
        "--test-tasks=t2,t3",
        "--optimizer-model=fake/editor",
        "--target-model=fake/m",
        "--rounds=1",
        "--runs-per-task=1",
        "--budget-runs=20",
        ground.timeout,
        *_BARE,
    ],
    "plan-run": _plan,
    "boost-improve": _improve,
    "config-probe": lambda ground: ["config", "probe", "fake/m"],
}
