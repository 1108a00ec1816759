"""The embedded models, served on loopback: loaded at first use, stopped with their owner.

Each model runs in a child process (``skvm.llm.serve``) that ends when its standard input closes, so no
end of this process, not even a kill, leaves one behind. Every server has a random key of its own: other
users of the machine reach the port, but not the model.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from skvm.errors import ConfigError, InfrastructureError, UsageError
from skvm.evidence.redact import without_provider_keys
from skvm.llm.catalog import ModelEntry, find_entry
from skvm.llm.weights import require_weights

if TYPE_CHECKING:
    from types import TracebackType

    from anyio.abc import Process

    from skvm.llm.serve import ServeAnswer, ServeOrder
    from skvm.settings import Settings

__all__ = ["Endpoint", "LocalModels", "check_engine", "usable_processors"]

_LOAD_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 5.0
_CACHE_MIB = 1024
_MIN_CONTEXT_TOKENS = 256
_LOG_TAIL_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an embedded model is served.

    Args:
        base_url: Ends in ``/v1``, as OpenAI-compatible clients want it.
        api_key: Bearer token; made anew for each server.
        slots: Requests served at once.
        slot_context_tokens: Context of each request, prompt and answer together.
    """

    base_url: str
    api_key: str = field(repr=False)
    slots: int = 1
    slot_context_tokens: int = 0


@dataclass(slots=True)
class _Running:
    process: Process
    endpoint: Endpoint
    log: IO[bytes]
    states: tempfile.TemporaryDirectory[str]


