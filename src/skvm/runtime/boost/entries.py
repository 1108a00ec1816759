"""One entry of ``boost-candidates.json``: the fields of the existing system, and ours beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from skvm.diagnostics import Diagnostic, rule
from skvm.runtime.boost.foreign.convert import Foreign, convert
from skvm.runtime.boost.foreign.findings import SKV602
from skvm.runtime.boost.foreign.rendering import rendered
from skvm.runtime.boost.model import Candidate

__all__ = ["OURS", "Loaded", "is_ours", "is_same", "load_entries", "purpose_of", "put_entry"]

OURS = "skvm"
"""The key beside the fields of the existing system."""
_SCHEMA = 1

SKV603 = rule(
    "SKV603",
    "boost candidate edited by hand",
    "The plain fields of a candidate differ from what was written for the part under the key skvm. Only that"
    " part is used. To have the plain fields used, delete the key skvm: the candidate is then read like one"
    " of the existing system, and has to prove itself anew.",
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What stands in a skill's files.

    Args:
        candidates: All that can be understood, in the order of the file; those of the existing system answer
            no prompt yet (see ``foreign``).
        findings: What could not be understood, and what was refused.
        foreign: Candidates of the existing system, with their patterns; each also stands in ``candidates``.
    """

    candidates: tuple[Candidate, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    foreign: tuple[Foreign, ...] = ()


def load_entries(entries: Iterable[Any], findings: list[Diagnostic], path: Path | None) -> Loaded:
    """Understand entries as far as they can be; ``findings`` are those made before."""
    where = path or Path("boost-candidates.json")
    candidates: dict[str, Candidate] = {}
    foreign: list[Foreign] = []
    found = list(findings)
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("purposeId"), str):
            found.append(SKV602.at(f"candidates[{index}] has no purposeId", path=where))
        elif entry["purposeId"] in candidates:
            found.append(SKV602.at(f"candidates[{index}]: {entry['purposeId']!r} comes twice", path=where))
        elif OURS in entry:
            candidate, diagnostic = _ours(entry, index, where)
            found += [diagnostic] if diagnostic else []
            if candidate:
                candidates[candidate.purpose_id] = candidate
            if candidate and candidate.origin.kind == "foreign":
                # It was bound by a run; another one may bind it further.
                foreign += filter(None, [convert(entry, where=f"candidates[{index}]", path=where)[0]])
        else:
            converted, diagnostics = convert(entry, where=f"candidates[{index}]", path=where)
            found += diagnostics
            if converted:
                foreign.append(converted)
                candidates[entry["purposeId"]] = converted.candidate
    return Loaded(tuple(candidates.values()), tuple(found), tuple(foreign))


def _ours(entry: dict[str, Any], index: int, path: Path) -> tuple[Candidate | None, Diagnostic | None]:
    ours = entry[OURS]
    if not isinstance(ours, dict) or ours.get("schema") != _SCHEMA:
        return None, SKV602.at(f"candidates[{index}].skvm has a form this skvm does not know", path=path)
    try:
        candidate = Candidate.model_validate(ours.get("candidate"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        return None, SKV602.at(f"candidates[{index}].skvm.candidate.{place}: {first['msg']}", path=path)
    if candidate.purpose_id != entry["purposeId"]:
        return None, SKV602.at(f"candidates[{index}].skvm is of another purpose", path=path)
    edited = ours.get("plain") != _plain_digest(entry)
    said = f"{candidate.purpose_id}: its plain fields were changed; they are not used"
    return candidate, SKV603.at(said, path=path) if edited else None


def _plain_digest(entry: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in entry.items() if key != OURS}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def put_entry(entries: list[Any], candidate: Candidate) -> None:
    """Replace the entry of a candidate's purpose in place, or append one."""
    place = next((at for at, each in enumerate(entries) if purpose_of(each) == candidate.purpose_id), None)
    old = entries[place] if place is not None else None
    # Fields another program wrote stay as they are, as long as the candidate was made from them.
    keeps = isinstance(old, dict) and candidate.origin.kind == "foreign"
    plain = (
        {key: value for key, value in (old or {}).items() if key != OURS} if keeps else rendered(candidate)
    )
    ours = {
        "schema": _SCHEMA,
        "plain": _plain_digest(plain),
        "candidate": candidate.model_dump(mode="json", by_alias=True),
    }
    entry = {**plain, OURS: ours}
    if place is None:
        entries.append(entry)
    else:
        entries[place] = entry


def purpose_of(entry: Any, inner: str | None = None) -> Any:
    """The ``purposeId`` of an entry, or of what stands in it under a key."""
    found = entry.get(inner) if inner and isinstance(entry, dict) else entry
    return found.get("purposeId") if isinstance(found, dict) else None


def is_ours(entry: Any) -> bool:
    """Whether an entry has a part that is ours."""
    return isinstance(entry, dict) and OURS in entry


def is_same(one: Candidate | None, other: Candidate) -> bool:
    """Whether two candidates answer alike: the same prompts, with the same values."""
    if one is None or one.digest != other.digest:
        return False
    return [each.seen for each in one.template.params] == [each.seen for each in other.template.params]
