"""One process at a time runs a plan in a work directory."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError

__all__ = ["alone"]


@contextmanager
def alone(folder: Path, plan_digest: str, work_dir: Path) -> Iterator[None]:
    """Hold a plan in a work directory; the kernel lets go of it with this process, however that ends.

    Args:
        folder: Where the locks are; made if absent.
        plan_digest: The plan.
        work_dir: Where it runs.

    Raises:
        UsageError: Another process runs it there now.
        InfrastructureError: The lock cannot be made.
    """
    key = hashlib.sha256(f"{plan_digest}\0{work_dir}".encode("utf-8", "surrogateescape")).hexdigest()
    path = folder / f"{key[:32]}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = _taken(path)
    except BlockingIOError as error:
        raise UsageError(
            f"{work_dir}: this plan is being run here now{_by(path)}",
            help="wait for it to end, or run it in another --workdir",
        ) from error
    except OSError as error:
        raise InfrastructureError(
            f"{path}: cannot be made: {error.strerror}", help="free space, or set SKVM_CACHE"
        ) from error
    try:
        # Who holds it is for a message only; on a full disk the lock holds all the same.
        with contextlib.suppress(OSError):
            os.write(descriptor, json.dumps({"pid": os.getpid()}).encode())
        yield
    finally:
        # While it is held: whoever waits for it sees that it is no longer the file of this name.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _taken(path: Path) -> int:
    """The lock file, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same(descriptor, path):
                os.ftruncate(descriptor, 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether the file was not removed between being opened and being locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _by(path: Path) -> str:
    try:
        return f" by process {int(json.loads(path.read_bytes()[:200])['pid'])}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
