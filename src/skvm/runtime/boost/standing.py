"""Where a candidate stands: a fold over what happened to it on one target.

A candidate is watched, until runs show that it is right; promoted, until one run shows that it is not;
quarantined for some runs, and then watched anew. The numbers (``Bounds``):

- A run counts once. It is good where it scored and the template did what the model did, or where the
  template answered and its postcondition held. It is bad where one of these failed.
- Promoted: at least 3 good runs, the rate of good runs exceeds 0.45 with 95 % confidence (uniform prior,
  Beta posterior), and the template passed fuzzing. Three good runs without a bad one give 0.459, two
  0.362; with one bad run before them five are needed, with two six, with three seven.
- Every later run takes 5 % off the weight of earlier ones, so no more than 20 runs' worth is remembered.
- Quarantined at once: an answer that bailed out or failed its postcondition; after promotion also a shadow
  that disagreed, a replay or a fuzzing that failed, and files that are no longer what the guard wants.
- A quarantine ends after 3 runs in a row that asked for the candidate and showed nothing bad; the second
  takes 6, and the third ends it for good, until a person enables the candidate again. Afterwards evidence
  begins anew: good runs are forgotten, bad ones keep their weight, and recordings no longer count.
- A candidate that is made or changed, and one that was forgotten and made again, begins without evidence.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from skvm.evidence.record import RunRecord
from skvm.runtime.boost.model import BoostEvent, Candidate, Event
from skvm.runtime.boost.posterior import lower_bound

__all__ = [
    "Bounds",
    "Fold",
    "Key",
    "Standing",
    "Status",
    "advanced",
    "gated",
    "key_of",
    "standing_of",
]

_OF_RUNS = frozenset({Event.REPLAYED, Event.SHADOWED, Event.ANSWERED, Event.DRIFTED})


class Status(enum.StrEnum):
    """Whether a candidate may answer; only a promoted one may."""

    WATCHED = "watched"
    PROMOTED = "promoted"
    QUARANTINED = "quarantined"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The numbers above.

    Args:
        good_runs: Good runs a promotion needs at least, ≥ 1.
        floor: What the lower bound of the rate of good runs must reach, in [0, 1).
        confidence: Of that bound, in (0, 1).
        decay: What a later run leaves of the weight of an earlier one, in (0, 1].
        cooldown_runs: Runs a first quarantine lasts; each further one lasts twice as long as the last.
        quarantines: With so many, a candidate is out for good.
        good_score: From this score on a run did its task, in [0, 1].
    """

    good_runs: int = 3
    floor: float = 0.45
    confidence: float = 0.95
    decay: float = 0.95
    cooldown_runs: int = 3
    quarantines: int = 3
    good_score: float = 0.5


