"""The building of a private environment: installers, in a cell that sees nothing of the user."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from skvm.errors import FindingsError, InfrastructureError
from skvm.harness.confine import provision
from skvm.harness.environment.manifest import Dependency, Manifest, Type, normal_name
from skvm.harness.environment.packages import BoundPackage, site_packages
from skvm.harness.environment.sources import Sources, read_sources
from skvm.harness.sandbox import Cell, Limits, Policy, Sandbox

__all__ = ["Plan", "build", "cell_path", "is_inside", "is_system", "plan_of"]

INSTALL_TIMEOUT_S = 1800.0
"""Wall clock of one installer."""
_LIMITS = Limits(cpu_s=1800, memory_bytes=64 << 30, processes=512, file_bytes=8 << 30)
_SHOWN_LINES = 6
_NOISE = re.compile(r"npm (error|warn)$|npm error A complete log of this run.*|npm error\s+/.*-debug-.*\.log")
"""Lines that say nothing, or name a log that goes with the cell."""
_TELLING = re.compile(r"\breason: |\bNo matching |(?-i:^ERROR: )|\b404 Not Found|\bENOSPC\b", re.IGNORECASE)
"""Lines that say it all."""
_PLACES = ("venv", "venv/bin", "npm", "npm/node_modules", "npm/node_modules/.bin")
"""Folders of an environment that agents are shown, or that we read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be installed.

    Args:
        pip: Python packages.
        npm: Node packages.
        pip_flags: Further arguments of the Python installer, pip or uv.
        npm_flags: Further arguments of npm.
        npm_scripts: npm's packages whose own scripts run once all is there, without a network.
        path_prefix: Folders the installers, and scripts they run, find programs in first.
    """

    pip: tuple[Dependency, ...]
    npm: tuple[Dependency, ...]
    pip_flags: tuple[str, ...] = ()
    npm_flags: tuple[str, ...] = ()
    npm_scripts: tuple[str, ...] = ()
    path_prefix: tuple[Path, ...] = ()

    def check(self, packages: Sequence[BoundPackage]) -> None:
        """Hold what was installed against what was asked for.

        Raises:
            FindingsError: Something is not there although its installer said it was.
        """
        there = {(item.type, normal_name(item.name, item.type)) for item in packages}
        absent = [
            entry.name
            for entry in (*self.pip, *self.npm)
            if (entry.type.value, normal_name(entry.name, entry.type)) not in there
        ]
        if absent:
            raise FindingsError(f"not there after installing: {', '.join(absent)}")


def plan_of(manifest: Manifest, *, optional: bool) -> Plan:
    """What a private environment of a manifest holds."""
    wanted = manifest.to_bind(optional=optional)
    return Plan(
        tuple(entry for entry in wanted if entry.type is Type.PIP),
        tuple(entry for entry in wanted if entry.type is Type.NPM),
    )


def cell_path() -> str:
    """The PATH of a cell without any prefix."""
    return provision.cell_environment(Policy(work_dir=Path("/")), tmp="/tmp")["PATH"]  # noqa: S108


async def build(
    plan: Plan, scratch: Path, folder: Path, sandbox: Sandbox, report: Callable[[str], None]
) -> None:
    """Install into a folder that will be renamed.

    Args:
        plan: What.
        scratch: The folder, empty.
        folder: What it will be called.
        sandbox: Where the installers run.
        report: Told what is being done.

    Raises:
        FindingsError: An installer refused.
        InfrastructureError: No installer, or no sandbox.
    """
    sources = await anyio.to_thread.run_sync(read_sources)
    for name in sources.dropped:
        report(f"{name}: its credentials are not passed on to installers")
    (scratch / "requirements.txt").write_text("".join(f"{entry.requirement}\n" for entry in plan.pip))
    (scratch / "npmrc").write_text(sources.npmrc)
    tools = _tools()
    policy = Policy(
        work_dir=scratch,
        network=True,
        read_only=(*sources.paths, *tools.shown),
        path_prefix=(*plan.path_prefix, *tools.prefix),
        env=_environment(sources, scratch),
        limits=_LIMITS,
    )
    async with sandbox.open(policy) as cell:
        if plan.pip:
            await _install_python(plan, cell, sandbox, report)
        if plan.npm:
            await _install_npm(plan, cell, report)
    if plan.npm_scripts:
        async with sandbox.open(replace(policy, network=False)) as cell:
            report(f"running the scripts of {', '.join(plan.npm_scripts)}")
            rebuild = ["npm", "rebuild", "--prefix", "npm", "--ignore-scripts=false", "--loglevel", "error"]
            await _run(cell, [*rebuild, *plan.npm_scripts], "npm rebuild")
    (scratch / "npmrc").unlink(missing_ok=True)
    _check_places(scratch)
    await anyio.to_thread.run_sync(_move_names, scratch, folder)


@dataclass(frozen=True, slots=True)
class _Tools:
    """Installers of the user's own that cells do not see by themselves.

    Args:
        prefix: Folders they are started from.
        shown: Folders they lie in.
    """

    prefix: tuple[Path, ...]
    shown: tuple[Path, ...]


def _tools() -> _Tools:
    places = [place for place in (_uv(), _npm()) if place and not is_system(place)]
    real = [Path(os.path.realpath(place)) for place in places]
    # A Node of the user's own has npm as a package beside it.
    shown = [next((up for up in file.parents if up.name == "npm"), file.parent) for file in real]
    return _Tools(tuple(dict.fromkeys(place.parent for place in places)), tuple(dict.fromkeys(shown)))


def _uv() -> Path | None:
    found = shutil.which("uv", path=cell_path()) or shutil.which("uv")
    return Path(found) if found else None


def _npm() -> Path | None:
    """The npm of the user's PATH, whose Node they chose; else the system's."""
    found = shutil.which("npm") or shutil.which("npm", path=cell_path())
    return Path(found).absolute() if found else None


def is_system(program: Path) -> bool:
    """Whether cells see a program without being shown it."""
    return str(program.parent) in cell_path().split(os.pathsep)


def _environment(sources: Sources, scratch: Path) -> dict[str, str]:
    return {
        **sources.env,
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_ROOT_USER_ACTION": "ignore",
        "UV_LINK_MODE": "copy",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "npm_config_userconfig": str(scratch / "npmrc"),
        "npm_config_update_notifier": "false",
        "CI": "1",
    }


def _interpreter(sandbox: Sandbox) -> str:
    """A Python that cells can start: ours, else the system's."""
    ours = provision.interpreter()
    if sandbox.name == "bubblewrap" or provision.pick_uid() is None or provision.is_reachable(Path(ours)):
        return ours
    found = shutil.which("python3", path=cell_path())
    if found is None:
        raise InfrastructureError("no python3 that a cell can reach", help="install the system's python3")
    return found


