"""What is let into a compile: a readable skill that is no variant, and a profile of its target."""

from __future__ import annotations

from skvm.compiler.builds.faults import SKV280, SKV281
from skvm.compiler.builds.variant import RESERVED
from skvm.compiler.findings import SKV204
from skvm.compiler.requirements import analyse
from skvm.diagnostics import Diagnostic
from skvm.errors import FindingsError
from skvm.skill.ir import Skill
from skvm.target.gap import is_measured
from skvm.target.profile import Profile

__all__ = ["admit_partial", "admit_skill", "admit_target"]


def admit_target(profile: Profile, model: str, harness: str) -> None:
    """The profile must be this target's; the provider segment may differ, the model may not.

    Raises:
        FindingsError: It is another one's.
    """
    same_model = (
        profile.model == model or profile.model.endswith(f"/{model}") or model.endswith(f"/{profile.model}")
    )
    if profile.harness != harness or not same_model:
        raise FindingsError(
            f"{SKV280.code}: the profile is of {profile.model} in {profile.harness}, "
            f"not of {model} in {harness}",
            help=f"skvm profile --model={model} --adapter={harness}",
        )


def admit_skill(skill: Skill) -> None:
    """A skill that is not text, or already a variant of ours, is not compiled.

    Raises:
        FindingsError: It is one of these.
    """
    if not skill.source.strip() or b"\0" in skill.source:
        what = "empty" if not skill.source.strip() else "binary"
        raise FindingsError(
            f"{SKV281.code}: skill {skill.id!r}: SKILL.md is {what}",
            help="skvm lint shows what is wrong with it",
        )
    if frozenset(found.path for found in skill.resources) >= RESERVED:
        raise FindingsError(
            f"{SKV281.code}: skill {skill.id!r} is a compiled variant already",
            help="compile the original skill",
        )


def admit_partial(skill: Skill, profile: Profile) -> tuple[Diagnostic, ...]:
    """A partial profile will do where it holds all the skill needs.

    Raises:
        FindingsError: It lacks something the skill needs.
    """
    if not profile.is_partial:
        return ()
    needed = {found.primitive_id for found in analyse(skill).requirements}
    lacking = sorted(primitive_id for primitive_id in needed if not is_measured(profile, primitive_id))
    target = f"--model={profile.model} --adapter={profile.harness}"
    if lacking:
        raise FindingsError(
            f"{SKV204.code}: the profile of {profile.model} in {profile.harness} is partial and lacks "
            f"{', '.join(lacking)}, which skill {skill.id!r} needs",
            help=f"skvm profile {target} --primitives={','.join(lacking)}",
        )
    return (
        SKV204.at(
            f"the profile of {profile.model} in {profile.harness} is partial", help=f"skvm profile {target}"
        ),
    )
