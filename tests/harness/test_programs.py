"""What the catalogue says of each program holds for the real one."""

from __future__ import annotations

import anyio
import pytest

from skvm.harness.programs.asking import ask_version
from skvm.harness.programs.catalogue import PROGRAMS
from skvm.harness.sandbox import Sandbox
from tests.harness.conftest import GetProgram

_RENUMBERED = {"ripgrep"}
"""Programs whose package has a version of its own."""


@pytest.mark.parametrize("name", [entry.name for entry in PROGRAMS if entry.name not in _RENUMBERED])
def test_it_starts_in_a_cell_and_is_the_pinned_version(
    name: str, get_program: GetProgram, sandbox: Sandbox
) -> None:
    found = get_program(name)
    assert found.is_tested
    expected = found.entry.version if found.entry.version_args else None
    assert anyio.run(ask_version, found, sandbox) == expected


def test_a_tool_is_asked_in_a_cell_whatever_its_package_is_called(
    get_program: GetProgram, sandbox: Sandbox
) -> None:
    assert anyio.run(ask_version, get_program("ripgrep"), sandbox) is not None
