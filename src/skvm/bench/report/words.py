"""Figures and names as people read them; names come from strangers and are made harmless to a terminal."""

from __future__ import annotations

import re

from skvm.bench.report.model import IntervalReport, RatioReport, ViewComparison

__all__ = [
    "NO_DATA",
    "count",
    "difference",
    "dollars",
    "moment",
    "number",
    "percent",
    "plain",
    "plural",
    "probability",
    "score",
    "score_with_interval",
    "seconds",
    "signed",
    "signed_dollars",
    "signed_seconds",
    "times",
    "turn_bound",
]

NO_DATA = "–"
_KEPT = "\u200d\ufe0f"
"""Not printable by themselves, but parts of many emoji."""


def plain(text: str, *, limit: int | None = None) -> str:
    """One line of text, without what a terminal or an editor would obey.

    Args:
        text: Anything.
        limit: At most so many characters; an ellipsis says that some are gone.
    """
    if limit is not None and len(text) > 8 * limit:
        text = text[: 8 * limit]
    words = " ".join(text.split())
    if not words.isprintable():
        words = "".join(each if each.isprintable() or each in _KEPT else "\ufffd" for each in words)
    return words if limit is None or len(words) <= limit else words[: limit - 1] + "…"


def moment(stamp: str) -> str:
    """An ISO time stamp to the second."""
    return re.sub(r"(?<=\d)\.\d+", "", stamp)


def plural(amount: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def turn_bound(tokens: int | None) -> str:
    """What may be written a turn."""
    return (
        "as much output a turn as the harness asks for"
        if tokens is None
        else f"{tokens:,} output tokens a turn"
    )


def score(value: float | None) -> str:
    """A score to two digits."""
    return NO_DATA if value is None else f"{value:.2f}"


def score_with_interval(value: float | None, interval: IntervalReport | None) -> str:
    """A score and its interval, if it has one."""
    if value is None or interval is None:
        return score(value)
    return f"{value:.2f} [{max(0.0, interval.low):.2f}, {min(1.0, interval.high):.2f}]"


def difference(found: ViewComparison) -> str:
    """A difference with its interval; where there is none, that is said."""
    if found.difference is None:
        return "no common task"
    shown = signed(found.difference, 2)
    if found.interval is None:
        return f"{shown} (no interval)"
    return f"{shown} [{signed(found.interval.low, 2)}, {signed(found.interval.high, 2)}]"


def signed(value: float | None, digits: int = 0) -> str:
    """A difference with its sign; one that rounds to zero has none."""
    if value is None:
        return NO_DATA
    shown = f"{value:+,.{digits}f}"
    return shown[1:] if not shown.strip("+-0.,") else shown.replace("-", "−")


def signed_seconds(milliseconds: float | None) -> str:
    """A difference of times."""
    return NO_DATA if milliseconds is None else f"{signed(milliseconds / 1000, 1)} s"


def signed_dollars(value: float | None) -> str:
    """A difference of costs."""
    if value is None:
        return "unknown"
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{dollars(abs(value))}"


def probability(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return NO_DATA
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share in whole per cent."""
    return NO_DATA if value is None else f"{value:.0%}"


def count(value: float | None) -> str:
    """A number of tokens or the like."""
    return NO_DATA if value is None else f"{value:,.0f}"


def number(value: float | None) -> str:
    """A mean of small counts."""
    return NO_DATA if value is None else f"{value:,.1f}"


def seconds(milliseconds: float | None) -> str:
    """A time."""
    return NO_DATA if milliseconds is None else f"{milliseconds / 1000:,.1f} s"


def dollars(value: float | None) -> str:
    """Money; an unknown price is said to be unknown."""
    if value is None:
        return "unknown"
    return f"${value:,.2f}" if value >= 10 or value == 0 else f"${value:.4f}"


def times(ratio: RatioReport | None) -> str:
    """How many times as much something takes, with its interval."""
    if ratio is None:
        return NO_DATA
    shown = f"× {ratio.ratio:.2f}"
    return (
        shown if ratio.interval is None else f"{shown} [{ratio.interval.low:.2f}, {ratio.interval.high:.2f}]"
    )
