"""A plan run in the terminal and as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skvm.cli.plan_words import ENDINGS, STATE_STYLES, chain_words, ratio_words, span_words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from skvm.runtime.plan.tracing.model import Bar, Timeline

__all__ = ["as_document", "print_timeline"]

_SCHEMA = 1
_MOST_ROWS = 60
_LEAST_CHARS, _MOST_CHARS = 8, 80
"""Width of the picture."""
_LEAST_NAME_CHARS, _NAME_CHARS, _LEAST_TITLE_CHARS, _TITLE_CHARS, _GAP = 10, 26, 8, 44, 2
_REASONS = 12


def print_timeline(timeline: Timeline, *, is_whole: bool) -> None:
    """Print a timeline for a person.

    Args:
        timeline: The run.
        is_whole: Every step; else of many those that matter: not done, critical, longest.
    """
    from rich.text import Text

    from skvm.cli.console import err, out, visible

    started = timeline.started
    where = f"{started.model} in {started.harness}" if started.model else "commands alone"
    out.print(Text.assemble((visible(started.skill), "bold"), f"  {visible(timeline.plan_run)}  ({where})"))
    out.print(_sentence(timeline))
    bars = list(timeline.bars) if is_whole else _chosen(timeline)
    if bars:
        out.print()
        out.print(_table(timeline, bars))
    if hidden := len(timeline.bars) - len(bars):
        out.print(f"and {hidden:,} steps more: --verbose, or --html FILE", style="dim")
    _print_undone(timeline)
    if len(timeline.critical) > 1:
        path = chain_words([link.node for link in timeline.critical])
        out.print(Text.assemble(("critical path  ", "dim"), path))
    err.print("as a page: --html FILE; for chrome://tracing or Perfetto: --chrome FILE", style="dim")


def _sentence(timeline: Timeline) -> Text:
    from rich.text import Text

    line = Text()
    for state, count in timeline.states.items():
        line.append(f"{count:,} {state}", style=STATE_STYLES[state]).append(", ")
    line.append(f"{span_words(timeline.wall_s)} for {span_words(timeline.work_s)} of work")
    if timeline.speed_up:
        line.append(f" (× {ratio_words(timeline.speed_up)})")
    if timeline.bars:
        line.append(f", {timeline.most_at_once:,} at once at most")
    if len(timeline.legs) > 1:
        line.append(f", in {len(timeline.legs)} goes")
    return line.append("" if timeline.ending == "done" else f". {ENDINGS[timeline.ending]}.")


def _chosen(timeline: Timeline) -> list[Bar]:
    if len(timeline.bars) <= _MOST_ROWS:
        return list(timeline.bars)
    critical = {link.node for link in timeline.critical}

    def weight(place: int) -> tuple[bool, bool, float]:
        bar = timeline.bars[place]
        is_bad = bar.state not in {"done", "cancelled"} and not bar.is_superseded
        return not is_bad, bar.node not in critical, -bar.ran_s

    kept = sorted(range(len(timeline.bars)), key=weight)[:_MOST_ROWS]
    return [timeline.bars[place] for place in sorted(kept)]


def _table(timeline: Timeline, bars: list[Bar]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out

    critical = {link.node for link in timeline.critical}
    names = [_name(bar) for bar in bars]
    states = [f"{bar.state} (again)" if bar.is_superseded else bar.state.value for bar in bars]
    took = ["" if bar.started_s is None else span_words(bar.ran_s) for bar in bars]
    beside = sum(max(map(len, column)) + _GAP for column in (("state", *states), ("ran", *took)))
    name_chars = max(_LEAST_NAME_CHARS, out.width - beside - _LEAST_CHARS - _GAP)
    names = [_cut(name, name_chars) for name in names]
    fixed = beside + max(map(len, ("step", *names))) + _GAP
    free = max(0, out.width - fixed - _GAP)
    chars = max(_LEAST_CHARS, min(_MOST_CHARS, free * 3 // 5))
    title_chars = max(0, min(_TITLE_CHARS, free - chars - _GAP))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    has_titles = title_chars >= _LEAST_TITLE_CHARS
    for title in ("step", *(("what",) if has_titles else ()), "state", "ran", ""):
        table.add_column(title, justify="right" if title == "ran" else "left", no_wrap=True)
    for bar, name, state, ran in zip(bars, names, states, took, strict=True):
        table.add_row(
            Text(name, style="bold" if bar.node in critical else ""),
            *((_title(bar, title_chars),) if has_titles else ()),
            Text(state, style=STATE_STYLES[bar.state]),
            ran,
            _picture(bar, timeline.wall_s, chars),
        )
    return table


def _name(bar: Bar) -> str:
    from skvm.cli.console import visible

    name = " ".join(visible(bar.node).split())
    if bar.parent is None:
        return _cut(name, _NAME_CHARS)
    return "  " + _cut(name.partition("[")[2].removesuffix("]") or name, _NAME_CHARS - 2)


def _title(bar: Bar, chars: int) -> str:
    """What it does; of an item its map says it."""
    from skvm.cli.console import visible

    if bar.parent is not None or bar.title == bar.node:
        return ""
    return _cut(" ".join(visible(bar.title).split()), chars)


def _picture(bar: Bar, wall_s: float, chars: int) -> Text:
    """Waiting thin, running thick; at least one character of what ran."""
    from rich.text import Text

    if bar.started_s is None:
        return Text("")
    scale = chars / wall_s if wall_s > 0 else 0.0
    begin = min(chars - 1, int(bar.started_s * scale))
    ready = min(begin, int(bar.ready_s * scale))
    end = max(begin + 1, min(chars, round(bar.ended_s * scale)))
    style = "dim" if bar.is_superseded or bar.is_map else STATE_STYLES[bar.state]
    mark = "▒" if bar.is_map or bar.state == "cut short" else "█"
    return Text.assemble(" " * ready, ("─" * (begin - ready), "dim"), (mark * (end - begin), style))


def _print_undone(timeline: Timeline) -> None:
    from rich.text import Text

    from skvm.cli.console import out, visible

    found = [
        bar
        for bar in timeline.bars
        if bar.record is not None and bar.record.reason and bar.state != "done" and not bar.is_superseded
    ]
    found.sort(key=lambda bar: bar.state == "cancelled")
    for bar in found[:_REASONS]:
        reason = visible(" ".join((bar.record.reason if bar.record else "").split()))
        head = (f"{visible(bar.node)} {bar.state}: ", STATE_STYLES[bar.state])
        out.print(Text.assemble(head, _cut(reason, 400)))
    if len(found) > _REASONS:
        out.print(f"and {len(found) - _REASONS:,} more not done", style="dim")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_document(timeline: Timeline) -> dict[str, Any]:
    """The timeline as ``--json`` prints it; times in seconds on an axis without the pauses between goes."""
    started = timeline.started
    return {
        "schema": _SCHEMA,
        "planRun": timeline.plan_run,
        "skill": started.skill,
        "skillDigest": started.skill_digest,
        "model": started.model,
        "harness": started.harness,
        "workDir": started.work_dir,
        "arm": started.arm,
        "jobs": started.jobs,
        "startedAt": started.started_at.isoformat(),
        "ended": timeline.ending,
        "states": {state.value: count for state, count in timeline.states.items()},
        "wallS": _s(timeline.wall_s),
        "workS": _s(timeline.work_s),
        "speedUp": None if timeline.speed_up is None else round(timeline.speed_up, 4),
        "mostAtOnce": timeline.most_at_once,
        "legs": [
            {
                "startedAt": leg.started.started_at.isoformat(),
                "beginsS": _s(leg.begins_s),
                "wallS": _s(leg.wall_s),
                "idleS": _s(leg.idle_s),
                "isInterrupted": leg.is_interrupted,
                "isRunning": leg.is_running,
            }
            for leg in timeline.legs
        ],
        "criticalPath": [
            {"node": link.node, "waitedS": _s(link.waited_s), "ranS": _s(link.ran_s)}
            for link in timeline.critical
        ],
        "groups": [
            {
                "group": found.group,
                "arm": found.arm,
                "units": found.units,
                "wallS": _s(found.wall_s),
                "workS": _s(found.work_s),
                "overheadS": _s(found.overhead_s),
            }
            for found in timeline.groups
        ],
        "nodes": [_node(bar) for bar in timeline.bars],
    }


def _node(bar: Bar) -> dict[str, Any]:
    record = bar.record
    return {
        "node": bar.node,
        "title": bar.title,
        "state": bar.state.value,
        "leg": bar.leg,
        "row": bar.lane,
        "attempt": bar.attempt,
        "isSuperseded": bar.is_superseded,
        "isMap": bar.is_map,
        "itemOf": bar.parent,
        "after": list(bar.after),
        "readyS": _s(bar.ready_s),
        "startedS": None if bar.started_s is None else _s(bar.started_s),
        "endedS": _s(bar.ended_s),
        "group": record.group if record else None,
        "needs": list(record.needs) if record else [],
        "reason": record.reason if record else "",
        "exitCode": record.exit_code if record else None,
        "files": dict(record.digests) if record else {},
        "usage": record.usage.model_dump(mode="json") if record else None,
    }


def _s(seconds: float) -> float:
    return round(seconds, 6)
