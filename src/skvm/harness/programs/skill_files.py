"""A skill as the folder that programs discover it in."""

from __future__ import annotations

import json

from skvm.harness.contract import SkillDelivery
from skvm.harness.delivery import safe_name
from skvm.harness.programs.contract import Setting

__all__ = ["skill_file", "skill_folder"]


def skill_folder(setting: Setting, parent: str) -> dict[str, bytes]:
    """The files of a run's skill: ``SKILL.md`` and its bundle beside it.

    Args:
        setting: The run; it has a skill.
        parent: The folder of all skills, relative to wherever the files are written.
    """
    if setting.skill is None:
        return {}
    folder = f"{parent}/{safe_name(setting.skill.name)}"
    files = {f"{folder}/{path}": data for path, data in setting.bundle.items()}
    return {**files, f"{folder}/SKILL.md": skill_file(setting.skill)}


def skill_file(skill: SkillDelivery) -> bytes:
    """``SKILL.md`` with a fresh frontmatter: the name fits its folder, and every text is quoted."""
    description = " ".join(skill.description.split()) or "no description"
    # A JSON string is a YAML string, whatever it holds.
    quoted = json.dumps(description, ensure_ascii=False)
    head = f"---\nname: {safe_name(skill.name)}\ndescription: {quoted}\n---\n\n"
    return f"{head}{skill.content.strip()}\n".encode("utf-8", "replace")
