"""What commands share about the environment of a skill: its manifest, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.harness.environment.bind import Bound
    from skvm.harness.environment.check import Presence
    from skvm.harness.environment.manifest import Manifest

__all__ = ["environment_json", "manifest_of", "print_presences"]

_STYLES = {"present": "green", "missing": "bold red", "wrong-version": "bold red", "refused": "yellow"}


def manifest_of(path: Path) -> Manifest:
    """The manifest of a variant; of any other skill folder, one made on the spot.

    Raises:
        UsageError: No skill is there, or its manifest cannot be read.
    """
    from skvm.harness.environment.manifest import MANIFEST_NAME, load_manifest

    folder = path.parent if path.name == "SKILL.md" else path
    if (folder / MANIFEST_NAME).is_file():
        return load_manifest(folder / MANIFEST_NAME)
    from skvm.compiler.dependencies.extract import extract_manifest
    from skvm.skill.frontend import load_skill

    return extract_manifest(load_skill(path))


def print_presences(found: Sequence[Presence]) -> None:
    """A line an entry: what, version, whether it is there, where the skill says so."""
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, visible

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("type", "name", "needs", "state", "detail", "evidence"):
        # A name cut short could not be installed; where it is narrow, details wrap.
        table.add_column(title, overflow="fold", no_wrap=title in ("type", "name", "state"))
    for item in found:
        entry = item.entry
        table.add_row(
            entry.type.value,
            Text(entry.name, style="" if entry.required else "dim"),
            Text(" ".join(part for part in (entry.spec, None if entry.required else "optional") if part)),
            Text(item.state.value, style=_STYLES.get(item.state.value, "")),
            Text(visible(item.detail)),
            Text(visible(entry.evidence or ""), style="dim"),
        )
    out.print(table)


def environment_json(manifest: Manifest, bound: Bound | None, found: Sequence[Presence]) -> dict[str, Any]:
    """What ``skvm env`` prints with ``--json``."""
    from skvm.harness.environment.check import missing_required

    return {
        "schema": 1,
        "skill": manifest.skill,
        "manifest": manifest.digest,
        "environment": str(bound.folder) if bound else None,
        "packages": [item.model_dump() for item in bound.record.packages] if bound else [],
        "entries": [
            {
                "type": item.entry.type.value,
                "name": item.entry.name,
                "spec": item.entry.spec,
                "required": item.entry.required,
                "confidence": item.entry.confidence,
                "state": item.state.value,
                "detail": item.detail,
                "evidence": item.entry.evidence,
            }
            for item in found
        ],
        "missing": [f"{item.entry.type}:{item.entry.requirement}" for item in missing_required(tuple(found))],
    }
