"""What ``tool.call.format`` asks for: tools of a task's own, and orders for them in words.

An order's words state every argument; its value is what the call has to carry.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.harness.contract import TaskTool
from skvm.target.vocabulary import CITIES, COLOURS, NAMES, NOUNS, TEAMS

__all__ = [
    "FLAT_THEMES",
    "NEWLINE",
    "STRUCTURED_THEMES",
    "Flat",
    "Structured",
    "flat_tool",
    "report",
    "report_tool",
]

NEWLINE = "⏎"
"""Stands for one line feed where a value is shown in a prompt."""

_STRING = {"type": "string"}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


@dataclass(frozen=True, slots=True)
class Flat:
    """A tool with string arguments, and the words that order its call; a slot is an argument's name."""

    name: str
    description: str
    words: str
    pools: Mapping[str, Sequence[str]]


FLAT_THEMES: tuple[Flat, ...] = (
    Flat(
        "send_parcel",
        "Send a parcel from one person to another.",
        "Send a parcel: the sender is {sender}, the recipient is {recipient}, the origin is {origin}, the "
        "destination is {destination}, the content is {content}, the wrapping is {wrapping}.",
        {
            "sender": NAMES,
            "recipient": NAMES,
            "origin": CITIES,
            "destination": CITIES,
            "content": NOUNS,
            "wrapping": COLOURS,
        },
    ),
    Flat(
        "assign_task",
        "Give a task to a person and name who reviews it.",
        "Assign a task: the owner is {owner}, the reviewer is {reviewer}, the team is {team}, the title is "
        "{title}, the place is {place}, the label is {label}.",
        {"owner": NAMES, "reviewer": NAMES, "team": TEAMS, "title": NOUNS, "place": CITIES, "label": COLOURS},
    ),
    Flat(
        "book_room",
        "Book a room for a guest.",
        "Book a room: the guest is {guest}, the host is {host}, the city is {city}, the team is {team}, the "
        "room is {room}, the key is {key}.",
        {"guest": NAMES, "host": NAMES, "city": CITIES, "team": TEAMS, "room": NOUNS, "key": COLOURS},
    ),
    Flat(
        "lend_item",
        "Lend a thing to a person until it is brought back.",
        "Lend an item: the item is {item}, the colour is {colour}, the lender is {lender}, the "
        "borrower is {borrower}, the team is {team}, the place is {place}.",
        {
            "item": NOUNS,
            "colour": COLOURS,
            "lender": NAMES,
            "borrower": NAMES,
            "team": TEAMS,
            "place": CITIES,
        },
    ),
)


def flat_tool(theme: Flat, answer: str) -> TaskTool:
    """The tool of a flat theme."""
    return TaskTool(theme.name, theme.description, _object(dict.fromkeys(theme.pools, _STRING)), answer)


@dataclass(frozen=True, slots=True)
class Structured:
    """A tool with an object, an array of objects, an enumeration and a boolean.

    Args:
        name: Of the tool.
        description: For the model.
        head: Name of the object argument and of its two strings.
        rows: Name of the array argument and of a row's string, integer and number.
        choice: Name of the enumeration and its values.
        flag: Name of the boolean.
        words: The order; slots are ``a`` and ``b`` (the head), ``rows``, ``choice`` and ``no``.
        row_words: One row; slots are ``text``, ``count`` and ``number``.
    """

    name: str
    description: str
    head: tuple[str, str, str]
    rows: tuple[str, str, str, str]
    choice: tuple[str, tuple[str, ...]]
    flag: str
    words: str
    row_words: str

    def tool(self, answer: str) -> TaskTool:
        """The tool."""
        (head, a, b), (rows, text, count, number) = self.head, self.rows
        parameters = {
            head: _object({a: _STRING, b: _STRING}),
            rows: _array(_object({text: _STRING, count: {"type": "integer"}, number: {"type": "number"}})),
            self.choice[0]: {"type": "string", "enum": list(self.choice[1])},
            self.flag: {"type": "boolean"},
        }
        return TaskTool(self.name, self.description, _object(parameters), answer)

    def arguments(
        self, head: tuple[str, str], rows: Sequence[tuple[str, int, float]], choice: str, *, flag: bool
    ) -> dict[str, Any]:
        """What the call carries."""
        name, *fields = self.rows
        return {
            self.head[0]: dict(zip(self.head[1:], head, strict=True)),
            name: [dict(zip(fields, row, strict=True)) for row in rows],
            self.choice[0]: choice,
            self.flag: flag,
        }

    def order(
        self, head: tuple[str, str], rows: Sequence[tuple[str, int, float]], choice: str, *, flag: bool
    ) -> str:
        """The same in words."""
        listed = "\n".join(
            f"- {self.row_words.format(text=text, count=count, number=number)}"
            for text, count, number in rows
        )
        return self.words.format(a=head[0], b=head[1], rows=listed, choice=choice, no="" if flag else "not ")


