"""The private environment of a manifest: found, built whole or not at all, removed.

One folder under the cache per manifest hash. It is built beside its name and renamed, so that whoever is
killed meanwhile leaves either the old one, the new one or rubbish that the next build clears away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.errors import InfrastructureError
from skvm.harness.environment.build import Plan, build, plan_of
from skvm.harness.environment.manifest import Manifest
from skvm.harness.environment.packages import BoundPackage, installed_packages, site_packages
from skvm.harness.sandbox import Sandbox

__all__ = ["Bound", "BoundRecord", "bind", "environment_dir", "find_bound", "unbind"]

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
        """Directories to put before PATH."""
        places = (self.folder / "venv" / "bin", self.folder / "npm" / "node_modules" / ".bin")
        return tuple(place for place in places if place.is_dir())

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
    """The private environment of a manifest; ``None`` if there is none."""
    folder = environment_dir(cache_dir, manifest)
    try:
        record = BoundRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    return Bound(folder, record) if record.schema_ == 1 and record.manifest == manifest.digest else None


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
    async with _held(folder), _scratch(folder) as scratch:
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
    async with _held(folder):
        stood = folder.is_dir()
        if stood:
            await anyio.to_thread.run_sync(_remove, folder)
    return stood


def _finish(plan: Plan, manifest: Manifest, scratch: Path, folder: Path) -> None:
    """Write the record and give the folder its name."""
    packages, python = installed_packages(scratch)
    plan.check(packages)
    record = BoundRecord(manifest=manifest.digest, python=python, packages=packages)
    try:
        # Cells of another user must be able to read it.
        scratch.chmod(0o755)
        (scratch / RECORD).write_text(
            record.model_dump_json(by_alias=True, indent=2) + "\n", encoding="utf-8"
        )
        old = folder.parent / f".{folder.name}.old-{os.getpid()}"
        if folder.exists():
            folder.rename(old)
        try:
            scratch.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InfrastructureError(f"{folder}: cannot be written: {error.strerror or error}") from error


@asynccontextmanager
async def _held(folder: Path) -> AsyncIterator[None]:
    """Hold the name of an environment; the kernel lets go of it with the process, however that ends."""
    stack = contextlib.ExitStack()

    def take() -> None:
        stack.enter_context(_lock(folder))

    await anyio.to_thread.run_sync(take)
    try:
        yield
    finally:
        stack.close()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    path = folder.parent / f".{folder.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InfrastructureError(
                f"{folder}: another process builds or removes this environment now",
                help="wait for it to end, then run the command again",
            ) from error
        _reap(folder)
        yield


def _reap(folder: Path) -> None:
    """Clear what a killed build left; one that died between the two renames gets its old folder back."""
    for left in sorted(folder.parent.glob(f".{folder.name}.old-*")):
        if not folder.exists() and (left / RECORD).is_file():
            left.rename(folder)
    for pattern in (f".{folder.name}.new-*", f".{folder.name}.old-*"):
        for left in folder.parent.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)


@asynccontextmanager
async def _scratch(folder: Path) -> AsyncIterator[Path]:
    """A new folder whose path is longer than the final one's, removed unless it has been renamed."""
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
    except OSError as error:
        raise InfrastructureError(f"{folder.parent}: cannot be written: {error.strerror}") from error
    try:
        yield made
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(made, ignore_errors=True))


def _remove(folder: Path) -> None:
    away = folder.parent / f".{folder.name}.old-{os.getpid()}"
    try:
        # The record goes first: a folder without one is never taken for an environment again.
        (folder / RECORD).unlink(missing_ok=True)
        folder.rename(away)
        shutil.rmtree(away)
    except OSError as error:
        raise InfrastructureError(f"{folder}: cannot be removed: {error.strerror or error}") from error
