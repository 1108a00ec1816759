"""The skill in a folder as a run delivers it, whether somebody wrote it or the compiler did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from skvm.compiler.builds.variant import is_complete
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

__all__ = ["skill_or_variant"]


def skill_or_variant(path: Path) -> tuple[Skill, bool]:
    """The skill at a path, and whether it is compiled: then it is called what its original is called.

    Raises:
        UsageError: There is no skill, or it cannot be read.
    """
    skill = load_skill(path)
    if skill.root is None or not is_complete(skill.root):
        return skill, False
    told = json.loads((skill.root / "meta.json").read_bytes()).get("provenance")
    original_id = told.get("skillId") if isinstance(told, dict) else None
    return (replace(skill, id=original_id) if isinstance(original_id, str) else skill), True
