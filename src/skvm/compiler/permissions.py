"""The permissions a skill needs, from what its text and its scripts touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skvm.compiler.builds.variant import json_bytes
from skvm.compiler.effects.analysis import effects_of
from skvm.compiler.effects.model import ANYTHING, Evidence
from skvm.harness.permissions import PERMISSIONS_FILE, Permission, Permissions, Source
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill

__all__ = ["permission_records", "permissions_of"]

_MAX_EVIDENCE = 3


def permissions_of(skill: Skill) -> Permissions:
    """What a skill reads, writes, runs and reaches; what cannot be understood is listed as unknown."""
    read: dict[str, list[Source]] = {}
    write: dict[str, list[Source]] = {}
    commands: dict[str, list[Source]] = {}
    hosts: dict[str, list[Source]] = {}
    unknown: dict[str, list[Source]] = {}
    for seen in effects_of(skill).evidence:
        source = Source(path=seen.path, start=seen.span.start, end=seen.span.end, quote=seen.quote)
        effects = seen.effects
        _note(read, _paths(effects.reads), source)
        _note(write, _paths(effects.writes), source)
        _note(commands, effects.calls, source)
        _note(hosts, effects.hosts, source)
        if effects.is_open:
            _note(unknown, _unknown(seen), source)
    network = "none" if not hosts else "any" if ANYTHING in hosts else "listed"
    return Permissions(
        skill=skill.name,
        skillDigest=skill_digest(skill),
        read=_listed(read),
        write=_listed(write),
        commands=_listed(commands),
        hosts=_listed(hosts),
        network=network,  # type: ignore[arg-type]
        unknown=_listed(unknown),
    )


def permission_records(skill: Skill) -> dict[str, bytes]:
    """The record of a variant: ``permissions.json``."""
    record = permissions_of(skill).model_dump(mode="json", by_alias=True)
    return {PERMISSIONS_FILE: json_bytes(record)}


def _paths(names: Iterable[str]) -> list[str]:
    """Files among the names of what is touched; other things carry a scheme."""
    return [name for name in names if ":" not in name]


def _unknown(seen: Evidence) -> tuple[str, ...]:
    return seen.effects.calls or (seen.path,)


def _note(into: dict[str, list[Source]], names: Iterable[str], source: Source) -> None:
    for name in names:
        if any(char < " " or char == "\x7f" for char in name):
            # Several lines that were read as one name: no file, program or host is called that.
            continue
        sources = into.setdefault(name, [])
        if len(sources) < _MAX_EVIDENCE and source not in sources:
            sources.append(source)


def _listed(found: Mapping[str, list[Source]]) -> tuple[Permission, ...]:
    return tuple(Permission(name=name, evidence=tuple(found[name])) for name in sorted(found))
