"""A trajectory as the list of messages that graders of the existing formats read."""

from __future__ import annotations

from typing import Any

from skvm.harness.trajectory import Trajectory, Turn

__all__ = ["transcript_of"]


def transcript_of(trajectory: Trajectory) -> list[dict[str, Any]]:
    """Items ``{type: "message", message: {role, content}}`` in order.

    The first is the user's prompt. An assistant's content is a list of ``{type: "text", text}`` and
    ``{type: "toolCall", id, name, params}``; what a call gave follows as an item of role ``toolResult`` with
    content ``[{output}]``.
    """
    items = [_message("user", [{"type": "text", "text": trajectory.prompt}])]
    for turn in trajectory.turns:
        items += _turn(turn)
    last = trajectory.turns[-1].text if trajectory.turns else ""
    if trajectory.final_text.strip() and trajectory.final_text.strip() != last.strip():
        items.append(_message("assistant", [{"type": "text", "text": trajectory.final_text}]))
    return items


def _turn(turn: Turn) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
    content += [
        {"type": "toolCall", "id": call.id, "name": call.name, "params": call.arguments}
        for call in turn.tool_calls
    ]
    items = [_message("assistant", content)] if content else []
    for observation in turn.observations:
        output = [{"output": observation.text}]
        items.append(_message("toolResult", output, toolCallId=observation.tool_call_id))
    return items


def _message(role: str, content: list[dict[str, Any]], **more: str) -> dict[str, Any]:
    return {"type": "message", "message": {"role": role, **more, "content": content}}
