"""What a certificate says, as records: about a skill, the targets it was looked at for, and what was not.

Scores are in [0, 1], differences in [-1, 1], shares in [0, 1], all to four decimals; money is in millionths
of a dollar. ``null`` means that there is no data, never 0. No key depends on what a skill or a model says:
whatever is named by strangers stands in a value.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.certify.evidence_model import Evidence

__all__ = [
    "KIND",
    "SCHEMA",
    "BuiltFrom",
    "Certificate",
    "Count",
    "Dependencies",
    "Digest",
    "Environment",
    "Finding",
    "Installed",
    "ListedFile",
    "Need",
    "Needed",
    "PassUsed",
    "Permissions",
    "ProfileUsed",
    "Signature",
    "SkillPart",
    "Statement",
    "TargetPart",
]

KIND = "skvm.certificate"
SCHEMA = 1
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Level = Literal["L0", "L1", "L2", "L3"]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True
    )


class ListedFile(_Part):
    """A file of the skill's folder.

    Args:
        path: POSIX path relative to the folder.
        kind: ``link`` is listed by where it leads, and never followed.
        digest: Of its bytes; of a link, of the path it leads to.
        size: Its bytes; ``None`` for a link.
        is_executable: Whether its owner may execute it.
    """

    path: str = Field(min_length=1)
    kind: Literal["file", "link"] = "file"
    digest: Digest
    size: Count | None = None
    is_executable: bool = False


class SkillPart(_Part):
    """The skill, as it lies in its folder.

    Args:
        id: What its folder is called; what its original's is called, for a variant.
        name: Its own.
        version: As its metadata say; ``None`` if they do not.
        license: Likewise.
        form: Whether somebody wrote it, or the compiler made it of another.
        digest: Of what runs deliver: ``SKILL.md`` and the bundle.
        files: Everything in the folder, records of the compiler too, in order of path.
    """

    id: str = Field(min_length=1)
    name: str
    version: str | None = None
    license: str | None = None
    form: Literal["source", "variant"]
    digest: Digest
    files: tuple[ListedFile, ...] = Field(min_length=1)


class PassUsed(_Part):
    """A pass of the compiler, and its version."""

    id: str
    version: Count


class BuiltFrom(_Part):
    """What a variant was made from, and with what; its proof was checked when the certificate was made.

    Args:
        skill: Digest of the original.
        profile: Digest of what the target's profile said; ``None`` without one.
        compiler: The version of skvm.
        compiler_model: The model that was asked; ``none`` where none was.
        answers: How many of its recorded answers were used.
        build_key: Digest of all inputs.
        proof: Digest of the proof.
        passes: In the order they ran.
        checked: What ``skvm verify`` found in order, one line each.
    """

    skill: Digest
    profile: Digest | None
    compiler: str
    compiler_model: str
    answers: Count
    build_key: Digest
    proof: Digest
    passes: tuple[PassUsed, ...]
    checked: tuple[str, ...]


class Need(_Part):
    """What the skill needs of a primitive at most, and what the target holds.

    Args:
        primitive: Its id.
        needed: The highest level any place of the skill needs.
        held: The target's; ``None`` where it was not measured.
        places: How many places need it.
    """

    primitive: str
    needed: Level
    held: Level | None
    places: Count

    @property
    def is_gap(self) -> bool:
        """Whether the target is known to hold less than is needed."""
        return self.held is not None and self.held < self.needed


class ProfileUsed(_Part):
    """The profile the levels come from."""

    digest: Digest
    skvm_version: str | None
    catalogue: str | None
    is_partial: bool
    is_prebuilt: bool
    is_simulated: bool


class TargetPart(_Part):
    """A model in a harness, and what is known of the skill on it.

    Args:
        model: Full model id.
        harness: Harness name.
        harness_version: Of the program found on the machine that made the certificate; of a built-in one,
            the version of skvm. ``None`` where it cannot be told.
        profile: ``None`` where the target has none; then no level is known.
        needs: What the skill needs of the target, by primitive.
        evidence: Bench sessions; without any, nothing was measured.
        passed_over: Other sessions of the same skill and target that the journal holds.
        other_states: How many sessions of the target were of another state of the skill.
    """

    model: str = Field(min_length=1)
    harness: str = Field(min_length=1)
    harness_version: str | None
    profile: ProfileUsed | None
    needs: tuple[Need, ...]
    evidence: tuple[Evidence, ...]
    passed_over: tuple[str, ...]
    other_states: Count

    @property
    def label(self) -> str:
        """How a table names it."""
        return f"{self.model} in {self.harness}"


class Needed(_Part):
    """A program, package or service the skill needs; ``is_required`` where it has no other way."""

    type: str
    name: str
    version: str | None
    is_required: bool
    confidence: float = Field(ge=0, le=1)
    evidence: str | None
    is_refused: bool
    is_elsewhere: bool


class Installed(_Part):
    """A package of the skill's private environment."""

    type: str
    name: str
    version: str
    digest: str | None


class Dependencies(_Part):
    """What the skill needs of a machine.

    Args:
        needed: By type and name.
        environment: Digest of what its private environment may hold.
        installed: What that environment holds where the certificate was made; ``None`` if there is none.
        python: Its Python.
    """

    needed: tuple[Needed, ...]
    environment: str
    installed: tuple[Installed, ...] | None
    python: str | None


class Permissions(_Part):
    """What the skill's text and scripts touch; ``unknown`` names what could not be read."""

    read: tuple[str, ...]
    write: tuple[str, ...]
    commands: tuple[str, ...]
    hosts: tuple[str, ...]
    network: Literal["none", "listed", "any"]
    unknown: tuple[str, ...]


class Finding(_Part):
    """A finding of the linter; security is one of the things it looks at."""

    code: str
    severity: Literal["error", "warning", "note"]
    message: str
    path: str
    line: int | None


class Environment(_Part):
    """Where the certificate was made."""

    skvm_version: str
    python: str
    system: str
    machine: str


class Statement(_Part):
    """Everything that is signed.

    Args:
        issued_at: UTC, to the second; the only time of a certificate.
        limits: What was not measured, or holds only so far, in words.
    """

    issued_at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    skill: SkillPart
    built_from: BuiltFrom | None
    targets: tuple[TargetPart, ...] = Field(min_length=1)
    dependencies: Dependencies
    permissions: Permissions
    findings: tuple[Finding, ...]
    environment: Environment
    limits: tuple[str, ...] = Field(min_length=1)


class Signature(_Part):
    """Who signed.

    Args:
        algorithm: Ed25519, over the kind, the schema and the statement.
        public_key: 32 bytes, base64.
        fingerprint: ``sha256:`` of the key in its SubjectPublicKeyInfo form.
        value: 64 bytes, base64.
    """

    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str
    fingerprint: Digest
    value: str


class Certificate(_Part):
    """A statement and its signature."""

    kind: Literal["skvm.certificate"] = "skvm.certificate"
    schema_: Literal[1] = Field(default=1, alias="schema")
    signature: Signature | None
    statement: Statement
