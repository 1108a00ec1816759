"""A run for people's eyes, as ``skvm run`` and ``skvm logs show`` print it."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from skvm.cli.console import out, visible
from skvm.evidence.record import CriterionResult, Outcome, RunRecord, Usage

__all__ = ["OUTCOME_STYLES", "cost_text", "print_run", "run_json", "run_status", "score_text"]

OUTCOME_STYLES = {
    Outcome.SCORED: "green",
    Outcome.STEP_LIMIT: "yellow",
    Outcome.TIMED_OUT: "yellow",
    Outcome.HARNESS_FAILED: "red",
    Outcome.GRADER_FAILED: "magenta",
    Outcome.INFRA_FAILED: "magenta",
    Outcome.CANCELLED: "dim",
}

_STATUSES = {
    Outcome.SCORED: "ok",
    Outcome.STEP_LIMIT: "ok",
    Outcome.TIMED_OUT: "timeout",
    Outcome.HARNESS_FAILED: "adapter-crashed",
}


_MAX_SAID_CHARS = 4_000
"""What is printed of the last answer; a model that runs on should not bury its score."""


def run_status(outcome: Outcome) -> str:
    """The compatible word for an outcome."""
    return _STATUSES.get(outcome, "tainted")


def run_json(record: RunRecord, final_text: str | None) -> dict[str, Any]:
    """The record, with what a reader would look up elsewhere."""
    return {
        **record.model_dump(mode="json", by_alias=True),
        "run_status": run_status(record.outcome),
        "final_text": final_text,
    }


def print_run(record: RunRecord, final_text: str | None) -> None:
    """Print everything worth knowing of one run."""
    skill = record.skill_id or "none"
    if record.skill_id:
        skill += {True: ", reached the model", False: ", did not reach the model", None: ""}[
            record.skill_loaded
        ]
    _line("task", record.task_id)
    _line("model", f"{record.model} in {record.harness}, sandbox {record.sandbox}")
    _line("skill", f"{skill} (condition {record.condition}, repetition {record.repetition})")
    detail = f": {record.detail}" if record.detail else ""
    _line("outcome", Text(record.outcome.value + _plain(detail), style=OUTCOME_STYLES[record.outcome]))
    _line("score", Text(score_text(record), style="bold"))
    for criterion in record.criteria:
        _print_criterion(criterion)
    _line("tokens", _tokens(record.usage))
    _line("cost", cost_text(record.usage))
    _line(
        "time",
        f"{record.duration_ms / 1000:.1f} s, {record.llm_duration_ms / 1000:.1f} s of it in model calls; "
        f"{record.turns} turn{'' if record.turns == 1 else 's'}",
    )
    for note in record.notes:
        _line("note", Text(_plain(note), style="yellow"))
    if record.work_dir:
        _line("kept", record.work_dir)
    _line("run", record.run_id)
    if final_text:
        out.print()
        said = _plain(final_text.strip())
        out.print(Text(said[:_MAX_SAID_CHARS]))
        if len(said) > _MAX_SAID_CHARS:
            out.print(f"… {len(said) - _MAX_SAID_CHARS:,} more characters; --json has them all", style="dim")


def score_text(record: RunRecord) -> str:
    """The score, or why there is none."""
    if record.score is not None:
        return f"{record.score:.2f}"
    return "not graded (the task has no criteria)" if record.outcome.is_graded else "none"


def cost_text(usage: Usage) -> str:
    """Dollars; an unknown price is said to be unknown."""
    return "unknown" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"


def _print_criterion(criterion: CriterionResult) -> None:
    if criterion.score is None:
        mark, style, shown = "-", "magenta", "  – "
    else:
        mark, style = ("✓", "green") if criterion.score >= 0.5 else ("✗", "red")
        shown = f"{criterion.score:.2f}"
    weight = "" if criterion.weight is None else f" ×{criterion.weight:g}"
    head = f"{criterion.id}{weight} ({criterion.method})"
    out.print(
        Text.assemble(
            "           ", (f"{mark} {shown}", style), f"  {head}  ", (_plain(criterion.details), "dim")
        )
    )


def _plain(text: str) -> str:
    """What a model or a grader said, without what a terminal would obey."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _tokens(usage: Usage) -> str:
    parts = [f"{usage.input_tokens:,} in", f"{usage.output_tokens:,} out"]
    if usage.cache_read_tokens:
        parts.append(f"{usage.cache_read_tokens:,} from cache")
    if usage.cache_write_tokens:
        parts.append(f"{usage.cache_write_tokens:,} to cache")
    return f"{', '.join(parts)}; {usage.calls} call{'' if usage.calls == 1 else 's'}"


def _line(label: str, value: str | Text) -> None:
    out.print(Text.assemble((f"{label:<11}", "bold"), value))