class Key(NamedTuple):
    """What evidence is about: a candidate as it is, of a skill as it is delivered, on one target."""

    skill_id: str
    skill_digest: str
    model: str
    harness: str
    purpose_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a candidate stands.

    Args:
        status: Whether it may answer.
        runs: Runs that asked for it, whatever came of it.
        good: Good runs that count now.
        bad: Bad runs that count now.
        lower_bound: What the rate of good runs exceeds with the confidence of the bounds.
        cooldown_left: Runs a quarantine still lasts.
        reason: One line: what is still wanted, or what went wrong.
        failures: Bad runs since ever.
        streak: Good runs since the last bad one.
        promoted_at: Since when it may answer, if it may.
        is_fuzzed: Whether it passed fuzzing; ``None`` if that was never tried.
    """

    status: Status = Status.WATCHED
    runs: int = 0
    good: int = 0
    bad: int = 0
    lower_bound: float = 0.0
    cooldown_left: int = 0
    reason: str = ""
    failures: int = 0
    streak: int = 0
    promoted_at: datetime | None = None
    is_fuzzed: bool | None = None


def key_of(event: BoostEvent) -> Key:
    """What an event is evidence about."""
    return Key(
        event.skill_id,
        event.skill_digest,
        event.model,
        event.harness,
        event.purpose_id,
        event.template_digest,
    )


def standing_of(
    events: Iterable[BoostEvent], bounds: Bounds | None = None, *, candidate: Candidate | None = None
) -> Standing:
    """Where one candidate stands.

    Taking an event twice is the same as taking it once.

    Args:
        events: What happened to it on one target, in order.
        bounds: When it is trusted.
        candidate: Itself: one that a person turned off, or that answers no prompt, is no more than that.
    """
    bounds = bounds or Bounds()
    fold = Fold(bounds)
    for event in events:
        fold = advanced(fold, event, bounds)
    if candidate is not None and not candidate.is_enabled:
        fold.is_disabled = True
    return fold.standing()


def advanced(fold: Fold | None, event: BoostEvent, bounds: Bounds) -> Fold:
    """What is remembered after a further event: the same object, or a new one where evidence begins."""
    if fold is None or event.event is Event.COMPILED:
        fold = Fold(bounds)
    fold.take(event)
    return fold


def gated(event: BoostEvent, record: RunRecord, bounds: Bounds | None = None) -> BoostEvent:
    """An event of a run, once it is known how the run went.

    What held is good only in a run that did its task. A run that failed after a terminal answer shows that
    the answer was wrong; after another answer the model may be to blame, and nothing is shown.
    """
    if event.is_good is not True or event.event not in (Event.ANSWERED, Event.SHADOWED):
        return event
    least = (bounds or Bounds()).good_score
    if record.score is not None and record.outcome.is_graded and record.score >= least:
        return event
    if record.score is None or not record.outcome.is_graded:
        return event.model_copy(update={"is_good": None, "reason": f"the run is {record.outcome}, ungraded"})
    said = f"the run scored {record.score:.2f}"
    is_shown = event.event is Event.ANSWERED and event.is_terminal
    return event.model_copy(update={"is_good": False if is_shown else None, "reason": said})


@dataclass(slots=True)
class Fold:
    """What is remembered of the events of one key while they are taken one by one."""

    bounds: Bounds
    status: Status = Status.WATCHED
    is_disabled: bool = False
    is_retired: bool = False
    is_fuzzed: bool | None = None
    good: int = 0
    bad: int = 0
    good_weight: float = 0.0
    bad_weight: float = 0.0
    quarantines: int = 0
    cooldown_left: int = 0
    failures: int = 0
    streak: int = 0
    promoted_at: datetime | None = None
    fault: str = ""
    verdicts: dict[str, bool] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @property
    def effective(self) -> Status:
        """Where the candidate stands now, without the figures."""
        return Status.DISABLED if self.is_disabled or self.is_retired else self.status

    def take(self, event: BoostEvent) -> None:
        """Take the next event; one of a run that was taken before changes nothing."""
        if event.event is Event.DISABLED:
            self.is_disabled = True
        elif event.event is Event.ENABLED:
            self._enable()
        elif event.event is Event.FUZZED:
            self._fuzzed(event)
        elif event.event in _OF_RUNS and event.run_id is not None:
            self.seen.add(event.run_id)
            self._run(event, event.run_id)

    def _enable(self) -> None:
        self.is_disabled = False
        if self.is_retired or self.status is Status.QUARANTINED:
            self.is_retired = False
            self.status = Status.WATCHED
            self.cooldown_left = self.quarantines = 0
            self._begin_anew()

    def _fuzzed(self, event: BoostEvent) -> None:
        if event.is_good is None:
            return
        self.is_fuzzed = event.is_good
        if not event.is_good:
            self.fault = f"failed fuzzing: {event.reason}" if event.reason else "failed fuzzing"
            if self.status is Status.PROMOTED:
                self._quarantine()
        else:
            self._promote(event.at)

    def _run(self, event: BoostEvent, run: str) -> None:
        is_good = False if event.event is Event.DRIFTED else event.is_good
        if self.is_retired or (event.event is Event.REPLAYED and self.quarantines):
            return
        if is_good is False:
            self._bad_run(event, run)
        elif self.status is Status.QUARANTINED:
            self._cool_down(run)
        elif is_good and run not in self.verdicts:
            self.verdicts[run] = True
            self._decay()
            self.good += 1
            self.good_weight += 1.0
            self.streak += 1
            self._promote(event.at)

    def _bad_run(self, event: BoostEvent, run: str) -> None:
        known = self.verdicts.get(run)
        is_watched_drift = event.event is Event.DRIFTED and self.status is Status.WATCHED
        # Before promotion a drift shows no more than that the guard does its work.
        if known is False or is_watched_drift:
            return
        self.verdicts[run] = False
        self.failures += 1
        self.streak = 0
        self.fault = f"{event.event} in run {run}: {event.reason or 'it did not hold'}"
        if self.status is Status.QUARANTINED:
            self.cooldown_left = self._cooldown()
            return
        if known and self.good:
            self.good -= 1
            self.good_weight = max(0.0, self.good_weight - 1.0)
        self._decay()
        self.bad += 1
        self.bad_weight += 1.0
        if self.status is Status.PROMOTED or event.event is Event.ANSWERED:
            self._quarantine()

    def _cool_down(self, run: str) -> None:
        if run in self.verdicts:
            return
        self.verdicts[run] = True
        self.cooldown_left -= 1
        if self.cooldown_left <= 0:
            self.status = Status.WATCHED
            self._begin_anew()

    def _decay(self) -> None:
        self.good_weight *= self.bounds.decay
        self.bad_weight *= self.bounds.decay

    def _begin_anew(self) -> None:
        self.good = self.streak = 0
        self.good_weight = 0.0

    def _cooldown(self) -> int:
        return int(self.bounds.cooldown_runs * 2 ** (self.quarantines - 1))

    def _quarantine(self) -> None:
        self.quarantines += 1
        self.status = Status.QUARANTINED
        self.promoted_at = None
        self.cooldown_left = self._cooldown()
        self.is_retired = self.quarantines >= self.bounds.quarantines
        self._begin_anew()

    def _bound(self) -> float:
        return lower_bound(self.good_weight, self.bad_weight, self.bounds.confidence)

    def _promote(self, at: datetime) -> None:
        if self.status is not Status.WATCHED or not self.is_fuzzed or self.good < self.bounds.good_runs:
            return
        if self._bound() >= self.bounds.floor:
            self.status = Status.PROMOTED
            self.promoted_at = at
            self.fault = ""

    def standing(self) -> Standing:
        """Where the candidate stands now."""
        is_out = self.is_disabled or self.is_retired
        return Standing(
            status=self.effective,
            runs=len(self.seen),
            good=self.good,
            bad=self.bad,
            lower_bound=self._bound(),
            cooldown_left=0 if is_out or self.status is not Status.QUARANTINED else self.cooldown_left,
            reason=self._reason(),
            failures=self.failures,
            streak=self.streak,
            promoted_at=None if is_out else self.promoted_at,
            is_fuzzed=self.is_fuzzed,
        )

    def _reason(self) -> str:
        if self.is_disabled:
            return "turned off by a person"
        if self.is_retired:
            return f"quarantined {self.quarantines} times; the last time: {self.fault}"
        if self.status is Status.QUARANTINED:
            return self.fault
        if self.status is Status.PROMOTED:
            return f"{self.good} good runs"
        return "; ".join(self._wanted())

    def _wanted(self) -> list[str]:
        wanted = []
        missing = self.bounds.good_runs - self.good
        if missing > 0:
            wanted.append(f"{self.good} of {self.bounds.good_runs} good runs")
        elif self._bound() < self.bounds.floor:
            wanted.append(f"{self.bad} bad of {self.good + self.bad} runs, more good ones are needed")
        if not self.is_fuzzed:
            wanted.append("not fuzzed" if self.is_fuzzed is None else self.fault or "failed fuzzing")
        return wanted
