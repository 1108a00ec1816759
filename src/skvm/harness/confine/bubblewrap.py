"""The bubblewrap back end: namespaces of its own for files, processes, IPC and network.

Started by root, ``bwrap`` makes no user namespace: it builds the view with root's rights (so that paths
below directories closed to others can be shown), keeps only the capabilities to change the user,
and the worker gives them up by turning into a user id of the cell's own. There the process limit binds,
which it never does for root, nor for a root mapped into a user namespace.
Started by anybody else, it makes a user namespace in which no further one can be made.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.harness.confine import bundle, provision
from skvm.harness.confine.cell import WorkerCell, host_listeners, open_cell
from skvm.harness.confine.etc import LIVE, shared_etc
from skvm.harness.confine.launch import Launch
from skvm.harness.sandbox import Limits, Policy

__all__ = ["BubblewrapSandbox"]

# Only Linux has the last one, and bubblewrap.
_LOCAL_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_NETLINK", 16))


@dataclass(frozen=True, slots=True)
class BubblewrapSandbox:
    """Cells made by ``bwrap``."""

    @property
    def name(self) -> str:
        """``bubblewrap``."""
        return "bubblewrap"

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[WorkerCell]:
        """Open a cell; see ``sandbox.Sandbox``."""
        program = None if provision.IS_MACOS else shutil.which("bwrap")
        if program is None:
            raise InfrastructureError(
                "bwrap is not installed", help="install the package 'bubblewrap', or choose another --sandbox"
            )
        # With the network of the host, its loopback is the host's too.
        at_host = host_listeners(policy) if policy.network else nullcontext(())
        async with provision.footing(policy, own_user=True) as (folder, uid):
            arguments = _arguments(policy, folder, uid)
            with at_host as listeners:
                launch = Launch(
                    sandbox=self.name,
                    argv=[program, *arguments, "--", *bundle.COMMAND],
                    prelude=bundle.prelude(),
                    work_dir=policy.work_dir,
                    env=provision.cell_environment(policy, tmp="/tmp"),  # noqa: S108 - the cell's private one
                    limits=_limits(policy.limits, uid),
                    errors=folder / "errors",
                    uid=uid,
                    families=_LOCAL_FAMILIES,
                    dies_with_parent=True,
                    listen_ports=() if policy.network else policy.listen_ports,
                    listeners=listeners,
                )
                async with open_cell(launch) as cell:
                    yield cell


def _limits(limits: Limits, uid: int | None) -> Limits:
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    if uid is not None or release >= (5, 14):
        return limits
    # Before 5.14 the processes of a user are counted over all user namespaces together.
    return replace(limits, processes=limits.processes + provision.count_own_tasks())


def _arguments(policy: Policy, folder: Path, uid: int | None) -> list[str]:
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "cell"]
    arguments += ["--unshare-cgroup-try", "--die-with-parent", "--as-pid-1"]
    if not policy.network:
        arguments.append("--unshare-net")
    if uid is not None:
        arguments += ["--cap-drop", "ALL"]
        # Reading past permissions lets Python itself start; it goes with the change of user.
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"):
            arguments += ["--cap-add", capability]
    else:
        arguments += ["--unshare-user"]
        if os.geteuid() == 0:
            arguments += ["--uid", "1000", "--gid", "1000"]
    return arguments + _view(policy, folder)


def _view(policy: Policy, folder: Path) -> list[str]:
    """The file system: later entries lie over earlier ones."""
    view: list[str] = []
    made: set[Path] = set()

    def mount(kind: str, source: Path, target: Path) -> None:
        # Made here, because bwrap gives the parents it makes by itself to nobody but their owner.
        for parent in reversed(target.parents[:-1]):
            if parent not in made:
                made.add(parent)
                view.extend(("--dir", str(parent)))
        view.extend((kind, os.path.realpath(source), str(target)))

    for folder_name in provision.SYSTEM:
        system = Path(folder_name)
        if system.is_symlink():
            view += ["--symlink", str(system.readlink()), folder_name]
        else:
            view += ["--ro-bind-try", folder_name, folder_name]
    view += ["--proc", "/proc", "--dev", "/dev"]
    mount("--bind", folder / "shm", Path("/dev/shm"))  # noqa: S108 - the cell's own
    mount("--bind", folder / "tmp", Path("/tmp"))  # noqa: S108
    view += ["--dir", "/var", "--symlink", "/tmp", "/var/tmp"]  # noqa: S108
    mount("--ro-bind", shared_etc(), Path("/etc"))
    for name in LIVE if policy.network else ():
        mount("--ro-bind-try", Path("/etc", name), Path("/etc", name))
    for name in ("passwd", "group"):
        mount("--ro-bind", folder / name, Path("/etc", name))
    shown = dict.fromkeys((*policy.read_only, *policy.path_prefix), "--ro-bind")
    if prefix := provision.interpreter_prefix():
        shown[prefix] = "--ro-bind"
    shown[policy.work_dir] = "--bind" if policy.writable is None else "--ro-bind"
    shown |= dict.fromkeys(policy.writable or (), "--bind")
    if policy.home is not None:
        shown[policy.home] = "--bind"
    # The outer before the inner, so that each keeps its own rights.
    for path in sorted(shown, key=lambda path: len(path.parts)):
        mount(shown[path], path, path)
    return [*view, "--remount-ro", "/", "--chdir", str(policy.work_dir)]
