"""What conditions share: the environment, the permissions and the words of a skill's delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from skvm.bench.contract import Loadout, Situation, Unavailable
from skvm.errors import FindingsError, SkvmError, UsageError
from skvm.harness.contract import SkillMode
from skvm.harness.environment.bind import Bound
from skvm.harness.environment.required import bound_environment
from skvm.harness.permissions import Permission, Permissions, load_permissions
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from skvm.skill.join import join_skills

__all__ = ["deliver", "refused"]

_NETWORK = ("none", "listed", "any")


def refused(error: SkvmError) -> Unavailable:
    """A condition that cannot run because of an error that concerns it alone."""
    return Unavailable(error.message, error.help)


def deliver(
    situation: Situation,
    skills: Sequence[Skill],
    folders: Sequence[Path],
    *,
    is_compiled: bool,
    what: str,
    provenance: Mapping[str, str],
) -> Loadout | Unavailable:
    """What runs get of skills that are ready.

    Args:
        situation: For whom.
        skills: What is delivered; several are joined.
        folders: Where their environments and permissions are described.
        is_compiled: Whether those are ours: then the runs are told what the skills may touch.
        what: One line on what was done.
        provenance: What went in and came out so far.
    """
    if not skills:
        return Unavailable("the task has no skill")
    try:
        joined = join_skills(skills)
        environment = _environment(situation, folders)
        permissions = _permissions(folders) if is_compiled else None
    except (FindingsError, UsageError) as error:
        return refused(error)
    key = "variant" if is_compiled else "skill"
    digests = {key: skill_digest(joined)} if joined is not None else {}
    if environment is not None:
        digests["environment"] = environment.record.manifest
    return Loadout(
        skill=joined,
        skill_mode=SkillMode(situation.plan.skill_mode),
        environment=environment,
        permissions=permissions,
        what=f"{what}, with its environment" if environment is not None else what,
        provenance={**digests, **provenance},
    )


def _environment(situation: Situation, folders: Sequence[Path]) -> Bound | None:
    """The one environment of all folders; agents find one Python first, so there cannot be two.

    Raises:
        FindingsError: Something required is not there, or two folders have each their own.
        UsageError: A manifest cannot be read.
    """
    settings, allow_missing = situation.bench.settings, situation.plan.allow_missing
    found: dict[Path, tuple[Path, Bound]] = {}
    for folder in folders:
        bound = bound_environment(settings, folder, allow_missing=allow_missing)
        if bound is not None:
            found.setdefault(bound.folder, (folder, bound))
    if len(found) > 1:
        named = " and ".join(str(folder) for folder, _ in found.values())
        raise FindingsError(
            f"{named} have each an environment of their own, and a run has one",
            help="bench their tasks apart, or unbind them with skvm env rm",
        )
    return next((bound for _, bound in found.values()), None)


def _permissions(folders: Sequence[Path]) -> Permissions | None:
    """What several skills may touch together; ``None`` where one of them has no record.

    Raises:
        UsageError: A record cannot be read.
    """
    records = [load_permissions(folder) for folder in folders]
    known = [record for record in records if record is not None]
    if not known or len(known) < len(records):
        return None
    if len(known) == 1:
        return known[0]

    def every(field: str) -> tuple[Permission, ...]:
        named = {item.name: item for record in reversed(known) for item in getattr(record, field)}
        return tuple(named[name] for name in sorted(named))

    return Permissions(
        skill="+".join(record.skill for record in known),
        read=every("read"),
        write=every("write"),
        commands=every("commands"),
        hosts=every("hosts"),
        network=max((record.network for record in known), key=_NETWORK.index),
        unknown=every("unknown"),
    )
