"""Trigger cases from a file: a list of prompts with what they should do, as JSON or YAML.

An entry is ``{prompt, should_trigger, id?, skill?, fixtures?}``; ``query`` does for ``prompt``. The list may
stand alone, under ``triggers``, ``queries`` or ``evals`` of an object that may name the ``skill``, or under
the ids of several skills. An entry of ``evals`` (a skill's own test cases) that says nothing should load it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from skvm.bench.plan import PlannedSkill, PlannedTrigger
from skvm.bench.triggering.cases import MAX_PROMPT_CHARS, each_once, make_case
from skvm.errors import UsageError
from skvm.task.loader import escapes

__all__ = ["load_triggers"]

_MAX_BYTES = 4 << 20
_MAX_CASES = 2_000
_LISTS = ("triggers", "queries", "evals")
_NAMES = ("skill", "skill_name")
_KEYS = frozenset({"prompt", "query", "should_trigger", "shouldTrigger", "id", "fixtures", *_NAMES})
_OF_EVALS = frozenset({"expected_output", "files", "assertions", "expectations"})


def load_triggers(path: Path, skills: Sequence[PlannedSkill]) -> tuple[PlannedTrigger, ...]:
    """Read a file of triggers.

    Args:
        path: The file.
        skills: Those of the bench, which entries may name; a single one need not be named.

    Raises:
        UsageError: It cannot be read, an entry is malformed or contradicts another, or a skill is not known.
    """
    try:
        found = [
            _case(f"{path}: entry {number}", entry, skills)
            for number, entry in enumerate(_entries(path, _value(path), skills), 1)
        ]
    except RecursionError as error:
        raise UsageError(f"{path}: nested too deeply") from error
    if not found:
        raise UsageError(f"{path}: no triggers", help="a list of {prompt, should_trigger}")
    return each_once(found)


def _value(path: Path) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a regular file")
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise UsageError(f"{path}: over {_MAX_BYTES >> 20} MB")
        text = data.decode("utf-8-sig")
        if path.suffix.lower() in {".yaml", ".yml"}:
            return yaml.safe_load(text)
        return json.loads(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{path}: not YAML: {said}") from error
    except (ValueError, OverflowError) as error:
        kind = "UTF-8 text" if isinstance(error, UnicodeError) else "JSON"
        raise UsageError(f"{path}: not {kind}: {error}", help="YAML is read from .yaml files") from error


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry, the skill that is named for all of its list, and whether it is a test case."""

    value: Any
    skill: str | None
    is_test_case: bool


def _entries(path: Path, value: Any, skills: Sequence[PlannedSkill]) -> Iterator[_Entry]:
    count = 0
    for listed, skill, is_test_case in _lists(path, value, skills):
        if not isinstance(listed, list):
            raise UsageError(f"{path}: the triggers must be a list")
        for entry in listed:
            count += 1
            if count > _MAX_CASES:
                raise UsageError(f"{path}: over {_MAX_CASES:,} triggers")
            yield _Entry(entry, skill, is_test_case)


def _lists(path: Path, value: Any, skills: Sequence[PlannedSkill]) -> Iterator[tuple[Any, str | None, bool]]:
    if not isinstance(value, dict):
        yield value, None, False
        return
    if any(name in value for name in _LISTS):
        if unknown := sorted(str(key) for key in value if key not in (*_LISTS, *_NAMES)):
            raise UsageError(f"{path}: unknown key {unknown[0]!r}", help=f"known: {', '.join(_LISTS)}, skill")
        named = next((value[name] for name in _NAMES if name in value), None)
        if named is not None and not isinstance(named, str):
            raise UsageError(f"{path}: skill must be a text")
        yield from ((value[name], named, name == "evals") for name in _LISTS if name in value)
        return
    known = {name for skill in skills for name in (skill.id, skill.path)}
    for name, listed in value.items():
        if name not in known:
            raise UsageError(f"{path}: {name!r} is neither a list of triggers nor a skill of this bench")
        yield listed, name, False


def _case(where: str, found: _Entry, skills: Sequence[PlannedSkill]) -> PlannedTrigger:
    entry, is_test_case = found.value, found.is_test_case
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is no object", help="{prompt, should_trigger}")
    known = _KEYS | _OF_EVALS if is_test_case else _KEYS
    if unknown := sorted(str(key) for key in entry if key not in known):
        way_out = f"known: {', '.join(sorted(known))}"
        raise UsageError(f"{where} has an unknown key {unknown[0]!r}", help=way_out)
    return make_case(
        _skill_of(where, entry, found.skill, skills),
        _prompt_of(where, entry),
        should_trigger=_wish_of(where, entry, is_test_case=is_test_case),
        source="evals" if is_test_case else "file",
        id=_id_of(where, entry),
        fixtures=_fixtures_of(where, entry),
    )


def _prompt_of(where: str, entry: Mapping[str, Any]) -> str:
    prompt = entry.get("prompt", entry.get("query"))
    if not isinstance(prompt, str) or not prompt.strip() or "\0" in prompt:
        raise UsageError(f"{where}: prompt must be a text that says something")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise UsageError(f"{where}: prompt is over {MAX_PROMPT_CHARS:,} characters")
    return prompt


def _wish_of(where: str, entry: Mapping[str, Any], *, is_test_case: bool) -> bool:
    wish = entry.get("should_trigger", entry.get("shouldTrigger", True if is_test_case else None))
    if not isinstance(wish, bool):
        raise UsageError(f"{where}: should_trigger must be true or false")
    return wish


def _id_of(where: str, entry: Mapping[str, Any]) -> str | None:
    name = entry.get("id")
    if name is None:
        return None
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        raise UsageError(f"{where}: id must be a text or a number")
    return str(name)


def _fixtures_of(where: str, entry: Mapping[str, Any]) -> dict[str, str]:
    fixtures = entry.get("fixtures") or {}
    if not isinstance(fixtures, dict) or not all(
        isinstance(name, str) and isinstance(text, str) for name, text in fixtures.items()
    ):
        raise UsageError(f"{where}: fixtures must be texts by path")
    if stray := sorted(name for name in fixtures if escapes(name)):
        raise UsageError(f"{where}: fixture {stray[0]!r} leads out of the work directory")
    return fixtures


def _skill_of(
    where: str, entry: Mapping[str, Any], named: str | None, skills: Sequence[PlannedSkill]
) -> PlannedSkill:
    wanted = next((entry[name] for name in _NAMES if entry.get(name) is not None), named)
    if wanted is None:
        if len(skills) == 1:
            return skills[0]
        known = ", ".join(skill.id for skill in skills) or "none"
        raise UsageError(f"{where} names no skill", help=f"this bench has: {known}")
    found = [skill for skill in skills if wanted in (skill.id, skill.path)]
    if len(found) != 1:
        known = ", ".join(skill.id for skill in skills) or "none"
        said = "names several skills" if found else "names a skill that is not benched"
        raise UsageError(f"{where} {said}: {wanted!r}", help=f"this bench has: {known}")
    return found[0]
