"""Runs as CSV, one line a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from skvm.bench.report.cells import has_score, has_usage, status_of
from skvm.evidence.record import RunRecord

__all__ = ["COLUMNS", "to_csv"]

COLUMNS = (
    "run_id", "session_id", "task_id", "condition", "repetition", "model", "harness", "skill_id",
    "skill_digest", "task_digest", "outcome", "run_status", "score", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "calls", "cost_usd", "duration_ms", "llm_duration_ms", "steps",
    "skill_loaded", "seed", "judge_tokens", "judge_cost_usd", "pending", "started_at", "finished_at",
    "trajectory_digest", "detail",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(runs: Iterable[RunRecord]) -> str:
    """One line a run under a line of names, in order of target, task, condition and repetition.

    An empty field means that there is no data. A text a spreadsheet would take for a formula is written with
    an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    order = sorted(
        runs, key=lambda run: (run.model, run.harness, run.task_id, run.condition, run.repetition, run.run_id)
    )
    writer.writerows(_row(run) for run in order)
    return out.getvalue()


def _row(run: RunRecord) -> list[object]:
    usage = run.usage
    tokens = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.calls,
        usage.cost_usd,
    )
    values = (
        run.run_id,
        run.session_id,
        run.task_id,
        run.condition,
        run.repetition,
        run.model,
        run.harness,
        run.skill_id,
        run.skill_digest,
        run.task_digest,
        run.outcome.value,
        status_of(run.outcome),
        run.score if has_score(run) else None,
        *(tokens if has_usage(run) else (None,) * len(tokens)),
        run.duration_ms,
        run.llm_duration_ms,
        run.turns,
        None if run.skill_loaded is None else str(run.skill_loaded).lower(),
        run.seed,
        run.judge_usage.total_tokens,
        run.judge_usage.cost_usd,
        sum(each.is_pending for each in run.criteria),
        run.started_at.isoformat(),
        run.finished_at.isoformat(),
        run.trajectory_digest,
        run.detail,
    )
    return [_harmless(value) if isinstance(value, str) else value for value in values]


def _harmless(value: str) -> str:
    clean = value.replace("\0", "\ufffd")
    return f"'{clean}" if clean.startswith(_FORMULA) else clean
