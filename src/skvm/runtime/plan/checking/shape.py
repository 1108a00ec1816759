"""Whether a file is a plan at all: JSON, the schema, the fields."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from skvm.compiler.plans.plan import (
    PLAN_SCHEMA,
    Dependency,
    Group,
    GroupForecast,
    Items,
    Plan,
    PlanAction,
    PlanProcedure,
    PlanStep,
    TextSpan,
)
from skvm.diagnostics import Span
from skvm.runtime.plan.checking.findings import SKV801, SKV802, SKV803, SKV804
from skvm.runtime.plan.checking.places import NoJsonError, Path, read_placed
from skvm.runtime.plan.checking.report import Report, shown

__all__ = ["read_shape"]

_MOST_ERRORS = 100
_INSIDE: Mapping[type[BaseModel], Mapping[str, type[BaseModel]]] = {
    Plan: {"procedures": PlanProcedure, "steps": PlanStep, "groups": Group},
    PlanProcedure: {"span": TextSpan},
    PlanStep: {
        "span": TextSpan,
        "actions": PlanAction,
        "dependsOn": Dependency,
        "depends_on": Dependency,
    },
    Group: {"span": TextSpan, "items": Items, "forecast": GroupForecast},
}
"""Records inside records, by field."""


def read_shape(report: Report) -> Plan | None:
    """Read the plan of a report's file; what is wrong with it is noted there, and ``None`` given."""
    try:
        report.placed = read_placed(report.text)
    except NoJsonError as error:
        end = min(error.at + 1, len(report.text))
        report.add(SKV801, f"no JSON: {error.message}", Span(min(error.at, end), end))
        return None
    for path, span in report.placed.twice:
        report.add(SKV804, f"the field {shown(path[-1])} stands twice in one object; the last counts", span)
    if not _is_of_this_schema(report):
        return None
    for path, name, known in _unknown(report.placed.value, (), Plan):
        close = difflib.get_close_matches(name, known, n=1)
        help = f"did you mean {close[0]}?" if close else None
        report.add(SKV804, f"nobody reads the field {shown(name)}", path, help=help)
    try:
        return Plan.model_validate(report.placed.value)
    except ValidationError as error:
        _note_errors(report, error)
    return None


def _is_of_this_schema(report: Report) -> bool:
    value = report.placed.value
    if not isinstance(value, dict):
        report.add(SKV802, f"a plan is an object, and this is {_kind(value)}", ())
        return False
    schema = value.get("schema", PLAN_SCHEMA)
    if schema != PLAN_SCHEMA or isinstance(schema, bool):
        report.add(SKV802, f"this is schema {shown(schema)}, and this skvm reads {PLAN_SCHEMA}", ("schema",))
        return False
    return True


def _kind(value: Any) -> str:
    kinds = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _unknown(value: Any, path: Path, model: type[BaseModel]) -> Iterator[tuple[Path, str, list[str]]]:
    """Fields that are not read, with those there are."""
    if isinstance(value, list):
        for place, each in enumerate(value):
            yield from _unknown(each, (*path, place), model)
    if not isinstance(value, dict):
        return
    names = {name: field.alias or name for name, field in model.model_fields.items()}
    known = sorted({*names, *names.values()})
    for name, inside in value.items():
        if name not in known:
            yield (*path, name), name, sorted(names.values())
        elif (record := _INSIDE.get(model, {}).get(name)) is not None:
            yield from _unknown(inside, (*path, name), record)


def _note_errors(report: Report, error: ValidationError) -> None:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    for each in found[:_MOST_ERRORS]:
        path = tuple(part for part in each["loc"] if isinstance(part, int | str))
        name = _dotted(path)
        message = f"{name} is missing" if each["type"] == "missing" else f"{name}: {_lower(each['msg'])}"
        report.add(SKV803, message, path)
    if len(found) > _MOST_ERRORS:
        report.add(SKV803, f"and {len(found) - _MOST_ERRORS} more such errors", ())


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "the plan"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
