"""``skvm`` in a cell: it starts in every kind, knows that it is in one, and sees nothing of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

import skvm
from skvm.harness.sandbox import Cell, Policy
from skvm.runtime.plan.outfit.laying import Outfit, lay_outfit
from tests.confinement import ALL, make_ground, working

pytestmark = pytest.mark.anyio


def policy_of(work: Path, laid: Outfit) -> Policy:
    return Policy(work_dir=work, read_only=laid.packages, path_prefix=(laid.programs,))


async def said(cell: Cell, command: str) -> str:
    done = await cell.execute(command, timeout_s=60)
    assert done.exit_code == 0, done
    return done.stdout


@pytest.mark.parametrize("name", ALL)
async def test_the_command_starts_in_every_kind_of_cell(name: str) -> None:
    sandbox = working(name)
    with make_ground() as ground:
        laid = lay_outfit(ground.outside.parent / "outfit")
        async with sandbox.open(policy_of(ground.work, laid)) as cell:
            assert await said(cell, "skvm --version") == f"skvm, version {skvm.__version__}\n"
            # Also where a program hands on next to nothing.
            line = f"env -i HOME=/nowhere PATH=/usr/bin:/bin {laid.programs}/skvm --version"
            assert await said(cell, line) == f"skvm, version {skvm.__version__}\n"
        assert [*ground.work.iterdir()] == []
