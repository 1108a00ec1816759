"""The calculator a variant carries for a target that cannot be trusted with arithmetic or tests of rows."""

from __future__ import annotations

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.ladder import Ground
from skvm.skill.emit import resource_bytes

__all__ = ["calculator_bytes", "calculator_path"]

_PATH = "scripts/calc.py"


def calculator_bytes() -> bytes:
    """The script, as it is put into a bundle."""
    return shipped("calc.py")


def calculator_path(ground: Ground) -> str:
    """Where it lies in the bundle; another place where the skill has a different file of that name."""
    skill = ground.reading.prose.skill
    if (
        any(found.path == _PATH for found in skill.resources)
        and resource_bytes(skill, _PATH) == calculator_bytes()
    ):
        return _PATH
    return ground.free_path(_PATH)
