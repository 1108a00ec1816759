"""Which of the passages that could leave do: help before subjects, and no more than is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.compiler.elimination.passages import Outline, Passage
from skvm.compiler.elimination.standing import Standing
from skvm.compiler.elimination.titles import Role
from skvm.diagnostics import Span
from skvm.target.contract import Level

__all__ = ["LEAST_SKILL_TOKENS", "MAX_FILES", "Chosen", "choose"]

MAX_FILES = 12
"""The most files one skill is spread over."""
LEAST_SKILL_TOKENS = 1000
"""Skills of fewer tokens stay as they are."""
_LEAST_SAVING = 45
_LEAST_SHARE = 0.08
_ENOUGH = (0.40, 0.40, 0.60, 0.60)
_LEAST_LEFT = 600


@dataclass(frozen=True, slots=True)
class Chosen:
    """A passage that leaves, and what the target holds of all it is for."""

    passage: Passage
    held: Mapping[str, Level]


def choose(outline: Outline, standing: Standing, taken: Sequence[Span]) -> list[Chosen]:
    """The passages that leave, in order of place; none overlaps another or a place that is taken.

    Args:
        outline: The skill.
        standing: The target.
        taken: Places other edits or open gaps claim.
    """
    total = outline.layout.tokens.total
    ranked: list[list[Chosen]] = [[], [], [], []]
    for passage in outline.passages():
        if passage.saving < _LEAST_SAVING or any(span.overlaps(passage.span) for span in taken):
            continue
        fences = [piece.fence for piece in passage.pieces if piece.fence is not None]
        held = standing.above(passage.span, fences)
        if held is not None:
            ranked[_rank(passage)].append(Chosen(passage, held))
    chosen = _pick(ranked, total)
    saved = sum(found.passage.saving for found in chosen)
    return sorted(chosen, key=_place) if saved >= _LEAST_SHARE * total else []


def _rank(passage: Passage) -> int:
    if passage.is_section and passage.role is Role.HELP:
        return 0
    if not passage.is_section:
        return 1
    return 3 if passage.has_procedure else 2


def _pick(ranked: Sequence[Sequence[Chosen]], total: int) -> list[Chosen]:
    chosen: list[Chosen] = []
    left = total
    for enough, candidates in zip(_ENOUGH, ranked, strict=True):
        for candidate in sorted(candidates, key=lambda found: (-found.passage.saving, _place(found))):
            if left <= max(enough * total, _LEAST_LEFT):
                break
            passage = candidate.passage
            rivals = [found for found in chosen if found.passage.span.overlaps(passage.span)]
            inside = all(not found.passage.is_section for found in rivals)
            gain = passage.saving - sum(found.passage.saving for found in rivals)
            if not inside or gain < _LEAST_SAVING or left - gain < _LEAST_LEFT:
                continue
            now = [*(found for found in chosen if found not in rivals), candidate]
            if _files(now) <= MAX_FILES:
                chosen, left = now, left - gain
    return chosen


def _files(chosen: Sequence[Chosen]) -> int:
    """A section is a file; the listings below one heading share one."""
    return len({found.passage.heading for found in chosen})


def _place(chosen: Chosen) -> int:
    return chosen.passage.span.start
