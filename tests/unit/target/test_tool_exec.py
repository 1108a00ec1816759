"""``tool.exec``: nothing counts without a command, and a value is a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skvm.target.contract import LEVELS, PRIMITIVES, Level
from tests.unit.target import works

EXEC = PRIMITIVES.get("tool.exec")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_right_files_without_a_command_are_not_enough() -> None:
    for level in LEVELS:
        probe = EXEC.probe(level, 0)
        verdict = await works.graded(EXEC, level, probe, replace(probe.reference, turns=()))
        assert not verdict.passed
        assert verdict.reason == "no command was run"


async def test_only_the_name_of_the_file_may_stand_behind_a_value() -> None:
    probe = EXEC.probe(Level.L1, 0)
    value, path = probe.secret["expected"], probe.secret["path"]
    for text, passes in (
        (f"  {value} {path}\n", True),
        (f"{value}  -\n", True),
        (f"{value} ./{path}\n", True),
        (f"{value} lines\n", False),
        (f"{value} {path} 7\n", False),
    ):
        answer = replace(probe.reference, files={"result.txt": text})
        assert (await works.graded(EXEC, Level.L1, probe, answer)).passed is passes, text
