"""``tool.file.write``: a small file, a file of more than a kilobyte, many files in folders."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from skvm.harness.contract import Facility
from skvm.target.answers import read_lines
from skvm.target.checks import file_text
from skvm.target.contract import (
    FILE_COATS,
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
from skvm.target.vocabulary import CITIES, COLOURS, NAMES, NOUNS, TEAMS

SMALL_MAX_BYTES = 1_000
LARGE_MIN_BYTES, LARGE_MAX_BYTES = 1_024, 10_240
MANY_PEOPLE = range(6, 9)
_VERBS = ("likes", "sells", "paints", "repairs")
# Far enough above a kilobyte to be one, and no longer: slow models pay for every byte.
_LARGE_BYTES = range(1_060, 1_260)

Files = Mapping[str, str]


def _probe(prompt: str, files: Files, wrong: Sequence[Files], secret: Mapping[str, object]) -> Probe:
    return Probe(
        prompt=prompt,
        reference=Answer("Done.", files),
        also=(Answer(f"I wrote {', '.join(files)}.", {path: text.rstrip() for path, text in files.items()}),),
        wrong=tuple(Answer("Done.", each) for each in wrong),
        secret={"files": files, **secret},
    )


def _small(rng: random.Random) -> Probe:
    count = rng.randint(3, 6)
    lines = [
        f"{name} {rng.choice(_VERBS)} {rng.randint(2, 99)} {noun}s"
        for name, noun in zip(rng.sample(NAMES, count), rng.sample(NOUNS, count), strict=True)
    ]
    path, text = f"{rng.choice(NOUNS)}.txt", "\n".join(lines)
    if len(text) >= SMALL_MAX_BYTES:
        return _small(rng)
    wrong = (
        "\n".join(lines[:-1]),
        "\n".join([lines[1], lines[0], *lines[2:]]),
        "\n".join(f"    {line}" for line in lines),
        " ".join(lines),
    )
    return _probe(
        f"Create the file {path} with exactly these {len(lines)} lines:\n\n{text}\n",
        {path: text + "\n"},
        [{path: each + "\n"} for each in wrong],
        {"words": [line.split() for line in lines]},
    )


def _guess_small(probe: Probe, rng: random.Random) -> Answer:
    rows = probe.secret["words"]
    text = "".join(" ".join(rng.choice(rows)[place] for place in range(4)) + "\n" for _ in rows)
    return Answer("Done.", dict.fromkeys(probe.reference.files, text))


def _numbered(word: str, other: str, count: int, start: int, step: int) -> list[str]:
    return [f"{word}-{n:03d} {other} {start + step * (n - 1)}" for n in range(1, count + 1)]


def _large(rng: random.Random) -> Probe:
    word, other = rng.sample(NOUNS, 2)
    start, step, size = rng.randint(10, 500), rng.randint(3, 19), rng.choice(_LARGE_BYTES)
    path = f"{rng.choice(TEAMS)}-{word}.txt"
    count = next(n for n in range(1, 200) if len("\n".join(_numbered(word, other, n, start, step))) >= size)
    lines = _numbered(word, other, count, start, step)
    text = "\n".join(lines) + "\n"
    if not LARGE_MIN_BYTES < len(text) < LARGE_MAX_BYTES:
        return _large(rng)
    wrong = (
        lines[:-1],
        [*lines, _numbered(word, other, count + 1, start, step)[-1]],
        _numbered(word, other, count, start + step, step),
        [line.replace("-0", "-") for line in lines],
    )
    return _probe(
        f"Create the file {path} with exactly {count} lines. Line n is `{word}-NNN {other} V`: NNN is n "
        f"with leading zeros to three digits, V is {start} for line 1 and grows by {step} from each line "
        f"to the next. The first two lines are:\n\n{lines[0]}\n{lines[1]}\n",
        {path: text},
        [{path: "\n".join(each) + "\n"} for each in wrong],
        {"word": word, "other": other, "count": count},
    )


def _guess_large(probe: Probe, rng: random.Random) -> Answer:
    secret = probe.secret
    lines = _numbered(
        secret["word"], secret["other"], secret["count"], rng.randint(10, 500), rng.randint(3, 19)
    )
    return Answer("Done.", dict.fromkeys(probe.reference.files, "\n".join(lines) + "\n"))


Row = tuple[str, str, str, str, str]


def _many_files(rows: Sequence[Row]) -> dict[str, str]:
    files = {
        f"{team}/{name.lower()}.txt": f"name: {name}\ncity: {city}\nbadge: {colour} {badge}\n"
        for name, team, city, colour, badge in rows
    }
    for team in sorted({team for _, team, *_ in rows}):
        files[f"{team}/index.txt"] = "\n".join(sorted(name for name, of, *_ in rows if of == team)) + "\n"
    return files


def _many(rng: random.Random) -> Probe:
    teams = rng.sample(TEAMS, 3)
    rows: list[Row] = [
        (name, rng.choice(teams), rng.choice(CITIES), rng.choice(COLOURS), str(rng.randint(100, 999)))
        for name in rng.sample(NAMES, rng.choice(MANY_PEOPLE))
    ]
    files = _many_files(rows)
    unsorted = {
        path: "\n".join(reversed(text.split())) + "\n" if path.endswith("index.txt") else text
        for path, text in files.items()
    }
    # Several folders, and an order of names that matters in at least one of them.
    if len({team for _, team, *_ in rows}) == 1 or unsorted == files:
        return _many(rng)
    name, team, city, colour, badge = rows[0]
    mixed = [(n, t, c, rows[place - 1][3], b) for place, (n, t, c, _, b) in enumerate(rows)]
    wrong = [
        unsorted,
        {path: text for path, text in files.items() if not path.endswith("index.txt")},
        {path.split("/")[1]: text for path, text in files.items()},
        {path: "".join(f"  {line}\n" for line in text.splitlines()) for path, text in files.items()},
    ]
    if mixed != rows:
        wrong.append(_many_files(mixed))
    return _probe(
        "Here are people with name, team, city, colour and badge:\n"
        + "\n".join(map(", ".join, rows))
        + "\n\nCreate one file for each person, named team/name.txt with the name in lower case, with three "
        f"lines. For {name} it is {team}/{name.lower()}.txt:\n"
        f"name: {name}\ncity: {city}\nbadge: {colour} {badge}\n"
        "(no line is indented). Also create the file index.txt in every team's folder: the names of its "
        "people, capitalised as above, one a line, in alphabetical order.",
        files,
        wrong,
        {"rows": rows, "names": [name for name, *_ in rows]},
    )


def _guess_many(probe: Probe, rng: random.Random) -> Answer:
    rows = probe.secret["rows"]
    columns = [rng.sample(column, len(rows)) for column in list(zip(*rows, strict=True))[1:]]
    shuffled = zip(probe.secret["names"], *columns, strict=True)
    return Answer("Done.", _many_files([(n, t, c, colour, b) for n, t, c, colour, b in shuffled]))


async def _grade(probe: Probe, work: Work) -> Verdict:
    for path, expected in probe.secret["files"].items():
        said = await file_text(work.cell, path)
        if said is None:
            return Verdict(False, f"{path} was not written")
        if said != expected.rstrip("\n"):
            return Verdict(False, f"{path}: {_difference(expected, said)}")
    return Verdict(True, f"{len(probe.secret['files'])} file(s) exactly as asked")


def _difference(expected: str, said: str) -> str:
    wanted, lines = expected.rstrip("\n").split("\n"), said.split("\n")
    for number, (left, right) in enumerate(zip(wanted, lines, strict=False), start=1):
        if left != right:
            return f"line {number} should be {left[:80]!r}, is {right[:80]!r}"
    return f"{len(lines)} lines instead of {len(wanted)} ({len(read_lines(said))} not empty)"


TOOL_FILE_WRITE = primitive(
    Primitive(
        id="tool.file.write",
        description="Write files with exactly the content that was asked for.",
        levels={
            Level.L1: LevelSpec(
                claim="One file below 1 KB whose lines are given.",
                generate=_small,
                grade=_grade,
                guess=_guess_small,
                accepts=FILE_COATS,
            ),
            Level.L2: LevelSpec(
                claim="One file of 1 to 10 KB whose lines follow from a rule.",
                generate=_large,
                grade=_grade,
                guess=_guess_large,
                accepts=FILE_COATS,
            ),
            Level.L3: LevelSpec(
                claim="Many files in several folders, consistent with each other.",
                generate=_many,
                grade=_grade,
                guess=_guess_many,
                accepts=FILE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Have the files written one at a time, each named with its full path and confirmed to "
                "exist before the next one is begun."
            ),
            l2_to_l1="Split the content into pieces below 1 KB, each written or appended by its own action.",
        ),
        needs=frozenset({Facility.FILES}),
        revision=2,
    )
)
