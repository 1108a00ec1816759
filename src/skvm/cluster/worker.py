"""A worker: makes runs for a driver, on its own node, and gives back all that is known of them.

It has a model port, a sandbox and temporary folders of its own, and no journal. Its methods take and give
text and bytes only, so that nothing of ours is ever pickled.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import traceback
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

import skvm
from skvm.cluster.order import BenchOrder, Hello, RunOrder, RunResult, WorkerOrder
from skvm.cluster.reading import OrderReader
from skvm.cluster.recipes import error_name, with_hooks
from skvm.cluster.recorder import Collected, CollectedBlobs, Recorder, collecting
from skvm.cluster.shipping import NodeStore, pack_result
from skvm.errors import ConfigError, SkvmError
from skvm.evaluate.account import find_error
from skvm.evaluate.bench import Bench, Port
from skvm.evaluate.judging import judge_of
from skvm.evaluate.run import run_once
from skvm.evaluate.workspace import make_private_folder, remove_tree, sweep
from skvm.evidence.blobs import digest_of
from skvm.evidence.record import RunRecord
from skvm.evidence.redact import Redactor
from skvm.harness.confine import choose_sandbox
from skvm.llm.budget import Budget
from skvm.llm.contract import CallScope, SpendLimit
from skvm.llm.port import ModelPort, OpenSession
from skvm.llm.route import Endpoint
from skvm.settings import Route, Settings, load_settings

__all__ = ["Worker", "code_digest"]


class Worker:
    """A worker.

    Args:
        order: A ``WorkerOrder`` as JSON.
    """

    def __init__(self, order: str) -> None:
        self._order = WorkerOrder.model_validate_json(order)
        self._node = platform.node()
        self._settings = _settings(self._order)
        sweep(self._settings.tmp_dir)
        self._folder = make_private_folder(self._settings.tmp_dir, "home-worker")
        # Passable, as the folders of tasks and skills are where they come from.
        self._folder.chmod(0o711)
        self._store = NodeStore(self._settings.cache_dir / "cluster" / "blobs")
        self._store.prune()
        self._reader = OrderReader(self._store, self._folder, self._settings, self._node)
        self._redactor = Redactor.of(self._settings)
        self._journal = Recorder(self._redactor)
        self._blobs = CollectedBlobs(self._folder, redactor=self._redactor)
        self._benches: dict[BenchOrder, _Kept] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._throttled: set[str] = set()
        self._port: ModelPort | None = None
        self._listening: AbstractContextManager[None] | None = None
        self._opening: asyncio.Lock | None = None
        self._noticed: asyncio.Event | None = None

    async def hello(self) -> str:
        """What this worker is; a ``Hello`` as JSON."""
        code = await anyio.to_thread.run_sync(code_digest)
        hello = Hello(
            node=self._node,
            pid=os.getpid(),
            version=skvm.__version__,
            code=code,
            python=platform.python_version(),
        )
        return hello.model_dump_json()

    async def lacking(self, digests: str) -> str:
        """Which blobs of a JSON list this node does not have, as one."""
        missing = await anyio.to_thread.run_sync(self._store.lacking, json.loads(digests))
        return json.dumps(missing)

    async def keep(self, *blobs: bytes) -> str:
        """Keep blobs; their digests as a JSON list."""
        # Ray's buffers are not bytes of their own.
        kept = await anyio.to_thread.run_sync(lambda: [self._store.put(bytes(blob)) for blob in blobs])
        return json.dumps(kept)

    async def run(self, order: str) -> bytes:
        """Make the run of a ``RunOrder``; a packed ``RunResult``, whatever happened."""
        read = RunOrder.model_validate_json(order)
        with collecting() as collected:
            result = await self._result(read, collected)
            return await anyio.to_thread.run_sync(self._packed, result, collected)

    def _packed(self, result: RunResult, collected: Collected) -> bytes:
        """All of it as bytes, without this node's keys: the driver does not know them."""
        clean, record = self._redactor, result.record
        if record is not None:
            record = RunRecord.model_validate(clean.json(record.model_dump(mode="json", by_alias=True)))
        told = {
            "record": record,
            "seen": clean.json(result.seen),
            "message": clean.text(result.message),
            "help": None if result.help is None else clean.text(result.help),
        }
        return pack_result(result.model_copy(update=told), collected.blobs)

    async def stop(self, attempt: str) -> str:
        """Cancel an attempt under way; its result says so. ``yes`` if there was one."""
        scope = self._scopes.get(attempt)
        if scope is None:
            return "no"
        scope.cancel()
        return "yes"

    async def throttled(self) -> str:
        """Wait until a provider asks for less; model ids as a JSON list."""
        if self._noticed is None:
            self._noticed = asyncio.Event()
        await self._noticed.wait()
        self._noticed.clear()
        found, self._throttled = sorted(self._throttled), set()
        return json.dumps(found)

    async def study(self, skills: bytes) -> str:
        """Study skills; see ``studying.study_here``."""
        from skvm.cluster.studying import study_here

        return await anyio.to_thread.run_sync(study_here, bytes(skills), self._folder)

    async def close(self) -> str:
        """End what was opened; runs under way are cancelled."""
        for scope in list(self._scopes.values()):
            scope.cancel()
        for kept in self._benches.values():
            await kept.close()
        if self._listening is not None:
            self._listening.__exit__(None, None, None)
        if self._port is not None:
            await self._port.__aexit__(None, None, None)
        await anyio.to_thread.run_sync(remove_tree, self._folder)
        return "closed"

    async def _result(self, order: RunOrder, collected: Collected) -> RunResult:
        scope = self._scopes[order.attempt] = anyio.CancelScope()
        seen: Any = None
        record: RunRecord | None = None
        error, message, help = "", "", None
        try:
            with scope:
                bench = await self._bench(order.bench)
                spec, look = await anyio.to_thread.run_sync(self._reader.read, order)
                record = await run_once(spec, _under_ceilings(bench, order))
                seen = look()
        except Exception as failure:  # noqa: BLE001 - told to the driver, which raises it
            error, message, help = self._told(failure)
        finally:
            del self._scopes[order.attempt]
        if scope.cancelled_caught:
            error, message = "cancelled", "cancelled"
        return RunResult(
            attempt=order.attempt,
            node=self._node,
            rows=collected.rows(),
            record=record,
            seen=seen,
            error=error,
            message=message,
            help=help,
        )

    def _told(self, failure: Exception) -> tuple[str, str, str | None]:
        known = find_error(failure, SkvmError)
        if known is None:
            return "fault", "".join(traceback.format_exception(failure)), None
        where = f"on node {self._node}: " if isinstance(known, ConfigError) else ""
        return error_name(known), where + known.message, known.help

    async def _bench(self, order: BenchOrder) -> Bench:
        """The bench of an order, opened once."""
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if order not in self._benches:
                self._benches[order] = await _Kept.open(self._opened(order))
        return self._benches[order].bench

    @asynccontextmanager
    async def _opened(self, order: BenchOrder) -> AsyncIterator[Bench]:
        sandbox = await anyio.to_thread.run_sync(choose_sandbox, order.sandbox)
        if self._port is None:
            self._port = await ModelPort(self._settings, put_blob=self._blobs.put).__aenter__()
            # Held, or it would be left at once.
            self._listening = self._port.listening(self._notice)
            self._listening.__enter__()
        bench = Bench(
            settings=self._settings,
            port=self._port,
            sandbox=sandbox,
            journal=self._journal,
            blobs=self._blobs,
            temperature=order.temperature,
            max_output_tokens=order.max_output_tokens,
            config_mode=order.config_mode,
        )
        if order.judge_model is not None:
            judge = judge_of(
                bench,
                order.judge_model,
                is_deferred=order.is_judge_deferred,
                allow_self=order.may_judge_itself,
            )
            bench = replace(bench, judge=judge)
        from skvm.runtime.plan.driving.opening import following

        async with following(with_hooks(bench, order.hooks), order.follow) as whole:
            yield whole

    def _notice(self, endpoint: Endpoint) -> None:
        self._throttled.add(endpoint.model_id)
        if self._noticed is None:
            self._noticed = asyncio.Event()
        self._noticed.set()


