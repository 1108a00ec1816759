"""``skvm doctor``: what this machine can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skvm.cli.command import SkvmCommand
from skvm.cli.config_checks import (
    Check,
    Status,
    check_adapters,
    check_dataset,
    check_file,
    check_folders,
    check_routes,
    print_checks,
    size_words,
)

if TYPE_CHECKING:
    from skvm.errors import ConfigError
    from skvm.harness.sandbox import SandboxReport
    from skvm.settings import Settings

__all__ = ["Check", "check_embedded", "check_sandboxes", "command", "examine"]

_SCHEMA = 1
_PROGRAMS = ("python3", "bash", "node", "sqlite3")
_MEMORY = 3 << 30


@click.command("doctor", cls=SkvmCommand)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Check what this machine can do, and why not.

    Exit status 1 if something every run needs does not work.
    """
    import anyio

    from skvm.cli.config_doctor import settings_or_fault
    from skvm.cli.console import print_json

    settings, fault = settings_or_fault(ctx)
    checks, reports = anyio.run(examine, settings, fault)
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
        print_checks(
            checks,
            whole="everything a run needs works",
            broken="something every run needs does not work",
        )
    return 1 if failed else 0


async def examine(
    settings: Settings, fault: ConfigError | None = None
) -> tuple[tuple[Check, ...], tuple[SandboxReport, ...]]:
    """Look at everything; gives the checks in order of reading, and what the sandboxes said.

    Args:
        settings: As they are without a file that cannot be read.
        fault: Why it cannot be read.
    """
    from skvm.harness.confine import probe_sandboxes

    reports = await probe_sandboxes()
    checks = [*_check_machine(), *check_sandboxes(reports)]
    checks += await _check_programs(settings, _chosen(reports))
    checks += [*_check_harnesses(settings), *check_embedded(settings), *check_file(settings, fault)]
    checks += [*check_routes(settings), *check_adapters(settings), *check_folders(settings)]
    return (*checks, *check_dataset(settings)), reports


def _chosen(reports: tuple[SandboxReport, ...]) -> str | None:
    """The back end ``auto`` takes."""
    return next((report.name for report in reports if report.works and report.name != "none"), None)


def _check_machine() -> Iterator[Check]:
    import platform

    from skvm.llm.local import usable_processors

    found = platform.python_version()
    yield Check(
        "machine",
        "Python",
        "ok" if sys.version_info >= (3, 11) else "failed",
        f"{found} ({sys.executable})",
    )
    yield _check_system(platform.system(), platform.platform())
    available = _available_memory()
    is_small = available is not None and available < _MEMORY
    memory = "unknown" if available is None else f"{size_words(available)} available"
    yield Check(
        "machine",
        "processors, memory",
        "warning" if is_small else "ok",
        f"{usable_processors()} cores, {memory}",
        "the default embedded model may not fit; 'skvm models list' shows smaller ones" if is_small else None,
    )


def _check_system(system: str, name: str) -> Check:
    if system == "Linux":
        return Check("machine", "system", "ok", name)
    if system == "Darwin":
        why = "its makers never tried it on macOS: docs/guides/install.md says what to expect"
        return Check("machine", "system", "warning", name, why)
    return Check("machine", "system", "failed", name, "the sandboxes need Linux or macOS")


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def check_sandboxes(reports: tuple[SandboxReport, ...]) -> Iterator[Check]:
    """What each back end holds, and which one is taken."""
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


def check_embedded(settings: Settings) -> Iterator[Check]:
    """Engine and weights of the embedded models."""
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
            f"{state}, {size_words(entry.size_bytes)}",
            f"{repair}skvm models pull {entry.id}" if is_lacking else None,
        )
