"""Runs whose code was another: their prompts still show what can vary, and their files what has to come out.

A model seldom writes the same code twice. Where one run's prompt holds constants of its code, and another
run's prompt is the same but for these, the code is taken to do that run's task as well. Whether it does is
for the replay to show, as nothing of the other run's code went into it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skvm.runtime.boost.compiling.actions import actions_of
from skvm.runtime.boost.compiling.skeletons import fold, marks_of, readings, skeleton_of
from skvm.runtime.boost.compiling.variables import TYPES, text_in_prompt, typed
from skvm.runtime.boost.compiling.views import Member, StepFiles, View, without
from skvm.runtime.boost.compiling.wordings import wording_of
from skvm.runtime.boost.holes import Hole, hole_for
from skvm.runtime.boost.model import Param, ParamType, Skeleton

if TYPE_CHECKING:
    from skvm.runtime.boost.compiling.slots import Kind
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["widened"]

_MIN_CHARS = 2


@dataclass(frozen=True, slots=True)
class _Told:
    """A constant of the code that stands in the prompt.

    Args:
        kind: What it is in the code.
        value: Its value.
        text: How it stands in the prompt.
        is_path: Whether the code opens a file of this name.
    """

    kind: Kind
    value: Any
    text: str
    is_path: bool


def widened(view: View, runs: Sequence[WatchedRun]) -> View | None:
    """A view of runs with one prompt, with such runs added whose prompts differ in constants of its code.

    Args:
        view: Runs that share a wording.
        runs: All runs there are.

    Returns:
        ``None`` where the view's own prompts differ already, or no other prompt is of their wording.
    """
    if len(set(view.prompts)) > 1:
        return None
    told = _told(view)
    if not told:
        return None
    prompt = view.prompts[0]
    skeleton = skeleton_of(prompt, marks_of(prompt, {name: each.text for name, each in told.items()}))
    told = {name: each for name, each in told.items() if name in skeleton.params}
    holes = _holes(skeleton, told)
    known = set(view.run_ids)
    witnesses = [
        witness
        for run in runs
        if run.record.run_id not in known and fold(run.prompt) != prompt
        if (witness := _witness(view, run, skeleton, told, holes)) is not None
    ]
    wide = View(view.draft, (*view.members[:1], *witnesses))
    chosen = wording_of(wide.spreads, wide.prompts).members if witnesses else ()
    return wide.part(chosen) if len(chosen) > 1 and chosen[0] == 0 else None


def _told(view: View) -> dict[str, _Told]:
    """Constants that stand in the prompt, by a name for each text; no numbers the code has twice."""
    texts: dict[str, _Told] = {}
    doubtful: set[str] = set()
    for constant, spread in view.pairs:
        value = spread.values[0]
        if not spread.is_fixed or isinstance(value, bool):
            continue
        text = text_in_prompt(constant.kind, value, view.prompts[0])
        if text is None or (constant.kind == "string" and len(text) < _MIN_CHARS):
            continue
        if text in texts and (constant.kind != "string" or texts[text].kind != "string"):
            doubtful.add(text)
        is_path = spread.is_path or (text in texts and texts[text].is_path)
        texts[text] = _Told(constant.kind, value, text, is_path)
    return {str(at): each for at, (text, each) in enumerate(sorted(texts.items())) if text not in doubtful}


def _holes(skeleton: Skeleton, told: Mapping[str, _Told]) -> dict[str, Hole]:
    holes: dict[str, Hole] = {}
    for place, name in enumerate(skeleton.params):
        each = told[name]
        kind = TYPES.get(each.kind, ParamType.PATH if each.is_path else ParamType.STRING)
        seen = (list(each.value) if each.kind == "list" else each.value,)
        param = Param(name=f"v{name}", type=kind, seen=seen)
        holes.setdefault(name, hole_for(param, skeleton.texts[place], skeleton.texts[place + 1]))
    return holes


def _witness(
    view: View, run: WatchedRun, skeleton: Skeleton, told: Mapping[str, _Told], holes: Mapping[str, Hole]
) -> Member | None:
    """A run as if it had run the view's code with its own values; ``None`` where it is of another wording."""
    found = readings(skeleton, fold(run.prompt), lambda name, text: holes[name].takes(text, has_break=False))
    before, after = run.files(0), run.files(-1)
    whole = next((action for action in actions_of(run) if action.is_whole), None)
    if len(found) != 1 or before is None or after is None or whole is None:
        return None
    helpers = {path for path in whole.helpers if path not in before}
    new = {name: typed(told[name].kind, text) for name, text in found[0].items()}
    first = view.members[0]
    values = tuple(_moved(value, told, new) for value in first.values)
    return Member(
        run=run,
        action=None,
        files=StepFiles(without(before, helpers), without(after, helpers)),
        code=_moved(first.code, told, new),
        values=values,
        turns=whole.turns,
    )


def _moved(value: Any, told: Mapping[str, _Told], new: Mapping[str, Any]) -> Any:
    """A constant as it would be with the values of another prompt."""
    for name, each in told.items():
        if type(value) is type(each.value) and value == each.value:
            return new[name]
    if not isinstance(value, str):
        return value
    texts = {str(told[name].value): str(new[name]) for name in new if told[name].kind == "string"}
    if not texts:
        return value
    longest = "|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text)))
    return re.sub(rf"(?<![A-Za-z0-9])(?:{longest})(?![A-Za-z0-9])", lambda found: texts[found.group()], value)
