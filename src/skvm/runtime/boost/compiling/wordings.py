"""Runs whose prompts differ in nothing but what their code differs in, too: one skeleton, shown by runs.

A hole is only made where two runs of the same wording had different values there. What varies in prompts and
not in the code, or the other way round, makes another wording, or is left as it is for the replay to judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.runtime.boost.compiling.skeletons import fold, marks_of, readings, skeletons_of
from skvm.runtime.boost.compiling.variables import Explained, Spread, Variable, explain, text_in_prompt
from skvm.runtime.boost.holes import list_items
from skvm.runtime.boost.model import Skeleton

__all__ = ["Wording", "best_told", "fits_type", "wording_of"]

_INTEGER = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


@dataclass(frozen=True, slots=True)
class Wording:
    """The largest set of runs one skeleton stands for.

    Args:
        members: Which runs, by index.
        skeleton: Its parameters are indices of ``explained.variables`` as text.
        explained: What of the constants is understood.
    """

    members: tuple[int, ...]
    skeleton: Skeleton
    explained: Explained

    def texts(self, prompt: str) -> dict[str, str] | None:
        """The texts of the holes in another prompt; ``None`` where it is not of this wording."""
        variables = self.explained.variables
        found = readings(
            self.skeleton, fold(prompt), lambda name, text: fits_type(variables[int(name)].kind, text)
        )
        return found[0] if len(found) == 1 else None


def fits_type(kind: str, text: str) -> bool:
    """Whether a text of a prompt may be a value of some kind."""
    if kind == "integer":
        return _INTEGER.fullmatch(text) is not None
    if kind == "number":
        return _NUMBER.fullmatch(text) is not None
    if kind == "list":
        return bool(list_items(text))
    return True


def wording_of(spreads: Sequence[Spread], prompts: Sequence[str]) -> Wording:
    """The skeleton that stands for most of the prompts, the first one of them being among equals preferred.

    Args:
        spreads: The constants of the runs' code.
        prompts: The runs' prompts.
    """
    folded = [fold(prompt) for prompt in prompts]
    explained = explain(spreads, folded)
    if not any(variable.is_told for variable in explained.variables):
        members = tuple(index for index, prompt in enumerate(folded) if prompt == folded[0])
        return Wording(members, Skeleton(texts=(folded[0],)), explained)
    best: tuple[int, int, Wording] | None = None
    for run, prompt in enumerate(folded):
        texts = {str(at): each.texts[run] for at, each in enumerate(explained.variables) if each.is_told}
        parts = frozenset(str(at) for at, each in enumerate(explained.variables) if each.is_part)
        for skeleton in skeletons_of(prompt, marks_of(prompt, texts, parts)):
            members = _members(skeleton, explained.variables, folded)
            if best is None or (len(members), len(skeleton.params)) > best[:2]:
                best = (len(members), len(skeleton.params), Wording(members, skeleton, explained))
    if best is None or not best[2].members:
        return Wording((0,), Skeleton(texts=(folded[0],)), Explained())
    return best[2]


def best_told(spreads: Sequence[Spread], prompts: Sequence[str]) -> tuple[int, ...]:
    """The runs whose prompts tell most of the constants that vary."""
    varying = [spread for spread in spreads if not spread.is_fixed]
    counts = [
        sum(text_in_prompt(spread.kind, spread.values[run], fold(prompt)) is not None for spread in varying)
        for run, prompt in enumerate(prompts)
    ]
    return tuple(run for run, count in enumerate(counts) if count == max(counts))


def _members(skeleton: Skeleton, variables: Sequence[Variable], prompts: Sequence[str]) -> tuple[int, ...]:
    """The prompts a skeleton reads in one way only, and rightly."""
    told = {str(at) for at, variable in enumerate(variables) if variable.is_told}
    if told != set(skeleton.params):
        return ()
    members = []
    for run, prompt in enumerate(prompts):
        found = readings(skeleton, prompt, lambda name, text: fits_type(variables[int(name)].kind, text))
        if len(found) == 1 and all(found[0][name] == variables[int(name)].texts[run] for name in told):
            members.append(run)
    return tuple(members)
