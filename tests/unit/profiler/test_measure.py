"""Measuring: the right levels, no fault taken for incapacity, nothing lost and nothing asked twice."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from skvm.errors import ConfigError, InfrastructureError, UsageError
from skvm.harness.contract import Facility, RunContext
from skvm.harness.trajectory import Trajectory
from skvm.profiler.ladder import FixedDesign, SequentialDesign
from skvm.profiler.measure import Measurement, Progress, measure
from skvm.profiler.plan import Request
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.profile import Profile
from skvm.target.store import ProfileStore
from tests.unit.profiler.solver import Solver, bench_in, registered

pytestmark = pytest.mark.anyio

FORMAT, LOGIC, WRITE, PYTHON = "follow.format", "reason.logic", "tool.file.write", "gen.code.python"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def run(
    folder: Path, solver: Solver, *names: str, **options: object
) -> tuple[Measurement, list[Progress]]:
    events: list[Progress] = []
    settings = {"design": FixedDesign(2), **options}
    request = Request(
        model="local/m",
        harness="solver",
        primitives=[PRIMITIVES.get(name) for name in names],
        **settings,  # type: ignore[arg-type]
    )
    with registered(solver):
        async with bench_in(folder) as bench:
            found = await measure(request, bench, ProfileStore(folder / "profiles"), events.append)
    return found, events


async def test_levels_are_found_and_the_evidence_is_kept(tmp_path: Path) -> None:
    solver = Solver({FORMAT: Level.L3, LOGIC: Level.L1})
    found, events = await run(tmp_path, solver, FORMAT, LOGIC, WRITE)
    assert found.profile.capabilities == {FORMAT: Level.L3, LOGIC: Level.L1, WRITE: Level.L0}
    assert not found.profile.is_partial
    assert found.runs == len(solver.asked) == 3 * 3 * 2
    details = {detail.primitive_id: detail for detail in found.profile.details}
    first, second, _ = details[LOGIC].level_results
    assert (first.passed, first.pass_count, first.total_count, first.seeds) == (True, 2, 2, (0, 1))
    assert first.interval == pytest.approx((0.1292, 1.0), abs=1e-3)
    assert first.outcomes == (True, True)
    assert (second.passed, second.pass_count, second.total_count) == (False, 0, 2)
    assert "seed 0" in second.failure_details[0]
    assert [event.detail for event in events if event.level is None] == ["L3", "L1", "L0"]
    sidecar = json.loads((found.path.parent / "failure-reports.json").read_text())["reports"]
    assert sidecar[f"{LOGIC}/L2"][0]["agentText"] == "I do not know."


async def test_what_is_known_is_not_asked_again(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L2}), FORMAT)
    again = Solver({FORMAT: Level.L3})
    found, _ = await run(tmp_path, again, FORMAT)
    assert found.is_reused
    assert again.asked == []
    assert found.profile.level_of(FORMAT) is Level.L2


async def test_a_wider_request_measures_only_the_rest(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L2}), FORMAT)
    wider = Solver({LOGIC: Level.L1})
    found, _ = await run(tmp_path, wider, FORMAT, LOGIC)
    assert {name for name, _, _ in wider.asked} == {LOGIC}
    assert found.profile.capabilities == {FORMAT: Level.L2, LOGIC: Level.L1}
    assert set(found.profile.requested or ()) == {FORMAT, LOGIC}


async def test_another_design_measures_again_and_says_so(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L2}), FORMAT)
    found, _ = await run(tmp_path, Solver({FORMAT: Level.L1}), FORMAT, design=FixedDesign(1))
    assert "fixed-2" in found.remeasured[FORMAT]
    assert found.profile.level_of(FORMAT) is Level.L1


async def test_force_measures_what_is_named_and_keeps_the_rest(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L2, LOGIC: Level.L1}), FORMAT, LOGIC)
    found, _ = await run(tmp_path, Solver({LOGIC: Level.L2}), LOGIC, force=True)
    assert found.profile.capabilities == {FORMAT: Level.L2, LOGIC: Level.L2}


async def test_a_fault_is_tried_again(tmp_path: Path) -> None:
    solver = Solver({FORMAT: Level.L1}, faults={FORMAT: 2})
    found, _ = await run(tmp_path, solver, FORMAT)
    assert found.profile.level_of(FORMAT) is Level.L1
    assert found.runs == 3 * 2 + 2


async def test_a_lasting_fault_is_unmeasured_and_the_profile_partial(tmp_path: Path) -> None:
    found, _ = await run(tmp_path, Solver({FORMAT: Level.L1}, faults={LOGIC: -1}), FORMAT, LOGIC)
    assert found.profile.level_of(LOGIC) is None
    assert "the provider is down" in (found.profile.unmeasured or {})[LOGIC]
    assert found.profile.is_partial
    assert found.path.name == "partial.json"


async def test_an_outage_stops_asking_and_leaves_the_last_profile_alone(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L3}), FORMAT)
    names = [LOGIC, WRITE, PYTHON, "reason.arithmetic", "follow.procedure"]
    solver = Solver(faults=dict.fromkeys(names, -1))
    found, _ = await run(tmp_path, solver, FORMAT, *names)
    assert found.profile.is_partial
    assert len(solver.asked) == 9
    latest = ProfileStore(tmp_path / "profiles").latest("local/m", "solver")
    assert latest is not None
    assert latest.profile.capabilities == {FORMAT: Level.L3}


async def test_an_unfinished_measurement_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L1}, faults={LOGIC: -1}), FORMAT, LOGIC)
    later = Solver({LOGIC: Level.L2})
    found, _ = await run(tmp_path, later, FORMAT, LOGIC)
    assert {name for name, _, _ in later.asked} == {LOGIC}
    assert found.profile.capabilities == {FORMAT: Level.L1, LOGIC: Level.L2}
    assert not found.profile.is_partial
    assert not (found.path.parent / "partial.json").exists()


async def test_every_graded_probe_outlives_a_fault(tmp_path: Path) -> None:
    """What was asked before the fault is not asked again, and its failures are still told."""
    first = Solver({LOGIC: Level.L1}, faults_at={(LOGIC, Level.L2, 1): 3})
    found, _ = await run(tmp_path, first, LOGIC)
    assert found.profile.is_partial
    (unfinished,) = found.profile.unfinished or ()
    assert [result.outcomes for result in unfinished.level_results] == [(True, True), (False,)]
    later = Solver({LOGIC: Level.L1})
    found, _ = await run(tmp_path, later, LOGIC)
    assert later.asked == [(LOGIC, Level.L2, 1), (LOGIC, Level.L3, 0), (LOGIC, Level.L3, 1)]
    assert found.profile.level_of(LOGIC) is Level.L1
    assert found.profile.unfinished is None
    assert found.profile.details[0].runs == 3 + 3 + 3
    reports = json.loads((found.path.parent / "failure-reports.json").read_text())["reports"]
    assert [each["instance"] for each in reports[f"{LOGIC}/L2"]] == [0, 1]


async def test_a_forced_measurement_is_begun_anew_unless_it_is_resumed(tmp_path: Path) -> None:
    await run(tmp_path, Solver({LOGIC: Level.L1}, faults={LOGIC: -1}), FORMAT, LOGIC)
    anew = Solver({LOGIC: Level.L1}, faults={LOGIC: -1})
    await run(tmp_path, anew, FORMAT, LOGIC, force=True)
    assert (FORMAT, Level.L1, 0) in anew.asked
    resumed = Solver({LOGIC: Level.L1})
    found, _ = await run(tmp_path, resumed, FORMAT, LOGIC, force=True, resume=True)
    assert {name for name, _, _ in resumed.asked} == {LOGIC}
    assert found.profile.capabilities == {FORMAT: Level.L0, LOGIC: Level.L1}


async def test_the_sequential_design_says_what_it_expected(tmp_path: Path) -> None:
    solver = Solver({FORMAT: Level.L3, LOGIC: Level.L3}, seeds=20)
    found, _ = await run(tmp_path, solver, FORMAT, LOGIC, design=SequentialDesign())
    assert found.profile.capabilities == {FORMAT: Level.L3, LOGIC: Level.L3}
    first, second = found.profile.details
    assert first.prior == (0.25, 0.25, 0.25, 0.25)
    assert second.prior is not None
    assert second.prior[3] > 0.25
    assert (second.runs or 0) < (first.runs or 0) < 9


async def test_the_probes_of_one_primitive_are_asked_at_once(tmp_path: Path) -> None:
    solver = Solver({FORMAT: Level.L2})
    one, _ = await run(tmp_path / "one", solver, FORMAT, design=FixedDesign(4))
    many, _ = await run(tmp_path / "many", solver, FORMAT, design=FixedDesign(4), concurrency=6)
    assert 1 < solver.most_at_once <= 6
    assert [r.outcomes for d in one.profile.details for r in d.level_results] == [
        r.outcomes for d in many.profile.details for r in d.level_results
    ]


async def test_a_level_without_its_program_is_a_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = PRIMITIVES.get(FORMAT)
    l3 = replace(given.levels[Level.L3], commands=("no-such-program",))
    lacking = replace(given, levels={**given.levels, Level.L3: l3})
    events: list[Progress] = []
    with registered(Solver({FORMAT: Level.L3})):
        async with bench_in(tmp_path) as bench:
            request = Request("local/m", "solver", [lacking], design=FixedDesign(2))
            found = await measure(request, bench, ProfileStore(tmp_path / "profiles"), events.append)
    assert found.profile.level_of(FORMAT) is Level.L2
    assert found.profile.details[0].calibration_note == "L3 was not asked: the sandbox has no no-such-program"


async def test_a_cancelled_measurement_keeps_what_is_done(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles")
    with registered(Solver({FORMAT: Level.L1, LOGIC: Level.L3})):
        async with bench_in(tmp_path) as bench:
            with anyio.CancelScope() as scope:

                def stop(event: Progress) -> None:
                    if event.primitive_id == LOGIC:
                        scope.cancel()

                names = [PRIMITIVES.get(FORMAT), PRIMITIVES.get(LOGIC)]
                await measure(Request("local/m", "solver", names, design=FixedDesign(1)), bench, store, stop)
    partial = store.partial("local/m", "solver")
    assert store.latest("local/m", "solver") is None
    assert partial is not None
    assert partial.profile.capabilities == {FORMAT: Level.L1}


async def test_a_missing_facility_is_unmeasured_not_l0(tmp_path: Path) -> None:
    solver = Solver({FORMAT: Level.L1}, facilities=frozenset({Facility.COMMANDS}))
    found, _ = await run(tmp_path, solver, FORMAT, WRITE)
    assert (found.profile.unmeasured or {}) == {WRITE: "solver cannot do files"}
    assert WRITE not in found.profile.capabilities
    assert not found.profile.is_partial
    again, _ = await run(tmp_path, solver, FORMAT, WRITE)
    assert again.is_reused


async def test_a_missing_interpreter_is_unmeasured_not_l0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "rm"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found, _ = await run(tmp_path, Solver({FORMAT: Level.L1}), FORMAT, PYTHON)
    assert (found.profile.unmeasured or {}) == {PYTHON: "the sandbox has no python3"}


async def test_a_foreign_profile_answers_and_lacks_what_it_lacks_until_filled(tmp_path: Path) -> None:
    foreign = Profile(
        model="local/m", harness="solver", profiled_at="2026-01-01T00:00:00Z", capabilities={FORMAT: Level.L3}
    )
    path = tmp_path / "profiles" / "solver" / "local--m" / "latest.json"
    path.parent.mkdir(parents=True)
    kept = foreign.model_dump(mode="json", by_alias=True, exclude_none=True)
    path.write_text(json.dumps({**kept, "extra": 1}))
    found, _ = await run(tmp_path, Solver(), FORMAT, LOGIC)
    assert found.is_reused
    assert found.profile.level_of(FORMAT) is Level.L3
    assert "--fill" in (found.profile.unmeasured or {})[LOGIC]
    filled, _ = await run(tmp_path, Solver({LOGIC: Level.L1}), FORMAT, LOGIC, fill=True)
    assert filled.profile.capabilities == {FORMAT: Level.L3, LOGIC: Level.L1}


async def test_concurrency_gives_the_same_profile(tmp_path: Path) -> None:
    levels = {FORMAT: Level.L3, LOGIC: Level.L1, WRITE: Level.L2}
    one, _ = await run(tmp_path / "one", Solver(levels), FORMAT, LOGIC, WRITE)
    many, _ = await run(tmp_path / "many", Solver(levels), FORMAT, LOGIC, WRITE, concurrency=8)
    assert one.profile.capabilities == many.profile.capabilities == levels
    assert one.runs == many.runs


async def test_a_missing_credential_ends_it_at_once_and_keeps_what_is_done(tmp_path: Path) -> None:
    solver = Solver({FORMAT: Level.L1}, unconfigured=LOGIC)
    with pytest.raises(ConfigError, match="no credential"):
        await run(tmp_path, solver, FORMAT, LOGIC, WRITE)
    assert solver.asked[-1] == (LOGIC, Level.L1, 0)
    partial = ProfileStore(tmp_path / "profiles").partial("local/m", "solver")
    assert partial is not None
    assert partial.profile.capabilities == {FORMAT: Level.L1}


async def test_nothing_to_measure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        await run(tmp_path, Solver())


async def test_two_at_once_lose_nothing_and_the_second_is_told(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles")
    told = pytest.raises(InfrastructureError, match=f"being measured by process {os.getpid()}")
    with store.claim("local/m", "solver"), told:
        await run(tmp_path, Solver({FORMAT: Level.L1}), FORMAT)
    found, _ = await run(tmp_path, Solver({FORMAT: Level.L1}), FORMAT)
    assert found.profile.capabilities == {FORMAT: Level.L1}


async def test_what_is_known_needs_no_claim(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L1}), FORMAT)
    with ProfileStore(tmp_path / "profiles").claim("local/m", "solver"):
        found, _ = await run(tmp_path, Solver(), FORMAT)
    assert found.is_reused


async def test_an_unwritable_store_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("a file")
    solver = Solver({FORMAT: Level.L1})
    with pytest.raises(InfrastructureError, match="cannot be written"):
        await run(tmp_path, solver, FORMAT)
    assert solver.asked == []


async def test_another_revision_of_the_harness_is_another_target(tmp_path: Path) -> None:
    await run(tmp_path, Solver({FORMAT: Level.L2}), FORMAT)
    found, _ = await run(tmp_path, Solver({FORMAT: Level.L1}, revision=2), FORMAT)
    assert "another revision" in found.remeasured[FORMAT]
    assert found.profile.details[0].harness_revision == 2
    again, _ = await run(tmp_path, Solver(revision=2), FORMAT)
    assert again.is_reused


async def test_reasons_name_no_place_of_this_run(tmp_path: Path) -> None:
    class Crashing(Solver):
        async def run(self, context: RunContext) -> Trajectory:
            await context.cell.write("solution.py", b"raise ValueError('lost')\n")
            return await super().run(context)

    found, _ = await run(tmp_path, Crashing(), PYTHON, design=FixedDesign(1))
    (first, *_) = found.profile.details[0].level_results
    assert "lost" in first.failure_details[0]
    assert str(tmp_path) not in first.failure_details[0]


async def test_behind_a_gap_nothing_counts(tmp_path: Path) -> None:
    """Asked three at a time, the second one fails for good: the third is asked again, not counted twice."""
    first = Solver({LOGIC: Level.L1}, faults_at={(LOGIC, Level.L1, 1): 3})
    found, _ = await run(tmp_path, first, LOGIC, design=FixedDesign(3), concurrency=3)
    (unfinished,) = found.profile.unfinished or ()
    assert [(r.seeds, r.outcomes) for r in unfinished.level_results] == [((0,), (True,))]
    assert unfinished.runs == 5
    found, _ = await run(tmp_path, Solver({LOGIC: Level.L1}), LOGIC, design=FixedDesign(3), concurrency=3)
    assert [r.seeds for r in found.profile.details[0].level_results] == [(0, 1, 2)] * 3
