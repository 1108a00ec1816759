"""Which Node a program runs on: the machine's where it is new enough, else the one of ours."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from skvm.evidence.redact import without_provider_keys
from skvm.harness.confine.provision import find_program as find_in_cells
from skvm.harness.programs.catalogue import find_entry
from skvm.harness.programs.install import find_installed

__all__ = ["Node", "find_node"]


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.

    Args:
        folder: Where ``node`` lies, to be put before PATH; ``None`` where cells find it anyway.
        version: Its version.
    """

    folder: Path | None
    version: tuple[int, ...]


def find_node(least: tuple[int, ...], cache_dir: Path, *, beside: Path | None = None) -> Node | None:
    """A Node that is new enough; ``None`` if there is none.

    Args:
        least: The oldest version that will do.
        cache_dir: Root of the cache, where ours may be.
        beside: A program whose own Node would lie in the same folder; that one comes first.
    """
    ours = find_installed(cache_dir, find_entry("node"))
    seen, own = find_in_cells("node"), shutil.which("node")
    places = [
        (beside.parent / "node", False) if beside else None,
        (Path(seen), True) if seen else None,
        (ours.executable, False) if ours else None,
        (Path(own), False) if own else None,
    ]
    for place in places:
        if place is None or not os.access(place[0], os.X_OK):
            continue
        version = _version(place[0])
        if version >= least:
            # A link may lead out of what cells see.
            return Node(None if place[1] else Path(os.path.realpath(place[0])).parent, version)
    return None


@functools.lru_cache(maxsize=16)
def _version(node: Path) -> tuple[int, ...]:
    try:
        env = without_provider_keys(os.environ)
        said = subprocess.run(
            [node, "--version"], capture_output=True, timeout=20, check=False, text=True, env=env
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", said.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()
