"""What no certificate we write can say: a signature over nonsense is still nonsense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from skvm.certify.evidence_model import Comparison, ConditionFigures, Evidence
from skvm.certify.statement import Certificate, SkillPart, Statement
from skvm.certify.subject import folder_digest

__all__ = ["contradictions"]


def contradictions(certificate: Certificate) -> Iterator[str]:
    """Everything a certificate says that cannot be true together with the rest, one line each."""
    statement = certificate.statement
    yield from _of_skill(statement.skill)
    if (statement.skill.form == "variant") != (statement.built_from is not None):
        yield "it does not say what the variant was made from, or says so of what is none"
    yield from _of_targets(statement)


def _of_skill(skill: SkillPart) -> Iterator[str]:
    paths = [each.path for each in skill.files]
    if paths != sorted(set(paths)):
        yield "files are listed twice, or not in order"
    for path in paths:
        if PurePosixPath(path).is_absolute() or ".." in path.split("/") or "\0" in path:
            yield f"{path!r} is no file of a folder"
    if "SKILL.md" not in paths:
        yield "a skill without SKILL.md"
    if skill.form == "source" and folder_digest(skill.files) not in (None, skill.digest):
        yield "the digest of the skill is not that of its files"


def _of_targets(statement: Statement) -> Iterator[str]:
    for name, count in Counter(target.label for target in statement.targets).items():
        if count > 1:
            yield f"{name} stands there twice"
    for target in statement.targets:
        if target.profile is None and any(need.held is not None for need in target.needs):
            yield f"{target.label}: levels without a profile"
        reported = [each.session for each in target.evidence]
        if len(set(reported)) < len(reported) or set(reported) & set(target.passed_over):
            yield f"{target.label}: a session stands there twice"
        for evidence in target.evidence:
            yield from (f"{target.label}: {what}" for what in _of_evidence(evidence, statement.skill))


def _of_evidence(evidence: Evidence, skill: SkillPart) -> Iterator[str]:
    names = [each.condition for each in evidence.conditions]
    if len(set(names)) < len(names):
        yield f"session {evidence.session}: a condition stands there twice"
    for figures in evidence.conditions:
        yield from (f"{figures.condition}: {what}" for what in _of_figures(figures, evidence, skill))
    for compared in evidence.comparisons:
        if not {compared.treatment, compared.control} <= set(names):
            yield f"{compared.treatment} against {compared.control}: a condition that did not run"
        yield from _of_comparison(compared)


def _of_figures(figures: ConditionFigures, evidence: Evidence, skill: SkillPart) -> Iterator[str]:
    if figures.scored > figures.runs or figures.tasks > figures.scored:
        yield "more scores than runs, or more tasks than scores"
    if figures.loaded is not None and figures.loaded > figures.scored:
        yield "the skill reached the model in more runs than were scored"
    if figures.tasks > len(evidence.tasks) or figures.runs > len(evidence.runs):
        yield "more tasks or runs than are recorded"
    if (figures.score is None) != (figures.scored == 0):
        yield "a score without a run, or runs without a score"
    found = figures.interval
    if found is not None and figures.score is not None and not found.low <= figures.score <= found.high:
        yield "a score outside its interval"
    if figures.is_subject and skill.form == "source" and figures.delivered != (skill.digest,):
        yield "it is said to be this skill, and another was delivered"


def _of_comparison(compared: Comparison) -> Iterator[str]:
    found = compared.interval
    if compared.difference is None:
        if compared.verdict in ("better", "worse"):
            yield f"{compared.treatment}: a verdict without a difference"
    elif found is not None and not found.low <= compared.difference <= found.high:
        yield f"{compared.treatment}: a difference outside its interval"
