"""Whether the journal of this machine gives the figures a certificate says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skvm.bench.plan import Target
from skvm.certify.checking import Checked
from skvm.certify.cleaning import Cleaner
from skvm.certify.evidence import evidence_of, sessions_about
from skvm.certify.evidence_model import Evidence
from skvm.certify.faults import SKV907
from skvm.certify.sealing import plain
from skvm.certify.subject import Wanted, wanted_of
from skvm.compiler.builds.proof_checking import counted
from skvm.evidence.journal import Journal
from skvm.settings import Settings

__all__ = ["check_figures"]

_MOST = 20


async def check_figures(book: Checked, settings: Settings) -> None:
    """Recompute every figure from the journal, and note what differs.

    Raises:
        InfrastructureError: The journal cannot be read.
    """
    certificate = book.certificate
    if certificate is None:
        return
    statement = certificate.statement
    if not any(target.evidence for target in statement.targets):
        book.notes.append("it reports no runs, so there is nothing to recompute")
        return
    if not settings.journal_path.exists():
        book.findings.append(SKV907.at(f"there is no journal {settings.journal_path}", path=book.path))
        return
    cleaner = Cleaner.of(settings)
    wanted = wanted_of(statement.skill, statement.built_from)
    wrong: list[str] = []
    count = 0
    async with Journal(settings.journal_path, read_only=True) as journal:
        for part in statement.targets:
            target = Target(model=part.model, harness=part.harness)
            for evidence in part.evidence:
                count += len(evidence.runs)
                wrong += await _differences(journal, wanted, target, evidence, cleaner)
    for what in wrong[:_MOST]:
        book.findings.append(SKV907.at(what, path=book.path))
    if not wrong:
        book.checked.append(f"its figures are those of {counted(count, 'run')} in the journal here")


async def _differences(
    journal: Journal, wanted: Wanted, target: Target, said: Evidence, cleaner: Cleaner
) -> list[str]:
    about = await sessions_about(journal, wanted, target)
    candidate = next((each for each in about.candidates if each.plan.session_id == said.session), None)
    here = await evidence_of(journal, candidate, wanted, target) if candidate is not None else None
    at = f"{target.label}, session {said.session}"
    if here is None:
        return [f"{at}: the journal holds no run of it"]
    return [f"{at}: {what}" for what in _unlike("", cleaner.value(plain(here)), plain(said))]


def _unlike(place: str, here: Any, said: Any) -> Iterator[str]:
    """Where two values differ, to the smallest part."""
    if isinstance(here, dict) and isinstance(said, dict):
        for key in sorted(here.keys() | said.keys()):
            yield from _unlike(f"{place}.{key}" if place else key, here.get(key), said.get(key))
    elif isinstance(here, list) and isinstance(said, list) and len(here) == len(said):
        for index, (ours, theirs) in enumerate(zip(here, said, strict=True)):
            yield from _unlike(f"{place}[{index}]", ours, theirs)
    elif here != said:
        yield f"{place}: the certificate says {_short(said)}, the journal gives {_short(here)}"


def _short(value: Any) -> str:
    return f"{len(value)} entries" if isinstance(value, list) else str(value)[:80]
