"""What a step did beyond what the plan says of it, and with what other steps that has to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from skvm.compiler.effects.model import ENVIRONMENT, PROGRAM
from skvm.compiler.effects.resources import clash
from skvm.runtime.plan.model import Node

__all__ = ["NOTHING", "Deed", "Did", "Place", "acts_outside", "are_at_odds", "names_of", "touches"]

Place = tuple[int, ...]
"""Where a node stands in the plan; an item of a node stands behind it and before the next."""
_OUTSIDE = ("host:", "person:", PROGRAM, ENVIRONMENT)


class Did(NamedTuple):
    """Paths a step touched.

    Args:
        changed: All it changed.
        undeclared: Those of them it does not say it writes.
        read: What it was seen to read and neither changed nor says it reads.
    """

    changed: frozenset[str] = frozenset()
    undeclared: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()

    @property
    def is_as_said(self) -> bool:
        """Whether it touched nothing but what the plan says."""
        return not self.undeclared and not self.read


NOTHING = Did()


class Deed(NamedTuple):
    """A step that is done.

    Args:
        node: Its id.
        place: Where it stands in the plan.
        reads: What it says it reads.
        writes: What it says it writes.
        is_beside: Whether it worked in the shared directory, so that this is all that is known.
        did: What is known beyond.
    """

    node: str
    place: Place
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    is_beside: bool
    did: Did

    @classmethod
    def of(cls, node: Node, place: Place, did: Did | None) -> Deed:
        """Of a node that is done; without ``did`` it worked in the shared directory."""
        return cls(node.id, place, node.reads, node.writes, did is None, did or NOTHING)

    def is_within(self, place: Place) -> bool:
        """Whether it is part of a node."""
        return self.place[: len(place)] == place


def are_at_odds(one: Deed, other: Deed) -> bool:
    """Whether what one of two did without saying so matters to the other.

    What both say is none of this: the graph has them wait for each other.
    """
    return _matters(one.did, other) or _matters(other.did, one)


def _matters(did: Did, other: Deed) -> bool:
    return bool(
        did.undeclared & (other.did.changed | other.did.read)
        or did.read & other.did.changed
        or touches(did.undeclared, (*other.reads, *other.writes))
        or (other.is_beside and touches(did.read, other.writes))
    )


def acts_outside(node: Node) -> bool:
    """Whether a step says that it changes something that is in no directory."""
    return any(name.startswith(_OUTSIDE) for name in node.writes)


def names_of(path: str) -> tuple[str, ...]:
    """What a plan may call a path.

    A repository's folder is named by its scheme, and what only looks like a scheme is a path.
    """
    if path == ".git" or path.startswith(".git/") or "/.git/" in path:
        return (path, "git:")
    return (f"./{path}",) if ":" in path else (path,)


def touches(paths: Iterable[str], names: Iterable[str]) -> bool:
    """Whether one of the paths may be meant by one of a plan's names."""
    names = tuple(names)
    return bool(names) and any(clash(names_of(path), names) is not None for path in paths)
