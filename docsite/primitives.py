"""The reference of primitives, from their declarations."""

from __future__ import annotations

from docsite.words import table
from skvm.target.contract import PRIMITIVES, Primitive

__all__ = ["page"]

_CATEGORIES = {
    "gen": "Generate",
    "reason": "Reason",
    "tool": "Use tools",
    "follow": "Follow instructions",
}
_OWN = "skvm"

_HEAD = """# Primitives

A primitive is one capability that a model in a harness may have. It has three levels; each claims
something that probes measure. A profile says which level a target holds, and the compiler matches what a
skill needs against it. `skvm primitives show ID --level L1` shows a probe. [Add
one](../guides/add-a-primitive.md) where a skill needs what none of these measures.

"""


def page() -> str:
    """Every primitive that comes with the package, with its claims."""
    every = [each for each in PRIMITIVES.all() if type(each) is Primitive and _is_own(each)]
    rows = [(f"[`{each.id}`](#{_anchor(each)})", each.description) for each in every]
    parts = [_HEAD + table(("primitive", "measures"), rows)]
    for key, title in _CATEGORIES.items():
        own = [each for each in every if each.id.split(".")[0] == key]
        parts.append(f"## {title}\n")
        parts += [_section(each) for each in own]
    return "\n".join(parts)


def _is_own(primitive: Primitive) -> bool:
    return any(spec.generate.__module__.startswith("skvm.") for spec in primitive.levels.values())


def _anchor(primitive: Primitive) -> str:
    return primitive.id.replace(".", "-")


def _section(primitive: Primitive) -> str:
    rows = [(level.value, spec.claim) for level, spec in primitive.levels.items()]
    needs = ", ".join(sorted(facility.value for facility in primitive.needs)) or "nothing of the harness"
    programs = ", ".join(f"`{name}`" for name in sorted(primitive.commands)) or "none"
    return (
        f"### {primitive.id} {{ #{_anchor(primitive)} }}\n\n{primitive.description}\n\n"
        + table(("level", "claim"), rows)
        + f"\nNeeds: {needs}. Programs: {programs}. Revision {primitive.revision}.\n\n"
        + f"Where a skill needs more than a target holds: from L3 to L2, "
        f"*{primitive.degradations.l3_to_l2}* From L2 to L1, *{primitive.degradations.l2_to_l1}*\n"
    )
