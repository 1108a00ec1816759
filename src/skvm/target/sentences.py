"""Made-up sentences: what reference texts and guesses are written with.

They are plain English of no meaning worth keeping, formal, without first person, contractions and
exclamation marks, and no two are alike.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from skvm.target.vocabulary import NAMES, NOUNS

__all__ = ["Writer", "listed"]

_OPENERS = (
    *(
        "In the early morning,",
        "After a long winter,",
        "On quiet evenings,",
        "Before the first bell,",
        "By noon,",
    ),
    *(
        "During the harvest,",
        "Once in every year,",
        "Long ago,",
        "At the end of the road,",
        "In most seasons,",
    ),
    *(
        "When the wind turns,",
        "Behind the mill,",
        "For many visitors,",
        "With some patience,",
        "Near the shore,",
    ),
    *("On market days,", "Under a pale sky,", "As old letters tell,", "Along the northern wall,", "Later,"),
)
_VERBS = (
    *(
        "carried",
        "painted",
        "mended",
        "described",
        "found",
        "polished",
        "traded",
        "watched",
        "kept",
        "weighed",
    ),
    *(
        "sketched",
        "borrowed",
        "followed",
        "praised",
        "counted",
        "guarded",
        "lifted",
        "studied",
        "moved",
        "hid",
    ),
)
_ADJECTIVES = (
    *(
        "narrow",
        "wooden",
        "silent",
        "crowded",
        "bright",
        "dusty",
        "hollow",
        "gentle",
        "broken",
        "famous",
        "round",
    ),
    *(
        "patient",
        "distant",
        "warm",
        "modest",
        "curious",
        "heavy",
        "painted",
        "steep",
        "shallow",
        "early",
        "worn",
    ),
)
_PLACES = (
    *("bridge", "harbour", "square", "tower", "stable", "chapel", "orchard", "workshop", "library", "gate"),
    *("meadow", "station", "cellar", "courtyard", "quarry", "valley", "staircase", "kitchen", "lighthouse"),
)
_TAILS = (
    *("beside the {adjective} {place}", "while {name} waited at the {place}", "and left it at the {place}"),
    *(
        "because the {place} was {adjective}",
        "although the {place} had been closed",
        "with {adjective} hands",
    ),
    *(
        "until the {adjective} lamps went out",
        "between the {place} and the {other}",
        "for a {adjective} guest",
    ),
    *(
        "so that {name} could rest in the {place}",
        "just as {name} had promised",
        "to please the {adjective} crowd",
    ),
    *(
        "from the {place} to the {adjective} {other}",
        "where every {other} seems {adjective}",
        "without a word",
    ),
)


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b`` or ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


class Writer:
    """Writes sentences, no two of them alike.

    Args:
        rng: What they are drawn from.
        avoid: Words that stand only in sentences about them.
    """

    def __init__(self, rng: random.Random, avoid: Iterable[str] = ()) -> None:
        self._rng = rng
        self._avoid = frozenset(avoid)
        self._said: set[str] = set()

    def sentence(self, *about: str, end: str = ".") -> str:
        """A sentence of about 10–20 words that contains the words it is about."""
        while True:
            text = self._draw(about) + end
            by_chance = self._avoid.intersection(re.findall(r"\w+", text)).difference(about)
            if text not in self._said and not by_chance:
                self._said.add(text)
                return text

    def sentences(self, count: int, about: Sequence[str] = ()) -> str:
        """So many sentences as one paragraph; each word it is about stands in one of them."""
        subjects: list[list[str]] = [[] for _ in range(count)]
        for place, word in enumerate(about):
            subjects[place % count].append(word)
        return " ".join(self.sentence(*subject) for subject in subjects)

    def _draw(self, about: Sequence[str]) -> str:
        pick = self._rng.choice
        place, other = self._rng.sample(_PLACES, 2)
        tail = pick(_TAILS).format(adjective=pick(_ADJECTIVES), place=place, other=other, name=pick(NAMES))
        # A word with a capital is a name and has no article.
        things = [word if word[0].isupper() else f"the {word}" for word in about]
        thing = listed(things) if things else f"the {pick(_ADJECTIVES)} {pick(NOUNS)}"
        return f"{pick(_OPENERS)} {pick(NAMES)} {pick(_VERBS)} {thing} {tail}"
