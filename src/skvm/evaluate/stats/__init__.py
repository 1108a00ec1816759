"""Statistics of paired runs: differences per task, and how sure one can be of them.

A comparison is over tasks, with repetitions nested in them: repetitions of one task say nothing about
other tasks. Runs without a score (infrastructure, grader) are left out and counted; a task that one side
has no score for is left out of both. Every comparison exists in two views:

- ``as completed``: every graded run has the score of what it left behind;
- ``intention to treat``: a run that timed out counts as 0, so that a condition cannot win by not finishing.

``decide`` gives the verdict, ``corrected`` adjusts a family of them, ``StopRule`` watches a session that may
end early (``decide_early`` then gives the verdict), ``compare`` estimates without deciding.
"""

from __future__ import annotations

from skvm.evaluate.stats.blocks import Block, Exclusions, blocks_in_order, exclusions
from skvm.evaluate.stats.comparison import Comparison, compare, compare_scores
from skvm.evaluate.stats.decision import (
    MIN_BLOCKS,
    Decision,
    Verdict,
    corrected,
    decide,
    decide_early,
    decide_scores,
    holm,
)
from skvm.evaluate.stats.detectable import smallest_detectable
from skvm.evaluate.stats.intervals import Interval, anytime_binomial, exact_binomial, sign_test
from skvm.evaluate.stats.quantities import (
    QUANTITIES,
    Quantity,
    RatioComparison,
    compare_quantity,
    quantity_of,
)
from skvm.evaluate.stats.scores import (
    Mean,
    Repetitions,
    Scores,
    View,
    mean_interval,
    mean_score,
    repetitions_of,
    scores_of,
)
from skvm.evaluate.stats.sequential import MARGIN, Sequential, StopRule
from skvm.evaluate.stats.signflip import flip_interval, flip_p

__all__ = [
    "MARGIN",
    "MIN_BLOCKS",
    "QUANTITIES",
    "Block",
    "Comparison",
    "Decision",
    "Exclusions",
    "Interval",
    "Mean",
    "Quantity",
    "RatioComparison",
    "Repetitions",
    "Scores",
    "Sequential",
    "StopRule",
    "Verdict",
    "View",
    "anytime_binomial",
    "blocks_in_order",
    "compare",
    "compare_quantity",
    "compare_scores",
    "corrected",
    "decide",
    "decide_early",
    "decide_scores",
    "exact_binomial",
    "exclusions",
    "flip_interval",
    "flip_p",
    "holm",
    "mean_interval",
    "mean_score",
    "quantity_of",
    "repetitions_of",
    "scores_of",
    "sign_test",
    "smallest_detectable",
]
