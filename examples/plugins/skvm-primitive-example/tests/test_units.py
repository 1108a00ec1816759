"""The words of every question, read and computed by another way, give the answer the oracle expects."""

from __future__ import annotations

import re
from collections import deque
from fractions import Fraction

import pytest
from skvm_primitive_example.units import REASON_UNITS

from skvm.target.contract import LEVELS, Level


def rate(table: dict[str, dict[str, Fraction]], given: str, wanted: str) -> Fraction:
    """How many of one unit are one of another: search the graph of units."""
    waiting, seen = deque([(given, Fraction(1))]), {given}
    while waiting:
        unit, factor = waiting.popleft()
        if unit == wanted:
            return factor
        for other, step in table[unit].items():
            if other not in seen:
                seen.add(other)
                waiting.append((other, factor * step))
    raise AssertionError(f"no way from {given} to {wanted}")


def solve(prompt: str) -> list[Fraction]:
    """The answers to all questions, from the words of the prompt alone."""
    table: dict[str, dict[str, Fraction]] = {}
    for big, number, small in re.findall(r"^1 (\w+) = (\d+) (\w+)$", prompt, re.MULTILINE):
        table.setdefault(big, {})[small] = Fraction(number)
        table.setdefault(small, {})[big] = 1 / Fraction(number)
    answers = []
    for wanted, given in re.findall(r"^\d: How many ([\w ]+) are ([\w +]+)\?$", prompt, re.MULTILINE):
        above, _, below = wanted.partition(" per ")
        total = Fraction(0)
        for part in given.removesuffix(" together").split(" + "):
            amount, unit, *per = part.split()
            value = Fraction(amount) * rate(table, unit, above)
            total += value / rate(table, per[1], below) if per else value
        answers.append(total)
    return answers


@pytest.mark.parametrize("level", LEVELS)
def test_a_second_algorithm_agrees(level: Level) -> None:
    """What the words say is what the oracle expects."""
    for seed in range(300):
        probe = REASON_UNITS.probe(level, seed)
        assert solve(probe.prompt) == probe.secret["answers"], f"seed {seed}"
