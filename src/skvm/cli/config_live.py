"""One real, tiny call over every route: what answers, how fast, and what to do about what does not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from skvm.cli.config_checks import Check
from skvm.errors import InfrastructureError

if TYPE_CHECKING:
    from skvm.settings import Route, Settings

__all__ = ["DEADLINE_S", "call_routes"]

DEADLINE_S = 20.0
"""For one route, the list of its models included."""
_MAX_LIST_BYTES = 8 << 20
_OPENROUTER_MODEL = "anthropic/claude-sonnet-4.6"
"""The one judges use by default."""
_NO_CHAT = (
    *("embed", "whisper", "tts", "dall-e", "moderation", "image", "audio", "realtime", "rerank", "babbage"),
    *("davinci", "sora", "transcribe", "search", "instruct"),
)


async def call_routes(settings: Settings) -> tuple[Check, ...]:
    """Call every route that has its key, all at once; the rows are in the order routes are tried."""
    import anyio

    from skvm.llm.route import known_routes

    if os.environ.get("SKVM_CASSETTE"):
        told = "SKVM_CASSETTE is set, so answers would come from a recording"
        return (Check("live", "routes", "failed", told, "unset SKVM_CASSETTE"),)
    # An embedded model is no route of anybody's: `skvm models` and a run show what it does.
    routes = [route for route, _ in known_routes(settings) if route.kind != "local"]
    rows: dict[int, Check] = {}
    if any(map(_has_key, routes)):
        # What is imported for the first time must not count as the endpoint's time.
        from pydantic_ai.models import anthropic, openai  # noqa: F401

        import skvm.llm.model  # noqa: F401

    async def call(index: int, route: Route) -> None:
        rows[index] = await _call(settings, route)

    async with anyio.create_task_group() as group:
        for index, route in enumerate(routes):
            if _has_key(route):
                group.start_soon(call, index, route)
    if not rows:
        return (
            Check("live", "routes", "info", "no route has a key, so none was called", "skvm config init"),
        )
    return tuple(rows[index] for index in sorted(rows))


def _has_key(route: Route) -> bool:
    from skvm.cli.config_checks import default_variable

    is_open = route.kind == "openai-compatible" and not (route.api_key or route.api_key_env)
    return is_open or bool(route.credential() or _from_environment(default_variable(route)))


def _from_environment(name: str | None) -> str | None:
    return os.environ.get(name) if name else None


async def _call(settings: Settings, route: Route) -> Check:
    import anyio

    from skvm.errors import SkvmError
    from skvm.llm.contract import DeadlineExceededError

    model_id = route.match
    try:
        with anyio.fail_after(DEADLINE_S):
            model_id = await _model_id(settings, route)
            latency_s = await _ask(settings, route, model_id)
    except (TimeoutError, DeadlineExceededError):
        return Check(
            "live",
            route.match,
            "failed",
            f"{model_id}: timeout, no answer within {DEADLINE_S:g} s",
            "the host does not answer or is very busy: check the base URL, a firewall, or try again",
        )
    except SkvmError as error:
        kind = _kind_of(error)
        return Check("live", route.match, "failed", f"{kind}: {error.message}", _HELP.get(kind) or error.help)
    return Check("live", route.match, "ok", f"{model_id} answered in {latency_s:.2f} s")


class NoModelError(InfrastructureError):
    """There is nothing to send a call to."""


_HELP = {
    "DNS": "the host's name leads nowhere: check how the base URL is spelt, and the network",
    "refused": "nothing listens there: start the server, or mend the port in the base URL",
    "TLS": "the connection cannot be secured: check the certificate, or http against https",
    "no model": "write a route whose match is one model id, or make the endpoint list its models",
}


def _kind_of(error: BaseException) -> str:
    """What failed, in a word people search for."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status >= 300:
        return str(status)
    if isinstance(error, NoModelError):
        return "no model"
    words: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(words) < 10:
        words.append(f"{type(cause).__name__} {cause}")
        cause = cause.__cause__ or cause.__context__
    text = " ".join(words).casefold()
    for kind, marks in (
        ("DNS", ("name or service", "name resolution", "nodename", "getaddrinfo", "no address associated")),
        ("refused", ("refused", "all connection attempts failed")),
        ("TLS", ("ssl", "certificate", "tls")),
        ("timeout", ("timeout", "timed out")),
    ):
        if any(mark in text for mark in marks):
            return kind
    return "no answer"


