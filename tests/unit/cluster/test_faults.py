"""What goes wrong between driver and workers: nothing is lost or leaks, and the words say what it was."""

import os
import time
from types import SimpleNamespace

import pytest

from skvm.cli.bench_session import _on
from skvm.cluster import joining
from skvm.cluster.fleet import open_fleet
from skvm.cluster.joining import RayLane
from skvm.cluster.order import RunResult
from skvm.cluster.reading import OrderReader
from skvm.cluster.recorder import Recorder, collecting
from skvm.cluster.shipping import NodeStore, pack_result, unpack_result
from skvm.cluster.writing import OrderWriter
from skvm.errors import InfrastructureError
from skvm.evaluate.bench import RunSpec
from skvm.evaluate.schedule import make_run
from skvm.evidence.blobs import digest_of
from skvm.evidence.record import Outcome, Usage
from skvm.evidence.redact import Redactor
from skvm.llm.contract import BudgetExceededError, SpendLimit
from skvm.llm.fake import FakeAnswer
from tests.unit.cluster.conftest import task
from tests.unit.cluster.lanes import Lanes
from tests.unit.cluster.test_driver import kinds

pytestmark = pytest.mark.anyio
SECRET = "plain-words-that-only-this-node-knows"


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_a_result_with_an_odd_file_name_is_told_as_the_journal_tells_it():
    result, _ = unpack_result(pack_result(RunResult(attempt="a", node="n", message="no x\udcff"), {}))
    assert result.message == "no x?"


async def test_a_key_only_a_node_has_does_not_reach_the_driver(ground, monkeypatch):
    class Keyed(Lanes):
        def __call__(self):
            monkeypatch.setenv("NODE_API_KEY", SECRET)
            return super().__call__()

    ground.model.says = lambda body: FakeAnswer(f"the key {SECRET} is not known", status=401)
    sent = []
    async with ground.remote(lanes=Keyed(ground.settings("remote"))) as (bench, _):
        monkeypatch.setattr(
            "skvm.cluster.driver.unpack_result", lambda data: sent.append(data) or unpack_result(data)
        )
        record = await make_run(RunSpec(task(), "fake/m"), bench)
        assert "[redacted]" in record.detail
        assert sent
        assert SECRET.encode() not in b"".join(sent)
        assert SECRET.encode() not in bench.settings.journal_path.read_bytes()


async def test_a_fault_of_a_worker_ends_the_run_in_the_journal(ground):
    class Broken(Lanes):
        def __call__(self):
            lane = super().__call__()

            async def fault(order):
                raise RuntimeError("a fault there")

            lane.worker.run = fault
            return lane

    async with ground.remote(lanes=Broken(ground.settings("remote"))) as (bench, _):
        with pytest.raises(RuntimeError, match="a fault there"):
            await make_run(RunSpec(task(), "fake/m"), bench)
        assert kinds(bench) == ({"run_started": 1, "run_finished": 1}, 0)


async def test_a_full_disk_of_a_node_fails_the_run_and_not_the_command(ground, tmp_path):
    class Full(Lanes):
        def __call__(self):
            lane = super().__call__()

            async def keep(*blobs):
                raise InfrastructureError("no space left there")

            lane.worker.keep = keep
            return lane

    root = tmp_path / "tasks" / "t"
    (root / "fixtures").mkdir(parents=True)
    (root / "fixtures" / "in").write_text("in")
    async with ground.remote(lanes=Full(ground.settings("remote"))) as (bench, _):
        record = await make_run(RunSpec(task(root=root), "fake/m"), bench)
        assert (record.outcome, record.detail) == (Outcome.INFRA_FAILED, "no space left there")


async def test_what_ray_raises_for_an_error_of_ours_is_that_error(monkeypatch):
    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        def __init__(self, cause):
            super().__init__("a long story")
            self.cause = cause

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
    monkeypatch.setattr(joining, "_ray", lambda: SimpleNamespace(exceptions=exceptions))
    for cause, kind, said in (
        (InfrastructureError("the disk is full", help="free some"), InfrastructureError, "the disk is full"),
        (KeyError("x"), RuntimeError, "a long story"),
    ):

        async def answer(cause=cause):
            raise RayTaskError(cause)

        lane = RayLane(SimpleNamespace(keep=SimpleNamespace(remote=lambda *_: answer())))
        with pytest.raises(kind, match=said):
            await lane.submit("keep", b"")()


