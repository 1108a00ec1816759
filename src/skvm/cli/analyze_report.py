"""What a corpus of skills holds, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from skvm.compiler.study.summary import Summary

__all__ = ["print_summary"]

_COLOURS = {"L1": "green", "L2": "yellow", "L3": "red"}
_SHOWN = 12


def print_summary(summary: Summary) -> None:
    """Print a summary for a person."""
    from skvm.cli.console import out

    out.print(_shape(summary))
    if summary.demand:
        out.print()
        out.print(_demand(summary))
    for title, counts in (
        ("dependencies", summary.dependencies),
        ("most common", summary.packages),
        ("code", summary.languages),
        ("findings", summary.diagnostics),
    ):
        if counts:
            out.print(Text.assemble((f"{title}: ", "bold"), _listed(counts)))


def _shape(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("skills", str(summary.skills))
    table.add_row("kinds", _listed({kind.value: count for kind, count in summary.kinds.items()}))
    quartiles = summary.tokens
    table.add_row(
        "tokens, estimated",
        f"median {quartiles.median:,.0f}, half of them {quartiles.low:,.0f}–{quartiles.high:,.0f}",
    )
    table.add_row("a procedure of 4 steps or more", _percent(summary.procedural))
    table.add_row("code", _percent(summary.with_code))
    table.add_row("bundle files", _percent(summary.with_bundle))
    share = summary.parallel_steps / summary.steps if summary.steps else 0.0
    table.add_row(
        "steps that can run at once",
        f"{summary.parallel_steps:,} of {summary.steps:,} ({_percent(share)}), in {summary.parallel_skills} "
        f"skills; groups: {_listed(summary.groups) or 'none'}",
    )
    return table


def _demand(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("primitive", no_wrap=True)
    for title in ("skills", "share", *_COLOURS, "places"):
        table.add_column(title, justify="right")
    for entry in summary.demand:
        cells = []
        for level, colour in _COLOURS.items():
            count = next((count for name, count in entry.by_level.items() if name.value == level), 0)
            cells.append(Text(str(count), style=colour) if count else Text("·", style="dim"))
        share = _percent(entry.skills / summary.skills)
        table.add_row(entry.primitive_id, str(entry.skills), share, *cells, f"{entry.places:,}")
    return table


def _listed(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_SHOWN]]
    left = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")


def _percent(share: float) -> str:
    return f"{share:.0%}"
