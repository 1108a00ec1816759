"""Routes: from a full model id to the endpoint that serves it.

The whole id is matched top-down against the configured routes, then against the built-in ones; the first
segment is stripped before the backend sees the id. What was tried is told when nothing serves it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from skvm.errors import ConfigError, UsageError
from skvm.evidence.redact import without_keys
from skvm.settings import Route, RouteKind, Settings

__all__ = ["Address", "Endpoint", "known_routes", "matches", "resolve_endpoint"]

OPENROUTER_URL = "https://openrouter.ai/api/v1"
ANTHROPIC_URL = "https://api.anthropic.com"
OPENAI_URL = "https://api.openai.com/v1"
EMBEDDED_URL = "http://embedded.invalid/v1"
"""Stands for the embedded server until its port is known; never resolved."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one model is served.

    Args:
        model_id: The full id as the user wrote it.
        backend_id: The id the backend sees.
        kind: Wire dialect and client.
        base_url: Endpoint; a placeholder for embedded models.
        credential: The key, never shown; ``None`` where the endpoint takes none or it is missing.
        credential_hint: How to give the key, for messages.
        missing_credential: Whether a key is needed and absent (only a replay can serve it).
    """

    model_id: str
    backend_id: str
    kind: RouteKind
    base_url: str
    credential: str | None = field(default=None, repr=False)
    credential_hint: str = ""
    missing_credential: bool = False

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        if self.kind == "local":
            return "the embedded model"
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request really goes.

    Args:
        base_url: Scheme, host, port and the path before the dialect's own.
        key: The key the server wants, if any.
    """

    base_url: str
    key: str | None = field(default=None, repr=False)


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")), re.DOTALL)


def matches(glob: str, text: str) -> bool:
    """Whether a glob of literal text and ``*`` matches the whole text."""
    return _pattern(glob).fullmatch(text) is not None


def resolve_endpoint(
    settings: Settings,
    model_id: str,
    *,
    env: Mapping[str, str] | None = None,
    need_credential: bool = True,
) -> Endpoint:
    """Find the endpoint of a model.

    Args:
        settings: Holds the configured routes.
        model_id: ``<provider>/<model-id>``.
        env: Environment to read keys from.
        need_credential: Whether a missing key is an error (a replay needs none).

    Raises:
        UsageError: The id has no provider segment.
        ConfigError: No route serves the id, or its key is missing; lists what was tried.
    """
    env = os.environ if env is None else env
    first, slash, rest = model_id.partition("/")
    if not (first and slash and rest):
        raise UsageError(
            f"{model_id!r} is not a model id",
            help="write it as provider/model, for example local/qwen2.5-coder-1.5b or "
            "anthropic/claude-sonnet-4-6",
        )
    tried: list[str] = []
    keyless: Endpoint | None = None
    for route, source in known_routes(settings, env):
        if not matches(route.match, model_id):
            tried.append(f"{source} {route.match}: does not match")
            continue
        endpoint = _endpoint(route, model_id, rest, env)
        if not endpoint.missing_credential:
            return endpoint
        tried.append(f"{source} {route.match}: {endpoint.credential_hint} is not set")
        keyless = keyless or endpoint
        if source == "route" and route.kind == "openai-compatible":
            # What was meant for a private endpoint must not end up with a public one.
            break
    else:
        if env.get("OPENROUTER_API_KEY"):
            fallback = Route("*", "openrouter", api_key_env="OPENROUTER_API_KEY")
            return _endpoint(fallback, model_id, model_id, env)
    if keyless is not None and not need_credential:
        return keyless
    if not need_credential and keyless is None:
        fallback = Route("*", "openrouter", api_key_env="OPENROUTER_API_KEY")
        return _endpoint(fallback, model_id, model_id, env)
    raise ConfigError(
        f"no route serves {model_id!r}; tried {'; '.join(tried)}",
        help=_way_out(keyless),
    )


def _way_out(keyless: Endpoint | None) -> str:
    local = "a model of this machine needs no key: --model local/qwen2.5-coder-1.5b"
    if keyless is not None:
        return f"set {keyless.credential_hint}; {local}"
    return f"add a route to skvm.config.json (providers.routes), or set OPENROUTER_API_KEY; {local}"


def known_routes(settings: Settings, env: Mapping[str, str] | None = None) -> list[tuple[Route, str]]:
    """Every route in the order it is tried, each with where it comes from (``route`` or ``built-in``)."""
    env = os.environ if env is None else env
    found = [(route, "route") for route in settings.routes]
    found += [
        (Route("openrouter/*", "openrouter", api_key_env="OPENROUTER_API_KEY"), "built-in"),
        (Route("anthropic/*", "anthropic", api_key_env="ANTHROPIC_API_KEY"), "built-in"),
        (Route("local/*", "local"), "built-in"),
    ]
    url = env.get("OPENAI_BASE_URL") or OPENAI_URL
    openai = Route("openai/*", "openai-compatible", api_key_env="OPENAI_API_KEY", base_url=url)
    found.append((openai, "built-in"))
    return found


_DEFAULT_URLS: dict[str, str] = {
    "openrouter": OPENROUTER_URL,
    "anthropic": ANTHROPIC_URL,
    "local": EMBEDDED_URL,
}
_DEFAULT_VARIABLES: dict[str, str] = {"openrouter": "OPENROUTER_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # The port is only read, and found wrong, when it is asked for.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _endpoint(route: Route, model_id: str, backend_id: str, env: Mapping[str, str]) -> Endpoint:
    variable = route.api_key_env or (None if route.api_key else _DEFAULT_VARIABLES.get(route.kind))
    # A key pasted or read from a file often ends in a line break, which no header may hold.
    credential = (route.api_key or (env.get(variable, "") if variable else "")).strip() or None
    if credential is not None and not (credential.isascii() and credential.isprintable()):
        raise ConfigError(
            f"the key of {model_id} ({variable or 'apiKey of the route'}) holds characters no key can have",
            help="copy it again; it should be one line of plain letters, digits and signs",
        )
    base_url = (route.base_url or _DEFAULT_URLS.get(route.kind, "")).rstrip("/")
    if not _is_address(base_url):
        raise ConfigError(
            f"the base URL of {model_id} is not an address: {without_keys(base_url)!r} (route {route.match})",
            help="write it whole, for example http://127.0.0.1:8000/v1",
        )
    return Endpoint(
        model_id=model_id,
        backend_id=backend_id,
        kind=route.kind,
        base_url=base_url,
        credential=credential,
        credential_hint=variable or "apiKey of the route",
        missing_credential=credential is None and variable is not None,
    )
