"""Trigger cases: made one way whatever they come from, each prompt of a skill once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from skvm.bench.plan import PlannedSkill, PlannedTrigger
from skvm.errors import UsageError

__all__ = ["MAX_PROMPT_CHARS", "each_once", "make_case"]

MAX_PROMPT_CHARS = 20_000
"""A longer prompt is none of a person."""


def make_case(
    skill: PlannedSkill,
    prompt: str,
    *,
    should_trigger: bool,
    source: str,
    id: str | None = None,
    fixtures: Mapping[str, str] | None = None,
) -> PlannedTrigger:
    """A case; without an id it is called by a digest of its prompt, so that order does not matter."""
    text = prompt.strip()
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", id or "").strip(".-")[:60]
    return PlannedTrigger(
        id=name or digest,
        skill=skill,
        prompt=text,
        should_trigger=should_trigger,
        fixtures=dict(fixtures or {}),
        source=source,
    )


def each_once(cases: Iterable[PlannedTrigger]) -> tuple[PlannedTrigger, ...]:
    """The cases without those that say what an earlier one said; two of one id are told apart.

    Raises:
        UsageError: One prompt should and should not load the same skill.
    """
    known: dict[tuple[str, str], PlannedTrigger] = {}
    taken: dict[str, set[str]] = {}
    for case in cases:
        key = (case.skill.path, " ".join(case.prompt.split()).casefold())
        other = known.get(key)
        if other is not None and other.should_trigger != case.should_trigger:
            raise UsageError(
                f"trigger {case.id!r} of skill {case.skill.id!r} should load it, and should not: "
                f"{case.prompt[:80]!r}",
                help="leave one of the two out",
            )
        if other is None:
            ids = taken.setdefault(case.skill.path, set())
            name = case.id
            for number in range(2, len(ids) + 3):
                if name not in ids:
                    break
                name = f"{case.id}-{number}"
            ids.add(name)
            known[key] = case.model_copy(update={"id": name})
    return tuple(known.values())
