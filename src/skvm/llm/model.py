"""The pydantic-ai models of the port: a provider client over our transport, errors in our own words."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio.lowlevel
import httpx2
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior, UserError
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from skvm.errors import SkvmError, UsageError
from skvm.llm.capabilities import LimitField, assumed
from skvm.llm.contract import DeadlineExceededError, ProviderError
from skvm.llm.faults import scrub
from skvm.llm.sampling import takes_sampling, without_sampling
from skvm.llm.transport import CallContext, PortTransport, calling
from skvm.llm.unicode import mended_response

if TYPE_CHECKING:
    from pydantic_ai import RunContext
    from pydantic_ai.messages import ModelMessage, ModelResponse

    from skvm.evidence.record import CallRecord
    from skvm.llm.route import Endpoint

__all__ = [
    "CONNECT_TIMEOUT_S",
    "EMBEDDED_MAX_TOKENS",
    "READ_TIMEOUT_S",
    "PortModel",
    "ProviderModels",
    "provider_model",
]

READ_TIMEOUT_S = 600.0
"""The longest silence of an endpoint within one attempt, deadline or not."""
CONNECT_TIMEOUT_S = 20.0
MAX_TOKENS = 16384
"""What a model may write where the caller sets no bound; a spend ceiling needs one."""
EMBEDDED_MAX_TOKENS = 2048


class PortModel(WrapperModel):
    """A model whose calls end in an answer or in one of our errors, never in an SDK's.

    An endpoint that refuses the field which bounds the output is asked again with the other one.

    Args:
        endpoint: Where it is served.
        context: Whose calls these are.
        models: The provider's models, shared with others.
        limit_field: The field that bounds the output; by kind if ``None``.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        context: CallContext,
        models: ProviderModels,
        *,
        limit_field: LimitField | None = None,
    ) -> None:
        super().__init__(models.get(endpoint, limit_field))
        self.endpoint = endpoint
        self.limit_field = limit_field
        self._context = context
        self._models = models

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask the model.

        Raises:
            ProviderError: The provider answered with an error, or not at all.
            BudgetExceededError: The spend ceiling; nothing was sent.
            DeadlineExceededError: The session's deadline passed.
        """
        settings = self._settled(model_settings, model_request_parameters)
        try:
            return await self._ask(messages, settings, model_request_parameters)
        except ProviderError as error:
            other = _other_limit_field(error)
            if other is None or self.endpoint.kind == "anthropic" or self.limit_field == other:
                raise
            self.limit_field = other
            self.wrapped = self._models.get(self.endpoint, other)
        return await self._ask(messages, settings, model_request_parameters)

    async def _ask(
        self, messages: list[ModelMessage], settings: ModelSettings, parameters: ModelRequestParameters
    ) -> ModelResponse:
        """One request. The embedded server stops for a client that left only while it streams."""
        with self._own_errors(), calling(self._context):
            if self.endpoint.kind != "local":
                return mended_response(await self.wrapped.request(messages, settings, parameters))
            async with self.wrapped.request_stream(messages, settings, parameters) as stream:
                async for _ in stream:
                    await anyio.lowlevel.checkpoint()
                return mended_response(stream.get())

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Ask the model and read its answer as it comes; raises as ``request`` does."""
        with self._own_errors():
            async with AsyncExitStack() as stack:
                settings = self._settled(model_settings, model_request_parameters)
                opening = self.wrapped.request_stream(
                    messages, settings, model_request_parameters, run_context
                )
                # Only while the request is sent: what is yielded may be left in another task.
                with calling(self._context):
                    response = await stack.enter_async_context(opening)
                yield response

    async def relay(self, request: httpx2.Request) -> httpx2.Response:
        """Send bytes in the endpoint's own dialect; the answer's are left to be read. Raises as ``request``.

        Args:
            request: Complete, with the endpoint's credential.
        """
        with self._own_errors(), calling(self._context):
            return await PortTransport(self.endpoint).handle_async_request(request)

    def noting(self, on_call: Callable[[CallRecord], None]) -> PortModel:
        """The same model; what its calls cost is told to ``on_call``, too."""
        context = cast("CallContext", _Noting(self._context, on_call))
        return PortModel(self.endpoint, context, self._models, limit_field=self.limit_field)

    def _settled(self, settings: ModelSettings | None, parameters: ModelRequestParameters) -> ModelSettings:
        """The settings over our defaults: a bound on the output, and what a kind of endpoint needs.

        None for sampling where the model takes none; the library would drop them, too, but warn each time.
        """
        bound = EMBEDDED_MAX_TOKENS if self.endpoint.kind == "local" else MAX_TOKENS
        merged: dict[str, Any] = {"max_tokens": bound}
        if self.endpoint.kind == "openrouter":
            merged["openrouter_usage"] = {"include": True}
            if not self.endpoint.backend_id.startswith("minimax/"):
                merged["openrouter_reasoning"] = {"enabled": False}
        merged |= dict(settings or {})
        settled = cast("ModelSettings", merged)
        effort, thinking = merged.get("openai_reasoning_effort"), parameters.thinking
        thinking = merged.get("thinking") if thinking is None else thinking
        if takes_sampling(self.profile, effort=effort, thinking=thinking):
            return settled
        return without_sampling(settled)

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except (SkvmError, DeadlineExceededError):
            raise
        except Exception as error:
            own = _own_error_in(error)
            if own is not None:
                raise own from None
            if isinstance(error, ModelHTTPError | ModelAPIError | UnexpectedModelBehavior):
                status = error.status_code if isinstance(error, ModelHTTPError) else None
                words = " ".join(scrub(str(error), self.endpoint.credential).split())[:400]
                raise ProviderError(
                    f"{self.endpoint.model_id}: {self.endpoint.host} sent an unusable answer: {words}",
                    status=status,
                ) from error
            raise


