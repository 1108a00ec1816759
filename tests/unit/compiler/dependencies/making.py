"""Skills made in memory."""

from __future__ import annotations

from skvm.skill.emit import rewrite_skill
from skvm.skill.frontend import parse_skill
from skvm.skill.ir import Skill


def skill_of(text: str, **files: str) -> Skill:
    """A skill called ``demo``; keywords are bundle files, ``__`` for a slash and ``_DOT_`` for a dot."""
    skill = parse_skill(text.encode(), id="demo")
    named = {name.replace("__", "/").replace("_DOT_", "."): data.encode() for name, data in files.items()}
    return rewrite_skill(skill, files=named)
