"""Charts as SVG in percentages: they fit any width, follow the page's colours and need no library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from skvm.bench.report import words
from skvm.bench.report.model import ComparisonReport, ConditionSummary, IntervalReport, Report
from skvm.bench.report.page_parts import Html, text

__all__ = ["charts_of", "difference_chart", "pareto_front"]

_ROW_HEIGHT = 24
_FIELD_HEIGHT = 260
_MOST_NUMBERED = 12
"""With more conditions, only those on the front have a number and a line below the picture."""
_Measure = Callable[[ConditionSummary], float | None]
_Show = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a chart: a condition, its value, and what is written beside it."""

    name: str
    value: float | None
    shown: str
    interval: IntervalReport | None = None
    other: float | None = None
    is_base: bool = False


def charts_of(report: Report, *, first: str = "") -> Html:
    """Score, tokens, seconds and dollars of every condition, and which of them no other one beats.

    Args:
        report: What was found.
        first: A chart of its own that stands before them.
    """
    found = report.summary.per_condition
    made = [
        first,
        _plot(
            "Score",
            "mean over tasks, 95 % interval; a ring where a time-out counts as 0",
            [
                _Row(
                    name,
                    each.avg_score,
                    words.score(each.avg_score),
                    each.score_interval,
                    each.intention_to_treat.avg_score
                    if each.intention_to_treat.avg_score != each.avg_score
                    else None,
                    name == report.baseline,
                )
                for name, each in found.items()
            ],
            low=0.0,
            high=1.0,
        ),
        _bars(report, "Tokens", "read and written a run", lambda each: each.avg_total_tokens, words.count),
        _bars(report, "Time", "wall seconds a run", lambda each: each.avg_duration_ms, words.seconds),
        _bars(report, "Cost", "dollars a run", lambda each: each.avg_cost, _dollars),
    ]
    fields = [
        _field(
            report, "Score against tokens", "tokens a run", lambda each: each.avg_total_tokens, words.count
        ),
        _field(report, "Score against cost", "dollars a run", lambda each: each.avg_cost, _dollars),
    ]
    return Html("\n".join(f'<div class="charts">{"".join(each)}</div>' for each in (made, fields)))


