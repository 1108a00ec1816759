"""Every condition against the baseline, in both views; the statistics themselves are ``evaluate.stats``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from skvm.bench.report.cells import has_score
from skvm.bench.report.gathering import Gathered
from skvm.bench.report.intervals import has_timeouts, interval_of
from skvm.bench.report.model import ComparisonReport, RatioReport, ViewComparison
from skvm.bench.report.pairing import METRICS, by_task, paired_difference
from skvm.evaluate.stats import (
    Decision,
    Quantity,
    View,
    compare_quantity,
    corrected,
    decide,
    decide_early,
)
from skvm.evidence.record import RunRecord

__all__ = ["comparisons_of", "ratios_of", "view_of"]

_RATIOS: tuple[Quantity, ...] = ("tokens", "seconds")
Runs = Mapping[str, Sequence[RunRecord]]


def comparisons_of(gathered: Gathered, baseline: str | None) -> tuple[ComparisonReport, ...]:
    """Compare every other condition with the baseline, in the order of the plan.

    The p-values of a view are corrected for each other (Holm). A session that was watched is decided by the
    anytime-valid test, whether or not it ended early.
    """
    others = [name for name in gathered.conditions if name != baseline]
    if baseline is None or not others:
        return ()
    runs = {name: gathered.of(name) for name in gathered.conditions}
    is_watched = gathered.plan.stop_when is not None
    decided = corrected(
        {name: _decide(runs[name], runs[baseline], "as-completed", is_watched=is_watched) for name in others}
    )
    strict = _strictly(runs, baseline, decided, is_watched=is_watched)
    scored = {name: [run for run in each if has_score(run)] for name, each in runs.items()}
    values = {
        name: {key: by_task(each, metric) for key, metric in METRICS.items()} for name, each in scored.items()
    }
    return tuple(
        ComparisonReport(
            treatment=name,
            control=baseline,
            as_completed=view_of(decided[name]),
            intention_to_treat=view_of(strict[name]),
            ratios=ratios_of(runs[name], runs[baseline]),
            **{key: paired_difference(values[name][key], values[baseline][key]) for key in METRICS},
        )
        for name in others
    )


def _decide(
    treatment: Sequence[RunRecord], control: Sequence[RunRecord], view: View, *, is_watched: bool
) -> Decision:
    test = decide_early if is_watched else decide
    return test(treatment, control, view=view)


def _strictly(
    runs: Runs, baseline: str, decided: Mapping[str, Decision], *, is_watched: bool
) -> dict[str, Decision]:
    """The decisions with every time-out as 0; where nothing timed out they are those there are."""
    view: View = "intention-to-treat"
    timed_out = {name for name, each in runs.items() if has_timeouts(each)}
    return corrected(
        {
            name: _decide(runs[name], runs[baseline], view, is_watched=is_watched)
            if {name, baseline} & timed_out
            else replace(each, view=view)
            for name, each in decided.items()
        }
    )


def view_of(decision: Decision) -> ViewComparison:
    """A decision as a report holds it."""
    return ViewComparison(
        view=decision.view,
        difference=decision.difference,
        interval=interval_of(decision.interval),
        p=decision.p,
        holm_p=decision.holm_p,
        verdict=decision.verdict.value,
        sentence=decision.sentence,
        test=decision.test,
        over=decision.over,
        sign_p=decision.sign_p,
        wins=decision.wins,
        losses=decision.losses,
        ties=decision.ties,
        mcnemar_p=decision.mcnemar_p,
        smallest_detectable=decision.smallest_detectable,
        per_task=dict(decision.per_task),
        dropped=decision.dropped,
        runs=decision.runs,
    )


def ratios_of(treatment: Sequence[RunRecord], control: Sequence[RunRecord]) -> dict[str, RatioReport]:
    """How many times as much the treatment took, where both sides know."""
    found = ((name, compare_quantity(treatment, control, name)) for name in _RATIOS)
    return {
        name: RatioReport(ratio=each.ratio, interval=interval_of(each.interval), p=each.p)
        for name, each in found
        if each.ratio is not None
    }
