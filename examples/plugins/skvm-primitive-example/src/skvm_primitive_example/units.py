"""``reason.units``: convert with one rate, along a chain of rates, and in compound units.

The units are invented, so that nothing but the question says how they relate.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from decimal import Decimal

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

UNITS = (
    *("brill", "corm", "dask", "fenn", "glim", "hask", "jorl", "kipp", "lorn", "murl", "nobb", "orvel"),
    *("pell", "rund", "sneb", "tarl", "ulm", "vint", "wemm", "yoll"),
)
QUESTIONS = 3
RATES = range(2, 13)
AMOUNTS = range(3, 40)
SINGLE_RATES = 4
CHAIN_UNITS = 6
CHAIN_STEPS = (2, 3)


# --- probes


def _single(rng: random.Random) -> Probe:
    """Pairs of units; each question needs the one rate of its pair."""
    units = rng.sample(UNITS, 2 * SINGLE_RATES)
    pairs = list(zip(units[::2], units[1::2], strict=True))
    rates = rng.sample(RATES, SINGLE_RATES)
    questions, answers, slips = [], [], []
    for place in rng.sample(range(SINGLE_RATES), QUESTIONS):
        (big, small), rate, amount = pairs[place], rates[place], rng.choice(AMOUNTS)
        downwards = rng.random() < 0.5
        questions.append(_how_many(small, amount, big) if downwards else _how_many(big, amount * rate, small))
        answers.append(amount * rate if downwards else amount)
        # Multiplied where one should divide, and the other way round.
        slips.append(round(amount / rate, 2) if downwards else amount * rate * rate)
    table = [f"1 {big} = {rate} {small}" for (big, small), rate in zip(pairs, rates, strict=True)]
    return _probe(table, questions, answers, slips)


def _chain(rng: random.Random) -> Probe:
    """One chain of units; each question goes two or three steps along it."""
    units = rng.sample(UNITS, CHAIN_UNITS)
    rates = rng.sample(RATES, CHAIN_UNITS - 1)
    questions, answers, slips = [], [], []
    for _ in range(QUESTIONS):
        steps = rng.choice(CHAIN_STEPS)
        first = rng.randrange(CHAIN_UNITS - steps)
        factor, amount = math.prod(rates[first : first + steps]), rng.choice(AMOUNTS)
        big, small = units[first], units[first + steps]
        downwards = rng.random() < 0.5
        questions.append(
            _how_many(small, amount, big) if downwards else _how_many(big, amount * factor, small)
        )
        answers.append(amount * factor if downwards else amount)
        # The last step is forgotten.
        last = rates[first + steps - 1]
        slips.append(amount * factor // last if downwards else amount * last)
    table = [f"1 {units[n]} = {rate} {units[n + 1]}" for n, rate in enumerate(rates)]
    rng.shuffle(table)
    return _probe(table, questions, answers, slips)


def _compound(rng: random.Random) -> Probe:
    """Two kinds of units; two questions on speeds, one on a mixed amount."""
    units = rng.sample(UNITS, 6)
    lengths, times = units[:3], units[3:]
    rates = rng.sample(RATES, 4)
    by_length, by_time = rates[:2], rates[2:]
    questions, answers, slips = [], [], []
    for _ in range(QUESTIONS - 1):
        far, long = rng.choice((1, 2)), rng.choice((1, 2))
        factor, factor_of_time = math.prod(by_length[:far]), math.prod(by_time[:long])
        amount = rng.choice(AMOUNTS)
        slow, fast = f"{lengths[0]} per {times[long]}", f"{lengths[far]} per {times[0]}"
        if rng.random() < 0.5:
            questions.append(_how_many(fast, amount, slow))
            answers.append(amount * factor * factor_of_time)
        else:
            questions.append(_how_many(slow, amount * factor * factor_of_time, fast))
            answers.append(amount)
        # The time is not converted.
        slips.append(answers[-1] * factor_of_time)
    parts = [rng.choice(AMOUNTS) for _ in lengths]
    in_small = parts[0] * by_length[0] * by_length[1] + parts[1] * by_length[1] + parts[2]
    mixed = " + ".join(f"{part} {unit}" for part, unit in zip(parts, lengths, strict=True))
    questions.append(f"How many {lengths[2]} are {mixed} together?")
    answers.append(in_small)
    slips.append(sum(parts))
    table = [f"1 {lengths[n]} = {rate} {lengths[n + 1]}" for n, rate in enumerate(by_length)]
    table += [f"1 {times[n]} = {rate} {times[n + 1]}" for n, rate in enumerate(by_time)]
    rng.shuffle(table)
    return _probe(table, questions, answers, slips)


def _how_many(wanted: str, amount: int, given: str) -> str:
    return f"How many {wanted} are {amount} {given}?"


def _probe(
    table: Sequence[str], questions: Sequence[str], answers: Sequence[int], slips: Sequence[float]
) -> Probe:
    numbered = "\n".join(f"{n}: {question}" for n, question in enumerate(questions, start=1))
    return Probe(
        prompt=(
            "\n".join(table) + f"\n\n{numbered}\n\n"
            "Answer with one line for each question: its number, a colon and the amount, like `1: 250`."
        ),
        reference=_answer(answers),
        secret={"answers": list(answers)},
        also=(
            Answer("\n".join(f"{number}. {amount:,}" for number, amount in enumerate(answers, start=1))),
            Answer(", ".join(f"{number}: {amount}" for number, amount in enumerate(answers, start=1))),
        ),
        wrong=(
            _answer(slips),
            _answer([*answers[:-1], answers[-1] + 1]),
            _answer(answers[::-1] if answers[0] != answers[-1] else slips),
        ),
    )


def _answer(amounts: Sequence[float]) -> Answer:
    return Answer("\n".join(f"{number}: {amount}" for number, amount in enumerate(amounts, start=1)))


# --- oracle


async def _grade(probe: Probe, work: Work) -> Verdict:
    expected: list[int] = probe.secret["answers"]
    labels = [str(number) for number in range(1, len(expected) + 1)]
    said = read_labelled(work.response, labels)
    for label, amount in zip(labels, expected, strict=True):
        if label not in said:
            return Verdict(False, f"question {label} has no answer")
        if read_number(said[label]) != Decimal(amount):
            return Verdict(False, f"question {label}: expected {amount}, got {said[label][:60]!r}")
    return Verdict(True, f"all {len(expected)} amounts are right")


def _guess(probe: Probe, rng: random.Random) -> Answer:
    """Someone who sees the numbers and multiplies or divides by some of them."""
    rates = [int(line.split()[3]) for line in probe.prompt.split("\n\n", maxsplit=1)[0].split("\n")]
    amounts = []
    for line in probe.prompt.split("\n\n")[1].split("\n"):
        amount = next(int(word) for word in line.split()[3:] if word.isdigit())
        factor = math.prod(rng.sample(rates, rng.randint(1, len(rates) - 1)))
        amounts.append(amount * factor if rng.random() < 0.5 else max(1, amount // factor))
    return _answer(amounts)


REASON_UNITS = primitive(
    Primitive(
        id="reason.units",
        description="Convert amounts between units whose rates are given.",
        levels={
            Level.L1: LevelSpec(
                claim="Convert with one given rate, up or down.",
                generate=_single,
                grade=_grade,
                guess=_guess,
            ),
            Level.L2: LevelSpec(
                claim=f"Convert along a chain of {CHAIN_STEPS[0]} or {CHAIN_STEPS[-1]} given rates.",
                generate=_chain,
                grade=_grade,
                guess=_guess,
            ),
            Level.L3: LevelSpec(
                claim="Convert compound units (one unit per another) and sums of mixed units.",
                generate=_compound,
                grade=_grade,
                guess=_guess,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Convert the unit before and the unit after `per` in steps of their own, and bring every "
                "part of a sum to the same unit first."
            ),
            l2_to_l1="Write a chain as single conversions, each with rate and result on a line of its own.",
        ),
    )
)
