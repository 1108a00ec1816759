"""What hooks are told of one model call of a program, and in which of its conversations they may act.

A program asks for more than its agent's turns: sub-agents, titles and summaries have conversations of their
own, some of them with tools. The agent's own one is the one that holds the task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from skvm.harness.gateway.contract import Held
from skvm.harness.hooks import HookContext

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

    from skvm.harness.gateway.translate.contract import Asked

__all__ = ["AgentsOwn", "hook_context"]


@dataclass(slots=True)
class AgentsOwn:
    """Knows the agent's own conversation among those that pass one door.

    Where no conversation has shown the task as it stands (a program may wrap it, or say it in a file), the
    first one that offered tools is taken for it.

    Args:
        first: The opening words of that one.
        is_sure: Whether a conversation has shown the task.
    """

    first: str | None = None
    is_sure: bool = False

    def is_it(self, prompt: str, messages: Sequence[ModelMessage]) -> bool:
        """Whether a conversation that offers tools is the agent's own."""
        said = [_folded(text) for text in _user_texts(messages)]
        if not said:
            return False
        task = _folded(prompt)
        if any(task in text for text in said):
            self.is_sure = True
            return True
        if self.first is None:
            self.first = said[0]
        return not self.is_sure and said[0] == self.first


def hook_context(held: Held, own: AgentsOwn, turn: int, asked: Asked | None) -> HookContext:
    """The context of one call that offers tools.

    Args:
        held: What its door is held to.
        own: Knows the agent's conversation at this door.
        turn: Index of the turn.
        asked: The request; ``None`` where it cannot be read, and then no hook can act in it.
    """
    if asked is None:
        return HookContext(held.prompt, held.work_dir, turn, (), is_local=held.is_local)
    messages = tuple(asked.messages)
    prompt = held.prompt or _newest_words(messages)
    is_own = bool(prompt) and (not held.prompt or own.is_it(prompt, messages))
    command_turn = _command_turn(held, turn, asked) if is_own else None
    return HookContext(prompt, held.work_dir, turn, messages, command_turn, is_local=held.is_local)


def _command_turn(held: Held, turn: int, asked: Asked) -> Callable[[str], ModelResponse] | None:
    if held.tools is None:
        return None
    tool = held.tools.command_tool(asked.parameters.function_tools)
    return None if tool is None else partial(tool.turn, call_id=f"call_{turn:04d}prepared")


def _user_texts(messages: Sequence[ModelMessage]) -> Iterator[str]:
    """Everything said in the user's name, piece by piece, in order."""
    from pydantic_ai.messages import UserPromptPart

    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                if isinstance(part.content, str):
                    yield part.content
                else:
                    yield from (piece for piece in part.content if isinstance(piece, str))


def _newest_words(messages: Sequence[ModelMessage]) -> str:
    """The last piece of text in the user's name."""
    return next(reversed(list(_user_texts(messages))), "")


def _folded(text: str) -> str:
    return " ".join(text.split())
