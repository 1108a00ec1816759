"""Jobs of steps that need one another: made by a seed, and run by the rules ``reason.planning`` states.

Steps are named by words that say nothing about their order.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Outcome", "Pipeline", "layered", "needs_text", "pipeline", "run"]

_NORMAL = 7
_STAND_INS = 2
_ONLY_IF = 2
_MIN_SKIPPED = 2
_MIN_STARTED = 4

Needs = Mapping[str, Sequence[str]]


def needs_text(name: str, needs: Sequence[str]) -> str:
    """One line on what a step needs."""
    return f"{name} needs {' and '.join(needs) if needs else 'nothing'}"


def layered(
    rng: random.Random, names: Sequence[str], layers: int
) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Steps that need 1 to 3 layers before them, and what each needs.

    Args:
        rng: Source of randomness.
        names: Of the steps, at least one more than layers.
        layers: How many steps the longest chain has.

    Returns:
        The steps of each layer, and by step what it needs: at least one step of the layer before its own.
    """
    rows: list[list[str]] = [[name] for name in names[:layers]]
    for name in names[layers:]:
        rng.choice(rows).append(name)
    needs: dict[str, list[str]] = {name: [] for name in rows[0]}
    for before, row in enumerate(rows[1:]):
        earlier = [name for each in rows[: before + 1] for name in each]
        for name in row:
            chosen = {rng.choice(rows[before]), *rng.sample(earlier, rng.randint(0, 1))}
            needs[name] = rng.sample(sorted(chosen), len(chosen))
    return rows, needs


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps with what they need, and steps for the case that another one fails.

    Args:
        needs: By step that has needs or runs at once.
        stand_ins: By stand-in, the step it stands in for.
        only_if: By step that only runs if another one failed, that other one.
        failing: Steps that fail if they start.
    """

    needs: Needs
    stand_ins: Mapping[str, str]
    only_if: Mapping[str, str]
    failing: Sequence[str]

    @property
    def names(self) -> list[str]:
        """All steps."""
        return [*self.needs, *self.stand_ins, *self.only_if]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of a pipeline comes to.

    Args:
        started: Steps that started, the failed ones among them.
        skipped: Steps that never started.
    """

    started: frozenset[str]
    skipped: frozenset[str]


def run(pipeline: Pipeline, *, is_rescued: bool = True, is_passed_on: bool = True) -> Outcome:
    """Run it.

    Args:
        pipeline: Its needs are listed so that every step comes after what it needs.
        is_rescued: Whether stand-ins save the steps that wait; the rules say so.
        is_passed_on: Whether a skipped step makes those skip that need it; the rules say so.
    """
    rescuers = {step: stand_in for stand_in, step in pipeline.stand_ins.items()}
    started: set[str] = set()
    lost: set[str] = set()
    for name, needs in pipeline.needs.items():
        if lost.intersection(needs):
            if is_passed_on:
                lost.add(name)
            continue
        started.add(name)
        if name not in pipeline.failing:
            continue
        rescuer = rescuers.get(name)
        if rescuer:
            started.add(rescuer)
        if rescuer is None or rescuer in pipeline.failing or not is_rescued:
            lost.add(name)
    started |= {
        name for name, step in pipeline.only_if.items() if step in started and step in pipeline.failing
    }
    return Outcome(frozenset(started), frozenset(pipeline.names) - started)


def pipeline(rng: random.Random, names: Sequence[str]) -> Pipeline:
    """A pipeline in which one failure is saved by a stand-in and another one is not.

    Args:
        rng: Source of randomness.
        names: Of its 11 steps.
    """
    normal, spare = names[:_NORMAL], names[_NORMAL:]
    while True:
        needs = {
            name: rng.sample(normal[:place], min(place, rng.randint(0 if place < 3 else 1, 2)))
            for place, name in enumerate(normal)
        }
        saved, lost, calm = rng.sample(normal, 3)
        made = Pipeline(
            needs=needs,
            stand_ins=dict(zip(spare[:_STAND_INS], rng.sample([saved, calm], _STAND_INS), strict=True)),
            only_if=dict(zip(spare[_STAND_INS:], rng.sample([lost, calm], _ONLY_IF), strict=True)),
            failing=rng.sample([saved, lost], 2),
        )
        outcome = run(made)
        waiting = [name for name in normal if saved in needs[name] and name in outcome.started]
        skipped = [name for name in normal if name in outcome.skipped]
        indirectly = [name for name in skipped if lost not in needs[name]]
        if (
            {saved, lost, calm} <= outcome.started
            and waiting
            and indirectly
            and len(skipped) >= _MIN_SKIPPED
            and len(outcome.started) >= _MIN_STARTED
        ):
            return made
