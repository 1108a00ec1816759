"""``reason.logic``: rules, constraints with one solution, the best of many assignments."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from skvm.target.answers import read_choice, read_labelled, read_lines, read_number
from skvm.target.contract import (
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.vocabulary import COLOURS, NAMES, NOUNS

_QUESTIONS = 3
_RULES = 6
_PEOPLE = 6
_WORKERS = 5
_COSTS = (11, 99)
_TOTALS = ("Total", "Total cost", "Minimum total cost", "Smallest total cost")

Order = tuple[str, ...]


def _rules(rng: random.Random) -> Probe:
    colours = rng.sample(COLOURS, _RULES + 2)
    buttons = rng.sample(NOUNS, _RULES + 1)
    known, strangers = colours[:_RULES], colours[_RULES:]
    table = dict(zip(known, buttons, strict=False))
    # Six buttons with a rule and one for every other colour; a guess is right once in 7 ** 3.
    asked = [*rng.sample(known, _QUESTIONS - 1), rng.choice(strangers)]
    rng.shuffle(asked)
    expected = [table.get(colour, buttons[-1]) for colour in asked]
    by_no_default = [table.get(colour, buttons[0]) for colour in asked]
    next_rule = [buttons[(buttons.index(button) + 1) % len(buttons)] for button in expected]
    rules = "\n".join(f"- If the light is {colour}, press the {table[colour]} button." for colour in known)
    questions = "\n".join(
        f"{n}: The light is {colour}. Which button?" for n, colour in enumerate(asked, start=1)
    )
    return Probe(
        prompt=(
            f"Rules of a machine:\n{rules}\n- For any other colour, press the {buttons[-1]} button.\n\n"
            f"{questions}\nAnswer with one line each, like `1: name of the button`."
        ),
        reference=_numbered(expected),
        secret={"expected": expected, "options": buttons},
        also=(
            _numbered([f"the {button} button" for button in expected]),
            Answer(json.dumps({str(n): button for n, button in enumerate(expected, start=1)})),
        ),
        wrong=(
            _numbered(by_no_default),
            _numbered(next_rule),
            _numbered([*expected[:-1], f"{expected[-1]} or {next_rule[-1]}"]),
        ),
    )


def _numbered(said: Sequence[str]) -> Answer:
    return Answer("\n".join(f"{n}: {each}" for n, each in enumerate(said, start=1)))


def _guess_rules(probe: Probe, rng: random.Random) -> Answer:
    return _numbered([rng.choice(probe.secret["options"]) for _ in range(_QUESTIONS)])


async def _grade_rules(probe: Probe, work: Work) -> Verdict:
    labels = [str(n + 1) for n in range(_QUESTIONS)]
    answers = read_labelled(work.response, labels)
    for label, expected in zip(labels, probe.secret["expected"], strict=True):
        said = read_choice(answers.get(label, ""), probe.secret["options"])
        if said != expected:
            return Verdict(False, f"question {label}: expected {expected}, said {said or 'nothing clear'}")
    return Verdict(True, "every question is right")


@dataclass(frozen=True, slots=True)
class _Clue:
    """A statement about one or two people in a row, and when it holds."""

    text: str
    holds: Callable[[Order], bool]


def _between(order: Order, a: str, b: str) -> int:
    return order.index(b) - order.index(a)


def _pair_clues(a: str, b: str) -> tuple[_Clue, ...]:
    return (
        _Clue(f"{a} sits directly to the left of {b}.", lambda order: _between(order, a, b) == 1),
        _Clue(f"{a} sits somewhere to the left of {b}.", lambda order: _between(order, a, b) > 0),
        _Clue(f"{a} does not sit next to {b}.", lambda order: abs(_between(order, a, b)) > 1),
        _Clue(
            f"Exactly one person sits between {a} and {b}.",
            lambda order: abs(_between(order, a, b)) == 2,
        ),
    )


def _end_clue(name: str) -> _Clue:
    return _Clue(f"{name} does not sit at an end.", lambda order: name not in {order[0], order[-1]})


def _clues(order: Order) -> list[_Clue]:
    """Every true clue of these kinds; none names anybody's seat outright."""
    clues = [clue for a, b in itertools.permutations(order, 2) for clue in _pair_clues(a, b)]
    clues += [_end_clue(name) for name in order]
    return [clue for clue in clues if clue.holds(order)]


def _seating(rng: random.Random) -> Probe:
    names = rng.sample(NAMES, _PEOPLE)
    order: Order = tuple(rng.sample(names, _PEOPLE))
    if list(order) == names:
        return _seating(rng)
    orders: list[Order] = list(itertools.permutations(names))
    chosen: list[str] = []
    clues = _clues(order)
    rng.shuffle(clues)
    for clue in clues:
        left = [candidate for candidate in orders if clue.holds(candidate)]
        # A clue that excludes nothing more would only be noise.
        if len(left) < len(orders):
            orders, chosen = left, [*chosen, clue.text]
        if len(orders) == 1:
            break
    if orders != [order]:
        return _seating(rng)
    listed = ", ".join(names[:-1]) + f" and {names[-1]}"
    return Probe(
        prompt=(
            f"{listed} sit in one row of {_PEOPLE} seats, seen from the front, left to right.\n"
            + "\n".join(f"- {text}" for text in chosen)
            + "\nThere is exactly one possible order. End with one line: "
            "Order: <the names from left to right, separated by commas>"
        ),
        reference=_row(order),
        secret={"expected": list(order)},
        also=(Answer(", ".join(order)), Answer(f"Order: {' → '.join(order)}.")),
        wrong=(_row(order[::-1]), _row(names), _row((order[1], order[0], *order[2:])), _row(order[:-1])),
    )


