"""Questions whose right answer goes against habit: words, signs and weights mean other things here."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.target.vocabulary import COLOURS, NOUNS

__all__ = ["Quiz", "draw_quiz"]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SIGNS = ("+", "-", "*")
_VERBS = {"+": "add", "-": "subtract", "*": "multiply"}
_COLOUR_QUESTIONS, _STATEMENTS, _SUMS, _DAY_QUESTIONS, _PAIRS = 4, 8, 3, 4, 3


@dataclass(frozen=True, slots=True)
class Quiz:
    """A few questions under rules of their own.

    Args:
        prompt: Rules and questions.
        expected: The answers by the rules, in order.
        habit: What one would answer by the usual meaning.
        choices: What each answer may be to somebody who does not know.
    """

    prompt: str
    expected: Sequence[str]
    habit: Sequence[str]
    choices: Sequence[Sequence[str]]


def _numbered(questions: Sequence[str]) -> str:
    return "\n".join(f"{n}: {text}" for n, text in enumerate(questions, start=1))


def _colours(rng: random.Random) -> Quiz:
    usual = rng.sample(COLOURS, 5)
    # A cycle: no colour keeps its name, and no two merely trade names.
    called = dict(zip(usual, [*usual[1:], usual[0]], strict=True))
    asked = [rng.choice(usual) for _ in range(_COLOUR_QUESTIONS)]
    things = rng.sample(NOUNS, _COLOUR_QUESTIONS)
    shown = rng.sample(usual, len(usual))
    rules = "; ".join(f"what is usually called {colour} is called {called[colour]}" for colour in shown)
    questions = [
        f"What is usually called {colour} is the colour of this {thing}. What is its colour called here?"
        for colour, thing in zip(asked, things, strict=True)
    ]
    return Quiz(
        f"In this text colours have other names: {rules}.\n{_numbered(questions)}\n"
        "Answer with one line each, like `1: colour`.",
        [called[colour] for colour in asked],
        asked,
        [usual] * _COLOUR_QUESTIONS,
    )


def _statement(rng: random.Random) -> tuple[str, bool]:
    left, right = rng.sample(range(11, 99), 2)
    if rng.random() < 0.5:
        return f"{left} is greater than {right}.", left > right
    return f"{left} is an even number.", left % 2 == 0


def _contrary(rng: random.Random) -> Quiz | None:
    drawn = [_statement(rng) for _ in range(_STATEMENTS)]
    truths = [is_true for _, is_true in drawn]
    if not 3 <= sum(truths) <= _STATEMENTS - 3 or len({text for text, _ in drawn}) < _STATEMENTS:
        return None
    return Quiz(
        "In this quiz yes and no have changed places: the answer to a true statement is no, the answer to a "
        f"false one is yes.\n{_numbered([text for text, _ in drawn])}\n"
        "Answer with one line each, like `1: yes` or `1: no`.",
        ["no" if is_true else "yes" for is_true in truths],
        ["yes" if is_true else "no" for is_true in truths],
        [["yes", "no"]] * _STATEMENTS,
    )


def _value(left: int, sign: str, right: int) -> int:
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


def _signs(rng: random.Random) -> Quiz | None:
    shift = rng.choice((1, 2))
    means = {sign: _SIGNS[(place + shift) % 3] for place, sign in enumerate(_SIGNS)}
    sums = [(rng.randint(6, 12), sign, rng.randint(3, 5)) for sign in rng.sample(_SIGNS, _SUMS)]
    expected = [str(_value(left, means[sign], right)) for left, sign, right in sums]
    habit = [str(_value(left, sign, right)) for left, sign, right in sums]
    if any(here == usual for here, usual in zip(expected, habit, strict=True)):
        return None
    rules = ", ".join(f"{sign} means {_VERBS[means[sign]]}" for sign in rng.sample(_SIGNS, 3))
    questions = [f"{left} {sign} {right}" for left, sign, right in sums]
    return Quiz(
        f"In this text the signs have other meanings: {rules}. (To subtract is to take the second number "
        f"from the first.)\nWork these out:\n{_numbered(questions)}\n"
        "Answer with one line each, like `1: number`.",
        expected,
        habit,
        [[str(number) for number in range(1, 61)]] * _SUMS,
    )


def _week(rng: random.Random) -> Quiz | None:
    week = rng.sample(_DAYS, 5)
    asked = [(rng.choice(week), rng.randint(2, 7)) for _ in range(_DAY_QUESTIONS)]
    expected = [week[(week.index(day) + after) % len(week)] for day, after in asked]
    habit = [_DAYS[(_DAYS.index(day) + after) % len(_DAYS)] for day, after in asked]
    if len(set(asked)) < len(asked) or any(map(str.__eq__, expected, habit)):
        return None
    questions = [f"Which day is {after} days after {day}?" for day, after in asked]
    return Quiz(
        f"In an invented calendar a week has five days, in this order: {', '.join(week)}. After {week[-1]}, "
        f"the next week begins with {week[0]}.\n{_numbered(questions)}\n"
        "Answer with one line each, like `1: day`.",
        expected,
        habit,
        [week] * _DAY_QUESTIONS,
    )


def _weights(rng: random.Random) -> Quiz:
    things = rng.sample(NOUNS, _PAIRS * 2)
    weights = rng.sample(range(2, 99), _PAIRS * 2)
    known = dict(zip(things, weights, strict=True))
    pairs = [things[at : at + 2] for at in range(0, len(things), 2)]
    expected, habit, choices = [], [], []
    for pair in pairs:
        light, heavy = sorted(pair, key=known.__getitem__)
        margin = known[heavy] - known[light]
        expected.append(f"The {heavy} is {margin} kg heavier than the {light}.")
        habit.append(f"In this story the {heavy} is {margin} kg heavier than the {light}.")
        choices.append(
            [f"The {a} is {n} kg heavier than the {b}." for a, b in (pair, pair[::-1]) for n in range(1, 41)]
        )
    listed = ", ".join(f"the {thing} {known[thing]} kg" for thing in rng.sample(things, len(things)))
    questions = [f"the {a} and the {b}" for a, b in (rng.sample(pair, 2) for pair in pairs)]
    return Quiz(
        f"In a story things do not weigh what they usually weigh: {listed}.\n"
        "State for each of these pairs, as a plain fact, which of the two is heavier and by how much. Do not "
        "mention the story, and express no doubt.\n"
        f"{_numbered(questions)}\n"
        "Answer with one line each, exactly like `1: The x is n kg heavier than the y.`",
        expected,
        habit,
        choices,
    )


def draw_quiz(rng: random.Random) -> Quiz:
    """A quiz of one of five kinds."""
    make = rng.choice((_colours, _contrary, _signs, _week, _weights))
    while (quiz := make(rng)) is None:
        pass
    return quiz
