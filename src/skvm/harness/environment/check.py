"""Is what a manifest names there? Looked up as an agent's cell would find it; no word of a skill is run."""

from __future__ import annotations

import importlib.machinery
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from skvm.harness.environment.bind import Bound
from skvm.harness.environment.build import cell_path
from skvm.harness.environment.manifest import INSTALL_CONFIDENCE, Dependency, Manifest, Type
from skvm.harness.environment.packages import find_distribution, npm_version
from skvm.harness.environment.versions import fits

__all__ = ["Presence", "State", "check_manifest", "missing_required"]

_GLOBAL_MODULES = (
    Path("/usr/lib/node_modules"),
    Path("/usr/local/lib/node_modules"),
    Path("/usr/share/nodejs"),
)
_DPKG = Path("/var/lib/dpkg/info")


class State(StrEnum):
    """What a look-up found."""

    PRESENT = "present"
    MISSING = "missing"
    WRONG_VERSION = "wrong-version"
    UNCHECKED = "unchecked"
    UNSURE = "unsure"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Presence:
    """One entry and whether it is there.

    Args:
        entry: The entry.
        state: What was found.
        detail: Version, place or reason; ``""`` where there is nothing to say.
    """

    entry: Dependency
    state: State
    detail: str = ""


def check_manifest(manifest: Manifest, bound: Bound | None = None) -> tuple[Presence, ...]:
    """Look every entry up, in the order of the manifest. Blocks for some file look-ups.

    Args:
        manifest: What is needed.
        bound: The private environment an agent would get.
    """
    return tuple(_look_up(entry, bound) for entry in manifest.entries)


def missing_required(found: tuple[Presence, ...]) -> tuple[Presence, ...]:
    """Those without which a documented function of the skill cannot work."""
    absent = (State.MISSING, State.WRONG_VERSION)
    return tuple(item for item in found if item.entry.required and item.state in absent)


def _look_up(entry: Dependency, bound: Bound | None) -> Presence:
    if entry.type is Type.SERVICE:
        hosts = ", ".join(entry.hosts)
        return Presence(entry, State.UNCHECKED, f"a service{f' at {hosts}' if hosts else ''}; not asked")
    look = {Type.PIP: _python_package, Type.NPM: _npm_package, Type.SYSTEM: _command}[entry.type]
    found = look(entry, bound)
    if found.state is State.PRESENT:
        return found
    if entry.refused:
        return Presence(entry, State.REFUSED, "may not be bound")
    if entry.elsewhere and found.state is State.MISSING:
        return Presence(entry, State.MISSING, "from an address of its own, never installed by skvm")
    if entry.confidence < INSTALL_CONFIDENCE:
        return Presence(entry, State.UNSURE, "not found, and not sure to be needed")
    return found


def _python_package(entry: Dependency, bound: Bound | None) -> Presence:
    if bound is not None and bound.site_packages is not None:
        version = find_distribution(entry.name, [str(bound.site_packages)])
        if version is not None:
            return _versioned(entry, version)
        # In a cell with this environment, "python3" is its Python, which sees no other packages.
        return Presence(entry, State.MISSING, "not in the private environment")
    python = shutil.which("python3", path=cell_path())
    if python is None:
        return Presence(entry, State.MISSING, "no python3")
    paths = list(_search_paths(python))
    version = find_distribution(entry.name, paths)
    if version is not None:
        return _versioned(entry, version)
    for module in entry.python_modules:
        spec = importlib.machinery.PathFinder.find_spec(module, paths) if "." not in module else None
        if spec is not None and spec.origin is not None:
            return Presence(entry, State.PRESENT, f"module {module}, version unknown")
    return Presence(entry, State.MISSING, f"not in {python}")


def _versioned(entry: Dependency, version: str) -> Presence:
    if fits(version, entry.spec):
        return Presence(entry, State.PRESENT, version)
    return Presence(entry, State.WRONG_VERSION, f"{version} is there, {entry.spec} is needed")


@cache
def _search_paths(python: str) -> tuple[str, ...]:
    """Where an interpreter of the system looks for modules."""
    argv = [python, "-I", "-c", "import json, sys; print(json.dumps(sys.path))"]
    try:
        done = subprocess.run(argv, check=False, capture_output=True, timeout=20, env={"PATH": cell_path()})
        return tuple(path for path in json.loads(done.stdout) if path)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()


def _npm_package(entry: Dependency, bound: Bound | None) -> Presence:
    places = [bound.folder / "npm" / "node_modules"] if bound else []
    for modules in (*places, *_GLOBAL_MODULES):
        version = npm_version(modules, entry.name)
        if version is not None:
            return Presence(entry, State.PRESENT, version)
    for name in entry.commands:
        found = shutil.which(name, path=_path(bound))
        if found:
            return Presence(entry, State.PRESENT, found)
    return Presence(entry, State.MISSING, "no such package")


def _command(entry: Dependency, bound: Bound | None) -> Presence:
    for name in entry.commands or (entry.name,):
        found = shutil.which(name, path=_path(bound))
        if found:
            return Presence(entry, State.PRESENT, found)
    if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", entry.name) and any(_DPKG.glob(f"{entry.name}[.:]*list")):
        return Presence(entry, State.PRESENT, "system package")
    elsewhere = next((place for name in entry.commands if (place := shutil.which(name))), None)
    hint = f"{elsewhere} is on your PATH, but agents cannot see it" if elsewhere else "no such command"
    return Presence(entry, State.MISSING, hint)


def _path(bound: Bound | None) -> str:
    prefix = [str(place) for place in bound.path_prefix] if bound else []
    return ":".join([*prefix, cell_path()])
