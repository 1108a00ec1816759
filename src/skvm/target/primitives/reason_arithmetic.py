"""``reason.arithmetic``: from one operation to several formulas that feed each other."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from skvm.target.answers import read_labelled, read_number
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
from skvm.target.rounding import check_numbers, exact_text, rounded_text, rounds_clearly
from skvm.target.vocabulary import NAMES, NOUNS

_PLACES = 2
_CENT = Fraction(1, 100)
_COMPOUNDED = {2: "twice a year", 4: "four times a year"}
_MAX_PERIODS = 8


def _one_operation(rng: random.Random) -> Probe:
    kind = rng.choice(("add", "subtract", "multiply", "percent"))
    name, noun = rng.choice(NAMES), rng.choice(NOUNS)
    a, b = rng.randint(112, 899), rng.randint(112, 899)
    if kind == "add":
        question = f"{name} has {a} {noun}s and buys {b} more. How many {noun}s does {name} have now?"
        result, slips = a + b, (abs(a - b), a + b - 10)
    elif kind == "subtract":
        a, b = max(a, b) + 100, min(a, b)
        question = f"{name} has {a} {noun}s and sells {b}. How many {noun}s are left?"
        result, slips = a - b, (a + b, a - b + 10)
    elif kind == "multiply":
        a, b = rng.randint(13, 99), rng.randint(3, 9)
        question = f"{name} fills {b} boxes with {a} {noun}s each. How many {noun}s is that?"
        result, slips = a * b, (a + b, a * b + a)
    else:
        b, a = rng.choice((10, 20, 25, 50)), rng.randint(6, 99) * 20
        question = f"{name} has {a} {noun}s. {b} percent of them are old. How many are old?"
        result, slips = a * b // 100, (a - a * b // 100, a // b)
    if result in {a, b}:
        return _one_operation(rng)
    wrong = [value for value in (*slips, result + 1, result - 1) if value != result]
    return Probe(
        prompt=f"{question}\nEnd with one line: Answer: <number>",
        reference=Answer(f"Answer: {result}"),
        secret={"expected": str(result)},
        also=(Answer(f"{a}, {b}\nAnswer: {result:,} {noun}s."), Answer(str(result))),
        wrong=[Answer(f"Answer: {value}") for value in wrong],
    )


async def _grade_one(probe: Probe, work: Work) -> Verdict:
    # The answer line decides where there is one, so that a worked solution before it does no harm.
    line = read_labelled(work.response, ("Answer",)).get("Answer", work.response)
    said, expected = read_number(line), Decimal(probe.secret["expected"])
    if said is None:
        return Verdict(False, "no number in the answer")
    return Verdict(said == expected, f"expected {expected}, said {said}")


def _guess_one(probe: Probe, rng: random.Random) -> Answer:
    return Answer(f"Answer: {rng.randint(2, 2000)}")


def _lines(values: Sequence[Fraction], *, sign: str = "") -> Answer:
    texts = [rounded_text(value, _PLACES) for value in values]
    return Answer(f"1: {sign}{texts[0]}\n2: {texts[1]}")


def _others(values: Sequence[Fraction]) -> tuple[Answer, ...]:
    """The same two numbers in other notations."""
    first, second = (rounded_text(value, _PLACES) for value in values)
    return (
        Answer(f"1: ${float(first):,.2f}\n2: {float(second):g}"),
        Answer(f"1. {exact_text(values[0], _PLACES)}\n2. {exact_text(values[1], _PLACES)}"),
        Answer(f"| 1 | {first} |\n| 2 | {second} |"),
    )


def _wrong(values: Sequence[Fraction], slips: Sequence[tuple[Fraction, Fraction]]) -> list[Answer]:
    """Slips of thought, and each number a cent off."""
    first, second = values
    right = _lines(values)
    pairs = (*slips, (first + _CENT, second), (first, second - _CENT))
    return [answer for pair in pairs if (answer := _lines(pair)) != right]


def _discount_then_tax(rng: random.Random) -> Probe:
    noun, name = rng.choice(NOUNS), rng.choice(NAMES)
    while True:
        price, count = rng.randint(12, 480), rng.randint(2, 9)
        discount, tax = rng.choice((5, 10, 15, 20, 25, 30, 40)), rng.choice((4, 6, 7, 8, 12, 19))
        net = Fraction(price * count * (100 - discount), 100)
        gross = net * (100 + tax) / 100
        # Whole percents of whole dollars: the first amount has no more than cents to round.
        if rounds_clearly(gross, _PLACES):
            break
    bill = Fraction(price * count)
    slips = (
        (net, bill * (100 - discount + tax) / 100),
        (net, net + bill * tax / 100),
        (net / count, gross / count),
        (bill * (100 + tax) / 100, gross),
    )
    return Probe(
        prompt=(
            f"{name} buys {count} {noun}s at ${price} each. First {discount}% is taken off the whole bill, "
            f"then {tax}% tax is added to what is left.\n"
            "Give two amounts in dollars, rounded to cents, one line each, like `1: 12.34`:\n"
            "1: the bill after the discount, before tax\n"
            "2: the final amount with tax"
        ),
        reference=_lines((net, gross), sign="$"),
        secret={"exact": [exact_text(net, _PLACES), exact_text(gross, _PLACES)]},
        also=_others((net, gross)),
        wrong=_wrong((net, gross), slips),
    )


def _compound(rng: random.Random) -> Probe:
    name = rng.choice(NAMES)
    while True:
        principal, rate = rng.randint(8, 180) * 50, Fraction(rng.randint(4, 16))
        periods = rng.choice(tuple(_COMPOUNDED))
        years = rng.randint(2, _MAX_PERIODS // periods)
        growth = 1 + rate / 100 / periods
        balance = principal * growth ** (periods * years)
        effective = (growth**periods - 1) * 100
        if (
            rounds_clearly(balance, _PLACES)
            and rounds_clearly(effective, _PLACES)
            and effective - rate > 0.05
        ):
            break
    slips = (
        (principal * (1 + rate / 100 * years), rate),
        (principal * (1 + rate / 100) ** years, effective),
        (balance, rate),
        (balance, (balance / principal - 1) * 100),
        (balance - principal, effective),
    )
    return Probe(
        prompt=(
            f"{name} puts ${principal} into an account with a nominal rate of {float(rate):g}% a year. "
            f"Interest is compounded {_COMPOUNDED[periods]}; nothing is paid in or out for {years} years. "
            "Round nothing on the way.\n"
            "Give two numbers rounded to 2 decimals, one line each, like `1: 12.34`:\n"
            f"1: the balance in dollars after {years} years\n"
            "2: the effective annual rate in percent: by how many percent the balance grows in one year"
        ),
        reference=_lines((balance, effective)),
        secret={"exact": [exact_text(balance, _PLACES), exact_text(effective, _PLACES)]},
        also=_others((balance, effective)),
        wrong=_wrong((balance, effective), slips),
    )


async def _grade_two(probe: Probe, work: Work) -> Verdict:
    return check_numbers(work.response, probe.secret["exact"], _PLACES)


def _guess_two(probe: Probe, rng: random.Random) -> Answer:
    return Answer(f"1: {rng.randint(100, 999_999) / 100}\n2: {rng.randint(100, 999_999) / 100}")


REASON_ARITHMETIC = primitive(
    Primitive(
        id="reason.arithmetic",
        description="Work out numbers from a short text.",
        levels={
            Level.L1: LevelSpec(
                claim="One operation on whole numbers: sum, difference, product or a round percentage.",
                generate=_one_operation,
                grade=_grade_one,
                guess=_guess_one,
            ),
            Level.L2: LevelSpec(
                claim="Several dependent steps, such as a discount followed by a tax, exact to the cent.",
                generate=_discount_then_tax,
                grade=_grade_two,
                guess=_guess_two,
            ),
            Level.L3: LevelSpec(
                claim="Compound formulas with powers whose results feed further formulas, exact to 0.01.",
                generate=_compound,
                grade=_grade_two,
                guess=_guess_two,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Replace the closed formula by its steps: give each intermediate formula a name, write it "
                "out with its inputs, and have each result noted before the next one is computed."
            ),
            l2_to_l1=(
                "Ask for one single operation at a time, each with its two numbers given, or have the "
                "whole calculation done by a short script or a calculator instead."
            ),
        ),
        revision=2,
    )
)
