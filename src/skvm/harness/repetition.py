"""When an agent only repeats itself: the same actions, or the same round of them with the same results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from skvm.harness.trajectory import ToolCall, Turn

__all__ = ["REPEAT_LIMIT", "Repetition"]

REPEAT_LIMIT = 3
"""The same action this many times in a row ends the run, and so does the same round of actions."""
LONGEST_ROUND = 6
"""Actions of a round at most."""


@dataclass(slots=True)
class Repetition:
    """What an agent wanted so far, turn by turn."""

    signatures: list[str] = field(default_factory=list)

    def is_reached(self, calls: Sequence[ToolCall], turns: Sequence[Turn]) -> bool:
        """Whether this is the same action as in the turns before, or ends the same round of actions again.

        Args:
            calls: What is wanted now.
            turns: The turns before.
        """
        actions = [call.model_dump_json(include={"name", "arguments", "raw_arguments"}) for call in calls]
        self.signatures.append("\n".join(actions))
        if not calls:
            return False
        recent = self.signatures[-REPEAT_LIMIT:]
        if len(recent) == REPEAT_LIMIT and len(set(recent)) == 1:
            return True
        return any(self._goes_round(length, turns) for length in range(2, LONGEST_ROUND + 1))

    def _goes_round(self, length: int, turns: Sequence[Turn]) -> bool:
        """Whether the last turns were the same round of so many actions, each time with the same results."""
        if len(self.signatures) < REPEAT_LIMIT * length:
            return False
        done = [[each.text for each in turn.observations] for turn in turns]
        places = range(len(self.signatures) - REPEAT_LIMIT * length, len(self.signatures) - length)
        # The action that is only now wanted has no result to compare yet.
        return all(
            self.signatures[place] == self.signatures[place + length]
            and (place + length >= len(done) or done[place] == done[place + length])
            for place in places
        )
