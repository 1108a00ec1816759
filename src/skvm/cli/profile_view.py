"""A profile on a terminal: levels with counts and intervals, or what they cost. Fits 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from skvm.cli.console import out

if TYPE_CHECKING:
    from pathlib import Path

    from skvm.profiler.standing import LevelEvidence, Standing
    from skvm.target.profile import Profile, TokenUsage

__all__ = ["LEVEL_COLOURS", "level_text", "money", "plain_table", "print_profile", "range_text"]

LEVEL_COLOURS = {"L0": "red", "L1": "yellow", "L2": "cyan", "L3": "green"}


def money(cost_usd: float | None) -> str:
    """Dollars for people; an unknown price is said, never shown as 0."""
    return "price unknown" if cost_usd is None else f"${cost_usd:.4f}"


def level_text(standing: Standing) -> Text:
    """``L0``–``L3`` in its colour; a dash where it is unmeasured."""
    if standing.level is None:
        return Text("–", style="magenta")
    return Text(standing.level.value, style=f"bold {LEVEL_COLOURS[standing.level.value]}")


def range_text(interval: tuple[float, float] | None) -> str:
    """``0.29–1.00``, or nothing."""
    return "" if interval is None else f"{interval[0]:.2f}–{interval[1]:.2f}"


def plain_table(*headings: str, right: Collection[str] = ()) -> Table:
    """A table without edges, as narrow as what is in it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return table


def print_profile(
    profile: Profile, *, only: Collection[str] | None = None, cost: bool = False, path: Path | None = None
) -> None:
    """Print what a profile says.

    Args:
        profile: The profile.
        only: Ids to show; all where ``None``.
        cost: Show runs, tokens and dollars in the place of counts and intervals.
        path: Where it lies, told in the last line.
    """
    from skvm.profiler.standing import printable, standings

    profile = printable(profile)
    shown = [each for name, each in standings(profile).items() if only is None or name in only]
    out.print(
        Text.assemble(
            (profile.model, "bold"),
            " in ",
            (profile.harness, "bold"),
            *((" (partial)", "yellow") for _ in range(profile.is_partial)),
        )
    )
    notes: list[str] = []
    out.print(_cost_table(shown) if cost else _level_table(shown, notes))
    for number, note in enumerate(notes, 1):
        out.print(f"{number} {note}", style="dim", markup=False)
    for line in _unmeasured(shown):
        out.print(line)
    out.print(_summary(profile, shown, path), style="dim", markup=False)


def _level_table(shown: Sequence[Standing], notes: list[str]) -> Table:
    """One row a primitive; ``notes`` is filled with what its last column numbers."""
    from skvm.target.contract import LEVELS

    has_notes = any(each.note for each in shown)
    table = plain_table("primitive", "level", "L1", "L2", "L3", *(["note"] if has_notes else []))
    for each in shown:
        if each.level is None:
            table.add_row(Text(each.primitive_id), level_text(each), Text("unmeasured", style="magenta"))
            continue
        if each.note and each.note not in notes:
            notes.append(each.note)
        number = str(notes.index(each.note) + 1) if each.note else ""
        cells = [_cell(each.evidence.get(level)) for level in LEVELS]
        table.add_row(Text(each.primitive_id), level_text(each), *cells, *([number] if has_notes else []))
    return table


def _cell(seen: LevelEvidence | None) -> Text:
    if seen is None:
        return Text("·", style="dim")
    text = Text(seen.counts, style="green" if seen.passed else "red")
    return text.append(f" {range_text(seen.interval)}", style="dim")


def _cost_table(shown: Sequence[Standing]) -> Table:
    numbers = ("runs", "tokens in", "out", "dollars", "seconds")
    table = plain_table("primitive", "level", *numbers, "measured", right=numbers)
    for each in shown:
        if each.level is None:
            continue
        usage = each.usage
        table.add_row(
            Text(each.primitive_id),
            level_text(each),
            _number(each.runs),
            _number(_tokens_in(usage) if usage else None),
            _number(usage.output if usage else None),
            "–" if each.cost_usd is None else f"{each.cost_usd:.4f}",
            _number(None if each.duration_s is None else round(each.duration_s)),
            Text((each.measured_at or "–")[:10]),
        )
    usages = [each.usage for each in shown if each.usage]
    prices = [each.cost_usd for each in shown if each.level is not None]
    known = [price for price in prices if price is not None]
    runs = [each.runs for each in shown if each.runs is not None]
    seconds = [each.duration_s for each in shown if each.duration_s is not None]
    table.add_section()
    table.add_row(
        "total",
        "",
        _number(sum(runs) if runs else None),
        _number(sum(_tokens_in(usage) for usage in usages) if usages else None),
        _number(sum(usage.output for usage in usages) if usages else None),
        # A sum over some of the prices would pass for the whole.
        f"{sum(known):.4f}" if known and len(known) == len(prices) else "–",
        _number(round(sum(seconds)) if seconds else None),
    )
    return table


def _tokens_in(usage: TokenUsage) -> int:
    return usage.input + usage.cache_read + usage.cache_write


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _unmeasured(shown: Sequence[Standing]) -> Iterator[Text]:
    """A line for each reason, with the primitives it left unmeasured."""
    by_reason: dict[str, list[str]] = {}
    for each in shown:
        if each.level is None:
            by_reason.setdefault(each.reason or "no reason given", []).append(each.primitive_id)
    for reason, names in by_reason.items():
        yield Text.assemble(("unmeasured: ", "magenta"), ", ".join(names), (f" – {reason}", "dim"))


def _summary(profile: Profile, shown: Sequence[Standing], path: Path | None) -> str:
    from skvm.profiler.standing import level_counts

    counts = Counter(each.level.value for each in shown if each.level is not None)
    parts = [f"{sum(counts.values())} measured" + (f" ({level_counts(counts)})" if counts else "")]
    parts.append(profile.profiled_at)
    if not any(each.evidence for each in shown):
        parts.append("the file holds no counts")
    elif any(seen.is_computed for each in shown for seen in each.evidence.values()):
        parts.append("intervals worked out from the counts")
    else:
        parts.append("95 % intervals")
    return "; ".join(parts) + (f"\n{path}" if path else "")
