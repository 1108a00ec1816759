"""The page of a plan run: one file with everything in it, which asks for nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from skvm.bench.report.page_parts import Html, facts_list, html_table, page, text
from skvm.bench.report.words import dollars, plural
from skvm.cli.plan_trace_data import trace_data
from skvm.cli.plan_trace_script import SCRIPT
from skvm.cli.plan_trace_style import STYLE
from skvm.cli.plan_words import ENDINGS, ratio_words, span_words
from skvm.evidence.record import Usage
from skvm.runtime.plan.tracing.model import Bar, BarState, Timeline

__all__ = ["trace_page"]

_MOST_LINKS, _MOST_UNDONE = 200, 200
_ENDED = ("done", "left")
_ARMS = {"parallel": "all at once", "serial": "all in a row", "auto": "each as decided"}


def trace_page(timeline: Timeline) -> str:
    """The whole page."""
    title = f"Plan run of {timeline.started.skill}"
    body = "\n".join(part for part in _parts(timeline, title) if part)
    if not timeline.bars:
        return page(title, f"<main>\n{body}\n</main>")
    return page(title, f"<main>\n{body}\n</main>\n{_block(timeline)}", script=SCRIPT, extra_style=STYLE)


def _parts(timeline: Timeline, title: str) -> Iterator[str]:
    kind = "better" if timeline.ending == "done" else "open" if timeline.ending in _ENDED else "worse"
    yield f"<h1>{text(title)}</h1>"
    yield f'<ul class="verdicts"><li class="{kind}">{_sentence(timeline)}</li></ul>'
    yield facts_list(_facts(timeline))
    yield _SHELL if timeline.bars else "<p>Nothing is on record of any step.</p>"
    yield _undone(timeline)
    yield _critical(timeline)
    yield _groups(timeline)
    if timeline.bars:
        yield _LIST


def _sentence(timeline: Timeline) -> Html:
    counts = ", ".join(f"{count:,} {state}" for state, count in timeline.states.items())
    return text(f"{ENDINGS[timeline.ending]}{f': {counts}' if counts else ''}.")


def _facts(timeline: Timeline) -> dict[str, str | None]:
    started = timeline.started
    speed_up = timeline.speed_up
    work = f"{span_words(timeline.wall_s)} for {span_words(timeline.work_s)} of work"
    return {
        "Took": work + (f": {ratio_words(speed_up)} times as fast as in a row" if speed_up else ""),
        "At once": f"{timeline.most_at_once:,} at most, on {plural(started.jobs, 'place')} for commands"
        if timeline.bars
        else None,
        "Groups": _ARMS[started.arm],
        "Target": f"{started.model} in {started.harness}" if started.model else "none: commands alone",
        "Model calls": _usage(timeline),
        "Work directory": started.work_dir,
        "Time": "; ".join(_leg_words(timeline)),
        "Run": timeline.plan_run,
    }


def _usage(timeline: Timeline) -> str | None:
    total = Usage()
    for bar in timeline.bars:
        # What a map took is what its items took.
        if bar.record is not None and not bar.is_map:
            total += bar.record.usage
    if not total.calls:
        return None
    calls = plural(total.calls, "call")
    return f"{calls}, {total.total_tokens:,} tokens, {_cost(total.cost_usd)}"


def _cost(cost_usd: float | None) -> str:
    return "cost unknown" if cost_usd is None else dollars(cost_usd)


def _leg_words(timeline: Timeline) -> Iterator[str]:
    for leg in timeline.legs:
        moment = leg.started.started_at.isoformat(timespec="seconds")
        began = moment if leg.number == 1 else f"taken up again at {moment} after {span_words(leg.idle_s)}"
        yield began + (", interrupted" if leg.is_interrupted else "")


_SHELL = """<section id="trace" hidden aria-label="Timeline">
<form class="filter" id="tools"><label>search <input type="search" name="words" autocomplete="off"></label>
<label>state <select name="state"><option value="">any</option></select></label>
<span class="buttons"><button type="button" data-do="in" aria-label="Zoom in">+</button>
<button type="button" data-do="out" aria-label="Zoom out">−</button>
<button type="button" data-do="fit">All</button>
<button type="button" data-do="critical">Critical path</button></span>
<output name="shown"></output></form>
<div class="legend" id="legend"></div>
<svg id="levels" role="img" aria-label="How many ran at once"></svg>
<div id="rows" tabindex="0" role="application" aria-label="Steps over time" aria-describedby="keys">
<div id="room"><svg id="bars"></svg></div></div>
<svg id="axis" aria-hidden="true"></svg>
<p class="soft" id="keys">Arrow keys go from step to step, + and − zoom, 0 shows all, Enter shows what is
known of a step, c the critical path. With a mouse: drag, click, and the wheel with Ctrl.</p>
<div id="tip" hidden></div>
<section id="node" aria-live="polite" aria-label="The chosen step"></section>
</section>
<noscript><p>The timeline is drawn by a script of this page, which is not run. The tables below need none.</p>
</noscript>"""
_LIST = """<section id="list" hidden><h2>All steps</h2><div class="wide" tabindex="0" role="region"
aria-label="All steps"><table id="steps"></table></div>
<p><button type="button" id="more">More</button></p></section>"""


def _undone(timeline: Timeline) -> str:
    found = [
        (place, bar)
        for place, bar in enumerate(timeline.bars)
        if bar.state is not BarState.DONE and not bar.is_superseded
    ]
    if not found:
        return ""
    # What failed explains what was given up because of it.
    order = list(_WORST)
    found.sort(key=lambda each: order.index(each[1].state))
    rows = [
        (_link(place, bar), bar.state.value, text(bar.title, limit=200), text(_reason(bar), limit=600))
        for place, bar in found[:_MOST_UNDONE]
    ]
    table = html_table("Not done", ("step", "state", "what", "why"), rows, is_caption_seen=False)
    return f"<h2>Not done</h2>\n{table}{_more(len(found), _MOST_UNDONE)}"


_WORST = (
    BarState.FAILED,
    BarState.UNCERTAIN,
    BarState.CUT_SHORT,
    BarState.RUNNING,
    BarState.LEFT,
    BarState.CANCELLED,
    BarState.DONE,
)


def _reason(bar: Bar) -> str:
    if bar.record is None:
        return "it was under way when its process ended" if bar.state is BarState.CUT_SHORT else ""
    code = bar.record.exit_code
    return bar.record.reason or (f"exit code {code}" if code else "")


def _link(place: int, bar: Bar) -> Html:
    return Html(f'<a href="#step-{place}">{text(bar.node, limit=120)}</a>')


def _more(count: int, most: int) -> str:
    return f'<p class="soft">{count - most:,} more are in the list of all steps.</p>' if count > most else ""


def _critical(timeline: Timeline) -> str:
    if len(timeline.critical) < 2:
        return ""
    places = {
        bar.node: place
        for place, bar in enumerate(timeline.bars)
        if not bar.is_superseded and bar.started_s is not None
    }
    rows = []
    for link in timeline.critical[:_MOST_LINKS]:
        bar = timeline.bars[places[link.node]]
        share = f"{link.ran_s / timeline.wall_s:.0%}" if timeline.wall_s else ""
        words = (span_words(link.waited_s), span_words(link.ran_s), share)
        rows.append((_link(places[link.node], bar), text(bar.title, limit=200), *words))
    headings = ("step", "what", "waited before", "ran", "of the whole")
    table = html_table(
        "Steps that decided when the run ended", headings, rows, figures=3, is_caption_seen=False
    )
    said = "<p>The run ends sooner only if one of these steps is faster, or waits less for a place.</p>"
    return f"<h2>Critical path</h2>\n{said}{table}{_more(len(timeline.critical), _MOST_LINKS)}"


def _groups(timeline: Timeline) -> str:
    if not timeline.groups:
        return ""
    rows = [
        (
            text(found.group),
            {"parallel": "at once", "serial": "in a row"}[found.arm],
            f"{found.units:,}",
            span_words(found.wall_s),
            span_words(found.work_s),
            f"{found.work_s / found.wall_s:.2f}" if found.wall_s else "",
            span_words(found.overhead_s) if found.overhead_s else "",
        )
        for found in timeline.groups
    ]
    headings = ("group", "ran", "units", "took", "work", "ratio", "cost of running at once")
    table = html_table("Groups as measured", headings, rows, figures=5, is_caption_seen=False)
    return f"<h2>Groups</h2>\n{table}"


def _block(timeline: Timeline) -> str:
    body = _packed(trace_data(timeline))
    # With no "<" in it, no string can end the block.
    return f'<script type="application/json" id="data">{body.replace("<", chr(92) + "u003c")}</script>'


def _packed(value: Sequence[Any] | dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
