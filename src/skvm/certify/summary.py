"""A certificate in a few words: what every view of it says first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from skvm.bench.report import words
from skvm.certify.evidence_model import Comparison, ConditionFigures, Evidence, Interval
from skvm.certify.statement import Statement, TargetPart

__all__ = [
    "NOT_MEASURED",
    "against_no_skill",
    "comparison_line",
    "cost_of",
    "difference_of",
    "findings_line",
    "headline",
    "is_measured",
    "levels",
    "needs_line",
    "network_line",
    "score_of",
    "subject_figures",
]

NOT_MEASURED = "not measured"
_MICRO = 1_000_000


def subject_figures(target: TargetPart) -> tuple[ConditionFigures, Evidence] | None:
    """The figures of the very skill of the certificate with most scored runs; ``None`` if there are none."""
    found = [
        (figures, evidence)
        for evidence in target.evidence
        for figures in evidence.conditions
        if figures.is_subject and figures.score is not None
    ]
    # Conditions that wrap the skill (boost) deliver it too: the plainest name goes first among equals.
    order = {"original": 0, "aot-compiled": 1}
    return min(found, key=lambda each: (order.get(each[0].condition, 2), -each[0].scored), default=None)


def is_measured(target: TargetPart) -> bool:
    """Whether the very skill has a score there."""
    return subject_figures(target) is not None


def headline(target: TargetPart) -> str:
    """The score with its interval, and what it is worth against no skill."""
    found = subject_figures(target)
    if found is None:
        others = sum(len(each.conditions) for each in target.evidence)
        return "only what was made from it was measured" if others else NOT_MEASURED
    figures, _ = found
    said = (
        f"score {score_of(figures)} in {words.plural(figures.scored, 'run')}"
        f" of {words.plural(figures.tasks, 'task')}"
    )
    compared = against_no_skill(target)
    if compared is None:
        return f"{said}; not compared with no skill"
    return f"{said}; {difference_of(compared)} against no skill, {compared.verdict}{_p(compared)}"


def against_no_skill(target: TargetPart) -> Comparison | None:
    """The very skill compared with working without it; ``None`` if that was not measured."""
    found = subject_figures(target)
    if found is None:
        return None
    figures, evidence = found
    pairs = {(each.treatment, each.control): each for each in evidence.comparisons}
    return pairs.get((figures.condition, "no-skill"))


def comparison_line(compared: Comparison) -> str:
    """A comparison in one line."""
    return (
        f"{compared.treatment} against {compared.control}: {difference_of(compared)}, {compared.verdict}"
        f"{_p(compared)}"
    )


def score_of(figures: ConditionFigures) -> str:
    """``0.82 [0.70, 0.91]``."""
    return f"{words.score(figures.score)}{_range(figures.interval)}" if figures.score is not None else "–"


def difference_of(compared: Comparison) -> str:
    """``+0.30 [+0.10, +0.50]``."""
    if compared.difference is None:
        return "no common task"
    shown = words.signed(compared.difference, 2)
    if compared.interval is None:
        return f"{shown} (no interval)"
    return f"{shown} [{words.signed(compared.interval.low, 2)}, {words.signed(compared.interval.high, 2)}]"


def cost_of(figures: ConditionFigures) -> str:
    """Dollars a run; an unknown price is said to be unknown."""
    if figures.tokens is None:
        return words.NO_DATA
    return words.dollars(None if figures.cost_micro_usd is None else figures.cost_micro_usd / _MICRO)


def needs_line(target: TargetPart) -> str:
    """What is needed and what is known of it."""
    counts = Counter(
        "unknown" if need.held is None else "gap" if need.is_gap else "held" for need in target.needs
    )
    parts = [f"{words.plural(len(target.needs), 'need')}"]
    parts += [f"{counts['held']} held"] if counts["held"] else []
    parts += [f"{words.plural(counts['gap'], 'gap')}"] if counts["gap"] else []
    parts += [f"{counts['unknown']} not measured"] if counts["unknown"] else []
    return ", ".join(parts)


def findings_line(statement: Statement) -> str:
    """How many findings of each kind."""
    counts = Counter(found.severity for found in statement.findings)
    if not counts:
        return "none"
    return ", ".join(
        words.plural(counts[kind], kind) for kind in ("error", "warning", "note") if counts[kind]
    )


def network_line(statement: Statement) -> str:
    """What of the network the skill reaches."""
    network, hosts = statement.permissions.network, statement.permissions.hosts
    if network == "none":
        return "none"
    return "any host" if network == "any" else ", ".join(hosts)


def levels(target: TargetPart) -> Iterable[tuple[str, str, str, str]]:
    """Primitive, what is needed, what is held, in words."""
    for need in target.needs:
        state = "not measured" if need.held is None else "gap" if need.is_gap else "held"
        yield need.primitive, need.needed, need.held or words.NO_DATA, state


def _range(found: Interval | None) -> str:
    return "" if found is None else f" [{found.low:.2f}, {found.high:.2f}]"


def _p(compared: Comparison) -> str:
    if compared.p is None:
        return ""
    return f", p ≤ {max(compared.p, 0.0001):g}" if compared.p < 0.001 else f", p = {compared.p:.3f}"
