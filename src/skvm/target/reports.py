"""A JSON report under several constraints at once, one sentence of which is the writer's own."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from skvm.target.answers import read_only_json, same_value
from skvm.target.vocabulary import CITIES, NAMES, TEAMS

__all__ = ["Report", "draw_report", "guess_report", "judge_report"]

MIN_NOTE_WORDS = 4
NOTE_ROOM_BYTES = 70
"""What the limit leaves for the note."""
_PEOPLE = 4
_LAYOUTS = {
    "compact": "no space and no line break outside of the strings",
    "spaced": "all on one line; outside of the strings one space after each comma and each colon, no other",
}
_UNKNOWN: Mapping[str, Any] = {"null": None, "an empty string": "", 'the string "?"': "?"}
_NOTES = (
    "These people were chosen.",
    "All of them have the right points.",
    "Here is the list you asked for.",
)


@dataclass(frozen=True, slots=True)
class Report:
    """What is known and what is asked.

    Args:
        people: Name, points, city (empty where unknown) and team of each.
        cut: Limit on the points.
        is_floor: Whether the limit is the smallest number taken, else the largest.
        is_falling: Whether the most points come first.
        is_upper_key: Whether keys are in upper case, else in lower case.
        is_forward: Whether keys stand in alphabetical order, else in the reverse of it.
        is_upper_name: Whether names are in upper case and cities in lower, else the other way round.
        unknown: What stands for an unknown city, as the prompt says it.
        is_text: Whether points are strings of digits, else numbers.
        counts: Whether ``total`` is how many people, else the sum of their points.
        layout: White space, a key of ``_LAYOUTS``.
    """

    people: Sequence[tuple[str, int, str, str]]
    cut: int
    is_floor: bool
    is_falling: bool
    is_upper_key: bool
    is_forward: bool
    is_upper_name: bool
    unknown: str
    is_text: bool
    counts: bool
    layout: str

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "people": [list(person) for person in self.people]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Report:
        """From ``to_json``."""
        return cls(**value)

    @property
    def text(self) -> str:
        """A right answer."""
        return self.with_note(_NOTES[0])

    @property
    def notes(self) -> Sequence[str]:
        """Other notes that are as good."""
        return _NOTES[1:]

    @property
    def max_bytes(self) -> int:
        """Limit on the whole answer."""
        return len(self.with_note("").encode()) + NOTE_ROOM_BYTES

    @property
    def kept(self) -> list[tuple[str, int, str, str]]:
        """The people the report is on, in its order."""
        taken = [
            (name, points, city, team)
            for name, points, city, team in self.people
            if (points >= self.cut if self.is_floor else points <= self.cut)
        ]
        return sorted(taken, key=lambda person: person[1], reverse=self.is_falling)

    def key(self, word: str) -> str:
        """A key in the case that is asked for."""
        return word.upper() if self.is_upper_key else word

    def value(self, note: str, kept: Sequence[tuple[str, int, str, str]], total: int) -> dict[str, Any]:
        """The report, keys in order."""
        rows = [self._row(*person) for person in kept]
        return self._ordered({"note": note, "rows": rows, "total": total})

    def total(self, kept: Sequence[tuple[str, int, str, str]]) -> int:
        """What ``total`` stands for."""
        return len(kept) if self.counts else sum(points for _, points, _, _ in kept)

    def with_note(self, note: str) -> str:
        """The right answer with this note."""
        return self.dump(self.value(note, self.kept, self.total(self.kept)))

    def dump(self, value: Any, *, is_ascii: bool = False) -> str:
        """JSON with the white space that is asked for."""
        separators = (",", ":") if self.layout == "compact" else (", ", ": ")
        return json.dumps(value, separators=separators, ensure_ascii=is_ascii)

    def _row(self, name: str, points: int, city: str, team: str) -> dict[str, Any]:
        town = (city.lower() if self.is_upper_name else city.upper()) if city else _UNKNOWN[self.unknown]
        return self._ordered(
            {
                "name": name.upper() if self.is_upper_name else name.lower(),
                "place": self._ordered({"city": town, "team": team}),
                "points": str(points) if self.is_text else points,
            }
        )

    def _ordered(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {self.key(word): value[word] for word in sorted(value, reverse=not self.is_forward)}

    @property
    def prompt(self) -> str:
        """What is asked."""
        facts = " ".join(
            f"{name} has {points} points, is in the {team} team and comes from {city or 'an unknown city'}."
            for name, points, city, team in self.people
        )
        key = self.key
        upper, lower = ("names", "cities") if self.is_upper_name else ("cities", "names")
        limit = "at least" if self.is_floor else "at most"
        way = "" if self.is_forward else "the reverse of "
        total = (
            f"the number of people in {self.key('rows')}"
            if self.counts
            else f"the sum of the points in {self.key('rows')}"
        )
        return (
            f"{facts}\nWrite one JSON object that meets all of this:\n"
            f"- exactly the keys {key('note')}, {key('rows')} and {key('total')}; {key('rows')} is an array "
            f"with one object a person, with exactly the keys {key('name')}, {key('points')} and "
            f"{key('place')}; {key('place')} is an object with exactly the keys {key('city')} and "
            f"{key('team')}\n"
            f"- only people with {limit} {self.cut} points, the {'most' if self.is_falling else 'fewest'} "
            "points first\n"
            f"- in every object, nested ones too, the keys stand in {way}alphabetical order\n"
            f"- {upper} in upper case, {lower} in lower case, teams as they are; for an unknown city "
            f"{self.unknown}\n"
            f"- points as {'strings of digits' if self.is_text else 'numbers'}; {key('total')}, a number, is "
            f"{total}\n"
            f"- {key('note')} is a sentence of your own, a string of at least {MIN_NOTE_WORDS} words\n"
            f"- {_LAYOUTS[self.layout]}\n"
            f"- at most {self.max_bytes} bytes in all\nAnswer with the JSON only."
        )

    def slips(self, rng: random.Random) -> list[str]:
        """Answers that miss one constraint each."""
        note, kept, total = _NOTES[0], self.kept, self.total(self.kept)
        other_unknown = rng.choice([each for each in _UNKNOWN if each != self.unknown])
        changed = [
            replace(self, is_falling=not self.is_falling),
            replace(self, is_forward=not self.is_forward),
            replace(self, is_upper_key=not self.is_upper_key),
            replace(self, is_upper_name=not self.is_upper_name),
            replace(self, is_text=not self.is_text),
            replace(self, is_floor=not self.is_floor),
            replace(self, cut=self.cut + (1 if self.is_floor else -1)),
            replace(self, unknown=other_unknown),
            replace(self, layout=rng.choice([each for each in _LAYOUTS if each != self.layout])),
        ]
        nested = self.value(note, kept, total)
        for row in nested[self.key("rows")]:
            place = row[self.key("place")]
            row[self.key("place")] = dict(reversed(place.items()))
        return [
            *(report.text for report in changed),
            self.dump(nested),
            self.dump(self.value(note, kept, total + 1)),
            self.with_note("Three words only"),
            self.with_note("word " * (NOTE_ROOM_BYTES // 5 + 1)),
            f"Here it is: {self.text}",
        ]


def draw_report(rng: random.Random) -> Report:
    """Two or three of four people kept, one of these on the limit and one of an unknown city."""
    size, is_floor = rng.randint(2, 3), rng.random() < 0.5
    points = rng.sample(range(10, 99), _PEOPLE)
    ranked = sorted(points, reverse=is_floor)
    stranger = points.index(rng.choice(ranked[:size]))
    names, cities = rng.sample(NAMES, _PEOPLE), rng.sample(CITIES, _PEOPLE)
    people = [
        (name, each, "" if place == stranger else cities[place], rng.choice(TEAMS))
        for place, (name, each) in enumerate(zip(names, points, strict=True))
    ]
    return Report(
        people=people,
        cut=ranked[size - 1],
        is_floor=is_floor,
        is_falling=rng.random() < 0.5,
        is_upper_key=rng.random() < 0.5,
        is_forward=rng.random() < 0.5,
        is_upper_name=rng.random() < 0.5,
        unknown=rng.choice(list(_UNKNOWN)),
        is_text=rng.random() < 0.5,
        counts=rng.random() < 0.5,
        layout=rng.choice(list(_LAYOUTS)),
    )


def judge_report(report: Report, response: str) -> str | None:
    """What is wrong with an answer, ``None`` where it meets every constraint."""
    found = read_only_json(response)
    if found is None:
        return f"expected one JSON object only, said {response.strip()[:200]!r}"
    said, text = found
    note = said.get(report.key("note")) if isinstance(said, dict) else None
    if not isinstance(note, str):
        return f"expected an object with a string {report.key('note')}, said {text[:200]}"
    if len(note.split()) < MIN_NOTE_WORDS:
        return f"the note has {len(note.split())} words, at least {MIN_NOTE_WORDS} are asked for"
    return _fault_in(report, said, text, report.value(note, report.kept, report.total(report.kept)))


def _fault_in(report: Report, said: Any, text: str, expected: dict[str, Any]) -> str | None:
    size = len(text.encode())
    if not same_value(said, expected):
        return f"expected {report.dump(expected)}, said {text[:400]}"
    if json.dumps(said) != json.dumps(expected):
        return "the keys are not in the order that is asked for, or a number is written in another way"
    if text not in (report.dump(expected), report.dump(expected, is_ascii=True)):
        return f"white space is not as asked for: {_LAYOUTS[report.layout]}"
    return f"{size} bytes, at most {report.max_bytes} are asked for" if size > report.max_bytes else None


def guess_report(report: Report, rng: random.Random) -> str:
    """The right shape with people, their order and the total at random."""
    kept = rng.sample(list(report.people), rng.randint(1, _PEOPLE))
    numbers = [points for _, points, _, _ in report.people]
    total = rng.randint(1, _PEOPLE) if report.counts else sum(rng.sample(numbers, rng.randint(1, _PEOPLE)))
    guessed = replace(report, unknown=rng.choice(list(_UNKNOWN)), is_upper_name=rng.random() < 0.5)
    return guessed.dump(guessed.value(_NOTES[0], [tuple(person) for person in kept], total))  # type: ignore[misc]
