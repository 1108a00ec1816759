"""``follow.procedure``: straight steps, a branch, a loop that ends on its data."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from skvm.target.answers import read_lines
from skvm.target.contract import (
    Answer,
    Coat,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.loops import draw_loop
from skvm.target.vocabulary import NOUNS

_MIN_STEPS, _MAX_STEPS = 5, 7
_MARKED = frozenset({Coat.FENCED, Coat.BOLD, Coat.CRLF, Coat.BLANK_LINES})
"""A fence and bold are not lines; a sentence is one."""


def _probe(
    prompt: str,
    lines: Sequence[str],
    choices: Sequence[Sequence[str]],
    slips: Sequence[Sequence[str]],
    *,
    is_only: bool = True,
    is_numbered: bool = False,
) -> Probe:
    """A probe; ``choices`` are what each line might be to somebody who does not know.

    ``is_only`` says that nothing but the lines is asked for, ``is_numbered`` that each step writes one.
    """
    right, seen = list(lines), []
    for slip in slips:
        if list(slip) != right and slip not in seen:
            seen.append(slip)
    return Probe(
        prompt=prompt,
        reference=Answer("\n".join(right)),
        wrong=[Answer("\n".join(slip)) for slip in seen],
        also=[Answer(_numbered(right))] if is_numbered else [],
        secret={
            "expected": right,
            "choices": [list(each) for each in choices],
            "is_only": is_only,
            "is_numbered": is_numbered,
        },
    )


def _numbered(lines: Sequence[str]) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, start=1))


def _step(rng: random.Random, word: str) -> tuple[str, list[str]]:
    """A step without a decision, and what it writes."""
    kind = rng.choice(("word", "numbers", "times"))
    start, count = rng.randint(2, 60), rng.randint(3, 4)
    if kind == "numbers":
        text = f"Write the numbers from {start} to {start + count - 1}, one per line."
        return text, [str(start + i) for i in range(count)]
    if kind == "times":
        return f"Write the word {word} {count} times, once per line.", [word] * count
    return f"Write the word {word}.", [word]


def _straight(rng: random.Random) -> Probe:
    words = [word.upper() for word in rng.sample(NOUNS, 3)]
    steps = [_step(rng, word) for word in words]
    lines = [line for _, written in steps for line in written]
    if len(lines) < _MIN_STEPS:
        return _straight(rng)
    asked = "\n".join(f"{n}. {text}" for n, (text, _) in enumerate(steps, start=1))
    first, second, third = (written for _, written in steps)
    slips = [
        [*first, *second],
        [*second, *third],
        [*first, *third, *second],
        [*lines, "DONE"],
        [*first[:-1], *second, *third],
        [text for text, _ in steps],
    ]
    return _probe(
        f"Do these steps in order.\n{asked}\nAnswer with these lines only.",
        lines,
        [list(dict.fromkeys(lines))] * len(lines),
        slips,
    )


class _Walk:
    """A procedure with branches as it is drawn: what it says and what it writes, on both sides."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.words = [word.upper() for word in rng.sample(NOUNS, 12)]
        self.number = self.start = rng.randint(24, 98)
        self.steps: list[str] = []
        self.lines: list[str] = []
        self.choices: list[list[str]] = []
        self.decided: tuple[int, str] | None = None

    def _wrote(self, text: str, line: str, other: str | None = None) -> None:
        self.steps.append(text)
        self.lines.append(line)
        anything = [str(self.rng.randint(2, 200)) for _ in range(30)] if line.isdecimal() else []
        self.choices.append([line, *([other] if other else []), *anything])

    def word(self) -> None:
        """A word, whatever the number is."""
        word = self.words.pop()
        self._wrote(f"Write {word}.", word)

    def parity(self) -> None:
        """One word or the other, by the last digit."""
        even, odd = self.words.pop(), self.words.pop()
        line, other = (even, odd) if self.number % 2 == 0 else (odd, even)
        self._wrote(f"If the number is even, write {even}, otherwise write {odd}.", line, other)
        self.decided = (len(self.steps), even)

    def halve(self) -> None:
        """Another number, by the last digit."""
        halved, doubled = self.number // 2, self.number * 2
        self.number = halved if self.number % 2 == 0 else doubled
        other = doubled if self.number == halved else halved
        text = "If the number is even, halve it, otherwise double it. Write the new number."
        self._wrote(text, str(self.number), str(other))

    def add(self) -> None:
        """Another number without a decision."""
        added = self.rng.randint(7, 39)
        self.number += added
        self._wrote(f"Add {added}. Write the new number.", str(self.number), str(self.number - added))

    def compare(self) -> None:
        """One word or the other, by size."""
        big, small = self.words.pop(), self.words.pop()
        limit = self.number + self.rng.choice((-1, 1)) * self.rng.randint(1, min(20, self.number - 1))
        line, other = (big, small) if self.number > limit else (small, big)
        text = f"If the number is now greater than {limit}, write {big}, otherwise write {small}."
        self._wrote(text, line, other)

    def remember(self) -> None:
        """Another number, by what an earlier step wrote."""
        if self.decided is None:
            raise ValueError("nothing was decided before")
        place, word = self.decided
        less = self.rng.randint(2, min(9, self.number - 1))
        more = self.rng.randint(11, 30)
        added, subtracted = self.number + more, self.number - less
        is_so = self.lines[place - 1] == word
        self.number = added if is_so else subtracted
        text = (
            f"If you wrote {word} in step {place}, add {more}, otherwise subtract {less}. "
            "Write the new number."
        )
        self._wrote(text, str(self.number), str(subtracted if is_so else added))


