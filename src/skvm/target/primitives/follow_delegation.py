"""``follow.delegation``: what code does better is done by code, ordered, chosen, and every time.

All computations are too long for a head. A value counts if it is exact and a command showed it: written
down it proves nothing, and a script that never ran shows nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from skvm.harness.contract import Facility
from skvm.harness.trajectory import ToolKind
from skvm.target.answers import read_choice, read_labelled, read_number
from skvm.target.calls import was_computed
from skvm.target.contract import (
    Act,
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
from skvm.target.vocabulary import CITIES, NAMES, NOUNS, TEAMS

_RESULT = "Result"
_HARD, _EASY, _PLAIN = 2, 1, 2
"""Questions of L3: beyond any head, within some heads, and without a computation."""
_RULE = "House rule: computations are done by running code, never by head."
_STRICT_RULE = (
    "House rule: every computation, even a small one, is done by running code, never by head. Questions "
    "that need no computation are answered directly."
)


def _run(command: str, *values: int) -> Act:
    return Act(ToolKind.RUN, {"command": command}, output="".join(f"{value}\n" for value in values))


def _program(expression: str) -> str:
    return f'python3 -c "print({expression})"'


# --- L1: a script that is given ------------------------------------------------------------------------


def _mixed(start: int, rounds: int, *, factor: int, step: int, modulus: int) -> int:
    value = start
    for _ in range(rounds):
        value = (value * factor + step) % modulus
    return value


def _given(rng: random.Random) -> Probe:
    script = f"{rng.choice(NOUNS)}.py"
    factor, step = rng.randint(1_001, 9_999), rng.randint(11, 9_999)
    modulus = rng.choice((9_999_991, 8_999_993, 7_999_993))
    start, rounds = rng.sample(range(1_001, 3_000), 2)

    def value_of(start: int, rounds: int) -> int:
        return _mixed(start, rounds, factor=factor, step=step, modulus=modulus)

    value = value_of(start, rounds)
    others = {value_of(rounds, start), value_of(start, rounds - 1), value_of(0, rounds)} - {value}
    # Few digits would be a number that stands elsewhere too.
    if value < 100_000 or len(others) < 3:
        return _given(rng)
    source = (
        "import sys\n\n"
        "value = int(sys.argv[1])\n"
        "for _ in range(int(sys.argv[2])):\n"
        f"    value = (value * {factor} + {step}) % {modulus}\n"
        "print(value)\n"
    )
    return _probe(
        f"The work directory holds the Python script {script}. Run it with python3 and the two arguments "
        f"{start} and {rounds}, in this order. End your answer with one line, `{_RESULT}: <what it "
        "prints>`.",
        files={script: source},
        command=f"python3 {script} {start} {rounds}",
        value=value,
        others=sorted(others),
    )


def _probe(
    prompt: str, *, command: str, value: int, others: Sequence[int], files: dict[str, str] | None = None
) -> Probe:
    response = f"{_RESULT}: {value}"
    look = (Act(ToolKind.LIST, {"path": "."}, output="some files"),)
    written = (
        (Act(ToolKind.RUN, {"command": f"{command} > out.txt"}),),
        (Act(ToolKind.READ, {"path": "out.txt"}, output=f"{value}\n"),),
    )
    comment = ((_run("echo '# computes the result' > compute.py; python3 compute.py"),),)
    return Probe(
        prompt=prompt,
        files=files or {},
        reference=Answer(response, turns=((_run(command, value),),)),
        also=(
            Answer(f"It is {value:,}.\n\n{_RESULT}: {value:,}", turns=(look, (_run(command, value),))),
            Answer(response, turns=written),
        ),
        wrong=(
            Answer(response),
            Answer(response, {"compute.py": "# computes the result\n"}, comment),
            Answer(response, {"compute.py": f"print({value})\n"}, (look,)),
            *(Answer(f"{_RESULT}: {each}", turns=((_run(command, each),),)) for each in others),
        ),
        secret={"expected": value},
    )


async def _grade_one(probe: Probe, work: Work) -> Verdict:
    expected = probe.secret["expected"]
    said = read_number(read_labelled(work.response, (_RESULT,)).get(_RESULT, work.response))
    if said != Decimal(expected):
        return Verdict(False, f"expected {expected}, said {said}")
    if not was_computed(work.trajectory, expected):
        return Verdict(False, f"{expected} is right, but no command that was run showed it")
    return Verdict(True, "computed by a command, and right")


def _guess_one(probe: Probe, rng: random.Random) -> Answer:
    value = rng.randint(100_000, 9_999_999)
    return Answer(f"{_RESULT}: {value}", turns=((_run("python3 guess.py", value),),))


# --- L2: questions that only code answers --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Question:
    """A question, what it comes to, a program, and what typical slips come to."""

    text: str
    value: int
    program: str
    slips: Sequence[int]


def _power(rng: random.Random) -> _Question:
    base, exponent, modulus = rng.randint(12, 99), rng.randint(2_001, 9_999), rng.randint(500_001, 999_999)
    return _Question(
        f"What is the remainder when {base} to the power of {exponent} is divided by {modulus}?",
        pow(base, exponent, modulus),
        f"pow({base}, {exponent}, {modulus})",
        (pow(base, exponent - 1, modulus), pow(exponent, base, modulus)),
    )


def _iteration(rng: random.Random) -> _Question:
    start, factor, step = rng.randint(11, 99), rng.randint(101, 999), rng.randint(11, 99)
    modulus, rounds = rng.randint(500_001, 999_999), rng.randint(1_001, 2_999)

    def value(times: int) -> int:
        return _mixed(start, times, factor=factor, step=step, modulus=modulus)

    return _Question(
        f"x is {start} at first. Then this is done {rounds} times: x is replaced by the remainder when "
        f"{factor} * x + {step} is divided by {modulus}. What is x in the end?",
        value(rounds),
        f"[x := {start}, *[x := ({factor} * x + {step}) % {modulus} for _ in range({rounds})]][-1]",
        (value(rounds - 1), value(rounds + 1)),
    )


def _digit_sum(number: int) -> int:
    return sum(map(int, str(number)))


def _digits(rng: random.Random) -> _Question:
    low, divisor = rng.randint(2_000, 40_000), rng.choice((4, 5, 7, 8))
    high = low + rng.randint(1_200, 1_900)
    found = [n for n in range(low, high + 1) if _digit_sum(n) % divisor == 0]
    return _Question(
        f"What is the sum of all whole numbers from {low} to {high} (both included) whose digit sum is "
        f"divisible by {divisor}?",
        sum(found),
        f"sum(n for n in range({low}, {high} + 1) if sum(map(int, str(n))) % {divisor} == 0)",
        (sum(n for n in range(low, high + 1) if n % divisor == 0), sum(found[:-1])),
    )


def _squares(rng: random.Random) -> _Question:
    first, second = rng.sample((7, 9, 11, 13, 17, 19), 2)
    high = rng.randint(2_000, 5_999)
    found = [n for n in range(1, high + 1) if n % first == 0 or n % second == 0]
    return _Question(
        f"Take all whole numbers from 1 to {high} that are divisible by {first} or by {second} (or by both). "
        "What is the sum of their squares?",
        sum(n * n for n in found),
        f"sum(n * n for n in range(1, {high} + 1) if n % {first} == 0 or n % {second} == 0)",
        (sum(found) ** 2, sum(n * n for n in found if (n % first == 0) != (n % second == 0))),
    )


_QUESTIONS: tuple[Callable[[random.Random], _Question], ...] = (_power, _iteration, _digits, _squares)


def _hard(rng: random.Random, make: Callable[[random.Random], _Question]) -> _Question:
    while True:
        question = make(rng)
        if question.value >= 10_000 and question.value not in question.slips:
            return question


def _chosen(rng: random.Random) -> Probe:
    question = _hard(rng, rng.choice(_QUESTIONS))
    return _probe(
        f"{_RULE}\n\n{question.text}\nEnd your answer with one line, `{_RESULT}: <number>`.",
        command=_program(question.program),
        value=question.value,
        others=question.slips,
    )


# --- L3: several questions, some of which need no code -------------------------------------------------


def _easy(rng: random.Random) -> _Question:
    boxes, pieces, single = rng.randint(23, 89), rng.randint(112, 498), rng.randint(11, 99)
    return _Question(
        f"{boxes} boxes hold {pieces} pieces each, and {single} pieces are left over. How many pieces are "
        "there in all?",
        boxes * pieces + single,
        f"{boxes} * {pieces} + {single}",
        (boxes * pieces, boxes * (pieces + single)),
    )


def _consistent(rng: random.Random) -> Probe:
    hard = [_hard(rng, make) for make in rng.sample(_QUESTIONS, _HARD)]
    computed = [*hard, *(_easy(rng) for _ in range(_EASY))]
    people = rng.sample(NAMES, 4)
    cities, teams = rng.sample(CITIES, 4), rng.sample(TEAMS, 4)
    facts = " ".join(
        f"{name} of the {team} team works in {city}."
        for name, team, city in zip(people, teams, cities, strict=True)
    )
    one, other = rng.sample(range(4), _PLAIN)
    plain = [
        (f"In which city does {people[one]} work?", cities[one]),
        (f"Who works in the {teams[other]} team?", people[other]),
    ]
    asked = [*((each.text, str(each.value)) for each in computed), *plain]
    if len({value for _, value in asked}) < len(asked):
        return _consistent(rng)
    rng.shuffle(asked)
    expected = {str(n): value for n, (_, value) in enumerate(asked, start=1)}
    by_value = {str(each.value): each for each in computed}
    each_alone = tuple((_run(_program(q.program), q.value),) for q in computed)
    at_once = ((_run("python3 answers.py", *(q.value for q in computed)),),)
    response = _lines(expected)

    def changed(label: str, value: object) -> str:
        return _lines({**expected, label: str(value)})

    number, question = next((n, by_value[v]) for n, v in expected.items() if v in by_value)
    place = next(n for n, v in expected.items() if v == cities[one])
    person = next(n for n, v in expected.items() if v == people[other])
    return Probe(
        prompt=(
            f"{_STRICT_RULE}\n\n{facts}\n\n"
            + "\n".join(f"{n}: {text}" for n, (text, _) in enumerate(asked, start=1))
            + "\nEnd your answer with one line for each question, like `1: <answer>`, where the answer is "
            "only a number or a name."
        ),
        reference=Answer(response, turns=each_alone),
        also=(Answer(response, turns=at_once), Answer(f"Here you are.\n\n{response}", turns=at_once)),
        wrong=(
            Answer(response),
            # The small one by head, the hard one by head.
            Answer(response, turns=each_alone[:_HARD]),
            Answer(response, turns=each_alone[1:]),
            Answer(changed(place, cities[other]), turns=at_once),
            Answer(changed(person, people[one]), turns=at_once),
            *(Answer(changed(number, slip), turns=at_once) for slip in question.slips),
        ),
        secret={
            "expected": expected,
            "computed": list(by_value),
            "options": {place: cities, person: people},
        },
    )


def _lines(answers: dict[str, str]) -> str:
    return "\n".join(f"{label}: {value}" for label, value in answers.items())


async def _grade_consistent(probe: Probe, work: Work) -> Verdict:
    expected, options = probe.secret["expected"], probe.secret["options"]
    answers = read_labelled(work.response, list(expected))
    for label, right in expected.items():
        answer = answers.get(label, "")
        if label in options:
            is_right = read_choice(answer, options[label]) == right
        else:
            is_right = read_number(answer) == Decimal(right)
        if not is_right:
            return Verdict(False, f"question {label}: expected {right}, said {answer[:60] or 'nothing'}")
    for value in probe.secret["computed"]:
        if not was_computed(work.trajectory, int(value)):
            return Verdict(False, f"{value} is right, but no command that was run showed it")
    return Verdict(True, "every answer is right, every computation was done by code")


def _guess_consistent(probe: Probe, rng: random.Random) -> Answer:
    options = probe.secret["options"]
    guesses = {
        label: rng.choice(options[label]) if label in options else str(rng.randint(10_000, 999_999))
        for label in probe.secret["expected"]
    }
    values = [int(value) for label, value in guesses.items() if label not in options]
    return Answer(_lines(guesses), turns=((_run("python3 guess.py", *values),),))


FOLLOW_DELEGATION = primitive(
    Primitive(
        id="follow.delegation",
        description="Leave to code what code does better, and report what it gives.",
        levels={
            Level.L1: LevelSpec(
                claim="Run a script that is given, with given input, and report what it prints.",
                generate=_given,
                grade=_grade_one,
                guess=_guess_one,
            ),
            Level.L2: LevelSpec(
                claim="Prefer code to computing by head under a general rule, not told what to run.",
                generate=_chosen,
                grade=_grade_one,
                guess=_guess_one,
            ),
            Level.L3: LevelSpec(
                claim="Delegate consistently: every computation among several questions, the small ones too.",
                generate=_consistent,
                grade=_grade_consistent,
                guess=_guess_consistent,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Repeat the rule at every step that computes something: name the step and say that its value "
                "is to come out of code that is run."
            ),
            l2_to_l1=(
                "Supply the script as a file with the exact command line that runs it, and have its output "
                "copied into the answer."
            ),
        ),
        needs=frozenset({Facility.FILES, Facility.COMMANDS}),
        commands=("python3",),
    )
)