def _row(order: Sequence[str]) -> Answer:
    return Answer(f"Order: {', '.join(order)}")


def _guess_seating(probe: Probe, rng: random.Random) -> Answer:
    return _row(rng.sample(probe.secret["expected"], _PEOPLE))


def _names_in(text: str, names: Sequence[str]) -> list[str]:
    found = re.findall("|".join(rf"\b{name.lower()}\b" for name in names), text.lower())
    return [name.title() for name in found]


async def _grade_seating(probe: Probe, work: Work) -> Verdict:
    expected = probe.secret["expected"]
    labelled = read_labelled(work.response, ("Order",)).get("Order")
    # Without an order line the last line that names everybody is the answer.
    lines = [labelled] if labelled else [line for line in read_lines(work.response) if len(line) < 200]
    orders = [found for line in lines if len(found := _names_in(line, expected)) == len(expected)]
    if not orders:
        return Verdict(False, "no line names every person")
    return Verdict(orders[-1] == expected, f"expected {', '.join(expected)}, said {', '.join(orders[-1])}")


def _total(costs: Sequence[Sequence[int]], chosen: Sequence[int]) -> int:
    return sum(row[job] for row, job in zip(costs, chosen, strict=True))


def _greedy(costs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Everybody in turn takes the cheapest thing that is left."""
    chosen: list[int] = []
    for row in costs:
        chosen.append(min(set(range(len(costs))) - set(chosen), key=row.__getitem__))
    return tuple(chosen)


def _assignment(rng: random.Random) -> Probe:
    workers = rng.sample(NAMES, _WORKERS)
    jobs = rng.sample(NOUNS, _WORKERS)
    while True:
        costs = [[rng.randint(*_COSTS) for _ in jobs] for _ in workers]
        ranked = sorted((_total(costs, p), p) for p in itertools.permutations(range(_WORKERS)))
        (best, chosen), (second, runner_up) = ranked[0], ranked[1]
        greedy = _greedy(costs)
        # One optimum only, and taking each row's cheapest free job must not find it.
        if best < second and best < _total(costs, greedy):
            break
    rows = "\n".join(
        f"{worker}: " + ", ".join(f"{job} {cost}" for job, cost in zip(jobs, row, strict=True))
        for worker, row in zip(workers, costs, strict=True)
    )
    cheapest = [min(range(_WORKERS), key=row.__getitem__) for row in costs]

    def plan(assigned: Sequence[int], total: int) -> Answer:
        return _plan([[worker, jobs[job]] for worker, job in zip(workers, assigned, strict=True)], total)

    return Probe(
        prompt=(
            f"Each person makes exactly one thing and each thing is made once. Costs:\n{rows}\n"
            "Find the assignment with the smallest total cost. Give one line a person, "
            "`Name: thing`, and then one line `Total: <number>`."
        ),
        reference=plan(chosen, best),
        secret={
            "pairs": [[worker, jobs[job]] for worker, job in zip(workers, chosen, strict=True)],
            "jobs": jobs,
            "total": best,
        },
        also=(
            Answer(
                "\n".join(
                    f"| {worker} | {jobs[job]} | {row[job]} |"
                    for worker, job, row in zip(workers, chosen, costs, strict=True)
                )
                + f"\n\nTotal cost: {best}"
            ),
        ),
        wrong=(
            plan(runner_up, second),
            plan(greedy, _total(costs, greedy)),
            plan(cheapest, _total(costs, cheapest)),
            plan(chosen, best + 1),
        ),
    )


def _plan(pairs: Sequence[Sequence[str]], total: int) -> Answer:
    return Answer("\n".join(f"{worker}: {job}" for worker, job in pairs) + f"\nTotal: {total}")


def _guess_assignment(probe: Probe, rng: random.Random) -> Answer:
    jobs = rng.sample(probe.secret["jobs"], _WORKERS)
    pairs = [[worker, job] for (worker, _), job in zip(probe.secret["pairs"], jobs, strict=True)]
    return _plan(pairs, sum(rng.randint(*_COSTS) for _ in pairs))


async def _grade_assignment(probe: Probe, work: Work) -> Verdict:
    pairs, jobs = probe.secret["pairs"], probe.secret["jobs"]
    answers = read_labelled(work.response, [*(worker for worker, _ in pairs), *_TOTALS])
    for worker, job in pairs:
        said = read_choice(answers.get(worker, ""), jobs)
        if said != job:
            return Verdict(False, f"{worker}: expected {job}, said {said or 'nothing clear'}")
    total = read_number(next((answers[label] for label in _TOTALS if label in answers), ""))
    return Verdict(total == Decimal(probe.secret["total"]), f"expected {probe.secret['total']}, said {total}")


REASON_LOGIC = primitive(
    Primitive(
        id="reason.logic",
        description="Draw conclusions from rules, constraints and costs.",
        levels={
            Level.L1: LevelSpec(
                claim="Apply if-then rules, the rule for all other cases included, to given facts.",
                generate=_rules,
                grade=_grade_rules,
                guess=_guess_rules,
            ),
            Level.L2: LevelSpec(
                claim="Combine several constraints to the one arrangement that satisfies all of them.",
                generate=_seating,
                grade=_grade_seating,
                guess=_guess_seating,
            ),
            Level.L3: LevelSpec(
                claim="Find the best of many admissible choices under constraints (optimisation).",
                generate=_assignment,
                grade=_grade_assignment,
                guess=_guess_assignment,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "List the admissible options explicitly with the constraints each one must meet, so that "
                "the work is to check and compare a few candidates instead of searching for the best."
            ),
            l2_to_l1=(
                "Turn the constraints into a chain of single checks, one if-then at a time in a fixed "
                "order, each with its result written down before the next."
            ),
        ),
        revision=2,
    )
)
