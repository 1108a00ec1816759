"""What a certificate does not say, in words: derived from what it says, so that none can be left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skvm.certify.evidence_model import ConditionFigures, Evidence
from skvm.certify.statement import Dependencies, Permissions, SkillPart, TargetPart

__all__ = ["limits_of"]

_FEW_TASKS = 6
_MOST_NAMES = 6
_ALWAYS = (
    "Needs and permissions were read off the skill's text and scripts; nothing of it was run to find them.",
    "A finding of the linter that is absent is no proof that the skill is harmless.",
)


def limits_of(
    skill: SkillPart,
    targets: Sequence[TargetPart],
    dependencies: Dependencies,
    permissions: Permissions,
) -> tuple[str, ...]:
    """Every limit, of the targets first.

    Args:
        skill: The skill.
        targets: With their evidence.
        dependencies: What it needs of a machine.
        permissions: What it touches.
    """
    found = [line for target in targets for line in _of_target(target, skill)]
    if permissions.unknown:
        found.append(f"What these do could not be read: {_names(permissions.unknown)}.")
    lacking = [each for each in dependencies.needed if each.is_required]
    if lacking and dependencies.installed is None:
        found.append(
            "No private environment is bound here: which versions of what it needs were there is unknown."
        )
    links = [each.path for each in skill.files if each.kind == "link"]
    if links:
        found.append(f"Links are listed by where they lead, not followed: {_names(links)}.")
    return (*dict.fromkeys(found), *_ALWAYS)


def _of_target(target: TargetPart, skill: SkillPart) -> Iterator[str]:
    where = target.label
    if target.profile is None:
        yield f"{where}: there is no profile, so no level is known."
    elif target.profile.is_simulated:
        yield f"{where}: its profile is that of a simulated processor."
    unknown = [need.primitive for need in target.needs if need.held is None]
    if unknown and target.profile is not None:
        yield f"{where}: needed and not measured: {_names(unknown)}."
    if not target.evidence:
        yield (
            f"{where}: not measured: the journal holds no finished run of this very skill there. To measure:"
            f" skvm bench --model={target.model} --adapter={target.harness} --skill={skill.id}"
            " --conditions=no-skill,original --tasks=…"
        )
    if target.other_states:
        plural = "session was" if target.other_states == 1 else "sessions were"
        yield f"{where}: {target.other_states} {plural} of another state of the skill and not used."
    if target.passed_over:
        plural = "session" if len(target.passed_over) == 1 else "sessions"
        yield (
            f"{where}: the journal holds {len(target.passed_over)} more {plural} of this skill that this"
            f" certificate does not report: {_names(target.passed_over)}."
        )
    for evidence in target.evidence:
        # A session is named only where there are several: its id is long.
        yield from _of_session(
            evidence, where if len(target.evidence) == 1 else f"{where}, {evidence.session}"
        )
    if target.evidence:
        yield (
            f"{where}: scores hold for these tasks, this model as it was served then, and one machine;"
            " a provider may change a model under its name."
        )
        yield f"{where}: the versions of skvm and of the harness are those of now; runs do not record theirs."


def _of_session(evidence: Evidence, at: str) -> Iterator[str]:
    names = {each.condition for each in evidence.conditions}
    if evidence.is_simulated:
        yield f"{at}: a simulated model ran; no real model was asked."
    if not evidence.is_whole:
        yield f"{at}: it has not run to its end."
    if evidence.stopped is not None:
        yield f"{at}: it ended early, as soon as enough was known: {evidence.stopped}"
    if "no-skill" not in names:
        yield f"{at}: working without the skill was not measured, so nothing says that the skill helps."
    if not any(each.is_subject for each in evidence.conditions):
        yield f"{at}: only what was made from this skill ran, not the skill as it is."
    if len(evidence.tasks) < _FEW_TASKS:
        count = len(evidence.tasks)
        plural = "task" if count == 1 else "tasks"
        yield f"{at}: {count} {plural}: figures speak of these, not of tasks like them."
    if evidence.left_out:
        yield f"{at}: {evidence.left_out} tasks of the session use other skills and are not counted here."
    if evidence.held.repetitions > 1 and evidence.held.temperature == 0:
        yield f"{at}: repetitions at temperature 0 may be all alike and say nothing new."
    yield from (f"{at}: {line}" for line in _of_conditions(evidence.conditions))
    for made in evidence.prepared:
        if made.problem:
            yield f"{at}: {made.condition} could not be had: {made.problem}"
    if evidence.held.judge_model is not None and at.startswith(f"{evidence.held.judge_model} "):
        yield f"{at}: the model was its own judge."
    if "none" in evidence.sandboxes:
        yield f"{at}: runs were not confined by a sandbox."


def _of_conditions(conditions: Sequence[ConditionFigures]) -> Iterator[str]:
    scored = [each for each in conditions if each.score is not None]
    for each in conditions:
        if each.score is None:
            yield f"{each.condition}: no run has a score."
        elif each.runs > each.scored:
            yield f"{each.condition}: {each.runs - each.scored} of {each.runs} runs have no score."
        if each.loaded is not None and each.loaded < each.scored:
            yield (
                f"{each.condition}: the skill is known to have reached the model in {each.loaded}"
                f" of {each.scored} scored runs."
            )
    if without := [each.condition for each in scored if each.interval is None]:
        yield f"{_names(without)}: too few scores for an interval."
    if untold := [each.condition for each in scored if each.tokens is None]:
        yield f"{_names(untold)}: the harness did not tell what the runs read and wrote."
    if unpriced := [
        each.condition for each in scored if each.tokens is not None and each.cost_micro_usd is None
    ]:
        yield f"{_names(unpriced)}: what a run costs is unknown, because a price is."


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
