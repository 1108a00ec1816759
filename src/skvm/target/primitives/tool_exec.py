"""``tool.exec``: one command, a script that is saved and run, a chain with intermediate files.

Every answer is something only a command can give: a digest, or counts over hundreds of lines.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skvm.harness.contract import Facility
from skvm.harness.trajectory import ToolKind
from skvm.target.checks import file_text, ran_a_command, rerun, same_text
from skvm.target.contract import (
    FILE_COATS,
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
from skvm.target.vocabulary import CITIES, COLOURS, NAMES, NOUNS

_NO_COMMAND = "no command was run"
_HELD_OUT = 2
_LINES = range(220, 481)
"""Lines of a file: more than anybody counts by eye."""
_CHAIN_MIN_CHOSEN = 40


def _ran(*commands: str) -> tuple[tuple[Act, ...], ...]:
    return tuple((Act(ToolKind.RUN, {"command": command}),) for command in commands)


# --- L1: one command -----------------------------------------------------------------------------------


def _one_command(rng: random.Random) -> Probe:
    path = f"{rng.choice(NOUNS)}.txt"
    word, *others = rng.sample(COLOURS, 6)
    # The share of the word is itself at random, or its count could be guessed.
    share = rng.uniform(0.1, 0.9)
    rows = [
        f"{rng.choice(NAMES)} {word if rng.random() < share else rng.choice(others)} {rng.randint(1, 9999)}"
        for _ in range(rng.choice(_LINES))
    ]
    text = "\n".join(rows) + "\n"
    digest, matching = hashlib.sha256(text.encode()).hexdigest(), sum(word in row.split() for row in rows)
    kind, question, value, slip, command = rng.choice(
        (
            (
                "digest",
                f"what is the SHA-256 digest of the file {path}, in hexadecimal?",
                digest,
                hashlib.sha256(text.rstrip().encode()).hexdigest(),
                f"sha256sum {path} > result.txt",
            ),
            (
                "count",
                f"how many lines does the file {path} have?",
                str(len(rows)),
                str(len(text)),
                f"wc -l {path} > result.txt",
            ),
            (
                "size",
                f"how many bytes does the file {path} have?",
                str(len(text)),
                str(len(text.split())),
                f"wc -c < {path} > result.txt",
            ),
            (
                "count",
                f"how many lines of the file {path} contain the word {word}?",
                str(matching),
                str(len(rows) - matching),
                f"grep -c {word} {path} > result.txt",
            ),
        )
    )
    turns = _ran(command)
    wrong = (_near(value), slip) if slip != value else (_near(value),)
    return Probe(
        prompt=(
            f"Find out with a command: {question} Write only the answer, without any words, to the file "
            "result.txt."
        ),
        files={path: text},
        reference=Answer(f"Answer: {value}", {"result.txt": value + "\n"}, turns),
        also=(Answer("Done.", {"result.txt": f"{value}  {path}\n"}, turns),),
        wrong=tuple(Answer("Done.", {"result.txt": each + "\n"}, turns) for each in wrong),
        secret={"expected": value, "path": path, "kind": kind},
    )


def _near(value: str) -> str:
    return str(int(value) + 1) if value.isdigit() else value[::-1] + "0"


async def _grade_one(probe: Probe, work: Work) -> Verdict:
    if not ran_a_command(work.trajectory):
        return Verdict(False, _NO_COMMAND)
    expected, said = probe.secret["expected"], await file_text(work.cell, "result.txt")
    if said is None:
        return Verdict(False, "result.txt was not written")
    # wc and sha256sum print the file's name behind the value, or a dash.
    first, *rest = said.split() or [""]
    if rest and (len(rest) > 1 or rest[0].lstrip("*").removeprefix("./") not in {probe.secret["path"], "-"}):
        return Verdict(False, f"result.txt should hold one value, holds {said[:100]!r}")
    return Verdict(same_text(first.lower(), expected), f"expected {expected}, result.txt says {said[:100]!r}")


def _guess_one(probe: Probe, rng: random.Random) -> Answer:
    kind = probe.secret["kind"]
    lines = rng.choice(_LINES)
    guesses = {
        "digest": f"{rng.getrandbits(256):064x}",
        "count": str(lines if "lines does" in probe.prompt else round(lines * rng.uniform(0.1, 0.9))),
        "size": str(round(lines * rng.uniform(14, 18))),
    }
    return Answer("Done.", {"result.txt": guesses[kind] + "\n"}, probe.reference.turns)


# --- L2: a script, saved and run -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Aggregate:
    """What a script is to print, how the oracle computes it, and a right and a wrong program."""

    what: str
    of: Callable[[Sequence[int]], int]
    program: str
    slip: str


_AGGREGATES = (
    _Aggregate("the sum of all numbers", sum, "sum(numbers)", "sum(numbers[1:])"),
    _Aggregate(
        "the largest number minus the smallest number",
        lambda numbers: max(numbers) - min(numbers),
        "max(numbers) - min(numbers)",
        "max(numbers)",
    ),
    _Aggregate(
        "how many of the numbers are even",
        lambda numbers: sum(n % 2 == 0 for n in numbers),
        "len([n for n in numbers if n % 2 == 0])",
        "len([n for n in numbers if n % 2 == 0]) + len(numbers)",
    ),
    _Aggregate(
        "the sum of the odd numbers",
        lambda numbers: sum(n for n in numbers if n % 2),
        "sum(n for n in numbers if n % 2 == 1)",
        "sum(1 for n in numbers if n % 2 == 1)",
    ),
    _Aggregate(
        "how many different numbers there are (a number that is repeated counts once)",
        lambda numbers: len(set(numbers)),
        "len(set(numbers))",
        "len(numbers)",
    ),
)


def _script(rng: random.Random) -> Probe:
    aggregate = rng.choice(_AGGREGATES)
    path, script = f"{rng.choice(NOUNS)}.txt", f"{rng.choice(('compute', 'work', 'count', 'tally'))}.py"
    samples: list[tuple[str, str]] = []
    while len(samples) < 1 + _HELD_OUT:
        numbers = [rng.randint(100, 999) for _ in range(rng.choice(_LINES))]
        # Something is repeated, so that a number and a different number are not the same.
        numbers[-1] = numbers[0]
        value = str(aggregate.of(numbers))
        if all(value != other for _, other in samples):
            samples.append(("\n".join(map(str, numbers)) + "\n", value))
    (text, value), *hidden = samples
    read = f"numbers = [int(line) for line in open({path!r})]\n"
    program, slip = (f"{read}print({each})\n" for each in (aggregate.program, aggregate.slip))
    other = f"import sys\n{read}sys.stdout.write(str({aggregate.program}))\n"
    turns = _ran(f"cat > {script} <<'EOF'\n{program}EOF", f"python3 {script} > result.txt")

    def answer(source: str, printed: str) -> Answer:
        return Answer(f"It printed {printed}.", {script: source, "result.txt": printed + "\n"}, turns)

    return Probe(
        prompt=(
            f"The work directory holds {path}, with one whole number a line. Save a Python script "
            f"{script} that reads {path} from the current directory and prints only one number: "
            f"{aggregate.what}. Then run it with python3 and save what it prints in result.txt."
        ),
        files={path: text},
        reference=answer(program, value),
        also=(answer(other, value),),
        wrong=(
            answer(slip, value),
            answer(program, hidden[0][1]),
            answer(f"print({value})\n", value),
            answer("# prints the number\n", value),
        ),
        secret={
            "script": script,
            "expected": value,
            "hidden": [{"files": {path: t}, "expected": v} for t, v in hidden],
        },
    )


async def _grade_script(probe: Probe, work: Work) -> Verdict:
    secret = probe.secret
    if not ran_a_command(work.trajectory):
        return Verdict(False, _NO_COMMAND)
    said = await file_text(work.cell, "result.txt")
    if said is None or not same_text(said, secret["expected"]):
        return Verdict(False, f"result.txt should hold {secret['expected']}, holds {(said or '')[:100]!r}")
    for number, case in enumerate(secret["hidden"], start=1):
        verdict = await rerun(
            work.cell,
            ["python3", secret["script"]],
            files=case["files"],
            output=None,
            expected=case["expected"],
            label=f"the script on other numbers ({number})",
        )
        if not verdict.passed:
            return verdict
    return Verdict(True, "the script works and its output was saved")


def _guess_script(probe: Probe, rng: random.Random) -> Answer:
    value = rng.randint(100, 200_000)
    files = {probe.secret["script"]: f"print({value})\n", "result.txt": f"{value}\n"}
    return Answer(f"It printed {value}.", files, probe.reference.turns)


# --- L3: a chain with intermediate files ---------------------------------------------------------------


def _chain_files(chosen: Sequence[str]) -> dict[str, str]:
    (town, often), *_ = Counter(row.split()[1] for row in chosen).most_common()
    return {
        "step1.txt": "\n".join(chosen) + "\n",
        "step2.txt": "\n".join(sorted(chosen)) + "\n",
        "result.txt": f"{town} {often} {len(chosen)}\n",
    }


def _chain(rng: random.Random) -> Probe:
    path = f"{rng.choice(NOUNS)}.txt"
    word, *others = rng.sample(COLOURS, 4)
    towns = [city.lower() for city in rng.sample(CITIES, 9)]
    while True:
        rows = [
            f"{word if rng.random() < 0.4 else rng.choice(others)} {rng.choice(towns)}"
            for _ in range(rng.randint(180, 320))
        ]
        chosen = [row for row in rows if row.split()[0] == word]
        counts = Counter(row.split()[1] for row in chosen).most_common()
        # One clear winner, and enough lines that nobody counts them by eye.
        if len(chosen) > _CHAIN_MIN_CHOSEN and counts[0][1] > counts[1][1]:
            break
    files, count = _chain_files(chosen), len(chosen)
    (town, often), (second, next_often) = counts[0], counts[1]
    steps = (
        f"grep '^{word} ' {path} > step1.txt",
        "sort step1.txt > step2.txt",
        "cut -d' ' -f2 step2.txt | sort | uniq -c | sort -rn | head -1; wc -l step2.txt",
        f"echo '{town} {often} {count}' > result.txt",
    )
    changed = (
        {"step1.txt": files["step2.txt"]},
        {"step2.txt": "\n".join(sorted(set(chosen))) + "\n"},
        {"result.txt": f"{town} {often} {len(rows)}\n"},
        {"result.txt": f"{second} {next_often} {count}\n"},
    )
    return Probe(
        prompt=(
            f"The work directory holds {path}; each of its lines is a colour and a town. "
            "Work with commands, in this order:\n"
            f"1. Save the lines whose colour is {word}, in their order, as step1.txt.\n"
            "2. Save the lines of step1.txt in alphabetical order, repeated lines kept, as step2.txt.\n"
            "3. Write one line to result.txt: the most frequent town in step2.txt, how often it occurs "
            "there, and the number of lines of step2.txt, separated by single spaces."
        ),
        files={path: "\n".join(rows) + "\n"},
        reference=Answer("Done.", files, _ran(*steps)),
        also=(Answer(f"{town} is the most frequent.", files, _ran("; ".join(steps))),),
        wrong=tuple(Answer("Done.", {**files, **each}, _ran(*steps)) for each in changed),
        secret={"files": files, "word": word, "towns": towns},
    )


async def _grade_chain(probe: Probe, work: Work) -> Verdict:
    if not ran_a_command(work.trajectory):
        return Verdict(False, _NO_COMMAND)
    for path, expected in probe.secret["files"].items():
        said = await file_text(work.cell, path)
        if said is None:
            return Verdict(False, f"{path} was not written")
        if said != expected.rstrip("\n"):
            return Verdict(False, f"{path} is not right: {said[:80]!r}, expected {expected[:80]!r} …")
    return Verdict(True, "every step's file is right")


def _guess_chain(probe: Probe, rng: random.Random) -> Answer:
    many = rng.randint(_CHAIN_MIN_CHOSEN, 160)
    chosen = [f"{probe.secret['word']} {rng.choice(probe.secret['towns'])}" for _ in range(many)]
    return Answer("Done.", _chain_files(chosen), probe.reference.turns)


TOOL_EXEC = primitive(
    Primitive(
        id="tool.exec",
        description="Run commands and use what they give.",
        levels={
            Level.L1: LevelSpec(
                claim="Run one command and keep its result.",
                generate=_one_command,
                grade=_grade_one,
                guess=_guess_one,
                accepts=FILE_COATS,
                commands=("sha256sum", "grep", "wc"),
            ),
            Level.L2: LevelSpec(
                claim="Write a script, save it, run it and keep its output.",
                generate=_script,
                grade=_grade_script,
                guess=_guess_script,
                accepts=FILE_COATS,
                commands=("python3",),
            ),
            Level.L3: LevelSpec(
                claim="A chain of commands over intermediate files, each of which is right.",
                generate=_chain,
                grade=_grade_chain,
                guess=_guess_chain,
                accepts=FILE_COATS,
                commands=("sort", "grep"),
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Have one script written that does the whole chain, saved to a file and then run, one "
                "step after the other, instead of several commands that depend on each other."
            ),
            l2_to_l1="Give the exact command line, ready to be run as it stands, and where its output goes.",
        ),
        needs=frozenset({Facility.COMMANDS}),
        revision=2,
    )
)
