"""What a skill needs of a target, and what the target is known to hold."""

from __future__ import annotations

from collections.abc import Sequence

import skvm
from skvm.certify.statement import Need, ProfileUsed
from skvm.compiler.builds.build import profile_digest
from skvm.compiler.contract import Requirement
from skvm.compiler.requirements import analyse
from skvm.errors import ConfigError, UsageError
from skvm.harness.contract import HARNESSES
from skvm.harness.programs.catalogue import PROGRAMS
from skvm.harness.programs.find import find_program
from skvm.settings import Settings
from skvm.skill.ir import Skill
from skvm.target.profile import Profile
from skvm.target.store import ProfileStore, StoredProfile

__all__ = ["harness_version", "needs_of", "parse_target", "profile_of", "profile_used"]

DEFAULT_HARNESS = "bare-agent"


def parse_target(text: str) -> tuple[str, str]:
    """Model and harness of ``MODEL`` or ``MODEL@HARNESS``.

    Model ids may hold ``@``: what follows the last one is a harness where it holds no ``/``.

    Raises:
        UsageError: No model is named, or no harness is called that.
    """
    model, at, harness = text.strip().rpartition("@")
    if not at or ("/" in harness and not harness.startswith("acp:")):
        model, harness = text.strip(), DEFAULT_HARNESS
    if not model or not harness:
        raise UsageError(f"{text!r} names no target", help="write MODEL or MODEL@HARNESS")
    HARNESSES.get(harness)  # says what was meant
    return model, harness


def needs_of(skill: Skill, profile: Profile | None) -> tuple[Need, ...]:
    """What a skill needs at most of each primitive, in order of name."""
    found: dict[str, list[Requirement]] = {}
    for needed in analyse(skill).requirements:
        found.setdefault(needed.primitive_id, []).append(needed)
    return tuple(_need(name, found[name], profile) for name in sorted(found))


def _need(name: str, places: Sequence[Requirement], profile: Profile | None) -> Need:
    held = profile.level_of(name) if profile else None
    needed = max(places, key=lambda each: each.level.rank).level
    return Need(
        primitive=name,
        needed=needed.value,
        held=held.value if held is not None else None,
        places=len(places),
    )


def profile_of(settings: Settings, model: str, harness: str) -> StoredProfile | None:
    """The profile that is stored of a target, a partial one too.

    Raises:
        UsageError: Its file is broken.
    """
    store = ProfileStore.of(settings)
    return store.latest(model, harness) or store.partial(model, harness)


def profile_used(stored: StoredProfile) -> ProfileUsed:
    """What a certificate says of a profile."""
    profile = stored.profile
    return ProfileUsed(
        digest=profile_digest(profile),
        skvm_version=profile.skvm_version,
        catalogue=profile.catalogue_digest,
        is_partial=profile.is_partial,
        is_prebuilt=stored.is_prebuilt,
        is_simulated=bool(profile.simulated),
    )


def harness_version(settings: Settings, harness: str) -> str | None:
    """The version of a harness on this machine, as far as its files tell; nothing is started."""
    # Behind ``acp:`` stands a program we know, or a command of which nothing is known.
    is_spoken_to = harness.startswith("acp:")
    entry = next((each for each in PROGRAMS if each.name == harness.removeprefix("acp:")), None)
    if entry is None and is_spoken_to:
        return None
    if entry is None:
        return f"skvm {skvm.__version__}" if HARNESSES.origin(harness) == "skvm" else None
    try:
        found = find_program(entry, settings)
    except ConfigError:
        return None
    return found.version if found else None
