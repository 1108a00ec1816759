"""Fetching the public dataset of tasks and skills."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from skvm.errors import InfrastructureError, UsageError
from skvm.evidence.redact import without_provider_keys
from skvm.task.dataset import task_folders, tasks_dir

__all__ = ["PUBLIC_DATASET", "Fetched", "fetch_dataset"]

PUBLIC_DATASET = "https://github.com/SJTU-IPADS/SkVM-data.git"
TIMEOUT_S = 1800.0
"""Wall clock of a clone."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched.

    Args:
        path: The dataset's folder.
        revision: The commit, 40 hex digits.
        tasks: How many tasks it has.
    """

    path: Path
    revision: str
    tasks: int


def fetch_dataset(target: Path, *, url: str = PUBLIC_DATASET, timeout_s: float = TIMEOUT_S) -> Fetched:
    """Clone a dataset; the folder appears whole or not at all. Blocks for as long as git takes.

    Args:
        target: The dataset's folder; must not exist, or be empty.
        url: Where from: ``https://…`` or the path of a repository on this machine.
        timeout_s: Wall clock.

    Raises:
        UsageError: The folder is in use.
        InfrastructureError: There is no git, no network, no repository, or what it holds is no dataset.
    """
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(
            f"{target} is there already, with {len(task_folders(tasks_dir(target)))} tasks",
            help="remove it to fetch it anew, or name another with --skvm-data-dir",
        )
    git = shutil.which("git")
    if git is None:
        raise InfrastructureError(
            "there is no git on this machine", help=f"install git, or unpack {url} at {target}"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".data-", dir=target.parent) as folder:
            made = Path(folder, "data")
            revision = _clone(git, url, made, timeout_s)
            count = len(task_folders(tasks_dir(made)))
            if count == 0:
                raise InfrastructureError(f"{url} holds no tasks (no tasks/*/task.json)")
            made.replace(target)
    except OSError as error:
        raise InfrastructureError(f"{target}: cannot be written: {error.strerror or error}") from error
    return Fetched(target, revision, count)


def _clone(git: str, url: str, made: Path, timeout_s: float) -> str:
    environment = {
        **without_provider_keys(os.environ),
        # Nobody is asked for a password, no hook runs, nothing but files and https is spoken.
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:file",
    }
    # A link of a stranger's repository becomes a small text file.
    options = ["-c", "core.symlinks=false", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false"]
    command = [git, *options, "clone", "--quiet", "--depth=1", "--no-tags", "--", url, str(made)]
    try:
        _git(command, environment, timeout_s, f"{url} cannot be fetched")
        named = [git, "-C", str(made), "rev-parse", "HEAD"]
        return _git(named, environment, timeout_s, f"{url} holds nothing")
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"{url} was not fetched within {timeout_s:.0f} s", help="try again, or unpack it by hand"
        ) from error


def _git(command: list[str], environment: dict[str, str], timeout_s: float, failed: str) -> str:
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        timeout=timeout_s,
    )
    if done.returncode == 0:
        return done.stdout.strip()
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    why = next((line for line in said if line.startswith("fatal:")), said[-1] if said else "no reason given")
    why = why.removeprefix("fatal: ")
    is_offline = any(
        word in done.stderr for word in ("resolve host", "Could not connect", "Failed to connect")
    )
    raise InfrastructureError(
        f"{failed}: {why}",
        help="there is no network; fetch it elsewhere and name its folder with --skvm-data-dir"
        if is_offline
        else None,
    )
