from __future__ import annotations

from pathlib import Path

import pytest

from skvm.harness.confine.provision import find_program
from skvm.harness.permissions import Grant, Permissions
from skvm.harness.programs.starting import with_interpreter
from tests.unit.harness.programs.conftest import Stage


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "tool.js"


@pytest.mark.parametrize(
    ("first", "before"),
    [
        ("#!/usr/bin/env node", ["NODE"]),
        ("#!/usr/bin/env -S node --no-warnings -x", ["NODE", "--no-warnings", "-x"]),
        ("#! /usr/bin/env sh", [find_program("sh")]),
        ("#!/usr/bin/env no-such-interpreter", []),
        ("#!/bin/sh", []),
        ("\x7fELF", []),
        ("", []),
        ("#!/usr/bin/env ", []),
    ],
)
def test_the_interpreter_of_a_script_comes_in_front(script: Path, first: str, before: list[str]) -> None:
    script.write_text(f"{first}\nx\n")
    folder = script.parent / "bin"
    folder.mkdir()
    node = folder / "node"
    node.write_text("")
    node.chmod(0o755)
    wanted = [str(node) if each == "NODE" else each for each in before]
    assert with_interpreter([str(script), "-p"], [folder]) == [*wanted, str(script), "-p"]


def test_what_is_not_there_is_left_to_the_cell(tmp_path: Path) -> None:
    assert with_interpreter([str(tmp_path / "absent"), "x"], []) == [str(tmp_path / "absent"), "x"]


@pytest.mark.anyio
async def test_a_harness_starts_in_a_run_that_is_held_to_permissions(stage: Stage) -> None:
    grant = Grant(Permissions(skill="s"), mode="enforce", task_files=("hello.txt",))
    done = await stage.run(stage.program(behaviour="path"), permissions=grant)
    assert done.record.detail is None
    assert done.files["hello.txt"] == "hello"
    # What it starts itself finds no more than what is permitted.
    assert done.files["found.txt"] == "None"