STRUCTURED_THEMES: tuple[Structured, ...] = (
    Structured(
        "place_order",
        "Place an order for a customer.",
        ("customer", "name", "city"),
        ("items", "article", "quantity", "unit_price"),
        ("priority", ("low", "normal", "high")),
        "gift",
        "Place an order for the customer {a} in {b}. The items, in this order:\n{rows}\n"
        "The priority is {choice}. It is {no}a gift.",
        "article {text}, quantity {count}, unit price {number}",
    ),
    Structured(
        "plan_trip",
        "Plan a trip for a traveller.",
        ("traveller", "name", "team"),
        ("stops", "place", "nights", "budget"),
        ("transport", ("train", "bus", "ferry")),
        "refundable",
        "Plan a trip for the traveller {a} of the team {b}. The stops, in this order:\n{rows}\n"
        "The transport is {choice}. It is {no}refundable.",
        "place {text}, {count} nights, budget {number}",
    ),
    Structured(
        "log_repair",
        "Log the repair of a machine.",
        ("machine", "owner", "colour"),
        ("parts", "part", "pieces", "weight_kg"),
        ("result", ("repaired", "replaced", "scrapped")),
        "warranty",
        "Log a repair of the machine whose owner is {a} and whose colour is {b}. The parts, in this "
        "order:\n{rows}\n"
        "The result is {choice}. It is {no}under warranty.",
        "part {text}, {count} pieces, weight {number} kg",
    ),
)

_AWKWARD: tuple[str, ...] = (
    'say "{0}" to the {1}',
    "C:\\{0}\\new\\{1}.txt",
    '{{"{0}": ["{1}"]}}',
    "first {0}\nthen {1}",
    '^"{0}"\\s+\\d+ {1}$',
    "{0}\\{1}\\",
)
"""Texts that need escaping in JSON: quotes, backslashes, line feeds, JSON itself."""


def report(rng: random.Random) -> dict[str, Any]:
    """The arguments of a report: four levels deep, every kind of awkward text once."""
    words = rng.sample(NOUNS, 2 * len(_AWKWARD) + 6)
    texts = [text.format(*words[2 * n : 2 * n + 2]) for n, text in enumerate(_AWKWARD)]
    rng.shuffle(texts)
    names = words[2 * len(_AWKWARD) :]
    lines = [{"label": names[n], "text": texts[n]} for n in range(4)]
    return {
        "report": {
            "title": texts[4],
            "author": {"name": rng.choice(NAMES), "motto": texts[5]},
            "sections": [
                {"heading": names[4], "lines": lines[:2]},
                {"heading": names[5], "lines": lines[2:]},
            ],
        }
    }


def report_tool(answer: str) -> TaskTool:
    """The tool that files a report."""
    line = _object({"label": _STRING, "text": _STRING})
    section = _object({"heading": _STRING, "lines": _array(line)})
    author = _object({"name": _STRING, "motto": _STRING})
    whole = _object({"title": _STRING, "author": author, "sections": _array(section)})
    return TaskTool("file_report", "File a report.", _object({"report": whole}), answer)