def _branching(rng: random.Random) -> Probe:
    walk = _Walk(rng)
    middle = [walk.word, walk.add, walk.halve, walk.compare]
    rng.shuffle(middle)
    for draw in [walk.parity, *middle[: rng.randint(_MIN_STEPS - 3, _MAX_STEPS - 3)], walk.remember]:
        draw()
    walk.compare()
    slips = []
    for place, (line, options) in enumerate(zip(walk.lines, walk.choices, strict=True)):
        if len(options) > 1 and options[1] != line:
            slips.append([*walk.lines[:place], options[1], *walk.lines[place + 1 :]])
    asked = "\n".join(f"{n}. {text}" for n, text in enumerate(walk.steps, start=1))
    return _probe(
        f"Start with the number {walk.start}. Do these steps; each one writes one line of your answer.\n"
        f"{asked}\nAnswer with these {len(walk.lines)} lines only.",
        walk.lines,
        walk.choices,
        [*rng.sample(slips, 3), walk.lines[:-1]],
        is_numbered=True,
    )


def _loop(rng: random.Random) -> Probe:
    loop = draw_loop(rng)
    up, down, good, bad = loop.words
    numbers = [str(rng.randint(2, 99)) for _ in range(6)]
    rounds = [f"{word} {n}" for word in (up, down) for n in numbers]
    choices = [
        *([line, *rounds] for line in loop.lines[:-2]),
        [f"ROUNDS {n}" for n in range(3, 9)],
        [f"{word} {n}" for word in (good, bad) for n in range(3, 26)],
    ]
    return _probe(loop.prompt, loop.lines, choices, loop.slips, is_only=False)


async def _grade(probe: Probe, work: Work) -> Verdict:
    expected, lines = probe.secret["expected"], list(read_lines(work.response))
    if probe.secret["is_only"] and len(lines) == len(expected) and probe.secret["is_numbered"]:
        # One line a step: the number of the step before it is no other line.
        lines = [re.sub(rf"^(?:Step )?{n}[.):]\s+(?=\S)", "", line) for n, line in enumerate(lines, start=1)]
    if lines == expected or (not probe.secret["is_only"] and lines[-len(expected) :] == expected):
        return Verdict(True, f"all {len(expected)} lines in order")
    said = " / ".join(lines[-len(expected) - 1 :])[:300]
    missing = next((line for line in expected if line not in lines), None)
    where = "not the whole answer" if probe.secret["is_only"] else "not the end of the answer"
    why = f"line {missing!r} is missing" if missing else f"the lines are not in order, or {where}"
    return Verdict(False, f"{why}; expected {' / '.join(expected)}, said {said or 'nothing'}")


def _guess(probe: Probe, rng: random.Random) -> Answer:
    return Answer("\n".join(rng.choice(options) for options in probe.secret["choices"]))


FOLLOW_PROCEDURE = primitive(
    Primitive(
        id="follow.procedure",
        description="Carry out a written procedure step by step.",
        revision=2,
        levels={
            Level.L1: LevelSpec(
                claim="Three steps in a row without a decision.",
                generate=_straight,
                grade=_grade,
                guess=_guess,
                accepts=_MARKED,
            ),
            Level.L2: LevelSpec(
                claim="Five to seven steps with decisions between two branches.",
                generate=_branching,
                grade=_grade,
                guess=_guess,
                accepts=_MARKED,
            ),
            Level.L3: LevelSpec(
                claim="A loop whose end and branches depend on its data, with a check at the end.",
                generate=_loop,
                grade=_grade,
                guess=_guess,
                # The work may be shown before the lines, and nothing may come after them.
                accepts=_MARKED | {Coat.LEAD_IN},
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Fix the number of rounds in advance and write each round's criterion into the step "
                "itself, so that nothing has to be decided about when to stop."
            ),
            l2_to_l1=(
                "Split the procedure into pieces of three steps without a branch, one piece for each case, "
                "and say beforehand which piece applies."
            ),
        ),
    )
)
