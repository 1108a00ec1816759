"""What is known of one primitive while it is measured: a running account, probe by probe.

It can be written into a checkpoint after every probe and taken up again from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from skvm.evaluate.stats import anytime_binomial
from skvm.evidence.record import Usage
from skvm.profiler.ask import Asked
from skvm.profiler.failures import failure_report
from skvm.profiler.ladder import Design, Seen, SequentialDesign, highest
from skvm.target.contract import Level, Primitive
from skvm.target.profile import LevelResult, PrimitiveDetail, TokenUsage

__all__ = ["Tally", "stamp", "tokens", "usage_of"]


@dataclass(slots=True)
class Tally:
    """The account of one primitive.

    Args:
        primitive: Which.
        probe_digest: Of its probes.
        results: What each level gave so far; a level that cannot be asked here is not among them.
        usage: Spent on it.
        runs: Runs made, retries included.
        failures: Failure reports, by level.
        ceiling: Why the levels above cannot be asked, if they cannot.
        harness_revision: Of the harness it is measured in.
    """

    primitive: Primitive
    probe_digest: str
    results: dict[Level, LevelResult]
    usage: Usage = field(default_factory=Usage)
    runs: int = 0
    failures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ceiling: str | None = None
    harness_revision: int = 1

    @classmethod
    def begin(
        cls,
        primitive: Primitive,
        probe_digest: str,
        levels: Sequence[Level],
        ceiling: str | None = None,
        harness_revision: int = 1,
    ) -> Tally:
        """Nothing asked yet."""
        results = {
            level: LevelResult(
                level=level,
                passed=False,
                pass_count=0,
                total_count=0,
                test_description=primitive.levels[level].claim,
                seeds=(),
                outcomes=(),
            )
            for level in levels
        }
        return cls(primitive, probe_digest, results, ceiling=ceiling, harness_revision=harness_revision)

    def resume(self, detail: PrimitiveDetail) -> None:
        """Go on from a checkpoint."""
        for result in detail.level_results:
            if result.level in self.results and result.outcomes is not None and result.seeds is not None:
                self.results[result.level] = result
        self.usage, self.runs = usage_of(detail), detail.runs or 0

    @property
    def seen(self) -> Seen:
        """Outcomes by level."""
        return {level: result.outcomes or () for level, result in self.results.items()}

    @property
    def is_begun(self) -> bool:
        """Whether a probe was graded."""
        return any(self.seen.values())

    def pay(self, asked: Asked) -> None:
        """Count what a probe cost, whatever came of it."""
        self.usage, self.runs = self.usage + asked.usage, self.runs + asked.runs

    def add(self, level: Level, seed: int, asked: Asked) -> None:
        """Count a graded probe."""
        before, verdict = self.results[level], asked.verdict
        if verdict is None:
            raise ValueError("only a graded probe has an outcome")
        outcomes = (*(before.outcomes or ()), verdict.passed)
        interval = anytime_binomial(sum(outcomes), len(outcomes))
        self.results[level] = before.model_copy(
            update={
                "pass_count": sum(outcomes),
                "total_count": len(outcomes),
                "outcomes": outcomes,
                "seeds": (*(before.seeds or ()), seed),
                "interval": (round(interval.low, 4), round(interval.high, 4)),
                "duration_ms": before.duration_ms + asked.duration_ms,
                "cost_usd": before.cost_usd + (asked.usage.cost_usd or 0.0),
                "failure_details": before.failure_details
                if verdict.passed
                else (*before.failure_details, _line(seed, asked)),
            }
        )
        if not verdict.passed:
            report = failure_report(
                self.primitive.id,
                level,
                len(outcomes) - 1,
                reason=verdict.reason,
                trajectory=asked.trajectory,
                changed=asked.changed,
            )
            self.failures.setdefault(f"{self.primitive.id}/{level.value}", []).append(report)

    def detail(self, design: Design) -> PrimitiveDetail:
        """The account as a profile holds it, finished or not."""
        notes = [note for note in (design.note(self.seen), self.ceiling) if note]
        return PrimitiveDetail(
            primitive_id=self.primitive.id,
            highest_level=highest(design, self.seen),
            level_results=tuple(
                result.model_copy(update={"passed": design.holds(level, self.seen) is True})
                for level, result in self.results.items()
                if result.total_count
            ),
            calibration_note="; ".join(notes) or None,
            usage=tokens(self.usage),
            cost_usd=self.usage.cost_usd,
            runs=self.runs,
            probe_digest=self.probe_digest,
            design=design.name,
            measured_at=stamp(datetime.now(UTC)),
            harness_revision=self.harness_revision if self.harness_revision > 1 else None,
            prior=_rounded(design.prior) if isinstance(design, SequentialDesign) else None,
        )


def _rounded(prior: Sequence[float]) -> tuple[float, float, float, float]:
    first, second, third, fourth = (round(each, 4) for each in prior)
    return (first, second, third, fourth)


def _line(seed: int, asked: Asked) -> str:
    line = f"seed {seed}: {asked.verdict.reason if asked.verdict else ''}"
    if asked.outcome.value != "scored":
        line += f" ({asked.outcome.value})"
    if files := asked.changed.line():
        line += f"; files {files}"
    return line


def tokens(usage: Usage) -> TokenUsage:
    """Token counts as profiles hold them."""
    return TokenUsage(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_read=usage.cache_read_tokens,
        cache_write=usage.cache_write_tokens,
    )


def usage_of(detail: PrimitiveDetail) -> Usage:
    """What a primitive cost, from its profile."""
    counts = detail.usage or TokenUsage()
    return Usage(
        input_tokens=counts.input,
        output_tokens=counts.output,
        cache_read_tokens=counts.cache_read,
        cache_write_tokens=counts.cache_write,
        cost_usd=detail.cost_usd,
    )


def stamp(when: datetime) -> str:
    """An ISO time stamp in UTC, to the millisecond."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
