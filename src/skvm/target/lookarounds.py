"""Three jobs that need lookaround: a password rule, a guarded word, a quantity between two words.

Each is a plain value (words, marks, counts), from which its rule in words, a right pattern and texts with
what must be found in them are made; what must be found is computed without a pattern.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.target.patterns import Way
from skvm.target.vocabulary import NOUNS

__all__ = ["KINDS", "Job", "Kind"]

_LETTERS = string.ascii_letters
_SYMBOLS = "!#%&@=:;"
_TEXTS = 8

Job = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job.

    Args:
        way: How its pattern is used.
        draw: A job.
        rule: What is asked for.
        build: A right pattern.
        texts: Texts to try it on.
        find: What must be found in a text, ``None`` for no match.
        slips: Changes of the job whose pattern is a typical mistake.
        guess: A job of which every choice is drawn at random.
    """

    way: Way
    draw: Callable[[random.Random], Job]
    rule: Callable[[Job], str]
    build: Callable[[Job], str]
    texts: Callable[[Job, random.Random], Sequence[str]]
    find: Callable[[Job, str], Sequence[str] | None]
    slips: Callable[[Job], Sequence[Job]]
    guess: Callable[[Job, random.Random], Job]


# A password: several things somewhere in it, and one thing nowhere.

_CHARS = {"digit": string.digits, "upper": string.ascii_uppercase}
_CHOICES = ("digit", "upper", "symbol")


def _chars(job: Job, need: str) -> str:
    """Of which characters a password needs one."""
    return str(_CHARS.get(need, job["symbols"]))


def _password(rng: random.Random) -> Job:
    short = rng.randint(8, 12)
    return {
        "low": short,
        "high": short + rng.randint(3, 9),
        "needs": sorted(rng.sample(_CHOICES, rng.randint(2, 3))),
        "symbols": "".join(rng.sample(_SYMBOLS, 4)),
        "banned": rng.choice([noun for noun in NOUNS if len(noun) <= 6]),
    }


def _password_rule(job: Job) -> str:
    listed = " ".join(f"`{symbol}`" for symbol in job["symbols"])
    names = {
        "digit": "at least one digit (0-9)",
        "upper": "at least one uppercase letter (A-Z)",
        "symbol": f"at least one of the characters {listed}",
    }
    needs = "".join(f"- it has {names[need]};\n" for need in job["needs"])
    return (
        "`re.fullmatch(pattern, text)` must match exactly those passwords that keep every rule:\n"
        f"- it has {job['low']} to {job['high']} characters;\n"
        f"- each of them is a letter, a digit or one of the characters {listed};\n{needs}"
        f"- the word {job['banned']}, in lowercase letters, is nowhere in it."
    )


def _password_pattern(job: Job) -> str:
    ranges = {"digit": "0-9", "upper": "A-Z", "symbol": job["symbols"]}
    ahead = "".join(f"(?=.*[{ranges[need]}])" for need in job["needs"])
    banned = f"(?!.*{job['banned']})" if job["banned"] else ""
    return f"{ahead}{banned}[A-Za-z0-9{job['symbols']}]{{{job['low']},{job['high']}}}"


def _is_password(job: Job, text: str) -> Sequence[str] | None:
    is_right = (
        job["low"] <= len(text) <= job["high"]
        and all(char in _LETTERS + string.digits + job["symbols"] for char in text)
        and all(any(char in _chars(job, need) for char in text) for need in job["needs"])
        and job["banned"] not in text
    )
    return [text] if is_right else None


