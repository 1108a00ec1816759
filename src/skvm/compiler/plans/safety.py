"""Whether what a step does may be done again after it was cut short, and what it must have for itself."""

from __future__ import annotations

import re

from skvm.compiler.effects.exclusive import in_words
from skvm.compiler.effects.model import ANYTHING, ENVIRONMENT, Action, Effects, SkillStep, StepKind
from skvm.compiler.effects.resources import clash

__all__ = ["exclusive_of_step", "is_idempotent", "is_repeatable"]

_SCHEME = re.compile(r"[a-z]{3,7}:")
_ADDS = re.compile(r">>|\btee\s+(?:-\w+\s+)*(?:-a|--append)\b|\bmkdir\s+(?!-\w*p|--parents|-m\s+\S+\s+-p)")
_REMOVES = re.compile(
    r"(?:^|[;&|(]\s*|\bdo\s+|\bthen\s+)(?:rmdir|ln\s+(?!-\w*f)|rm\s+(?!-\w*f))", re.MULTILINE
)


def is_idempotent(effects: Effects, command: str | None = None) -> bool:
    """Whether doing something again, after it was cut short anywhere, gives what doing it once gives.

    Args:
        effects: What it touches.
        command: The command that does it, if it is one.
    """
    if effects.is_open or any(_SCHEME.match(name) for name in effects.writes):
        return False
    if command is not None and (_ADDS.search(command) or _REMOVES.search(command)):
        return False
    files = [name for name in effects.reads if not _SCHEME.match(name)]
    if effects.writes and (ANYTHING in effects.writes or ANYTHING in files):
        return False
    return clash(files, effects.writes) is None


def is_repeatable(step: SkillStep) -> bool:
    """The same of a whole step; where a person is asked or told something it is not.

    A statement that reads what another one of the step wrote is fine: they are repeated from the first.

    Args:
        step: The step.
    """
    if step.kind in {StepKind.ASK, StepKind.OPEN} or step.effects.is_open:
        return False
    if step.is_commands:
        return _in_order(step.statements)
    return is_idempotent(step.effects)


def _in_order(statements: tuple[Action, ...]) -> bool:
    """Whether statements may be repeated from the first: none writes what one before it, or itself, reads."""
    read: list[str] = []
    made: list[str] = []
    for item in statements:
        effects = item.effects
        if not is_idempotent(effects, item.command):
            return False
        # What the step makes itself is made again before it is read.
        read += [name for name in effects.reads if name not in made and not name.startswith(ENVIRONMENT)]
        if clash(read, effects.writes) is not None:
            return False
        made += effects.writes
    return True


def exclusive_of_step(step: SkillStep) -> tuple[str, ...]:
    """What nothing else may have while a step is done, sorted.

    Args:
        step: The step.
    """
    said = () if step.is_commands else in_words(step.text)
    return tuple(sorted({*step.effects.exclusive, *said}))
