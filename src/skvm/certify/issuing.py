"""Making a certificate: everything that is known of a skill on some targets, and what is not."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import skvm
from skvm.bench.plan import Target
from skvm.certify.cleaning import Cleaner
from skvm.certify.evidence import Sessions, evidence_of, has_runs, sessions_about
from skvm.certify.evidence_model import Evidence
from skvm.certify.limits import limits_of
from skvm.certify.sealing import plain
from skvm.certify.statement import Environment, Statement, TargetPart
from skvm.certify.subject import Subject, Wanted, dependencies_of, findings_of, touched_by, wanted_of
from skvm.certify.targets import harness_version, needs_of, profile_of, profile_used
from skvm.errors import UsageError
from skvm.evidence.journal import Journal
from skvm.settings import Settings

if TYPE_CHECKING:
    from skvm.target.store import StoredProfile

__all__ = ["issued_at", "make_statement"]

_LAST_SECOND = 253_402_300_799
_TOLD = ("targets", "limits")
"""Parts in which messages stand that may name places of this machine."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the journal says of one target."""

    evidence: tuple[Evidence, ...] = ()
    passed_over: tuple[str, ...] = ()
    other_states: int = 0


def issued_at() -> str:
    """Now, in UTC to the second; ``SOURCE_DATE_EPOCH`` where it is set.

    Raises:
        UsageError: That is not a count of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        moment = datetime.now(UTC)
    elif epoch.isascii() and epoch.isdecimal() and int(epoch[:20]) <= _LAST_SECOND:
        moment = datetime.fromtimestamp(int(epoch), UTC)
    else:
        raise UsageError(f"SOURCE_DATE_EPOCH is not a count of seconds: {epoch!r}")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def make_statement(
    settings: Settings,
    subject: Subject,
    targets: Sequence[Target],
    *,
    sessions: Sequence[str] = (),
) -> Statement:
    """Gather what is known.

    Args:
        settings: Where profiles, environments and the journal lie.
        subject: What is certified.
        targets: At least one.
        sessions: Report these; without any the newest session of each target that ran to its end, else the
            newest.

    Raises:
        UsageError: A session is not about the skill on any target, or a profile is broken.
        InfrastructureError: The journal cannot be read.
    """
    wanted = wanted_of(subject.part, subject.built_from)
    found = await _look_up(settings, wanted, targets, sessions)
    parts = tuple(_target(settings, subject, target, found[target]) for target in targets)
    dependencies, permissions = dependencies_of(subject, settings), touched_by(subject.skill)
    statement = Statement(
        issued_at=issued_at(),
        skill=subject.part,
        built_from=subject.built_from,
        targets=parts,
        dependencies=dependencies,
        permissions=permissions,
        findings=findings_of(subject.skill),
        environment=Environment(
            skvm_version=skvm.__version__,
            python=platform.python_version(),
            system=platform.system(),
            machine=platform.machine(),
        ),
        limits=limits_of(subject.part, parts, dependencies, permissions),
    )
    return _without_secrets(settings, statement)


async def _look_up(
    settings: Settings, wanted: Wanted, targets: Sequence[Target], sessions: Sequence[str]
) -> dict[Target, _Found]:
    if not settings.journal_path.exists():
        if sessions:
            raise UsageError("no bench was ever started here", help=f"there is no {settings.journal_path}")
        return dict.fromkeys(targets, _Found())
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(Journal(settings.journal_path, read_only=True))
        known = {target: await sessions_about(journal, wanted, target) for target in targets}
        _check_named(sessions, known)
        return {
            target: await _found(journal, wanted, target, about, sessions) for target, about in known.items()
        }


def _check_named(sessions: Sequence[str], known: dict[Target, Sessions]) -> None:
    about = {each.plan.session_id for found in known.values() for each in found.candidates}
    for name in sessions:
        if name not in about:
            close = f"about it: {', '.join(sorted(about, reverse=True)[:5])}" if about else None
            raise UsageError(
                f"session {name!r} is not about this skill on these targets",
                help=close or "skvm bench --list-sessions names all; none is about this state of the skill",
            )


async def _found(
    journal: Journal, wanted: Wanted, target: Target, about: Sessions, named: Sequence[str]
) -> _Found:
    made: list[Evidence] = []
    others: list[str] = []
    has_whole = False
    for candidate in about.candidates:
        session_id = candidate.plan.session_id
        is_wanted = session_id in named if named else not has_whole
        evidence = await evidence_of(journal, candidate, wanted, target) if is_wanted else None
        if evidence is not None:
            made.append(evidence)
            has_whole = has_whole or evidence.is_whole
        elif not is_wanted and await has_runs(journal, candidate, wanted, target):
            others.append(session_id)
    # Newest first: those looked at before the first whole one did not run to their end.
    chosen = made if named else [each for each in made if each.is_whole] or made[:1]
    left = [each.session for each in made if each not in chosen]
    return _Found(tuple(chosen), (*left, *others), about.other_states)


def _target(settings: Settings, subject: Subject, target: Target, found: _Found) -> TargetPart:
    stored: StoredProfile | None = profile_of(settings, target.model, target.harness)
    return TargetPart(
        model=target.model,
        harness=target.harness,
        harness_version=harness_version(settings, target.harness),
        profile=profile_used(stored) if stored else None,
        needs=needs_of(subject.skill, stored.profile if stored else None),
        evidence=found.evidence,
        passed_over=found.passed_over,
        other_states=found.other_states,
    )


def _without_secrets(settings: Settings, statement: Statement) -> Statement:
    """The statement without keys, and its words without where things lie on this machine.

    Raises:
        UsageError: The skill's own names hold a secret: without it they would be other names.
    """
    value, cleaner = plain(statement), Cleaner.of(settings)
    clean = {
        key: cleaner.value(item) if key in _TOLD else cleaner.secrets.json(item)
        for key, item in value.items()
    }
    if clean["skill"] != value["skill"]:
        raise UsageError(
            "the skill's name or the name of a file of it holds a secret that this machine knows",
            help="rename it; a certificate would show it",
        )
    return Statement.model_validate_json(json.dumps(clean))
