"""From runs to candidates: what varies becomes a parameter, what held becomes a condition.

A candidate is made from as few runs as show everything it says; the others are left for its proof. It is
no more general than the runs: a value that was the same each time stays fixed, wording and all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.actions import Action
from skvm.runtime.boost.compiling.closing import closing_for, is_over_after, says_nothing_new
from skvm.runtime.boost.compiling.conditions import Conditions, NoStepError, Step, conditions_of, misfit
from skvm.runtime.boost.compiling.drafts import Draft, drafts_of
from skvm.runtime.boost.compiling.naming import keywords_of, purpose_id
from skvm.runtime.boost.compiling.parameters import Plan, plan_of
from skvm.runtime.boost.compiling.slots import UnfillableError
from skvm.runtime.boost.compiling.views import View, files_of
from skvm.runtime.boost.compiling.wordings import best_told, wording_of
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate, Origin, Template

if TYPE_CHECKING:
    from skvm.runtime.boost.watching import WatchedRun
    from skvm.skill.ir import Skill

__all__ = ["MAX_CANDIDATES", "Compiled", "compile_candidates"]

MAX_CANDIDATES = 24
"""Candidates of one compile; those that more runs show come first."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of a compile.

    Args:
        candidates: Each for prompts no other one answers, those shown by most runs first.
        findings: Why other things the runs did are no candidates, one line each.
    """

    candidates: tuple[Candidate, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Shelf:
    """What was compiled so far."""

    candidates: list[Candidate] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    wordings: set[tuple[str, ...]] = field(default_factory=set)
    covered: set[str] = field(default_factory=set)


def compile_candidates(runs: Sequence[WatchedRun], *, skill: Skill | None = None) -> Compiled:
    """Compile what some runs of a skill did into candidates.

    Args:
        runs: Watched runs of one skill, oldest first; those without a good score, or that a template answered
            in part, are passed over.
        skill: The skill, for what its own scripts and fences hold.
    """
    usable = [run for run in runs if run.is_success and not run.boosted_turns]
    shelf = _Shelf()
    for draft in drafts_of(usable) if usable else ():
        _take(shelf, draft)
    return Compiled(tuple(shelf.candidates[:MAX_CANDIDATES]), tuple(dict.fromkeys(shelf.findings)))


def _take(shelf: _Shelf, draft: Draft) -> None:
    """Compile what a draft holds that is not there yet."""
    for view in _wordings(draft):
        if all(run_id in shelf.covered for run_id in view.run_ids):
            continue
        try:
            candidate = _candidate(view)
        except (NoStepError, UnfillableError) as reason:
            shelf.findings.append(f"{view.run_ids[0]}: no candidate: {reason}")
            continue
        wording = candidate.skeletons[0].texts
        if wording in shelf.wordings:
            continue
        shelf.wordings.add(wording)
        shelf.covered.update(view.run_ids)
        shelf.candidates.append(candidate)


def _wordings(draft: Draft) -> Iterator[View]:
    """The draft's runs by the wording of their prompts, the most common first."""
    pending: View | None = View(draft, tuple(range(len(draft.actions))))
    while pending is not None:
        view: View | None = pending
        while view is not None:
            members = wording_of(view.spreads, view.prompts).members
            if len(members) == len(view.actions):
                break
            told = best_told(view.spreads, view.prompts)
            if len(members) == 1 and 1 < len(told) < len(view.actions):
                # A run that did otherwise than it was asked must not spoil the others.
                members = told
            view = view.part(members)
        if view is None:
            return
        yield view
        taken = set(view.run_ids)
        rest = [index for index, run_id in enumerate(pending.run_ids) if run_id not in taken]
        pending = pending.part(rest) if rest else None


def _candidate(view: View) -> Candidate:
    """The candidate of runs that share a wording, made from as few of them as agree with all the others.

    Raises:
        NoStepError: There is none.
        UnfillableError: A parameter cannot stand where the code has a constant.
    """
    files = [files_of(action) for action in view.actions]
    loose = frozenset(plan_of(view, files).loose)
    closing = _closing(view)
    part = _first_two(view)
    while True:
        some = view.part(part)
        if some is None:
            raise NoStepError("the runs' code does not align")
        plan = plan_of(some, [files[index] for index in part])
        conditions = conditions_of([plan.own_step(some, at, files[index]) for at, index in enumerate(part)])
        candidate = _assembled(some, plan, conditions, closing)
        matcher = Matcher((candidate,))
        rest = [index for index in range(len(files)) if index not in part]
        odd = next(
            (
                index
                for index in rest
                if _misread(matcher, plan, view.actions[index])
                or _is_odd(conditions, plan.other_step(view, index, files[index], loose))
            ),
            None,
        )
        if odd is None:
            break
        part = sorted([*part, odd])
    if any(_misread(matcher, plan, action) for action in some.actions):
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
        ),
        is_terminal=closing is not None,
        closing=closing or "",
        keywords=keywords_of(plan.skeleton),
        origin=Origin(kind="runs", run_ids=view.run_ids),
    )


def _misread(matcher: Matcher, plan: Plan, action: Action) -> bool:
    """Whether a prompt is not read as it was when the candidate was made."""
    found = matcher.match(action.run.prompt)
    texts = plan.wording.texts(action.run.prompt)
    if len(found) != 1 or texts is None:
        return True
    return any(found[0].params.get(plan.names[int(at)]) != text for at, text in texts.items())


def _is_odd(conditions: Conditions, step: Step | str) -> bool:
    """Whether a run did otherwise than a candidate made without it would."""
    return isinstance(step, str) or misfit(conditions, step) is not None


def _closing(view: View) -> str | None:
    """The closing message where every one of the runs was over after the step, and said nothing new."""
    printed = []
    for action in view.actions:
        trajectory, files = action.run.trajectory, files_of(action)
        is_unchanged = action.run.files(action.after) == action.run.files(-1)
        text = "\n".join(
            observation.text
            for turn in trajectory.turns
            if turn.index in action.turns
            for observation in turn.observations
        )
        if not is_over_after(trajectory.turns, max(action.turns), is_unchanged):
            return None
        if not says_nothing_new(trajectory.final_text, trajectory.prompt, text, files.written):
            return None
        printed.append(text)
    finals = [action.run.trajectory.final_text for action in view.actions]
    return closing_for([action.run.prompt for action in view.actions], finals, printed)