def _passwords(job: Job, rng: random.Random) -> Sequence[str]:
    def made(needs: Sequence[str], size: int, extra: str = "") -> str:
        chars = [rng.choice(_chars(job, need)) for need in needs]
        chars += rng.choices(string.ascii_lowercase, k=size - len(chars) - len(extra))
        rng.shuffle(chars)
        place = rng.randint(0, len(chars))
        return "".join(chars[:place]) + extra + "".join(chars[place:])

    needs, low, high, banned = job["needs"], job["low"], job["high"], job["banned"]
    sizes = (low, high, *(rng.randint(low, high) for _ in range(_TEXTS)))
    right = [made(needs, size) for size in sizes]
    right += [made(_CHOICES, size) for size in (low, high)]
    # What must be there may stand first or last.
    for _ in range(3):
        ends = "".join(rng.choice(_chars(job, need)) for need in rng.sample(needs, len(needs)))
        right += [ends.ljust(low, "q"), ends.rjust(low, "q")]
    other = rng.choice([char for char in _SYMBOLS if char not in job["symbols"]])
    return [
        *right,
        *(made([need for need in needs if need != left], low) for left in needs for _ in range(2)),
        *(made([need for need in _CHOICES if need != left], low) for left in needs),
        *(made(needs, low - 1), made(needs, high + 1), made(needs, low, " "), made(needs, high, other), ""),
        *(made(needs, high, banned) for _ in range(3)),
        made(needs, high, banned.title()),
        f"{banned}{made(needs, high - len(banned))}",
    ]


def _password_slips(job: Job) -> Sequence[Job]:
    slips = [{"low": job["low"] - 1}, {"high": job["high"] + 1}, {"banned": ""}]
    return [*slips, {"needs": job["needs"][1:]}]


def _guess_password(job: Job, rng: random.Random) -> Job:
    low = rng.randint(7, 13)
    needs = [need for need in _CHOICES if rng.random() < 0.5]
    return {**job, "low": low, "high": low + rng.randint(2, 10), "needs": needs}


# A word that counts only where no letter, digit or mark touches it.


_INNER = "A-Za-z0-9"


def _guarded(rng: random.Random) -> Job:
    before, after = rng.sample("@#-$/", 2), rng.sample(":(-%/", 2)
    return {
        "word": rng.choice(NOUNS),
        "before": before,
        "after": after,
        "inner": _INNER,
        "is_behind": True,
        "is_ahead": True,
    }


def _guarded_rule(job: Job) -> str:
    before, after = ("`{}` or `{}`".format(*job[side]) for side in ("before", "after"))
    return (
        f"`re.finditer(pattern, text)` must find every place where {job['word']} stands alone, and "
        "no other:\n"
        f"- directly before it there is no letter, no digit, and none of the characters {before};\n"
        f"- directly after it there is no letter, no digit, and none of the characters {after}.\n"
        f"Each match is {job['word']} itself, without anything around it. The beginning and the end of the "
        "text, spaces and all other characters may touch it."
    )


def _guarded_pattern(job: Job) -> str:
    chars = job["inner"]
    before = f"(?<![{chars}{re.escape(''.join(job['before']))}])" if job["before"] or chars else ""
    after = f"(?![{chars}{re.escape(''.join(job['after']))}])" if job["after"] or chars else ""
    return f"{before if job['is_behind'] else ''}{job['word']}{after if job['is_ahead'] else ''}"


def _stands_alone(job: Job, text: str) -> Sequence[str] | None:
    word, found = job["word"], []
    start = text.find(word)
    while start >= 0:
        before, after = text[:start][-1:], text[start + len(word) :][:1]
        is_touched = before.isalnum() or after.isalnum() or before in job["before"] or after in job["after"]
        if not is_touched:
            found.append(f"{start} {word}")
        start = text.find(word, start + 1)
    return found or None


def _guarded_texts(job: Job, rng: random.Random) -> Sequence[str]:
    word = job["word"]
    # What may not stand on one side may stand on the other, if it is not named there too.
    marks = list(dict.fromkeys([*job["before"], *job["after"]]))
    before = ["", " ", ",", '"', *marks, "x", "7"]
    after = ["", " ", ",", ".", *marks, "y", "3"]
    texts = [f"a {left}{word}{right} b" for left in before for right in ("", " ", rng.choice(after))]
    texts += [f"{left}{word}{right}" for left in ("", rng.choice(before)) for right in after]
    texts += [f"{word} and {rng.choice(before)}{word}{rng.choice(after)} or {word}" for _ in range(4)]
    return [*texts, word.upper(), word[:-1], "", f"{word} {word}"]


def _guarded_slips(job: Job) -> Sequence[Job]:
    return [
        {"inner": False},
        {"is_behind": False},
        {"before": job["before"][:1]},
        {"after": job["after"][1:]},
    ]


