"""Code that is rendered does what it did, and a value does what the same constant would do."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.boost.compiling.grammar import ODD, python_program, shell_program
from tests.unit.runtime.boost.compiling.scripted import execute

from skvm.runtime.boost.compiling.align_python import read_python
from skvm.runtime.boost.compiling.align_shell import read_shell_code
from skvm.runtime.boost.compiling.slots import Filling, Ref, Spot, UnfillableError
from skvm.runtime.boost.model import ParamType


def run_python(code: str, folder: Path, **params: Any) -> str:
    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        names: dict[str, Any] = {"__name__": "__main__", **({"P": params} if params else {})}
        try:
            exec(compile(code, "program", "exec"), names)  # noqa: S102 - programs of our own grammar
        except Exception as error:  # noqa: BLE001 - how it fails is part of what it does
            print(type(error).__name__, file=out)
    return out.getvalue()


def run_shell(code: str, folder: Path, **params: Any) -> tuple[int, str, list[str]]:
    for path in folder.iterdir():
        path.unlink()
    env = {f"P_{name}": str(value) for name, value in params.items()}
    done = execute(code, folder, env={**env, "SKVM_BOOST_PARAMS": json.dumps(params)})
    written = folder / "out.txt"
    text = written.read_bytes().decode() if written.exists() else ""
    return done.returncode, text, sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("seed", range(50))
def test_rendered_python_does_what_it_did(tmp_path: Path, seed: int) -> None:
    code = python_program(random.Random(seed))
    reading = read_python(code)
    assert reading is not None
    assert run_python(reading.render({}), tmp_path) == run_python(code, tmp_path)


@pytest.mark.parametrize("seed", range(50))
def test_a_value_in_python_does_what_the_constant_would(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    reading = read_python(python_program(chance))
    assert reading is not None
    for index, slot in enumerate(reading.slots):
        if slot.kind == "string":
            value, before = chance.choice(ODD), chance.choice(("", "pre"))
            parts: list[Filling] = [
                [before, Ref("v", ParamType.STRING), "'\n"],
                [before + value + "'\n"],
            ]
        elif slot.kind in ("integer", "number"):
            value = chance.choice((-3, 7))
            parts = [[Ref("v", ParamType.INTEGER)], [str(value)]]
            if slot.kind == "number":
                value = -2.5
                parts = [[Ref("v", ParamType.NUMBER)], ["-2.5"]]
        else:
            continue
        try:
            theirs, ours = (reading.render({Spot(index): part}) for part in parts)
        except UnfillableError:
            continue
        assert run_python(theirs, tmp_path, v=value) == run_python(ours, tmp_path)


def test_most_constants_of_python_can_be_values() -> None:
    filled = refused = 0
    for seed in range(30):
        reading = read_python(python_program(random.Random(seed)))
        assert reading is not None
        for index, slot in enumerate(reading.slots):
            kind = ParamType.STRING if slot.kind == "string" else ParamType.INTEGER
            try:
                reading.render({Spot(index): [Ref("v", ParamType.LIST if slot.kind == "list" else kind)]})
                filled += 1
            except UnfillableError:
                refused += 1
    assert filled > 20 * refused


@pytest.mark.parametrize("seed", range(15))
def test_rendered_shell_does_what_it_did(tmp_path: Path, seed: int) -> None:
    code = shell_program(random.Random(seed))
    reading = read_shell_code(code)
    if reading is None:
        pytest.skip("the grammar does not read this")
    same = {
        Spot(index): [slot.value]
        for index, slot in enumerate(reading.slots)
        if index in reading.places and isinstance(slot.value, str)
    }
    assert run_shell(reading.render(same), tmp_path) == run_shell(code, tmp_path)


@pytest.mark.parametrize("seed", range(15))
def test_a_value_in_shell_does_what_the_constant_would(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    reading = read_shell_code(shell_program(chance))
    if reading is None:
        pytest.skip("the grammar does not read this")
    for index, slot in enumerate(reading.slots):
        if slot.kind != "string":
            continue
        value, end = chance.choice([text for text in ODD if text]), "\n" if slot.value.endswith("\n") else ""
        try:
            theirs = reading.render({Spot(index): ["0", Ref("v", ParamType.STRING), end]})
            ours = reading.render({Spot(index): ["0" + value + end]})
        except UnfillableError:
            continue
        code, text, files = run_shell(theirs, tmp_path, v=value)
        assert "pwned" not in files
        if code != 64:
            assert (code, text, files) == run_shell(ours, tmp_path)
