"""Faults: what an answer that is no answer means, in words a user can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skvm.llm.codecs import Codec, Reading, WireError
from skvm.llm.codecs.events import decode_events
from skvm.llm.codecs.fields import error_in
from skvm.llm.contract import ProviderError
from skvm.llm.retry import RETRY_STATUSES
from skvm.llm.route import Endpoint

__all__ = ["MIN_SECRET_CHARS", "Fault", "inspect_answer", "provider_error", "scrub"]

MIN_SECRET_CHARS = 8
"""Anything shorter is a placeholder; taking it out would spoil ordinary words."""
_EXCERPT_CHARS = 400
_TRANSIENT = re.compile(
    r"overload|rate.?limit|too many requests|timed? ?out|unavailable|temporar|try again|bad gateway"
    r"|internal.?(server.?)?error|server_error",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|too (long|many tokens)|too large", re.IGNORECASE)
_KEYLIKE = re.compile(r"\b(?:sk|pk|key|xox[bp])-[\w*-]{6,}|Bearer\s+[\w.*~+/-]{6,}=*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an answer cannot be used.

    Args:
        message: The provider's words or ours, shortened and free of keys.
        status: HTTP status (200 where the error was in the body).
        is_transient: Whether another try may help.
    """

    message: str
    status: int
    is_transient: bool


def scrub(text: str, credential: str | None) -> str:
    """The text without the key in use and without anything that looks like one."""
    if credential and len(credential) >= MIN_SECRET_CHARS:
        text = text.replace(credential, "[key]")
    return _KEYLIKE.sub("[key]", text)


def inspect_answer(
    codec: Codec, status: int, content_type: str, body: bytes, *, is_stream: bool
) -> tuple[Reading, Fault | None]:
    """Read an answer; a fault if it cannot be used, whatever its status."""
    if status >= 300:
        payload = _object(body)
        words = error_in(payload) if payload is not None else None
        text = words.message if words else body.decode("utf-8", "replace")
        return Reading(), Fault(_excerpt(text), status, status in RETRY_STATUSES)
    if is_stream and _is_events(content_type, body):
        reading = codec.read_events(decode_events(body))
        return reading, _wire_fault(reading.error, status) if reading.error else None
    payload = _object(body)
    if payload is None:
        what = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not a JSON object"
        shown = _excerpt(body.decode("utf-8", "replace"))
        return Reading(), Fault(f"{what} instead of an answer: {shown or '(empty)'}", status, True)
    reading = codec.read(payload)
    return reading, _wire_fault(reading.error, status) if reading.error else None


def provider_error(endpoint: Endpoint, fault: Fault, attempts: int) -> ProviderError:
    """The error for the user: the model, the host, the status, the words, the way out."""
    tries = f" (after {attempts} attempts)" if attempts > 1 else ""
    words = scrub(fault.message, endpoint.credential)
    status = f"{fault.status}" if fault.status >= 300 else f"{fault.status} with an error inside"
    return ProviderError(
        f"{endpoint.model_id}: {endpoint.host} answered {status}{tries}: {words}",
        status=fault.status,
        help=_way_out(endpoint, fault),
    )


def _way_out(endpoint: Endpoint, fault: Fault) -> str | None:
    if fault.status in {400, 413} and _TOO_LONG.search(fault.message):
        return "the conversation is longer than the model's context; use shorter texts or another model"
    refused = f"the endpoint does not accept the credential; check {endpoint.credential_hint}"
    known = {
        401: refused,
        402: "the account has no credit left",
        403: refused,
        404: f"check the model id ({endpoint.backend_id!r} is what the endpoint saw) and the base URL",
        429: "the endpoint limits the rate; wait, or run fewer jobs at once",
    }
    trouble = "the endpoint is in trouble; try again later" if fault.is_transient else None
    if trouble is None and fault.message.startswith("the answer holds no "):
        trouble = "check the kind and the base URL of the route: the answer is not in its dialect"
    return known.get(fault.status, trouble)


def _wire_fault(error: WireError, status: int) -> Fault:
    transient = error.code in RETRY_STATUSES or bool(_TRANSIENT.search(f"{error.code} {error.message}"))
    # A code like 401 inside a 200 says more than the 200 around it.
    shown = error.code if isinstance(error.code, int) and 400 <= error.code < 600 else status
    return Fault(_excerpt(error.message), shown, transient)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, Mapping) else None


def _is_events(content_type: str, body: bytes) -> bool:
    return "event-stream" in content_type or body.lstrip()[:1] not in (b"{", b"<", b"")


def _excerpt(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _EXCERPT_CHARS else flat[: _EXCERPT_CHARS - 1] + "…"
