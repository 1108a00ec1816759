"""One probe, asked once: a task made of it, run like any other, graded by its oracle.

A fault of the provider, the sandbox or the harness says nothing about the capability: it is tried again,
and what still fails then is reported as such, never as a failed probe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import anyio.to_thread

from skvm.evaluate.bench import Bench, Recipe, RunSpec, load_trajectory
from skvm.evaluate.contract import Evidence
from skvm.evaluate.grading import Oracle
from skvm.evaluate.schedule import make_run
from skvm.evidence.record import CriterionResult, Outcome, Usage
from skvm.harness.contract import HARNESSES, Facility, Harness
from skvm.harness.trajectory import Trajectory
from skvm.profiler.failures import FileChanges, changes
from skvm.profiler.simulated import Dials, SimulatedProcessor, read_dials
from skvm.target.contract import PRIMITIVES, Level, Primitive, Probe, Verdict, Work
from skvm.task.model import Task

__all__ = ["MAX_STEPS", "Asked", "Asker", "probe_task", "remade"]

MAX_STEPS = 25
"""Model turns a probe may take."""
ATTEMPTS = 3
"""How often a probe is tried when something other than the agent fails."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one probe.

    Args:
        verdict: The oracle's; ``None`` where no attempt could be graded (see ``fault``).
        fault: Why not.
        usage: Of all attempts.
        runs: Attempts made.
        duration_ms: Wall time of all attempts' agents.
        outcome: How the last attempt ended.
        trajectory: What the agent did in it.
        changed: What it did to its work directory.
    """

    verdict: Verdict | None
    fault: str | None
    usage: Usage
    runs: int
    duration_ms: float
    outcome: Outcome
    trajectory: Trajectory | None = None
    changed: FileChanges = field(default_factory=FileChanges)


def probe_task(primitive: Primitive, level: Level, seed: int, probe: Probe, timeout_s: float) -> Task:
    """The task that asks a probe; its oracle stands in for criteria."""
    return Task(
        id=f"{primitive.id}-{level.value}-{seed}",
        prompt=probe.prompt,
        name=f"{primitive.id} {level.value} seed {seed}",
        category=primitive.category,
        fixtures=dict(probe.files),
        timeout_ms=max(1, round(timeout_s * 1000)),
        max_steps=MAX_STEPS,
    )


@dataclass(slots=True)
class _Seen:
    """What the oracle saw; kept here because a record keeps only digests."""

    verdict: Verdict | None = None
    trajectory: Trajectory | None = None
    changed: FileChanges = field(default_factory=FileChanges)

    def told(self) -> Any:
        """What was seen but for the trajectory, as JSON; ``None`` where nothing was graded."""
        if self.verdict is None:
            return None
        return {"verdict": asdict(self.verdict), "changed": asdict(self.changed)}

    def take(self, told: Any) -> None:
        """Take what was seen elsewhere."""
        if told is None:
            return
        self.verdict = Verdict(**told["verdict"])
        self.changed = FileChanges(**{name: tuple(names) for name, names in told["changed"].items()})


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks probes of one target.

    Args:
        bench: What runs share.
        model: Full model id.
        harness: Registered harness name.
        facilities: What the harness can do.
        timeout_s: The agent's wall clock for one probe.
        session_id: The session these runs belong to.
        dials: Of a simulated processor, which answers in the harness's place.
    """

    bench: Bench
    model: str
    harness: str
    facilities: frozenset[Facility]
    timeout_s: float = 120.0
    session_id: str | None = None
    dials: Dials | None = None

    @classmethod
    def of(cls, bench: Bench, model: str, harness: str, timeout_s: float, session_id: str | None) -> Asker:
        """The asker of a target, real or simulated.

        Raises:
            UsageError: The harness is unknown, or only half of the target is simulated.
        """
        dials = read_dials(model, harness)
        facilities = frozenset(Facility) if dials is not None else HARNESSES.get(harness)().facilities
        return cls(bench, model, harness, facilities, timeout_s, session_id, dials)

    async def ask(self, primitive: Primitive, level: Level, seed: int) -> Asked:
        """Ask one probe, again if something other than the agent failed.

        Raises:
            ConfigError: The model has no route or credential.
            BudgetExceededError: The spend ceiling is reached.
        """
        probe = primitive.probe(level, seed)
        usage, duration_ms, attempt = Usage(), 0.0, 0
        while True:
            seen = _Seen()
            record = await make_run(
                RunSpec(
                    task=probe_task(primitive, level, seed, probe, self.timeout_s),
                    model_id=self.model,
                    harness=self._harness(primitive, level, seed, probe, attempt),
                    condition="probe",
                    repetition=attempt,
                    seed=seed,
                    oracle=_oracle(primitive, level, probe, seen),
                    session_id=self.session_id,
                    simulated=self.dials is not None,
                    site=probe.site,
                    tools=probe.tools,
                    recipe=self._recipe(primitive, level, seed, attempt, seen),
                ),
                self.bench,
            )
            attempt += 1
            if seen.trajectory is None and seen.verdict is not None:
                # It was graded elsewhere; what the agent did lies where all evidence does.
                seen.trajectory = await anyio.to_thread.run_sync(load_trajectory, self.bench.blobs, record)
            usage, duration_ms = usage + record.usage, duration_ms + record.duration_ms
            graded = record.outcome.is_graded and seen.verdict is not None
            if graded or attempt >= ATTEMPTS:
                return Asked(
                    verdict=seen.verdict if graded else None,
                    fault=None if graded else f"{record.outcome.value}: {record.detail or 'no detail'}",
                    usage=usage,
                    runs=attempt,
                    duration_ms=duration_ms,
                    outcome=record.outcome,
                    trajectory=seen.trajectory,
                    changed=seen.changed,
                )

    def _harness(
        self, primitive: Primitive, level: Level, seed: int, probe: Probe, attempt: int
    ) -> str | Harness:
        if self.dials is None:
            return self.harness
        return SimulatedProcessor(self.dials, primitive, level, seed, probe, attempt)

    def _recipe(self, primitive: Primitive, level: Level, seed: int, attempt: int, seen: _Seen) -> Recipe:
        given: dict[str, Any] = {
            "primitive": primitive.id,
            "level": level.value,
            "seed": seed,
            "attempt": attempt,
            "dials": None if self.dials is None else self.dials.model_dump(mode="json", by_alias=True),
        }
        return Recipe("probe", given, seen.take)


