"""A badge: the score of a skill with its interval, as an SVG that loads nothing and runs nothing."""

from __future__ import annotations

from html import escape

from skvm.bench.report import words
from skvm.certify import summary
from skvm.certify.statement import Statement

__all__ = ["badge_svg"]

_HEIGHT = 20
_PAD = 8
_CHAR = 6.4
"""Width of a letter of the font in pixels, in the mean; the text is fitted to what is reckoned."""
_LABEL, _UNKNOWN = "#4a4a52", "#767680"
_COLOURS = ((0.8, "#1b7f4b"), (0.5, "#8a6d00"), (0.0, "#a8322a"))
_MOST_NAME = 40


def badge_svg(statement: Statement) -> str:
    """The score of the first target, or that nothing was measured; its title names all targets.

    The colour follows the lower end of the interval: what can be relied on, not what was hoped for.
    """
    first = statement.targets[0]
    found = summary.subject_figures(first)
    model = words.plain(first.model.rpartition("/")[2], limit=_MOST_NAME)
    more = f" +{len(statement.targets) - 1}" if len(statement.targets) > 1 else ""
    label = f"skill on {model}{more}"
    if found is None:
        value, colour = "not measured", _UNKNOWN
    else:
        figures, _ = found
        value = summary.score_of(figures)
        sure = figures.interval.low if figures.interval is not None else 0.0
        colour = next(colour for least, colour in _COLOURS if sure >= least)
    title = "; ".join(f"{target.label}: {summary.headline(target)}" for target in statement.targets)
    return _svg(label, value, colour, words.plain(f"{statement.skill.name}: {title}"))


def _svg(label: str, value: str, colour: str, title: str) -> str:
    left, right = (round(len(each) * _CHAR + 2 * _PAD) for each in (label, value))
    width = left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" role="img"'
        f' viewBox="0 0 {width} {_HEIGHT}" aria-label="{escape(f"{label}: {value}")}">'
        f"<title>{escape(title)}</title>"
        f'<clipPath id="r"><rect width="{width}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{_HEIGHT}" fill="{_LABEL}"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f"{_words(label, left / 2, left - 2 * _PAD)}"
        f"{_words(value, left + right / 2, right - 2 * _PAD)}</g></svg>\n"
    )


def _words(text: str, middle: float, length: float) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{length:g}">{escape(text)}</text>'
