"""Variants that lie installed: what they were made from, what their decisions rest on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skvm.compiler.builds.proof import edit_of
from skvm.compiler.builds.standing import skill_of
from skvm.compiler.builds.variant import is_complete
from skvm.compiler.contract import CompileOptions
from skvm.errors import SkvmError
from skvm.harness.contract import path_name
from skvm.optimizer.adapting.profile_evidence import levels_of
from skvm.settings import Settings
from skvm.skill.edit import Edit
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill
from skvm.target.contract import Level
from skvm.target.store import safe_model

__all__ = ["RECORD", "Installed", "installed_variants", "read_installed"]

RECORD = "_artifacts/recompiled.json"
"""What a recompile leaves in a variant: what it answered, and the levels decisions went by elsewhere."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A variant on disk.

    Args:
        folder: Where it lies.
        proof: What ``proof.json`` holds.
        skill: The compiled skill, without our own files.
        whole: The folder as a skill, our own files among its bundle, under the original's id.
        record: What an earlier recompile left; empty without one.
    """

    folder: Path
    proof: Mapping[str, Any]
    skill: Skill
    whole: Skill
    record: Mapping[str, Any]

    @property
    def skill_id(self) -> str:
        """The original's id."""
        return str(self.proof["skillId"])

    @property
    def model(self) -> str:
        """Full model id of its target."""
        return str(self.proof["build"]["inputs"]["model"])

    @property
    def harness(self) -> str:
        """Harness name of its target."""
        return str(self.proof["build"]["inputs"]["harness"])

    @property
    def passes(self) -> tuple[str, ...]:
        """Names of its passes, in the order they ran."""
        return tuple(str(found["id"]) for found in self.proof["build"]["inputs"]["passes"])

    @property
    def options(self) -> CompileOptions:
        """What the person decided when it was compiled, but for measuring."""
        told = self.proof["build"]["inputs"]["options"]
        return CompileOptions(
            eliminate=bool(told.get("eliminate", True)),
            refused=tuple(map(str, told.get("refused", ()))),
            compiler_model=str(told.get("compilerModel", "none")),
        )

    @property
    def levels(self) -> dict[str, Level]:
        """The levels its decisions rest on; where only some places were lowered, those of the others."""
        told = (self.proof.get("target") or {}).get("levels") or {}
        return levels_of({**told, **(self.record.get("levels") or {})})

    @property
    def digests(self) -> frozenset[str]:
        """What a run of it is recorded with, as a bench delivers it or as a folder."""
        return frozenset({str(self.proof["variant"]), skill_digest(self.whole)})

    @property
    def digest(self) -> str:
        """The compiled skill's."""
        return str(self.proof["variant"])

    def edits(self, pass_id: str) -> tuple[Edit, ...]:
        """The edits of a pass that stand; spans in the text before that pass."""
        return tuple(edit_of(found) for found in self.proof["edits"] if found["pass"] == pass_id)

    @property
    def answered(self) -> frozenset[tuple[str, str]]:
        """Failure classes (primitive, cause) it was recompiled for."""
        found = self.record.get("answered", ())
        pairs = [each for each in found if isinstance(each, Sequence) and len(each) == 2]
        return frozenset((str(each[0]), str(each[1])) for each in pairs)


def read_installed(folder: Path) -> Installed | None:
    """The variant in a folder; ``None`` where there is no whole one of ours."""
    if not is_complete(folder):
        return None
    try:
        proof = json.loads((folder / "proof.json").read_bytes())
        skill = skill_of(folder, proof)
        whole = replace(load_skill(folder), id=str(proof["skillId"]))
        found = Installed(folder, proof, skill, whole, _record(folder))
        # Whatever it is that cannot be followed is no variant of ours.
        _ = (found.model, found.harness, found.passes, found.edits(""), found.digest)
    except (OSError, ValueError, KeyError, TypeError, SkvmError):
        return None
    return found


def _record(folder: Path) -> Mapping[str, Any]:
    try:
        value = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def installed_variants(
    settings: Settings, *, model: str | None = None, harness: str | None = None, skill_id: str | None = None
) -> Iterator[Installed]:
    """Every whole variant, in order of path.

    Args:
        settings: Say where variants lie.
        model: Only of this target model.
        harness: Only of this harness.
        skill_id: Only of this skill.
    """
    root = settings.proposals_dir / "aot-compile"
    parts = [
        path_name(harness) if harness else "*",
        safe_model(model) if model else "*",
        skill_id or "*",
    ]
    if any(set(part) & set("[]?") for part in parts if part != "*"):
        return
    for folder in sorted(root.glob("/".join([*parts, "*"]))):
        found = read_installed(folder) if folder.is_dir() and not folder.name.startswith(".") else None
        if found is not None and (model is None or found.model == model):
            yield found