async def test_a_ceiling_reached_while_a_run_waited_is_told_as_one(ground):
    async with ground.remote(limit=SpendLimit(max_tokens=1000)) as (bench, lanes):
        fleet = bench.runner.fleet
        take = fleet.take

        async def slow_take():
            member = await take()
            bench.port.budget.count(Usage(input_tokens=1000, output_tokens=1))
            return member

        fleet.take = slow_take
        with pytest.raises(BudgetExceededError, match="ceiling is reached"):
            await make_run(RunSpec(task(), "fake/m"), bench)
        assert all("run" not in lane.asked for lane in lanes.started)
        assert kinds(bench)[1] == 0


async def test_a_worker_that_greets_otherwise_is_another_skvm(settings):
    with pytest.raises(InfrastructureError, match="another skvm") as caught:
        async with open_fleet(Lanes(settings, news="from another version"), 1, 1):
            pass
    assert "same version" in caught.value.help


def test_a_damaged_blob_of_a_node_is_sent_again(tmp_path):
    store = NodeStore(tmp_path / "blobs")
    there, damaged = store.put(b"there"), store.put(b"damaged")
    empty = store.put(b"")
    store.path_of(damaged).write_bytes(b"")
    gone = digest_of(b"gone")
    assert store.lacking([there, damaged, gone, empty]) == [damaged, gone]
    assert not store.path_of(gone).exists()
    assert store.put(b"damaged") == damaged
    assert store.lacking([damaged]) == []


def test_what_was_asked_for_is_not_pruned(tmp_path):
    store = NodeStore(tmp_path / "blobs")
    asked, unasked = store.put(b"asked"), store.put(b"unasked")
    left = store.path_of(unasked).with_name(".tmp-abcdefgh")
    left.write_bytes(b"half")
    old = time.time() - 8 * 86400
    for path in (store.path_of(asked), store.path_of(unasked), left):
        os.utime(path, (old, old))
    assert store.lacking([asked]) == []
    store.prune()
    assert list(store.names()) == [asked]
    assert not left.exists()


@pytest.mark.parametrize("first_goes", [True, False])
def test_a_file_is_read_wherever_it_still_lies(ground, tmp_path, first_goes):
    writer, roots = OrderWriter(), [tmp_path / name / "t" for name in "ab"]
    for root in roots:
        (root / "fixtures").mkdir(parents=True)
        (root / "fixtures" / "in").write_text("the same")
    digests = {
        file.digest for root in roots for file in writer._task(task(root=root)).files if file.mode == "file"
    }
    (digest,) = digests
    (roots[0 if first_goes else 1] / "fixtures" / "in").unlink()
    assert writer.load(digest) == b"the same"
    (roots[1 if first_goes else 0] / "fixtures" / "in").write_text("another")
    with pytest.raises(InfrastructureError, match=r"cannot be read|changed while"):
        writer.load(digest)


def test_what_is_laid_out_is_not_written_again_under_a_run(settings, tmp_path):
    root = tmp_path / "tasks" / "t"
    (root / "fixtures").mkdir(parents=True)
    (root / "fixtures" / "in").write_text("in")
    writer, store = OrderWriter(), NodeStore(tmp_path / "blobs")
    order = writer._task(task(root=root))
    for file in order.files:
        if file.mode == "file":
            store.put(writer.load(file.digest))
    reader = OrderReader(store, tmp_path / "laid", settings, "n")
    laid = reader._task(order).root / "fixtures" / "in"
    before = laid.stat()
    assert reader._task(order).root / "fixtures" / "in" == laid
    assert laid.stat().st_mtime_ns == before.st_mtime_ns


async def test_records_of_a_run_are_collected_together_or_not_at_all():
    def half():
        yield "call", {"n": 1}
        raise InfrastructureError("the second cannot be made")

    with collecting() as collected:
        with pytest.raises(InfrastructureError):
            await Recorder(Redactor()).append_made(half)
        assert collected.entries == []


def test_the_folder_of_a_living_cluster_is_not_swept_however_old(tmp_path):
    living, dead = tmp_path / "skvm-ray-living", tmp_path / "skvm-ray-dead"
    old = time.time() - 3 * 86400
    for folder in (living, dead):
        folder.mkdir()
        os.utime(folder, (old, old))
    held = joining._hold(living)
    try:
        joining._sweep(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["skvm-ray-living"]
    finally:
        os.close(held)
    joining._sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("planned", "given", "at_once"), [(1, set(), 64), (4, set(), 4), (1, {"concurrency"}, 1)]
)
def test_how_many_runs_at_once_is_not_put_into_the_plan(planned, given, at_once):
    options = {"executor": "ray", "address": None, "workers": 4, "slots": 16, "given": given}
    plan = SimpleNamespace(keep_work_dirs=False, concurrency=planned)
    assert _on(plan, options)[1] == at_once
    assert plan.concurrency == planned
