"""How commands about plans say times and ways to end."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["ENDINGS", "STATE_STYLES", "chain_words", "ratio_words", "span_words"]

ENDINGS = {
    "running": "It still runs",
    "interrupted": "It was interrupted: what was under way has no end on record",
    "done": "Everything got done",
    "left": "What nothing here could do was left",
    "not done": "Not everything got done",
}
"""How a run stands, in a sentence."""

STATE_STYLES = {
    "done": "green",
    "failed": "bold red",
    "uncertain": "bold red",
    "cut short": "bold red",
    "cancelled": "yellow",
    "left": "cyan",
    "running": "bold yellow",
}
"""Styles of a terminal, by how a node ended."""


def span_words(seconds: float) -> str:
    """As much of a time as matters: ``0.4 ms``, ``340 ms``, ``12.3 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds == 0:
        return "0 s"
    if not math.isfinite(seconds):
        return "endless"
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def ratio_words(ratio: float) -> str:
    """A ratio with three digits: ``0.98``, ``3.09``, ``23.4``, ``5,713``."""
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:,.0f}"


def chain_words(names: Sequence[str], most: int = 20) -> str:
    """Names with arrows between; the middle of a long chain is counted."""
    from skvm.cli.console import visible

    shown = [" ".join(visible(name).split()) for name in names]
    if len(shown) > most:
        half = most // 2
        shown = [*shown[:half], f"… {len(shown) - 2 * half:,} more …", *shown[-half:]]
    return " → ".join(shown)
