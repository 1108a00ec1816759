"""``reason.analysis``: every fault breaks its function, every crash is real, and an answer has many forms."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from skvm.target.contract import PRIMITIVES, Answer, Level
from skvm.target.crashes import program, trace_of
from skvm.target.mutants import PROGRAMS, Program, mutant
from skvm.target.purposes import PURPOSES
from tests.solvers.reason_analysis import solve
from tests.unit.target import works

ANALYSIS = PRIMITIVES.get("reason.analysis")
FAULTS = [
    (source, line, text) for source in PROGRAMS for line in source.faults for text in source.faults[line]
]

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(("source", "line", "text"), FAULTS)
def test_a_fault_breaks_its_function_and_no_other_line_would_repair_it(
    source: Program, line: int, text: str
) -> None:
    made = mutant(random.Random(0), replace(source, faults={line: (text,)}), "f")
    listing = "\n".join(f"{n:>2} {each}" for n, each in enumerate(made.lines, start=1))
    shown = f"f {made.purpose[0].lower()}{made.purpose[1:]}\n{listing}\n"
    probe = replace(ANALYSIS.probe(Level.L2, 0), prompt=shown)
    assert [answer.response for answer in solve(Level.L2, probe)] == [f"f: {line}"]


def test_every_way_to_write_a_purpose_does_what_its_words_say() -> None:
    for purpose, bodies in PURPOSES.items():
        for body in bodies:
            code = "\n".join(f"        {line}" for line in body.replace("{k}", "7").split("\n"))
            words = purpose.replace("{k}", "7")
            prompt = f"Function 1:\n    def f(a):\n{code}\n\nWhat does each function return?\nA: {words}\n"
            probe = replace(ANALYSIS.probe(Level.L1, 0), prompt=prompt)
            assert [answer.response for answer in solve(Level.L1, probe)] == ["1: A"], purpose


def test_crashes_happen_as_described_and_not_where_their_cause_is() -> None:
    for seed in range(100):
        made = program(random.Random(seed))
        for crash in made.crashes:
            assert crash.trace == trace_of(made.files, crash.call)
            assert len(crash.trace) >= 3
            assert not crash.trace[-2].startswith(f"{crash.file}, line {crash.line},")
        assert len({crash.file for crash in made.crashes}) == 2


@pytest.mark.parametrize(
    "form",
    [
        "{n}: {letter}",
        "Function {n}: {letter}.",
        "{n}. ({letter})",
        "{n}: {words}",
        "{n}) {letter} - {words}",
    ],
)
async def test_a_purpose_is_said_by_letter_or_in_words(form: str) -> None:
    probe = ANALYSIS.probe(Level.L1, 3)
    said = "\n".join(
        form.format(n=n, letter=letter, words=probe.secret["words"][letter])
        for n, letter in enumerate(probe.secret["letters"], start=1)
    )
    verdict = await works.graded(ANALYSIS, Level.L1, probe, Answer(said))
    assert verdict.passed, verdict.reason


@pytest.mark.parametrize(
    "form",
    [
        "{name}: {line}",
        "{name}(): line {line}",
        "Function {name}: {line} (the sign)",
        "{name} = line {line}, not 99",
    ],
)
async def test_a_line_is_named_in_many_forms(form: str) -> None:
    probe = ANALYSIS.probe(Level.L2, 3)
    said = "\n".join(form.format(name=name, line=line) for name, line in probe.secret["lines"].items())
    verdict = await works.graded(ANALYSIS, Level.L2, probe, Answer(said))
    assert verdict.passed, verdict.reason


@pytest.mark.parametrize(
    "form", ["{call}: {path}:{line}", "{call}() -> {path}, line {line}", "{call}: {path} {line}"]
)
async def test_a_cause_is_named_in_many_forms_and_exactly(form: str) -> None:
    probe = ANALYSIS.probe(Level.L3, 3)
    causes = probe.secret["causes"]
    for off in (-2, -1, 0, 1, 2):
        said = "\n".join(
            form.format(call=call, path=path, line=line + off) for call, (path, line) in causes.items()
        )
        verdict = await works.graded(ANALYSIS, Level.L3, probe, Answer(said))
        assert verdict.passed is (off == 0), verdict.reason
