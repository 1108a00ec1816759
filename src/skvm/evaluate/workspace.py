"""Work directories: laid out for an agent, copied for a grader, removed.

What an agent (or a setup script) left is hostile: names of any kind, links to anywhere, trees too deep
for a recursive walk, directories without permissions, files without end. Nothing here follows a link.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from skvm.errors import InfrastructureError
from skvm.evidence.record import process_started
from skvm.skill.ir import Resource, Skill
from skvm.task.model import Task

__all__ = [
    "PLAN_COMMAND",
    "SETUP_TIMEOUT_S",
    "Ceiling",
    "abandoned",
    "bundle_files",
    "copy_tree",
    "lay_bundle",
    "lay_fixtures",
    "lay_inline",
    "make_private_folder",
    "place_file",
    "remove_tree",
    "runs_plan",
    "sealed_fixtures",
    "sweep",
]

SETUP_TIMEOUT_S = 60.0
"""Wall clock of a task's ``_setup.sh``."""
_CHUNK = 1 << 20
_STALE_S = 24 * 3600
_PRIVATE = re.compile(r"skvm-(?:run|grade|output|branches|home-[\w.-]+?)-(?P<pid>\d+)-(?P<started>\d+)-\w+")
_PASSING = re.compile(r"skvm-(?:check|doctor|preflight|probe|programs|version)-\w+")
"""Folders nobody needs for longer than a run or a probe takes; their names tell no owner."""
_VARIANT_FOLDERS = ("_artifacts", "_profiling")
_VARIANT_FILES = (
    "acceptance.json",
    "meta.json",
    "compilation-plan.json",
    "env-lock.json",
    "env-manifest.json",
    "env-setup.sh",
    "permissions.json",
    "plan.json",
    "proof.json",
    "workflow-dag.md",
)
_PLAN_FILE = "plan.json"
PLAN_COMMAND = re.compile(r"(?<![\w./-])skvm[ \t]+plan[ \t]+run(?![\w-])")
"""What a skill's text, or a command, runs a plan with."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How much of a work directory is copied for grading.

    Args:
        max_bytes: Of all files together, by their nominal size (a sparse file counts whole).
        max_entries: Files, folders and links together.
        max_depth: Folders within folders.
    """

    max_bytes: int = 1 << 30
    max_entries: int = 100_000
    max_depth: int = 64


def sealed_fixtures(task: Task) -> frozenset[str]:
    """Fixtures, in ``fixtures/`` or inline, that only a grader may see: the test files its criteria name."""
    payloads = (criterion.options.get("payload") for criterion in task.criteria)
    named = (payload.get("testFile") for payload in payloads if isinstance(payload, dict))
    return frozenset(PurePosixPath(name).as_posix() for name in named if isinstance(name, str))


def lay_fixtures(task: Task, work: Path) -> None:
    """Copy ``fixtures/`` of the task's folder, without what is sealed.

    Raises:
        InfrastructureError: They cannot be read or written.
    """
    folder = task.root / "fixtures" if task.root else None
    if folder is None or not folder.is_dir():
        return
    notes = copy_tree(folder, work, leave_out=sealed_fixtures(task))
    if notes:
        raise InfrastructureError(f"{folder}: cannot be laid out: {notes[0]}")


def lay_inline(task: Task, work: Path) -> None:
    """Write the inline fixtures, over whatever lies there, without what is sealed."""
    sealed = sealed_fixtures(task)
    for name, text in task.fixtures.items():
        if PurePosixPath(name).as_posix() in sealed:
            continue
        place_file(work, name, text.encode("utf-8", "surrogatepass"))


def lay_bundle(skill: Skill, task: Task, work: Path) -> list[str]:
    """Copy a skill's bundle beside the fixtures, never over them; says what was left out."""
    from skvm.skill.emit import resource_bytes

    notes = []
    for resource in bundle_files(skill):
        if resource.path in task.fixtures or os.path.lexists(work / resource.path):
            notes.append(f"the skill's {resource.path} was left out: the task has a file of that name")
            continue
        try:
            data = resource_bytes(skill, resource.path)
            place_file(work, resource.path, data, mode=0o755 if resource.is_executable else 0o644)
        except OSError as error:
            notes.append(f"the skill's {resource.path} was left out: {error.strerror or error}")
    return notes


