"""Which program a run takes: one that is named, else the one we installed, else one on PATH."""

from __future__ import annotations

import configparser
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import anyio.to_thread

from skvm.errors import ConfigError, InfrastructureError
from skvm.harness.confine.provision import SYSTEM
from skvm.harness.environment.packages import find_distribution, site_packages
from skvm.harness.programs.catalogue import Program, find_entry, here, prefix_of
from skvm.harness.programs.install import Installed, find_installed, standing
from skvm.harness.programs.node import find_node
from skvm.settings import Settings

__all__ = ["Found", "Origin", "find_program", "require_program", "to_install", "using"]

Origin = Literal["variable", "config", "installed", "path"]


@dataclass(frozen=True, slots=True)
class Found:
    """A program a run can take.

    Args:
        entry: What we know of it.
        executable: What is started, links followed.
        origin: How it was found.
        version: What its package says, ``None`` if that cannot be told from its files.
        shown: What a cell must be shown of it, beside ``path_prefix``.
        path_prefix: Folders to put before PATH.
        needed: Executables of the entries it needs, by name.
        lacks: Names of entries it cannot do without and that are nowhere.
        folders: Prefixes of ours it stands on.
    """

    entry: Program
    executable: Path
    origin: Origin
    version: str | None
    shown: tuple[Path, ...] = ()
    path_prefix: tuple[Path, ...] = ()
    needed: Mapping[str, Path] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()

    @property
    def is_tested(self) -> bool:
        """Whether this version is one that worked with us."""
        return self.entry.is_tested(self.version)


def find_program(entry: Program, settings: Settings, *, env: Mapping[str, str] | None = None) -> Found | None:
    """The program a run takes; ``None`` if it is nowhere. Starts nothing but, for its version, a Node.

    Args:
        entry: Which one.
        settings: Where our prefixes are, and what the configuration says.
        env: Instead of our own environment.

    Raises:
        ConfigError: The variable or the configuration names something that is not there.
    """
    env = os.environ if env is None else env
    if named := _named(entry, settings, env):
        source, place = named
        origin: Origin = "variable" if source == entry.variable else "config"
        return _completed(_foreign(entry, _executable(entry, place, source), origin), settings, env)
    if (installed := find_installed(settings.cache_dir, entry)) is not None:
        return _completed(_ours(installed), settings, env)
    for command in entry.commands:
        if on_path := shutil.which(command, path=env.get("PATH")):
            return _completed(_foreign(entry, Path(on_path).absolute(), "path"), settings, env)
    return None


def require_program(name: str, settings: Settings, *, env: Mapping[str, str] | None = None) -> Found:
    """The program of that name, with all it needs.

    Raises:
        UsageError: We know no such program.
        ConfigError: The variable or the configuration names something that is not there.
        InfrastructureError: It, or what it needs, is not installed.
    """
    entry = find_entry(name)
    found = find_program(entry, settings, env=env)
    if found is None:
        raise InfrastructureError(
            f"{entry.title} is not installed", help=f"run `skvm harness install {entry.name}`"
        )
    if found.lacks:
        lacking = " and ".join(_described(entry, each) for each in found.lacks)
        raise InfrastructureError(
            f"{entry.title} needs {lacking}", help=f"run `skvm harness install {' '.join(found.lacks)}`"
        )
    return found


def to_install(entry: Program, settings: Settings, *, force: bool = False) -> tuple[Program, ...]:
    """An entry and what it needs, in the order to install them, without what is there already.

    Args:
        entry: Which one.
        settings: Where our prefixes are.
        force: Whether with the entry itself although it is there.
    """
    wanted: dict[str, Program] = {}
    for name in entry.needs:
        needed = find_entry(name)
        if find_program(needed, settings) is None:
            wanted |= {each.name: each for each in to_install(needed, settings)}
    if entry.node is not None and find_node(entry.node, settings.cache_dir) is None:
        wanted["node"] = find_entry("node")
    if force or find_installed(settings.cache_dir, entry) is None:
        wanted[entry.name] = entry
    return tuple(wanted.values())


@asynccontextmanager
async def using(found: Found) -> AsyncIterator[None]:
    """Keep the prefixes of a program from being replaced or removed while a run stands on them.

    Raises:
        InfrastructureError: One is being installed or removed now, or is gone.
    """
    with ExitStack() as stack:
        for folder in found.folders:
            shared = standing(folder).shared()
            await anyio.to_thread.run_sync(stack.enter_context, shared)
        yield


def _described(entry: Program, name: str) -> str:
    if name == "node" and entry.node:
        return f"Node {'.'.join(map(str, entry.node))} or later"
    return find_entry(name).title


def _named(entry: Program, settings: Settings, env: Mapping[str, str]) -> tuple[str, str] | None:
    """What says which executable to take, and what it says."""
    if entry.variable and env.get(entry.variable):
        return entry.variable, env[entry.variable]
    configured = settings.adapters.get(entry.name)
    if configured is not None and configured.path is not None:
        return f"adapters.{entry.name}", str(configured.path)
    return None


