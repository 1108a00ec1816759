"""The Landlock back end: a worker that gives up paths and sockets by itself; needs nothing installed.

There is no process namespace, so the worker is the reaper of all its descendants and kills them by
descent; there is no mount namespace, so paths outside are forbidden where bubblewrap makes them absent.
Started by root, the worker becomes a user of the cell's own.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.harness.confine import provision
from skvm.harness.confine.cell import WorkerCell, host_listeners, open_cell
from skvm.harness.confine.inside.landlock import abi_version
from skvm.harness.confine.inside.operations import NEEDED_LATER
from skvm.harness.confine.launch import Launch, PathRules
from skvm.harness.sandbox import Policy

__all__ = ["PACKAGE_ROOT", "LandlockSandbox"]

PACKAGE_ROOT = str(Path(__file__).parents[3])
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# What programs ask of /proc that tells nothing of other processes.
_PROC = ("cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version", "filesystems", "sys/vm", "sys/kernel")


@dataclass(frozen=True, slots=True)
class LandlockSandbox:
    """Cells that hold themselves with Landlock, a system-call filter and resource limits."""

    @property
    def name(self) -> str:
        """``landlock``."""
        return "landlock"

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[WorkerCell]:
        """Open a cell; see ``sandbox.Sandbox``."""
        if abi_version() < 1:
            raise InfrastructureError("this kernel has no Landlock, or it is switched off")
        if policy.listen_ports and not policy.network and abi_version() < 4:
            raise InfrastructureError(
                f"the Landlock of this kernel (ABI {abi_version()}) cannot leave a cell a few ports alone",
                help="install bubblewrap, whose cells have a network of their own",
            )
        async with provision.footing(policy, own_user=True) as (folder, uid):
            if uid is not None:
                _check_reachable(policy.work_dir)
                if policy.home is not None:
                    # What lives in a home is a program, and starts nowhere without its installation.
                    for path in (policy.home, *policy.read_only, *policy.path_prefix):
                        _check_reachable(path)
            with host_listeners(policy) as listeners:
                async with open_cell(_launch(policy, folder, uid, listeners)) as cell:
                    yield cell


def _launch(policy: Policy, folder: Path, uid: int | None, listeners: Sequence[socket.socket]) -> Launch:
    tmp = str(folder / "tmp")
    limits = policy.limits
    if uid is None:
        limits = replace(limits, processes=limits.processes + provision.count_own_tasks())
    has_prefix = uid is None or provision.is_reachable(Path(provision.interpreter()))
    return Launch(
        sandbox="landlock",
        argv=provision.worker_command(PACKAGE_ROOT),
        # The standard library may be out of reach of the user the worker becomes.
        fork_server=provision.fork_server_command(PACKAGE_ROOT, () if uid is None else NEEDED_LATER),
        work_dir=policy.work_dir,
        env=provision.cell_environment(policy, tmp=tmp, has_prefix=has_prefix),
        limits=limits,
        errors=folder / "errors",
        uid=uid,
        landlock=PathRules(
            readable=_readable(policy),
            writable=[*_writable(policy), tmp, *(f"/dev/{name}" for name in _DEVICES)],
            network=policy.network,
            ports=[listener.getsockname()[1] for listener in listeners],
        ),
        # Landlock lets through UDP and Unix sockets in the file system; no family, no socket.
        families=(socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK) if policy.network else (),
        listeners=listeners,
        is_tcp_only=bool(listeners) and not policy.network,
    )


def _writable(policy: Policy) -> list[str]:
    paths = [policy.work_dir] if policy.writable is None else [*policy.writable]
    if policy.home is not None:
        paths.append(policy.home)
    return [str(path) for path in paths]


def _readable(policy: Policy) -> list[str]:
    paths = [*provision.SYSTEM, *(f"/proc/{name}" for name in _PROC)]
    paths += [f"/etc/{name}" for name in (*provision.ETC, "passwd", "group")]
    paths += [str(path) for path in (*policy.read_only, *policy.path_prefix)]
    if policy.writable is not None:
        paths.append(str(policy.work_dir))
    if prefix := provision.interpreter_prefix():
        paths.append(str(prefix))
    return paths


def _check_reachable(path: Path) -> None:
    for parent in Path(os.path.realpath(path)).parents:
        if not parent.stat().st_mode & 0o001:
            raise InfrastructureError(
                f"{path}: the unprivileged user of a landlock cell cannot pass {parent}",
                help=f"chmod o+x {parent}, or choose another --tmp-dir, or install bubblewrap",
            )
