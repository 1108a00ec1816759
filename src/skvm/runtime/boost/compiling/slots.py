"""Constants of a piece of code, and what may stand in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from skvm.runtime.boost.model import ParamType

__all__ = ["Filling", "Kind", "Part", "Reading", "Ref", "Slot", "Spot", "UnfillableError", "text_of"]

Kind = Literal["string", "integer", "number", "boolean", "list"]


class UnfillableError(ValueError):
    """A value cannot stand at this place of the code, or only by becoming code."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A parameter, where a constant or a part of it stood.

    Args:
        name: Its name.
        type: What values it takes.
    """

    name: str
    type: ParamType


Part = str | Ref
Filling = Sequence[Part]
"""What stands in place of a constant: texts and parameters one after the other, or a parameter alone."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A constant of one piece of code.

    Args:
        kind: What it is.
        value: Its value; a tuple of strings for a list.
        is_path_read: Whether the code opens a file of this name to read it, as far as the code shows.
        is_path_written: Likewise, to write it.
    """

    kind: Kind
    value: Any
    is_path_read: bool = False
    is_path_written: bool = False


class Spot(NamedTuple):
    """A slot, or one item of a slot that is a list."""

    slot: int
    item: int | None = None


class Reading(Protocol):
    """A piece of code that was read: two with the same key do the same but for their constants."""

    @property
    def key(self) -> tuple[str, ...]:
        """What it does, without its constants and without what does not matter."""
        ...

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its constants; as many, and in the same order, as in any other with the same key."""
        ...

    def render(self, fills: Mapping[Spot, Filling]) -> str:
        """The code with some constants replaced.

        Raises:
            UnfillableError: One of them cannot be.
        """
        ...


def text_of(filling: Filling) -> str | None:
    """The text of a filling without parameters, else ``None``."""
    texts = [part for part in filling if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(filling) else None
