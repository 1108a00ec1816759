"""The model port: the one way to a model. Sessions, their calls, and what all of them cost."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from skvm.evidence.record import CallRecord, Usage
from skvm.evidence.redact import Redactor
from skvm.llm.budget import Budget
from skvm.llm.capabilities import Capabilities, ProbeMemory, assumed, memory_of
from skvm.llm.contract import CallScope, DeadlineExceededError, SpendLimit
from skvm.llm.prices import worst_case_usd
from skvm.llm.replay import Cassette
from skvm.llm.retry import RetryPolicy
from skvm.llm.route import Address, Endpoint, resolve_endpoint
from skvm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2
    from pydantic_ai.models import Model

    from skvm.llm.local import LocalModels
    from skvm.llm.model import ProviderModels

__all__ = ["ModelPort", "OpenSession"]


class ModelPort:
    """Every model call of a command passes here. An async context manager.

    Args:
        settings: Routes and places.
        limit: Ceilings over everything this port does.
        cassette: Records and replays; by default the one ``SKVM_CASSETTE`` names, if any.
        retry: How often and how patiently failing calls are tried again.
        put_blob: Stores request and answer bodies; returns the digest that the call record names.

    Example::

        async with ModelPort(settings) as port, port.session(CallScope("demo")) as session:
            model = await session.model("local/qwen2.5-coder-1.5b")
    """

    def __init__(
        self,
        settings: Settings,
        *,
        limit: SpendLimit | None = None,
        cassette: Cassette | None = None,
        retry: RetryPolicy | None = None,
        put_blob: Callable[[bytes], str] | None = None,
    ) -> None:
        self.settings = settings
        self.budget = Budget(limit)
        self.cassette = cassette or Cassette.from_env(
            temp_roots=(str(settings.tmp_dir),), redactor=Redactor.of(settings)
        )
        self.retry = retry or RetryPolicy()
        self.put_blob = put_blob
        self._throttle_listeners: list[Callable[[Endpoint], None]] = []
        self._usage = Usage()
        self._client: httpx2.AsyncClient | None = None
        self._local: LocalModels | None = None
        self._provider_models: ProviderModels | None = None
        self._probe_lock = anyio.Lock()
        self._cassette_memory = (
            ProbeMemory(self.cassette.directory / "probes.json") if self.cassette else None
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            if self._client is not None:
                await self._client.aclose()
                self._client = None
            if self._local is not None:
                await self._local.aclose()
                self._local = None

    @property
    def usage(self) -> Usage:
        """Everything all sessions used; replayed calls count as they did when they were recorded."""
        return self._usage

    @asynccontextmanager
    async def session(
        self, scope: CallScope, *, deadline_s: float | None = None
    ) -> AsyncIterator[OpenSession]:
        """Open a session.

        Args:
            scope: Whose calls these are.
            deadline_s: Seconds from now after which calls are cancelled.
        """
        deadline = math.inf if deadline_s is None else anyio.current_time() + deadline_s
        yield OpenSession(self, scope, deadline)

    def resolve(self, model_id: str) -> Endpoint:
        """The endpoint of a model.

        With a cassette a missing key is no error yet; a replay uses the endpoint that was recorded.

        Raises:
            UsageError: The id has no provider segment.
            ConfigError: No route, or no credential.
        """
        if self.cassette is None:
            return resolve_endpoint(self.settings, model_id)
        recalled = self.cassette.recall_endpoint(model_id)
        if recalled is not None and self._is_replay:
            return recalled
        endpoint = resolve_endpoint(self.settings, model_id, need_credential=False)
        if endpoint.missing_credential and recalled is not None:
            return replace(recalled, missing_credential=True, credential_hint=endpoint.credential_hint)
        if not (endpoint.missing_credential or self._is_replay):
            self.cassette.remember_endpoint(endpoint)
        return endpoint

    async def address(self, endpoint: Endpoint) -> Address:
        """Where to send to; starts the embedded model on first use.

        Raises:
            InfrastructureError: The embedded model cannot be served.
        """
        if endpoint.kind != "local":
            return Address(endpoint.base_url, endpoint.credential)
        from skvm.llm.local import LocalModels

        if self._local is None:
            self._local = LocalModels(self.settings)
        served = await self._local.endpoint(endpoint.backend_id)
        return Address(served.base_url, served.api_key)

    async def share_reading(self, endpoint: Endpoint) -> int:
        """Give what an embedded model has just read to all its idle slots; see ``SharesReading``."""
        if endpoint.kind != "local" or self._local is None:
            return 0
        return await self._local.spread(endpoint.backend_id)

    def provider_models(self) -> ProviderModels:
        """The provider clients that all sessions share."""
        if self._provider_models is None:
            from skvm.llm.model import ProviderModels

            self._provider_models = ProviderModels()
        return self._provider_models

    def remembered(self, endpoint: Endpoint) -> Capabilities | None:
        """What is known of an endpoint without asking it; a cassette remembers for itself."""
        if self._cassette_memory is not None:
            found = self._cassette_memory.get(endpoint)
            if found is not None or (self.cassette is not None and self.cassette.mode == "replay"):
                return found
        return memory_of(self.settings).get(endpoint)

    async def capabilities(self, endpoint: Endpoint, *, force: bool = False) -> Capabilities:
        """What an endpoint can do: remembered, else probed where that is allowed, else assumed.

        Args:
            endpoint: Which.
            force: Probe whatever is remembered or allowed.

        Raises:
            ProviderError: The endpoint does not serve the model.
        """
        async with self._probe_lock:
            found = None if force else self.remembered(endpoint)
            if found is None and (force or self._may_probe(endpoint)):
                found = await self._probe(endpoint, is_forced=force)
            if found is not None and self._cassette_memory is not None and not self._is_replay:
                self._cassette_memory.put(found)
            return found or assumed(endpoint)

    @property
    def _is_replay(self) -> bool:
        return self.cassette is not None and self.cassette.mode == "replay"

    def _may_probe(self, endpoint: Endpoint) -> bool:
        # Of the other kinds enough is known beforehand.
        by_kind = endpoint.kind in {"openai-compatible", "openrouter"}
        return self.settings.auto_probe and by_kind and not self._is_replay

    async def _probe(self, endpoint: Endpoint, *, is_forced: bool) -> Capabilities | None:
        from skvm.llm.probe import PROBE_DEADLINE_S, probe_endpoint

        scope = CallScope("endpoint-probe", condition=endpoint.model_id)
        try:
            async with self.session(scope, deadline_s=PROBE_DEADLINE_S) as session:
                found = await probe_endpoint(await session.model(endpoint.model_id), endpoint)
        except DeadlineExceededError:
            if is_forced:
                raise
            return None
        memory_of(self.settings).put(found)
        return found

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Put one request on the network; the response's body is left unread."""
        if self._client is None:
            import httpx2

            # All are kept: a bench has as many calls under way as runs, again and again.
            limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
            self._client = httpx2.AsyncClient(limits=limits)
        return await self._client.send(request, stream=True, follow_redirects=True)

    @contextmanager
    def listening(self, listener: Callable[[Endpoint], None]) -> Iterator[None]:
        """Within it, the listener is told of every answer that asks for fewer calls at once.

        Several may listen; each is told, the oldest first.
        """
        self._throttle_listeners.append(listener)
        try:
            yield
        finally:
            self._throttle_listeners.remove(listener)

    def throttled(self, endpoint: Endpoint) -> None:
        """Tell everybody who listens that an endpoint asked for less."""
        for listener in tuple(self._throttle_listeners):
            listener(endpoint)

    def add_usage(self, usage: Usage) -> None:
        """Count a call of a session."""
        self._usage = self._usage + usage


