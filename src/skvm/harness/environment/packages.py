"""What is installed in a folder, read off its files; nothing in it is run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

__all__ = ["BoundPackage", "find_distribution", "installed_packages", "npm_version", "site_packages"]


class BoundPackage(BaseModel):
    """An installed package.

    Args:
        type: ``pip`` or ``npm``.
        name: As it calls itself.
        version: Likewise.
        digest: Of the list of its files with their hashes (pip), or the registry's integrity (npm).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: str
    name: str
    version: str
    digest: str | None = None


def site_packages(venv: Path) -> Path | None:
    """The folder of a virtual environment that holds its packages."""
    return next(iter(sorted(venv.glob("lib/python3*/site-packages"))), None)


def find_distribution(name: str, paths: list[str]) -> str | None:
    """Version of a distribution in any of some folders; ``None`` if none of them holds it."""
    context = importlib.metadata.DistributionFinder.Context(name=name, path=paths)
    for found in importlib.metadata.MetadataPathFinder.find_distributions(context):
        # A folder that was only half removed has no metadata.
        version = found.metadata["Version"] if found.metadata else None
        if version:
            return str(version)
    return None


def npm_version(modules: Path, name: str) -> str | None:
    """Version of a package in a ``node_modules`` folder; ``None`` if it is not there."""
    try:
        data = json.loads((modules / name / "package.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    version = data.get("version") if isinstance(data, dict) else None
    return version if isinstance(version, str) else None


def installed_packages(folder: Path) -> tuple[tuple[BoundPackage, ...], str | None]:
    """All packages of a private environment, sorted, and the version of its Python."""
    site = site_packages(folder / "venv")
    found = [*(_distributions(site) if site else ()), *_npm_packages(folder / "npm")]
    python = site.parent.name.removeprefix("python") if site else None
    return tuple(sorted(found, key=lambda item: (item.type, item.name.lower(), item.version))), python


def _distributions(site: Path) -> Iterator[BoundPackage]:
    for found in importlib.metadata.distributions(path=[str(site)]):
        record = found.read_text("RECORD")
        digest = f"sha256:{hashlib.sha256(record.encode()).hexdigest()}" if record else None
        name = found.metadata["Name"]
        if name:
            yield BoundPackage(type="pip", name=str(name), version=str(found.version), digest=digest)


def _npm_packages(prefix: Path) -> Iterator[BoundPackage]:
    try:
        lock = json.loads((prefix / "package-lock.json").read_bytes())
        listed = dict(lock["packages"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    for path, data in listed.items():
        if path and isinstance(data, dict) and isinstance(data.get("version"), str):
            integrity = data.get("integrity")
            yield BoundPackage(
                type="npm",
                name=path.rpartition("node_modules/")[2],
                version=data["version"],
                digest=integrity if isinstance(integrity, str) else None,
            )
