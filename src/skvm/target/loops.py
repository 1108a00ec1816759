"""Written loops: rounds that branch on their data, an end that has to be computed, and a check."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.target.vocabulary import COLOURS, NOUNS

__all__ = ["MAX_ROUNDS", "MIN_ROUNDS", "Loop", "draw_loop"]

MIN_ROUNDS, MAX_ROUNDS = 4, 7
_END = "End your answer with these lines, one after another, nothing between them and nothing after them."


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop and what it writes.

    Args:
        prompt: The loop in words.
        lines: What it writes.
        words: The words it may write.
        slips: What it would write with one thing misread.
    """

    prompt: str
    lines: Sequence[str]
    words: Sequence[str]
    slips: Sequence[Sequence[str]]


def _ended(lines: Sequence[str], total: int, limit: int, good: str, bad: str) -> list[str]:
    check = f"{good} {total - limit}" if total > limit else f"{bad} {limit - total}"
    return [*lines, f"ROUNDS {len(lines)}", check]


def _check_words(total: str, limit: int, good: str, bad: str) -> str:
    return (
        "Then write `ROUNDS r`, where r is how many rounds there were. Last, check: "
        f"{total}. If the sum is greater than {limit}, write `{good} d`, where d is how much greater it is, "
        f"otherwise write `{bad} d`, where d is how much is missing to {limit}.\n{_END}"
    )


def _shrunk(start: int, divisor: int, step: int, stop: int, names: Sequence[str]) -> tuple[list[str], int]:
    """Lines and sum of dividing where it goes and subtracting where it does not, down to ``stop``."""
    number, total = start, 0
    lines: list[str] = []
    while number > stop and len(lines) <= MAX_ROUNDS:
        if number % divisor == 0:
            number, word = number // divisor, names[0]
        else:
            number, word = number - step, names[1]
        total += number
        lines.append(f"{word} {number}")
    return lines, total


def _number_loop(rng: random.Random) -> Loop | None:
    names = [word.upper() for word in (*rng.sample(COLOURS, 2), *rng.sample(NOUNS, 2))]
    start, divisor = rng.randint(25, 140), rng.choice((2, 3))
    step, stop = rng.choice((4, 5, 7, 8)), rng.randint(9, 16)
    lines, total = _shrunk(start, divisor, step, stop, names)
    limit = total + rng.choice((-1, 1)) * rng.randint(3, 25)
    if not MIN_ROUNDS <= len(lines) <= MAX_ROUNDS or len({line.split()[0] for line in lines}) < 2:
        return None
    good, bad = names[2:]
    prompt = (
        f"Start with the number {start}. Repeat this round for as long as the number is greater than "
        f"{stop}:\n"
        f"- If the number can be divided by {divisor} without remainder, divide it by {divisor} and write "
        f"`{names[0]} n`, where n is the new number.\n"
        f"- Otherwise, subtract {step} and write `{names[1]} n`, where n is the new number.\n"
        + _check_words("add up all the numbers n you wrote in the rounds", limit, good, bad)
    )
    right = _ended(lines, total, limit, good, bad)
    short = _ended(lines[:-1], total - int(lines[-1].split()[1]), limit, good, bad)
    crossed = [f"{names[1 - names.index(word)]} {n}" for word, n in map(str.split, lines)]
    slips = [
        short,
        _ended(crossed, total, limit, good, bad),
        _ended(lines, total + start, limit, good, bad),
        [*right[:-1], f"{bad if total > limit else good} {abs(total - limit)}"],
    ]
    return Loop(prompt, right, names, slips)


def _packed(weights: Sequence[int], room: int, boxes: int, names: Sequence[str]) -> list[str]:
    """Lines of putting each weight into the open box, or into a new one, until the boxes are used up."""
    load, opened = 0, 1
    lines: list[str] = []
    for weight in weights:
        if load + weight <= room:
            load, word = load + weight, names[0]
        elif opened == boxes:
            break
        else:
            load, opened, word = weight, opened + 1, names[1]
        lines.append(f"{word} {load}")
    return lines


def _packing_loop(rng: random.Random) -> Loop | None:
    names = [word.upper() for word in (*rng.sample(COLOURS, 2), *rng.sample(NOUNS, 2))]
    room, boxes = rng.randint(20, 45), 3
    weights = [rng.randint(4, room - 4) for _ in range(MAX_ROUNDS + 2)]
    lines = _packed(weights, room, boxes, names)
    rounds = len(lines)
    # The end must come of the boxes, not of the list.
    if not MIN_ROUNDS <= rounds <= MAX_ROUNDS or len({line.split()[0] for line in lines}) < 2:
        return None
    total = sum(weights[:rounds])
    limit = total + rng.choice((-1, 1)) * rng.randint(3, 25)
    good, bad = names[2:]
    prompt = (
        f"Parcels weigh, in this order: {', '.join(map(str, weights))}. A box holds at most {room}, and "
        f"there are {boxes} boxes. Start with the first box, open and empty. Repeat this round with the next "
        "parcel each time:\n"
        f"- If the parcel fits into the open box, put it in and write `{names[0]} n`, where n is the weight "
        "now in this box.\n"
        f"- Otherwise, if a box is left, close the open one, open the next, put the parcel in and write "
        f"`{names[1]} n`, where n is the weight now in the new box.\n"
        "- Otherwise, stop: this parcel and all after it stay behind, and this round writes nothing and "
        "does not count.\n"
        + _check_words("add up the weights of all parcels that are in boxes", limit, good, bad)
    )
    right = _ended(lines, total, limit, good, bad)
    slips = [
        _ended(lines[:-1], sum(weights[: rounds - 1]), limit, good, bad),
        _ended([*lines, f"{names[1]} {weights[rounds]}"], total + weights[rounds], limit, good, bad),
        [*right[:-1], f"{bad if total > limit else good} {abs(total - limit)}"],
    ]
    return Loop(prompt, right, names, slips)


def draw_loop(rng: random.Random) -> Loop:
    """A loop of one of two kinds, of ``MIN_ROUNDS`` to ``MAX_ROUNDS`` rounds that take both branches."""
    make = rng.choice((_number_loop, _packing_loop))
    while (loop := make(rng)) is None:
        pass
    return loop
