"""From runs to candidates: what varies becomes a parameter, what held becomes a condition.

A candidate is made from as few runs as show everything it says; the others are left for its proof. It is
no more general than the runs: a value that was the same each time stays fixed, wording and all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.closing import closing_for, is_over_after, says_nothing_new
from skvm.runtime.boost.compiling.conditions import Conditions, NoStepError, Step, conditions_of, misfit
from skvm.runtime.boost.compiling.drafts import drafts_of
from skvm.runtime.boost.compiling.from_skill import candidates_of, unbound
from skvm.runtime.boost.compiling.naming import keywords_of, purpose_id
from skvm.runtime.boost.compiling.parameters import Plan, plan_of
from skvm.runtime.boost.compiling.slots import UnfillableError
from skvm.runtime.boost.compiling.soundness import refuse_unsound
from skvm.runtime.boost.compiling.views import View, view_of
from skvm.runtime.boost.compiling.witnesses import widened
from skvm.runtime.boost.compiling.wordings import best_told, wording_of
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate, Origin, Template

if TYPE_CHECKING:
    from skvm.runtime.boost.watching import WatchedRun
    from skvm.skill.ir import Skill

__all__ = ["MAX_CANDIDATES", "Compiled", "compile_candidates"]

_NONE = (NoStepError, UnfillableError)
MAX_CANDIDATES = 24
"""Candidates of one compile; those that more runs show come first."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of a compile.

    Args:
        candidates: Each for prompts no other one answers, those shown by most runs first; then what of the
            skill itself no run has used, without skeletons.
        findings: Why other things the runs did are no candidates, one line each.
    """

    candidates: tuple[Candidate, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Shelf:
    """What was compiled so far, and from what."""

    runs: Sequence[WatchedRun]
    words: str
    candidates: list[Candidate] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def compile_candidates(runs: Sequence[WatchedRun], *, skill: Skill | None = None) -> Compiled:
    """Compile what some runs of a skill did into candidates.

    Args:
        runs: Watched runs of one skill, oldest first; those without a good score, or that a template answered
            in part, are passed over.
        skill: The skill, for what its own scripts and fences hold.
    """
    usable = [run for run in runs if run.is_success and not run.boosted_turns]
    shelf = _Shelf(usable, skill.text() if skill is not None else "")
    for draft in drafts_of(usable) if usable else ():
        pending = view_of(draft, shelf.findings)
        for view in _wordings(pending) if pending is not None else ():
            _take(shelf, view)
    candidates = tuple(shelf.candidates[:MAX_CANDIDATES])
    if skill is not None:
        from_skill, more = candidates_of(skill)
        candidates += unbound(from_skill, candidates)
        shelf.findings += more
    return Compiled(candidates, tuple(dict.fromkeys(shelf.findings)))


def _take(shelf: _Shelf, view: View) -> None:
    """Compile what a view shows, if no candidate answers its prompts yet."""
    matcher = Matcher(tuple(shelf.candidates))
    if all(matcher.match(member.run.prompt) for member in view.members):
        return
    # Code of one wording alone: perhaps other runs' prompts show what of it can be another value.
    for wider in (_widened(view, shelf), view):
        if wider is None:
            continue
        try:
            candidate = _robust(wider, shelf.words)
        except _NONE as reason:
            shelf.findings.append(f"{view.run_ids[0]}: no candidate: {reason}")
            continue
        if candidate.skeletons[0].texts not in {each.skeletons[0].texts for each in shelf.candidates}:
            shelf.candidates.append(candidate)
        return
    # What cannot be said of all may still be said of each.
    prompts = dict.fromkeys(view.prompts)
    for prompt in prompts if len(prompts) > 1 else ():
        alone = view.part([at for at, each in enumerate(view.prompts) if each == prompt])
        if alone is not None:
            _take(shelf, alone)


def _widened(view: View, shelf: _Shelf) -> View | None:
    """The view with such runs of other code added as do what it does."""
    wide = widened(view, shelf.runs)
    if wide is None:
        return None
    good = [at for at in range(1, len(wide.members)) if _works(wide.part([0, at]), shelf.words)]
    return wide.part([0, *good]) if good else None


def _works(view: View | None, words: str) -> bool:
    try:
        return view is not None and bool(_candidate(view, words).template.params)
    except _NONE:
        return False


def _robust(view: View, words: str) -> Candidate:
    """The candidate of a view, or of all but one of its runs: one that went astray must not spoil the others.

    Raises:
        NoStepError: There is none.
        UnfillableError: A parameter cannot stand where the code has a constant.
    """
    try:
        return _candidate(view, words)
    except _NONE:
        for left_out in range(len(view.members) - 1, 0, -1) if len(view.members) > 2 else ():
            rest = [index for index in range(len(view.members)) if index != left_out]
            smaller = _narrowed(view.part(rest))
            if smaller is None or len(smaller.members) < len(rest):
                continue
            try:
                return _candidate(smaller, words)
            except _NONE:
                continue
        raise


def _wordings(whole: View) -> Iterator[View]:
    """The runs by the wording of their prompts, the most common first."""
    pending: View | None = whole
    while pending is not None:
        view = _narrowed(pending)
        if view is None:
            return
        yield view
        taken = set(view.run_ids)
        rest = [index for index, run_id in enumerate(pending.run_ids) if run_id not in taken]
        pending = pending.part(rest) if rest else None


def _narrowed(view: View | None) -> View | None:
    """Runs that share a wording, as many as there are."""
    while view is not None:
        members = wording_of(view.spreads, view.prompts).members
        if len(members) == len(view.members):
            return view
        told = best_told(view.spreads, view.prompts)
        if len(members) == 1 and 1 < len(told) < len(view.members):
            # A run that did otherwise than it was asked must not spoil the others.
            members = told
        view = view.part(members)
    return None


def _candidate(view: View, words: str) -> Candidate:
    """The candidate of runs that share a wording, made from as few of them as agree with all the others.

    Args:
        view: The runs.
        words: The skill's text.

    Raises:
        NoStepError: There is none.
        UnfillableError: A parameter cannot stand where the code has a constant.
    """
    loose = frozenset(plan_of(view).loose)
    closing = _closing(view)
    part = _first_two(view)
    while True:
        some = view.part(part)
        if some is None:
            raise NoStepError("the runs' code does not align")
        plan = plan_of(some)
        conditions = conditions_of([plan.own_step(some, at) for at in range(len(part))])
        candidate = _assembled(some, plan, conditions, closing)
        matcher = Matcher((candidate,))
        rest = [index for index in range(len(view.members)) if index not in part]
        odd = next(
            (
                index
                for index in rest
                if _misread(matcher, plan, view.members[index].run)
                or _is_odd(conditions, plan.other_step(view, index, loose))
            ),
            None,
        )
        if odd is None:
            break
        part = sorted([*part, odd])
    refuse_unsound(view, plan, conditions, words)
    if any(_misread(matcher, plan, member.run) for member in some.members):
        raise NoStepError("its own prompts cannot be read in one way only")
    return candidate


def _first_two(view: View) -> list[int]:
    """The first run, and the first whose prompt is another one's."""
    other = (index for index, prompt in enumerate(view.prompts) if prompt != view.prompts[0])
    return [0, *itertools.islice(other, 1)]