def bundle_files(skill: Skill) -> Iterator[Resource]:
    """The files of a skill that an agent gets beside ``SKILL.md``: not what a compiler left for us.

    The plan is among them where the skill's text tells the agent to run it.
    """
    is_variant = any(resource.path == "compilation-plan.json" for resource in skill.resources)
    left_out = set(_VARIANT_FILES)
    if is_variant and runs_plan(skill):
        left_out.remove(_PLAN_FILE)
    for resource in skill.resources:
        first = PurePosixPath(resource.path).parts[0]
        if not is_variant or (resource.path not in left_out and first not in _VARIANT_FOLDERS):
            yield resource


def runs_plan(skill: Skill) -> bool:
    """Whether a skill has a plan and its text tells the agent to run it, with ``skvm plan run``."""
    has_plan = any(resource.path == _PLAN_FILE for resource in skill.resources)
    return has_plan and PLAN_COMMAND.search(skill.text(skill.body)) is not None


def copy_tree(
    source: Path, target: Path, *, ceiling: Ceiling | None = None, leave_out: frozenset[str] = frozenset()
) -> list[str]:
    """Copy a tree into an existing folder; links stay links, special files and excess are dropped.

    Args:
        source: The tree.
        target: Where its entries go.
        ceiling: Where to stop.
        leave_out: POSIX paths relative to ``source`` that are not copied.

    Returns:
        One line for each kind of thing that was dropped.
    """
    ceiling = ceiling or Ceiling()
    dropped: dict[str, list[str]] = {}
    left_bytes, left_entries = ceiling.max_bytes, ceiling.max_entries
    for relative, entry in _walk(source, ceiling.max_depth, dropped):
        if relative in leave_out:
            continue
        if left_entries <= 0:
            dropped.setdefault(f"more than {ceiling.max_entries:,} entries", []).append(relative)
            break
        left_entries -= 1
        try:
            info = entry.stat(follow_symlinks=False)
            size = info.st_size if stat.S_ISREG(info.st_mode) else 0
            if size > left_bytes:
                dropped.setdefault(f"beyond {ceiling.max_bytes:,} bytes", []).append(relative)
            elif _copy_one(Path(entry.path), target / relative, info, source):
                left_bytes -= size
            else:
                dropped.setdefault("special files", []).append(relative)
        except OSError as error:
            dropped.setdefault(error.strerror or "unreadable", []).append(relative)
    return [f"left out of the snapshot ({why}): {_few(names)}" for why, names in dropped.items()]


def make_private_folder(tmp_dir: Path, kind: str) -> Path:
    """Make a folder (0700) whose name tells which process it belongs to.

    Raises:
        InfrastructureError: It cannot be made.
    """
    owner = f"{os.getpid()}-{_started(os.getpid())}"
    try:
        tmp_dir.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"skvm-{kind}-{owner}-", dir=tmp_dir))
    except OSError as error:
        raise InfrastructureError(
            f"{tmp_dir}: no work directory can be made: {error.strerror}",
            help="choose another place with --tmp-dir or SKVM_TMP_DIR",
        ) from error


@functools.lru_cache(1)
def _started(pid: int) -> int:
    return process_started(pid) or 0


def sweep(tmp_dir: Path) -> None:
    """Remove what processes that were killed left behind, once it is a day old.

    The age is for processes we cannot see: another container may share the folder.
    """
    for path in abandoned(tmp_dir):
        remove_tree(path)


def abandoned(tmp_dir: Path, *, older_than_s: float = _STALE_S) -> Iterator[Path]:
    """Private folders whose process is gone, untouched for so many seconds."""
    with contextlib.suppress(OSError):
        for path in tmp_dir.glob("skvm-*-*"):
            match = _PRIVATE.fullmatch(path.name)
            if path.is_symlink() or not (match or _PASSING.fullmatch(path.name)):
                continue
            # Where no owner is named only age tells.
            age_s = older_than_s if match else max(older_than_s, _STALE_S)
            if path.stat().st_mtime > time.time() - age_s:
                continue
            if match is None or process_started(int(match["pid"])) != int(match["started"]):
                yield path