async def _install_python(plan: Plan, cell: Cell, sandbox: Sandbox, report: Callable[[str], None]) -> None:
    python = _interpreter(sandbox)
    names = ", ".join(entry.requirement for entry in plan.pip)
    what = [*plan.pip_flags, "-r", "requirements.txt"]
    if shutil.which("uv"):
        report("making a Python environment (uv)")
        await _run(cell, ["uv", "venv", "--quiet", "--python", python, "venv"], "uv venv")
        report(f"installing {names}")
        # What is shown to cells is read-only there; they would compile it anew at every start. pip does so.
        compiled = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", "venv/bin/python"]
        await _run(cell, [*compiled, *what], "uv pip install")
        return
    report("making a Python environment (venv)")
    await _run(cell, [python, "-m", "venv", "venv"], "python -m venv")
    report(f"installing {names}")
    await _run(cell, ["venv/bin/python", "-m", "pip", "install", "--quiet", *what], "pip install")


async def _install_npm(plan: Plan, cell: Cell, report: Callable[[str], None]) -> None:
    if _npm() is None:
        raise InfrastructureError("npm is not installed", help="install Node with npm, then try again")
    report(f"installing {', '.join(entry.requirement for entry in plan.npm)}")
    await cell.write("npm/package.json", b'{"private": true}\n')
    options = ["--prefix", "npm", "--no-audit", "--no-fund", "--loglevel", "error", *plan.npm_flags]
    await _run(cell, ["npm", "install", *options, *(entry.requirement for entry in plan.npm)], "npm install")


async def _run(cell: Cell, argv: Sequence[str], what: str) -> None:
    done = await cell.execute(argv, timeout_s=INSTALL_TIMEOUT_S)
    if done.is_timed_out:
        raise FindingsError(f"{what} took over {INSTALL_TIMEOUT_S:g} s")
    if done.exit_code != 0:
        said = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if _NOISE.sub("", line).strip()]
        # The last lines of npm are about proxies, whatever is wrong.
        telling = [line for line in said if _TELLING.search(line)][-1:] or said[-_SHOWN_LINES:]
        shown = " | ".join(line.strip()[:300] for line in telling) or "no message"
        raise FindingsError(f"{what} failed (exit code {done.exit_code}): {shown}")


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, all links followed, lies in a folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _check_places(scratch: Path) -> None:
    """Refuse what leads out of the environment: a cell would show it to agents.

    Raises:
        FindingsError: An installer made a folder of it a link to elsewhere.
    """
    site = site_packages(scratch / "venv")
    for place in [*(scratch / name for name in _PLACES), *([site] if site else [])]:
        if not is_inside(place, scratch):
            raise FindingsError(
                f"an installer made {place.relative_to(scratch)} a link out of the environment",
                help="do not trust the packages of this skill",
            )


def _move_names(scratch: Path, folder: Path) -> None:
    """Put the final name where installers wrote the folder's present one: starters, the venv's own files."""
    old, new = str(scratch).encode(), str(folder).encode()
    for file in (*(scratch / "venv" / "bin").glob("*"), scratch / "venv" / "pyvenv.cfg"):
        if file.is_symlink() or not file.is_file():
            continue
        data = file.read_bytes()
        if old in data and b"\0" not in data:
            mode = file.stat().st_mode
            file.write_bytes(data.replace(old, new))
            file.chmod(mode)
