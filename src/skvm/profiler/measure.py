"""Measure a target: probes in, profile out, resumable, and never worse than what was there before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import anyio
import anyio.to_thread

import skvm
from skvm.errors import SkvmError, UsageError
from skvm.evaluate.run import Bench
from skvm.evidence.record import Usage
from skvm.profiler.ask import Asked, Asker
from skvm.profiler.ladder import Design
from skvm.profiler.plan import Plan, Request, plan
from skvm.profiler.preflight import Preflight, preflight
from skvm.profiler.tally import Tally, stamp, tokens, usage_of
from skvm.target.contract import Level, Primitive
from skvm.target.coverage import catalogue_digest
from skvm.target.profile import PrimitiveDetail, Profile, ProfileCost
from skvm.target.store import ProfileStore

__all__ = ["Measurement", "Progress", "Request", "measure"]

OUTAGE = 3
"""Probes in a row without a graded attempt after which nothing more is asked."""
CHECKPOINT_S = 0.5
"""How much work a kill may cost at most."""
ASKING = "asking"
NOT_ASKED = "not asked: too many faults in a row"


@dataclass(frozen=True, slots=True)
class Progress:
    """What just happened.

    Args:
        primitive_id: Which primitive.
        level: Which level; ``None`` when the primitive is done.
        passed: What the probe gave; ``None`` when it is only asked, for a fault, and at the end.
        detail: ``asking``, the oracle's reason, the fault, or the level found.
        usage: Spent so far, by all primitives.
        runs: Runs so far.
        done: Primitives finished.
        total: Primitives to measure.
    """

    primitive_id: str
    level: Level | None
    passed: bool | None
    detail: str
    usage: Usage
    runs: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What measuring gave.

    Args:
        profile: The target's profile.
        path: Where it can be read from.
        is_reused: Whether nothing had to be asked.
        remeasured: Why something already in the profile was measured again, by id.
        runs: Runs made now.
        usage: Spent now.
        duration_s: Wall time of this call.
    """

    profile: Profile
    path: Path
    is_reused: bool = False
    remeasured: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0
    usage: Usage = field(default_factory=Usage)
    duration_s: float = 0.0


