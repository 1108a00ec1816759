"""Reading a request of Anthropic's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from skvm.harness.gateway.translate.contract import Asked, RefusedRequestError
from skvm.harness.gateway.translate.conversation import Conversation, user_content
from skvm.harness.gateway.translate.messages.answers import NATIVE
from skvm.harness.gateway.translate.reading import Fields, opened
from skvm.harness.gateway.translate.thinking import REDACTED, thinking_part
from skvm.harness.gateway.translate.tools import Choice, OutputForm, function_tool, parameters, put_choice
from skvm.harness.gateway.translate.writing import restored_id

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponsePart
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

__all__ = ["read_request"]

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_OF_NO_CONSEQUENCE = ("cache_control", "citations")
"""Fields of a block: what an endpoint caches, and where a text is from."""


def read_request(body: Mapping[str, Any], *, is_passed: bool = False) -> Asked:
    """Read a request.

    Args:
        body: Decoded JSON.
        is_passed: Whether it is read for the record only, and nothing has to be sent of it.

    Raises:
        RefusedRequestError: It is malformed, or asks for what cannot be translated.
    """
    fields = opened(body, is_passed=is_passed)
    tools = _tools(fields)
    settings = _settings(fields)
    choice = fields.object("tool_choice")
    if choice is not None:
        if choice.flag("disable_parallel_tool_use") and tools:
            settings["parallel_tool_calls"] = False
        if not is_passed:
            put_choice(settings, _choice(choice), tools)
    form = _output_form(fields)
    model, is_stream = fields.text("model") or "", bool(fields.flag("stream"))
    messages = _messages(fields)
    fields.close()
    return Asked(model, messages, settings, parameters(tools, form), is_stream, tuple(fields.foreign))


def _settings(fields: Fields) -> ModelSettings:
    found = {
        "max_tokens": fields.integer("max_tokens"),
        "temperature": fields.number("temperature"),
        "top_p": fields.number("top_p"),
        "top_k": fields.integer("top_k"),
        "stop_sequences": fields.texts("stop_sequences"),
    }
    return cast("ModelSettings", {key: value for key, value in found.items() if value is not None})


def _tools(fields: Fields) -> list[ToolDefinition]:
    tools = []
    for tool in fields.objects("tools"):
        kind = tool.text("type") or "custom"
        if kind != "custom":
            tool.pass_over(kind)
            continue
        schema = tool.object("input_schema")
        tools.append(
            function_tool(
                tool.text("name"),
                tool.text("description"),
                None if schema is None else schema.raw,
                strict=tool.flag("strict"),
                place=tool.path,
            )
        )
        tool.know("eager_input_streaming", *_OF_NO_CONSEQUENCE)
        tool.close()
    return tools


def _choice(choice: Fields) -> Choice:
    kind = choice.text("type") or ""
    if kind == "tool":
        return Choice("required", [choice.text("name") or ""])
    if kind not in _CHOICES:
        raise RefusedRequestError(f"tool_choice: {kind!r} cannot be translated")
    return Choice(_CHOICES[kind])


def _output_form(fields: Fields) -> OutputForm | None:
    config = fields.object("output_config")
    form = fields.object("output_format")
    if config is not None:
        form = config.object("format") or form
        config.close()
    if form is None:
        return None
    schema = form.object("schema")
    if form.text("type") != "json_schema" or schema is None:
        raise RefusedRequestError(f"{form.path}: only a JSON schema can be translated")
    return OutputForm(dict(schema.raw))


def _messages(fields: Fields) -> tuple[ModelMessage, ...]:
    if not fields.raw.get("messages"):
        raise RefusedRequestError("messages is empty")
    conversation = Conversation()
    if fields.raw.get("system") is not None:
        conversation.system("\n\n".join(_texts(fields, "system")))
    for message in fields.objects("messages"):
        role = message.text("role")
        if role == "user":
            _hear(message, conversation)
        elif role == "assistant":
            conversation.answer(_said(message))
        elif role == "system":
            conversation.system("\n\n".join(_texts(message, "content")))
        else:
            message.cannot(f"{message.path}: unknown role {role!r}")
        message.close()
    return conversation.messages()


def _texts(within: Fields, key: str) -> list[str]:
    """The texts of a field that holds one text or blocks."""
    content = within.get(key)
    if content is None or isinstance(content, str):
        return [content or ""]
    return [_text(block) for block in within.objects(key)]


def _text(block: Fields) -> str:
    """The text of a block that is one in the end."""
    block.know(*_OF_NO_CONSEQUENCE)
    kind = block.text("type") or "text"
    if kind == "text":
        text = block.text("text") or ""
        block.close()
        return text
    if kind == "tool_reference":
        # A tool that was searched for; it is offered like any other, only its name is news.
        return block.text("tool_name") or ""
    source = block.object("source") if kind == "document" else None
    if source is not None and source.text("type") == "text":
        return source.text("data") or ""
    return block.stand_in(kind)


def _hear(message: Fields, conversation: Conversation) -> None:
    """What a message of the user's brings: results of tools, and texts."""
    content = message.get("content")
    if content is None or isinstance(content, str):
        conversation.user(content or "")
        return
    texts: list[str] = []
    has_results = False
    for block in message.objects("content"):
        if block.text("type") == "tool_result":
            has_results = True
            _take_result(block, conversation)
        else:
            texts.append(_text(block))
    if texts or not has_results:
        conversation.user(user_content(texts))


def _take_result(block: Fields, conversation: Conversation) -> None:
    block.know(*_OF_NO_CONSEQUENCE)
    block.is_result = True
    text = "\n".join(_texts(block, "content"))
    id = restored_id(block.text("tool_use_id") or "")
    conversation.result(id, text, is_error=bool(block.flag("is_error")))
    block.close()


def _said(message: Fields) -> list[ModelResponsePart]:
    from pydantic_ai.messages import TextPart

    content = message.get("content")
    if content is None or isinstance(content, str):
        return [TextPart(content)] if content else []
    found = [_part(block) for block in message.objects("content")]
    return [part for part in found if part is not None]


def _part(block: Fields) -> ModelResponsePart | None:
    """A block of an answer; ``None`` for what only Anthropic's own endpoint understands."""
    from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

    block.know(*_OF_NO_CONSEQUENCE)
    kind = block.text("type")
    part: ModelResponsePart
    if kind == "text":
        part = TextPart(block.text("text") or "")
    elif kind == "tool_use":
        given = block.object("input")
        arguments = {} if given is None else dict(given.raw)
        part = ToolCallPart(block.text("name") or "", arguments, restored_id(block.text("id") or ""))
    elif kind == "thinking":
        part = thinking_part(block.text("thinking") or "", block.text("signature"), NATIVE)
    elif kind == "redacted_thinking":
        part = ThinkingPart("", id=REDACTED, signature=block.text("data"), provider_name=NATIVE)
    else:
        block.pass_over(kind or "no type")
        return None
    block.close()
    return part
