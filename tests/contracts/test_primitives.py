"""Every primitive: its oracle takes right answers in the coats it names, and no cheat.

Five seeds a level; ``python -m benchmarks profiler`` takes a thousand.
"""

from __future__ import annotations

import random
import shutil

import pytest
from tests.unit.target import works

from skvm.target.contract import LEVELS, PRIMITIVES, Coat, Level, Primitive
from skvm.target.trials import CHEATERS, coated

ALL = [pytest.param(p, level, id=f"{p.id}-{level}") for p in PRIMITIVES.all() for level in LEVELS]
SEEDS = range(5)
GUESSES = 20
"""Guesses a probe where the oracle runs nothing."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", works.PATH)


@pytest.fixture(autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    """Without a primitive's programs, it is unmeasured, and its oracle is not asked."""
    if "primitive" not in request.fixturenames or "level" not in request.fixturenames:
        return
    primitive, level = request.getfixturevalue("primitive"), request.getfixturevalue("level")
    wanted = (*primitive.commands, *primitive.levels[level].commands)
    if missing := [name for name in wanted if shutil.which(name) is None]:
        pytest.skip(f"no {', '.join(missing)} here")


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_right_answers_pass(primitive: Primitive, level: Level) -> None:
    for seed in SEEDS:
        probe = primitive.probe(level, seed)
        for answer in (probe.reference, *probe.also):
            verdict = await works.graded(primitive, level, probe, answer)
            assert verdict.passed, f"seed {seed}: {verdict.reason}"


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_what_the_words_of_the_prompt_say_is_the_one_right_answer(
    primitive: Primitive, level: Level
) -> None:
    solve = works.solver(primitive)
    assert solve is not None, f"tests/solvers has no second algorithm for {primitive.id}"
    for seed in SEEDS:
        probe = primitive.probe(level, seed)
        solutions = solve(level, probe)
        assert len(solutions) == 1, f"seed {seed}: {len(solutions)} right answers"
        verdict = await works.graded(primitive, level, probe, solutions[0])
        assert verdict.passed, f"seed {seed}: {verdict.reason}"


@pytest.mark.parametrize("coat", Coat)
@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_a_right_answer_in_another_coat_is_what_the_level_says(
    primitive: Primitive, level: Level, coat: Coat
) -> None:
    accepts = coat in primitive.levels[level].accepts
    for seed in range(2) if await works.runs_processes(primitive, level) else SEEDS:
        probe = primitive.probe(level, seed)
        # Another right answer is dressed at every second seed.
        bare = [probe.reference, *probe.also][seed % 2 if probe.also else 0]
        answer = coated(bare, coat)
        if answer == bare:
            continue
        verdict = await works.graded(primitive, level, probe, answer)
        assert verdict.passed is accepts, f"seed {seed}: {verdict.reason}: {answer}"


@pytest.mark.parametrize("cheater", CHEATERS)
@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_a_cheater_fails(primitive: Primitive, level: Level, cheater: str) -> None:
    rng = random.Random(cheater)
    is_slow = await works.runs_processes(primitive, level)
    rounds = GUESSES if "guess" in cheater and not is_slow else 1
    asked = passed = 0
    for seed in range(2) if is_slow else SEEDS:
        probe = primitive.probe(level, seed)
        for _ in range(rounds):
            verdict = await works.graded(
                primitive, level, probe, CHEATERS[cheater](primitive, level, probe, rng)
            )
            asked, passed = asked + 1, passed + verdict.passed
    # Guessing may be lucky once in a hundred; nothing else may ever pass.
    assert passed <= (asked // 100 if "guess" in cheater else 0), f"{passed} of {asked} passed"


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_its_own_wrong_answers_fail(primitive: Primitive, level: Level) -> None:
    for seed in range(2) if await works.runs_processes(primitive, level) else SEEDS:
        probe = primitive.probe(level, seed)
        for answer in probe.wrong:
            verdict = await works.graded(primitive, level, probe, answer)
            assert not verdict.passed, f"seed {seed}: passed as {verdict.reason}"


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_probes_are_a_function_of_the_seed_and_hardly_repeat(
    primitive: Primitive, level: Level
) -> None:
    probes = [primitive.probe(level, seed) for seed in range(200)]
    assert probes == [primitive.probe(level, seed) for seed in range(200)]
    assert len({repr((probe.prompt, probe.files, probe.site)) for probe in probes}) >= 199
    # Long questions are slow to read for a small model, and measure its memory instead.
    assert max(len(probe.prompt) for probe in probes) <= 2000


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_a_verdict_names_its_reason(primitive: Primitive, level: Level) -> None:
    probe = primitive.probe(level, 0)
    for answer in (probe.reference, CHEATERS["refusal"](primitive, level, probe, random.Random(0))):
        verdict = await works.graded(primitive, level, probe, answer)
        assert 3 <= len(verdict.reason) <= 2000


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_no_wrong_answer_is_a_right_one(primitive: Primitive, level: Level) -> None:
    for seed in range(50):
        probe = primitive.probe(level, seed)
        right = [repr(each) for each in (probe.reference, *probe.also)]
        assert not [each for each in probe.wrong if repr(each) in right]


@pytest.mark.parametrize(("primitive", "level"), ALL)
async def test_what_an_agent_is_shown_does_not_state_the_answer(primitive: Primitive, level: Level) -> None:
    if primitive.id == "tool.file.write":
        pytest.skip("to write down what is shown is the capability")
    for seed in range(50):
        probe = primitive.probe(level, seed)
        said = [text.strip() for text in (*probe.reference.files.values(), probe.reference.response)]
        shown = [probe.prompt, *probe.files.values()]
        found = [text for text in said if len(text) >= 12 and any(text in each for each in shown)]
        assert not found, f"seed {seed}: {found[0][:200]}"


@pytest.mark.parametrize("primitive", PRIMITIVES.all(), ids=lambda p: p.id)
async def test_a_primitive_says_what_it_needs_and_how_it_is_lowered(primitive: Primitive) -> None:
    assert primitive.id == primitive.id.lower()
    assert primitive.degradations.l3_to_l2
    assert primitive.degradations.l2_to_l1 or primitive.id == "tool.browser"
    assert len({primitive.levels[level].claim for level in LEVELS}) == len(LEVELS)
    assert all(primitive.levels[level].guess is not None for level in LEVELS)
