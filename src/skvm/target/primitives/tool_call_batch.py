"""``tool.call.batch``: independent calls made at once, in one turn; dependent ones in the next.

Whether calls came together is read off the turns of the trajectory, whatever the harness's tools are called:
a call is about a file if it names it or shows what only that file holds.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from skvm.harness.contract import Facility
from skvm.harness.trajectory import ToolKind
from skvm.target.answers import read_labelled, read_number
from skvm.target.calls import is_batched
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
from skvm.target.vocabulary import CITIES, NOUNS, TEAMS

_TWO, _FIVE, _WAVE = 2, 5, 3
_DECOYS = 3
_CODE_DIGITS = 8
_CODE = re.compile(rf"\b[0-9a-f]{{{_CODE_DIGITS}}}\b", re.IGNORECASE)
_AT_ONCE = "with separate tool calls that you make at once, all in the same turn"
_RESULT = "Result"

Waves = Sequence[Sequence[str]]


def _reads(files: Mapping[str, str], waves: Waves) -> tuple[tuple[Act, ...], ...]:
    return tuple(
        tuple(Act(ToolKind.READ, {"path": path}, output=files[path]) for path in wave) for wave in waves
    )


def _listed(files: Mapping[str, str], waves: Waves) -> tuple[tuple[Act, ...], ...]:
    """The same by commands, after a look around."""
    ran = tuple(
        tuple(Act(ToolKind.RUN, {"command": f"cat ./{path}"}, output=files[path]) for path in wave)
        for wave in waves
    )
    return ((Act(ToolKind.LIST, {"path": "."}, output="some files"),), *ran)


def _probe(
    prompt: str,
    *,
    files: Mapping[str, str],
    waves: Waves,
    response: str,
    wrong: Sequence[str],
    expected: Mapping[str, str],
) -> Probe:
    batch = _reads(files, waves)
    one_by_one = tuple((act,) for acts in batch for act in acts)
    lumped = tuple(
        (
            Act(
                ToolKind.RUN,
                {"command": "cat " + " ".join(wave)},
                output="".join(files[path] for path in wave),
            ),
        )
        for wave in waves
    )
    return Probe(
        prompt=prompt,
        files=files,
        reference=Answer(response, turns=batch),
        also=(
            Answer(response, turns=_listed(files, waves)),
            Answer(response, turns=(*one_by_one[:1], *batch)),
        ),
        wrong=(
            Answer(response, turns=one_by_one),
            Answer(response, turns=lumped),
            Answer(response, turns=(*batch[:-1], *((act,) for act in batch[-1]))),
            *(Answer(each, turns=batch) for each in wrong),
        ),
        secret={"waves": [list(wave) for wave in waves], "expected": expected},
    )


async def _grade(probe: Probe, work: Work) -> Verdict:
    since = 0
    for number, wave in enumerate(probe.secret["waves"], start=1):
        if work.trajectory is None:
            break
        wanted = {path: probe.files[path].strip() for path in wave}
        place = is_batched(work.trajectory, wanted, since=since)
        if place is None:
            said = f"wave {number}: " if len(probe.secret["waves"]) > 1 else ""
            return Verdict(False, f"{said}the {len(wave)} files were not read by calls of one turn")
        since = place
    expected = probe.secret["expected"]
    answers = read_labelled(work.response, list(expected))
    for label, right in expected.items():
        said = answers.get(label, work.response if label == _RESULT else "").strip(" .\"'|")
        is_right = read_number(said) == Decimal(right) if label == _RESULT else _codes(said) == {right}
        if not is_right:
            return Verdict(False, f"{label}: expected {right}, said {said[:60] or 'nothing'}")
    return Verdict(True, "read at once, and the answer is right")


# --- L1: two reads -------------------------------------------------------------------------------------


def _code(rng: random.Random) -> str:
    return f"{rng.getrandbits(4 * _CODE_DIGITS):0{_CODE_DIGITS}x}"


def _codes(said: str) -> set[str]:
    """The codes somebody states; a word beside a code is no harm, a second code is."""
    return {found.lower() for found in _CODE.findall(said)}


def _two(rng: random.Random) -> Probe:
    paths = [f"{name}.txt" for name in rng.sample(NOUNS, _TWO)]
    codes = [_code(rng) for _ in paths]
    if codes[0] == codes[1]:
        return _two(rng)

    def lines(values: Sequence[str]) -> str:
        return "\n".join(f"{path}: {value}" for path, value in zip(paths, values, strict=True))

    return _probe(
        f"Read the files {paths[0]} and {paths[1]} with two tool calls, one for each file, both in the same "
        "turn. Each file holds one code. Then answer with two lines:\n"
        f"{paths[0]}: <its code>\n{paths[1]}: <its code>",
        files={path: code + "\n" for path, code in zip(paths, codes, strict=True)},
        waves=[paths],
        response=lines(codes),
        wrong=(lines(codes[::-1]), lines([codes[0], codes[0]]), lines([codes[0][:-1], codes[1]])),
        expected=dict(zip(paths, codes, strict=True)),
    )


def _guess_two(probe: Probe, rng: random.Random) -> Answer:
    lines = [f"{path}: {_code(rng)}" for path in probe.secret["expected"]]
    return Answer("\n".join(lines), turns=probe.reference.turns)


# --- L2: five reads and a value over them --------------------------------------------------------------

_AGGREGATES: Mapping[str, Callable[[Sequence[int]], int]] = {
    "the sum of the five numbers": sum,
    "the largest of the five numbers minus the smallest": lambda numbers: max(numbers) - min(numbers),
    "the sum of the three largest of the five numbers": lambda numbers: sum(sorted(numbers)[-3:]),
    "the sum of the smallest and the largest of the five numbers": lambda numbers: (
        min(numbers) + max(numbers)
    ),
}


def _five(rng: random.Random) -> Probe:
    folder = rng.choice(TEAMS)
    paths = [f"{folder}/{city.lower()}.txt" for city in rng.sample(CITIES, _FIVE)]
    numbers = rng.sample(range(1_000, 10_000), _FIVE)
    what = rng.choice(sorted(_AGGREGATES))
    value = _AGGREGATES[what](numbers)
    others = {each(numbers) for each in _AGGREGATES.values()} - {value}
    return _probe(
        "Each of these files in the work directory holds one whole number:\n"
        + "\n".join(paths)
        + f"\nRead all five {_AT_ONCE}: five calls, one for each file. Then end your answer with one "
        f"line, `{_RESULT}: <number>`, where the number is {what}.",
        files={path: f"{number}\n" for path, number in zip(paths, numbers, strict=True)},
        waves=[paths],
        response=f"{_RESULT}: {value}",
        wrong=[f"{_RESULT}: {other}" for other in sorted({*others, value + 10})],
        expected={_RESULT: str(value)},
    )


def _guess_five(probe: Probe, rng: random.Random) -> Answer:
    what = next(words for words in _AGGREGATES if f"is {words}." in probe.prompt)
    value = _AGGREGATES[what]([rng.randint(1_000, 9_999) for _ in range(_FIVE)])
    return Answer(f"{_RESULT}: {value}", turns=probe.reference.turns)


# --- L3: two waves, the second named by the first ------------------------------------------------------


def _waves(rng: random.Random) -> Probe:
    first = [f"{team}.txt" for team in rng.sample(TEAMS, _WAVE)]
    stores = [f"store/{name}.txt" for name in rng.sample(NOUNS, _WAVE + _DECOYS)]
    second, decoys = stores[:_WAVE], stores[_WAVE:]
    factors = rng.sample(range(2, 10), _WAVE)
    numbers = rng.sample(range(100, 1_000), _WAVE + _DECOYS)
    rng.shuffle(stores)
    files = {path: f"{other} {factor}\n" for path, other, factor in zip(first, second, factors, strict=True)}
    files |= {path: f"{number}\n" for path, number in zip([*second, *decoys], numbers, strict=True)}
    value = _weighted(factors, numbers[:_WAVE])
    wrong = {
        sum(numbers[:_WAVE]),
        _weighted(factors[::-1], numbers[:_WAVE]),
        _weighted(factors, numbers[_WAVE:]),
        value + 10,
    } - {value}
    return _probe(
        f"Each of the files {', '.join(first)} in the work directory holds the path of another file and a "
        "factor. The file at that path holds a number.\n"
        f"First read these {_WAVE} files {_AT_ONCE}. Then read the {_WAVE} files they name {_AT_ONCE} again. "
        "Multiply each of the three numbers by the factor that stands beside the path of its file, and add "
        f"the three products. End your answer with one line, `{_RESULT}: <number>`.",
        files={path: files[path] for path in (*first, *stores)},
        waves=[first, second],
        response=f"{_RESULT}: {value}",
        wrong=[f"{_RESULT}: {each}" for each in sorted(wrong)],
        expected={_RESULT: str(value)},
    )


def _weighted(factors: Sequence[int], numbers: Sequence[int]) -> int:
    return sum(factor * number for factor, number in zip(factors, numbers, strict=True))


def _guess_waves(probe: Probe, rng: random.Random) -> Answer:
    factors = [rng.randint(2, 9) for _ in range(_WAVE)]
    value = _weighted(factors, [rng.randint(100, 999) for _ in range(_WAVE)])
    return Answer(f"{_RESULT}: {value}", turns=probe.reference.turns)


TOOL_CALL_BATCH = primitive(
    Primitive(
        id="tool.call.batch",
        description="Make independent tool calls at once and put their results together.",
        levels={
            Level.L1: LevelSpec(
                claim="Two independent reads in one turn.",
                generate=_two,
                grade=_grade,
                guess=_guess_two,
            ),
            Level.L2: LevelSpec(
                claim="Five independent reads in one turn, and one value computed over their results.",
                generate=_five,
                grade=_grade,
                guess=_guess_five,
            ),
            Level.L3: LevelSpec(
                claim="Waves of calls: what one wave returns decides the next, and the results are combined.",
                generate=_waves,
                grade=_grade,
                guess=_guess_waves,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Name all files beforehand, so that they can be read in one go, and combine the results in "
                "a step of its own after that."
            ),
            l2_to_l1=(
                "Ask for at most two calls at a time and note their results before the next two are made."
            ),
        ),
        needs=frozenset({Facility.FILES, Facility.PARALLEL_TOOLS}),
    )
)
