"""``reason.analysis``: what code is for, which line of it is wrong, where a crash comes from."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence

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
from skvm.target.crashes import Crash, program
from skvm.target.mutants import PROGRAMS, mutant
from skvm.target.purposes import PURPOSES
from skvm.target.vocabulary import NOUNS

_FUNCTIONS = 3
_LETTERS = "ABCDEFGH"
_CONSTANTS = (2, 60)


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _listing(lines: Sequence[str]) -> str:
    return "\n".join(f"{number:>2} {line}".rstrip() for number, line in enumerate(lines, start=1))


def _bare(text: str) -> str:
    """The text with ``Function f():`` at the start of a line as ``f:``."""
    return re.sub(r"(?im)^(\W*)function\s+", r"\1", text.replace("()", ""))


def _answers(response: str, names: Sequence[str]) -> dict[str, str]:
    """Answers by the name of a function; lines about other functions are not taken for unnamed answers."""
    answers = read_labelled(_bare(response), names)
    about_another = re.compile(r"(?!line\b)\w+\s*:", re.IGNORECASE)
    return {name: text for name, text in answers.items() if not about_another.match(text)}


def _said(answers: Mapping[str, str]) -> Answer:
    return Answer("\n".join(f"{label}: {answer}" for label, answer in answers.items()))


def _purposes(rng: random.Random) -> Probe:
    k = str(rng.randint(*_CONSTANTS))
    options = dict(zip(_LETTERS, rng.sample(sorted(PURPOSES), len(_LETTERS)), strict=True))
    letters = rng.sample(_LETTERS, _FUNCTIONS)
    name = rng.choice(NOUNS)
    functions = []
    for number, letter in enumerate(letters, start=1):
        body = rng.choice(PURPOSES[options[letter]]).replace("{k}", k).split("\n")
        functions.append(
            f"Function {number}:\n" + _indented([f"def {name}(a):", *(f"    {b}" for b in body)])
        )
    words = {letter: text.replace("{k}", k) for letter, text in options.items()}
    free = [letter for letter in _LETTERS if letter not in letters]
    labels = [str(n) for n in range(1, _FUNCTIONS + 1)]

    def choose(chosen: Sequence[str]) -> Answer:
        return _said(dict(zip(labels, chosen, strict=True)))

    return Probe(
        prompt=(
            "Here are three Python functions; a is a list of at least two whole numbers.\n\n"
            + "\n\n".join(functions)
            + "\n\nWhat does each function return? Choose from these:\n"
            + "\n".join(f"{letter}: {text}" for letter, text in words.items())
            + "\n\nAnswer with one line for each function: its number, a colon and the letter."
        ),
        reference=choose(letters),
        secret={"letters": letters, "words": words},
        also=(
            choose([words[letter] for letter in letters]),
            choose([f"{letter}: {words[letter]}" for letter in letters]),
            Answer("\n".join(f"Function {n} - ({x})" for n, x in enumerate(letters, start=1))),
        ),
        wrong=(
            choose([*letters[1:], letters[0]]),
            choose([*letters[:-1], free[0]]),
            choose([*letters[:-1], f"{letters[-1]} or {free[0]}"]),
        ),
    )


def _letter_in(text: str, words: Mapping[str, str]) -> str | None:
    """The one option an answer chooses, by letter, by words or by both."""
    named = {letter for letter, option in words.items() if option in text.lower()}
    # A letter ends there or goes on behind a sign; a single «a» before a word is none.
    if found := re.match(r"^\W*(?:option\s+)?([A-Ha-h])\W*$|^\W*([A-Ha-h])\s?[^\w\s]", text):
        named.add((found[1] or found[2]).upper())
    return named.pop() if len(named) == 1 else None


async def _grade_purposes(probe: Probe, work: Work) -> Verdict:
    labels = [str(n) for n in range(1, _FUNCTIONS + 1)]
    answers = read_labelled(_bare(work.response), labels)
    for label, expected in zip(labels, probe.secret["letters"], strict=True):
        said = _letter_in(answers.get(label, ""), probe.secret["words"])
        if said != expected:
            return Verdict(False, f"function {label}: expected {expected}, said {said or 'nothing clear'}")
    return Verdict(True, "every purpose is right")


def _guess_purposes(probe: Probe, rng: random.Random) -> Answer:
    return _said({str(n): rng.choice(_LETTERS) for n in range(1, _FUNCTIONS + 1)})


def _faults(rng: random.Random) -> Probe:
    names = rng.sample(NOUNS, _FUNCTIONS)
    made = {
        name: mutant(rng, source, name)
        for name, source in zip(names, rng.sample(PROGRAMS, _FUNCTIONS), strict=True)
    }
    right = {name: each.line for name, each in made.items()}
    last = names[-1]

    def point(lines: Mapping[str, int]) -> Answer:
        return _said({name: str(line) for name, line in lines.items()})

    return Probe(
        prompt=(
            "Here are three Python functions. Exactly one line of each is wrong, and no line is missing.\n\n"
            + "\n\n".join(
                f"{name} {each.purpose[0].lower()}{each.purpose[1:]}\n{_listing(each.lines)}"
                for name, each in made.items()
            )
            + "\n\nWhich line of each function is wrong? Answer with one line for each function, like "
            "`name of the function: number of the line`."
        ),
        reference=point(right),
        secret={"lines": right, "lengths": {name: len(each.lines) for name, each in made.items()}},
        also=(
            _said({f"{name}()": f"line {line}" for name, line in right.items()}),
            _said({name: f"line {each.line}: `{each.lines[each.line - 1]}`" for name, each in made.items()}),
        ),
        wrong=(
            point({**right, last: right[last] + 1}),
            point({**right, last: right[last] - 1}),
            point(dict.fromkeys(right, 1)),
            _said({name: f"{line} or {line + 1}" for name, line in right.items()}),
        ),
    )


def _line_in(text: str) -> int | None:
    """The line an answer names: behind the word, else at its beginning, else its only number."""
    if found := re.findall(r"\blines?\s*#?(\d+)", text, re.IGNORECASE):
        return int(found[0]) if len(set(found)) == 1 else None
    numbers = re.findall(r"\d+", text)
    begins = re.match(r"^\W*(\d+)(?!\s*(?:or|and|to|,|/|-)\s*\d)", text)
    if begins:
        return int(begins[1])
    return int(numbers[0]) if len(numbers) == 1 else None


async def _grade_faults(probe: Probe, work: Work) -> Verdict:
    expected: Mapping[str, int] = probe.secret["lines"]
    answers = _answers(work.response, list(expected))
    for name, line in expected.items():
        said = _line_in(answers.get(name, ""))
        if said != line:
            return Verdict(False, f"{name}: expected line {line}, said {said or 'nothing clear'}")
    return Verdict(True, "every wrong line is found")


def _guess_faults(probe: Probe, rng: random.Random) -> Answer:
    return _said({name: str(rng.randint(2, length)) for name, length in probe.secret["lengths"].items()})


def _crashes(rng: random.Random) -> Probe:
    made = program(rng)
    causes = {crash.call: (crash.file, crash.line) for crash in made.crashes}
    files = "\n\n".join(
        f"{path}\n{_listing(text.split(chr(10)))}" for path, text in [*made.files.items()][::-1]
    )
    traces = "\n\n".join(f"{crash.call}() crashes:\n{_indented(crash.trace)}" for crash in made.crashes)

    def point(places: Mapping[str, tuple[str, int]]) -> Answer:
        return _said({call: f"{path}:{line}" for call, (path, line) in places.items()})

    at_crash = {crash.call: _place(crash.trace[-2]) for crash in made.crashes}
    first, last = (crash.call for crash in made.crashes)
    return Probe(
        prompt=(
            f"A Python program of three files:\n\n{files}\n\n"
            f"Two functions of main.py crash (where each call went, the error last):\n\n{traces}\n\n"
            "What the comments say is right. For each of the two crashes, exactly one line is the cause: it "
            "does not do what a comment says, or gives a function what its comment does not allow. Answer "
            f"with one line for each crash, file and line of the cause, like `{first}: file.py:1`."
        ),
        reference=point(causes),
        secret={
            "causes": {call: list(place) for call, place in causes.items()},
            "sizes": {path: text.count("\n") + 1 for path, text in made.files.items()},
        },
        also=(
            _said({f"{call}()": f"{path}, line {line}" for call, (path, line) in causes.items()}),
            _said({call: f"line {line} of `{path}`" for call, (path, line) in causes.items()}),
        ),
        wrong=(
            point(at_crash),
            point({**causes, last: at_crash[last]}),
            point({call: _place(_trace(made.crashes, call)[0]) for call in (first, last)}),
            point({first: causes[last], last: causes[first]}),
            point({**causes, last: (causes[last][0], causes[last][1] + 1)}),
        ),
    )


def _trace(crashes: Sequence[Crash], call: str) -> Sequence[str]:
    return next(crash.trace for crash in crashes if crash.call == call)


def _place(frame: str) -> tuple[str, int]:
    """File and line of a line of a trace."""
    path, line, _ = frame.split(", ")
    return path, int(line.removeprefix("line "))


async def _grade_crashes(probe: Probe, work: Work) -> Verdict:
    causes, stems = probe.secret["causes"], [path.removesuffix(".py") for path in probe.secret["sizes"]]
    answers = _answers(work.response, list(causes))
    either = re.compile(rf"\b({'|'.join(stems)})\.py\b", re.IGNORECASE)
    for call, (path, line) in causes.items():
        text = answers.get(call, "")
        named = {f"{stem.lower()}.py" for stem in either.findall(text)}
        said = _line_in(either.sub("", text))
        if named != {path} or said != line:
            return Verdict(False, f"{call}: expected {path}:{line}, said {text[:60] or 'nothing'}")
    return Verdict(True, "both causes are found")


def _guess_crashes(probe: Probe, rng: random.Random) -> Answer:
    sizes: Mapping[str, int] = probe.secret["sizes"]
    picked = {call: rng.choice(sorted(sizes)) for call in probe.secret["causes"]}
    return _said({call: f"{path}:{rng.randint(1, sizes[path])}" for call, path in picked.items()})


REASON_ANALYSIS = primitive(
    Primitive(
        id="reason.analysis",
        description="Read code: what it is for, which line is wrong, where a crash comes from.",
        levels={
            Level.L1: LevelSpec(
                claim="Say what a short piece of code is for.",
                generate=_purposes,
                grade=_grade_purposes,
                guess=_guess_purposes,
            ),
            Level.L2: LevelSpec(
                claim="Find the line of a function that keeps it from doing what it should.",
                generate=_faults,
                grade=_grade_faults,
                guess=_guess_faults,
            ),
            Level.L3: LevelSpec(
                claim="Follow a crash through several files to the file and line of its cause.",
                generate=_crashes,
                grade=_grade_crashes,
                guess=_guess_crashes,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Name the file and the function to look at, and where the work comes in, so that only one "
                "function has to be read at a time."
            ),
            l2_to_l1=(
                "Put the few lines that matter into the text itself, say what they should do, and ask only "
                "what they do."
            ),
        ),
    )
)
