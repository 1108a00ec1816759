"""What oracles over a trajectory share: which calls took effect, in which turn, and what they showed.

A harness calls its tools as it likes; only what a call is about and what came back is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from skvm.harness.trajectory import Observation, ToolCall, ToolKind, Trajectory, Turn

__all__ = ["effective_calls", "is_batched", "was_computed"]


_SEPARATOR = re.compile(r"(?<=\d)[,_](?=\d{3}(?!\d))")
_CHANGES = frozenset({ToolKind.WRITE, ToolKind.EDIT})


def _pairs(turn: Turn) -> Iterator[tuple[ToolCall, Observation | None]]:
    by_id = {observation.tool_call_id: observation for observation in turn.observations}
    return ((call, by_id.get(call.id)) for call in turn.tool_calls)


def effective_calls(trajectory: Trajectory, names: Collection[str]) -> tuple[ToolCall, ...]:
    """The calls of these tools that did not come back as an error, in order."""
    return tuple(
        call
        for turn in trajectory.turns
        for call, observation in _pairs(turn)
        if call.name in names and not (observation is not None and observation.is_error)
    )


def is_batched(trajectory: Trajectory, wanted: Mapping[str, str], *, since: int = 0) -> int | None:
    """The first turn in which all wanted files were asked for, each by a call of its own.

    Args:
        trajectory: What was done.
        wanted: By path, a text only that file holds. A call is about a file if it names or shows it.
        since: Turns before this one do not count.

    Returns:
        The turn's place among the turns, ``None`` without such a turn.
    """
    for place, turn in enumerate(trajectory.turns):
        if place < since:
            continue
        about = [
            {path for path, text in wanted.items() if _is_about(call, observation, path, text)}
            for call, observation in _pairs(turn)
        ]
        if _has_one_each(set(wanted), about):
            return place
    return None


def _has_one_each(wanted: Collection[str], about: Sequence[Collection[str]]) -> bool:
    """Whether every file can be given a call of its own (Hall: any n files have n calls about them)."""
    return all(
        sum(not files.isdisjoint(each) for each in about) >= size
        for size in range(1, len(wanted) + 1)
        for files in map(set, combinations(wanted, size))
    )


def _is_about(call: ToolCall, observation: Observation | None, path: str, text: str) -> bool:
    if call.kind in _CHANGES or (observation is not None and observation.is_error):
        return False
    if any(_stands_in(path, str(value)) for value in call.arguments.values()):
        return True
    return observation is not None and _stands_in(text, observation.text)


def _stands_in(word: str, text: str) -> bool:
    """Whether it stands there as a word of its own."""
    place = text.find(word)
    while place >= 0:
        around = text[max(place - 1, 0) : place] + text[place + len(word) : place + len(word) + 1]
        if not any(character.isalnum() or character == "_" for character in around):
            return True
        place = text.find(word, place + 1)
    return False


def was_computed(trajectory: Trajectory | None, number: int) -> bool:
    """Whether a number was shown by a command, or by any call after one (a file the command wrote).

    Given work without a trajectory is judged by its evidence alone.
    """
    if trajectory is None:
        return True
    exact = re.compile(rf"(?<![\d.]){number}(?!\d|\.\d*[1-9])")
    has_run = False
    for turn in trajectory.turns:
        for call, observation in _pairs(turn):
            has_run = has_run or call.kind is ToolKind.RUN
            shown = "" if observation is None else observation.text
            # Beside the text itself, the text without thousands separators.
            if has_run and exact.search(f"{shown}\n{_SEPARATOR.sub('', shown)}"):
                return True
    return False
