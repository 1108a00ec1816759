"""The page of one run: what the agent did, turn by turn, and what graders said of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape

from skvm.bench.report import words
from skvm.bench.report.page_parts import Html, facts_list, html_table, page, text
from skvm.evidence.record import CriterionResult, RunRecord
from skvm.harness.trajectory import Observation, ToolCall, Trajectory, Turn

__all__ = ["has_page_name", "run_html"]

_MOST_CHARS = 20_000
"""Of one text; the journal has all of it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def has_page_name(run_id: str) -> bool:
    """Whether a run's id can be the name of a file."""
    return _NAME.fullmatch(run_id) is not None


def run_html(run: RunRecord, trajectory: Trajectory | None, *, back: str = "../report.html") -> str:
    """The page.

    Args:
        run: The run.
        trajectory: What its agent did; ``None`` where it has none.
        back: Relative address of the report.
    """
    title = f"{run.task_id} · {run.condition} · repetition {run.repetition}"
    facts = {
        "Run": run.run_id,
        "Target": f"{run.model} in {run.harness}, sandbox {run.sandbox or 'not told'}",
        "Outcome": run.outcome.value.replace("_", " ") + (f": {run.detail}" if run.detail else ""),
        "Score": words.score(run.score),
        "Skill": run.skill_id and f"{run.skill_id}{_LOADED[run.skill_loaded]}",
        "Tokens": f"{run.usage.total_tokens:,} in {words.plural(run.usage.calls, 'call')}, "
        f"{words.dollars(run.usage.cost_usd)}",
        "Time": words.seconds(run.duration_ms),
        "Time in model calls": words.seconds(run.llm_duration_ms),
        "Notes": "; ".join(run.notes),
    }
    parts = [
        f'<p><a href="{escape(back)}">Back to the report</a></p>',
        f"<h1>{text(title)}</h1>",
        facts_list(facts),
    ]
    if run.criteria:
        rows = (row for each in run.criteria for row in _criterion(each))
        table = html_table(
            "What graders said",
            ("criterion", "method", "weight", "score", "details"),
            rows,
            is_caption_seen=False,
        )
        parts.append(f"<h2>Grading</h2>\n{table}")
    parts += _trajectory(trajectory) if trajectory else ["<p>The run ended before it had a trajectory.</p>"]
    return page(title, "<main>\n" + "\n".join(parts) + "\n</main>")


_LOADED = {True: ", reached the model", False: ", did not reach the model", None: ""}


def _criterion(result: CriterionResult) -> Iterator[tuple[str, ...]]:
    weight = "" if result.weight is None else f"{result.weight:g}"
    score = "pending" if result.is_pending else words.score(result.score)
    yield (
        text(result.id),
        text(result.method),
        weight,
        score,
        _said(result.details or result.infra_error or ""),
    )
    for point in result.checkpoints:
        weight = "" if point.weight is None else f"{point.weight:g}"
        yield (text(f"· {point.name}"), "", weight, words.score(point.score), _said(point.reason))


def _trajectory(trajectory: Trajectory) -> Iterator[str]:
    yield "<h2>Trajectory</h2>"
    if trajectory.system:
        yield _block("System text", trajectory.system)
    yield _block("Prompt", trajectory.prompt)
    for turn in trajectory.turns:
        yield f'<div class="turn">{"".join(_turn(turn))}</div>'
    if trajectory.final_text:
        yield f"<h3>Last words</h3>{_pre(trajectory.final_text)}"


def _turn(turn: Turn) -> Iterator[str]:
    by = (
        "a hook"
        if turn.from_hook
        else "wanted in an earlier turn"
        if turn.is_kept_back
        else f"{turn.usage.total_tokens:,} tokens, {words.seconds(turn.duration_ms)}"
    )
    yield f'<h3>Turn {turn.index + 1} <span class="soft">{text(by)}</span></h3>'
    if turn.text:
        yield _pre(turn.text)
    seen = {each.tool_call_id: each for each in turn.observations}
    for call in turn.tool_calls:
        yield f"<p><b>{text(call.name, limit=200)}</b></p>{_pre(_arguments(call))}"
        if (found := seen.get(call.id)) is not None:
            yield _block(_heading(found), found.text, is_open=found.is_error)


def _arguments(call: ToolCall) -> str:
    if call.raw_arguments is not None:
        return call.raw_arguments
    return json.dumps(call.model_dump(mode="json")["arguments"], ensure_ascii=False, indent=1)


def _heading(observation: Observation) -> str:
    parts = ["error" if observation.is_error else "result"]
    if observation.exit_code is not None:
        parts.append(f"exit code {observation.exit_code}")
    if observation.is_truncated:
        parts.append("cut for the model")
    return f"{', '.join(parts)} ({len(observation.text):,} characters)"


def _block(title: str, content: str, *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{text(title)}</summary>{_pre(content)}</details>"


def _pre(content: str) -> str:
    return f'<pre tabindex="0">{_said(content)}</pre>'


def _said(content: str) -> str:
    """Text of strangers with its lines, as markup that means itself."""
    shown = content[:_MOST_CHARS]
    more = len(content) - len(shown)
    tail = f"\n… {more:,} more characters; the journal has them" if more else ""
    return Html(escape(_UNSEEN.sub("\ufffd", shown) + tail))
