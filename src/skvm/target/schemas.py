"""Drawn schemas: a few typed fields, the facts they are filled from and the value that comes out."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.target.vocabulary import CITIES, COLOURS, NAMES, NOUNS

__all__ = ["Field", "draw_fields", "guess_like"]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a schema.

    Args:
        key: Its name.
        form: What the prompt says of its type.
        fact: What the prompt says its value is made from.
        value: What stands there.
        slips: What somebody might write instead who missed the type or the rule.
    """

    key: str
    form: str
    fact: str
    value: Any
    slips: Sequence[Any]


Maker = Callable[[random.Random], Field]


def _code(key: str, digits: int) -> Maker:
    def make(rng: random.Random) -> Field:
        # It begins with a zero, which a number would lose.
        number = rng.randint(1, 10 ** (digits - 1) - 1)
        text = f"{number:0{digits}d}"
        return Field(
            key,
            f"string of all {digits} digits, leading zeros too",
            f"{key}: {text}",
            text,
            [number, str(number)],
        )

    return make


def _amount(key: str, unit: str, low: int, high: int) -> Maker:
    def make(rng: random.Random) -> Field:
        number = rng.randint(low, high)
        said = f"{unit}{number}" if unit == "$" else f"{number} {unit}"
        return Field(key, "number, without the unit", f"{key}: {said}", number, [said, str(number)])

    return make


def _flag(key: str, meaning: str, yes: str, no: str) -> Maker:
    def make(rng: random.Random) -> Field:
        is_so = rng.random() < 0.5
        word = "yes" if is_so else "no"
        form = f"boolean, {meaning}"
        return Field(key, form, yes if is_so else no, is_so, [not is_so, str(is_so).lower(), word])

    return make


def _option(key: str, codes: Mapping[str, str]) -> Maker:
    def make(rng: random.Random) -> Field:
        word = rng.choice(list(codes))
        form = "one of " + ", ".join(f'"{code}" ({name})' for name, code in codes.items())
        others = [code for code in codes.values() if code != codes[word]]
        return Field(key, form, f"{key}: {word}", codes[word], [word, rng.choice(others)])

    return make


def _person(key: str) -> Maker:
    def make(rng: random.Random) -> Field:
        name, city = rng.choice(NAMES), rng.choice(CITIES)
        value = {"name": name, "city": city}
        slips = [name, {"name": name}, {"name": name, "town": city}, {"name": city, "city": name}]
        form = "object with exactly the keys name and city, both strings"
        return Field(key, form, f"{key}: {name} from {city}", value, slips)

    return make


def _place(key: str) -> Maker:
    def make(rng: random.Random) -> Field:
        floor, room = rng.sample(range(2, 90), 2)
        value = {"floor": floor, "room": room}
        slips = [{**value, "room": str(room)}, [floor, room], {**value, "house": None}]
        form = "object with exactly the keys floor and room, both numbers"
        return Field(key, form, f"{key}: floor {floor}, room {room}", value, slips)

    return make


def _pair(key: str) -> Maker:
    def make(rng: random.Random) -> Field:
        low, high = sorted(rng.sample(range(2, 99), 2))
        slips = [f"{low}-{high}", [str(low), str(high)], [high, low]]
        form = "array of exactly two numbers, the first and the last"
        return Field(key, form, f"{key}: from {low} to {high}", [low, high], slips)

    return make


def _words(key: str) -> Maker:
    def make(rng: random.Random) -> Field:
        words = rng.sample(COLOURS, rng.randint(2, 3))
        slips = [", ".join(words), words[::-1], words[:-1]]
        said = ", ".join(words[:-1]) + f" and {words[-1]}"
        return Field(key, "array of strings, in the order given", f"{key}: {said}", words, slips)

    return make


def _maybe(key: str, unit: str) -> Maker:
    def make(rng: random.Random) -> Field:
        number = rng.randint(2, 40)
        form = "number, without the unit, or null where there is none"
        if rng.random() < 0.5:
            return Field(key, form, f"{key}: none", None, [0, "null", ""])
        return Field(key, form, f"{key}: {number} {unit}", number, [None, f"{number} {unit}"])

    return make


def _plain(key: str) -> Maker:
    def make(rng: random.Random) -> Field:
        word = rng.choice(NOUNS)
        return Field(key, "string", f"{key}: {word}", word, [[word], None])

    return make


_CODES = (_code("code", 5), _code("serial", 6), _code("batch", 4))
_AMOUNTS = (_amount("price", "$", 5, 400), _amount("weight", "kg", 3, 90), _amount("length", "cm", 10, 300))
_FLAGS = (
    _flag("in_stock", "true if there are any in stock", "12 are in stock", "there are 0 in stock"),
    _flag("paid", "true if it is paid", "it is paid", "it is not yet paid"),
    _flag("fragile", "true if it can break", "it can break", "it cannot break"),
    _flag("sealed", "true if there is a seal on it", "there is a seal on it", "there is no seal on it"),
)
_OPTIONS = (
    _option("size", {"small": "S", "medium": "M", "large": "L"}),
    _option("priority", {"low": "P3", "normal": "P2", "urgent": "P1"}),
    _option("state", {"new": "n", "in use": "u", "broken": "b"}),
    _option("route", {"by road": "R", "by rail": "T", "by sea": "B"}),
)
_OBJECTS = (_person("maker"), _person("owner"), _place("desk"), _place("contact"))
_LISTS = (_pair("pages"), _pair("days"), _words("colours"), _words("labels"))
_MORE = (_maybe("deposit", "dollars"), _maybe("delay", "days"), _plain("item"), _plain("brand"))


def draw_fields(rng: random.Random) -> list[Field]:
    """Seven fields in any order: one of each kind, with different keys."""
    kinds = (_CODES, _AMOUNTS, _FLAGS, _OPTIONS, _OBJECTS, _LISTS, _MORE)
    fields = [rng.choice(kind)(rng) for kind in kinds]
    rng.shuffle(fields)
    return fields


def guess_like(value: Any, texts: Sequence[str], numbers: Sequence[int], rng: random.Random) -> Any:
    """A value of the same shape, every leaf of it drawn from what is there to choose from."""
    if isinstance(value, dict):
        return {key: guess_like(inner, texts, numbers, rng) for key, inner in value.items()}
    if isinstance(value, list):
        return [guess_like(inner, texts, numbers, rng) for inner in value]
    if isinstance(value, bool):
        return rng.random() < 0.5
    if isinstance(value, int):
        return rng.choice(numbers)
    return rng.choice(texts) if isinstance(value, str) else rng.choice([None, *numbers])
