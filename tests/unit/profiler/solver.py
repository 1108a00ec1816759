"""A target whose levels are known: it answers a probe rightly up to them, and wrongly above."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from skvm.errors import ConfigError, InfrastructureError
from skvm.evaluate.run import Bench, open_bench
from skvm.harness.contract import Facility, RunContext
from skvm.harness.fake import FakeSandbox, ScriptedSession, registered_fake
from skvm.harness.trajectory import ToolCall, ToolKind, Trajectory, Turn
from skvm.llm.contract import CallScope
from skvm.settings import load_settings
from skvm.target.contract import LEVELS, PRIMITIVES, Level, Probe

USUAL = ("follow.format", "reason.logic", "tool.file.write", "gen.code.python")


@dataclass
class Solver:
    """A harness that knows every probe's reference answer.

    Args:
        levels: How far its answers are right, by primitive; L0 for others.
        wrong: Probes it gets wrong although it could know, as (primitive, level, seed).
        unconfigured: Primitive at which the model turns out to have no credential.
        faults: How often it fails before it works, by primitive; negative for always.
        faults_at: How often it fails at one probe before it works.
        seeds: How many seeds of every level it knows.
        revision: Of this harness.
    """

    levels: Mapping[str, Level] = field(default_factory=dict)
    wrong: frozenset[tuple[str, Level, int]] = frozenset()
    faults: dict[str, int] = field(default_factory=dict)
    faults_at: dict[tuple[str, Level, int], int] = field(default_factory=dict)
    unconfigured: str = ""
    seeds: int = 6
    revision: int = 1
    at_once: int = 0
    most_at_once: int = 0
    facilities: frozenset[Facility] = frozenset({Facility.FILES, Facility.COMMANDS})
    asked: list[tuple[str, Level, int]] = field(default_factory=list)
    known: dict[str, tuple[str, Level, int, Probe]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = {*USUAL, *self.levels, *self.faults, self.unconfigured, *(n for n, _, _ in self.faults_at)}
        for primitive in (PRIMITIVES.get(name) for name in sorted(named - {""})):
            for level in LEVELS:
                for seed in range(self.seeds):
                    probe = primitive.probe(level, seed)
                    self.known[probe.prompt] = (primitive.id, level, seed, probe)

    async def run(self, context: RunContext) -> Trajectory:
        """Answer."""
        name, level, seed, probe = self.known[context.prompt]
        self.asked.append((name, level, seed))
        if name == self.unconfigured:
            raise ConfigError("no credential for this model")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.sleep(0.01)
        self.at_once -= 1
        if self.faults_at.get((name, level, seed), 0):
            self.faults_at[(name, level, seed)] -= 1
            raise InfrastructureError("the provider is down")
        if self.faults.get(name, 0):
            self.faults[name] -= 1
            raise InfrastructureError("the provider is down")
        text = "I do not know."
        knows = level.rank <= self.levels.get(name, Level.L0).rank and (name, level, seed) not in self.wrong
        if knows:
            text = probe.reference.response
            for path, content in probe.reference.files.items():
                await context.cell.write(path, content.encode())
        call = ToolCall(id="1", name="shell", kind=ToolKind.RUN, arguments={"command": "true"})
        return Trajectory(
            harness="solver",
            model=context.model_id,
            prompt=context.prompt,
            turns=(Turn(index=0, text=text, tool_calls=(call,)),),
            final_text=text,
        )


class SilentPort:
    """A port nobody asks anything."""

    @contextlib.asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[ScriptedSession]:
        """A session without a script."""
        yield ScriptedSession(answers=("",), scope=scope)


@contextlib.contextmanager
def registered(solver: Solver) -> Iterator[Solver]:
    """Register a solver as the harness ``solver``."""
    with registered_fake(solver, name="solver"):
        yield solver


@contextlib.asynccontextmanager
async def bench_in(folder: Path) -> AsyncIterator[Bench]:
    """A bench below a folder, with fakes for whatever would confine or cost."""
    settings = load_settings(cache_dir=str(folder), tmp_dir=str(folder / "tmp"), env={})
    async with open_bench(settings, sandbox=FakeSandbox(), port=SilentPort()) as bench:
        yield bench
