"""Pass 2: say what a skill needs of its environment, as data a person can read and a machine can bind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.compiler.contract import PassContext, PassResult, compiler_pass
from skvm.compiler.dependencies.extract import extract_manifest
from skvm.compiler.dependencies.findings import SKV220, SKV221, SKV222, SKV223, SKV224
from skvm.diagnostics import Diagnostic
from skvm.harness.environment.manifest import (
    INSTALL_CONFIDENCE,
    MANIFEST_NAME,
    Dependency,
    Manifest,
    normal_name,
)
from skvm.harness.environment.script import render_setup
from skvm.skill.ir import Skill

__all__ = ["BindEnv"]

_NOT_RUN = "nothing is run at compile time; skvm env check looks at the machine that will run the skill"
_SHOWN = 5


@compiler_pass("bind-env", number=2, produces=("deps", "envScript", "envSimulation"), version=2)
@dataclass(frozen=True, slots=True)
class BindEnv:
    """Typed entries read off the skill; a script rendered from them; nothing is installed or run."""

    async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
        """Extract, render, report; the text stays as it is."""
        manifest = extract_manifest(skill, ctx.options.refused)
        script = render_setup(manifest)
        return PassResult(
            artifacts={
                "deps": [_compatible(entry) for entry in manifest.entries],
                "envScript": script.decode(),
                "envSimulation": {
                    "attemptCount": 0,
                    "success": False,
                    "failureReason": _NOT_RUN,
                    "finalScriptValidated": False,
                },
            },
            diagnostics=tuple(_findings(skill, manifest, ctx.options.refused)),
            records={
                MANIFEST_NAME: manifest.to_bytes(),
                "env-lock.json": _lock(manifest),
                "env-setup.sh": script,
            },
        )


def _compatible(entry: Dependency) -> dict[str, Any]:
    """An entry as older readers know it, with our own keys behind theirs."""
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)


def _lock(manifest: Manifest) -> bytes:
    """What is known without a machine: what would be bound, by which words, under which digest."""
    record = {
        "schema": 1,
        "manifest": manifest.digest,
        "requirements": {
            "required": [f"{entry.type}:{entry.requirement}" for entry in manifest.to_bind()],
            "optional": [
                f"{entry.type}:{entry.requirement}"
                for entry in manifest.to_bind(optional=True)
                if not entry.required
            ],
        },
    }
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def _findings(skill: Skill, manifest: Manifest, refused: Sequence[str]) -> Iterator[Diagnostic]:
    """One finding for each refusal; what is only worth a note is told together."""
    path = f"{skill.root}/SKILL.md" if skill.root else "SKILL.md"
    for entry in manifest.entries:
        if entry.refused:
            where = f" ({entry.evidence})" if entry.evidence else ""
            yield SKV220.at(f"{entry.type}:{entry.name} is needed{where}, and may not be bound", path=path)
    needed = {entry.key for entry in manifest.entries if entry.refused}
    for item in refused:
        kind, _, name = item.partition(":")
        if f"{kind}:{normal_name(name, kind)}" not in needed:
            yield SKV222.at(f"{item} is refused, but not needed", path=path)
    guessed = [entry for entry in manifest.entries if entry.confidence < INSTALL_CONFIDENCE]
    if guessed:
        yield SKV221.at(f"only guessed: {_listed(guessed)}", path=path)
    elsewhere = [entry for entry in manifest.entries if entry.elsewhere]
    if elsewhere:
        yield SKV224.at(f"from an address of its own: {_listed(elsewhere)}", path=path)
    unpinned = [entry for entry in manifest.to_bind() if entry.spec is None]
    if unpinned:
        yield SKV223.at(f"without a version: {_listed(unpinned)}", path=path)


def _listed(entries: Sequence[Dependency]) -> str:
    shown = [f"{entry.type}:{entry.name} ({entry.evidence})" for entry in entries[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else "")