def _guess_guarded(job: Job, rng: random.Random) -> Job:
    marks = [*job["before"], *job["after"]]
    sides = {side: [mark for mark in marks if rng.random() < 0.5] for side in ("before", "after")}
    looks = {look: rng.random() < 0.5 for look in ("is_behind", "is_ahead")}
    return {**job, **sides, **looks, "inner": rng.choice(["", "A-Za-z", "0-9", _INNER])}


# A quantity between what stands before and after it.


def _quantity(rng: random.Random) -> Job:
    name, unit, other, unit2 = rng.sample(NOUNS, 4)
    return {"name": name, "mark": rng.choice(":=#@"), "unit": unit, "others": [other, unit2], "run": "+"}


def _quantity_rule(job: Job) -> str:
    return (
        "`re.finditer(pattern, text)` must find every run of digits (0-9) that stands directly after "
        f"`{job['name']}{job['mark']}` and directly before ` {job['unit']}` (one space, then {job['unit']}), "
        "and nothing else. Each match is the digits alone: what stands before and after is not part "
        "of it.\n"
        f"Example: in `{job['name']}{job['mark']}120 {job['unit']}, {job['others'][0]}{job['mark']}8 "
        f"{job['unit']}, {job['name']}{job['mark']}45` only 120 is found."
    )


def _quantity_pattern(job: Job) -> str:
    return f"(?<={job['name']}{job['mark']})[0-9]{job['run']}(?= {job['unit']})"


def _quantities(job: Job, text: str) -> Sequence[str] | None:
    opening, found = job["name"] + job["mark"], []
    start = text.find(opening)
    while start >= 0:
        begins = start + len(opening)
        rest = text[begins:]
        digits = rest[: len(rest) - len(rest.lstrip(string.digits))]
        if digits and rest[len(digits) :].startswith(f" {job['unit']}"):
            found.append(f"{begins} {digits}")
        start = text.find(opening, begins)
    return found or None


def _quantity_texts(job: Job, rng: random.Random) -> Sequence[str]:
    name, mark, unit, (other, unit2) = job["name"], job["mark"], job["unit"], job["others"]

    def number() -> str:
        return str(rng.randint(1, 10 ** rng.randint(1, 4)))

    right = [f"{name}{mark}{number()} {unit}" for _ in range(6)]
    broken = [
        *(f"{name}{mark}{number()}", f"{name}{mark}{number()}{unit}", f"{name}{mark} {number()} {unit}"),
        *(f"{other}{mark}{number()} {unit}", f"{name}{mark}{number()} {unit2}", f"{name}{number()} {unit}"),
        *(f"{number()} {unit}", f"{name}{mark} {unit}", f"{name} {number()} {unit}", "", name, unit),
        *(
            f"{name}{mark}x{number()} {unit}",
            f"{name}{mark}{number()}x {unit}",
            f"{unit}{mark}{number()} {name}",
        ),
    ]
    mixed = [f"{rng.choice(right)}, {rng.choice(broken)}; {rng.choice(right)}" for _ in range(6)]
    return [*right, *broken, *mixed]


def _quantity_slips(job: Job) -> Sequence[Job]:
    return [{"unit": job["others"][1]}, {"run": ""}, {"run": "*"}, {"name": job["others"][0]}]


def _guess_quantity(job: Job, rng: random.Random) -> Job:
    words = [job["name"], job["unit"], *job["others"]]
    name, unit = rng.choice(words), rng.choice(words)
    mark = rng.choice(":=#@")
    return {
        **job,
        "name": name,
        "unit": unit,
        "mark": mark,
        "run": rng.choice(["", "+", "*", "?", "{2}", "{2,}", "{1,2}"]),
    }


KINDS: Mapping[str, Kind] = {
    "password": Kind(
        "fullmatch",
        *(_password, _password_rule, _password_pattern, _passwords, _is_password),
        *(_password_slips, _guess_password),
    ),
    "guarded": Kind(
        "findall",
        *(_guarded, _guarded_rule, _guarded_pattern, _guarded_texts, _stands_alone),
        *(_guarded_slips, _guess_guarded),
    ),
    "quantity": Kind(
        "findall",
        *(_quantity, _quantity_rule, _quantity_pattern, _quantity_texts, _quantities),
        *(_quantity_slips, _guess_quantity),
    ),
}
"""By name."""
