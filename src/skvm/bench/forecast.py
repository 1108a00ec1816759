"""What a session will take, before anything is spent: runs, tokens, dollars, minutes.

A cell is judged by runs that were made: of its task on its target in its condition, else in any, else of
any task on that target. What nothing is known of stays unknown, and the forecast says for how many runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skvm.bench.matrix import Cell
from skvm.evidence.record import RunRecord

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is still to be done.

    Args:
        runs: Runs to make.
        done: Runs of the session that count already.
        known_runs: Runs of which something is known; the figures below are theirs, scaled up to all.
        tokens: Tokens of all runs; ``None`` where nothing is known.
        cost_usd: Dollars; ``None`` where any price is unknown.
        duration_s: Wall time at the given concurrency; ``None`` where nothing is known.
    """

    runs: int
    done: int
    known_runs: int = 0
    tokens: int | None = None
    cost_usd: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Mean:
    tokens: float
    cost_usd: float | None
    duration_s: float


def forecast(
    cells: Sequence[Cell], known: Mapping[str, object], past: Iterable[RunRecord], concurrency: int
) -> Forecast:
    """Judge what is missing by what was.

    Args:
        cells: Every cell of the session.
        known: The cells that need no run.
        past: Runs of any session.
        concurrency: Runs at once, ≥ 1.
    """
    missing = [cell for cell in cells if cell.key not in known]
    runs_by: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in past:
        if run.outcome.is_graded and not run.simulated:
            target = (run.model, run.harness)
            for key in (target, (*target, run.task_digest), (*target, run.task_digest, run.condition)):
                runs_by.setdefault(key, []).append(run)
    means = {key: _mean(runs) for key, runs in runs_by.items()}
    found = [mean for cell in missing if (mean := _known(cell, means))]
    if not found:
        return Forecast(len(missing), len(cells) - len(missing))
    scale = len(missing) / len(found)
    costs = [mean.cost_usd for mean in found]
    return Forecast(
        runs=len(missing),
        done=len(cells) - len(missing),
        known_runs=len(found),
        tokens=round(scale * sum(mean.tokens for mean in found)),
        cost_usd=None if None in costs else scale * sum(cost for cost in costs if cost is not None),
        duration_s=scale * sum(mean.duration_s for mean in found) / concurrency,
    )


def _known(cell: Cell, means: Mapping[tuple[str, ...], _Mean]) -> _Mean | None:
    target = (cell.spec.model_id, cell.spec.harness_name)
    keys = ((*target, cell.task_digest, cell.spec.condition), (*target, cell.task_digest), target)
    return next((means[key] for key in keys if key in means), None)


def _mean(runs: Sequence[RunRecord]) -> _Mean:
    costs = [run.usage.cost_usd for run in runs]
    known = [cost for cost in costs if cost is not None]
    return _Mean(
        tokens=sum(run.usage.total_tokens for run in runs) / len(runs),
        cost_usd=sum(known) / len(known) if len(known) == len(runs) else None,
        duration_s=sum(run.duration_ms for run in runs) / len(runs) / 1000,
    )