def remove_tree(path: Path) -> None:
    """Remove a tree whatever its shape; what cannot be removed stays, and is only garbage."""
    # Starting a program takes longer than removing the few files a run leaves as a rule.
    with contextlib.suppress(OSError):
        _remove_small(path.name, os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY), _Room())
        return
    # rm takes trees of any depth in linear time; Python's own recurses, and chokes on long paths.
    # The system's own, whatever PATH we were started with.
    remove = [shutil.which("rm", path=os.defpath) or "rm", "-rf", "--", str(path)]
    if subprocess.run(remove, check=False, stderr=subprocess.DEVNULL).returncode == 0:
        return
    with contextlib.suppress(OSError):
        for parent, folders, _ in os.walk(path):
            for child in (Path(parent, name) for name in folders):
                if not child.is_symlink():
                    child.chmod(0o700)
    subprocess.run(remove, check=False, stderr=subprocess.DEVNULL)


@dataclass(slots=True)
class _Room:
    """What is removed by hand at most."""

    entries: int = 500
    depth: int = 8

    def take(self) -> None:
        """Count one more entry."""
        self.entries -= 1
        if self.entries < 0 or self.depth < 0:
            raise OSError(errno.E2BIG, "too much to remove by hand")


def _remove_small(name: str, parent: int, room: _Room) -> None:
    """Remove a small folder, following no link; ``parent`` is closed. Stops at whatever it cannot remove."""
    room.depth -= 1
    try:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            with os.scandir(folder) as listed:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listed]
            for inner, is_dir in entries:
                room.take()
                if is_dir:
                    _remove_small(inner, os.dup(folder), room)
                else:
                    os.unlink(inner, dir_fd=folder)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=parent)
    finally:
        os.close(parent)
    room.depth += 1


def _walk(
    root: Path, max_depth: int, dropped: dict[str, list[str]]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Entries below a root, parents first, in order of name, with their POSIX paths."""
    waiting = [("", root)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            dropped.setdefault(error.strerror or "unreadable", []).append(prefix or ".")
            continue
        for entry in listed:
            relative = f"{prefix}{entry.name}"
            yield relative, entry
            if entry.is_dir(follow_symlinks=False):
                if relative.count("/") >= max_depth:
                    dropped.setdefault(f"deeper than {max_depth} folders", []).append(relative)
                else:
                    waiting.append((f"{relative}/", Path(entry.path)))


def _copy_one(source: Path, target: Path, info: os.stat_result, root: Path) -> bool:
    """Copy one entry; ``False`` for a device, pipe or socket."""
    if stat.S_ISLNK(info.st_mode):
        leads_to = os.path.normpath(source.readlink())
        if Path(leads_to).is_relative_to(root):
            # An absolute link within the tree is one within the copy, too.
            leads_to = os.path.relpath(leads_to, source.parent)
        target.symlink_to(leads_to)
    elif stat.S_ISDIR(info.st_mode):
        target.mkdir(exist_ok=True)
    elif stat.S_ISREG(info.st_mode):
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as reader, target.open("xb") as writer:
            _copy_bytes(reader, writer, min(_CHUNK, info.st_size + 1))
        target.chmod(0o755 if info.st_mode & 0o100 else 0o644)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
    else:
        return False
    return True


def _copy_bytes(reader: BinaryIO, writer: BinaryIO, chunk_bytes: int) -> None:
    """Copy a file; long runs of zeros become holes again, so that a sparse file does not fill the disk."""
    while chunk := reader.read(chunk_bytes):
        if chunk.count(0) == len(chunk):
            writer.seek(len(chunk), os.SEEK_CUR)
        else:
            writer.write(chunk)
    writer.truncate()


def place_file(root: Path, relative: str, data: bytes, *, mode: int = 0o644) -> None:
    """Write one file below a root, making its parents and following no link on the way."""
    parts = PurePosixPath(relative).parts
    if not parts or PurePosixPath(relative).is_absolute() or ".." in parts:
        raise OSError(0, "leads out of the work directory", relative)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            # A folder may be there already; a link of that name fails to open below.
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        with contextlib.suppress(FileNotFoundError):
            os.unlink(parts[-1], dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(parts[-1], flags, mode, dir_fd=folder), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
    finally:
        os.close(folder)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
