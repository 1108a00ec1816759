"""``tool.file.read``: one file, several of which one is missing, a part of a large one.

What is asked for are long random codes that stand in the files and nowhere else, so that a right answer
proves the reading, whatever the harness calls it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from skvm.harness.contract import Facility
from skvm.target.answers import read_labelled
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
from skvm.target.vocabulary import CITIES, COLOURS, NOUNS, TEAMS

_CODE_DIGITS = 8
_SMALL_LINES = 6
_SEVERAL_FILES = 4
_ABSENT = "MISSING"
_CODE = "Code"
_SAID = re.compile(rf"\b(?:[0-9a-f]{{{_CODE_DIGITS}}}|{_ABSENT})\b", re.IGNORECASE)
LARGE_MIN_BYTES = 30_000
"""About three times what one observation shows a model (``skvm.harness.tools.OBSERVATION_CHARS``)."""
_LARGE_LINES = 820
# Neither the head nor the tail of a shortened view reaches these lines.
_HIDDEN_LINES = range(240, 680)


def _code(rng: random.Random) -> str:
    return f"{rng.getrandbits(4 * _CODE_DIGITS):0{_CODE_DIGITS}x}"


def _codes(rng: random.Random, count: int) -> list[str]:
    codes: dict[str, None] = {}
    while len(codes) < count:
        codes[_code(rng)] = None
    return list(codes)


def _lines(labels: Sequence[str], values: Sequence[str], sign: str = ": ") -> str:
    return "\n".join(f"{label}{sign}{value}" for label, value in zip(labels, values, strict=True))


def _probe(
    prompt: str,
    files: Mapping[str, str],
    labels: Sequence[str],
    values: Sequence[str],
    wrong: Sequence[Sequence[str]],
) -> Probe:
    return Probe(
        prompt=prompt,
        files=files,
        reference=Answer(_lines(labels, values)),
        also=(Answer(_lines(labels, [f"`{value}`" for value in values], " = ")),),
        wrong=tuple(Answer(_lines(labels, each)) for each in wrong),
        secret={"expected": dict(zip(labels, values, strict=True))},
    )


def _mistyped(code: str) -> str:
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def _one(rng: random.Random) -> Probe:
    path = f"{rng.choice(TEAMS)}/{rng.choice(NOUNS)}.txt"
    names, codes = rng.sample(NOUNS, _SMALL_LINES), _codes(rng, _SMALL_LINES)
    place = rng.randrange(_SMALL_LINES)
    right, neighbour = codes[place], codes[place - 1]
    return _probe(
        (
            f"Read the file {path} in the work directory. Each of its lines is a name and a code. "
            f"What is the code of {names[place]}? Answer with one line, `Code: <the code>`."
        ),
        {path: _lines(names, codes, " ") + "\n"},
        (_CODE,),
        (right,),
        ((neighbour,), (_mistyped(right),)),
    )


def _several(rng: random.Random) -> Probe:
    folder = rng.choice(TEAMS)
    paths = [f"{folder}/{city.lower()}.txt" for city in rng.sample(CITIES, _SEVERAL_FILES)]
    absent = rng.randrange(_SEVERAL_FILES)
    codes = _codes(rng, _SEVERAL_FILES)
    values = [_ABSENT if place == absent else code for place, code in enumerate(codes)]
    files = {
        path: f"colour: {rng.choice(COLOURS)}\ncode: {code}\nthing: {rng.choice(NOUNS)}\n"
        for path, code, value in zip(paths, codes, values, strict=True)
        if value != _ABSENT
    }
    other = (absent + 1) % _SEVERAL_FILES
    swapped = [values[{absent: other, other: absent}.get(place, place)] for place in range(_SEVERAL_FILES)]
    return _probe(
        (
            "Read these files in the work directory; one of them does not exist:\n"
            + "\n".join(paths)
            + "\nEach of the others has a line `code: ...`. Answer with one line for each of the "
            f"{_SEVERAL_FILES} files, its path and its code, like `{paths[0]}: <its code>`. For the file "
            f"that does not exist, write {_ABSENT} instead of the code."
        ),
        files,
        # Made up, taken for another one, and passed on under the wrong name.
        paths,
        values,
        (codes, swapped, [*values[1:], values[0]]),
    )


def _large(rng: random.Random) -> Probe:
    path = f"{rng.choice(TEAMS)}/{rng.choice(NOUNS)}.log"
    # Distinct keys in no order, so that a line is found by looking for it.
    keys = [f"K{number}" for number in rng.sample(range(10_000, 100_000), _LARGE_LINES)]
    codes = _codes(rng, _LARGE_LINES)
    things = rng.choices(NOUNS, k=_LARGE_LINES)
    colours = rng.choices(COLOURS, k=_LARGE_LINES)
    rows = [
        f"entry {key} code {code} {colour} {thing}"
        for key, code, colour, thing in zip(keys, codes, colours, things, strict=True)
    ]
    text = "\n".join(rows) + "\n"
    if len(text) < LARGE_MIN_BYTES:
        return _large(rng)
    line, found, before = rng.sample(_HIDDEN_LINES[::2], 3)
    values = (codes[line - 1], codes[found], codes[before + 1])
    return _probe(
        (
            f"The file {path} in the work directory has {_LARGE_LINES} lines, too many to be shown at once. "
            "Each line is an entry with a key, a code and more.\n"
            f"1: What is the code on line {line} (the first line is line 1)?\n"
            f"2: What is the code of the entry {keys[found]}?\n"
            f"3: What is the code on the line directly after the entry {keys[before]}?\n"
            "Answer with one line each, like `1: <the code>`."
        ),
        {path: text},
        ("1", "2", "3"),
        values,
        (
            (codes[line], *values[1:]),
            (*values[:2], codes[before]),
            (*values[:2], codes[before + 2]),
            (codes[0], codes[1], codes[2]),
        ),
    )


async def _grade(probe: Probe, work: Work) -> Verdict:
    expected = probe.secret["expected"]
    answers = read_labelled(work.response, list(expected))
    for label, value in expected.items():
        # "the code is ..." around it is no harm, a second code is.
        answer = answers.get(label, work.response if label == _CODE else "")
        said = {found.lower() for found in _SAID.findall(answer)}
        if said != {value.lower()}:
            return Verdict(False, f"{label}: expected {value}, said {', '.join(sorted(said)) or 'no code'}")
    return Verdict(True, "every answer is what the files hold")


def _guess(probe: Probe, rng: random.Random) -> Answer:
    labels = list(probe.secret["expected"])
    absent = rng.choice(labels) if _ABSENT in probe.prompt else None
    return Answer(_lines(labels, [_ABSENT if label == absent else _code(rng) for label in labels]))


TOOL_FILE_READ = primitive(
    Primitive(
        id="tool.file.read",
        description="Read files and use what they hold.",
        levels={
            Level.L1: LevelSpec(
                claim="Read one small file by its path.",
                generate=_one,
                grade=_grade,
                guess=_guess,
            ),
            Level.L2: LevelSpec(
                claim="Read several files and cope with one that is missing.",
                generate=_several,
                grade=_grade,
                guess=_guess,
            ),
            Level.L3: LevelSpec(
                claim="Find and read parts of a large file (30 KB and more), by page or by search.",
                generate=_large,
                grade=_grade,
                guess=_guess,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Split the large file into small ones beforehand, or give the line numbers of the part that "
                "is wanted and the command that prints just these lines."
            ),
            l2_to_l1=(
                "Have the files read one at a time, each by its exact path, and say what to do at once when "
                "one of them is not there."
            ),
        ),
        needs=frozenset({Facility.FILES}),
    )
)
