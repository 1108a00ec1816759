"""Full and read-only disks: the tests of ``small_disk.py``, where small disks can be mounted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

INSIDE = Path(__file__).with_name("small_disk.py")
MAY_MOUNT = "mount -t tmpfs -o size=1m tmpfs /mnt"


def test_disks_that_are_full_or_read_only() -> None:
    """Everything that writes says which path took nothing, leaves nothing half-written, and works later."""
    alone = ["unshare", "--map-root-user", "--mount"]
    try:
        tried = subprocess.run([*alone, "sh", "-c", MAY_MOUNT], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here, so no small disk can be mounted")
    if tried.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {tried.stderr.strip()}")
    inside = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(INSIDE)]
    done = subprocess.run([*alone, *inside], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-12_000:]