class OpenSession:
    """The calls of one scope (see ``skvm.llm.contract.PortSession``). Made by ``ModelPort.session``."""

    def __init__(self, port: ModelPort, scope: CallScope, deadline: float) -> None:
        self.port = port
        self.scope = scope
        self.deadline = deadline
        self.budget = port.budget
        self.retry = port.retry
        self.cassette = port.cassette
        self.put_blob = port.put_blob
        self._calls: list[CallRecord] = []
        self._usage = Usage()
        self._models: dict[str, Model] = {}

    @property
    def usage(self) -> Usage:
        """Everything used so far in this session."""
        return self._usage

    @property
    def calls(self) -> Sequence[CallRecord]:
        """Every call so far, oldest first."""
        return tuple(self._calls)

    async def model(self, model_id: str) -> Model:
        """The pydantic-ai model behind a full model id, its transport bound to this session.

        Raises:
            UsageError: The id is malformed, or a dollar ceiling cannot hold for it.
            ConfigError: No route or no credential; lists what was tried.
            InfrastructureError: The embedded model cannot be served.
        """
        if model_id not in self._models:
            endpoint = self.port.resolve(model_id)
            if self.budget.is_limited:
                self.budget.check_price_known(model_id, worst_case_usd(endpoint, 1, 1))
            if self.cassette is None:
                # No cassette can answer for it, so a model that does not start should fail here.
                await self.address(endpoint)
            from skvm.llm.model import PortModel

            known = self.port.remembered(endpoint)
            self._models[model_id] = PortModel(
                endpoint,
                self,
                self.port.provider_models(),
                limit_field=known.limit_field if known else None,
            )
        return self._models[model_id]

    async def capabilities(self, model_id: str) -> Capabilities:
        """What the endpoint can do with the model: remembered, else probed, else assumed from its kind.

        Raises:
            ProviderError: The endpoint does not serve the model.
        """
        return await self.port.capabilities(self.port.resolve(model_id))

    async def share_reading(self, model_id: str) -> int:
        """See ``skvm.llm.contract.SharesReading``."""
        return await self.port.share_reading(self.port.resolve(model_id))

    def record(self, call: CallRecord) -> None:
        """Take note of a finished call."""
        self._calls.append(call)
        self._usage = self._usage + call.usage
        self.port.add_usage(call.usage)

    def throttled(self, endpoint: Endpoint) -> None:
        """Pass on that the endpoint asked for less."""
        self.port.throttled(endpoint)

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Put one request on the network."""
        return await self.port.send(request)

    async def address(self, endpoint: Endpoint) -> Address:
        """Where to send to."""
        return await self.port.address(endpoint)
