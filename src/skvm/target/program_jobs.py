"""Programs as answers: a job to be programmed, its probe, and the oracle that runs what was written.

A job carries an oracle, a reference program that works in another way, and typical slips. Hidden inputs are
drawn until every slip gives a wrong answer on each of them, so that no slip passes by luck.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.target.checks import file_text, rerun
from skvm.target.contract import Answer, Probe, Verdict, Work

__all__ = ["JAVASCRIPT", "PYTHON", "Job", "Language", "Slip", "grade_with", "guess_with", "like", "probe_of"]

_HIDDEN_INPUTS = 2


@dataclass(frozen=True, slots=True)
class Slip:
    """A typical mistake.

    Args:
        gives: What it makes of an input; ``None`` where it crashes.
        program: A program that makes it.
    """

    gives: Callable[[str], Any]
    program: str


@dataclass(frozen=True, slots=True)
class Job:
    """One task for a program.

    Args:
        form: What the input file is, in the middle of a sentence.
        ask: What to write, from the article to the full stop.
        draw: An input at random.
        solve: The oracle: text, or a JSON value where the program writes JSON; ``None`` where an input has
            no one right answer.
        program: A right program.
        also: Other right programs.
        slips: Wrong programs.
    """

    form: str
    ask: str
    draw: Callable[[random.Random], str]
    solve: Callable[[str], Any]
    program: str
    also: Sequence[str] = ()
    slips: Sequence[Slip] = ()


@dataclass(frozen=True, slots=True)
class Language:
    """How a language's programs are asked for and run.

    Args:
        called: What the prompt calls a program, with its article.
        path: The file a solution is in.
        command: What runs it.
        writing: A program that writes one text (second) to one file (first) and looks at nothing.
    """

    called: str
    path: str
    command: Sequence[str]
    writing: Callable[[str, str], str]

    def answer(self, program: str) -> Answer:
        """What an agent leaves that wrote this program."""
        return Answer(f"{self.path} is written.", {self.path: program})


PYTHON = Language(
    "a Python program",
    "solution.py",
    ("python3", "solution.py"),
    lambda path, text: f"open({path!r}, 'w').write({text!r})\n",
)
JAVASCRIPT = Language(
    "a Node.js program (CommonJS, no packages to install)",
    "solution.js",
    ("node", "solution.js"),
    lambda path, text: f"require('fs').writeFileSync({json.dumps(path)}, {json.dumps(text)});\n",
)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def probe_of(rng: random.Random, job: Job, language: Language, *, source: str, output: str) -> Probe:
    """A probe that asks for a program: a sample input to look at, hidden ones to be right on.

    Args:
        rng: Source of the inputs.
        job: The task.
        language: What to write it in.
        source: Name of the input file.
        output: Name of the file the program writes.
    """
    cases: list[tuple[str, Any]] = []
    while len(cases) <= _HIDDEN_INPUTS:
        text = job.draw(rng)
        expected = job.solve(text)
        # Different answers, so that a sample's answer written down is wrong everywhere else.
        if expected is None or any(expected == other for _, other in cases):
            continue
        if all(slip.gives(text) != expected for slip in job.slips):
            cases.append((text, expected))
    (sample, shown), *hidden = cases
    written = f"writes only this to {output}:" if isinstance(shown, str) else f"writes to {output}"
    wrong = [*(slip.program for slip in job.slips), language.writing(output, _text(shown))]
    return Probe(
        prompt=(
            f"Create the file {language.path}, {language.called} without arguments. It reads {source}, "
            f"{job.form}, and {written} {job.ask} A sample {source} is in the work directory; "
            f"{language.path} will be tested with other files of the same form."
        ),
        files={source: sample},
        reference=language.answer(job.program),
        secret={
            "output": output,
            "sample": shown,
            "cases": [{"files": {source: text}, "expected": expected} for text, expected in hidden],
        },
        also=[language.answer(program) for program in job.also],
        wrong=[language.answer(program) for program in wrong],
    )


def grade_with(language: Language) -> Callable[[Probe, Work], Awaitable[Verdict]]:
    """The oracle: run the solution on every hidden input and compare what it writes."""

    async def grade(probe: Probe, work: Work) -> Verdict:
        if await file_text(work.cell, language.path) is None:
            return Verdict(False, f"{language.path} was not written")
        for number, case in enumerate(probe.secret["cases"], start=1):
            verdict = await rerun(
                work.cell,
                language.command,
                files=case["files"],
                output=probe.secret["output"],
                expected=case["expected"],
                label=f"hidden input {number}",
            )
            if not verdict.passed:
                return verdict
        return Verdict(True, "right on every hidden input")

    return grade


def guess_with(language: Language) -> Callable[[Probe, random.Random], Answer]:
    """A program that writes something of the right form and looks at nothing."""

    def guess(probe: Probe, rng: random.Random) -> Answer:
        value = like(probe.secret["sample"], " ".join(probe.files.values()), rng)
        return language.answer(language.writing(probe.secret["output"], _text(value)))

    return guess


def like(value: Any, shown: str, rng: random.Random) -> Any:
    """A value of the same form, whose words and numbers are drawn from what was shown."""
    if isinstance(value, dict):
        return {key: like(item, shown, rng) for key, item in value.items()}
    if isinstance(value, list):
        return [like(item, shown, rng) for item in value]
    if isinstance(value, int):
        return int(rng.choice(re.findall(r"\d{1,6}", shown) or ["1"]))
    if re.fullmatch(r"\d+", value):
        return str(rng.randint(0, 999))
    return rng.choice(re.findall(r"[A-Za-z]+", shown) or ["x"])
