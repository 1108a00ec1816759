"""Which back ends work here: each is tried with a real confined process, once in this process."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import anyio

from skvm.errors import InfrastructureError, UsageError
from skvm.harness.confine.bubblewrap import BubblewrapSandbox
from skvm.harness.confine.inside.landlock import abi_version
from skvm.harness.confine.inside.seccomp import can_filter
from skvm.harness.confine.landlock import LandlockSandbox
from skvm.harness.confine.provision import pick_uid
from skvm.harness.confine.seatbelt import SeatbeltSandbox
from skvm.harness.confine.unconfined import UnconfinedSandbox
from skvm.harness.process import run_process
from skvm.harness.sandbox import Limits, Policy, Sandbox, SandboxReport

__all__ = ["SANDBOXES", "choose_sandbox", "probe_sandboxes"]

SANDBOXES: Mapping[str, Sandbox] = {
    made.name: made
    for made in (BubblewrapSandbox(), LandlockSandbox(), SeatbeltSandbox(), UnconfinedSandbox())
}
"""Every back end, strongest first."""

_HERE = ("sandbox-exec",) if sys.platform == "darwin" else ("bubblewrap", "landlock")
"""What ``auto`` tries."""
_INSTALL = "install the package 'bubblewrap', or pass --sandbox none to run without confinement"
_reports: dict[str, SandboxReport] = {}


def choose_sandbox(name: str = "auto") -> Sandbox:
    """See ``skvm.harness.confine.choose_sandbox``."""
    if name != "auto" and name not in SANDBOXES:
        raise UsageError(f"unknown sandbox {name!r}", help=f"known: auto, {', '.join(SANDBOXES)}")
    candidates = _HERE if name == "auto" else (name,)
    for candidate in candidates:
        if _report_of(candidate).works:
            return SANDBOXES[candidate]
    reasons = "; ".join(f"{candidate}: {_reports[candidate].reason}" for candidate in candidates)
    raise InfrastructureError(f"no sandbox works here ({reasons})", help=_INSTALL)


def _report_of(name: str) -> SandboxReport:
    if name not in _reports:
        # The caller may stand in a running event loop; the trial takes a moment and needs one of its own.
        thread = threading.Thread(target=anyio.run, args=(_probe, name))
        thread.start()
        thread.join()
    return _reports[name]


async def probe_sandboxes() -> tuple[SandboxReport, ...]:
    """See ``skvm.harness.confine.probe_sandboxes``."""
    return tuple([await _probe(name) for name in SANDBOXES])


async def _probe(name: str) -> SandboxReport:
    if name not in _reports:
        works, reason = await _try_cell(SANDBOXES[name])
        _reports[name] = await _REPORTERS[name](works, reason)
    return _reports[name]


async def _try_cell(sandbox: Sandbox) -> tuple[bool, str]:
    """Run one command in a cell of ``sandbox``; for a confining one, look whether it confines."""
    with _probe_folders() as (work, outside):
        try:
            async with sandbox.open(Policy(work, limits=Limits(processes=64))) as cell:
                ran = await cell.execute(f"cat '{outside}'; echo inside > probe", timeout_s=20)
        except InfrastructureError as error:
            return False, error.message
        if not os.path.exists(work / "probe"):  # noqa: PTH110, ASYNC240 - one look
            return False, f"a command could not write to its work directory: {ran.stderr.strip()}"
        if sandbox.name != "none" and "outside" in ran.stdout:
            return False, "a confined command could read a file outside"
    return True, "a confined command ran" if sandbox.name != "none" else "a command ran, without confinement"


@contextmanager
def _probe_folders() -> Iterator[tuple[Path, Path]]:
    """A work directory, and beside it a file that a cell must not read although its user could."""
    with tempfile.TemporaryDirectory(prefix="skvm-probe-") as outer:
        Path(outer).chmod(0o711)
        work, outside = Path(outer, "work"), Path(outer, "outside")
        work.mkdir()
        outside.write_text("outside")
        yield work, outside


async def _report_bubblewrap(works: bool, reason: str) -> SandboxReport:
    if program := shutil.which("bwrap"):
        version = await run_process([program, "--version"], timeout_s=10)
        found = re.search(r"\d+(\.\d+)+", version.stdout)
        reason += f" (bwrap {found[0] if found else 'of unknown version'})"
    holds = ("files", "network", "processes", "signals", "environment", "limits")
    lacks = () if can_filter() else ("user namespaces inside",)
    return SandboxReport("bubblewrap", works, reason, holds if works else (), lacks if works else ())


async def _report_landlock(works: bool, reason: str) -> SandboxReport:
    abi, has_own_user = abi_version(), pick_uid() is not None
    if not works:
        return SandboxReport("landlock", works, reason)
    holds, lacks = (
        ["files", "environment", "limits"],
        ["hidden paths and process list", "its own /tmp and loopback"],
    )
    (holds if can_filter() else lacks).append("network")
    (holds if abi >= 6 or has_own_user else lacks).append("signals")
    if abi < 3:
        lacks.append("truncation of readable files")
    return SandboxReport("landlock", works, f"{reason} (Landlock ABI {abi})", tuple(holds), tuple(lacks))


async def _report_seatbelt(works: bool, reason: str) -> SandboxReport:
    if not works:
        return SandboxReport("sandbox-exec", works, reason)
    holds = ("files", "network", "signals", "environment")
    lacks = ("hidden paths", "its own /tmp and loopback", "programs that leave their session", "memory")
    return SandboxReport("sandbox-exec", works, f"{reason} (never tried by its makers)", holds, lacks)


async def _report_none(works: bool, reason: str) -> SandboxReport:
    lacks = ("files", "network", "processes", "signals")
    return SandboxReport("none", works, f"{reason}: NOTHING IS CONFINED", ("environment", "limits"), lacks)


_REPORTERS = {
    "bubblewrap": _report_bubblewrap,
    "landlock": _report_landlock,
    "sandbox-exec": _report_seatbelt,
    "none": _report_none,
}
