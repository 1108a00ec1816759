"""Signs that code does a task by what its author saw, and not by what the files say.

A model that has read the data may write the answer down, or a part of it. Such code gives the right files for
the run it was written in, again and again as long as nothing changes, and wrong ones ever after.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skvm.runtime.boost.compiling.conditions import Conditions, NoStepError
from skvm.runtime.boost.compiling.parameters import Plan
from skvm.runtime.boost.compiling.skeletons import stands_at
from skvm.runtime.boost.compiling.views import Member, View

__all__ = ["refuse_unsound"]

_MIN_CHARS = 3
_MIN_NUMBER = 10
_MAX_BYTES = 1 << 20
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_OWN_FOLDERS = ("skills/",)


def refuse_unsound(view: View, plan: Plan, conditions: Conditions, words: str) -> None:
    """Refuse code that may do without its inputs.

    Args:
        view: The runs.
        plan: Their parameters.
        conditions: What the step reads and writes.
        words: The skill's text, ``""`` without one: what stands there may stand in code.

    Raises:
        NoStepError: It may.
    """
    for member in view.members:
        _refuse_unread(member, plan, conditions)
    told = [f"{prompt}\n{words}".casefold() for prompt in view.prompts]
    data = [frozenset(_data(member, conditions, plan)) for member in view.members]
    shows_other_data = len(set(data)) > 1
    for constant, spread in view.pairs:
        if spread.index in plan.pieces or (spread.is_fixed and shows_other_data):
            continue
        for member, value, known, held in zip(view.members, spread.values, told, data, strict=True):
            if _is_copied(value, member, known, held):
                raise NoStepError(f"its code holds {constant.values[0]!r}, which is data of its files")


def _refuse_unread(member: Member, plan: Plan, conditions: Conditions) -> None:
    values = _values(member, plan)
    opened = {
        str(values.get(check.place.param) if check.place.param is not None else check.place.path)
        for check in (*conditions.inputs, *conditions.outputs)
    }
    prompt = " ".join(member.run.prompt.split())
    for path in member.files.before:
        if path not in opened and stands_at(prompt, path):
            raise NoStepError(f"its prompt names {path}, which its code does not open")
    lies_there = [path for path in member.files.before if not path.startswith(_OWN_FOLDERS)]
    if lies_there and not conditions.inputs:
        raise NoStepError("it reads nothing of what lay there")


def _values(member: Member, plan: Plan) -> dict[str, Any]:
    texts = plan.wording.texts(member.run.prompt) or {}
    values: dict[str, Any] = {}
    for at, variable in enumerate(plan.variables):
        if variable.is_told:
            values[plan.names[at]] = texts.get(str(at))
        elif variable.constants:
            values[plan.names[at]] = member.values[variable.constants[0]]
    return values


def _data(member: Member, conditions: Conditions, plan: Plan) -> Iterator[str]:
    """The data of the files a run's step reads, without the names of columns and keys."""
    values = _values(member, plan)
    for check in conditions.inputs:
        place = check.place
        path = str(values.get(place.param) if place.param is not None else place.path)
        yield from _cells(member.files.before.get(path, b""), path)


def _cells(data: bytes, path: str) -> Iterator[str]:
    text = data[:_MAX_BYTES].decode("utf-8", "replace")
    suffix = path.rpartition(".")[2].lower()
    if suffix in {"csv", "tsv"}:
        rows = csv.reader(io.StringIO(text), delimiter="\t" if suffix == "tsv" else ",")
        for row in list(rows)[1:]:
            yield from (cell.strip() for cell in row)
    elif suffix == "json":
        try:
            yield from _scalars(json.loads(text))
        except (ValueError, RecursionError):
            return
    else:
        yield from re.findall(r"[\w.@-]+", text)


def _scalars(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        found = pending.pop()
        if isinstance(found, Mapping):
            pending += found.values()
        elif isinstance(found, Sequence) and not isinstance(found, str):
            pending += found
        else:
            yield str(found)


def _is_copied(value: Any, member: Member, told: str, data: frozenset[str]) -> bool:
    """Whether a constant is a value of the data, or a number of the result, that nobody told."""
    if isinstance(value, tuple):
        return any(_is_copied(each, member, told, data) for each in value)
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return len(value) >= _MIN_CHARS and value in data and value.casefold() not in told
    if not isinstance(value, int | float) or abs(value) < _MIN_NUMBER or _has_number(told, value):
        return False
    written = "\n".join(each.decode("utf-8", "replace") for each in member.files.written.values())
    return _has_number(written, value)


def _has_number(text: str, value: float) -> bool:
    return any(float(found) == float(value) for found in _NUMBER.findall(text))
