"""Real programs, installed by ``make test-harness`` into a cache of their own; skipped where they are not.

``SKVM_TEST_HARNESSES`` names that cache. Without it nothing of this folder runs: an install fetches hundreds
of megabytes, which plain tests must not. In their cells the programs have no network but the gateway's door.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from skvm.errors import SkvmError
from skvm.harness.confine import choose_sandbox
from skvm.harness.programs.find import Found, require_program
from skvm.harness.sandbox import Sandbox
from skvm.settings import Settings, load_settings
from skvm.skill.ir import Skill
from tests.harness.staging import Stage, a_skill, open_stage

# Read before the fixture that clears the environment of every test.
CACHE = os.environ.get("SKVM_TEST_HARNESSES")

GetProgram = Callable[[str], Found]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here, and skip it all where nothing was installed for it."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.harness)
            if not CACHE:
                item.add_marker(pytest.mark.skip(reason="SKVM_TEST_HARNESSES is not set: make test-harness"))


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    """Settings whose programs are the installed ones; logs and work directories are the test's own."""
    assert CACHE
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    settings = load_settings(cache_dir=CACHE, tmp_dir=str(tmp), env={"SKVM_LOGS_DIR": str(tmp_path / "log")})
    # Not those of whoever runs the tests.
    return replace(settings, adapters={}, routes=())


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox; a test that needs a real program needs one."""
    try:
        return choose_sandbox("auto")
    except SkvmError as error:
        pytest.skip(error.message)


@pytest.fixture
def get_program(harness_settings: Settings) -> GetProgram:
    """Give an installed program of the catalogue; skips with the reason where it could not be installed."""

    def get(name: str) -> Found:
        try:
            found = require_program(name, harness_settings, env={})
        except SkvmError as error:
            pytest.skip(f"{error.message} ({error.help})")
        if found.origin != "installed":
            pytest.skip(f"the pinned {found.entry.title} is not installed, only one on PATH")
        return found

    return get


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(harness_settings: Settings) -> Iterator[Stage]:
    """Where whole runs of the installed programs take place."""
    yield from open_stage(harness_settings)


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    """A skill of two lines, with a file beside it."""
    return a_skill(tmp_path)
