"""What a comparison of past sessions leaves on disk: the report, its words, the diff of the skill's text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from skvm.bench.comparing import ComparedTask, Found, PastComparison, SideReport
from skvm.bench.report import words
from skvm.bench.report.markdown import escaped, table
from skvm.bench.report.write import write_file
from skvm.evidence.record import RunRecord
from skvm.harness.trajectory import Trajectory
from skvm.target.store import safe_model

__all__ = ["SkillDiff", "comparison_markdown", "diff_markdown", "diff_of", "skill_text", "write_comparison"]

_DELIVERED = re.compile(r'<skill name="[^"\n]*">\n(.*)\n</skill>', re.DOTALL)
SkillDiff = tuple[str, ...]
"""Lines of a unified diff, without line ends; none where the texts are the same."""


def skill_text(side: Found, load: Callable[[RunRecord], Trajectory | None]) -> str | None:
    """The text of the skill as the agent was given it.

    It is taken from the first trajectory that has it; a side that ran without a skill has an empty one.

    Args:
        side: What ran.
        load: Reads the trajectory of a run.

    Returns:
        ``None`` where no trajectory tells: skills the agent had to load by itself are not part of its prompt.

    Raises:
        InfrastructureError: A trajectory is lost.
    """
    if all(run.skill_digest is None for run in side.runs):
        return ""
    for run in side.runs:
        trajectory = load(run) if run.skill_digest is not None else None
        found = _DELIVERED.search(trajectory.system) if trajectory else None
        if found is not None:
            return found[1]
    return None


def diff_of(left: str, right: str, *, names: tuple[str, str] = ("left", "right")) -> SkillDiff:
    """A unified diff by lines."""
    return tuple(
        line.rstrip("\n")
        for line in difflib.unified_diff(left.splitlines(), right.splitlines(), *names, lineterm="")
    )


def changed_lines(diff: SkillDiff) -> int:
    """Lines that were taken away or added."""
    return sum(line.startswith(("+", "-")) for line in diff[2:])


def write_comparison(folder: Path, compared: PastComparison, diff: SkillDiff | None) -> tuple[Path, ...]:
    """Write ``<adapter>--<model>--<rhs>-vs-<lhs>`` with ``.report.json``, ``.report.md``, ``.skill-diff.md``.

    Args:
        folder: Made if absent.
        compared: What was compared.
        diff: Of the skill's text; ``None`` where a text is not known.

    Raises:
        InfrastructureError: A file cannot be written.
        UsageError: The model's id cannot name a file.
    """
    known = compared.model_copy(update={"changed_lines": None if diff is None else changed_lines(diff)})
    sides = f"{_name(known.rhs.condition)}-vs-{_name(known.lhs.condition)}"
    stem = f"{_name(known.adapter)}--{safe_model(known.model)}--{sides}"
    files = {
        f"{stem}.report.json": known.model_dump_json(by_alias=True, indent=2) + "\n",
        f"{stem}.report.md": comparison_markdown(known),
        f"{stem}.skill-diff.md": diff_markdown(known, diff),
    }
    for name, text in files.items():
        write_file(folder / name, text)
    return tuple(folder / name for name in files)


def comparison_markdown(compared: PastComparison) -> str:
    """The comparison in words."""
    return "\n".join(_lines(compared)) + "\n"


def _lines(compared: PastComparison) -> Iterator[str]:
    left, right = compared.lhs, compared.rhs
    yield f"# {escaped(right.condition)} against {escaped(left.condition)}"
    yield ""
    yield f"- Target: {escaped(compared.model)} in {escaped(compared.adapter)}"
    yield f"- Left: {_side(left)}"
    yield f"- Right: {_side(right)}"
    for name, held_left, held_right in compared.differently_held:
        held = f"{escaped(held_left)} left, {escaped(held_right)} right"
        yield f"- **Not held the same**: {escaped(name)} {held}"
    yield ""
    yield f"As completed: {escaped(compared.as_completed.sentence)}"
    yield ""
    yield f"With every time-out as 0: {escaped(compared.intention_to_treat.sentence)}"
    yield ""
    yield (
        "On the same tasks, a run in the mean, right minus left: "
        f"score {words.difference(compared.as_completed)}, tokens {words.signed(compared.tokens)}, "
        f"duration {words.signed_seconds(compared.duration_ms)}, steps {words.signed(compared.steps, 1)}, "
        f"cost {words.signed_dollars(compared.cost)}"
    )
    if compared.analysis:
        yield ""
        yield "## What changed, as a model sees it"
        yield ""
        for bullet in compared.analysis:
            yield f"- {escaped(bullet)}"
    yield ""
    yield "## Tasks"
    yield ""
    headings = ("task", "left", "right", "score", "tokens", "duration", "steps", "incomparable")
    yield from table(headings, map(_task, compared.tasks))


def _side(side: SideReport) -> str:
    skill = f", skill {escaped(side.skill_id)} {side.skill_content_hash or ''}" if side.skill_id else ""
    return (
        f"{escaped(side.condition)} of session {escaped(side.session_id)} ({escaped(side.timestamp)}), "
        f"{side.scored} of {words.plural(side.runs, 'run')} scored{skill}"
    )


def _task(task: ComparedTask) -> tuple[str, ...]:
    return (
        escaped(task.task_id),
        words.score(task.lhs.score) if task.lhs else "",
        words.score(task.rhs.score) if task.rhs else "",
        words.signed(task.score, 2),
        words.signed(task.tokens),
        words.signed_seconds(task.duration_ms),
        words.signed(task.steps, 1),
        escaped(f"⚠ {task.incomparable}", limit=200) if task.incomparable else "",
    )


def diff_markdown(compared: PastComparison, diff: SkillDiff | None) -> str:
    """The diff of the skill's text, in a fence that nothing in it can close."""
    title = f"# Skill: {escaped(compared.lhs.condition)} → {escaped(compared.rhs.condition)}\n\n"
    if diff is None:
        return (
            f"{title}The text of a side is not known: no trajectory of it shows what the agent was given.\n"
        )
    if not diff:
        return f"{title}The texts are the same.\n"
    body = "\n".join(diff)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{title}{changed_lines(diff)} changed lines.\n\n{fence}diff\n{body}\n{fence}\n"


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "condition"
