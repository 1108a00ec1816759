"""The private environment of a manifest: found, built whole or not at all, removed.

One folder under the cache per manifest hash. It is built beside its name and renamed, so that whoever is
killed meanwhile leaves either the old one, the new one or rubbish that the next build clears away.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.errors import InfrastructureError
from skvm.harness.environment.build import Plan, build, is_inside, plan_of
from skvm.harness.environment.manifest import Manifest
from skvm.harness.environment.packages import BoundPackage, installed_packages, site_packages
from skvm.harness.sandbox import Sandbox
from skvm.harness.standing import Standing

__all__ = ["Bound", "BoundRecord", "bind", "environment_dir", "find_bound", "unbind", "using"]

RECORD = "environment.json"


class BoundRecord(BaseModel):
    """What lies in a private environment.

    Args:
        manifest: Digest of the manifest it was built for.
        python: Version of its Python, ``None`` without one.
        packages: All of them, dependencies of dependencies too.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")
    schema_: int = Field(default=1, alias="schema")
    manifest: str
    python: str | None = None
    packages: tuple[BoundPackage, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A private environment that stands.

    Args:
        folder: Where.
        record: What lies in it.
    """

    folder: Path
    record: BoundRecord

    @property
    def path_prefix(self) -> tuple[Path, ...]:
        """Directories to put before PATH; none that a link leads out of the environment by."""
        places = (self.folder / "venv" / "bin", self.folder / "npm" / "node_modules" / ".bin")
        return tuple(place for place in places if place.is_dir() and is_inside(place, self.folder))

    @property
    def env(self) -> Mapping[str, str]:
        """Variables that make programs find it."""
        found = {}
        if (self.folder / "venv").is_dir():
            found["VIRTUAL_ENV"] = str(self.folder / "venv")
        if (self.folder / "npm" / "node_modules").is_dir():
            found["NODE_PATH"] = str(self.folder / "npm" / "node_modules")
        return found

    @property
    def site_packages(self) -> Path | None:
        """Where its Python packages lie."""
        return site_packages(self.folder / "venv")


def environment_dir(cache_dir: Path, manifest: Manifest) -> Path:
    """Where the private environment of a manifest lies, if there is one."""
    return cache_dir / "environments" / manifest.digest[:32]


def find_bound(cache_dir: Path, manifest: Manifest) -> Bound | None:
    """The private environment of a manifest; ``None`` if there is none, or its Python is gone."""
    folder = environment_dir(cache_dir, manifest)
    try:
        record = BoundRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    if record.schema_ != 1 or record.manifest != manifest.digest or not _has_python(folder, record.python):
        return None
    return Bound(folder, record)


def _has_python(folder: Path, version: str | None) -> bool:
    """Whether the Python an environment was made with still is what its starter leads to."""
    if version is None:
        return True
    starter = Path(os.path.realpath(folder / "venv" / "bin" / "python3"))
    found = re.fullmatch(r"python(\d+\.\d+)", starter.name)
    return starter.is_file() and (found is None or found[1] == version)


@asynccontextmanager
async def using(bound: Bound | None) -> AsyncIterator[None]:
    """Keep an environment from being replaced or removed while a run stands on it.

    Raises:
        InfrastructureError: It is being built or removed now, or is gone.
    """
    with contextlib.ExitStack() as stack:
        if bound is not None:
            shared = _standing(bound.folder).shared()
            await anyio.to_thread.run_sync(lambda: stack.enter_context(shared))
        yield


def _standing(folder: Path) -> Standing:
    return Standing(folder, RECORD, "environment")


async def bind(
    cache_dir: Path,
    manifest: Manifest,
    sandbox: Sandbox,
    *,
    optional: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> Bound:
    """Build the private environment of a manifest; one that stands already is replaced.

    Args:
        cache_dir: Root of the cache.
        manifest: What to install.
        sandbox: Where installers run: they see the new folder and the system, nothing of the user.
        optional: Whether with what the skill can do without.
        report: Told what is being done, one line each.

    Raises:
        FindingsError: An installer refused; nothing is left behind.
        InfrastructureError: Another process builds it now, no installer is there, or the disk refuses.
    """
    folder = environment_dir(cache_dir, manifest)
    plan = plan_of(manifest, optional=optional)
    standing = _standing(folder)
    async with standing.held(), standing.scratch() as scratch:
        await build(plan, scratch, folder, sandbox, report)
        await anyio.to_thread.run_sync(_finish, plan, manifest, scratch, folder)
    bound = find_bound(cache_dir, manifest)
    if bound is None:
        raise InfrastructureError(f"{folder}: vanished while it was built")
    return bound


async def unbind(cache_dir: Path, manifest: Manifest) -> bool:
    """Remove the private environment of a manifest; ``False`` if there was none.

    Raises:
        InfrastructureError: Another process builds it now, or the disk refuses.
    """
    folder = environment_dir(cache_dir, manifest)
    if not folder.parent.is_dir():
        return False
    standing = _standing(folder)
    async with standing.held():
        stood = folder.is_dir()
        if stood:
            await anyio.to_thread.run_sync(standing.remove)
    return stood


def _finish(plan: Plan, manifest: Manifest, scratch: Path, folder: Path) -> None:
    """Write the record and give the folder its name."""
    packages, python = installed_packages(scratch)
    plan.check(packages)
    record = BoundRecord(manifest=manifest.digest, python=python, packages=packages)
    _standing(folder).put(scratch, record.model_dump_json(by_alias=True, indent=2) + "\n")
