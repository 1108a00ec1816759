"""A candidate of the existing system meets a run: its prompt gives a skeleton, its files the conditions.

The patterns say where the values stand in the prompt; all else of the prompt becomes fixed text. Which files
the run found under these names is the guard, what it left is the postcondition. Whether the template does
what the run did is not asked here: the candidate is tried out like any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skvm.runtime.boost.foreign.convert import Foreign
from skvm.runtime.boost.inside import shapes
from skvm.runtime.boost.inside.values import path_refusal
from skvm.runtime.boost.model import Candidate, Check, Origin, Param, ParamType, Place, Skeleton
from skvm.runtime.boost.watching import WatchedRun, is_script

__all__ = ["bound"]


def bound(foreign: Foreign, run: WatchedRun, others: Sequence[WatchedRun] = ()) -> Candidate | None:
    """The candidate, for prompts worded like a run's; blocks for the files of the runs.

    Args:
        foreign: The candidate and its patterns.
        run: A run that did its task.
        others: More of them; those that are worded alike say what may differ.

    Returns:
        ``None`` where the run is not one of its kind, a value is not found, or the files were not kept.
    """
    mine = _one(foreign, run)
    if mine is None:
        return None
    for other in others:
        theirs = _one(foreign, other) if other.record.run_id != run.record.run_id else None
        if theirs is not None and theirs.skeletons == mine.skeletons:
            mine = _merged(mine, theirs) or mine
    return mine


def _merged(one: Candidate, other: Candidate) -> Candidate | None:
    """What holds of both; ``None`` where they find or leave files in other places."""
    mine, theirs = one.template, other.template
    for ours, their in ((mine.inputs, theirs.inputs), (mine.outputs, theirs.outputs)):
        if [check.place for check in ours] != [check.place for check in their]:
            return None
    if [param.type for param in mine.params] != [param.type for param in theirs.params]:
        return None
    changed = {
        "params": tuple(
            param.model_copy(update={"seen": tuple(dict.fromkeys((*param.seen, *more.seen)))})
            for param, more in zip(mine.params, theirs.params, strict=True)
        ),
        "inputs": _merged_checks(mine.inputs, theirs.inputs),
        "outputs": _merged_checks(mine.outputs, theirs.outputs),
    }
    run_ids = tuple(sorted({*one.origin.run_ids, *other.origin.run_ids}))
    return one.model_copy(
        update={
            "template": mine.model_copy(update=changed),
            "origin": one.origin.model_copy(update={"run_ids": run_ids}),
        }
    )


def _merged_checks(ours: Sequence[Check], theirs: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(
        one.model_copy(update={"shape": shapes.merge([one.shape, other.shape])})
        for one, other in zip(ours, theirs, strict=True)
    )


def _one(foreign: Foreign, run: WatchedRun) -> Candidate | None:
    if not _is_of_its_kind(foreign, run):
        return None
    spans = _spans(foreign, run.prompt)
    before, after = run.files(0), run.files(-1)
    if spans is None or before is None or after is None:
        return None
    values = {name: run.prompt[start:end] for start, end, name in spans}
    params = tuple(
        _param(each, values[each.name], before, after) for each in foreign.candidate.template.params
    )
    paths = {values[each.name]: each.name for each in params if each.type is ParamType.PATH}
    found = [
        Check(place=Place(param=paths[path]), shape=shapes.describe(data, path))
        for path, data in before.items()
        if path in paths
    ]
    changed = {
        "params": params,
        "inputs": tuple(sorted(found, key=_by_place)),
        "outputs": tuple(sorted(_outputs(before, after, paths), key=_by_place)),
    }
    return foreign.candidate.model_copy(
        update={
            "template": foreign.candidate.template.model_copy(update=changed),
            "skeletons": (_skeleton(run.prompt, spans),),
            "origin": Origin(kind="foreign", run_ids=(run.record.run_id,)),
        }
    )


def _by_place(check: Check) -> tuple[str, str]:
    return check.place.param or "", check.place.path or ""


def _is_of_its_kind(foreign: Foreign, run: WatchedRun) -> bool:
    prompt = run.prompt.lower()
    if not any(word.lower() in prompt for word in foreign.candidate.keywords):
        return False
    signature = foreign.signature
    return signature is None or any(signature.find(code) for code in _code(run))


def _code(run: WatchedRun) -> Iterator[str]:
    """Every text a run's tool calls hold; the names of tools differ from harness to harness."""
    for call in run.trajectory.tool_calls:
        yield from _texts(call.arguments)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _spans(foreign: Foreign, prompt: str) -> list[tuple[int, int, str]] | None:
    """Where each value stands, in order; none may stand in another."""
    spans: list[tuple[int, int, str]] = []
    for param in foreign.candidate.template.params:
        pattern = foreign.patterns.get(param.name)
        found = pattern.find(prompt) if pattern is not None else None
        if found is None:
            return None
        start, end = found
        text = prompt[start:end]
        start += len(text) - len(text.lstrip())
        end -= len(text) - len(text.rstrip())
        if start >= end:
            return None
        spans.append((start, end, param.name))
    spans.sort()
    apart = all(one[1] < other[0] for one, other in itertools.pairwise(spans))
    return spans if apart else None


def _skeleton(prompt: str, spans: list[tuple[int, int, str]]) -> Skeleton:
    ends = [0, *(end for _, end, _ in spans)]
    starts = [*(start for start, _, _ in spans), len(prompt)]
    texts = [_folded(prompt[end:start]) for end, start in zip(ends, starts, strict=True)]
    texts[0], texts[-1] = texts[0].lstrip(), texts[-1].rstrip()
    return Skeleton(texts=tuple(texts), params=tuple(name for _, _, name in spans))


def _folded(text: str) -> str:
    inner = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{inner}{' ' * (bool(inner) and text[-1:].isspace())}"


def _param(param: Param, text: str, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Param:
    if param.type is ParamType.NUMBER:
        try:
            number = int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            return param.model_copy(update={"seen": (text,)})
        return param.model_copy(update={"seen": (number,)})
    is_path = (text in before or text in after) and path_refusal(text) is None
    return param.model_copy(update={"type": ParamType.PATH if is_path else ParamType.STRING, "seen": (text,)})


def _outputs(
    before: Mapping[str, bytes], after: Mapping[str, bytes], paths: Mapping[str, str]
) -> Iterator[Check]:
    """What the run left, but for scripts it wrote on the way."""
    for path, data in after.items():
        if before.get(path) == data or (path not in before and is_script(path)):
            continue
        place = Place(param=paths[path]) if path in paths else Place(path=path)
        # Names of its own in an object come from the data as often as from the code.
        yield Check(place=place, shape=shapes.opened(shapes.loosened(shapes.describe(data, path)), ""))
