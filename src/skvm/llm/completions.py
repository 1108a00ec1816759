"""Chat completions as the SDK asks for them, without its search for what it would have to rename.

The SDK looks through every message and tool for fields that are called otherwise on the wire, or hold files
and dates. What pydantic-ai hands it is in the form of the wire already, and the search takes longer than the
rest of the call. The bytes that are sent are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai import NOT_GIVEN, AsyncOpenAI, AsyncStream, NotGiven, Omit
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionChunk

__all__ = ["use_plain_completions"]

_FIRST = ("model", "stream", "service_tier", "messages")


class _PlainCompletions(AsyncCompletions):
    """``create`` alone is another."""

    async def create(
        self,
        *,
        stream: bool | Omit | None = False,
        extra_headers: Mapping[str, str | Omit] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: object | None = None,
        timeout: Any = NOT_GIVEN,  # noqa: ASYNC109 - the SDK names it so
        **fields: Any,
    ) -> Any:
        """Ask; the arguments are the SDK's own."""
        given = {name: value for name, value in fields.items() if not isinstance(value, NotGiven | Omit)}
        if not isinstance(stream, Omit):
            given["stream"] = stream
        # In the SDK's order.
        names = [name for name in _FIRST if name in given] + sorted(given.keys() - set(_FIRST))
        options: dict[str, Any] = {"headers": extra_headers, "extra_json": extra_body, "params": extra_query}
        options = {name: value for name, value in options.items() if value is not None}
        if not isinstance(timeout, NotGiven):
            options["timeout"] = timeout
        post: Any = self._client.post
        return await post(
            "/chat/completions",
            cast_to=ChatCompletion,
            body={name: given[name] for name in names},
            options=options,
            stream=bool(stream) and not isinstance(stream, Omit),
            stream_cls=AsyncStream[ChatCompletionChunk],
        )


def use_plain_completions(client: AsyncOpenAI) -> None:
    """Give a client these completions."""
    client.chat.__dict__["completions"] = _PlainCompletions(client)
