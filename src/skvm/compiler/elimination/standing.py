"""Whether the target stands so far above a passage that the passage need not be before its eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.compiler.contract import Requirement
from skvm.diagnostics import Span
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level
from skvm.target.profile import Profile

__all__ = ["Standing", "can_read_on_demand"]

_ON_DEMAND = {"tool.file.read": Level.L2, "follow.procedure": Level.L2}
_SHOWN_BY = {
    "python": "gen.code.python", "py": "gen.code.python",
    "bash": "gen.code.shell", "sh": "gen.code.shell", "shell": "gen.code.shell", "zsh": "gen.code.shell",
    "javascript": "gen.code.javascript", "js": "gen.code.javascript", "jsx": "gen.code.javascript",
    "typescript": "gen.code.javascript", "ts": "gen.code.javascript", "tsx": "gen.code.javascript",
    "sql": "gen.code.sql", "html": "gen.code.html", "css": "gen.code.html", "regex": "gen.regex",
    "json": "gen.text.structured", "yaml": "gen.text.structured", "yml": "gen.text.structured",
    "toml": "gen.text.structured", "xml": "gen.text.structured", "csv": "gen.text.structured",
}  # fmt: skip


def can_read_on_demand(profile: Profile) -> bool:
    """Whether the target is measured to open a file when a text tells it to; else nothing may be moved."""
    return all(
        (held := profile.level_of(name)) is not None and held.rank >= level.rank
        for name, level in _ON_DEMAND.items()
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """The target before the requirements of one skill.

    Args:
        profile: The target's.
        requirements: All of the skill, in order of place.
    """

    profile: Profile
    requirements: Sequence[Requirement]

    def above(self, span: Span, fences: Sequence[CodeFence]) -> Mapping[str, Level] | None:
        """What the target holds of everything a passage is for.

        A listing helps those who could write it at L2 with help; so does any requirement at its own level.

        Returns:
            Level by primitive; ``None`` where one is unmeasured or held without a level to spare.
        """
        asked: dict[str, int] = {}
        for fence in fences:
            if fence.language in _SHOWN_BY:
                asked[_SHOWN_BY[fence.language]] = Level.L2.rank
        for needed in self.requirements:
            if needed.span.overlaps(span):
                rank = max(asked.get(needed.primitive_id, 0), needed.level.rank)
                asked[needed.primitive_id] = rank
        held: dict[str, Level] = {}
        for primitive_id, rank in sorted(asked.items()):
            level = self.profile.level_of(primitive_id)
            if level is None or level.rank <= rank:
                return None
            held[primitive_id] = level
        for name in _ON_DEMAND:
            level = self.profile.level_of(name)
            if level is not None:
                held.setdefault(name, level)
        return held
