"""What a skill needs of its environment, as a file: typed entries, each with its evidence."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from skvm.errors import UsageError

__all__ = [
    "INSTALL_CONFIDENCE",
    "MANIFEST_NAME",
    "MAX_MANIFEST_BYTES",
    "Dependency",
    "Manifest",
    "Source",
    "Type",
    "load_manifest",
    "normal_name",
]

MANIFEST_NAME = "env-manifest.json"
"""The manifest's file in a variant."""
INSTALL_CONFIDENCE = 0.7
"""Below this nothing is installed, and nothing is said to be missing."""

MAX_MANIFEST_BYTES = 4 << 20
"""A larger file is no manifest."""

_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]{0,120}", re.ASCII)
_SCOPED = re.compile(rf"(?:@[a-z0-9][\w.~-]{{0,100}}/)?{_NAME.pattern}", re.ASCII)
_ARCHIVE = re.compile(r"\.(?:tgz|tar|gz|bz2|xz|zip|whl|egg|lz|lzma|txz|tlz|tbz)$", re.IGNORECASE)
"""Installers take such a name for a file of the folder they stand in."""
_SYSTEM_TRAP = re.compile(r"-$|\.\+")
"""apt-get removes what ends in a dash, and takes a name it does not know for a regular expression."""
_SERVICE = re.compile(r"[\w][\w.+-]{0,120}")
_PIP_SPEC = re.compile(
    r"(?:\[[\w.,-]+\])?(?:(?:===?|>=|<=|~=|!=|<|>)[\w.*+!-]+(?:,(?=[=<>~!])|$))*", re.ASCII
)
_NPM_SPEC = re.compile(r"[\^~<>=]{0,2}[\w*][\w.*+-]*", re.ASCII)
_SPEC = re.compile(r"(?:\[[\w.,-]{1,100}\])?[\w.,<>=!~^*+|:-]{0,160}", re.ASCII)


class Type(StrEnum):
    """Who provides a dependency."""

    PIP = "pip"
    NPM = "npm"
    SYSTEM = "system"
    SERVICE = "service"


class Source(StrEnum):
    """What kind of words name it; the values older readers know."""

    IMPORT = "python-import"
    COMMAND = "shell-command"
    COMMENT = "comment"
    INFERRED = "inferred"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


class Dependency(_Record):
    """One thing that must be there for a skill to work.

    Args:
        name: Distribution, package, command or service; never free text.
        type: Who provides it.
        check_command: A shell command that succeeds if it is there, for older readers.
        install_command: What would install it; ``None`` where nothing is known to.
        required: Whether a documented function has no other way.
        source: What kind of words name it.
        confidence: How sure that is, in [0, 1].
        python_modules: Names it is imported by, where it is Python.
        spec: Extras and version constraint as written (``[all]>=1.2``), for npm a range.
        evidence: Where the skill says so, as ``file:line``.
        hosts: Hosts of a service.
        commands: Commands it brings, any of which shows that it is there.
        refused: Whether a person decided that it may not be bound.
        elsewhere: Whether the skill gets it from an address or an index of its own; what the registry holds
            under the name may be another's, so it is never installed.
    """

    name: str
    type: Type
    check_command: str = Field(alias="checkCommand")
    install_command: str | None = Field(default=None, alias="installCommand")
    required: bool = True
    source: Source = Source.INFERRED
    confidence: float = Field(default=0.7, ge=0, le=1)
    python_modules: tuple[str, ...] = Field(default=(), alias="pythonModules")
    spec: str | None = None
    evidence: str | None = None
    hosts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    refused: bool = False
    elsewhere: bool = False

    @model_validator(mode="after")
    def _check_words(self) -> Self:
        """Names and versions go into commands of installers: what has another form is refused."""
        form = {Type.SERVICE: _SERVICE, Type.NPM: _SCOPED}.get(self.type, _NAME)
        trap = {Type.PIP: _ARCHIVE, Type.NPM: _ARCHIVE, Type.SYSTEM: _SYSTEM_TRAP}.get(self.type)
        if not form.fullmatch(self.name) or (trap and trap.search(self.name)):
            raise ValueError(f"not a name: {self.name!r}")
        for name in () if self.type is Type.SERVICE else self.commands:
            if not _SCOPED.fullmatch(name):
                raise ValueError(f"not a name: {name!r}")
        if self.spec is not None and not _SPEC.fullmatch(self.spec):
            raise ValueError(f"not a version: {self.spec!r}")
        return self

    @property
    def key(self) -> str:
        """``type:name`` in the form names are compared in."""
        return f"{self.type}:{normal_name(self.name, self.type)}"

    @property
    def installable(self) -> bool:
        """Whether a private environment may hold it."""
        is_package = self.type in (Type.PIP, Type.NPM)
        return (
            is_package and not self.refused and not self.elsewhere and self.confidence >= INSTALL_CONFIDENCE
        )

    @property
    def requirement(self) -> str:
        """What an installer is told: ``name[extra]>=1``, for npm ``name@^1``."""
        if self.type is Type.NPM:
            is_range = self.spec and _NPM_SPEC.fullmatch(self.spec) and not _ARCHIVE.search(self.spec)
            return f"{self.name}@{self.spec}" if is_range else self.name
        # A skill may say "3+", which is no constraint pip knows.
        return f"{self.name}{self.spec}" if self.spec and _PIP_SPEC.fullmatch(self.spec) else self.name


class Manifest(_Record):
    """All dependencies of one skill.

    Args:
        skill: The skill's name.
        entries: By type and name.
    """

    schema_: int = Field(default=1, alias="schema")
    skill: str
    entries: tuple[Dependency, ...] = ()

    def to_bind(self, *, optional: bool = False) -> tuple[Dependency, ...]:
        """The packages a private environment holds.

        Args:
            optional: Whether with those the skill can do without.
        """
        return tuple(entry for entry in self.entries if entry.installable and (entry.required or optional))

    @property
    def digest(self) -> str:
        """Names the private environment: 64 hex digits over what it may hold, and over nothing else."""
        held = [[entry.key, entry.spec, entry.required] for entry in self.to_bind(optional=True)]
        text = json.dumps({"schema": 1, "entries": sorted(held, key=str)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """The file."""
        plain = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(plain, ensure_ascii=False, indent=2) + "\n").encode()


def normal_name(name: str, type: str) -> str:
    """A name in the form it is compared in: PEP 503 for pip, else lower case."""
    return re.sub(r"[-_.]+", "-", name).lower() if type == Type.PIP else name.lower()


def sorted_entries(entries: Iterable[Dependency]) -> tuple[Dependency, ...]:
    """Entries by type, then name."""
    order = list(Type)
    return tuple(sorted(entries, key=lambda entry: (order.index(entry.type), entry.key)))


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        UsageError: It cannot be read, is no manifest, or is of a later schema.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        if len(data) > MAX_MANIFEST_BYTES:
            raise UsageError(f"{path}: no manifest: over {MAX_MANIFEST_BYTES >> 20} MiB")
        manifest = Manifest.model_validate_json(data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise UsageError(
            f"{path}: no manifest: {what}", help="compile the skill again with pass 2"
        ) from error
    if manifest.schema_ != 1:
        raise UsageError(f"{path}: written by a newer skvm (schema {manifest.schema_})")
    return manifest


__all__ += ["sorted_entries"]
