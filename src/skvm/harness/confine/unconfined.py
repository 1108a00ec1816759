"""No confinement, on request only: the same worker, with its limits, caps and clean-up, but no walls."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from skvm.harness.confine import provision
from skvm.harness.confine.cell import WorkerCell, host_listeners, open_cell
from skvm.harness.confine.landlock import PACKAGE_ROOT
from skvm.harness.confine.launch import Launch
from skvm.harness.sandbox import Policy

__all__ = ["UnconfinedSandbox"]


@dataclass(frozen=True, slots=True)
class UnconfinedSandbox:
    """Cells that hold nothing back: a command may read, write and reach what we may."""

    @property
    def name(self) -> str:
        """``none``."""
        return "none"

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[WorkerCell]:
        """Open a cell; see ``sandbox.Sandbox``."""
        async with provision.footing(policy, own_user=False) as (folder, _):
            # Root is never held to that limit.
            others = provision.count_own_tasks() if os.geteuid() else 0
            processes = policy.limits.processes + others
            with host_listeners(policy) as listeners:
                launch = Launch(
                    sandbox=self.name,
                    argv=provision.worker_command(PACKAGE_ROOT),
                    fork_server=provision.fork_server_command(PACKAGE_ROOT),
                    work_dir=policy.work_dir,
                    env=provision.cell_environment(policy, tmp=str(folder / "tmp")),
                    limits=replace(policy.limits, processes=processes),
                    errors=folder / "errors",
                    listeners=listeners,
                )
                async with open_cell(launch) as cell:
                    yield cell
