"""The score of a run from what its graders said.

Three ways of having no score are told apart. A criterion that *nothing here can grade* (no grader of that
method, no judge configured) is so in every condition alike: it is listed as unscored, and the score stands
on the others. A grader that *failed on this run* may have failed because of what was varied: then the run
has no score at all (``grader_failed``), never a part of one. A criterion that *waits for its judge* is left
out until the judge has spoken; then the score is combined anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from skvm.evidence.record import CriterionResult

__all__ = ["combine", "standing_note"]


def combine(
    results: Sequence[CriterionResult], grading_weights: Mapping[str, float] | None = None
) -> float | None:
    """The score in [0, 1] over the criteria that have one; ``None`` if none has.

    With any ``weight``: the weighted mean, criteria without one weighing 1/n. Else with
    ``grading_weights``: the means of the ``automated`` and the ``llmJudge`` criteria, weighted. Else the
    plain mean.
    """
    scored = [(result, result.score) for result in results if result.score is not None]
    if not scored:
        return None
    if any(result.weight is not None for result, _ in scored):
        even = 1 / len(results)
        weights = [even if result.weight is None else result.weight for result, _ in scored]
    elif grading_weights:
        groups = ["llmJudge" if result.method == "llm-judge" else "automated" for result, _ in scored]
        weights = [grading_weights.get(group, 0.0) / groups.count(group) for group in groups]
    else:
        weights = [1.0] * len(scored)
    total = math.fsum(weights)
    if total <= 0:
        weights, total = [1.0] * len(scored), float(len(scored))
    mean = math.fsum(weight * score for weight, (_, score) in zip(weights, scored, strict=True)) / total
    return min(1.0, max(0.0, mean))


def standing_note(results: Sequence[CriterionResult]) -> str | None:
    """One line on how many criteria a score stands on; ``None`` where it stands on all."""
    scored = sum(result.score is not None for result in results)
    if scored == len(results):
        return None
    waiting = sum(result.is_pending for result in results)
    note = f"the score stands on {scored} of {len(results)} criteria"
    return f"{note}; waiting for a judge: {waiting}" if waiting else note
