"""Sentences for the solvers of free text: one after another out of a fixed supply, none twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

_WHO = (
    "Nobody",
    "Every child",
    "One traveller",
    "Another neighbour",
    "An old sailor",
    "Each stranger",
    "Somebody",
)
_DID = (
    "wanted",
    "drew",
    "noticed",
    "sold",
    "remembered",
    "dropped",
    "cleaned",
    "repaired",
    "chose",
    "lost",
    "showed",
)
_WHERE = (
    *(
        "under the big clock",
        "in a green boat",
        "at the lower market",
        "on this hill",
        "among those tall trees",
    ),
    *("before supper", "by candle light", "with much care", "after the storm", "for three long weeks"),
    *(
        "close to the river",
        "without any reason",
        "outside of town",
        "between two fields",
        "during that summer",
    ),
)
_THING = (
    "a stone",
    "some bread",
    "the map",
    "an apple",
    "two ropes",
    "the drum",
    "a letter",
    "his coat",
    "old coins",
)


def supply() -> Iterator[tuple[str, str, str, str]]:
    """Parts of sentences, in an order in which neighbours differ in every part."""
    size = len(_WHO) * len(_DID) * len(_WHERE)
    for place in itertools.count():
        step = place % size
        yield (
            _WHO[step % len(_WHO)],
            _DID[step % len(_DID)],
            _THING[(step + step // size) % len(_THING)],
            _WHERE[(step + step // 77) % len(_WHERE)],
        )


class Text:
    """A text in the making."""

    def __init__(self) -> None:
        self._parts = supply()

    def sentence(self, *about: str) -> str:
        """A sentence of 7 words or more that names what it is about."""
        who, did, thing, where = next(self._parts)
        named = " and ".join(word if word[0].isupper() else f"the {word}" for word in about) or thing
        return f"{who} {did} {named} {where}."

    def paragraph(self, count: int, *about: str) -> str:
        """So many sentences; the first is about all of the words."""
        return " ".join([self.sentence(*about), *(self.sentence() for _ in range(count - 1))])
