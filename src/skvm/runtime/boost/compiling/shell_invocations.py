"""Which argument of a command is code, and what the others are, for programs that take code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.runtime.boost.compiling.shell_words import Policy

__all__ = ["LANGUAGES", "Invocation", "invocation_of"]

LANGUAGES = frozenset({"awk", "mawk", "gawk", "jq", "yq", "sed", "grep", "egrep"})
"""Programs whose first argument is a program or a pattern of their own."""
_FLAGS = {
    "awk": r"-F.+",
    "mawk": r"-F.+",
    "gawk": r"-F.+",
    "jq": r"-[rcsneSjaRM]+|--raw-output|--compact-output|--slurp|--sort-keys|--null-input|--raw-input|--tab",
    "sed": r"-[nErsz]+|-i(?:\.\w+)?",
    "grep": r"-[ivcnowxhHlLqsEFrRaz]+|-[ABCm]\d+",
    "egrep": r"-[ivcnowxhHlLqsrRaz]+|-[ABCm]\d+",
}
_TAKE_VALUES = {
    "awk": {"-F": 1, "-v": 1},
    "mawk": {"-F": 1, "-v": 1},
    "gawk": {"-F": 1, "-v": 1},
    "jq": {"--arg": 2},
    "grep": {"-A": 1, "-B": 1, "-C": 1, "-m": 1},
}


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a command is called.

    Args:
        script: Index of the argument that is code; ``None`` if none is.
        policies: What may stand for each argument.
    """

    script: int | None
    policies: tuple[Policy, ...]


def invocation_of(  # noqa: PLR0911 - one return a way to be called
    program: str, words: Sequence[str | None], policy: Policy
) -> Invocation:
    """How a command is called.

    Args:
        program: Its name, without a folder.
        words: What its arguments say, ``None`` for one that is expanded.
        policy: What may be an argument where nothing else is known.
    """
    count = len(words)
    if policy is Policy.NEVER:
        return Invocation(None, (policy,) * count)
    if program in ("python", "python3"):
        return _python(words, policy)
    if program in ("sh", "bash", "dash", "zsh", "ksh"):
        return Invocation(0, (Policy.NEVER, *(policy for _ in words[1:])))
    if program == "printf":
        if any(word is None or word.startswith("-") for word in words[:1]):
            return Invocation(None, (Policy.NEVER,) * count)
        return Invocation(None, (Policy.NEVER, *(Policy.FREE for _ in words[1:])))
    if program == "echo":
        return Invocation(None, (policy, *(Policy.FREE for _ in words[1:])))
    if program not in LANGUAGES:
        return Invocation(None, (policy,) * count)
    return _of_language(program, words)


def _python(words: Sequence[str | None], policy: Policy) -> Invocation:
    """A file or a program in Python: what follows it are its arguments."""
    for index, word in enumerate(words):
        if word == "-c":
            script = index + 1 if index + 1 < len(words) else None
            rest = [policy if at > index + 1 else Policy.NEVER for at in range(len(words))]
            return Invocation(script, tuple(rest))
        if word is None or word in ("-m", "-W", "-X"):
            break
        if not word.startswith("-") or word == "-":
            rest = [policy if at > index else Policy.NEVER for at in range(len(words))]
            return Invocation(None, tuple(rest))
    return Invocation(None, (Policy.NEVER,) * len(words))


def _of_language(program: str, words: Sequence[str | None]) -> Invocation:
    """A program with a language of its own, past the options that are known; else nothing may be a value."""
    nothing = Invocation(None, (Policy.NEVER,) * len(words))
    operand = Policy.OPERAND if "awk" in program else Policy.ARGUMENT
    policies: list[Policy] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word is None:
            return nothing
        values = _TAKE_VALUES.get(program, {}).get(word, 0)
        if values:
            # The last of them is a value, what is before it its name.
            named = Policy.LITERAL if word == "-v" else Policy.FREE
            taken = [Policy.NEVER, *(Policy.NEVER for _ in range(values - 1))]
            policies.extend([*taken, Policy.NEVER if word == "-F" else named])
            index += values + 1
        elif word.startswith("-"):
            if not re.fullmatch(_FLAGS.get(program, ""), word):
                return nothing
            policies.append(Policy.NEVER)
            index += 1
        else:
            break
    if index >= len(words) or len(policies) != index:
        return nothing
    rest = [operand for _ in words[index + 1 :]]
    if any(word is not None and word.startswith("-") for word in words[index + 1 :]):
        rest = [Policy.NEVER for _ in rest]
    is_plain = program == "grep" and any(re.fullmatch(r"-\w*F\w*", word or "") for word in words[:index])
    return Invocation(index, (*policies, Policy.ARGUMENT if is_plain else Policy.NEVER, *rest))
