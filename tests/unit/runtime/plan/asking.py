"""How a scripted model asks each built-in harness to run a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skvm.llm.fake import FakeAnswer, FakeToolCall
from tests.harness.staging import Done

__all__ = ["SHELL", "TOOLS", "Speaks", "observed"]


@dataclass(frozen=True)
class Speaks:
    """A harness, and an answer that runs a command in it."""

    harness: str
    answer: Callable[[str, int], FakeAnswer]

    def __str__(self) -> str:
        """Its name: what a test is called must not hang on where a function lies."""
        return self.harness

    def steps(self, *commands: str, final_text: str = "It is all done.") -> list[FakeAnswer]:
        """Answers that run commands, one after the other."""
        answers = [self.answer(command, number) for number, command in enumerate(commands)]
        return [*answers, FakeAnswer(final_text, input_tokens=1, output_tokens=1)]


def _call(command: str, number: int) -> FakeAnswer:
    call = FakeToolCall("execute_command", {"command": command}, id=f"call_{number}")
    return FakeAnswer("I run it.", tool_calls=(call,))


def _block(command: str, _: int) -> FakeAnswer:
    return FakeAnswer(f"```bash\n{command}\n```")


TOOLS = Speaks("bare-agent", _call)
SHELL = Speaks("shell-agent", _block)


def observed(done: Done) -> list[str]:
    """What the model was told of each command."""
    return [each.text for turn in done.told.turns for each in turn.observations]
