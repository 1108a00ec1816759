"""Puts changes into a work directory so that all of them are there in the end, or none.

What is to be done is written down and synced first (the *intent*); every step of it can be done again, so a
process that was killed on the way is finished by the next one. Bytes arrive by renaming: where the disk is
another one, they are first copied beside their place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.errors import InfrastructureError
from skvm.files import replace_file
from skvm.runtime.plan.branching.changes import Change
from skvm.runtime.plan.branching.tree import Root

__all__ = ["INTENT", "WORK", "Intent", "finish", "place", "read_intent", "settle", "undo_staging"]

INTENT, WORK = "intent.json", "work"
"""Names in a branch's own folder: what is being merged, and the copy."""
_BLOCK = 1 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Removal(_Value):
    """An entry that goes, if it is still the one it was."""

    path: str
    is_folder: bool
    inode: int = 0


class Folder(_Value):
    """A folder that is made, or gets other permissions."""

    path: str
    mode: int


class Put(_Value):
    """A file or link that is renamed to its place.

    ``staged`` is its name beside its place, on another disk than the copy's; else it comes from ``path`` in
    the copy.
    """

    path: str
    staged: str | None = None


class Intent(_Value):
    """What a merge does, in this order: removals, folders, files, and what the folders may do.

    ``staging``: bytes are still being copied beside their places, nothing was changed; ``placing``: all of
    it is to be done, from here on whatever happens.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    node: str
    base: str
    state: Literal["staging", "placing"]
    removals: tuple[Removal, ...] = ()
    folders: tuple[Folder, ...] = ()
    puts: tuple[Put, ...] = ()
    digests: dict[str, str] = Field(default_factory=dict)

    @property
    def is_one_step(self) -> bool:
        """Whether it cannot be half done, so that there is no need to write it down."""
        if self.folders or any(put.staged for put in self.puts):
            return False
        return len(self.removals) + len(self.puts) <= 1


def place(
    folder: Path,
    base: Root,
    base_path: Path,
    *,
    node: str,
    changed: Mapping[str, Change],
    digests: Mapping[str, str],
    mark: Path | None = None,
) -> None:
    """Put changes of a branch into its base. Blocks.

    Args:
        folder: The branch's own folder, with the copy in it.
        base: The base.
        base_path: Its path, for whoever has to finish this.
        node: Whose changes they are.
        changed: The changes.
        digests: What is to be told of them.
        mark: Where the intent goes once it is done, for whoever has to know of it if we are killed before
            we say so; ``None`` where nobody has.

    Raises:
        InfrastructureError: The base cannot be written. Nothing was changed, or the intent is still there
            and says what is left to be done.
    """
    intent = _intent_of(folder, base, base_path, node=node, changed=changed, digests=digests)
    with Root.of(folder / WORK) as work:
        try:
            _check_places(base, intent)
            _open_up(work, intent)
            _rewrite_links(work, changed)
            if any(put.staged for put in intent.puts):
                _write(folder, intent.model_copy(update={"state": "staging"}))
                for put in intent.puts:
                    if put.staged:
                        _stage(work, base, put)
            _separate(work, changed)
            if mark is None and intent.is_one_step:
                finish(folder, base, intent)
                return
            _write(folder, intent)
        except OSError as error:
            undo_staging(base, intent)
            (folder / INTENT).unlink(missing_ok=True)
            raise InfrastructureError(
                f"{base_path}: changes of step {node} cannot be merged: {error.strerror or error}",
                help="see whether the disk is full or the directory may not be written",
            ) from error
    try:
        finish(folder, base, intent)
    except OSError as error:
        raise InfrastructureError(
            f"{base_path}: a merge of step {node} stopped half way: {error.strerror or error}",
            help="make the directory writable; the next run in it finishes the merge first",
        ) from error
    settle(folder, mark)


def settle(folder: Path, mark: Path | None) -> None:
    """Put away the intent of a merge that is done. Blocks."""
    if mark is None:
        (folder / INTENT).unlink()
    else:
        (folder / INTENT).replace(mark)


def read_intent(path: Path) -> Intent | None:
    """What a file says is to be merged, or was; ``None`` for nothing, or nothing whole."""
    try:
        return Intent.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        # It is written by renaming: what cannot be read is none of ours.
        return None


def _write(folder: Path, intent: Intent) -> None:
    replace_file(folder / INTENT, intent.model_dump_json(by_alias=True).encode())


def _intent_of(
    folder: Path,
    base: Root,
    base_path: Path,
    *,
    node: str,
    changed: Mapping[str, Change],
    digests: Mapping[str, str],
) -> Intent:
    with Root.of(folder / WORK) as work:
        is_elsewhere = _disk(work.descriptor) != _disk(base.descriptor)
    removals: list[Removal] = []
    puts: list[Put] = []
    for path, change in changed.items():
        was = base.stamp(path)
        is_folder = was is not None and was.kind == "folder"
        if was is not None and (change.kind == "gone" or is_folder != (change.kind == "folder")):
            removals.append(Removal(path=path, is_folder=is_folder, inode=was.inode))
        if change.kind in ("file", "link"):
            beside = f".skvm-merge-{folder.name.rpartition('-')[2]}-{len(puts)}"
            puts.append(Put(path=path, staged=beside if is_elsewhere else None))
    # What lies in a folder goes before the folder does.
    removals.sort(key=lambda removal: (removal.is_folder, -removal.path.count("/"), removal.path))
    folders = tuple(
        Folder(path=path, mode=change.mode) for path, change in changed.items() if change.kind == "folder"
    )
    return Intent(
        node=node,
        base=str(base_path),
        state="placing",
        removals=tuple(removals),
        folders=folders,
        puts=tuple(puts),
        digests=dict(digests),
    )


def _disk(descriptor: int) -> tuple[int, str]:
    """The disk and the mount an open folder is on: nothing can be renamed from one to another."""
    try:
        told = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    except FileNotFoundError:
        told = ""  # only Linux tells; elsewhere a disk is mounted once
    mount = next((line for line in told.splitlines() if line.startswith("mnt_id:")), "")
    return os.fstat(descriptor).st_dev, mount


def _check_places(base: Root, intent: Intent) -> None:
    """Find out before anything is done whether all of it can be.

    Raises:
        OSError: A folder may not be written, or is another disk's.
    """
    made = {folder.path for folder in intent.folders}
    disk = _disk(base.descriptor)
    paths = [entry.path for entries in (intent.removals, intent.folders, intent.puts) for entry in entries]
    for parent in sorted({path.rpartition("/")[0] for path in paths} - made):
        with base.around(f"{parent}/-" if parent else "-") as (folder, _):
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), parent)
            if _disk(folder) != disk:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), parent)


def _open_up(work: Root, intent: Intent) -> None:
    """Make folders of the copy writable for us: their files are renamed out of them."""
    if os.geteuid() == 0:
        return
    parents = sorted({put.path.rpartition("/")[0] for put in intent.puts} - {""})
    for parent in parents:
        _set_mode(work, parent, 0o700)


def _set_mode(root: Root, path: str, mode: int) -> None:
    with root.around(path) as (around, name):
        folder = os.open(name, _FOLDER, dir_fd=around)
        try:
            os.fchmod(folder, mode)
        finally:
            os.close(folder)


def _rewrite_links(work: Root, changed: Mapping[str, Change]) -> None:
    """Have links of the copy lead where they are to lead in the base."""
    for path, change in changed.items():
        if change.kind == "link":
            with work.around(path) as (folder, name):
                if os.readlink(name, dir_fd=folder) != change.leads_to:
                    os.unlink(name, dir_fd=folder)
                    os.symlink(change.leads_to, name, dir_fd=folder)


def _separate(work: Root, changed: Mapping[str, Change]) -> None:
    """Give an odd file bytes of its own: its second name may be outside, its bits make nobody root."""
    for path, change in changed.items():
        if change.kind == "file" and change.is_odd:
            with work.around(path) as (folder, name):
                _copy(folder, name, folder, f".skvm-own-{name[:200]}")
                os.rename(f".skvm-own-{name[:200]}", name, src_dir_fd=folder, dst_dir_fd=folder)


def _stage(work: Root, base: Root, put: Put) -> None:
    """Copy bytes into the root of the base, which is there before and after."""
    staged = put.staged or put.path
    with work.around(put.path) as (source, name):
        if stat.S_ISLNK(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
            os.symlink(os.readlink(name, dir_fd=source), staged, dir_fd=base.descriptor)
        else:
            _copy(source, name, base.descriptor, staged)


def _copy(source: int, name: str, target: int, copied: str) -> None:
    reader = os.open(name, _FILE, dir_fd=source)
    try:
        status = os.fstat(reader)
        writer = os.open(copied, _NEW, 0o600, dir_fd=target)
        try:
            while chunk := os.read(reader, _BLOCK):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(writer, rest) :]
            os.fchmod(writer, status.st_mode & 0o777)
            os.utime(writer, ns=(status.st_mtime_ns, status.st_mtime_ns))
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def undo_staging(base: Root, intent: Intent) -> None:
    """Remove what was copied beside its place."""
    for put in intent.puts:
        if put.staged:
            with contextlib.suppress(OSError), base.around(put.staged) as (folder, name):
                os.unlink(name, dir_fd=folder)


def finish(folder: Path, base: Root, intent: Intent) -> None:
    """Do whatever of an intent is not done yet; doing it twice is doing it once. Blocks.

    Raises:
        OSError: The base cannot be written.
    """
    _remove(base, intent.removals)
    _make(base, intent.folders)
    with Root.of(folder / WORK) as work:
        for put in intent.puts:
            _put(work, base, put)
    # Last: a folder that may not be written takes no files.
    for made in reversed(intent.folders):
        _set_mode(base, made.path, made.mode)


def _remove(base: Root, removals: Iterable[Removal]) -> None:
    for removal in removals:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), base.around(removal.path) as place:
            folder, name = place
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) != removal.is_folder:
                continue  # done before: what is there now has taken its place
            if removal.is_folder:
                os.rmdir(name, dir_fd=folder)
            elif removal.inode in (0, status.st_ino):
                os.unlink(name, dir_fd=folder)


def _make(base: Root, folders: Iterable[Folder]) -> None:
    for made in folders:
        with base.around(made.path) as (folder, name):
            try:
                os.mkdir(name, 0o700, dir_fd=folder)
            except FileExistsError:
                continue
            _hand_over(folder, name)


def _put(work: Root, base: Root, put: Put) -> None:
    source_root, source_path = (base, put.staged) if put.staged else (work, put.path)
    try:
        with source_root.around(source_path) as (source, source_name), base.around(put.path) as place:
            folder, name = place
            _hand_over(source, source_name, folder)
            os.rename(source_name, name, src_dir_fd=source, dst_dir_fd=folder)
    except FileNotFoundError:
        # Done before, by a process that did not live to say so.
        if base.stamp(put.path) is None:
            raise


def _hand_over(folder: int, name: str, into: int | None = None) -> None:
    """Give what is merged to the owner of the folder it comes into: a cell of another user may be at work."""
    if os.geteuid() != 0:
        return
    owner = os.fstat(folder if into is None else into)
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if (status.st_uid, status.st_gid) != (owner.st_uid, owner.st_gid):
        os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)
