"""``skvm bench --triggers FILE|auto``: does a harness load a skill when it should, and only then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from skvm.bench.plan import PlannedSkill, PlannedTrigger
from skvm.bench.report.model import IntervalReport, Trigger
from skvm.bench.triggering.asking import ask_for_triggers
from skvm.bench.triggering.cases import each_once
from skvm.bench.triggering.deriving import derive_triggers
from skvm.bench.triggering.reading import load_triggers
from skvm.bench.triggering.running import CONDITION, trigger_specs
from skvm.bench.triggering.verdict import TriggerInterval, TriggerReport, TriggerResult, trigger_report
from skvm.compiler.counsel import open_counsel
from skvm.errors import UsageError
from skvm.llm.port import ModelPort
from skvm.settings import Settings
from skvm.skill.ir import Skill

__all__ = [
    "AUTO",
    "CONDITION",
    "TriggerReport",
    "TriggerResult",
    "derive_triggers",
    "load_triggers",
    "plan_triggers",
    "report_triggers",
    "trigger_report",
    "trigger_specs",
]

AUTO = "auto"
"""Derive the cases from the skills' descriptions."""


async def plan_triggers(
    settings: Settings,
    wanted: str,
    planned: Sequence[PlannedSkill],
    skills: Mapping[str, Skill],
    *,
    compiler_model: str = "none",
    port: ModelPort | None = None,
) -> tuple[PlannedTrigger, ...]:
    """The triggers of a bench, as its plan holds them.

    Args:
        settings: Routes and places.
        wanted: A file, or ``auto``.
        planned: The skills of the bench; one of them twice counts once.
        skills: The same, read, by path.
        compiler_model: Who is asked for more with ``auto``; ``none`` for nobody.
        port: A port that is open already, whose spend ceiling then holds.

    Raises:
        UsageError: There is no skill, the file is wrong, or no description says when it is meant.
        SkvmError: The model that is asked fails.
    """
    each = list({skill.path: skill for skill in planned}.values())
    if not each:
        raise UsageError(
            "--triggers needs a skill", help="name one with --skill, or bench tasks that have one"
        )
    if wanted != AUTO:
        return load_triggers(Path(wanted), each)
    others = list(skills.values())
    found: list[PlannedTrigger] = []
    async with open_counsel(settings, compiler_model, port=port) as counsel:
        for skill in each:
            derived = derive_triggers(skills[skill.path], skill, others)
            found += derived
            if counsel is not None and derived:
                found += _new(derived, await ask_for_triggers(skills[skill.path], skill, counsel))
    if not found:
        named = ", ".join(skill.id for skill in each)
        raise UsageError(
            f"--triggers=auto: no description of {named} says anything", help="give prompts in a file"
        )
    return each_once(found)


def _new(known: Sequence[PlannedTrigger], more: Sequence[PlannedTrigger]) -> list[PlannedTrigger]:
    """What a model adds; where it contradicts itself or what is known, the earlier one stands."""
    said = {" ".join(case.prompt.split()).casefold() for case in known}
    kept = []
    for case in more:
        words = " ".join(case.prompt.split()).casefold()
        if words not in said:
            said.add(words)
            kept.append(case)
    return kept


def report_triggers(report: TriggerReport) -> tuple[Trigger, ...]:
    """The same figures as a bench report holds them."""
    return tuple(_reported(result) for result in report.results)


def _reported(result: TriggerResult) -> Trigger:
    return Trigger(
        skill_id=result.skill_id,
        model=result.model,
        adapter=result.harness,
        should_fire=result.true_positives + result.false_negatives,
        fired=result.true_positives,
        near_misses=result.false_positives + result.true_negatives,
        fired_wrongly=result.false_positives,
        unknown=result.undecided,
        recall=result.recall,
        precision=result.precision,
        recall_interval=_reported_interval(result.recall_interval),
        precision_interval=_reported_interval(result.precision_interval),
    )


def _reported_interval(interval: TriggerInterval | None) -> IntervalReport | None:
    if interval is None:
        return None
    return IntervalReport(
        low=interval.low, high=interval.high, level=interval.level, method=interval.method, over="tasks"
    )
