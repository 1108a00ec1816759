"""Several skills of one task as one: their bodies one after the other, their bundles side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath

from skvm.errors import UsageError
from skvm.skill.emit import resource_bytes
from skvm.skill.frontend import parse_skill
from skvm.skill.ir import Resource, Skill

__all__ = ["join_skills"]

_RULE = b"\n\n---\n\n"


def join_skills(skills: Sequence[Skill]) -> Skill | None:
    """One skill that says what all of them say; a single one as it is, ``None`` for none.

    It lies in memory: ids joined by ``+``, a front matter made of the others', bodies joined by a rule.

    Raises:
        UsageError: Two bundles have different files at one path, or a bundle file cannot be read.
    """
    if len(skills) <= 1:
        return skills[0] if skills else None
    resources, contents = _bundle(skills)
    return parse_skill(
        _front(skills) + _RULE.join(_body(skill) for skill in skills) + b"\n",
        id="+".join(skill.id for skill in skills),
        resources=resources,
        contents=contents,
    )


def _front(skills: Sequence[Skill]) -> bytes:
    name = "+".join(_plain(skill.name) for skill in skills)
    told = " ".join(f"{_plain(skill.name)}: {_plain(skill.description)}" for skill in skills)
    # A JSON string is a YAML one, as long as nothing in it is invisible.
    fields = (("name", name), ("description", told))
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields]
    return f"---\n{''.join(lines)}---\n\n".encode("utf-8", "replace")


def _plain(text: str) -> str:
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _body(skill: Skill) -> bytes:
    body = skill.source[skill.body.start : skill.body.end].removeprefix(b"\xef\xbb\xbf").strip(b"\r\n")
    open_fences = [fence for fence in skill.fences if not fence.is_closed]
    # A code block without an end would swallow the skills that follow.
    return body + b"\n" + open_fences[-1].marker.encode() if open_fences else body


def _bundle(skills: Sequence[Skill]) -> tuple[tuple[Resource, ...], dict[str, bytes]]:
    """The files of all bundles, each path once.

    Raises:
        UsageError: A path means two things.
    """
    owners: dict[str, tuple[Skill, Resource]] = {}
    for skill in skills:
        for resource in skill.resources:
            owner, known = owners.setdefault(resource.path, (skill, resource))
            if known.digest != resource.digest:
                raise _clash(owner, skill, resource.path)
            if resource.is_executable and not known.is_executable:
                owners[resource.path] = (skill, resource)
    for path, (skill, _) in owners.items():
        for parent in PurePosixPath(path).parents:
            if (holder := owners.get(parent.as_posix())) is not None:
                raise _clash(holder[0], skill, parent.as_posix())
    resources = tuple(owners[path][1] for path in sorted(owners))
    return resources, {path: resource_bytes(owners[path][0], path) for path in sorted(owners)}


def _clash(one: Skill, other: Skill, path: str) -> UsageError:
    return UsageError(
        f"skills {one.id!r} and {other.id!r} both bring {path!r}, and not the same",
        help="a task gives both to one agent: rename the file in one of them, or give the task one skill",
    )