class LocalModels:
    """The embedded models of one process: one server a model, started at first use.

    Use it as an async context manager, or call ``aclose`` in the end.

    Args:
        settings: Where the weights lie.
        parallel: Requests each model serves at once; each gets a slot with a context of its own.
        context_tokens: Context of each slot; the catalogue's value if ``None``.
        threads: Threads that compute; as many as processors may be used if ``None``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        parallel: int = 2,
        context_tokens: int | None = None,
        threads: int | None = None,
    ) -> None:
        if parallel < 1:
            raise UsageError(f"an embedded model needs at least one slot, not {parallel}")
        if context_tokens is not None and context_tokens < _MIN_CONTEXT_TOKENS:
            raise UsageError(f"a context of {context_tokens} tokens is below {_MIN_CONTEXT_TOKENS}")
        self._settings = settings
        self._parallel = parallel
        self._context_tokens = context_tokens
        self._threads = threads or usable_processors()
        self._running: dict[str, _Running] = {}
        self._lock = anyio.Lock()

    async def __aenter__(self) -> LocalModels:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def base_url(self, model_id: str) -> str:
        """The base URL of a model's server; see ``endpoint``, whose key it also needs."""
        return (await self.endpoint(model_id)).base_url

    async def endpoint(self, model_id: str) -> Endpoint:
        """Where ``model_id`` is served; loads it first where it is not, or no longer, running.

        Args:
            model_id: Id in the catalogue, with or without ``local/``.

        Raises:
            UsageError: No such model.
            ConfigError: The extra ``local`` is not installed.
            InfrastructureError: The weights are absent or cannot be loaded; names the way out.
        """
        return (await self._ensure(find_entry(model_id))).endpoint

    async def spread(self, model_id: str) -> int:
        """Give all idle slots of a model what the last one that answered has read; see ``slots.spread``."""
        from skvm.llm.slots import spread

        running = self._running.get(find_entry(model_id).id)
        if running is None or running.endpoint.slots == 1:
            return 0
        at = running.endpoint
        return await spread(at.base_url, at.api_key, Path(running.states.name))

    async def _ensure(self, entry: ModelEntry) -> _Running:
        async with self._lock:
            running = self._running.get(entry.id)
            if running is not None and running.process.returncode is not None:
                await self._stop(self._running.pop(entry.id))
                running = None
            if running is None:
                running = await self._start(entry)
                self._running[entry.id] = running
            return running

    async def aclose(self) -> None:
        """Stop every server and give its memory back."""
        with anyio.CancelScope(shield=True):
            async with self._lock:
                while self._running:
                    await self._stop(self._running.popitem()[1])

    async def _start(self, entry: ModelEntry) -> _Running:
        check_engine(entry)
        path = await anyio.to_thread.run_sync(require_weights, self._settings, entry)
        states: tempfile.TemporaryDirectory[str] = tempfile.TemporaryDirectory(prefix="skvm-states-")
        order = self._order(entry, path, states.name)
        log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        process = await anyio.open_process(
            [sys.executable, "-P", "-m", "skvm.llm.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=without_provider_keys(os.environ),
            start_new_session=True,  # Ctrl-C is for us; the server goes when we close its input.
        )
        running = _Running(
            process, Endpoint("", order.api_key, order.slots, order.slot_context_tokens), log, states
        )
        try:
            address = await _load(running, entry, order)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stop(running)
            raise
        running.endpoint = replace(running.endpoint, base_url=f"{address}/v1")
        return running

    def _order(self, entry: ModelEntry, path: Path, states_dir: str) -> ServeOrder:
        from skvm.llm.serve import ServeOrder

        context = self._context_tokens or entry.slot_context_tokens
        return ServeOrder(
            path=str(path),
            alias=entry.id,
            api_key=secrets.token_urlsafe(32),
            slots=self._parallel,
            slot_context_tokens=min(context, entry.native_context_tokens),
            threads=self._threads,
            cache_mib=_CACHE_MIB,
            states_dir=states_dir,
        )

    async def _stop(self, running: _Running) -> None:
        process = running.process
        if process.stdin is not None:
            await process.stdin.aclose()
        with anyio.move_on_after(_STOP_TIMEOUT_S):
            await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()
        running.log.close()
        running.states.cleanup()


def check_engine(entry: ModelEntry) -> None:
    """Look whether an embedded model could be run at all, before its weights are fetched.

    Raises:
        ConfigError: The engine is not installed.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigError(
            f"{entry.model_id} needs the package xllamacpp, which is not installed",
            help="pip install 'skvm[local]'",
        )


async def _load(running: _Running, entry: ModelEntry, order: ServeOrder) -> str:
    """Have the model loaded; the address it is served at."""
    answer = await _ask(running.process, order)
    if answer.address is None:
        raise InfrastructureError(
            f"{entry.id} cannot be loaded: {await _failure(running, answer)}",
            help=f"take a smaller model if memory is short; else `skvm models rm {entry.id}` and pull again",
        )
    return answer.address


async def _ask(process: Process, order: ServeOrder) -> ServeAnswer:
    """Send the order; the answer, or one that says what went wrong."""
    from skvm.llm.serve import ServeAnswer

    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
    try:
        with anyio.fail_after(_LOAD_TIMEOUT_S):
            await process.stdin.send(order.model_dump_json(by_alias=True).encode() + b"\n")
            line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 1 << 16)
    except TimeoutError:
        return ServeAnswer(error=f"it did not load within {_LOAD_TIMEOUT_S:.0f} s")
    except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError):
        return ServeAnswer()
    return ServeAnswer.model_validate_json(line)


async def _failure(running: _Running, answer: ServeAnswer) -> str:
    """Why a server did not start: its own words, else how its process ended and what it printed last."""
    if answer.error:
        return answer.error
    code = await running.process.wait()
    size = running.log.seek(0, os.SEEK_END)
    running.log.seek(max(0, size - _LOG_TAIL_BYTES))
    lines = running.log.read().decode(errors="replace").strip().splitlines()
    ended = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with code {code}"
    return f"{ended} ({lines[-1].strip()})" if lines else ended


def usable_processors() -> int:
    """Processors this process may use: its affinity, and no more than a container's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()[:2]
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, int(quota) // int(period)))