def _settings(order: WorkerOrder) -> Settings:
    """The node's own settings with the driver's routes; keys are read here, when they are needed."""
    own = load_settings(cache_dir=order.cache_dir, tmp_dir=order.tmp_dir, auto_probe=order.auto_probe)
    routes = tuple(
        Route(each.match, each.kind, api_key_env=each.api_key_env, base_url=each.base_url)
        for each in order.routes
    )
    return replace(own, routes=routes)


def _under_ceilings(bench: Bench, order: RunOrder) -> Bench:
    """The bench whose run and judge may use what was left of the ceilings when the run was sent out."""
    if order.max_usd is None and order.max_tokens is None:
        return bench
    port = _Held(bench.port, order)
    return replace(bench, port=port, judge=replace(bench.judge, port=port) if bench.judge else None)


class _Held:
    """The port as one run sees it: under what was left of the ceilings when it was sent out."""

    def __init__(self, port: Port, order: RunOrder) -> None:
        self._port = port
        self._budget = Budget(SpendLimit(order.max_usd, order.max_tokens))

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[OpenSession]:
        """A session of the port, with a budget of its own."""
        async with self._port.session(scope, deadline_s=deadline_s) as session:
            assert isinstance(session, OpenSession)  # noqa: S101 - a worker's port is a ModelPort
            session.budget = self._budget
            yield session


@dataclass(slots=True)
class _Kept:
    """Something open, kept by a task of its own: it is left in the task that entered it."""

    bench: Bench
    _task: asyncio.Task[None] | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def open(cls, opening: AbstractAsyncContextManager[Bench]) -> _Kept:
        """Enter it, and stay inside."""
        opened: asyncio.Future[Bench] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()

        async def stay() -> None:
            try:
                async with opening as bench:
                    opened.set_result(bench)
                    await over.wait()
            except BaseException as error:
                if opened.done():
                    raise
                opened.set_exception(error)

        task = asyncio.create_task(stay())
        return cls(await opened, task, over)

    async def close(self) -> None:
        """Leave it."""
        self._over.set()
        if self._task is not None:
            await self._task


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of the files this skvm is made of."""
    total = hashlib.sha256()
    root = Path(skvm.__file__).parent
    for path in sorted(root.rglob("*.py")):
        total.update(f"{path.relative_to(root)}\0{digest_of(path.read_bytes())}\0".encode())
    return "sha256:" + total.hexdigest()
