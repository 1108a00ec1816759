"""The guard: no edit stands that breaks what a compile must keep, or that does not do what it was made for.

The edits of a pass are applied together; where that violates a rule the edits at fault are dropped and the
rest is tried again, until what is left violates nothing. Where no edit can be blamed alone the edits are
put back one requirement at a time, in the order given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skvm.compiler.contract import PassResult, Requirement
from skvm.compiler.findings import SKV203
from skvm.compiler.keeping import Loss, find_losses
from skvm.compiler.placing import Places
from skvm.compiler.requirements import Analysis, analyse, requirements_for
from skvm.diagnostics import Diagnostic, Span
from skvm.errors import UsageError
from skvm.skill.edit import Edit, EditConflictError
from skvm.skill.emit import rewrite_skill
from skvm.skill.ir import Skill
from skvm.target.contract import Level
from skvm.target.gap import shortfall
from skvm.target.profile import Profile

__all__ = ["Guarded", "budget_lines", "enforce"]

_SEEN_BY_MODEL = frozenset({"model", "substitute"})
"""Rules whose requirement may be one the static analysis does not see."""


def budget_lines(line_count: int) -> int:
    """Lines a compile may add: twice, once or half the original's, below 100, below 200 and from there on."""
    return 2 * line_count if line_count < 100 else line_count if line_count < 200 else line_count // 2


