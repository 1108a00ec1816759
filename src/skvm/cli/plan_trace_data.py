"""What the script of a trace's page draws: columns of numbers, every text once."""

from __future__ import annotations

from typing import Any

from skvm.runtime.plan.tracing.model import Bar, BarState, Timeline

__all__ = ["trace_data"]

_TEXT_BUDGET = 6_000_000
"""Characters of output in a page, all steps together."""
_TEXT_LIMITS = (200, 8_000)
"""Characters of one step's output, however many or few there are."""
_KEPT = "\n\t\u200d\ufe0f"
"""Not printable by themselves, but lines, and parts of many emoji."""
_TITLE_CHARS, _REASON_CHARS, _MOST_FILES = 400, 2_000, 50


def trace_data(timeline: Timeline) -> dict[str, Any]:
    """The JSON value of a timeline; strings are named by their number, bars by their place."""
    strings = _Strings()
    last = {bar.node: place for place, bar in enumerate(timeline.bars) if not bar.is_superseded}
    maps = {(bar.node, bar.leg): place for place, bar in enumerate(timeline.bars) if bar.is_map}
    texts = sum(bool(bar.record and bar.record.text) for bar in timeline.bars)
    shortest, longest = _TEXT_LIMITS
    most = max(shortest, min(longest, _TEXT_BUDGET // max(1, texts)))
    states = list(BarState)
    bars = [
        [
            strings.at(bar.node),
            strings.at(_cut(bar.title, _TITLE_CHARS)),
            states.index(bar.state),
            -1 if bar.lane is None else bar.lane,
            round(bar.ready_s, 6),
            None if bar.started_s is None else round(bar.started_s, 6),
            round(bar.ended_s, 6),
            bar.attempt,
            1 * bar.is_map + 2 * bar.is_superseded,
            maps.get((bar.parent or "", bar.leg), -1),
            [last[node] for node in bar.after if node in last],
            _details(bar, most),
        ]
        for bar in timeline.bars
    ]
    critical = {link.node for link in timeline.critical}
    return {
        "strings": strings.found,
        "states": [state.value for state in states],
        "lanes": timeline.lanes,
        "wall": round(timeline.wall_s, 6),
        "bars": bars,
        "critical": [
            place
            for place, bar in enumerate(timeline.bars)
            if bar.node in critical and not bar.is_superseded and bar.started_s is not None
        ],
        "running": _rounded(timeline.running),
        "waiting": _rounded(timeline.waiting),
        "legs": [
            [round(leg.begins_s, 6), round(leg.ends_s, 6), round(leg.idle_s, 3), leg.is_interrupted]
            for leg in timeline.legs
        ],
    }


class _Strings:
    """Texts, each once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._places: dict[str, int] = {}

    def at(self, value: str) -> int:
        place = self._places.setdefault(value, len(self.found))
        if place == len(self.found):
            self.found.append(_plain(value))
        return place


def _details(bar: Bar, most: int) -> dict[str, Any]:
    """What is only shown of the chosen step; what there is nothing of is left out."""
    record = bar.record
    if record is None:
        return {}
    files = [("removed " if not digest else "") + _plain(path) for path, digest in record.digests.items()]
    if len(files) > _MOST_FILES:
        files = [*files[:_MOST_FILES], f"and {len(files) - _MOST_FILES} more"]
    found: dict[str, Any] = {
        "reason": _plain(_cut(record.reason, _REASON_CHARS)),
        "text": _plain(_cut(record.text, most)),
        "group": _plain(record.group or ""),
        "needs": _plain(", ".join(record.needs)),
        "files": files,
        "calls": record.usage.calls,
        "tokens": record.usage.total_tokens,
        "cost": record.usage.cost_usd if record.usage.calls else None,
    }
    kept = {name: value for name, value in found.items() if value not in ("", None, 0, [])}
    return kept | ({"exit": record.exit_code} if record.exit_code is not None else {})


def _cut(value: str, most: int) -> str:
    return value if len(value) <= most else f"{value[: most - 1]}…"


def _plain(value: str) -> str:
    """Text of strangers without what turns its direction or cannot be shown; lines stay lines."""
    if value.isprintable():
        return value
    return "".join(each if each.isprintable() or each in _KEPT else "\ufffd" for each in value)


def _rounded(levels: tuple[tuple[float, int], ...]) -> list[list[float]]:
    return [[round(moment_s, 6), level] for moment_s, level in levels]
