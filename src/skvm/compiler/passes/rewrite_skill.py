"""Pass 1: rewrite the places of a skill that need more than the target holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skvm.compiler.carried.assembly import assemble
from skvm.compiler.contract import Gap, PassContext, PassResult, compiler_pass
from skvm.compiler.elimination.eliminate import eliminate
from skvm.compiler.findings import SKV201, SKV206
from skvm.compiler.gaps import find_gaps, gap_record, unmeasured
from skvm.compiler.ladder import LADDERS, Ground
from skvm.compiler.requirements import Analysis, analyse, read, scr_of
from skvm.compiler.substitution import substitute
from skvm.diagnostics import Diagnostic
from skvm.errors import UsageError
from skvm.skill.edit import Edit
from skvm.skill.ir import Skill
from skvm.target.contract import Level

__all__ = ["RewriteSkill"]


@compiler_pass(
    "rewrite-skill", number=1, needs_profile=True, produces=("scr", "gaps", "elimination"), version=2
)
@dataclass(frozen=True, slots=True)
class RewriteSkill:
    """Requirements minus profile gives gaps; each ladder lowers the gaps of its primitive by edits."""

    async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
        """Propose edits, the worst gaps first; the guard decides which of them stand.

        Raises:
            UsageError: The context holds no profile.
        """
        if ctx.profile is None:
            raise UsageError("pass rewrite-skill needs a profile")
        analysis, notes = await _analysed(skill, ctx)
        gaps = find_gaps(analysis.requirements, ctx.profile)
        ground = Ground(read(skill), ctx.profile)
        # A path that is not taken needs nothing lowered any more.
        settled = substitute(skill, analysis.choices, gaps, ctx.profile, ctx.options)
        standing = [gap for gap in gaps if gap not in settled.closed]
        # What one command can do together must not be handed out command by command first.
        assembly = assemble([gap for gap in standing if not gap.requirement.by_model], ground)
        edits: list[Edit] = [*settled.edits, *assembly.edits]
        files: dict[str, bytes] = dict(assembly.files)
        left = [gap for gap in standing if gap not in assembly.closed]
        for primitive_id, members in _by_primitive([g for g in left if not g.requirement.by_model]).items():
            lowering = LADDERS.get(primitive_id).lower(members, ground)
            edits += lowering.edits
            files |= lowering.files
        edits = _without_twins(edits)
        if ctx.counsel is not None and (untouched := _untouched(left, edits)):
            from skvm.compiler.asking.edits import ask_edits

            worst_first = [gap for members in _by_primitive(untouched).values() for gap in members]
            proposed_by_model = await ask_edits(skill, worst_first, ctx.profile, ctx.counsel)
            edits += proposed_by_model.edits
            notes += proposed_by_model.diagnostics
        artifacts = {"scr": scr_of(skill, analysis), "gaps": [gap_record(gap) for gap in gaps]}
        leaving = (
            eliminate(ground.reading.prose, analysis, ctx.profile, gaps=gaps, edits=edits)
            if ctx.options.eliminate
            else None
        )
        return PassResult(
            edits=(*edits, *(leaving.edits if leaving else ())),
            files={**files, **(leaving.files if leaving else {})},
            artifacts=artifacts,
            # What the guard puts back has not left.
            settled=(lambda standing: {"elimination": leaving.account(standing)}) if leaving else None,
            diagnostics=(
                *unmeasured(analysis.requirements, ctx.profile),
                *notes,
                *_open(skill, left, edits, ground),
            ),
        )


async def _analysed(skill: Skill, ctx: PassContext) -> tuple[Analysis, list[Diagnostic]]:
    """What the skill needs: read statically and, where there is a model to ask, by it as well."""
    if ctx.counsel is None:
        return analyse(skill), []
    from skvm.compiler.asking.requirements import ask_needs

    added = await ask_needs(skill, analyse(skill), ctx.counsel)
    return added.analysis, list(added.diagnostics)


def _untouched(gaps: Sequence[Gap], edits: Sequence[Edit]) -> list[Gap]:
    """The gaps no edit is made for."""
    touched = [edit.requirement for edit in edits if edit.requirement]
    return [gap for gap in gaps if not any(span.contains(gap.requirement.span) for span in touched)]


def _by_primitive(gaps: Sequence[Gap]) -> Mapping[str, list[Gap]]:
    """Gaps by primitive: missing before weak, larger shortfalls first, then by name."""
    grouped: dict[str, list[Gap]] = {}
    for gap in gaps:
        grouped.setdefault(gap.requirement.primitive_id, []).append(gap)

    def urgency(primitive_id: str) -> tuple[int, int, str]:
        members = grouped[primitive_id]
        worst = max(gap.requirement.level.rank - gap.target_level.rank for gap in members)
        return (members[0].target_level.rank > 0, -worst, primitive_id)

    return {primitive_id: grouped[primitive_id] for primitive_id in sorted(grouped, key=urgency)}


def _without_twins(edits: Sequence[Edit]) -> list[Edit]:
    """Drop edits that put the same words at the same place for another primitive."""
    kept: dict[tuple[int, int, str], Edit] = {}
    for edit in edits:
        kept.setdefault((edit.span.start, edit.span.end, edit.new_text), edit)
    return list(kept.values())


def _open(skill: Skill, gaps: Sequence[Gap], edits: Sequence[Edit], ground: Ground) -> list[Diagnostic]:
    """One finding for every primitive with gaps no rule fits, at the first such place."""
    found: list[Diagnostic] = []
    path = skill.root / "SKILL.md" if skill.root else "SKILL.md"
    for primitive_id, members in _by_primitive(gaps).items():
        left = _untouched(members, edits)
        if not left:
            continue
        places = f"{len(left)} place{'s' if len(left) > 1 else ''}"
        if _only_by_command(primitive_id, left, ground):
            rule, why = SKV206, "commands would be the way, but it holds tool.exec L0"
        else:
            rule, why = SKV201, "no ladder rule fits"
        found.append(
            rule.at(
                f"{primitive_id}: needs {left[0].requirement.level}, "
                f"the target holds {left[0].target_level}; {why} ({places})",
                path=path,
                span=left[0].requirement.span,
                source=skill.source,
            )
        )
    return found


def _only_by_command(primitive_id: str, gaps: Sequence[Gap], ground: Ground) -> bool:
    """Whether the ladder would have a move for one of these gaps if the target could run commands."""
    ladder = LADDERS.get(primitive_id)
    if not ladder.by_command or ground.holds("tool.exec"):
        return False
    static = [gap for gap in gaps if not gap.requirement.by_model]
    able = {**ground.profile.capabilities, "tool.exec": Level.L1}
    profile = ground.profile.model_copy(update={"capabilities": able})
    return bool(static) and bool(ladder.lower(static, Ground(ground.reading, profile)).edits)
