"""How often a wrong template is trusted, and how soon a right one: ``python -m benchmarks boost standing``.

A simulation, no measurement: templates that do with a given probability what the model does, in runs that
each do their task with probability 0.8. Before promotion every run is a shadow; afterwards one in ten is, and
the template answers the others. A wrong answer is noticed by the postcondition with a given probability (and
by nobody else: runs are taken to be graded for their shadows only). Fuzzing is taken to pass; in truth it
stops many wrong templates before.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import anyio

from skvm.runtime.boost.model import BoostEvent, Event
from skvm.runtime.boost.standing import Bounds, Fold, Status

TEMPLATES = 1_000
RUNS = 100
SUCCESS = 0.8
SHADOW_EVERY = 10
AGREE = (1.0, 0.99, 0.95, 0.9, 0.8, 0.5, 0.2, 0.05)
CAUGHT = (0.5, 0.9)
EVENTS = 100_000
_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Told:
    """What came of one template in its runs.

    Args:
        promoted_after: Runs until it was first promoted; ``None`` if it never was.
        answers: Runs it answered.
        wrong: Answers that were wrong and stood.
        quarantines: How often it was taken back.
    """

    promoted_after: int | None
    answers: int
    wrong: int
    quarantines: int


def event(kind: Event, run: str, *, is_good: bool | None) -> BoostEvent:
    return BoostEvent.model_construct(event=kind, run_id=run, is_good=is_good, reason="", at=_AT)


def live(draw: random.Random, agree: float, caught: float, bounds: Bounds, runs: int) -> Told:
    """One template, from its first run to the last."""
    fold = Fold(bounds)
    fold.take(event(Event.FUZZED, "", is_good=True))
    told = Told(None, 0, 0, 0)
    for index in range(runs):
        run, is_right = str(index), draw.random() < agree
        is_promoted = fold.status is Status.PROMOTED and not fold.is_retired
        if is_promoted and told.promoted_after is None:
            told.promoted_after = index
        if is_promoted and draw.random() >= 1 / SHADOW_EVERY:
            told.answers += 1
            if is_right or draw.random() >= caught:
                told.wrong += not is_right
                fold.take(event(Event.ANSWERED, run, is_good=True if draw.random() < SUCCESS else None))
            else:
                fold.take(event(Event.ANSWERED, run, is_good=False))
        elif draw.random() < SUCCESS:
            fold.take(event(Event.SHADOWED, run, is_good=is_right))
    told.quarantines = fold.quarantines
    return told


def row(agree: float, caught: float, bounds: Bounds) -> str:
    draw = random.Random(f"{agree} {caught}")
    told = [live(draw, agree, caught, bounds, RUNS) for _ in range(TEMPLATES)]
    soon = [each.promoted_after for each in told if each.promoted_after is not None]
    first = sum(each <= 10 for each in soon) / TEMPLATES
    when = f"{statistics.median(soon):.0f}" if soon else "–"
    answers = sum(each.answers for each in told)
    wrong = sum(each.wrong for each in told)
    return (
        f"| {agree:.2f} | {caught:.1f} | {first:.1%} | {len(soon) / TEMPLATES:.1%} | {when} |"
        f" {answers / (TEMPLATES * RUNS):.1%} | {1000 * wrong / (TEMPLATES * RUNS):.2f} |"
        f" {statistics.mean(each.quarantines for each in told):.2f} |"
    )


def simulate() -> None:
    print(
        "| agrees with the model | wrong answers noticed | promoted within 10 runs | within 100 |"
        " median run of promotion | runs answered | wrong answers that stood, of 1,000 runs | quarantines |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for agree in AGREE:
        for caught in CAUGHT if agree < 1 else CAUGHT[1:]:
            print(row(agree, caught, Bounds()))


def needed() -> None:
    """Good runs a promotion takes after so many bad ones."""
    print("\n| bad runs before | good runs needed |\n|---:|---:|")
    for bad in range(5):
        fold = Fold(Bounds())
        fold.take(event(Event.FUZZED, "", is_good=True))
        for index in range(bad):
            fold.take(event(Event.SHADOWED, f"b{index}", is_good=False))
        count = 0
        while fold.status is not Status.PROMOTED:
            fold.take(event(Event.SHADOWED, f"g{count}", is_good=True))
            count += 1
        print(f"| {bad} | {count} |")


def journal_times() -> None:
    """How long a library takes to know where candidates stand, with many records in the journal."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.journal import Journal
    from skvm.harness.fake import FakeSandbox
    from skvm.runtime.boost.evidence import EVENT_KIND
    from skvm.runtime.boost.library import Library
    from skvm.settings import load_settings

    def made(skill: str, index: int) -> BoostEvent:
        return BoostEvent(
            event=Event.SHADOWED,
            skill_id=skill,
            skill_digest="sha256:s",
            model="any/m",
            harness="bare-agent",
            purpose_id=f"purpose-{index % 20}",
            template_digest="sha256:t",
            run_id=f"run-{index}",
            is_good=True,
            params={"source": "sales.csv"},
            at=_AT,
        )

    async def work() -> None:
        with TemporaryDirectory() as folder:
            settings = load_settings(cache_dir=folder, env={})
            async with Journal(settings.journal_path) as journal:
                for skill, count in (("others", EVENTS), ("mine", 1_000)):
                    await journal.append_all((EVENT_KIND, made(skill, index)) for index in range(count))
                blobs = BlobStore(Path(folder) / "blobs")
                library = Library.open(settings, journal, blobs, FakeSandbox())
                target = ("sha256:s", "any/m", "bare-agent")
                ask: dict[str, Callable[[], object]] = {
                    "first, 1,000 records of the skill": lambda: library.shelf("mine", *target),
                    "again": lambda: library.shelf("mine", *target),
                    f"first, {EVENTS:,} records of the skill": lambda: library.shelf("others", *target),
                    f"again, {EVENTS:,} records": lambda: library.shelf("others", *target),
                }
                print("\n| a shelf | ms |\n|---|---:|")
                for name, call in ask.items():
                    began = perf_counter()
                    await call()  # type: ignore[misc]
                    print(f"| {name} | {(perf_counter() - began) * 1000:.1f} |")

    anyio.run(work)


def main() -> None:
    simulate()
    needed()
    journal_times()


if __name__ == "__main__":
    main()
