"""What runs took, compared as ratios by task: tokens, seconds, dollars."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from skvm.evaluate.stats.blocks import paired_runs
from skvm.evaluate.stats.decision import MIN_BLOCKS
from skvm.evaluate.stats.intervals import Interval, mean_of
from skvm.evaluate.stats.signflip import flip_interval, flip_p
from skvm.evidence.record import RunRecord

__all__ = ["QUANTITIES", "Quantity", "RatioComparison", "compare_quantity", "quantity_of"]

Quantity = Literal["tokens", "input_tokens", "output_tokens", "seconds", "cost_usd"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
REACH = math.log(1e6)


@dataclass(frozen=True, slots=True)
class RatioComparison:
    """How many times as much the treatment took as the control.

    Args:
        quantity: What.
        ratio: Geometric mean over the common tasks of treatment / control; ``None`` without one.
        interval: Around it, by the same test; ``None`` where there are too few blocks for one.
        p: Two-sided p-value of a ratio of 1.
        per_task: The ratio of each common task.
        excluded: Runs left out, by side and reason: an outcome without a score, ``not known``, ``zero``, or
            ``the other side has none``.
    """

    quantity: Quantity
    ratio: float | None
    interval: Interval | None
    p: float | None
    per_task: Mapping[str, float]
    excluded: Mapping[str, int]


def quantity_of(run: RunRecord, quantity: Quantity) -> float | None:
    """What a run took; ``None`` where nobody knows, never 0 for it.

    Tokens count as input wherever they were served from. A harness that reports no call reports no tokens.
    """
    usage = run.usage
    if quantity == "seconds":
        return run.duration_ms / 1000
    if usage.calls == 0 and usage.total_tokens == 0:
        return None
    read = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return {
        "tokens": float(usage.total_tokens),
        "input_tokens": float(read),
        "output_tokens": float(usage.output_tokens),
        "cost_usd": usage.cost_usd,
    }[quantity]


def compare_quantity(
    treatment: Sequence[RunRecord], control: Sequence[RunRecord], quantity: Quantity, *, level: float = 0.95
) -> RatioComparison:
    """Compare what two conditions took, over the runs that are graded (time-outs are).

    Of ``MIN_BLOCKS`` common tasks or more, the ratio of the means of each task counts; of fewer, that of each
    pair of repetitions.

    Args:
        treatment: Runs of one side.
        control: Runs of the other.
        quantity: What to compare.
        level: Nominal coverage, in (0, 1).
    """
    excluded: Counter[str] = Counter()
    ours, theirs = (
        _known(runs, quantity, side, excluded)
        for side, runs in (("treatment", treatment), ("control", control))
    )
    common = sorted(ours.keys() & theirs.keys())
    for side, held in (("treatment", ours), ("control", theirs)):
        alone = sum(len(values) for task, values in held.items() if task not in common)
        if alone:
            excluded[f"{side}: the other side has none"] += alone
    by_task = len(common) >= MIN_BLOCKS
    logs = {
        task: [_log_ratio(mean_of([*ours[task].values()]), mean_of([*theirs[task].values()]))]
        if by_task
        else [_log_ratio(*pair) for pair in paired_runs(ours[task], theirs[task])]
        for task in common
    }
    blocks = [(value, 1 / len(group) / len(logs)) for group in logs.values() for value in group]
    means = {task: mean_of(group) for task, group in logs.items()}
    p = flip_p([value * weight for value, weight in blocks]) if blocks else None
    interval = None
    if len(blocks) >= MIN_BLOCKS and p is not None:
        low, high = flip_interval(blocks, level, reach=REACH, p_of_zero=p)
        over: Literal["tasks", "runs"] = "tasks" if by_task else "runs"
        interval = Interval(math.exp(low), math.exp(high), level, "sign-flip", over)
    return RatioComparison(
        quantity=quantity,
        ratio=math.exp(mean_of([*means.values()])) if means else None,
        interval=interval,
        p=p,
        per_task={task: math.exp(value) for task, value in means.items()},
        excluded=dict(sorted(excluded.items())),
    )


def _log_ratio(ours: float, theirs: float) -> float:
    return math.log(ours) - math.log(theirs)


def _known(
    runs: Sequence[RunRecord], quantity: Quantity, side: str, excluded: Counter[str]
) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for run in sorted(runs, key=lambda run: (run.task_id, run.repetition, run.run_id)):
        value = quantity_of(run, quantity)
        if not run.outcome.is_graded:
            excluded[f"{side}: {run.outcome.value}"] += 1
        elif value is None:
            excluded[f"{side}: not known"] += 1
        elif value <= 0:
            excluded[f"{side}: zero"] += 1
        else:
            found.setdefault(run.task_id, {})[run.repetition] = value
    return found
