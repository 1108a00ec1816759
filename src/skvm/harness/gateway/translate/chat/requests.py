"""Reading a request for a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from skvm.harness.gateway.translate.contract import Asked, RefusedRequestError
from skvm.harness.gateway.translate.conversation import Conversation, user_content
from skvm.harness.gateway.translate.reading import Fields, opened
from skvm.harness.gateway.translate.tools import Choice, OutputForm, function_tool, parameters, put_choice
from skvm.harness.gateway.translate.writing import past_arguments

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponsePart
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

__all__ = ["read_request"]

_SYSTEM_ROLES = frozenset({"system", "developer"})
_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
THINKING_FIELDS = ("reasoning_content", "reasoning")
"""Where endpoints of this dialect put thinking, and clients send it back."""


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
    settings = _settings(fields, has_tools=bool(tools))
    _choose(fields, settings, tools)
    form = _output_form(fields)
    fields.know("stream_options")  # usage is always told
    model, is_stream = fields.text("model") or "", bool(fields.flag("stream"))
    messages = _messages(fields)
    fields.close()
    return Asked(model, messages, settings, parameters(tools, form), is_stream, tuple(fields.foreign))


def _settings(fields: Fields, *, has_tools: bool) -> ModelSettings:
    if (fields.integer("n") or 1) != 1:
        fields.cannot("n: one answer to a request can be translated, not several")
    if fields.get("functions"):
        fields.cannot("functions: this older form of tools cannot be translated", help="send tools")
    if fields.flag("logprobs"):
        fields.cannot("logprobs: probabilities of tokens cannot be translated")
    newer, older = fields.integer("max_completion_tokens"), fields.integer("max_tokens")
    found = {
        "max_tokens": older if newer is None else newer,
        "temperature": fields.number("temperature"),
        "top_p": fields.number("top_p"),
        "top_k": fields.integer("top_k"),
        "presence_penalty": fields.number("presence_penalty"),
        "frequency_penalty": fields.number("frequency_penalty"),
        "seed": fields.integer("seed"),
        "stop_sequences": fields.texts("stop"),
        # Endpoints refuse to hear of calls where there is nothing to call.
        "parallel_tool_calls": fields.flag("parallel_tool_calls") if has_tools else None,
    }
    return cast("ModelSettings", {key: value for key, value in found.items() if value is not None})


def _tools(fields: Fields) -> list[ToolDefinition]:
    tools = []
    for tool in fields.objects("tools"):
        kind = tool.text("type") or "function"
        function = tool.object("function")
        if kind != "function" or function is None:
            tool.pass_over(kind)
            continue
        schema = function.object("parameters")
        tools.append(
            function_tool(
                function.text("name"),
                function.text("description"),
                None if schema is None else schema.raw,
                strict=function.flag("strict"),
                place=function.path,
            )
        )
        function.close()
        tool.close()
    return tools


def _choose(fields: Fields, settings: ModelSettings, tools: list[ToolDefinition]) -> None:
    found = fields.get("tool_choice")
    if found is not None and not fields.is_passed:
        put_choice(settings, _choice(fields, found), tools)


def _choice(fields: Fields, found: Any) -> Choice:
    if found in ("auto", "none", "required"):
        return Choice(found)
    choice = fields.object("tool_choice")
    if choice is None or choice.text("type") not in {"function", "allowed_tools"}:
        raise RefusedRequestError(f"tool_choice: {found!r} cannot be translated")
    if choice.text("type") == "function":
        return Choice("required", _names([choice]))
    allowed = choice.object("allowed_tools") or choice
    return Choice(allowed.text("mode") or "auto", _names(list(allowed.objects("tools"))))


def _names(tools: list[Fields]) -> list[str]:
    functions = [tool.object("function") or tool for tool in tools]
    return [function.text("name") or "" for function in functions]


def _output_form(fields: Fields) -> OutputForm | None:
    form = fields.object("response_format")
    kind = None if form is None else form.text("type")
    if form is None or kind in {None, "text"}:
        return None
    if kind == "json_object":
        return OutputForm({"type": "object"})
    wanted = form.object("json_schema")
    schema = None if wanted is None else wanted.object("schema")
    if kind != "json_schema" or wanted is None or schema is None:
        raise RefusedRequestError(f"response_format: {kind!r} without a schema that can be translated")
    return OutputForm(
        dict(schema.raw), wanted.text("name"), wanted.text("description"), wanted.flag("strict")
    )


def _messages(fields: Fields) -> tuple[ModelMessage, ...]:
    if not fields.raw.get("messages"):
        raise RefusedRequestError("messages is empty")
    conversation = Conversation()
    for message in fields.objects("messages"):
        role = message.text("role")
        if role in _SYSTEM_ROLES:
            conversation.system("\n\n".join(_texts(message)))
        elif role == "user":
            conversation.user(user_content(_texts(message)))
        elif role == "assistant":
            conversation.answer(_said(message))
        elif role == "tool":
            id = message.text("tool_call_id") or ""
            message.is_result = True
            conversation.result(id, "\n".join(_texts(message)), name=message.text("name") or "")
        else:
            message.cannot(f"{message.path}: unknown role {role!r}")
        message.close()
    return conversation.messages()


def _texts(message: Fields) -> list[str]:
    """The texts of a message's content, in one or several parts."""
    message.know("name", "id", "status")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return [content or ""]
    texts = []
    for part in message.objects("content"):
        kind = part.text("type") or "text"
        if kind == "refusal":
            texts.append(part.text("refusal") or "")
        elif kind in _TEXT_TYPES:
            texts.append(part.text("text") or "")
        else:
            texts.append(part.stand_in(kind))
        part.close()
    return texts


def _said(message: Fields) -> list[ModelResponsePart]:
    from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

    parts: list[ModelResponsePart] = []
    # Some endpoints send the same thinking in both fields.
    thinking = next((text for key in THINKING_FIELDS if (text := message.text(key))), None)
    if thinking:
        parts.append(ThinkingPart(thinking))
    parts += [TextPart(text) for text in _texts(message) if text]
    refusal = message.text("refusal")
    if refusal:
        parts.append(TextPart(refusal))
    for call in message.objects("tool_calls"):
        function = call.object("function")
        if function is None:
            call.pass_over(call.text("type") or "no function")
            continue
        id = call.text("id") or ""
        arguments = function.get("arguments")
        if not (arguments is None or isinstance(arguments, str | Mapping)):
            raise function.refuse("arguments", "a text")
        known = dict(arguments) if isinstance(arguments, Mapping) else past_arguments(arguments)
        parts.append(ToolCallPart(function.text("name") or "", known, id))
        call.know("type", "index")
        call.close()
    return parts
