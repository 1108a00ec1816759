"""Dependencies a person decided against."""

from __future__ import annotations

from skvm.compiler.contract import CompileOptions
from skvm.compiler.dependencies.extract import extract_manifest
from skvm.harness.environment.manifest import Dependency
from skvm.skill.ir import Skill

__all__ = ["refused_dependencies"]


def refused_dependencies(skill: Skill, options: CompileOptions) -> tuple[Dependency, ...]:
    """What a skill needs and may not be given, in the order of its manifest.

    Args:
        skill: The skill.
        options: ``refused`` names them, as ``type:name``.
    """
    if not options.refused:
        return ()
    return tuple(entry for entry in extract_manifest(skill, options.refused).entries if entry.refused)
