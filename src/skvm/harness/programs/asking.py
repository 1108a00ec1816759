"""Asking a program for its version, in a cell: whoever installed it, it is somebody else's code."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import anyio
import anyio.to_thread

from skvm.harness.programs.find import Found
from skvm.harness.sandbox import Limits, Policy, Sandbox

__all__ = ["LIMITS", "ask_version"]

LIMITS = Limits(cpu_s=600, memory_bytes=None, processes=512)
"""Of a cell with a program in it: runtimes reserve far more address space than they use."""
_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")


async def ask_version(found: Found, sandbox: Sandbox, *, timeout_s: float = 60.0) -> str | None:
    """What a program says its version is; ``None`` if it cannot be asked, or says nothing of the kind.

    Args:
        found: The program.
        sandbox: Where it is asked.
        timeout_s: Wall clock.

    Raises:
        InfrastructureError: The sandbox failed.
    """
    if not found.entry.version_args:
        return None
    made = await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix="skvm-version-"))
    policy = Policy(
        work_dir=Path(made),
        read_only=found.shown,
        path_prefix=found.path_prefix,
        limits=LIMITS,
    )
    try:
        async with sandbox.open(policy) as cell:
            said = await cell.execute([str(found.executable), *found.entry.version_args], timeout_s=timeout_s)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(made, ignore_errors=True))
    version = _VERSION.search(said.stdout) or _VERSION.search(said.stderr)
    return version[0] if version and said.exit_code == 0 else None
