"""Finds the plan a command names: a ``plan.json``, a variant that has one, or a skill it is made of."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from skvm.compiler.plans.plan import PLAN_SCHEMA, Plan
from skvm.errors import UsageError

__all__ = ["PLAN_NAME", "PlanSource", "digest_of_plan", "plan_bytes", "read_plan", "read_source"]

PLAN_NAME = "plan.json"
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PlanSource:
    """A plan and where it comes from.

    Args:
        plan: The plan.
        path: The file or folder that was named.
        folder: The folder of the skill or variant, or the one ``plan.json`` lies in.
        is_made: Whether it was made of the skill on the spot.
    """

    plan: Plan
    path: Path
    folder: Path
    is_made: bool = False


def read_source(path: Path) -> PlanSource:
    """Read the plan of a file or folder.

    Args:
        path: A ``plan.json``, a folder with one, a skill's folder, or a ``SKILL.md``.

    Raises:
        UsageError: There is none, or it is no plan of this schema.
    """
    if path.is_dir():
        if (path / PLAN_NAME).is_file():
            return PlanSource(read_plan(path / PLAN_NAME), path, path)
        if (path / "SKILL.md").is_file():
            return _made(path)
        raise UsageError(
            f"{path}: there is neither a {PLAN_NAME} nor a SKILL.md",
            help="name a plan.json, a variant or a skill's folder",
        )
    if path.name == "SKILL.md":
        return _made(path)
    return PlanSource(read_plan(path), path, path.absolute().parent)


def read_plan(path: Path) -> Plan:
    """Read a ``plan.json``.

    Raises:
        UsageError: It cannot be read, or is no plan; the place is named.
    """
    data = plan_bytes(path)
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: no JSON text") from error
    schema = value.get("schema", PLAN_SCHEMA) if isinstance(value, dict) else None
    if not isinstance(value, dict) or schema != PLAN_SCHEMA:
        said = "not an object" if not isinstance(value, dict) else f"schema {schema!r}, not {PLAN_SCHEMA}"
        raise UsageError(f"{path}: no plan: {said}", help="compile the skill again with this skvm")
    try:
        return Plan.model_validate(value)
    except (ValidationError, RecursionError) as error:
        raise UsageError(
            f"{path}: no plan: {_first(error)}", help=f"skvm plan check {path} lists all that is wrong"
        ) from error


def digest_of_plan(plan: Plan, procedures: Iterable[str] | None) -> str:
    """What tells runs of different plans apart; the same however and with whatever model a plan is run."""
    value = {"plan": plan.record(), "procedures": sorted(procedures) if procedures is not None else None}
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _made(path: Path) -> PlanSource:
    from skvm.compiler.plans.planning import plan_of
    from skvm.skill.frontend import load_skill

    folder = path if path.is_dir() else path.absolute().parent
    return PlanSource(plan_of(load_skill(path)).plan, path, folder, is_made=True)


def plan_bytes(path: Path) -> bytes:
    """The bytes of a file that is to hold a plan.

    Raises:
        UsageError: There is none, or it is no file of a plan's size.
    """
    try:
        # Not blocking: a pipe of this name would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{path}: not a file", help="name a plan.json, a variant or a skill")
            data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a name of a file"
        raise UsageError(
            f"{path}: the plan cannot be read: {said}",
            help="skvm aot-compile --pass 3 writes a plan.json; a skill's folder does as well",
        ) from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path}: over {_MAX_BYTES >> 20} MiB, which is no plan")
    return data


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "nested too deep"
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
