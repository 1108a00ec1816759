"""Ray itself: a cluster joined or started for one command, and the lanes to workers on it.

Ray tells its makers nothing from here, opens no dashboard and prints nothing. What it carries for us is text
and bytes; the worker's class it finds by name, installed on every node.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.cluster.lane import Answer, Lane, LaneLostError
from skvm.cluster.order import WorkerOrder
from skvm.errors import InfrastructureError, SkvmError, UsageError

__all__ = ["QUIET", "Joined", "RayLane", "joined", "start_lane"]

WORKER_CPUS = 0.5
"""Of a processor, as Ray counts them: a worker mostly waits for models."""
EXTRA_CALLS = 8
"""Calls a worker takes beside its runs: greetings, blobs, news."""
ATTEMPTS = 3
"""How often a cluster of our own is tried to be started."""
_TMP = "/tmp"  # noqa: S108 - what is made there is made by mkdtemp
_PREFIX = "skvm-ray-"
_STALE_S = 24 * 3600
_OBJECT_STORE_BYTES = 256 << 20
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
    # On a busy machine the parts of a node take their time.
    "RAY_agent_register_timeout_ms": "120000",
    # Workers are started when they are wanted, not as many as there are processors.
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
}


@dataclass(frozen=True, slots=True)
class Joined:
    """A cluster this process is part of.

    Args:
        is_ours: Whether it was started for this command, on this machine.
        nodes: Nodes that can take workers now.
    """

    is_ours: bool
    nodes: int


@contextmanager
def joined(address: str | None, workers: int | None) -> Iterator[Joined]:
    """Join a cluster, or start one on this machine; leaving ends what was started.

    Args:
        address: As Ray has it (``auto``, ``ray://HOST:PORT``, ``HOST:PORT``); ``None`` starts one.
        workers: For how many workers a cluster that is started is made.

    Raises:
        UsageError: Ray is not installed.
        InfrastructureError: There is no cluster there, or none can be started.
    """
    ray = _ray()
    if ray.is_initialized():
        # A test, or a program that uses us: its cluster is the one to use.
        yield Joined(False, _nodes(ray))
        return
    folder, held = None, -1
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        # Sockets lie in it, whose paths may not be long.
        _sweep(Path(_TMP))
        try:
            folder = tempfile.mkdtemp(prefix=_PREFIX, dir=_TMP)
            held = _hold(folder)
        except OSError as error:
            raise InfrastructureError(
                f"{_TMP}: no folder can be made for a cluster: {error.strerror}", help="free some space there"
            ) from error
        options |= {
            "num_cpus": max(1, workers or 1),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": folder,
        }
    try:
        try:
            _init(ray, address, options)
        except Exception as error:  # Ray raises that very class, among others
            said = str(error).strip().splitlines()[:1] or [type(error).__name__]
            where = f"the Ray cluster at {address!r} cannot be joined" if address else "Ray cannot be started"
            raise InfrastructureError(
                f"{where}: {said[0]}",
                help="is it up (`ray status`), with the Ray and the Python of this process?",
            ) from error
        yield Joined(folder is not None, _nodes(ray))
    finally:
        with contextlib.suppress(Exception):
            ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _hold(folder: str | Path) -> int:
    """Hold a folder alone, for as long as this process lives and the descriptor is open.

    Raises:
        OSError: Somebody else holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(tmp_dir: Path) -> None:
    """Remove what commands that were killed left behind, once it is a day old.

    Age alone tells nothing: nobody writes to the folder of a cluster that has worked for days.
    """
    limit = time.time() - _STALE_S
    for path in tmp_dir.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if status.st_uid == os.geteuid() and status.st_mtime < limit:
                held = _hold(path)
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)


def _init(ray: Any, address: str | None, options: dict[str, Any]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            ray.init(address=address or "local", **options)
        except Exception as error:
            # On a busy machine a node may take longer than Ray waits for it.
            if address is not None or attempt == ATTEMPTS or "timed out" not in str(error):
                raise
            ray.shutdown()
        else:
            return


def _ray() -> Any:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--executor=ray needs Ray, which is not installed", help="pip install 'skvm[ray]'"
        ) from error
    return ray


def _nodes(ray: Any) -> int:
    return sum(1 for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0)


def start_lane(order: WorkerOrder) -> Lane:
    """Start a worker on whichever node Ray finds for it."""
    ray = _ray()
    from skvm.cluster.worker import Worker

    made = ray.remote(Worker).options(
        num_cpus=WORKER_CPUS,
        max_concurrency=order.slots + EXTRA_CALLS,
        # A worker that is lost is replaced by us, who know what it had under way.
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
    )
    return RayLane(made.remote(order.model_dump_json(by_alias=True)))


class RayLane:
    """A worker that is a Ray actor; it ends with this process, or sooner.

    Args:
        actor: Its handle.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def submit(self, method: str, *given: str | bytes) -> Answer:
        """See ``Lane``."""
        ray = _ray()
        try:
            answer = getattr(self._actor, method).remote(*given)
        except ray.exceptions.RayError as error:
            raise _lost(error) from error

        async def wait() -> str | bytes:
            try:
                value: str | bytes = await answer
            except ray.exceptions.RayTaskError as error:
                # Not the worker is gone, something in it is wrong: its disk, as a rule.
                if isinstance(error.cause, SkvmError):
                    raise InfrastructureError(error.cause.message, help=error.cause.help) from error
                raise RuntimeError(str(error)) from error
            except ray.exceptions.RayError as error:
                raise _lost(error) from error
            return value

        return wait

    def end(self) -> None:
        """See ``Lane``."""
        ray = _ray()
        with contextlib.suppress(Exception):
            ray.kill(self._actor)


def _lost(error: Exception) -> Exception:
    said = str(error)
    if "No module named 'skvm" in said:
        return InfrastructureError(
            "a node of the cluster has no skvm",
            help="install the same version on every node: pip install skvm",
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [type(error).__name__]
    # What was raised in it, if anything was, stands last.
    return LaneLostError(lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}")
