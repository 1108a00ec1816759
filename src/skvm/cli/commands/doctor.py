"""``skvm doctor``: what this machine can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from skvm.cli.command import SkvmCommand, settings_of

if TYPE_CHECKING:
    from skvm.harness.sandbox import SandboxReport
    from skvm.settings import Settings

__all__ = ["Check", "command", "examine"]

Status = Literal["ok", "info", "warning", "failed"]

_SCHEMA = 1
_STYLES = {"ok": "green", "info": "dim", "warning": "yellow", "failed": "bold red"}
_MARKS = {"ok": "✓", "info": "·", "warning": "!", "failed": "✗"}
_PROGRAMS = ("python3", "bash", "node", "sqlite3")
_CACHE_SPACE, _TMP_SPACE = 2 << 30, 1 << 30
_MEMORY = 3 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Args:
        group: What it belongs to.
        name: What was looked at.
        status: ``failed`` where something needed does not work, ``warning`` where something is lacking,
            ``info`` where it is a fact only.
        detail: What was found.
        help: The way out.
    """

    group: str
    name: str
    status: Status
    detail: str
    help: str | None = None


@click.command("doctor", cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Check what this machine can do, and why not.

    Exit status 1 if something every run needs does not work.
    """
    import anyio

    from skvm.cli.console import err, print_diagnostics, print_json

    settings: Settings = settings_of(ctx)
    checks, reports = anyio.run(examine, settings)
    failed = [check for check in checks if check.status == "failed"]
    if as_json:
        print_json(
            {
                "schema": _SCHEMA,
                "ok": not failed,
                "sandbox": _chosen(reports),
                "checks": [asdict(check) for check in checks],
                "sandboxes": [asdict(report) for report in reports],
                "diagnostics": [
                    {"code": item.code, "severity": item.severity.value, "message": item.message}
                    for item in settings.diagnostics
                ],
            }
        )
    else:
        _print_table(checks)
        print_diagnostics(settings.diagnostics, console=err)
    return 1 if failed else 0


async def examine(settings: Settings) -> tuple[tuple[Check, ...], tuple[SandboxReport, ...]]:
    """Look at everything; gives the checks in order of reading, and what the sandboxes said."""
    from skvm.harness.confine import probe_sandboxes

    reports = await probe_sandboxes()
    checks = [*_check_machine(), *_check_sandboxes(reports)]
    checks += await _check_programs(settings, _chosen(reports))
    checks += [*_check_harnesses(settings), *_check_embedded(settings), *_check_routes(settings)]
    checks += _check_folders(settings)
    return tuple(checks), reports


def _chosen(reports: tuple[SandboxReport, ...]) -> str | None:
    """The back end ``auto`` takes."""
    return next((report.name for report in reports if report.works and report.name != "none"), None)


def _check_machine() -> Iterator[Check]:
    import os
    import platform

    found = platform.python_version()
    yield Check(
        "machine",
        "Python",
        "ok" if sys.version_info >= (3, 11) else "failed",
        f"{found} ({sys.executable})",
    )
    yield Check("machine", "system", "ok" if sys.platform == "linux" else "failed", platform.platform(),
                None if sys.platform == "linux" else "the sandboxes need Linux")  # fmt: skip
    available = _available_memory()
    is_small = available is not None and available < _MEMORY
    memory = "unknown" if available is None else f"{_size(available)} available"
    yield Check(
        "machine",
        "processors, memory",
        "warning" if is_small else "ok",
        f"{len(os.sched_getaffinity(0))} cores, {memory}",
        "the default embedded model may not fit; 'skvm models list' shows smaller ones" if is_small else None,
    )


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _check_sandboxes(reports: tuple[SandboxReport, ...]) -> Iterator[Check]:
    chosen = _chosen(reports)
    for report in reports:
        parts = [report.reason]
        if report.holds:
            parts.append(f"holds {', '.join(report.holds)}")
        if report.lacks:
            parts.append(f"does not hold {', '.join(report.lacks)}")
        if report.name == chosen:
            parts.append("what --sandbox auto takes")
        status: Status = "ok" if report.works else "warning"
        if report.name == "none" or (not report.works and chosen not in {None, report.name}):
            status = "info"
        yield Check("sandbox", report.name, status, "; ".join(parts))
    if chosen is None:
        yield Check(
            "sandbox",
            "auto",
            "failed",
            "nothing here can confine a command",
            "install the package 'bubblewrap', or accept the risk with --sandbox none",
        )


async def _check_programs(settings: Settings, sandbox: str | None) -> list[Check]:
    """Ask inside a cell: what a run can use is what it sees there."""
    import shutil
    import tempfile

    import anyio.to_thread

    from skvm.errors import SkvmError
    from skvm.harness.confine import choose_sandbox
    from skvm.harness.sandbox import Policy

    if sandbox is None:
        return []
    # Runs make the folder if it is not there; looking must not.
    parent = settings.tmp_dir if settings.tmp_dir.is_dir() else None
    try:
        made = await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix="skvm-doctor-", dir=parent))
    except OSError as error:
        return [Check("programs", "all", "failed", f"{parent}: {error.strerror}", "name another --tmp-dir")]
    checks = []
    try:
        async with choose_sandbox(sandbox).open(Policy(Path(made))) as cell:
            for program in _PROGRAMS:
                ran = await cell.execute(f"command -v {program} && {program} --version", timeout_s=20)
                place, _, version = ran.stdout.strip().partition("\n")
                is_there = ran.exit_code == 0
                checks.append(
                    Check(
                        "programs",
                        program,
                        "ok" if is_there else "warning",
                        f"{_version(version)} ({place})" if is_there else "not seen inside the sandbox",
                        None if is_there else f"install {program}; what needs it stays unmeasured",
                    )
                )
    except SkvmError as error:
        checks.append(Check("programs", "all", "failed", error.message, error.help))
    finally:
        await anyio.to_thread.run_sync(lambda: shutil.rmtree(made, ignore_errors=True))
    return checks


def _check_harnesses(settings: Settings) -> Iterator[Check]:
    """Which agent programs seem to be there; ``skvm harness`` starts them, this does not."""
    import os
    import shutil

    from skvm.harness.programs.catalogue import PROGRAMS, RECORD, prefix_of

    found = []
    for entry in (each for each in PROGRAMS if each.kind == "harness"):
        configured = settings.adapters.get(entry.name)
        if (entry.variable and os.environ.get(entry.variable)) or (configured and configured.path):
            found.append(f"{entry.name} (named)")
        elif (prefix_of(settings.cache_dir, entry) / RECORD).is_file():
            found.append(f"{entry.name} {entry.version}")
        elif any(shutil.which(command) for command in entry.commands):
            found.append(f"{entry.name} (on PATH)")
    yield Check(
        "harnesses",
        "programs",
        "ok" if found else "info",
        ", ".join(found) or "none beside the built-in ones",
        "'skvm harness check' runs a prompt in each" if found else "'skvm harness list' shows them",
    )


def _version(text: str) -> str:
    import re

    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else "unknown version"


def _check_embedded(settings: Settings) -> Iterator[Check]:
    import importlib.util

    from skvm.llm.catalog import CATALOG
    from skvm.llm.weights import weights_state

    has_engine = importlib.util.find_spec("xllamacpp") is not None
    yield Check(
        "embedded model",
        "engine",
        "ok" if has_engine else "warning",
        "xllamacpp is installed" if has_engine else "xllamacpp is not installed",
        None if has_engine else "pip install 'skvm[local]'",
    )
    for entry in CATALOG:
        state = weights_state(settings, entry)
        is_lacking = state == "damaged" or (state != "present" and entry.default)
        repair = f"skvm models rm {entry.id}, then " if state == "damaged" else ""
        yield Check(
            "embedded model",
            entry.model_id,
            "ok" if state == "present" else "warning" if is_lacking else "info",
            f"{state}, {_size(entry.size_bytes)}",
            f"{repair}skvm models pull {entry.id}" if is_lacking else None,
        )


def _check_routes(settings: Settings) -> Iterator[Check]:
    """Names of variables only: a key never reaches the screen."""
    import importlib.util

    from skvm.llm.route import known_routes

    can_call = False
    for route, source in known_routes(settings):
        if route.kind == "local":
            continue
        where = f"{route.kind} at {route.base_url}" if route.base_url else route.kind
        if route.api_key:
            key, has_key = "key in the file", True
        elif route.api_key_env:
            has_key = route.credential() is not None
            key = f"{route.api_key_env} is {'set' if has_key else 'not set'}"
        else:
            key, has_key = "needs no key", True
        can_call |= has_key
        lacks = not has_key and source == "route"
        yield Check(
            "providers",
            route.match,
            "ok" if has_key else "warning" if lacks else "info",
            f"{where}; {key} ({source})",
            f"set {route.api_key_env}" if lacks else None,
        )
    if not can_call and importlib.util.find_spec("xllamacpp") is None:
        yield Check(
            "providers",
            "any model",
            "failed",
            "no provider has a key, and no embedded model can run",
            "pip install 'skvm[local]', or set the key of a provider",
        )


def _check_folders(settings: Settings) -> Iterator[Check]:
    for name, folder, needed in (
        ("cache", settings.cache_dir, _CACHE_SPACE),
        ("temporary", settings.tmp_dir, _TMP_SPACE),
    ):
        yield _check_folder(name, folder, needed)


def _check_folder(name: str, folder: Path, needed: int) -> Check:
    import shutil
    import tempfile

    existing = folder
    # Looking must not make anything, so a folder to come is judged by where it will be.
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        flag = "--skvm-cache" if name == "cache" else "--tmp-dir"
        detail = f"{folder}: cannot be written: {error.strerror}"
        return Check("folders", name, "failed", detail, f"name another with {flag}")
    is_low = free < needed
    return Check(
        "folders",
        name,
        "warning" if is_low else "ok",
        f"{folder}{'' if existing == folder else ' (not made yet)'}, {_size(free)} free",
        f"free some space: {_size(needed)} are wanted" if is_low else None,
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _print_table(checks: tuple[Check, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_row("", Text(group, style="bold"), "")
        detail = Text(check.detail)
        if check.help:
            detail.append(f"\n→ {check.help}", style="cyan")
        table.add_row(
            Text(_MARKS[check.status], style=_STYLES[check.status]), Text(f"  {check.name}"), detail
        )
    out.print(table)
    counted = {status: sum(check.status == status for check in checks) for status in ("failed", "warning")}
    if counted["failed"]:
        told = f"{counted['failed']} failed: something every run needs does not work"
        out.print(Text(told, style="bold red"))
    else:
        out.print(Text("everything a run needs works", style="bold green"))
