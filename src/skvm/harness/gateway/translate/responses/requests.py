"""Reading a request of the responses dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from skvm.harness.gateway.translate.contract import Asked, RefusedRequestError
from skvm.harness.gateway.translate.conversation import Conversation, user_content
from skvm.harness.gateway.translate.reading import Fields, opened
from skvm.harness.gateway.translate.responses.answers import NATIVE
from skvm.harness.gateway.translate.thinking import thinking_part
from skvm.harness.gateway.translate.tools import Choice, OutputForm, function_tool, parameters, put_choice
from skvm.harness.gateway.translate.writing import past_arguments, restored_id

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponsePart
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

__all__ = ["read_request"]

_SYSTEM_ROLES = frozenset({"system", "developer"})
_TEXT_TYPES = frozenset({"input_text", "output_text", "text"})
_STORED = ("previous_response_id", "conversation", "background", "prompt")
"""What leans on something the endpoint keeps."""
_SEND_ALL = "send the whole conversation with every request"


def read_request(body: Mapping[str, Any], *, is_passed: bool = False) -> Asked:
    """Read a request.

    Args:
        body: Decoded JSON.
        is_passed: Whether it is read for the record only, and nothing has to be sent of it.

    Raises:
        RefusedRequestError: It is malformed, leans on what an endpoint stored, or asks for what cannot be
            translated.
    """
    fields = opened(body, is_passed=is_passed)
    for key in _STORED:
        if fields.get(key):
            fields.cannot(f"{key}: no answers are stored here", help=_SEND_ALL)
    tools = _tools(fields)
    settings = _settings(fields, has_tools=bool(tools))
    found = fields.get("tool_choice")
    if found is not None and not is_passed:
        put_choice(settings, _choice(fields, found), tools)
    form = _output_form(fields)
    model, is_stream = fields.text("model") or "", bool(fields.flag("stream"))
    messages = _messages(fields)
    fields.close()
    return Asked(model, messages, settings, parameters(tools, form), is_stream, tuple(fields.foreign))


def _settings(fields: Fields, *, has_tools: bool) -> ModelSettings:
    found = {
        "max_tokens": fields.integer("max_output_tokens"),
        "temperature": fields.number("temperature"),
        "top_p": fields.number("top_p"),
        # Endpoints refuse to hear of calls where there is nothing to call.
        "parallel_tool_calls": fields.flag("parallel_tool_calls") if has_tools else None,
    }
    return cast("ModelSettings", {key: value for key, value in found.items() if value is not None})


def _tools(fields: Fields) -> list[ToolDefinition]:
    tools = []
    for tool in fields.objects("tools"):
        kind = tool.text("type")
        if kind != "function":
            tool.pass_over(kind or "no type")
            continue
        schema = tool.object("parameters")
        tools.append(
            function_tool(
                tool.text("name"),
                tool.text("description"),
                None if schema is None else schema.raw,
                strict=tool.flag("strict"),
                place=tool.path,
            )
        )
        tool.close()
    return tools


def _choice(fields: Fields, found: Any) -> Choice:
    if found in ("auto", "none", "required"):
        return Choice(found)
    choice = fields.object("tool_choice")
    kind = None if choice is None else choice.text("type")
    if choice is not None and kind == "function":
        return Choice("required", [choice.text("name") or ""])
    if choice is not None and kind == "allowed_tools":
        names = [tool.text("name") or "" for tool in choice.objects("tools")]
        return Choice(choice.text("mode") or "auto", names)
    raise RefusedRequestError(f"tool_choice: {found!r} cannot be translated")


def _output_form(fields: Fields) -> OutputForm | None:
    text = fields.object("text")
    form = None if text is None else text.object("format")
    if text is not None:
        text.close()
    kind = None if form is None else form.text("type")
    if form is None or kind in {None, "text"}:
        return None
    if kind == "json_object":
        return OutputForm({"type": "object"})
    schema = form.object("schema")
    if kind != "json_schema" or schema is None:
        raise RefusedRequestError(f"text.format: {kind!r} without a schema that can be translated")
    return OutputForm(dict(schema.raw), form.text("name"), form.text("description"), form.flag("strict"))


def _messages(fields: Fields) -> tuple[ModelMessage, ...]:
    conversation = Conversation()
    instructions = fields.text("instructions")
    if instructions:
        conversation.system(instructions)
    given = fields.get("input")
    if isinstance(given, str):
        conversation.user(given)
    elif not given:
        raise RefusedRequestError("input is empty")
    else:
        _read_items(fields, conversation)
    return conversation.messages()


def _read_items(fields: Fields, conversation: Conversation) -> None:
    """The items of the conversation; those of one answer stand in a row."""
    answer: list[ModelResponsePart] | None = None
    for item in fields.objects("input"):
        kind = item.text("type") or "message"
        parts = _said(item, kind)
        if parts is not None:
            answer = [*(answer or []), *parts]
        else:
            if answer is not None:
                conversation.answer(answer)
            answer = None
            _hear(item, kind, conversation)
        item.close()
    if answer is not None:
        conversation.answer(answer)


def _said(item: Fields, kind: str) -> list[ModelResponsePart] | None:
    """What an item says in the model's name; ``None`` if it is not the model's."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    item.know("id", "status")
    if kind == "message" and item.text("role") == "assistant":
        item.know("phase")
        return [TextPart(text) for text in _texts(item, "content") if text]
    if kind == "function_call":
        arguments = past_arguments(item.text("arguments"))
        return [ToolCallPart(item.text("name") or "", arguments, restored_id(item.text("call_id") or ""))]
    if kind == "reasoning":
        thoughts = [part.text("text") or "" for key in ("summary", "content") for part in item.objects(key)]
        text = "\n\n".join(thought for thought in thoughts if thought)
        return [thinking_part(text, item.text("encrypted_content"), NATIVE, item.text("id"))]
    return None


def _hear(item: Fields, kind: str, conversation: Conversation) -> None:
    """What an item tells the model."""
    if kind == "function_call_output":
        id = restored_id(item.text("call_id") or "")
        item.is_result = True
        conversation.result(id, "\n".join(_texts(item, "output")))
    elif kind == "item_reference":
        item.cannot(f"{item.path}: no items are stored here", help=_SEND_ALL)
    elif kind != "message":
        # What an endpoint's own tools did, and what only it can read.
        item.pass_over(kind)
        item.know(*item.raw)
    elif item.text("role") in _SYSTEM_ROLES:
        conversation.system("\n\n".join(_texts(item, "content")))
    elif item.text("role") == "user":
        conversation.user(user_content(_texts(item, "content")))
    else:
        item.cannot(f"{item.path}: unknown role {item.text('role')!r}")


def _texts(item: Fields, key: str) -> list[str]:
    content = item.get(key)
    if content is None or isinstance(content, str):
        return [content or ""]
    texts = []
    for part in item.objects(key):
        kind = part.text("type") or "input_text"
        if kind == "refusal":
            texts.append(part.text("refusal") or "")
        elif kind in _TEXT_TYPES:
            part.know("annotations", "logprobs")
            texts.append(part.text("text") or "")
        else:
            texts.append(part.stand_in(kind))
        part.close()
    return texts