@dataclass(frozen=True, slots=True)
class Guarded:
    """What is left of a pass's result.

    Args:
        skill: The skill with the accepted edits and files.
        edits: The accepted edits, in the order given; spans in the skill before the pass.
        dropped: The others, each with the rule it broke.
        files: Bundle files added.
        diagnostics: One finding a dropped edit.
    """

    skill: Skill
    edits: tuple[Edit, ...] = ()
    dropped: tuple[tuple[Edit, str], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def enforce(
    skill: Skill,
    result: PassResult,
    *,
    profile: Profile | None = None,
    added_lines: int = 0,
    original_lines: int | None = None,
) -> Guarded:
    """Keep of a pass's edits those that break nothing.

    Args:
        skill: The skill the spans refer to.
        result: What the pass wants.
        profile: The target's; without one requirements are not looked at again.
        added_lines: Lines earlier passes added.
        original_lines: Lines of the skill before the first pass; this skill's if ``None``.
    """
    lines = skill.source.count(b"\n") + 1 if original_lines is None else original_lines
    court = _Court(skill, result, profile, budget_lines(lines) - added_lines)
    standing = list(range(len(result.edits)))
    dropped: dict[int, str] = {}
    while violations := court.violations(standing):
        blamed = {index: found.message for found in reversed(violations) for index in found.culprits}
        if not blamed:
            standing, rejected = court.one_by_one(standing)
            dropped |= rejected
            break
        dropped |= blamed
        standing = [index for index in standing if index not in blamed]
    edits = tuple(result.edits[index] for index in standing)
    files = court.files_for(edits)
    made = court.made(edits, files)
    lost = tuple((result.edits[index], dropped[index]) for index in sorted(dropped))
    findings = tuple(
        SKV203.at(
            f"{edit.primitive_id or edit.rule or 'edit'} ({edit.rule or 'no rule'}): {message}",
            path=skill.root / "SKILL.md" if skill.root else "SKILL.md",
            span=edit.span,
            source=skill.source,
        )
        for edit, message in lost
    )
    return Guarded(made, edits, lost, files, findings)


class _Court:
    """The skill before, read once, against which every selection of edits is judged."""

    def __init__(self, skill: Skill, result: PassResult, profile: Profile | None, budget: int) -> None:
        self.skill = skill
        self.result = result
        self.profile = profile
        self.budget = max(0, budget)
        self.analysis: Analysis = analyse(skill) if profile and result.edits else Analysis((), ())
        self._made: tuple[tuple[Edit, ...], frozenset[str], Skill] = ((), frozenset(), skill)

    def made(self, edits: Sequence[Edit], files: Mapping[str, bytes]) -> Skill:
        """The skill with some edits and files; what was asked for last is remembered.

        Raises:
            EditConflictError: The edits overlap or lie outside.
            UsageError: A file cannot lie in a bundle.
        """
        known_edits, known_files, skill = self._made
        if known_edits != tuple(edits) or known_files != frozenset(files):
            skill = rewrite_skill(self.skill, edits, files)
            self._made = (tuple(edits), frozenset(files), skill)
        return skill

    def files_for(self, edits: Sequence[Edit]) -> dict[str, bytes]:
        """The pass's files, without those only dropped edits speak of."""
        text = "\n".join(_speaks(edit) for edit in edits)
        proposed = "\n".join(_speaks(edit) for edit in self.result.edits)
        return {
            path: data
            for path, data in sorted(self.result.files.items())
            if path in text or path not in proposed
        }

    def one_by_one(self, standing: Sequence[int]) -> tuple[list[int], dict[int, str]]:
        """Put edits back, those of one requirement together, as long as nothing is violated."""
        groups: dict[object, list[int]] = {}
        for index in standing:
            edit = self.result.edits[index]
            key = (edit.primitive_id, edit.requirement) if edit.requirement else index
            groups.setdefault(key, []).append(index)
        kept: list[int] = []
        dropped: dict[int, str] = {}
        for members in groups.values():
            violations = self.violations(sorted(kept + members))
            if violations:
                dropped |= dict.fromkeys(members, violations[0].message)
            else:
                kept = sorted(kept + members)
        return kept, dropped

    def violations(self, standing: Sequence[int]) -> list[Loss]:
        """What a selection of edits breaks."""
        edits = {index: self.result.edits[index] for index in standing}
        files = self.files_for(list(edits.values()))
        if not edits and not files:
            return []
        known = {resource.path for resource in self.skill.resources}
        if taken := sorted(known & set(files)):
            blamed = frozenset(
                index for index, edit in edits.items() if any(path in _speaks(edit) for path in taken)
            )
            return [Loss(f"the bundle already has {taken[0]}", blamed)] if blamed else []
        if conflict := _conflict(edits, len(self.skill.source)):
            return [conflict]
        try:
            made = self.made(list(edits.values()), files)
        except (EditConflictError, UsageError) as error:
            return [Loss(str(error))]
        return (
            self._over_budget(edits)
            or find_losses(self.skill, made, edits, files)
            or self._lowered(made, edits)
        )

    def _over_budget(self, edits: Mapping[int, Edit]) -> list[Loss]:
        total = 0
        for index, edit in edits.items():
            replaced = self.skill.source[edit.span.start : edit.span.end].count(b"\n")
            total += max(0, edit.new_text.count("\n") - replaced)
            if total > self.budget:
                return [Loss(f"more than {self.budget} lines would be added", frozenset({index}))]
        return []

    def _lowered(self, made: Skill, edits: Mapping[int, Edit]) -> list[Loss]:
        """Whether every requirement an edit was made for is lower now, and no new gap was made."""
        if self.profile is None:
            return []
        after = requirements_for(made, self._measured(edits))
        places = Places(list(edits.values()))
        found: list[Loss] = []
        groups: dict[tuple[str, Span], list[int]] = {}
        claimed: dict[tuple[str, Span], int] = {}
        for index, edit in edits.items():
            lowered = [(edit.primitive_id, edit.requirement)] if edit.requirement is not None else []
            for primitive_id, place in (*lowered, *edit.answers):
                groups.setdefault((primitive_id, place), []).append(index)
                is_own = place == edit.requirement and primitive_id == edit.primitive_id
                rank = int(edit.from_level[1:] or 1) if is_own else 1
                claimed[primitive_id, place] = max(rank, claimed.get((primitive_id, place), 0))
        for (primitive_id, span), members in groups.items():
            was = _highest(self.analysis, primitive_id, span)
            if was < claimed[primitive_id, span] and all(
                edits[index].rule in _SEEN_BY_MODEL for index in members
            ):
                # Only the compiler model sees this requirement; reading again can say nothing of it.
                continue
            now = _highest_of(after, primitive_id, places.after(span))
            if now >= was:
                message = f"{primitive_id} would still need L{now} there"
                found.append(Loss(message, frozenset(members)))
        for index, edit in edits.items():
            region = places.after(edit.span)
            for needed in after:
                lacks = shortfall(self.profile, needed.primitive_id, needed.level) is not None
                if lacks and needed.span.overlaps(region) and not self._needed_before(needed, edit):
                    message = f"it would need {needed.primitive_id} {needed.level}, which the target lacks"
                    found.append(Loss(message, frozenset({index})))
        return found

    def _measured(self, edits: Mapping[int, Edit]) -> set[str]:
        """The primitives worth looking for again: what an edit speaks of, and what could be a gap."""
        held = self.profile.capabilities if self.profile else {}
        spoken = {name for edit in edits.values() for name, _ in edit.answers}
        spoken |= {edit.primitive_id for edit in edits.values()}
        return spoken | {name for name, level in held.items() if level is not Level.L3}

    def _needed_before(self, needed: Requirement, edit: Edit) -> bool:
        if _runs_a_program(edit) and needed.primitive_id == "follow.delegation" and needed.level is Level.L1:
            # Running what is given asks no more than running what one wrote or was told of.
            return True
        near = Span(max(0, edit.span.start - 1), edit.span.end + 1)
        places = [near, *(place for _, place in edit.answers)]
        places += [] if edit.requirement is None else [edit.requirement]
        return any(
            _highest(self.analysis, needed.primitive_id, place) >= needed.level.rank for place in places
        )


def _runs_a_program(edit: Edit) -> bool:
    """Whether the place had a program written or run before the edit."""
    return edit.primitive_id == "tool.exec" or edit.primitive_id.startswith("gen.code.")


def _conflict(edits: Mapping[int, Edit], size: int) -> Loss | None:
    """The later one of two edits that claim the same bytes."""
    taken: list[Span] = []
    for index, edit in edits.items():
        if edit.span.end > size:
            return Loss("it lies outside the skill", frozenset({index}))
        inside = any(
            span.overlaps(edit.span)
            or span.start < edit.span.start < span.end
            or edit.span.start < span.start < edit.span.end
            for span in taken
        )
        if inside:
            return Loss("another edit changes the same place", frozenset({index}))
        taken.append(edit.span)
    return None


def _speaks(edit: Edit) -> str:
    """An edit's text and the files it needs besides."""
    return "\n".join((edit.new_text, *edit.files))


def _highest(analysis: Analysis, primitive_id: str, span: Span) -> int:
    """The highest level of a primitive needed anywhere in a span; 0 for none."""
    return _highest_of(analysis.requirements, primitive_id, span)


def _highest_of(requirements: Sequence[Requirement], primitive_id: str, span: Span) -> int:
    return max(
        (
            needed.level.rank
            for needed in requirements
            if needed.primitive_id == primitive_id and needed.span.overlaps(span)
        ),
        default=0,
    )
