"""What a call may be given, held before anything begins: flags have their ranges from the command line.

Without this an argument out of range would end as a fault of ours, or, as no run at once, never.
"""

from __future__ import annotations

from collections.abc import Collection

from skvm.errors import UsageError

__all__ = ["MODES", "at_least_one", "between", "lists", "more_than_zero", "one_of"]

MODES = ("inject", "discover")
"""How a skill reaches the model."""


def at_least_one(**values: int | None) -> None:
    """Counts, ``None`` where nothing is said.

    Raises:
        UsageError: One is less than 1.
    """
    for name, value in values.items():
        if value is not None and not value >= 1:
            raise UsageError(f"{name} must be 1 or more, not {value!r}")


def more_than_zero(**values: float | None) -> None:
    """Amounts, ``None`` where nothing is said.

    Raises:
        UsageError: One is 0 or less.
    """
    for name, value in values.items():
        if value is not None and not value > 0:
            raise UsageError(f"{name} must be more than 0, not {value!r}")


def between(low: float, high: float, **values: float) -> None:
    """Figures in a closed range.

    Raises:
        UsageError: One lies outside.
    """
    for name, value in values.items():
        if not low <= value <= high:
            raise UsageError(f"{name} must lie between {low:g} and {high:g}, not {value!r}")


def one_of(known: Collection[str], **values: str) -> None:
    """Words of a few.

    Raises:
        UsageError: One is none of them.
    """
    for name, value in values.items():
        if value not in known:
            raise UsageError(f"{name} is none of {', '.join(known)}: {value!r}")


def lists(**values: object) -> None:
    """Lists of names. To Python one name is a list of letters, so no type checker finds that slip.

    Raises:
        UsageError: One is a single name.
    """
    for name, value in values.items():
        if isinstance(value, str):
            raise UsageError(f"{name} wants a list, not one text", help=f"{name}=[{value!r}]")
