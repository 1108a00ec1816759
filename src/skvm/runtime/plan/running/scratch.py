"""Where the directories of a plan's agents are, and what killed processes were merging out of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.runtime.plan.model import plain_digests

__all__ = ["finish_merges", "make_scratch", "scratch_of", "tidy"]

_PREFIX = "skvm-plan-"


def scratch_of(tmp_dir: Path, plan_digest: str, work_dir: Path) -> Path:
    """The folder for directories of one plan in one work directory; the same in every process."""
    key = hashlib.sha256(f"{plan_digest}\0{work_dir}".encode("utf-8", "surrogateescape")).hexdigest()
    return tmp_dir / f"{_PREFIX}{os.getuid()}-{key[:24]}"


def make_scratch(scratch: Path) -> None:
    """Make it: ours, and for others only to pass through.

    Raises:
        InfrastructureError: It cannot be made, or somebody else made it.
    """
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            scratch.mkdir(mode=0o711)
        found = scratch.lstat()
    except OSError as error:
        raise InfrastructureError(
            f"{scratch}: cannot be made: {error.strerror}",
            help="choose another place with --tmp-dir or SKVM_TMP_DIR",
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise InfrastructureError(
            f"{scratch}: is not ours", help="choose another place with --tmp-dir or SKVM_TMP_DIR"
        )


async def finish_merges(tmp_dir: Path, scratch: Path, work_dir: Path) -> Mapping[str, Mapping[str, str]]:
    """Finish or undo what killed processes of any plan were merging into a work directory.

    Args:
        tmp_dir: Where scratch folders are.
        scratch: The one of this plan.
        work_dir: The work directory.

    Returns:
        What is whole now, of this plan: by node, the digests of the files it wrote.
    """
    places = _places(tmp_dir)
    if not places:
        return {}
    from skvm.runtime.plan.branching import Branches

    found: dict[str, Mapping[str, str]] = {}
    for place in places:
        merged = await Branches(work_dir, place).recover()
        if place == scratch:
            found.update({each.node: plain_digests(each.digests) for each in merged})
    return found


def tidy(scratch: Path) -> None:
    """Remove it if it is empty."""
    with contextlib.suppress(OSError):
        scratch.rmdir()


def _places(tmp_dir: Path) -> list[Path]:
    return [path for path in sorted(tmp_dir.glob(f"{_PREFIX}{os.getuid()}-*")) if _is_ours(path)]


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):
        found = path.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return False
