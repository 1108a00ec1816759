"""The simulated processor: what it is dialled to be is what is measured, and nobody gets one by accident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skvm.errors import SkvmError, UsageError
from skvm.evidence.record import RunRecord
from skvm.profiler.ladder import FixedDesign, SequentialDesign
from skvm.profiler.measure import Measurement, measure
from skvm.profiler.plan import Request
from skvm.profiler.simulated import Dials, read_dials
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.store import ProfileStore
from tests.unit.profiler.solver import bench_in

pytestmark = pytest.mark.anyio

FORMAT, LOGIC, WRITE = "follow.format", "reason.logic", "tool.file.write"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def dials_in(folder: Path, **value: object) -> str:
    path = folder / "dials.json"
    path.write_text(json.dumps(value))
    return f"sim/{path}"


async def measured(folder: Path, model: str, *names: str, **options: object) -> Measurement:
    request = Request(model, "sim", [PRIMITIVES.get(name) for name in names], **options)  # type: ignore[arg-type]
    async with bench_in(folder) as bench:
        found = await measure(request, bench, ProfileStore(folder / "profiles"))
        runs = [RunRecord.model_validate(entry.body) for entry in await bench.journal.query("run_finished")]
    assert runs
    assert all(run.simulated and run.harness == "sim" and run.model == model for run in runs)
    return found


async def test_what_is_dialled_in_is_measured(tmp_path: Path) -> None:
    dials = {FORMAT: {"L1": 1, "L2": 1, "L3": 1}, LOGIC: {"L1": 1, "L2": 1}, WRITE: {"L1": 1}}
    found = await measured(tmp_path, dials_in(tmp_path, primitives=dials), FORMAT, LOGIC, WRITE)
    assert found.profile.capabilities == {FORMAT: Level.L3, LOGIC: Level.L2, WRITE: Level.L1}
    assert found.profile.simulated is True
    assert found.profile.details[0].design == SequentialDesign().name


async def test_it_fails_as_often_as_its_dials_say(tmp_path: Path) -> None:
    model = dials_in(tmp_path, primitives={LOGIC: {"L1": 0.5}})
    found = await measured(tmp_path, model, LOGIC, design=FixedDesign(40), concurrency=8)
    first = found.profile.details[0].level_results[0]
    assert 10 <= first.pass_count <= 30
    again = await measured(tmp_path / "again", model, LOGIC, design=FixedDesign(40))
    assert again.profile.details[0].level_results[0].outcomes == first.outcomes


async def test_faults_are_no_incapacity(tmp_path: Path) -> None:
    model = dials_in(tmp_path, default=1, fault_rate=0.3, seed=5)
    found = await measured(tmp_path, model, FORMAT)
    assert found.profile.capabilities == {FORMAT: Level.L3}
    assert found.runs > found.profile.details[0].level_results[0].total_count


def test_neither_half_comes_alone() -> None:
    assert read_dials("local/m", "bare-agent") is None
    for model, harness in (("sim/x.json", "bare-agent"), ("local/m", "sim")):
        with pytest.raises(UsageError, match="simulated"):
            read_dials(model, harness)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"default": 2}', "default"),
        ('{"primitives": {"follow.format": {"L4": 1}}}', "L4"),
        ('{"primitives": {"follow.fromat": {"L1": 1}}}', "follow.format"),
        ('{"chance": 1}', "chance"),
    ],
)
def test_broken_dials_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(text)
    with pytest.raises(SkvmError) as caught:
        read_dials(f"sim/{path}", "sim")
    assert message in f"{caught.value.message} {caught.value.help}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_dials(f"sim/{tmp_path / 'none.json'}", "sim")


def test_dials_have_a_default() -> None:
    dials = Dials.model_validate({"default": 0.25, "primitives": {FORMAT: {"L2": 0.5}}})
    assert dials.chance(FORMAT, Level.L2) == 0.5
    assert dials.chance(FORMAT, Level.L1) == dials.chance(LOGIC, Level.L2) == 0.25
