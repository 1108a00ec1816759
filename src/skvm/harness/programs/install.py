"""Programs in private prefixes: ``<cache>/harnesses/<name>/<version>/``, whole or not at all.

npm and pip run in a cell that sees the new folder and the system, nothing of the user; where they fetch from
is the machine's own configuration. Packages' scripts do not run, but for those an entry says must: they run
when all is there, without a network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.errors import FindingsError, InfrastructureError
from skvm.harness.environment.build import Plan, build, is_inside
from skvm.harness.environment.manifest import Dependency, Type
from skvm.harness.environment.packages import BoundPackage, installed_packages
from skvm.harness.programs.catalogue import RECORD, Package, Program, prefix_of
from skvm.harness.sandbox import Sandbox
from skvm.harness.standing import Standing

__all__ = [
    "InstallRecord",
    "Installed",
    "find_installed",
    "install",
    "standing",
    "uninstall",
]

_NPM_FLAGS = (
    "--omit=dev",
    "--ignore-scripts",
    # Without a network npm would try for minutes.
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
_HELP = "look whether npm and pip reach their registry here; nothing was left behind"


class InstallRecord(BaseModel):
    """What lies in a prefix.

    Args:
        name: Of the program.
        version: Likewise.
        packages: All packages, those of others too; npm's with the registry's integrity.
        size_bytes: On disk.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")
    schema_: int = Field(default=1, alias="schema")
    name: str
    version: str
    packages: tuple[BoundPackage, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Installed:
    """A program that stands in its prefix.

    Args:
        entry: Which one.
        folder: The prefix.
        record: What lies in it.
    """

    entry: Program
    folder: Path
    record: InstallRecord

    @property
    def executable(self) -> Path:
        """The program."""
        return self.folder / self.entry.place


def standing(folder: Path) -> Standing:
    """The folder of a prefix, as something that stands or does not."""
    return Standing(folder, RECORD, "installation")


def find_installed(cache_dir: Path, entry: Program) -> Installed | None:
    """The pinned version of a program; ``None`` if it is not installed, or its executable is gone."""
    folder = prefix_of(cache_dir, entry)
    try:
        record = InstallRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    is_it = record.schema_ == 1 and (record.name, record.version) == (entry.name, entry.version)
    found = Installed(entry, folder, record)
    return found if is_it and os.access(found.executable, os.X_OK) else None


async def install(
    cache_dir: Path,
    entry: Program,
    sandbox: Sandbox,
    *,
    force: bool = False,
    timeout_s: float | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Installed:
    """Install the pinned version of one program, without what it needs; see ``find.to_install``.

    Args:
        cache_dir: Root of the cache.
        entry: Which one.
        sandbox: Where the installers run.
        force: Whether one that is there is installed anew.
        timeout_s: How long it may take in all, waiting for a slow registry included; ``None`` leaves it to
            the half hour each installer has.
        report: Told what is being done, one line each.

    Raises:
        InfrastructureError: No installer, no network, not within the time, another process installs it now,
            what came is not what we know under that version, or the disk refuses. What stood before stands.
    """
    found = find_installed(cache_dir, entry)
    if found is not None and not force:
        return found
    folder = prefix_of(cache_dir, entry)
    place = standing(folder)
    async with place.held(), place.scratch() as scratch:
        try:
            with anyio.fail_after(timeout_s):
                await build(_plan(entry, cache_dir), scratch, folder, sandbox, report)
        except FindingsError as error:
            raise InfrastructureError(f"{entry.name} {entry.version}: {error.message}", help=_HELP) from error
        except TimeoutError as error:
            late = f"{entry.name} {entry.version}: not installed within {timeout_s:g} s"
            raise InfrastructureError(late, help=_HELP) from error
        await anyio.to_thread.run_sync(_finish, entry, scratch, place)
    found = find_installed(cache_dir, entry)
    if found is None:
        raise InfrastructureError(f"{folder}: vanished while it was installed")
    return found


async def uninstall(cache_dir: Path, entry: Program) -> int:
    """Remove every version of a program from the cache; returns the bytes that were freed.

    Raises:
        InfrastructureError: A run stands on it, another process installs it now, or the disk refuses.
    """
    parent = prefix_of(cache_dir, entry).parent
    freed = 0
    for folder in await anyio.to_thread.run_sync(lambda: sorted(_versions(parent))):
        place = standing(folder)
        async with place.held():
            freed += await anyio.to_thread.run_sync(_size_of, folder)
            await anyio.to_thread.run_sync(place.remove)
    return freed


def _versions(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from (each for each in parent.iterdir() if each.is_dir() and not each.name.startswith("."))


def _plan(entry: Program, cache_dir: Path) -> Plan:
    from skvm.harness.programs.node import find_node

    # Scripts of packages want the Node that the program itself runs on.
    node = find_node(entry.node, cache_dir) if entry.scripts_of and entry.node else None
    packages = [package.resolved for package in entry.packages]
    return Plan(
        pip=tuple(_dependency(package) for package in packages if package.registry == "pypi"),
        npm=tuple(_dependency(package) for package in packages if package.registry == "npm"),
        pip_flags=("--only-binary", ":all:"),
        npm_flags=_NPM_FLAGS,
        npm_scripts=entry.scripts_of,
        path_prefix=(node.folder,) if node is not None and node.folder is not None else (),
    )


def _dependency(package: Package) -> Dependency:
    extras = f"[{','.join(package.extras)}]" if package.extras else ""
    return Dependency(
        name=package.name,
        type=Type.PIP if package.registry == "pypi" else Type.NPM,
        checkCommand="true",
        spec=f"{extras}=={package.version}" if package.registry == "pypi" else package.version,
    )


def _finish(entry: Program, scratch: Path, place: Standing) -> None:
    """Look at what came, write it down, give it its name.

    Raises:
        InfrastructureError: It is not what we know under that version, or lacks its executable.
    """
    packages, _ = installed_packages(scratch)
    for package in (each.resolved for each in entry.packages):
        _check_package(package, packages)
    executable = scratch / entry.place
    if not executable.is_file():
        raise InfrastructureError(
            f"{entry.name} {entry.version}: its packages hold no {entry.place}",
            help="name an executable of your own in the configuration",
        )
    if is_inside(executable, scratch):
        # npm does so for the commands of a package only.
        executable.chmod(0o755)
    record = InstallRecord(
        name=entry.name, version=entry.version, packages=packages, size_bytes=_size_of(scratch)
    )
    place.put(scratch, record.model_dump_json(by_alias=True, indent=2) + "\n")


def _check_package(package: Package, packages: tuple[BoundPackage, ...]) -> None:
    came = [
        each
        for each in packages
        if each.type == ("pip" if package.registry == "pypi" else "npm") and each.version == package.version
    ]
    named = [each for each in came if each.name.lower().replace("_", "-") == package.name.lower()]
    if not named:
        raise InfrastructureError(f"{package.name} {package.version}: not there after installing")
    if package.pin is not None and package.pin not in {each.digest for each in named}:
        raise InfrastructureError(
            f"{package.name} {package.version}: not the package we know under that version",
            help="do not use it; ask where your registry has it from",
        )


def _size_of(folder: Path) -> int:
    """Bytes on disk, what is linked twice counted once."""
    seen: dict[tuple[int, int], int] = {}
    for top, _, files in os.walk(folder):
        for name in files:
            status = (Path(top) / name).lstat()
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())
