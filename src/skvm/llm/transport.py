"""The one transport every model call passes.

It sits under the provider client of one endpoint, which all sessions share; whose call it is, the caller
says with ``calling``. In order: the cassette answers if it
can; the worst case is reserved; the request is sent, tried again where that helps, and cancelled at the
deadline; the answer is read, whatever its status says; usage is settled and the call is recorded.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx2

from skvm.errors import ConfigError
from skvm.evidence.record import CallRecord, Usage
from skvm.llm.codecs import Codec, Reading, codec_for
from skvm.llm.codecs.events import decode_events
from skvm.llm.contract import DeadlineExceededError, ProviderError
from skvm.llm.faults import Fault, inspect_answer, provider_error, scrub
from skvm.llm.prices import priced, worst_case_usd
from skvm.llm.replay import Answer
from skvm.llm.retry import RetryPolicy, retry_after_s
from skvm.llm.tap import AnswerTooLongError, TappedStream, bounded, read_first_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skvm.llm.budget import Budget, Reservation
    from skvm.llm.contract import CallScope
    from skvm.llm.replay import Cassette, Slot
    from skvm.llm.route import Address, Endpoint

__all__ = ["CallContext", "PortTransport", "PutBlob", "calling"]

DEFAULT_OUTPUT_TOKENS = 16384
"""The worst case assumed of a request that sets no bound itself."""

THROTTLED = frozenset({429, 529})
"""Statuses that ask for fewer calls at once."""

# After a read timeout the provider may be at work still: another try costs again. The rest cannot heal.
_FINAL = (httpx2.ReadTimeout, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, AnswerTooLongError)

_UNSAID: Mapping[type[Exception], str] = {
    httpx2.ReadError: "the connection was reset",
    httpx2.WriteError: "the connection was reset",
    httpx2.ReadTimeout: "it said nothing for too long",
    httpx2.ConnectTimeout: "it did not take the connection in time",
}
"""What errors mean that come without words."""

PutBlob = Callable[[bytes], str]
"""Stores bytes, returns their digest."""


class CallContext(Protocol):
    """What the transport needs of the session it serves."""

    scope: CallScope
    budget: Budget
    retry: RetryPolicy
    cassette: Cassette | None
    put_blob: PutBlob | None

    @property
    def deadline(self) -> float:
        """On anyio's clock; infinity if there is none."""

    def record(self, call: CallRecord) -> None:
        """Take note of a finished call."""

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Put one request on the network; the body of the response is left unread."""

    def throttled(self, endpoint: Endpoint) -> None:
        """Take note that the endpoint asked for less."""

    async def address(self, endpoint: Endpoint) -> Address:
        """Where to send to; starts the embedded model where the endpoint is that."""


_caller: ContextVar[CallContext] = ContextVar("caller")


@contextmanager
def calling(context: CallContext) -> Iterator[None]:
    """Within it, in this task, requests are calls of this session."""
    token = _caller.set(context)
    try:
        yield
    finally:
        _caller.reset(token)


class PortTransport(httpx2.AsyncBaseTransport):
    """The transport to one endpoint; used within ``calling``."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Serve one model call.

        Raises:
            ProviderError: No usable answer.
            BudgetExceededError: The worst case does not fit; nothing was sent.
            DeadlineExceededError: The session's deadline passed.
            ReplayMissError: The cassette must answer and cannot.
        """
        call = _Call(_caller.get(), self._endpoint, request, await request.aread())
        try:
            answer = await call.run()
        except BaseException as error:
            await call.close(Reading(), error=error)
            raise
        return answer


class _Call:
    """One model call, from the first byte to its record."""

    def __init__(
        self, context: CallContext, endpoint: Endpoint, request: httpx2.Request, body: bytes
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._request = request
        self._body = body
        self._payload = _decode(body)
        self._codec: Codec = codec_for(request.url.path)
        self._is_stream = self._payload.get("stream") is True
        self._started = time.perf_counter()
        self._attempts = 0
        self._status = 0
        self._reserved: Reservation | None = None
        self._slot: Slot | None = None
        self._was_sent = False
        self._is_replayed = False
        self._is_closed = False
        self._waits_for: Fault | None = None

    async def run(self) -> httpx2.Response:
        cassette = self._context.cassette
        if cassette is not None:
            self._slot = cassette.slot(self._context.scope, self._codec.name, self._payload)
            stored = cassette.find(self._slot)
            if stored is not None:
                return await self._replay(stored)
        if self._endpoint.missing_credential:
            raise ConfigError(
                f"{self._endpoint.model_id}: the cassette holds no answer and there is no key to ask for one",
                help=f"set {self._endpoint.credential_hint}",
            )
        with self.until_deadline():
            # A deadline that has passed already stops here, before anything counts as sent.
            await anyio.lowlevel.checkpoint()
            await self._reserve()
            return await self._send()

    async def _reserve(self) -> None:
        budget = self._context.budget
        if not budget.is_limited:
            return
        # No tokenizer in use makes more than one token of a byte; text dense in digits comes near that. What
        # a call did not use is given back when it ends, so a high bound only delays or refuses the last ones.
        tokens = len(self._body)
        output = self._codec.output_limit(self._payload) or DEFAULT_OUTPUT_TOKENS
        usd = worst_case_usd(self._endpoint, tokens, output)
        self._reserved = await budget.reserve(self._endpoint.model_id, tokens + output, usd)

    async def _send(self) -> httpx2.Response:
        policy = self._context.retry
        while True:
            self._attempts += 1
            is_last = self._attempts >= policy.attempts
            try:
                response = await self._attempt()
            except httpx2.TransportError as error:
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    self._was_sent = False
                if is_last or isinstance(error, _FINAL):
                    raise self.network_error(error) from error
                await anyio.sleep(policy.pause_s(self._attempts, None))
                continue
            if isinstance(response, httpx2.Response):
                return response
            fault, asked_s = response
            if is_last or not fault.is_transient:
                raise provider_error(self._endpoint, fault, self._attempts)
            # The provider answered, so nothing of this attempt is owed.
            self._was_sent = False
            self._waits_for = fault
            await anyio.sleep(policy.pause_s(self._attempts, asked_s))
            self._waits_for = None

    async def _attempt(self) -> httpx2.Response | tuple[Fault, float | None]:
        request = await self._addressed()
        self._was_sent = True
        response = await self._context.send(request)
        try:
            self._status = response.status_code
            kind = response.headers.get("content-type", "")
            chunks = bounded(response.aiter_bytes())
            if self._is_stream and response.status_code < 300 and "event-stream" in kind:
                head = await read_first_event(chunks)
                reading, fault = inspect_answer(self._codec, response.status_code, kind, head, is_stream=True)
                if fault is None:
                    return self._streamed(response, head, chunks)
                body = head
            else:
                body = b"".join([chunk async for chunk in chunks])
                reading, fault = inspect_answer(
                    self._codec, response.status_code, kind, body, is_stream=self._is_stream
                )
        except BaseException:
            with anyio.CancelScope(shield=True):
                await response.aclose()
            raise
        await response.aclose()
        answer = Answer(response.status_code, kind, body)
        if fault is not None:
            if not fault.is_transient and fault.status not in {401, 402, 403}:
                await self._keep(answer)
            if fault.status in THROTTLED:
                self._context.throttled(self._endpoint)
            return fault, retry_after_s(response.headers.get("retry-after"))
        await self._keep(answer)
        await self.close(reading, body=body)
        return _response(self._request, answer)

    async def _addressed(self) -> httpx2.Request:
        """The request to send; one for an embedded model learns its address and key only now."""
        if self._endpoint.kind != "local":
            return self._request
        address = await self._context.address(self._endpoint)
        base = httpx2.URL(address.base_url)
        headers = httpx2.Headers(self._request.headers)
        headers["host"] = base.netloc.decode("ascii")
        headers["authorization"] = f"Bearer {address.key or 'no-key'}"
        return httpx2.Request(
            self._request.method,
            self._request.url.copy_with(scheme=base.scheme, host=base.host, port=base.port),
            headers=headers,
            content=self._body,
            extensions=self._request.extensions,
        )

    def _streamed(
        self, response: httpx2.Response, head: bytes, chunks: AsyncIterator[bytes]
    ) -> httpx2.Response:
        kind = response.headers.get("content-type", "")
        return httpx2.Response(
            response.status_code,
            headers={"content-type": kind},
            stream=TappedStream(self, response, head, chunks),
            request=self._request,
        )

    async def end_stream(
        self, body: bytes, content_type: str, error: BaseException | None, *, is_whole: bool
    ) -> ProviderError | None:
        """Read what a stream brought, settle and record.

        Args:
            body: All that came.
            content_type: The response's header.
            error: What ended it, if not its own end.
            is_whole: Whether the body was read to its end; else the client left.

        Returns:
            The error the stream ended with, if it did.
        """
        reading, fault = inspect_answer(self._codec, self._status, content_type, body, is_stream=True)
        if fault is None and error is None and is_whole and not reading.complete:
            fault = Fault("the stream stopped before its end", self._status, is_transient=True)
        failure = None if fault is None else provider_error(self._endpoint, fault, self._attempts)
        left = None if reading.complete else "the client left before the end"
        try:
            if error is None and reading.complete and fault is None:
                await self._keep(Answer(self._status, content_type, body))
        finally:
            await self.close(reading, body=body, error=error or failure, note=left)
        return failure

    def has_ended(self, body: bytes) -> bool:
        """Whether a stream has come to its logical end."""
        return self._codec.read_events(decode_events(body)).complete

    @contextmanager
    def until_deadline(self) -> Iterator[None]:
        """Cancel what happens inside at the session's deadline."""
        deadline = self._context.deadline
        try:
            with anyio.CancelScope(deadline=deadline) as scope:
                yield
        except anyio.get_cancelled_exc_class():
            # The run's own clock may strike in the same moment as ours; whose fault it was stays the same.
            if self._waits_for is not None and anyio.current_time() >= deadline:
                raise provider_error(self._endpoint, self._waits_for, self._attempts) from None
            raise
        if scope.cancelled_caught:
            if self._waits_for is not None:
                # The provider held the run up, not the agent.
                raise provider_error(self._endpoint, self._waits_for, self._attempts)
            task = self._context.scope.task
            raise DeadlineExceededError(
                f"{self._endpoint.model_id}: the deadline of {task!r} passed during a model call"
            )

    async def _replay(self, stored: Answer) -> httpx2.Response:
        self._is_replayed = True
        self._status = stored.status
        reading, fault = inspect_answer(
            self._codec, stored.status, stored.content_type, stored.body, is_stream=self._is_stream
        )
        if fault is not None:
            raise provider_error(self._endpoint, fault, 1)
        await self.close(reading, body=stored.body)
        return _response(self._request, stored)

    async def _keep(self, answer: Answer) -> None:
        slot, cassette = self._slot, self._context.cassette
        if slot is None or cassette is None:
            return
        secret = self._endpoint.credential
        # What was paid for is kept, also for a caller that is cancelled meanwhile.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: cassette.store(slot, answer, secret=secret))

    def network_error(self, error: Exception) -> ProviderError:
        """No connection, or one that broke."""
        words = scrub(str(error) or _UNSAID.get(type(error), type(error).__name__), self._endpoint.credential)
        tries = f" ({self._attempts} attempts)" if self._attempts > 1 else ""
        return ProviderError(
            f"{self._endpoint.model_id}: no answer from {self._endpoint.host}{tries}: {words}",
            help="look at what the endpoint does, and bound what it may write"
            if isinstance(error, AnswerTooLongError)
            else "check the network and the base URL of the route",
        )

    async def close(
        self,
        reading: Reading,
        *,
        body: bytes = b"",
        error: BaseException | None = None,
        note: str | None = None,
    ) -> None:
        """Settle and record, cancelled or not; the first close counts.

        Args:
            reading: What is known of the answer.
            body: The answer's bytes.
            error: What ended the call, if not its answer.
            note: Stands in the place of an absent error.

        Raises:
            InfrastructureError: The bodies cannot be stored; the call is recorded without them.
        """
        if self._is_closed:
            return
        self._is_closed = True
        usage = self._usage(reading, error)
        if self._reserved is not None:
            self._context.budget.settle(self._reserved, usage)
        duration_ms = (time.perf_counter() - self._started) * 1000
        digests: tuple[str | None, str | None] = (None, None)
        try:
            if self._context.put_blob is not None:
                with anyio.CancelScope(shield=True):
                    digests = await anyio.to_thread.run_sync(_put, self._context.put_blob, self._body, body)
        finally:
            self._context.record(
                CallRecord(
                    model=self._endpoint.model_id,
                    dialect=self._codec.name,
                    status=self._status,
                    attempts=max(1, self._attempts),
                    duration_ms=duration_ms,
                    usage=usage or Usage(calls=1, cost_usd=0.0 if self._endpoint.kind == "local" else None),
                    request_digest=digests[0],
                    response_digest=digests[1],
                    replayed=self._is_replayed,
                    error=note if error is None else _one_line(error),
                )
            )

    def _usage(self, reading: Reading, error: BaseException | None) -> Usage | None:
        """What the call cost; ``None`` where the provider may have worked and did not say."""
        if reading.usage is not None:
            return priced(self._endpoint, reading.usage)
        if error is not None and (not self._was_sent or _is_refusal(error)):
            return Usage()
        return None


def _put(put: PutBlob, request: bytes, answer: bytes) -> tuple[str, str | None]:
    return put(request), put(answer) if answer else None


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, ProviderError) and error.status is not None and error.status >= 300


def _one_line(error: BaseException) -> str:
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return "cancelled"
    return f"{type(error).__name__}: {error}"


def _response(request: httpx2.Request, answer: Answer) -> httpx2.Response:
    return httpx2.Response(
        answer.status,
        headers={"content-type": answer.content_type or "application/json"},
        content=answer.body,
        request=request,
    )


def _decode(body: bytes) -> Mapping[str, Any]:
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
