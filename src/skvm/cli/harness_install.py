"""What ``skvm harness install`` does with each name: the program and what it needs, each told in a line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.harness.programs.catalogue import Program
    from skvm.harness.programs.install import Installed
    from skvm.harness.sandbox import Sandbox
    from skvm.settings import Settings

__all__ = ["Installer", "installed_json"]


@dataclass(frozen=True, slots=True)
class Installer:
    """Installs one program after the other.

    Args:
        settings: Where prefixes are.
        sandbox: Where npm and pip run.
        force: Whether what is there is installed anew.
        timeout_s: How long one may take; ``None`` leaves it to the installers' own limit.
        failed: Names of those that could not be installed, which are not tried again.
    """

    settings: Settings
    sandbox: Sandbox
    force: bool = False
    timeout_s: float | None = None
    failed: set[str] = field(default_factory=set)

    async def put(self, entry: Program) -> list[Installed]:
        """Install a program and what it needs.

        Raises:
            InfrastructureError: One of them could not be installed; those before it are there.
        """
        from skvm.cli.console import err
        from skvm.errors import InfrastructureError
        from skvm.harness.programs.find import to_install
        from skvm.harness.programs.install import find_installed

        wanted = to_install(entry, self.settings, force=self.force)
        for each in wanted:
            if each.name in self.failed:
                why = f"it needs {each.name}, which could not be installed"
                raise InfrastructureError(f"{entry.name} {entry.version}: {why}")
        done = [await self._put(each) for each in wanted]
        if not wanted and (there := find_installed(self.settings.cache_dir, entry)):
            err.print(f"{entry.name} {entry.version} is here already: {there.folder}", markup=False)
            done.append(there)
        return done

    async def _put(self, entry: Program) -> Installed:
        from rich.markup import escape

        from skvm.cli.console import err
        from skvm.errors import SkvmError
        from skvm.harness.programs.install import install

        started = time.monotonic()
        with err.status(f"{entry.name} {entry.version}: starting") as status:

            def report(line: str) -> None:
                status.update(escape(f"{entry.name}: {line}"))

            try:
                made = await install(
                    self.settings.cache_dir,
                    entry,
                    self.sandbox,
                    force=self.force,
                    timeout_s=self.timeout_s,
                    report=report,
                )
            except SkvmError:
                self.failed.add(entry.name)
                raise
        size, took_s = made.record.size_bytes / 1e6, time.monotonic() - started
        what = f"{entry.name} {entry.version}: {size:.0f} MB in {took_s:.0f} s"
        err.print(f"✓ {what}, at {made.folder}", style="green", markup=False)
        return made


def installed_json(installed: Installed) -> dict[str, Any]:
    """One program with ``--json``."""
    return {
        "name": installed.entry.name,
        "ok": True,
        "version": installed.record.version,
        "path": str(installed.executable),
        "sizeBytes": installed.record.size_bytes,
    }
