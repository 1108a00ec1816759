"""A build: everything a variant is a function of, and the key made from it."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.resources
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any

from pydantic.alias_generators import to_camel

from skvm.compiler.contract import CompileOptions, RegisteredPass
from skvm.errors import UsageError
from skvm.skill.bundle import digest_of
from skvm.skill.emit import skill_digest
from skvm.skill.ir import Skill
from skvm.target.profile import Profile

__all__ = [
    "BuildInputs",
    "build_key",
    "data_digest",
    "inputs_of",
    "json_digest",
    "profile_digest",
    "stamp_of",
]

_LAST_SECOND = 253_402_300_799


@dataclasses.dataclass(frozen=True, slots=True)
class BuildInputs:
    """What a variant is made from, apart from what a model answered.

    Args:
        skill: Digest of the skill's bytes.
        skill_id: What the skill is called by its folder.
        model: Full model id of the target.
        harness: Harness name of the target.
        profile: Digest of what the profile says; ``None`` without one.
        failures: Digest of the failure reports given with the profile; ``None`` without any.
        passes: Name and version of each pass, in the order they run.
        options: What the person decided.
        data: Digest of the data and scripts that come with the compiler.
        stamp: The time the variant carries.
    """

    skill: str
    skill_id: str
    model: str
    harness: str
    profile: str | None
    failures: str | None
    passes: tuple[tuple[str, int], ...]
    options: CompileOptions
    data: str
    stamp: str

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "skill": self.skill,
            "skillId": self.skill_id,
            "model": self.model,
            "harness": self.harness,
            "profile": self.profile,
            "failures": self.failures,
            "passes": [{"id": name, "version": version} for name, version in self.passes],
            "options": {
                to_camel(name): _jsonable(value) for name, value in dataclasses.asdict(self.options).items()
            },
            "data": self.data,
            "stamp": self.stamp,
        }


def inputs_of(
    skill: Skill,
    *,
    model: str,
    harness: str,
    profile: Profile | None,
    passes: Sequence[RegisteredPass],
    options: CompileOptions,
    failures: Mapping[str, Any] | None = None,
) -> BuildInputs:
    """The inputs of a compile.

    Raises:
        UsageError: ``SOURCE_DATE_EPOCH`` is not a count of seconds.
    """
    return BuildInputs(
        skill=skill_digest(skill),
        skill_id=skill.id,
        model=model,
        harness=harness,
        profile=profile_digest(profile) if profile is not None else None,
        failures=json_digest(failures) if failures else None,
        passes=tuple((registered.id, registered.version) for registered in passes),
        options=options,
        data=data_digest(),
        stamp=stamp_of(profile),
    )


def build_key(inputs: Mapping[str, Any], answers: Mapping[str, str]) -> str:
    """``sha256:…`` of a build's inputs, as recorded, and of the answers it used (digests by key)."""
    return json_digest({"schema": 1, "inputs": inputs, "answers": answers})


def json_digest(value: Any) -> str:
    """``sha256:…`` of a JSON value, whatever order its keys came in."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return digest_of(text.encode("utf-8", "surrogatepass"))


def profile_digest(profile: Profile) -> str:
    """Digest of what a profile says, whatever file it came from."""
    return digest_of(profile.model_dump_json(by_alias=True).encode())


def stamp_of(profile: Profile | None) -> str:
    """A time that depends on the inputs only: ``SOURCE_DATE_EPOCH``, else the profile's."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        if not (epoch.isascii() and epoch.isdecimal()) or int(epoch) > _LAST_SECOND:
            raise UsageError(f"SOURCE_DATE_EPOCH is not a count of seconds: {epoch!r}")
        return datetime.fromtimestamp(int(epoch), UTC).isoformat().replace("+00:00", "Z")
    return profile.profiled_at if profile else "1970-01-01T00:00:00Z"


@cache
def data_digest() -> str:
    """Digest of what comes with the compiler beside its code: maps, tables, scripts put into bundles."""
    total = hashlib.sha256()
    for name, file in _data_files(importlib.resources.files("skvm.compiler"), ""):
        total.update(f"{name}\0{digest_of(file.read_bytes())}\0".encode())
    return f"sha256:{total.hexdigest()}"


def _data_files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _data_files(entry, f"{prefix}{entry.name}/")
        elif not entry.name.endswith((".py", ".pyc")) or prefix.startswith("scripts/"):
            yield prefix + entry.name, entry


def _jsonable(value: Any) -> Any:
    """Tuples as lists, so that what is read back equals what was written."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value
