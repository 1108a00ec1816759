"""What an analysis of a skill depends on, so that the last few can be remembered."""

from __future__ import annotations

from dataclasses import dataclass, field

from skvm.skill.ir import Resource, Skill

__all__ = ["SkillKey", "key_of"]


@dataclass(frozen=True, slots=True)
class SkillKey:
    """Identity, text and bundle of a skill; the skill itself is only carried along."""

    id: str
    source: bytes
    resources: tuple[Resource, ...]
    skill: Skill = field(compare=False)


def key_of(skill: Skill) -> SkillKey:
    """The key of a skill."""
    return SkillKey(skill.id, skill.source, skill.resources, skill)