def difference_chart(comparisons: Sequence[ComparisonReport]) -> Html:
    """The difference of every condition to the baseline, with its interval, around zero."""
    views = [each.as_completed for each in comparisons]
    ends = [abs(view.difference) for view in views if view.difference is not None]
    ends += [abs(end) for view in views if view.interval for end in (view.interval.low, view.interval.high)]
    reach = _nice(max(ends, default=0.0) or 0.1)
    rows = [
        _Row(each.treatment, view.difference, words.signed(view.difference, 2), view.interval)
        for each, view in zip(comparisons, views, strict=True)
    ]
    control = comparisons[0].control if comparisons else ""
    return _plot(
        f"Difference of scores to {control}",
        "paired by task, 95 % interval; right of the middle is better",
        rows,
        low=-reach,
        high=reach,
    )


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Which points no other beats: (cost, score), less cost and more score are better.

    Returns:
        Their indexes, by rising cost.
    """
    order = sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1]))
    front: list[int] = []
    for at in order:
        # A point as good in both as one on the front is beaten by nothing either.
        if not front or points[at][1] > points[front[-1]][1] or points[at] == points[front[-1]]:
            front.append(at)
    return tuple(front)


def _dollars(value: float | None) -> str:
    return words.NO_DATA if value is None else words.dollars(value)


def _bars(report: Report, title: str, unit: str, value_of: _Measure, show: _Show) -> str:
    found = {name: value_of(each) for name, each in report.summary.per_condition.items()}
    known = [value for value in found.values() if value is not None]
    if not known:
        return ""
    rows = [_Row(name, value, show(value), is_base=name == report.baseline) for name, value in found.items()]
    return _plot(title, f"{unit}, in the mean", rows, low=0.0, high=max(known) or 1.0, is_bar=True)


def _plot(
    title: str, note: str, rows: Sequence[_Row], *, low: float, high: float, is_bar: bool = False
) -> Html:
    """Rows of name, picture and value under one scale."""
    lines = []
    for row in rows:
        kind = " base" if row.is_base else ""
        body = _grid(low, high) + (_bar(row, low, high, kind) if is_bar else _whisker(row, low, high, kind))
        picture = f'<svg height="{_ROW_HEIGHT}" aria-hidden="true">{body}</svg>'
        name = text(row.name, limit=200)
        lines.append(
            f'<span title="{name}">{name}</span>{picture}<span class="value">{text(row.shown)}</span>'
        )
    if not is_bar:
        lines.append(f"<span></span>{_axis(low, high)}<span></span>")
    heading = f"<figcaption><b>{text(title, limit=200)}</b> {text(note)}</figcaption>"
    return Html(f'<figure>{heading}<div class="plot">{"".join(lines)}</div></figure>')


def _whisker(row: _Row, low: float, high: float, kind: str) -> str:
    if row.value is None:
        return ""
    middle = _ROW_HEIGHT // 2
    made = ""
    if row.interval is not None:
        left, right = _place(row.interval.low, low, high), _place(row.interval.high, low, high)
        made += f'<line class="range{kind}" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
    if row.other is not None:
        made += f'<circle class="ghost{kind}" cx="{_place(row.other, low, high)}" cy="{middle}" r="4.5"/>'
    return made + f'<circle class="mark{kind}" cx="{_place(row.value, low, high)}" cy="{middle}" r="5.5"/>'


def _bar(row: _Row, low: float, high: float, kind: str) -> str:
    if row.value is None:
        return ""
    height = _ROW_HEIGHT - 10
    width = _place(row.value, low, high)
    return f'<rect class="bar{kind}" x="0" y="5" height="{height}" rx="2" width="{width}"/>'


def _grid(low: float, high: float) -> str:
    ticks = (f'<line class="{"zero" if _is_zero(low, high, at) else "grid"}" x1="{25 * at}%" x2="{25 * at}%" '
             f'y1="0" y2="{_ROW_HEIGHT}"/>' for at in range(5))  # fmt: skip
    return "".join(ticks)


def _is_zero(low: float, high: float, quarter: int) -> bool:
    return math.isclose(low + (high - low) * quarter / 4, 0.0, abs_tol=1e-12)


def _axis(low: float, high: float) -> str:
    anchors = ("start", "middle", "middle", "middle", "end")
    signs = low < 0
    labels = []
    for at, anchor in enumerate(anchors):
        # Signed figures are long; beside each other they would touch on a narrow page.
        if signs and at % 2:
            continue
        value = low + (high - low) * at / 4
        shown = words.signed(value, 2) if signs else f"{value:g}"
        labels.append(f'<text x="{25 * at}%" y="12" text-anchor="{anchor}">{shown}</text>')
    return f'<svg height="16" aria-hidden="true">{"".join(labels)}</svg>'


def _field(report: Report, title: str, unit: str, value_of: _Measure, show: _Show) -> str:
    """Points of (cost, score), numbered, with the front no other point beats."""
    found = [
        (name, value, each.avg_score)
        for name, each in report.summary.per_condition.items()
        if (value := value_of(each)) is not None and each.avg_score is not None
    ]
    if len(found) < 2 or max(value for _, value, _ in found) <= 0:
        return ""
    high = _nice(max(value for _, value, _ in found))
    points = [(value, score) for _, value, score in found]
    front = pareto_front(points)
    named = [*range(len(points))] if len(points) <= _MOST_NUMBERED else [*front]
    marks = "".join(_dot(points[at], high) for at in range(len(points)) if at not in named)
    marks += _front_lines([points[at] for at in front], high) + "".join(
        _point(number, points[at], high, is_front=at in front) for number, at in enumerate(named, start=1)
    )
    key = "".join(
        f"<li>{text(name, limit=80)}: {words.score(score)}, {show(value)}"
        f"{'' if at in front else ' <span class=soft>(beaten)</span>'}</li>"
        for at in named
        for name, value, score in [found[at]]
    )
    ticks = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{100 - 25 * at}%" y2="{100 - 25 * at}%"/>'
        f'<text x="-6" y="{100 - 25 * at}%" dy="4" text-anchor="end">{at / 4:g}</text>'
        f'<text x="{25 * at}%" y="100%" dy="15" text-anchor="{"end" if at == 4 else "middle"}">'
        f"{show(high * at / 4)}</text>"
        for at in range(5)
    )
    return (
        f"<figure><figcaption><b>{title}</b> {unit} to the right, score upwards; filled where no other "
        f'condition has a better score for less</figcaption><div class="field-box"><svg class="field" '
        f'height="{_FIELD_HEIGHT}" aria-hidden="true">{ticks}{marks}</svg></div>'
        f'<ol class="key">{key}</ol></figure>'
    )


def _front_lines(points: Sequence[tuple[float, float]], high: float) -> str:
    """Steps: until more is spent, the score stays what it was."""
    made = []
    for (cost, score), (next_cost, next_score) in pairwise(points):
        start, across = _place(cost, 0, high), _place(next_cost, 0, high)
        level, up = _height(score), _height(next_score)
        made.append(f'<line class="front" x1="{start}" x2="{across}" y1="{level}" y2="{level}"/>')
        made.append(f'<line class="front" x1="{across}" x2="{across}" y1="{level}" y2="{up}"/>')
    return "".join(made)


def _dot(point: tuple[float, float], high: float) -> str:
    return f'<circle class="dot" cx="{_place(point[0], 0, high)}" cy="{_height(point[1])}" r="4"/>'


def _point(number: int, point: tuple[float, float], high: float, *, is_front: bool) -> str:
    x, y = _place(point[0], 0, high), _height(point[1])
    kind, ink = ("mark", "in") if is_front else ("ghost", "out")
    return (
        f'<circle class="{kind}" cx="{x}" cy="{y}" r="9"/>'
        f'<text class="{ink}" x="{x}" y="{y}" dy="4" text-anchor="middle">{number}</text>'
    )


def _place(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low)
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"


def _height(score: float) -> str:
    return f"{100 * (1 - min(1.0, max(0.0, score))):.2f}%"


def _nice(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10 times a power of ten: quarters of it are short to write."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 4, 6, 8) if step * power >= value * 0.999999), 10 * power)
