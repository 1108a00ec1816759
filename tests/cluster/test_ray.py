"""Runs on a real Ray cluster of two nodes on this machine, one of which is killed half-way.

What workers and driver do with each other is tested without Ray in ``tests/unit/cluster``; here is what only
Ray can show: that actors come up, that a node's death is told, and that a command leaves nothing behind.
"""

import json
import os
import socket
import sqlite3
from contextlib import ExitStack, closing
from dataclasses import replace

import anyio
import pytest

from skvm.cli.main import run as skvm
from skvm.cluster.joining import QUIET
from skvm.cluster.opening import Executor, on_cluster
from skvm.evaluate.bench import RunSpec, open_bench
from skvm.evaluate.schedule import run_many
from skvm.llm.fake import FakeAnswer, FakeServer
from skvm.runtime.plan.touching import with_touching
from skvm.settings import Route, load_settings
from skvm.task.model import Criterion, Task

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.anyio,
    # Ray forks and leaves sockets to the end of the process.
    pytest.mark.filterwarnings("ignore"),
]
GRADE = Criterion(method="file-check", id="there", options={"path": "a", "mode": "exact", "expected": "x"})
OWN = {"run_id", "started_at", "finished_at", "duration_ms", "llm_duration_ms", "trajectory_digest"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def node_arguments():
    """One processor, and ports of its own: a node that looks for them itself gives up on a busy machine."""
    names = (
        "metrics_agent_port",
        "metrics_export_port",
        "dashboard_agent_listen_port",
        "runtime_env_agent_port",
    )
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in names]
        ports = [each.getsockname()[1] for each in opened]
    return {"num_cpus": 1, **dict(zip(names, ports, strict=True))}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two nodes, the driver on the first."""
    kept = dict(os.environ)
    os.environ.update({**QUIET, "SKVM_CACHE": str(tmp_path_factory.mktemp("node"))})
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **node_arguments()})
    try:
        second = cluster.add_node(wait=True, **node_arguments())
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster, second
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(kept)


def records(bench):
    with closing(sqlite3.connect(bench.settings.journal_path)) as connection:
        return dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall())


def specs(count):
    return [
        RunSpec(Task(id=f"t{number}", prompt="Do it", criteria=(GRADE,)), "fake/m", session_id="s")
        for number in range(count)
    ]


async def test_a_bench_on_ray_says_what_one_here_says(nodes, tmp_path, monkeypatch):
    for name in ("t1", "t2"):
        folder = tmp_path / "data" / "tasks" / name
        folder.mkdir(parents=True)
        criterion = {"method": "file-check", "id": "c", "path": "a", "mode": "exact", "expected": "x"}
        (folder / "task.json").write_text(json.dumps({"id": name, "prompt": "Do", "eval": [criterion]}))
    monkeypatch.setenv("SKVM_DATA_DIR", str(tmp_path / "data"))
    with FakeServer.running([FakeAnswer("done")]) as server:
        route = {"match": "fake/*", "kind": "openai-compatible", "baseUrl": server.base_url}
        reports = []
        for where in ("local", "ray"):
            cache = tmp_path / where
            cache.mkdir()
            (cache / "skvm.config.json").write_text(json.dumps({"providers": {"routes": [route]}}))
            monkeypatch.setenv("SKVM_CACHE", str(cache))
            said = ["bench", "--model=fake/m", "--conditions=no-skill", "--runs-per-task=2", "--sandbox=none"]
            said += ["--no-auto-probe", "--concurrency=3", f"--executor={where}", "--json"]
            code = await anyio.to_thread.run_sync(skvm, said)
            assert code == 0
            (report,) = cache.glob("log/bench/*/report.json")
            reports.append(json.loads(report.read_text()))
    here, there = (json.dumps(plain(report), indent=1).splitlines() for report in reports)
    assert here == there


TIMES = {"timestamp", "completedAt", "sessionId", "runId", "trajectory"}


def plain(value):
    """A report without what no two benches have in common: times and names of runs."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in TIMES and "uration" not in key}
        return {key: plain(each) for key, each in kept.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


async def test_killing_a_node_half_way_loses_and_doubles_nothing(nodes, tmp_path):
    cluster, second = nodes
    many, notes, done, half = 24, [], [], anyio.Event()

    def count(index, record):
        done.append(index)
        if len(done) >= many // 4:
            half.set()

    with FakeServer.running(lambda body: FakeAnswer("done", delay_s=0.5)) as server:
        routes = (Route("fake/*", "openai-compatible", base_url=server.base_url),)
        found = {}
        for where in ("local", "ray"):
            settings = load_settings(cache_dir=str(tmp_path / where), auto_probe=False)
            executor = Executor(where, workers=2, slots=3)
            async with (
                open_bench(replace(settings, routes=routes), sandbox="none") as opened,
                on_cluster(with_touching(opened), executor, notes.append) as bench,
                anyio.create_task_group() as group,
            ):
                if where == "ray":

                    async def kill():
                        await half.wait()
                        await anyio.to_thread.run_sync(
                            lambda: cluster.remove_node(second, allow_graceful=False)
                        )

                    group.start_soon(kill)
                on_done = count if where == "ray" else None
                found[where] = await run_many(specs(many), bench, concurrency=6, on_done=on_done)
                counted = records(bench)
                assert (counted["run_started"], counted["run_finished"]) == (many, many)
    assert any("is lost" in note for note in notes)
    here, there = ([each.model_dump(exclude=OWN) for each in found[where]] for where in ("local", "ray"))
    assert here == there