def remade(spec: RunSpec, given: Mapping[str, Any]) -> tuple[RunSpec, Callable[[], Any]]:
    """Make a probe's run again from the catalogue of this process: its oracle, its site and its tools.

    Args:
        spec: The run without them.
        given: What ``Asker`` wrote down.

    Returns:
        The run, and what gives what the oracle saw, once the run is over.

    Raises:
        UsageError: This process has no such primitive.
    """
    primitive, level, seed = PRIMITIVES.get(given["primitive"]), Level(given["level"]), int(given["seed"])
    probe, seen = primitive.probe(level, seed), _Seen()
    whole = replace(spec, oracle=_oracle(primitive, level, probe, seen), site=probe.site, tools=probe.tools)
    if given["dials"] is not None:
        dials = Dials.model_validate(given["dials"])
        agent = SimulatedProcessor(dials, primitive, level, seed, probe, int(given["attempt"]))
        whole = replace(whole, harness=agent)
    return whole, seen.told


def _oracle(primitive: Primitive, level: Level, probe: Probe, seen: _Seen) -> Oracle:
    async def oracle(evidence: Evidence) -> Sequence[CriterionResult]:
        seen.trajectory = evidence.trajectory
        # Before grading, which writes its own files into the snapshot.
        seen.changed = await anyio.to_thread.run_sync(changes, evidence.snapshot, probe)
        work = Work(evidence.trajectory.final_text, evidence.cell, evidence.trajectory, evidence.visits)
        verdict = await primitive.grade(level, probe, work)
        # Tracebacks name the place of the copy, which is another one each time.
        verdict = replace(verdict, reason=verdict.reason.replace(str(evidence.snapshot), "."))
        seen.verdict = verdict
        score = 1.0 if verdict.passed else 0.0
        return [CriterionResult(id=level.value, method="oracle", score=score, details=verdict.reason)]

    return oracle