def _executable(entry: Program, said: str, source: str) -> Path:
    """The executable something names: itself, the one of a built checkout, the one beside a Python.

    Raises:
        ConfigError: It is not there.
    """
    place = Path(said).expanduser()
    if "/" not in said and not place.exists():
        place = Path(shutil.which(said) or said)
    place = place.absolute()
    if place.is_dir():
        built = [place / each.format(**here()) for each in entry.checkout]
        for candidate in built:
            if candidate.is_file():
                return candidate
        names = ", ".join(str(each.relative_to(place)) for each in built) or "none we know of"
        raise ConfigError(
            f"{source}: {place} holds no built {entry.title}", help=f"build it; looked for: {names}"
        )
    if entry.commands and place.name.startswith("python"):
        place = place.parent / entry.commands[0]
    if not os.access(place, os.X_OK):
        why = "cannot be executed" if place.exists() else "is not there"
        raise ConfigError(f"{source}: {place} {why}", help=f"name the executable of {entry.title}")
    return place


def _ours(installed: Installed) -> Found:
    """A program we installed.

    Its scripts name their Python by the path it was installed under, which may be the folder's own or one
    with a link in it. A cell has no links but those it is shown, so it is shown both.
    """
    entry, folder = installed.entry, installed.folder.resolve()
    return Found(
        entry,
        folder / entry.place,
        "installed",
        installed.record.version,
        shown=tuple(dict.fromkeys((folder, installed.folder))),
        path_prefix=tuple(folder / each.format(**here()) for each in entry.path),
        folders=(folder,),
    )


def _foreign(entry: Program, place: Path, origin: Origin) -> Found:
    """A program somebody else installed."""
    real = Path(os.path.realpath(place))
    if real.name.startswith("python"):
        # A virtual environment is what its starter is called by.
        real = place
    root, version = _package_of(real, entry)
    shown = tuple(path for path in (root, *_base_of(root)) if not _is_system(path))
    prefix = () if _is_system(place) else (place.parent,) if (place.parent / "node").is_file() else ()
    return Found(entry, real, origin, version, shown=shown, path_prefix=prefix)


def _package_of(real: Path, entry: Program) -> tuple[Path, str | None]:
    """What of the disk a program is made of, and its version, as far as its files tell."""
    venv = real.parent.parent
    if (venv / "pyvenv.cfg").is_file():
        site = site_packages(venv)
        names = [each.name for each in entry.packages if each.registry == "pypi"]
        version = find_distribution(names[0], [str(site)]) if names and site else None
        return venv, version
    parents = list(real.parents)
    tops = [up for up in parents if up.name in ("node_modules", ".pnpm")]
    if tops:
        outer = next((up for up in reversed(tops) if up.name == ".pnpm"), tops[-1])
        return outer, _package_version(parents[: parents.index(tops[0])])
    checkouts = [up for up in parents if any(real == up / each.format(**here()) for each in entry.checkout)]
    return (checkouts[0], _package_version([real.parent, *parents])) if checkouts else (real, None)


def _package_version(folders: list[Path]) -> str | None:
    for folder in folders:
        try:
            data = json.loads((folder / "package.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(data, dict) and isinstance(data.get("version"), str):
            return str(data["version"]).partition("-linux-")[0]
    return None


def _base_of(venv: Path) -> Iterator[Path]:
    """The installation a virtual environment's Python belongs to."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string("[venv]\n" + (venv / "pyvenv.cfg").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return
    if home := parser.get("venv", "home", fallback=None):
        yield Path(os.path.realpath(home)).parent


def _is_system(path: Path) -> bool:
    return str(path) == "/" or any(path.is_relative_to(folder) for folder in SYSTEM)


def _completed(found: Found, settings: Settings, env: Mapping[str, str]) -> Found:
    """A program with its Node and with what else it needs."""
    entry = found.entry
    shown, prefix = list(found.shown), list(found.path_prefix)
    needed, lacks, folders = dict(found.needed), list(found.lacks), list(found.folders)
    for name in entry.needs:
        other = find_program(find_entry(name), settings, env=env)
        if other is None:
            lacks.append(name)
            continue
        needed[name] = other.executable
        shown += other.shown
        prefix += [*other.path_prefix, *_reaching(other)]
        lacks += other.lacks
        folders += other.folders
    if entry.node is not None and _runs_on_node(found.executable):
        node = find_node(entry.node, settings.cache_dir, beside=_beside(found))
        if node is None:
            lacks.append("node")
        elif node.folder is not None:
            prefix.append(node.folder)
            ours = prefix_of(settings.cache_dir, find_entry("node"))
            folders += [ours] if node.folder.is_relative_to(ours) else []
    return Found(
        entry,
        found.executable,
        found.origin,
        found.version,
        shown=tuple(dict.fromkeys(shown)),
        path_prefix=tuple(dict.fromkeys(prefix)),
        needed=needed,
        lacks=tuple(dict.fromkeys(lacks)),
        folders=tuple(dict.fromkeys(folders)),
    )


def _reaching(tool: Found) -> tuple[Path, ...]:
    """Where a tool that is called by its name lies; programs are started by their path."""
    is_called = tool.entry.kind == "tool" and not _is_system(tool.executable)
    return (tool.executable.parent,) if is_called else ()


def _beside(found: Found) -> Path | None:
    """Where a Node of the program's own installation would be beside it."""
    return found.path_prefix[0] / "program" if found.origin != "installed" and found.path_prefix else None


def _runs_on_node(program: Path) -> bool:
    """Whether it is a script of Node's, and no program by itself."""
    try:
        with program.open("rb") as file:
            first = file.readline(200)
    except OSError:
        return False
    return first.startswith(b"#!") and b"node" in first
