"""Does lowering help? Skills with one gap, before and after a compile, on a processor of known truth.

``python -m benchmarks.compiler.simulated`` takes the test skills of ``tests/labels/requirements``: what a
place needs, and what it needs once its ladder has been climbed down, was written by hand before the analyser
and the ladders were. The processor succeeds at every level it holds with 0.97 and above it with 0.03; the
analyser's own opinion of the variant is not asked. ``SKVM_BENCH_RUNS`` takes more or fewer runs a skill.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
from tests.unit.compiler.labelled import Labelled, labelled_skills, target_for

from skvm.compiler.contract import CompileOptions, PassContext
from skvm.compiler.pipeline import PipelineResult, resolve_passes, run_passes
from skvm.evaluate.stats import exact_binomial
from skvm.profiler.simulated import Dials, SimulatedProcessor
from skvm.target.contract import LEVELS, PRIMITIVES, Answer, Level, Probe

RUNS = int(os.environ.get("SKVM_BENCH_RUNS", "400"))
HIGH, LOW = 0.97, 0.03
_PROBE = Probe(prompt="", reference=Answer("yes"), wrong=(Answer("no"),))


@dataclass(frozen=True)
class Row:
    label: Labelled
    is_lowered: bool
    before: int
    after: int


def compiled(label: Labelled) -> PipelineResult:
    profile = target_for(label)
    context = PassContext(profile.model, profile.harness, profile, options=CompileOptions(eliminate=False))
    return anyio.run(run_passes, label.skill, resolve_passes(["1"]), context)


def is_lowered(label: Labelled, result: PipelineResult) -> bool:
    """Whether an edit that stands was made for the labelled words."""
    places = [
        (edit.primitive_id, edit.requirement)
        for edit in result.steps[0].edits
        if edit.requirement is not None
    ] + [answer for edit in result.steps[0].edits for answer in edit.answers]
    return any(name == label.primitive_id and place.overlaps(label.span) for name, place in places)


def passes(label: Labelled, needed: Level) -> int:
    """How many runs of a skill whose hardest place needs this level succeed."""
    held = label.level.rank - 1
    dials = Dials(
        default=1.0,
        primitives={
            label.primitive_id: {level.value: HIGH if level.rank <= held else LOW for level in LEVELS}
        },
    )
    if needed is Level.L0:
        return RUNS
    primitive = PRIMITIVES.get(label.primitive_id)
    return sum(SimulatedProcessor(dials, primitive, needed, seed, _PROBE).succeeds for seed in range(RUNS))


def rows() -> Iterator[Row]:
    for label in labelled_skills():
        lowered = is_lowered(label, compiled(label))
        after = label.lowered_to if lowered and label.lowered_to is not None else label.level
        yield Row(label, lowered, passes(label, label.level), passes(label, after))


def rate(count: int) -> str:
    interval = exact_binomial(count, RUNS)
    return f"{count / RUNS:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def main() -> None:
    print(f"{RUNS} runs a cell; success {HIGH} at levels held, {LOW} above; intervals 95 %")
    print("| primitive | needs | after | mechanical | lowered | passes before | passes after |")
    print("|---|---|---|---|---|--:|--:|")
    missed = 0
    for row in rows():
        label = row.label
        missed += label.is_mechanical and not row.is_lowered
        after = label.lowered_to if row.is_lowered else label.level
        after = "none" if after is Level.L0 else after
        print(
            f"| {label.primitive_id} | {label.level} | {after} | {'yes' if label.is_mechanical else 'no'} | "
            f"{'yes' if row.is_lowered else 'no'} | {rate(row.before)} | {rate(row.after)} |"
        )
    print(f"\nmechanical places that were not lowered: {missed}")


if __name__ == "__main__":
    main()
