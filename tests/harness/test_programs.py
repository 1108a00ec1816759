"""What the catalogue says of each program holds for the real one."""

from __future__ import annotations

import anyio
import pytest

from skvm.harness.programs.asking import ask_version
from skvm.harness.programs.catalogue import PROGRAMS
from skvm.harness.sandbox import Sandbox
from tests.harness.conftest import GetProgram

_SILENT = {"jiuwenclaw", "pi-acp", "claude-agent-acp", "ripgrep"}
"""Programs that have no way to be asked, or tell another version than their package's."""


@pytest.mark.parametrize("name", [entry.name for entry in PROGRAMS if entry.name not in _SILENT])
def test_it_starts_in_a_cell_and_is_the_pinned_version(
    name: str, get_program: GetProgram, sandbox: Sandbox
) -> None:
    found = get_program(name)
    assert anyio.run(ask_version, found, sandbox) == found.entry.version
    assert found.is_tested
