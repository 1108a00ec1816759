"""What lies on disk as a variant: its files, whether they are those that were written, the skill in it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.compiler.builds.variant import is_complete, json_bytes
from skvm.compiler.pipeline import PipelineResult
from skvm.diagnostics import Diagnostic, Severity, Span
from skvm.skill.bundle import digest_of
from skvm.skill.frontend import load_skill, parse_skill
from skvm.skill.ir import Skill

__all__ = ["Standing", "Tampering", "skill_of", "standing_build", "tampering"]

_OWN = frozenset({"meta.json", "proof.json"})


@dataclass(frozen=True, slots=True)
class Standing:
    """A build that lies there whole, and what was found when it was made."""

    pipeline: PipelineResult
    proof: Mapping[str, Any]
    findings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Tampering:
    """A file that is not as it was written, and how."""

    path: str
    message: str


def standing_build(place: Path, original: Skill, inputs: Mapping[str, Any]) -> Standing | None:
    """The variant that lies at a place, if it was made from these inputs and nobody has touched it.

    Answers of a model are not compared: they are recorded once and never asked for again.
    """
    if not is_complete(place):
        return None
    try:
        proof = json.loads((place / "proof.json").read_bytes())
        plan = json.loads((place / "compilation-plan.json").read_bytes())
        if proof["build"]["inputs"] != inputs or any(tampering(place)):
            return None
        skill = skill_of(place, proof)
        if skill.source == original.source and skill.resources == original.resources:
            skill = original
        findings = json.loads((place / "meta.json").read_bytes())["findings"]
        told = tuple(_finding(found) for found in findings)
        return Standing(PipelineResult(skill, artifacts=dict(plan["artifacts"])), proof, told)
    except (OSError, ValueError, KeyError, TypeError):
        # Whatever it is, it is no build of ours as it was written: it is built again.
        return None


def _finding(record: Mapping[str, Any]) -> Diagnostic:
    span = record["span"]
    changed = {
        "severity": Severity(record["severity"]),
        "span": Span(span["start"], span["end"]) if span else None,
    }
    return Diagnostic(**{**record, **changed})


def skill_of(variant: Path, proof: Mapping[str, Any]) -> Skill:
    """The compiled skill in a variant: its bundle without our own files.

    Raises:
        UsageError: There is no readable ``SKILL.md``.
    """
    found = load_skill(variant)
    ours = _OWN | set(proof["records"])
    bundle = [resource for resource in found.resources if resource.path not in ours]
    return parse_skill(found.source, id=str(proof["skillId"]), root=found.root, resources=bundle)


def tampering(variant: Path) -> Iterator[Tampering]:
    """Every file that differs from what was written, is missing, or was never written.

    ``meta.json`` vouches for itself and for ``proof.json``, which vouches for all others.
    """
    meta = _json(variant / "meta.json")
    data = (variant / "meta.json").read_bytes() if meta is not None else b""
    told = meta.get("digest") if meta else None
    bare = {key: value for key, value in meta.items() if key != "digest"} if meta else {}
    if not meta or digest_of(json_bytes(bare)) != told or data != json_bytes({**bare, "digest": told}):
        yield Tampering("meta.json", "is not as it was written" if meta else "is missing or cannot be read")
    proof = _json(variant / "proof.json")
    if proof is None:
        yield Tampering("proof.json", "is missing or cannot be read")
        return
    provenance = meta.get("provenance") if meta else None
    vouched = provenance.get("proofDigest") if isinstance(provenance, dict) else None
    if digest_of((variant / "proof.json").read_bytes()) != vouched:
        yield Tampering("proof.json", "is not the proof meta.json speaks of")
    digests = proof.get("digests")
    if not isinstance(digests, dict):
        yield Tampering("proof.json", "holds no digests of the files")
        return
    yield from _files(variant, digests)


def _files(variant: Path, digests: Mapping[str, Any]) -> Iterator[Tampering]:
    seen = set()
    for path, kind in _walk(variant):
        seen.add(path)
        if kind != "file":
            yield Tampering(path, f"is a {kind}, which a compile never writes")
        elif path in _OWN:
            continue
        elif path not in digests:
            yield Tampering(path, "was not written by the compile")
        elif _digest(variant / path) != digests[path]:
            yield Tampering(path, "is not as it was written")
    for path in sorted(set(digests) - seen):
        yield Tampering(path, "is missing")


def _walk(variant: Path) -> Iterator[tuple[str, str]]:
    """Every entry but folders, by path, with what it is; no link is followed."""
    for parent, folders, names in os.walk(variant):
        folders.sort()
        entries = [*names, *(name for name in folders if Path(parent, name).is_symlink())]
        for name in sorted(entries):
            mode = Path(parent, name).lstat().st_mode
            kind = "file" if stat.S_ISREG(mode) else "link" if stat.S_ISLNK(mode) else "special file"
            yield Path(parent, name).relative_to(variant).as_posix(), kind


def _digest(path: Path) -> str:
    try:
        return digest_of(path.read_bytes())
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
