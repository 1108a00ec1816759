"""From runs to recall and precision, for each skill on each target.

A prompt is counted once, however often it ran: it loads the skill if more than half of its runs do. A prompt
whose runs are split evenly is a failure on either side. Intervals are exact, over prompts: repetitions of one
prompt say nothing about another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.bench.history import counted
from skvm.bench.plan import PlannedTrigger
from skvm.bench.triggering.running import CONDITION, task_id_of, wish_of
from skvm.evaluate.stats import exact_binomial
from skvm.evidence.record import Record, RunRecord, Usage

__all__ = ["TriggerCase", "TriggerInterval", "TriggerReport", "TriggerResult", "trigger_report"]

LEVEL = 0.95


class _Part(Record):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class TriggerInterval(_Part):
    """An exact interval of a proportion of prompts."""

    low: float
    high: float
    level: float = LEVEL
    method: str = "exact"


class TriggerCase(_Part):
    """One prompt on one target.

    Args:
        id: The task id of its runs.
        prompt: What was asked; ``""`` where only the records are known.
        should_trigger: Whether the skill is for it.
        runs: Runs that came to a decision.
        loads: Those in which the skill was loaded.
        unanswered: Runs in which the model never got to decide.
        unknown: Runs for which the harness cannot tell.
    """

    id: str
    prompt: str = ""
    should_trigger: bool
    runs: int = 0
    loads: int = 0
    unanswered: int = 0
    unknown: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether there is a run to judge by."""
        return self.runs > 0

    @property
    def is_right(self) -> bool:
        """Whether most runs did what they should."""
        right = self.loads if self.should_trigger else self.runs - self.loads
        return 2 * right > self.runs


class TriggerResult(_Part):
    """One skill on one target; counts are of prompts that were decided.

    Args:
        skill_id: The skill.
        model: Full model id.
        harness: Harness name.
        true_positives: Should load it, and do.
        false_negatives: Should, and do not.
        false_positives: Should not, and do.
        true_negatives: Should not, and do not.
        undecided: Prompts without a run to judge by.
        runs: Runs that came to a decision.
        unanswered: Runs in which the model never got to decide (infrastructure, harness, no turn in time).
        unknown: Runs for which the harness cannot tell.
        recall: Share of those that should load it that do; ``None`` without any.
        precision: Share of those that load it that should; ``None`` where none does.
        recall_interval: Around it.
        precision_interval: Around it.
        usage: Model calls of all runs.
        cases: Prompt by prompt.
    """

    skill_id: str
    model: str
    harness: str
    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0
    true_negatives: int = 0
    undecided: int = 0
    runs: int = 0
    unanswered: int = 0
    unknown: int = 0
    recall: float | None = None
    precision: float | None = None
    recall_interval: TriggerInterval | None = None
    precision_interval: TriggerInterval | None = None
    usage: Usage = Usage()
    cases: tuple[TriggerCase, ...] = ()


class TriggerReport(_Part):
    """Whether harnesses load skills when they should, and only then; by model, harness and skill."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    results: tuple[TriggerResult, ...] = ()


def trigger_report(records: Iterable[RunRecord], planned: Sequence[PlannedTrigger] = ()) -> TriggerReport:
    """The verdict over runs; those of other conditions are passed over.

    Args:
        records: Runs of a session. Of several attempts at one cell the one that counts is taken.
        planned: The plan's triggers, for their prompts.
    """
    ours = [run for run in records if run.condition == CONDITION and wish_of(run.task_id) is not None]
    standing = counted(ours)
    kept = [run for run in ours if run.cell is None or standing[run.cell] is run]
    groups: dict[tuple[str, str, str], list[RunRecord]] = {}
    for run in kept:
        groups.setdefault((run.model, run.harness, run.skill_id or ""), []).append(run)
    prompts = {task_id_of(trigger): trigger.prompt for trigger in planned}
    return TriggerReport(results=tuple(_result(key, groups[key], prompts) for key in sorted(groups)))


def _result(key: tuple[str, str, str], runs: Sequence[RunRecord], prompts: dict[str, str]) -> TriggerResult:
    by_task: dict[str, list[RunRecord]] = {}
    for run in runs:
        by_task.setdefault(run.task_id, []).append(run)
    cases = tuple(_case(name, by_task[name], prompts.get(name, "")) for name in sorted(by_task))
    decided = [case for case in cases if case.is_decided]
    hits = sum(case.should_trigger and case.is_right for case in decided)
    misses = sum(case.should_trigger and not case.is_right for case in decided)
    false_alarms = sum(not case.should_trigger and not case.is_right for case in decided)
    model, harness, skill_id = key
    return TriggerResult(
        skill_id=skill_id,
        model=model,
        harness=harness,
        true_positives=hits,
        false_negatives=misses,
        false_positives=false_alarms,
        true_negatives=len(decided) - hits - misses - false_alarms,
        undecided=len(cases) - len(decided),
        runs=sum(case.runs for case in cases),
        unanswered=sum(case.unanswered for case in cases),
        unknown=sum(case.unknown for case in cases),
        recall=_share(hits, hits + misses),
        precision=_share(hits, hits + false_alarms),
        recall_interval=_interval(hits, hits + misses),
        precision_interval=_interval(hits, hits + false_alarms),
        usage=sum((run.usage for run in runs), Usage()),
        cases=cases,
    )


def _case(name: str, runs: Sequence[RunRecord], prompt: str) -> TriggerCase:
    # Whoever made no turn decided nothing, whatever ended the run.
    answered = [run for run in runs if run.outcome.is_graded and run.turns > 0]
    decided = [run for run in answered if run.skill_loaded is not None]
    return TriggerCase(
        id=name,
        prompt=prompt,
        should_trigger=bool(wish_of(name)),
        runs=len(decided),
        loads=sum(run.skill_loaded is True for run in decided),
        unanswered=len(runs) - len(answered),
        unknown=len(answered) - len(decided),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _interval(part: int, whole: int) -> TriggerInterval | None:
    if not whole:
        return None
    found = exact_binomial(part, whole, LEVEL)
    return TriggerInterval(low=found.low, high=found.high)
