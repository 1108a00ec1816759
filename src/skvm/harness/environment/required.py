"""What a run of a skill stands on: the private environment of its manifest, with all it requires."""

from __future__ import annotations

from pathlib import Path

from skvm.errors import FindingsError
from skvm.harness.environment.bind import Bound, find_bound
from skvm.harness.environment.check import check_manifest, missing_required
from skvm.harness.environment.manifest import MANIFEST_NAME, load_manifest
from skvm.settings import Settings

__all__ = ["bound_environment"]


def bound_environment(settings: Settings, folder: Path, *, allow_missing: bool) -> Bound | None:
    """The private environment a run of a variant gets; ``None`` for a skill without a manifest, or unbound.

    Args:
        settings: Where the cache is.
        folder: The folder of the skill.
        allow_missing: Whether to go on without what it requires.

    Raises:
        FindingsError: Something it requires is not there.
        UsageError: Its manifest cannot be read.
    """
    if not (folder / MANIFEST_NAME).is_file():
        return None
    manifest = load_manifest(folder / MANIFEST_NAME)
    bound = find_bound(settings.cache_dir, manifest)
    missing = missing_required(check_manifest(manifest, bound))
    if missing and not allow_missing:
        named = ", ".join(f"{item.entry.type}:{item.entry.requirement}" for item in missing)
        raise FindingsError(
            f"skill {manifest.skill!r} requires what is not there: {named}",
            help=f"skvm env apply {folder}, or --allow-missing to run all the same",
        )
    return bound