async def _model_id(settings: Settings, route: Route) -> str:
    """The model a route is tried with: the one it names, else one its endpoint lists."""
    if "*" not in route.match:
        return route.match
    if route.kind == "openrouter":
        backend = _OPENROUTER_MODEL
    else:
        backend = await _listed_model(route)
    # The first segment is stripped before the backend sees the id.
    prefix, slash, rest = route.match.partition("/")
    if slash and "*" not in prefix:
        before, _, after = rest.partition("*")
        is_inside = backend.startswith(before) and backend.endswith(after.rpartition("*")[2])
        return f"{prefix}/{backend}" if is_inside else f"{prefix}/{rest.replace('*', '')}"
    return f"{prefix.replace('*', '') or 'any'}/{backend}"


async def _listed_model(route: Route) -> str:
    """A model that talks, of those the endpoint says it has.

    Raises:
        SkvmError: It does not say, or does not answer.
    """
    import httpx2

    from skvm.llm.contract import ProviderError

    url, headers = _list_request(route)
    try:
        async with (
            httpx2.AsyncClient(timeout=DEADLINE_S) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            status = answer.status_code
            data = b""
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > _MAX_LIST_BYTES:
                    break
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise InfrastructureError(f"{url}: {type(error).__name__}: {error}") from error
    if status in {401, 402, 403, 407, 429} or status >= 500:
        raise ProviderError(f"{url} answered {status}", status=status, help=_STATUS_HELP.get(status))
    names = _names(data) if status < 300 else ()
    if route.match.count("*") == 1 and not route.match.endswith("*"):
        names = tuple(name for name in names if name.endswith(route.match.rpartition("*")[2]))
    inner = route.match.partition("/")[2].partition("*")[0]
    fitting = [name for name in names if name.startswith(inner)]
    talking = [name for name in fitting if not any(mark in name.casefold() for mark in _NO_CHAT)]
    if not (talking or fitting):
        raise NoModelError(f"{url} lists no model the route serves (status {status})")
    return (talking or fitting)[0]


_STATUS_HELP = {
    401: "the endpoint does not accept the key: check it, and that it belongs to this base URL",
    402: "the account has no credit left",
    403: "the key may not do this: check its rights, and that it belongs to this base URL",
    407: "a proxy wants a password: check HTTPS_PROXY",
    429: "the endpoint limits the rate; wait a little",
}


def _list_request(route: Route) -> tuple[str, Mapping[str, str]]:
    from skvm.cli.config_checks import default_variable
    from skvm.llm.route import ANTHROPIC_URL

    key = (route.credential() or _from_environment(default_variable(route)) or "").strip()
    if route.kind == "anthropic":
        base = (route.base_url or ANTHROPIC_URL).rstrip("/").removesuffix("/v1")
        return f"{base}/v1/models", {"x-api-key": key, "anthropic-version": "2023-06-01"}
    base = (route.base_url or "").rstrip("/")
    return f"{base}/models", {"authorization": f"Bearer {key}"} if key else {}


def _names(data: bytes) -> tuple[str, ...]:
    try:
        listed: Any = json.loads(data)
    except (ValueError, RecursionError):
        return ()
    items = listed.get("data") if isinstance(listed, dict) else None
    found = [each.get("id") for each in items if isinstance(each, dict)] if isinstance(items, list) else []
    return tuple(
        each for each in found if isinstance(each, str) and 0 < len(each) < 200 and each.isprintable()
    )


async def _ask(settings: Settings, route: Route, model_id: str) -> float:
    """One short question; gives seconds until it was answered."""
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

    from skvm.llm.contract import CallScope
    from skvm.llm.port import ModelPort
    from skvm.llm.retry import RetryPolicy

    # This very route, whatever others would serve the same id; nothing beside the one call.
    alone = replace(settings, routes=(replace(route, match=model_id),), auto_probe=False)
    async with (
        ModelPort(alone, retry=RetryPolicy(attempts=1)) as port,
        port.session(CallScope("config-doctor"), deadline_s=DEADLINE_S) as session,
    ):
        model = await session.model(model_id)
        began = time.monotonic()
        prompt = [ModelRequest(parts=[UserPromptPart("Answer with the word: ready")])]
        # Some endpoints refuse an output of fewer tokens.
        await model.request(list(prompt), ModelSettings(max_tokens=16), ModelRequestParameters())
        # The port's own figure leaves out what it takes to make a client for the first time.
        return session.calls[-1].duration_ms / 1000 if session.calls else time.monotonic() - began