async def measure(
    request: Request,
    bench: Bench,
    store: ProfileStore,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Measurement:
    """Bring the profile of a target up to what is asked for.

    What a stored profile answers for is not measured again; a measurement that was cut short goes on from
    its checkpoint, which holds every graded probe. A probe that meets only faults leaves its primitive
    unmeasured and the profile partial; a partial profile never replaces a complete one.

    Raises:
        UsageError: The harness is unknown, nothing is asked for, or a stored profile is broken.
        ConfigError: The model has no route or credential; what was measured before is in the checkpoint.
        BudgetExceededError: The spend ceiling is reached; likewise.
        InfrastructureError: The profile cannot be written, or another process measures the same target.
    """
    if not request.primitives:
        raise UsageError(
            "no primitive to measure", help="skvm profile --primitives takes ids, --skip removes them"
        )
    began = perf_counter()
    if (known := await _prepared(request, plan(request, store), bench, store, on_progress)).is_known:
        return known.reused()
    with store.claim(request.model, request.harness):
        # Looked at again: another process may have measured it until now.
        todo = plan(request, store)
        job = await _prepared(request, todo, bench, store, on_progress)
        if job.is_known:
            return job.reused()
        await job.run()
        profile = job.profile()
        path = store.save(profile, job.failures())
    remeasured = {
        name: why
        for name, why in todo.reasons.items()
        if todo.base is not None and todo.base.level_of(name) is not None
    }
    return Measurement(profile, path, False, remeasured, job.runs, job.usage, perf_counter() - began)


async def _prepared(
    request: Request,
    todo: Plan,
    bench: Bench,
    store: ProfileStore,
    on_progress: Callable[[Progress], None],
) -> _Job:
    job = _Job(request, todo, bench, store, on_progress)
    await job.prepare()
    return job


class _Job:
    """One measurement under way."""

    def __init__(
        self,
        request: Request,
        todo: Plan,
        bench: Bench,
        store: ProfileStore,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.request, self.todo, self.bench, self.store = request, todo, bench, store
        self.on_progress = on_progress
        self.began_at = datetime.now(UTC)
        self.asker = Asker.of(
            bench,
            request.model,
            request.harness,
            request.timeout_s,
            f"profile-{self.began_at:%Y%m%dT%H%M%S}",
        )
        self.key = request.key
        self.probes = self.key.probes
        self.tallies: dict[str, Tally] = {}
        self.details: dict[str, PrimitiveDetail] = {d.primitive_id: d for d in todo.resumed}
        self.unmeasured: dict[str, str] = {}
        self.faulty: set[str] = set()
        self.usage, self.runs, self.done, self.faults_in_a_row = Usage(), 0, 0, 0
        self.limiter = anyio.CapacityLimiter(request.concurrency)
        self.written_at = 0.0
        self.writing = anyio.Lock()

    async def prepare(self) -> None:
        """Find what cannot be measured here, before anything is spent, and take up what was begun."""
        found: Preflight = await preflight(
            self.todo.ask, self.request.harness, self.asker.facilities, self.bench
        )
        self.unmeasured |= found.unmeasured
        for primitive in self.todo.ask:
            if (levels := found.levels.get(primitive.id)) is None:
                continue
            digest = self.probes[primitive.id]
            ceiling, revision = found.ceilings.get(primitive.id), self.key.harness_revision
            tally = Tally.begin(primitive, digest, levels, ceiling, revision)
            if begun := self.todo.unfinished.get(primitive.id):
                tally.resume(begun)
            self.tallies[primitive.id] = tally

    @property
    def is_known(self) -> bool:
        """Whether nothing has to be asked or written."""
        return not self.tallies and not self.todo.resumed and self.todo.base is not None

    def reused(self) -> Measurement:
        """What is stored, as the answer."""
        base, path = self.todo.base, self.todo.path
        if base is None or path is None:
            raise ValueError("nothing is stored")
        unmeasured = {**(base.unmeasured or {}), **self.todo.leave, **self.unmeasured}
        return Measurement(base.model_copy(update={"unmeasured": unmeasured or None}), path, is_reused=True)

    async def run(self) -> None:
        """Measure every primitive, so many at once; keep what is done whatever happens."""
        limiter = anyio.CapacityLimiter(self.request.concurrency)

        async def one(tally: Tally) -> None:
            async with limiter:
                await self._measure(tally)
            await self._checkpoint(is_due=True)

        try:
            async with anyio.create_task_group() as group:
                for tally in self.tallies.values():
                    group.start_soon(one, tally)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._checkpoint(is_due=True)
            if isinstance(error, BaseExceptionGroup):
                raise _known(error) or error from None
            raise

    async def _checkpoint(self, *, is_due: bool = False) -> None:
        if not self.details and not any(tally.is_begun for tally in self.tallies.values()):
            return
        async with self.writing:
            if not is_due and monotonic() - self.written_at < CHECKPOINT_S:
                return
            await anyio.to_thread.run_sync(
                self.store.checkpoint, self.profile(is_partial=True), self.failures()
            )
            self.written_at = monotonic()

    async def _measure(self, tally: Tally) -> None:
        """Ask until the design has decided."""
        while True:
            design = self._design(tally)
            many = max(1, self.request.concurrency // max(1, len(self.tallies) - self.done))
            levels = design.next_levels(tally.seen, many)
            if not levels:
                break
            if self.faults_in_a_row >= OUTAGE:
                self._give_up(tally, NOT_ASKED)
                return
            if (fault := await self._ask(tally, levels)) is not None:
                self._give_up(tally, fault)
                return
            await self._checkpoint()
        detail = tally.detail(design)
        self.details[tally.primitive.id] = detail
        self.done += 1
        self._tell(tally.primitive, None, None, detail.highest_level.value)

    def _design(self, tally: Tally) -> Design:
        """The request's design, informed by the target's other primitives: this job's and those known."""
        known = (*self.todo.resumed, *(self.todo.base.details if self.todo.base else ()))
        others = [each.seen for each in self.tallies.values() if each is not tally]
        others += [seen_of(detail) for detail in known if detail.primitive_id not in self.tallies]
        return self.request.design.informed(others)

    async def _ask(self, tally: Tally, levels: tuple[Level, ...]) -> str | None:
        """Ask probes at once; their outcomes count in the order of their seeds.

        Returns:
            The fault if one could not be graded, after the others were counted.
        """
        asked: dict[int, tuple[Level, int, Asked]] = {}
        taken: dict[Level, int] = {}

        async def one(place: int, level: Level, seed: int) -> None:
            async with self.limiter:
                self._tell(tally.primitive, level, None, ASKING)
                asked[place] = (level, seed, await self.asker.ask(tally.primitive, level, seed))

        try:
            async with anyio.create_task_group() as group:
                for place, level in enumerate(levels):
                    before = len(tally.seen[level]) + taken.get(level, 0)
                    taken[level] = taken.get(level, 0) + 1
                    group.start_soon(one, place, level, self.request.first_seed + before)
        finally:
            # Also what was asked when another one ended it is paid for.
            fault = self._count(tally, [asked.get(place) for place in range(len(levels))])
        return fault

    def _count(self, tally: Tally, asked: Sequence[tuple[Level, int, Asked] | None]) -> str | None:
        fault, is_whole = None, True
        for each in asked:
            if each is None:  # cut off before it was answered
                is_whole = False
                continue
            level, seed, answer = each
            self.usage, self.runs = self.usage + answer.usage, self.runs + answer.runs
            tally.pay(answer)
            if answer.verdict is None:
                self.faults_in_a_row += 1
                fault, is_whole = f"{level.value} seed {seed}: {answer.fault}", False
                self._tell(tally.primitive, level, None, answer.fault or "")
            elif is_whole:
                # Behind a gap the seeds would no longer follow on one another, and be asked again.
                self.faults_in_a_row = 0
                tally.add(level, seed, answer)
                self._tell(tally.primitive, level, answer.verdict.passed, answer.verdict.reason)
        return fault

    def _give_up(self, tally: Tally, why: str) -> None:
        self.unmeasured[tally.primitive.id] = why
        self.faulty.add(tally.primitive.id)
        self.done += 1
        self._tell(tally.primitive, None, None, f"unmeasured: {why}")

    def _tell(self, primitive: Primitive, level: Level | None, passed: bool | None, detail: str) -> None:
        total = len(self.tallies)
        self.on_progress(
            Progress(primitive.id, level, passed, detail, self.usage, self.runs, self.done, total)
        )

    def failures(self) -> dict[str, list[Mapping[str, Any]]]:
        """Failure reports of everything in the profile, also those from before a resume."""
        reports = {name: list(each) for name, each in self.todo.failures.items()}
        for tally in self.tallies.values():
            for name, more in tally.failures.items():
                reports[name] = [*reports.get(name, ()), *more]
        return reports

    def profile(self, *, is_partial: bool = False) -> Profile:
        """Everything known now: what was kept, what was resumed, what was measured."""
        base, asked = self.todo.base, set(self.probes)
        # What was asked for anew and not measured must not answer with its old level.
        kept = {
            d.primitive_id: d
            for d in (base.details if base else ())
            if d.primitive_id not in asked or d.primitive_id not in self.todo.reasons
        }
        levels = {
            name: level
            for name, level in (base.capabilities if base else {}).items()
            if name not in self.todo.reasons
        }
        details = {**kept, **self.details}
        levels |= {name: detail.highest_level for name, detail in self.details.items()}
        unmeasured = {**((base.unmeasured if base else None) or {}), **self.todo.leave, **self.unmeasured}
        requested = {*asked, *levels, *((base.requested if base else None) or ())}
        digests = {name: d.probe_digest for name, d in details.items() if d.probe_digest is not None}
        unfinished = [t for name, t in self.tallies.items() if name not in self.details and t.runs]
        is_partial = is_partial or bool(self.faulty)
        return Profile(
            model=self.request.model,
            harness=self.request.harness,
            profiled_at=stamp(self.began_at),
            capabilities=dict(sorted(levels.items())),
            details=tuple(details[name] for name in sorted(details)),
            cost=_cost(tuple(details.values()), unfinished),
            is_partial=is_partial,
            unmeasured={name: why for name, why in sorted(unmeasured.items()) if name not in levels} or None,
            requested=tuple(sorted(requested)),
            skvm_version=skvm.__version__,
            catalogue_digest=catalogue_digest(digests),
            instances=self.request.design.most_probes,
            simulated=True if self.asker.dials is not None else None,
            unfinished=tuple(t.detail(self.request.design) for t in unfinished) if is_partial else None,
        )


def seen_of(detail: PrimitiveDetail) -> dict[Level, tuple[bool, ...]]:
    """Outcomes by level, as far as the profile keeps them."""
    return {result.level: result.outcomes or () for result in detail.level_results}


def _cost(details: tuple[PrimitiveDetail, ...], unfinished: list[Tally]) -> ProfileCost:
    """What the whole profile cost: everything in it, and what was spent on what is not finished."""
    usage = sum([usage_of(d) for d in details] + [t.usage for t in unfinished], Usage())
    lasted_ms = [result.duration_ms for detail in details for result in detail.level_results]
    lasted_ms += [result.duration_ms for tally in unfinished for result in tally.results.values()]
    return ProfileCost(
        total_usd=usage.cost_usd or 0.0,
        total_tokens=tokens(usage),
        duration_ms=sum(lasted_ms),
        usd_known=usage.cost_usd is not None,
    )


def _known(error: BaseException) -> SkvmError | None:
    """The first error the user can act on, inside the groups that task groups make."""
    if isinstance(error, SkvmError):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inner if (found := _known(each)) is not None), None)
