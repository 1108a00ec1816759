"""What is certified: a skill folder, or a variant that the compiler made, read and checked once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skvm.certify.statement import (
    BuiltFrom,
    Dependencies,
    Finding,
    Installed,
    ListedFile,
    Needed,
    PassUsed,
    Permissions,
    SkillPart,
)
from skvm.certify.survey import survey
from skvm.compiler.builds.proof_checking import check_variant
from skvm.compiler.builds.standing import skill_of
from skvm.compiler.builds.variant import is_complete
from skvm.compiler.dependencies.extract import extract_manifest
from skvm.compiler.permissions import permissions_of
from skvm.errors import FindingsError, UsageError
from skvm.harness.environment.bind import find_bound
from skvm.harness.environment.manifest import MANIFEST_NAME, Manifest, load_manifest
from skvm.settings import Settings
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.skill.verify import verify_skill

__all__ = [
    "Subject",
    "Wanted",
    "dependencies_of",
    "findings_of",
    "folder_digest",
    "read_subject",
    "touched_by",
    "wanted_of",
]

_MOST_WORDS = 400


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose evidence is looked for.

    Args:
        id: The skill's.
        planned: Digests under which benches plan it.
        delivered: Digests under which runs are given it.
        is_variant: Whether it is compiled: then only runs of it are evidence, not those of its original.
    """

    id: str
    planned: frozenset[str]
    delivered: frozenset[str]
    is_variant: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """What is certified.

    Args:
        folder: Where it lies.
        skill: What runs deliver of it.
        part: What a certificate says of it.
        built_from: What it was made from, if it is a variant.
    """

    folder: Path
    skill: Skill
    part: SkillPart
    built_from: BuiltFrom | None


def read_subject(path: Path) -> Subject:
    """Read a skill or a variant.

    Raises:
        UsageError: There is none, or it holds what no skill may hold.
        FindingsError: It is a variant whose proof does not hold.
    """
    loaded = load_skill(path)
    if loaded.root is None:
        raise UsageError(f"{path} has no folder")
    folder = loaded.root
    files = survey(folder)
    source = next((each for each in files if each.path == "SKILL.md"), None)
    is_other = path.is_file() and path.name != "SKILL.md"
    if source is None or source.kind == "link" or is_other:
        raise UsageError(
            f"{path}: a skill is certified whose file is called SKILL.md and is no link",
            help="rename the file, or name its folder",
        )
    is_variant = is_complete(folder)
    skill, skill_id, built_from = loaded, loaded.id, None
    if is_variant:
        skill, skill_id, built_from = _variant(folder)
    elif folder_digest(files) not in (None, skill_digest(loaded)):
        raise UsageError(f"{folder} changed while it was read", help="try again once nobody writes to it")
    part = SkillPart(
        id=skill_id,
        name=skill.name,
        version=_said(skill, "version"),
        license=_said(skill, "license") or _license_file(files),
        form="variant" if is_variant else "source",
        digest=skill_digest(skill),
        files=files,
    )
    return Subject(folder, skill, part, built_from)


def wanted_of(part: SkillPart, built_from: BuiltFrom | None) -> Wanted:
    """Whose evidence a certificate of this skill rests on; known from the certificate alone."""
    whole = folder_digest(part.files)
    own = {part.digest, *([whole] if whole else [])}
    original = {built_from.skill} if built_from else set()
    return Wanted(part.id, frozenset(own | original), frozenset(own), is_variant=built_from is not None)


def folder_digest(files: Iterable[ListedFile]) -> str | None:
    """Digest of a skill whose bundle are these files; ``None`` where a link makes it depend on more."""
    listed = sorted(files, key=lambda each: each.path)
    source = next((each for each in listed if each.path == "SKILL.md"), None)
    if source is None or any(each.kind == "link" for each in listed):
        return None
    total = hashlib.sha256(source.digest.encode())
    for each in listed:
        if each is not source:
            mode = "x" if each.is_executable else "-"
            total.update(f"\0{each.path}\0{mode}\0{each.digest}".encode())
    return f"sha256:{total.hexdigest()}"


def _variant(folder: Path) -> tuple[Skill, str, BuiltFrom]:
    verdict = check_variant(folder)
    if verdict.findings:
        raise FindingsError(
            f"{folder} is not certified: its proof does not hold: {verdict.findings[0].message}",
            help=f"skvm verify {folder} says more; compile it again",
        )
    proof = json.loads((folder / "proof.json").read_bytes())
    told = json.loads((folder / "meta.json").read_bytes())["provenance"]
    return (
        skill_of(folder, proof),
        str(told["skillId"]),
        BuiltFrom(
            skill=told["skillDigest"],
            profile=told["profileDigest"],
            compiler=told["skvmVersion"],
            compiler_model=told["compilerModel"],
            answers=len(told["answers"]),
            build_key=proof["build"]["key"],
            proof=told["proofDigest"],
            passes=tuple(PassUsed(id=each["id"], version=each["version"]) for each in told["passes"]),
            checked=verdict.checked,
        ),
    )


def _said(skill: Skill, field: str) -> str | None:
    """A field of the frontmatter, or of its ``metadata``."""
    data = skill.frontmatter.data if skill.frontmatter else {}
    more = data.get("metadata")
    for place in (data, more if isinstance(more, Mapping) else {}):
        value = place.get(field)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return " ".join(str(value).split())[:_MOST_WORDS]
    return None


def _license_file(files: Sequence[ListedFile]) -> str | None:
    """Where a license stands that the frontmatter does not name."""
    names = ("license", "licence", "copying")
    found = (each.path for each in files if each.path.lower().startswith(names) and "/" not in each.path)
    return next((f"see {path}" for path in found), None)


def dependencies_of(subject: Subject, settings: Settings) -> Dependencies:
    """What the skill needs of a machine, and what its private environment holds here.

    Raises:
        UsageError: A variant's manifest cannot be read.
    """
    manifest = _manifest(subject)
    bound = find_bound(settings.cache_dir, manifest)
    return Dependencies(
        needed=tuple(
            Needed(
                type=entry.type.value,
                name=entry.name,
                version=entry.spec,
                is_required=entry.required,
                confidence=entry.confidence,
                evidence=entry.evidence,
                is_refused=entry.refused,
                is_elsewhere=entry.elsewhere,
            )
            for entry in manifest.entries
        ),
        environment=f"sha256:{manifest.digest}",
        installed=None
        if bound is None
        else tuple(
            Installed(type=each.type, name=each.name, version=each.version, digest=each.digest)
            for each in bound.record.packages
        ),
        python=bound.record.python if bound else None,
    )


def _manifest(subject: Subject) -> Manifest:
    path = subject.folder / MANIFEST_NAME
    if subject.built_from is not None and path.is_file():
        return load_manifest(path)
    return extract_manifest(subject.skill)


def touched_by(skill: Skill) -> Permissions:
    """What a skill's text and scripts touch."""
    found = permissions_of(skill)

    def names(items: Sequence[object]) -> tuple[str, ...]:
        return tuple(sorted({str(getattr(each, "name", "")) for each in items}))

    return Permissions(
        read=names(found.read),
        write=names(found.write),
        commands=names(found.commands),
        hosts=names(found.hosts),
        network=found.network,
        unknown=names(found.unknown),
    )


def findings_of(skill: Skill) -> tuple[Finding, ...]:
    """What the linter says, by place; files are named relative to the folder."""
    return tuple(
        Finding(
            code=found.code,
            severity=found.severity.value,
            message=" ".join(found.message.split())[:_MOST_WORDS],
            path=found.path,
            line=found.line,
        )
        for found in verify_skill(skill)
    )
