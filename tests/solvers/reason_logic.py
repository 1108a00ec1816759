"""``reason.logic`` from its words: a table read backwards, seats filled one by one, a search with bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _machine, Level.L2: _row, Level.L3: _jobs}[level](probe.prompt)


def _machine(prompt: str) -> list[Answer]:
    rules = re.findall(r"^- If the light is (\w+), press the (\w+) button\.$", prompt, re.MULTILINE)
    (default,) = re.findall(r"^- For any other colour, press the (\w+) button\.$", prompt, re.MULTILINE)
    asked = re.findall(r"^(\d): The light is (\w+)\. Which button\?$", prompt, re.MULTILINE)
    lines = []
    for number, colour in asked:
        buttons = {button for light, button in rules if light == colour} or {default}
        if len(buttons) > 1:
            return []
        lines.append(f"{number}: {buttons.pop()}")
    return [Answer("\n".join(lines))]


def _fits(seats: Sequence[str], clue: str, people: Sequence[str]) -> bool:
    """Whether a clue can still hold with the leftmost seats filled."""
    names = [name for name in re.findall(r"[A-Z][a-z]+", clue) if name in people]
    if any(name not in seats for name in names):
        return "left of" not in clue or names[0] in seats or names[1] not in seats
    places = [seats.index(name) for name in names]
    if "directly to the left" in clue:
        return places[0] + 1 == places[1]
    if "somewhere to the left" in clue:
        return places[0] < places[1]
    if "next to" in clue:
        return abs(places[0] - places[1]) != 1
    if "Exactly one person" in clue:
        return abs(places[0] - places[1]) == 2
    assert "not sit at an end" in clue
    return 0 < places[0] < len(people) - 1


def _fill(seats: list[str], people: Sequence[str], clues: Sequence[str]) -> Iterator[list[str]]:
    if not all(_fits(seats, clue, people) for clue in clues):
        return
    if len(seats) == len(people):
        yield seats
    for name in people:
        if name not in seats:
            yield from _fill([*seats, name], people, clues)


def _row(prompt: str) -> list[Answer]:
    people = re.findall(r"[A-Z][a-z]+", prompt.split(" sit in", maxsplit=1)[0])
    clues = re.findall(r"^- (.+)$", prompt, re.MULTILINE)
    return [Answer("Order: " + ", ".join(seats)) for seats in _fill([], people, clues)]


def _jobs(prompt: str) -> list[Answer]:
    rows = [
        (name, [(thing, int(cost)) for thing, cost in re.findall(r"(\w+) (\d+)", costs)])
        for name, costs in re.findall(r"^([A-Z]\w+): (\w+ \d+, .+)$", prompt, re.MULTILINE)
    ]
    cheapest = [min(cost for _, cost in costs) for _, costs in rows]
    best, found = sum(max(cost for _, cost in costs) for _, costs in rows), []

    def search(chosen: list[str], total: int) -> None:
        nonlocal best, found
        depth = len(chosen)
        if total + sum(cheapest[depth:]) > best:
            return
        if depth == len(rows):
            found = [*(found if total == best else []), chosen]
            best = total
            return
        for thing, cost in rows[depth][1]:
            if thing not in chosen:
                search([*chosen, thing], total + cost)

    search([], 0)
    return [
        Answer(
            "\n".join(f"{name}: {thing}" for (name, _), thing in zip(rows, chosen, strict=True))
            + f"\nTotal: {best}"
        )
        for chosen in found
    ]
