"""What has to be asked: a request held against what is stored. Spends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.harness.contract import HARNESSES
from skvm.profiler.ladder import Design, SequentialDesign
from skvm.profiler.simulated import is_simulated
from skvm.target.contract import Primitive
from skvm.target.coverage import ProfileKey, coverage
from skvm.target.profile import PrimitiveDetail, Profile
from skvm.target.store import ProfileStore

__all__ = ["Plan", "Request", "plan"]


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure, and how.

    Args:
        model: Full model id.
        harness: Registered harness name.
        primitives: What is asked for.
        design: How many probes, and when to stop.
        concurrency: Runs at once, over primitives and the probes of one, ≥ 1.
        timeout_s: The agent's wall clock for one probe.
        first_seed: Seed of the first probe of each level; later ones count up.
        force: Measure everything asked for again.
        resume: Go on with an unfinished measurement also where ``force`` began it.
        fill: Measure what a foreign profile lacks instead of leaving it unmeasured.
    """

    model: str
    harness: str
    primitives: Sequence[Primitive]
    design: Design = field(default_factory=SequentialDesign)
    concurrency: int = 1
    timeout_s: float = 120.0
    first_seed: int = 0
    force: bool = False
    resume: bool = False
    fill: bool = False

    @property
    def key(self) -> ProfileKey:
        """What a stored profile must have been measured with to answer this."""
        revision = harness_revision(self.model, self.harness)
        return ProfileKey.of(self.model, self.harness, self.design.name, self.primitives, revision)


def harness_revision(model: str, harness: str) -> int:
    """The revision a built-in harness gives itself, raised when its words to a model change; else 1.

    Raises:
        UsageError: The harness is unknown.
    """
    if is_simulated(model):
        return 1
    return int(getattr(HARNESSES.get(harness)(), "revision", 1))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is kept and what has to be asked.

    Args:
        base: The profile whose other primitives are kept, if any.
        path: Where it lies.
        resumed: Details taken from the checkpoint of an unfinished measurement.
        ask: What to measure.
        reasons: Why, by id.
        leave: Ids a foreign profile lacks, which are left unmeasured.
        unfinished: Primitives among ``ask`` whose first probes the checkpoint holds.
        failures: Failure reports of the checkpoint that still belong to something, by ``primitive/level``.
    """

    base: Profile | None
    path: Path | None
    resumed: tuple[PrimitiveDetail, ...]
    ask: tuple[Primitive, ...]
    reasons: Mapping[str, str]
    leave: Mapping[str, str]
    unfinished: Mapping[str, PrimitiveDetail] = field(default_factory=dict)
    failures: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def plan(request: Request, store: ProfileStore) -> Plan:
    """Look at what is stored and say what has to be asked; spends nothing.

    Raises:
        UsageError: A stored profile is broken.
    """
    latest = store.latest(request.model, request.harness)
    base, path = (latest.profile, latest.path) if latest else (None, None)
    key = request.key
    begun = _begun(request, store, base)
    finished = coverage(begun, key, accept_foreign=False).usable if begun else ()
    reasons: dict[str, str] = {}
    leave: dict[str, str] = {}
    is_foreign = base is not None and base.requested is None and not base.is_partial
    missing = dict.fromkeys(key.probes, "asked for again") if request.force else coverage(base, key).missing
    for name, why in missing.items():
        if name in finished:
            continue
        if is_foreign and not (request.fill or request.force) and base and base.level_of(name) is None:
            leave[name] = "not in the imported profile; --fill measures it"
        else:
            reasons[name] = why
    details = begun.details if begun else ()
    resumed = tuple(d for d in details if d.primitive_id in finished and d.primitive_id in missing)
    unfinished = {
        detail.primitive_id: detail
        for detail in (begun.unfinished if begun else None) or ()
        if detail.primitive_id in reasons
        and detail.probe_digest == key.probes[detail.primitive_id]
        and detail.design == key.design
        and (detail.harness_revision or 1) == key.harness_revision
    }
    named = {*unfinished, *(detail.primitive_id for detail in resumed)}
    failures = {
        place: reports
        for place, reports in (
            store.partial_failures(request.model, request.harness) if begun else {}
        ).items()
        if place.partition("/")[0] in named
    }
    ask = tuple(primitive for primitive in request.primitives if primitive.id in reasons)
    # What the checkpoint finished is measured again as much as what is asked for now.
    reasons |= {detail.primitive_id: missing[detail.primitive_id] for detail in resumed}
    return Plan(base, path, resumed, ask, reasons, leave, unfinished, failures)


def _begun(request: Request, store: ProfileStore, base: Profile | None) -> Profile | None:
    """The checkpoint of an unfinished measurement, if it is to be gone on with."""
    if request.force and not request.resume:
        return None
    checkpoint = store.partial(request.model, request.harness)
    if checkpoint is None or (base is not None and checkpoint.profile.profiled_at <= base.profiled_at):
        return None
    return checkpoint.profile