class _Noting:
    """A session whose finished calls are told to somebody, too."""

    def __init__(self, context: CallContext, on_call: Callable[[CallRecord], None]) -> None:
        self._context = context
        self._on_call = on_call

    def record(self, call: CallRecord) -> None:
        self._context.record(call)
        self._on_call(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _other_limit_field(error: ProviderError) -> LimitField | None:
    """The field an endpoint asks for in the place of the one it refused."""
    if error.status != 400:
        return None
    if re.search(
        r"max_completion_tokens\W+instead|use\W+max_completion_tokens", error.message, re.IGNORECASE
    ):
        return "max_completion_tokens"
    refused = re.search(
        r"(?:unknown|unsupported|unrecogni[sz]ed|unexpected|extra)[^.]*max_completion_tokens"
        r"|max_completion_tokens[^.]*(?:not supported|not permitted|unknown|unexpected|unrecogni[sz]ed)",
        error.message,
        re.IGNORECASE,
    )
    return "max_tokens" if refused else None


def _own_error_in(error: BaseException) -> BaseException | None:
    """Our error among the causes of an SDK's."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        if isinstance(link, SkvmError | DeadlineExceededError):
            return link
        seen.add(id(link))
        link = link.__cause__ or link.__context__
    return None


class ProviderModels:
    """The provider's models of a port: one for an endpoint, whatever the number of sessions."""

    def __init__(self) -> None:
        self._made: dict[tuple[Endpoint, LimitField | None], Model] = {}

    def get(self, endpoint: Endpoint, limit_field: LimitField | None = None) -> Model:
        """The model of an endpoint; making a client takes longer than a call does."""
        key = (endpoint, limit_field)
        if key not in self._made:
            self._made[key] = provider_model(endpoint, PortTransport(endpoint), limit_field)
        return self._made[key]


def provider_model(
    endpoint: Endpoint, transport: httpx2.AsyncBaseTransport, limit_field: LimitField | None = None
) -> Model:
    """The provider's pydantic-ai model with its own retries off and our transport underneath.

    Args:
        endpoint: Where the model is served.
        transport: What every byte passes.
        limit_field: The field that bounds the output; by kind if ``None``.

    Raises:
        UsageError: The provider has no models of such a name.
    """
    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    # The environment's proxies are the business of the client that really sends.
    client = httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False)
    key = endpoint.credential or "no-key"
    try:
        if endpoint.kind == "anthropic":
            return _anthropic(endpoint, client, key)
        return _chat(endpoint, client, key, limit_field or assumed(endpoint).limit_field)
    except UserError as error:
        raise UsageError(
            f"{endpoint.model_id}: not a model of this provider: {error}",
            help="write the id as the provider does, behind the name of the route",
        ) from error


def _anthropic(endpoint: Endpoint, client: httpx2.AsyncClient, key: str) -> Model:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    sdk = AsyncAnthropic(api_key=key, base_url=endpoint.base_url, http_client=client, max_retries=0)
    return AnthropicModel(endpoint.backend_id, provider=AnthropicProvider(anthropic_client=sdk))


def _chat(endpoint: Endpoint, client: httpx2.AsyncClient, key: str, limit_field: LimitField) -> Model:
    from openai import AsyncOpenAI
    from pydantic_ai.profiles.openai import OpenAIModelProfile

    from skvm.llm.completions import use_plain_completions

    sdk = AsyncOpenAI(api_key=key, base_url=endpoint.base_url, http_client=client, max_retries=0)
    use_plain_completions(sdk)
    profile = OpenAIModelProfile(
        openai_chat_supports_max_completion_tokens=limit_field == "max_completion_tokens"
    )
    if endpoint.kind == "openrouter":
        from pydantic_ai.models.openrouter import OpenRouterModel
        from pydantic_ai.providers.openrouter import OpenRouterProvider

        provider = OpenRouterProvider(openai_client=sdk)
        return OpenRouterModel(endpoint.backend_id, provider=provider, profile=profile)
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    if "api.openai.com" not in endpoint.host:
        profile["openai_chat_supports_allowed_tools"] = False
    return OpenAIChatModel(endpoint.backend_id, provider=OpenAIProvider(openai_client=sdk), profile=profile)
