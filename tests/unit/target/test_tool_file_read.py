"""``tool.file.read``: the answers stand in the files alone, and a large file is large."""

from __future__ import annotations

import pytest

from skvm.harness.tools import OBSERVATION_CHARS, shorten
from skvm.target.contract import LEVELS, PRIMITIVES, Answer, Level
from tests.unit.target import works

READ = PRIMITIVES.get("tool.file.read")


def test_a_large_file_is_larger_than_any_view_of_it_and_the_answers_are_not_in_that_view() -> None:
    for seed in range(100):
        probe = READ.probe(Level.L3, seed)
        (text,) = probe.files.values()
        assert len(text) >= 30_000
        shown = shorten(text, OBSERVATION_CHARS)
        assert not [code for code in probe.secret["expected"].values() if code in shown]


def test_no_answer_stands_in_the_prompt() -> None:
    for level in LEVELS:
        for seed in range(50):
            probe = READ.probe(level, seed)
            codes = [code for code in probe.secret["expected"].values() if code != "MISSING"]
            assert not [code for code in codes if code in probe.prompt]


def test_exactly_one_of_several_files_is_missing() -> None:
    for seed in range(50):
        probe = READ.probe(Level.L2, seed)
        missing = [path for path in probe.secret["expected"] if path not in probe.files]
        assert [probe.secret["expected"][path] for path in missing] == ["MISSING"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_copy_of_the_whole_file_is_no_answer(anyio_backend: str) -> None:
    for level in LEVELS:
        probe = READ.probe(level, 0)
        verdict = await works.graded(READ, level, probe, Answer("\n".join(probe.files.values())))
        assert not verdict.passed
