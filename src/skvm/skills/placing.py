"""Put our skills into a folder of skills, and take them out: whole or not at all, and only what is ours."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

import skvm
from skvm.errors import InfrastructureError
from skvm.evidence.record import Record
from skvm.files import replace_file
from skvm.optimizer.proposals.exchanging import exchange
from skvm.skills.shipped import MARK, Shipped, digest_of, files_of

__all__ = ["Action", "Placed", "Standing", "State", "place", "remove", "state_of"]

State = Literal["absent", "current", "older", "newer", "edited", "foreign"]
Action = Literal["installed", "updated", "unchanged", "replaced", "removed", "absent", "refused"]

_STAGED = ".skvm-staged-"
_MOST_OF_A_MARK = 1 << 16


class _Mark(Record):
    """What we leave in a folder we wrote."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    skill: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a skill stands in a folder.

    Args:
        state: ``older`` and ``newer`` are ours, as another version of us wrote them; ``edited`` was ours;
            ``foreign`` never was.
        version: Which version of us wrote it.
    """

    state: State
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What was done with one skill in one folder.

    Args:
        skill: Its name.
        path: Its folder.
        action: What was done.
        state: How it stood before.
        version: Which version of us had written what stood there.
        detail: Why it was refused.
    """

    skill: str
    path: Path
    action: Action
    state: State
    version: str | None = None
    detail: str = ""


_WHY = {
    "edited": "somebody has edited it",
    "foreign": "it was not written by skvm",
    "newer": "a newer skvm wrote it",
}


def state_of(skill: Shipped, folder: Path) -> Standing:
    """How a skill stands in a folder of skills.

    Raises:
        InfrastructureError: What is there cannot be read.
    """
    path = folder / skill.name
    if not path.is_symlink() and not path.exists():
        return Standing("absent")
    if path.is_symlink() or not path.is_dir():
        return Standing("foreign")
    mark = _read_mark(path)
    if mark is None or mark.skill != skill.name:
        return Standing("foreign")
    try:
        there = digest_of(dict(files_of(path)))
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be read: {error.strerror}") from error
    if there != mark.digest:
        return Standing("edited", mark.version)
    if there == skill.digest:
        return Standing("current", mark.version)
    is_newer = _order(mark.version) > _order(skvm.__version__)
    return Standing("newer" if is_newer else "older", mark.version)


def place(skill: Shipped, folder: Path, *, force: bool = False, dry_run: bool = False) -> Placed:
    """Put a skill into a folder of skills; what is ours and unedited is brought up to date.

    Args:
        skill: What to put there.
        folder: Made if absent.
        force: Also replace what is not ours, was edited or is newer.
        dry_run: Only say what would be done.

    Raises:
        InfrastructureError: The folder cannot be read or written; what was there is as it was.
    """
    if dry_run:
        return _plan(skill, folder, force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            planned = _plan(skill, folder, force)
            if planned.action in ("installed", "updated", "replaced"):
                _lay(skill, planned.path)
            return planned
    except OSError as error:
        raise _refusal(folder, error) from error


def remove(skill: Shipped, folder: Path, *, force: bool = False, dry_run: bool = False) -> Placed:
    """Take a skill of ours out of a folder of skills.

    Raises:
        InfrastructureError: The folder cannot be read or written.
    """
    planned = _plan_removal(skill, folder, force)
    if dry_run or planned.action != "removed":
        return planned
    try:
        with _alone(folder):
            # Somebody may have edited it while we waited for our turn.
            planned = _plan_removal(skill, folder, force)
            if planned.action == "removed":
                _discard(planned.path, Path(tempfile.mkdtemp(prefix=_STAGED, dir=folder)))
            return planned
    except OSError as error:
        raise _refusal(folder, error) from error


def _plan_removal(skill: Shipped, folder: Path, force: bool) -> Placed:
    path = folder / skill.name
    found = state_of(skill, folder)
    if found.state == "absent":
        return Placed(skill.name, path, "absent", found.state)
    if found.state in ("edited", "foreign") and not force:
        return _refused(skill, path, found)
    return Placed(skill.name, path, "removed", found.state, found.version)


def _plan(skill: Shipped, folder: Path, force: bool) -> Placed:
    path = folder / skill.name
    found = state_of(skill, folder)
    if found.state in _WHY and not force:
        return _refused(skill, path, found)
    actions: dict[State, Action] = {"absent": "installed", "current": "unchanged", "older": "updated"}
    return Placed(skill.name, path, actions.get(found.state, "replaced"), found.state, found.version)


def _refused(skill: Shipped, path: Path, found: Standing) -> Placed:
    why = f"{_WHY[found.state]}; --force overrides"
    return Placed(skill.name, path, "refused", found.state, found.version, why)


def _lay(skill: Shipped, path: Path) -> None:
    """Write a folder beside its name, then let both change places: nobody ever sees half of one."""
    staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=path.parent))
    made = staged / path.name
    mark = _Mark(skill=skill.name, version=skvm.__version__, digest=skill.digest)
    files = {**skill.files, MARK: mark.model_dump_json(by_alias=True, indent=2).encode() + b"\n"}
    try:
        made.mkdir(mode=0o755)
        for name, data in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            replace_file(made / name, data, mode=0o644)
        if not os.path.lexists(path):
            made.rename(path)
        elif path.is_symlink() or not path.is_dir() or not exchange(made, path):
            path.rename(staged / "before")
            made.rename(path)
    except BaseException:
        before = staged / "before"
        if os.path.lexists(before) and not os.path.lexists(path):
            before.rename(path)
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _discard(path: Path, staged: Path) -> None:
    """Rename first: nobody ever sees half of it."""
    try:
        path.rename(staged / path.name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One of us at a time in a folder; what one that was killed left behind goes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob(f"{_STAGED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _read_mark(path: Path) -> _Mark | None:
    try:
        with (path / MARK).open("rb") as file:
            return _Mark.model_validate_json(file.read(_MOST_OF_A_MARK))
    except (OSError, ValidationError):
        return None


def _order(version: str) -> tuple[int, ...]:
    """What compares the numbers of a version; what follows them is not compared."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(each) for each in numbers[0].split(".")) if numbers else ()


def _refusal(folder: Path, error: OSError) -> InfrastructureError:
    place = error.filename if isinstance(error.filename, str) else folder
    return InfrastructureError(f"{place}: {error.strerror or error}", help="nothing was changed there")