def _assembled(view: View, plan: Plan, conditions: Conditions, closing: str | None) -> Candidate:
    return Candidate(
        purpose_id=purpose_id(plan.skeleton),
        skeletons=(plan.skeleton,),
        sources=plan.sources,
        template=Template(
            language=view.draft.language,
            code=view.draft.render(plan.fills),
            params=plan.params,
            inputs=conditions.inputs,
            outputs=conditions.outputs,
            # What the closing message says has to be there to be said.
            stdout={"kind": "text", "isBlank": False} if closing and "{stdout}" in closing else None,
        ),
        is_terminal=closing is not None,
        closing=closing or "",
        keywords=keywords_of(plan.skeleton),
        # A run whose own code was another proves the candidate all the better.
        origin=Origin(
            kind="runs", run_ids=tuple(each.run_id for each in view.members if each.action is not None)
        ),
    )


def _misread(matcher: Matcher, plan: Plan, run: WatchedRun) -> bool:
    """Whether a prompt is not read as it was when the candidate was made."""
    found = matcher.match(run.prompt)
    texts = plan.wording.texts(run.prompt)
    if len(found) != 1 or texts is None:
        return True
    return any(found[0].params.get(plan.names[int(at)]) != text for at, text in texts.items())


def _is_odd(conditions: Conditions, step: Step | str) -> bool:
    """Whether a run did otherwise than a candidate made without it would."""
    return isinstance(step, str) or misfit(conditions, step) is not None


def _closing(view: View) -> str | None:
    """The closing message where every one of the runs was over after the step, and said nothing new."""
    for member in view.members:
        trajectory = member.run.trajectory
        after = member.run.files(-1) if member.action is None else member.run.files(member.action.after)
        if not is_over_after(trajectory.turns, max(member.turns), after == member.run.files(-1)):
            return None
        files = member.files.written
        if not says_nothing_new(trajectory.final_text, trajectory.prompt, member.printed, files):
            return None
    runs = [member.run for member in view.members]
    finals = [run.trajectory.final_text for run in runs]
    return closing_for([run.prompt for run in runs], finals, [member.printed for member in view.members])
