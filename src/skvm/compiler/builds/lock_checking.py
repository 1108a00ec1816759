"""Whether a ``skvm.lock`` is what compiles wrote, and fits the skill it lies beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from skvm.compiler.builds.build import data_digest
from skvm.compiler.builds.faults import SKV285
from skvm.compiler.builds.lockfile import Lock, LockedBuild, disagreements, lock_bytes, read_lock
from skvm.compiler.builds.proof_checking import Verdict, counted
from skvm.compiler.builds.variant import is_complete, variant_dir
from skvm.compiler.contract import PASSES
from skvm.errors import FindingsError, UsageError
from skvm.settings import Settings
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill

__all__ = ["check_lock"]


def check_lock(path: Path, settings: Settings) -> Verdict:
    """Check a lock by itself, against the skill beside it and against the variants that lie in the cache.

    Args:
        path: The lock.
        settings: Where variants lie.
    """
    try:
        lock = read_lock(path)
    except FindingsError as error:
        return Verdict(
            (SKV285.at(error.message.removeprefix(f"{SKV285.code}: "), path=path, help=error.help),)
        )
    wrong: list[str] = []
    notes: list[str] = []
    try:
        is_as_written = path.read_bytes() == lock_bytes(lock)
    except FileNotFoundError:
        return Verdict((SKV285.at(f"{path}: there is no lock", path=path),))
    if not is_as_written:
        wrong.append("it is not as it was written")
    try:
        here = skill_digest(load_skill(path.parent))
    except UsageError as error:
        here = None
        notes.append(f"no skill beside it to compare with: {error.message}")
    for name, build in sorted(lock.targets.items()):
        wrong += disagreements(name, build, lock)
        if here is not None and build.inputs.get("skill") != here:
            wrong.append(f"{name}: it was made from another state of the skill beside it")
        notes += [f"{name}: {what}" for what in _elsewhere(build)]
        found, told = _variant(name, build, settings)
        wrong += found
        notes += told
    findings = tuple(SKV285.at(f"{path.name}: {what}", path=path) for what in wrong)
    return Verdict(findings, _checked(lock), tuple(notes))


def _checked(lock: Lock) -> tuple[str, ...]:
    return (f"{counted(len(lock.targets), 'build')} and {counted(len(lock.answers), 'recorded answer')}",)


def _elsewhere(build: LockedBuild) -> Iterator[str]:
    """What of this version of the compiler is not that of the build."""
    here = {registered.id: registered.version for registered in PASSES.all()}
    for found in build.inputs.get("passes", ()):
        if here.get(found.get("id")) != found.get("version"):
            yield f"made by another version of {found.get('id')}; a frozen compile will refuse"
    if build.inputs.get("data") != data_digest():
        yield "made with other data of the compiler; a frozen compile will refuse"


def _variant(name: str, build: LockedBuild, settings: Settings) -> tuple[list[str], list[str]]:
    """Findings and notes on the variant in the cache."""
    inputs = build.inputs
    try:
        tag = name.rpartition(" ")[2]
        place = variant_dir(
            settings.proposals_dir,
            harness=str(inputs["harness"]),
            model=str(inputs["model"]),
            skill_id=str(inputs["skillId"]),
            tag=tag,
        )
    except (KeyError, UsageError):
        return [f"{name}: names no variant"], []
    if not is_complete(place):
        return [], [f"{name}: no variant in the cache to compare with"]
    meta = json.loads((place / "meta.json").read_bytes())
    provenance = meta.get("provenance")
    made = provenance.get("variantDigest") if isinstance(provenance, dict) else None
    if meta.get("buildKey") != build.build_key:
        return [], [f"{name}: the variant in the cache is another build"]
    return (
        [] if made == build.variant else [f"{name}: the variant in the cache is not that of the lock"]
    ), []
