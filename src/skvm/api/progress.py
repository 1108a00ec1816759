"""What a verb tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from skvm.settings import Settings

__all__ = ["OnProgress", "Progress", "nobody", "settings_or_default"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What just happened.

    Args:
        verb: Which of the five tells it.
        text: In words, for people; they may change in any release.
        done: Steps that are done: primitives, runs or turns; 0 where steps are not counted.
        total: Steps there are; ``None`` where that is not known.
        tokens: Spent so far; ``None`` where that is not known yet.
        cost_usd: Dollars spent so far; ``None`` where a price is unknown.
    """

    verb: Literal["compile", "profile", "run", "bench", "optimize"]
    text: str
    done: int = 0
    total: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None


OnProgress = Callable[[Progress], None]
"""Told of all that happens, in the call's event loop: it must not block. What it raises ends the call."""


def nobody(_: Progress) -> None:
    """Told, and does nothing."""


def settings_or_default(settings: Settings | None) -> Settings:
    """The settings given, or those the environment and the configuration file say.

    Raises:
        ConfigError: The configuration file cannot be read.
    """
    from skvm.settings import load_settings

    return settings if settings is not None else load_settings()
