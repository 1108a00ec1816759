"""Probes and the editor's look at a work directory are made again on a worker: the same comes of it."""

import json
from dataclasses import fields

import pytest

from skvm.evaluate.bench import RunSpec
from skvm.harness.contract import Facility
from skvm.llm.fake import FakeAnswer, FakeToolCall
from skvm.optimizer.editing.capturing import run_for_evidence
from skvm.profiler.ask import Asker
from skvm.profiler.ladder import FixedDesign
from skvm.profiler.measure import measure
from skvm.profiler.plan import Request
from skvm.profiler.simulated import read_dials
from skvm.target.contract import PRIMITIVES, Level
from skvm.target.store import ProfileStore
from tests.unit.cluster.conftest import task

pytestmark = pytest.mark.anyio
TIMES = ("profiledAt", "measuredAt", "durationMs")


@pytest.fixture
def anyio_backend():
    return "asyncio"


def plain(value):
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in TIMES}
    return [plain(each) for each in value] if isinstance(value, list) else value


async def test_a_profile_measured_by_workers_is_the_one_measured_here(ground):
    dials = ground.root / "dials.json"
    dials.write_text(json.dumps({"schema": 1, "default": 0.5, "fault_rate": 0.2, "seed": 3}))
    primitives = tuple(PRIMITIVES.all()[:3])
    request = Request(
        model=f"sim/{dials}", harness="sim", primitives=primitives, design=FixedDesign(2), concurrency=4
    )
    profiles, failures = [], []
    async with ground.local() as here:
        measured = await measure(request, here, ProfileStore.of(here.settings))
    async with ground.remote(slots=4) as (bench, lanes):
        there = await measure(request, bench, ProfileStore.of(bench.settings))
        assert sum(lane.asked.count("run") for lane in lanes.started) == there.runs
    for each in (measured, there):
        profiles.append(plain(json.loads(each.path.read_text())))
        files = sorted(path for path in each.path.parent.rglob("*") if "failure" in path.name)
        failures.append([plain(json.loads(path.read_text())) for path in files])
    assert there.runs == measured.runs > 0
    assert json.dumps(profiles[0], indent=1).splitlines() == json.dumps(profiles[1], indent=1).splitlines()
    assert failures[0] == failures[1]


async def test_a_probe_of_a_real_model_is_graded_where_it_was_made(ground):
    primitive = PRIMITIVES.all()[0]
    ground.model.says = lambda body: FakeAnswer("I do not know.")
    answers = []
    async with ground.local() as here, ground.remote() as (bench, _):
        for each in (here, bench):
            asker = Asker(
                each, "fake/m", "bare-agent", frozenset(Facility), dials=read_dials("fake/m", "bare-agent")
            )
            answers.append(await asker.ask(primitive, Level.L1, 5))
    one, other = answers
    assert one.verdict == other.verdict
    assert one.verdict is not None
    assert one.changed == other.changed
    assert one.trajectory.final_text == other.trajectory.final_text
    assert one.usage == other.usage


async def test_an_editor_sees_what_an_agent_left_on_a_worker(ground):
    calls = [FakeToolCall("write_file", {"path": "sub/a", "content": "left\n"})]
    ground.model.says = lambda body: (
        None if any(each["role"] == "tool" for each in body["messages"]) else FakeAnswer("", calls)
    )
    seen = []
    async with ground.local() as here, ground.remote() as (bench, lanes):
        for each in (here, bench):
            _, evidence = await run_for_evidence(RunSpec(task(fixtures={"in.txt": "given"}), "fake/m"), each)
            seen.append(replace_times(evidence))
        assert sum(lane.asked.count("run") for lane in lanes.started) == 1
    assert seen[0] == seen[1]
    assert seen[0]["files"]["sub/a"] == "left\n"
    assert list(seen[0]["given"]) == ["in.txt"]


def replace_times(evidence):
    kept = {field.name: getattr(evidence, field.name) for field in fields(evidence)}
    kept["conversation"] = len(kept["conversation"])
    kept["meta"] = kept["meta"].model_dump(exclude={"duration_ms"})
    return kept
