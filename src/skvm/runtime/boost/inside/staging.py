"""A work directory seen, copied and compared: links are never followed, nothing waits at a pipe."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Entry", "Refusal", "changes", "copy", "new_stage", "read", "remove", "scan", "sweep"]

FILE_LIMIT = 2_000
BYTE_LIMIT = 64 * 1024 * 1024
READ_LIMIT = 16 * 1024 * 1024
LINK_LIMIT = 4_096
TEMPORARY = ".skvm-boost-"
STALE_S = 120.0
TOOL_FOLDERS = ("node_modules", "__pycache__")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # never waits at a pipe


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """Why a step is not taken, in one line for a person."""


class Entry:
    """What stands at a path: ``kind`` is ``file``, ``folder``, ``link`` or ``special``."""

    __slots__ = ("ctime", "inode", "kind", "links", "mode", "mtime", "size", "target")

    def __init__(self, status: os.stat_result, target: str = "") -> None:
        self.kind = _kind(status.st_mode)
        self.mode = stat.S_IMODE(status.st_mode)
        self.size = status.st_size
        self.mtime = status.st_mtime_ns
        self.ctime = status.st_ctime_ns
        self.inode = (status.st_dev, status.st_ino)
        self.links = status.st_nlink
        self.target = target

    def is_as(self, other: Entry) -> bool:
        """Whether nobody touched it between two looks; of folders, only what they are."""
        if self.kind != other.kind or self.mode != other.mode or self.inode != other.inode:
            return False
        if self.kind == "folder":
            return True
        mine = (self.size, self.mtime, self.ctime, self.links, self.target)
        return mine == (other.size, other.mtime, other.ctime, other.links, other.target)


def scan(root: int, named: Iterable[str] | None = None) -> dict[str, Entry]:
    """Everything below an open folder, by relative path.

    Args:
        root: The folder.
        named: The files of a step: then folders that tools keep for themselves are passed over where none of
            these lies in them. A work directory with a large ``.git`` is still one that can be copied.

    Raises:
        Refusal: More than 2,000 entries or 64 MB.
        OSError: Something could not be looked at.
    """
    found: dict[str, Entry] = {}
    _visit(root, "", found, None if named is None else tuple(named))
    if sum(entry.size for entry in found.values() if entry.kind == "file") > BYTE_LIMIT:
        raise Refusal(f"the work directory holds more than {BYTE_LIMIT >> 20} MB")
    return found


def copy(root: int, entries: Mapping[str, Entry], target: str) -> None:
    """Copy what ``scan`` saw to an empty folder, times and all.

    Links stay links where they lead to something inside. A link that leads out, a pipe, a socket or a device
    is left out below a hidden folder, where tools keep their own, and refused elsewhere: code that looks for
    it must not be told that there is nothing.

    Raises:
        Refusal: As above, or a file changed meanwhile.
        OSError: A file cannot be read, or the disk is full.
    """
    for path in sorted(entries):
        entry, place = entries[path], os.path.join(target, path)
        if entry.kind == "folder":
            os.mkdir(place, 0o700)
        elif entry.kind == "file":
            _copy_file(root, path, entry, place)
        elif entry.kind == "link" and _stays_inside(path, entry.target):
            os.symlink(entry.target, place)
        elif not is_hidden(path):
            what = "a link that leads out" if entry.kind == "link" else "no file"
            raise Refusal(f"{path} is {what}")


def read(root: int, path: str, *, limit: int = READ_LIMIT) -> bytes | None:
    """The bytes of a regular file below an open folder; ``None`` where nothing is there.

    Raises:
        Refusal: It is something else, lies behind a link, or is larger than ``limit`` bytes.
        OSError: It cannot be read.
    """
    descriptor = _opened(root, path, _FILE)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refusal(f"{path} is no file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Refusal(f"{path} is larger than {limit >> 20} MB")
    return data


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, str]:
    """What differs, by path: ``made`` (a folder), ``written``, ``removed`` or ``changed`` (anything else)."""
    found: dict[str, str] = {}
    for path, entry in after.items():
        old = before.get(path)
        if old is not None and old.is_as(entry):
            continue
        is_file = entry.kind == "file" and (old is None or old.kind == "file")
        if entry.kind == "folder" and old is None:
            found[path] = "made"
        else:
            found[path] = "written" if is_file and entry.links == 1 else "changed"
    found.update((path, "removed") for path in before if path not in after)
    return found


def is_hidden(path: str) -> bool:
    """Whether any part of a path begins with a dot: what tools keep for themselves."""
    return any(part.startswith(".") for part in path.split("/"))


def new_stage(outside: str) -> str:
    """Make a private folder that does not lie in ``outside``.

    Raises:
        Refusal: There is no place for it.
    """
    own = os.path.realpath(outside)
    for base in (os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - 0700, made anew
        real = os.path.realpath(base) if base else ""
        if not real or real == own or real.startswith(own.rstrip("/") + "/"):
            continue
        place = os.path.join(real, f"skvm-boost-{os.getpid()}-{os.urandom(8).hex()}")
        try:
            os.mkdir(place, 0o700)
        except OSError:
            continue
        return place
    raise Refusal("there is no room for a copy outside the work directory")


def remove(folder: str) -> None:
    """Remove a folder and all in it, however deep it is; what cannot be removed stays."""
    left, seen = [folder], []
    while left:
        current = left.pop()
        seen.append(current)
        try:
            os.chmod(current, 0o700)
            with os.scandir(current) as listed:
                found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in listed]
        except OSError:
            continue
        left += [path for path, is_folder in found if is_folder]
        for path in [path for path, is_folder in found if not is_folder]:
            _quietly(os.unlink, path)
    for current in reversed(seen):
        _quietly(os.rmdir, current)


def sweep(root: int, paths: Iterable[str], now_s: float) -> None:
    """Remove what a killed step may have left beside its outputs: our temporary files, old ones only."""
    for folder in sorted({os.path.dirname(path) for path in paths}):
        descriptor = os.dup(root) if not folder else _opened(root, folder, _FOLDER)
        if descriptor is None:
            continue
        try:
            with os.scandir(descriptor) as listed:
                stale = [each.name for each in listed if each.name.startswith(TEMPORARY)]
            for name in stale:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and now_s - status.st_ctime > STALE_S:
                    os.unlink(name, dir_fd=descriptor)
        finally:
            os.close(descriptor)


def folder_of(root: int, path: str, made: list[str]) -> int:
    """Open the folder a file is to lie in; absent ones are made, and their paths added to ``made``."""
    parts = path.split("/")[:-1]
    current = os.dup(root)
    for index, part in enumerate(parts):
        try:
            try:
                following = os.open(part, _FOLDER, dir_fd=current)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=current)
                made.append("/".join(parts[: index + 1]))
                following = os.open(part, _FOLDER, dir_fd=current)
        finally:
            os.close(current)
        current = following
    return current


def _visit(folder: int, prefix: str, found: dict[str, Entry], named: tuple[str, ...] | None) -> None:
    with os.scandir(folder) as listed:
        names = sorted(entry.name for entry in listed)
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(status.st_mode) else ""
        except FileNotFoundError:
            continue  # gone since it was listed: not there
        entry, path = Entry(status, target), prefix + name
        if entry.kind == "folder" and named is not None and _is_passed_over(path, named):
            continue
        found[path] = entry
        if len(found) > FILE_LIMIT:
            raise Refusal(f"the work directory holds more than {FILE_LIMIT} files")
        if entry.kind == "folder":
            below = os.open(name, _FOLDER, dir_fd=folder)
            try:
                _visit(below, path + "/", found, named)
            finally:
                os.close(below)


def _is_passed_over(folder: str, named: tuple[str, ...]) -> bool:
    name = os.path.basename(folder)
    is_kept = any(path.startswith(folder + "/") for path in named)
    return (name.startswith(".") or name in TOOL_FOLDERS) and not is_kept


def _copy_file(root: int, path: str, entry: Entry, place: str) -> None:
    descriptor = _opened(root, path, _FILE)
    if descriptor is None:
        raise Refusal(f"{path} changed while it was copied")
    with os.fdopen(descriptor, "rb") as source:
        if not Entry(os.fstat(descriptor)).is_as(entry):
            raise Refusal(f"{path} changed while it was copied")
        with open(place, "xb") as target:
            while chunk := source.read(1 << 20):
                target.write(chunk)
            os.fchmod(target.fileno(), entry.mode & 0o777 | 0o400)
        if not Entry(os.fstat(descriptor)).is_as(entry):
            raise Refusal(f"{path} changed while it was copied")
    os.utime(place, ns=(entry.mtime, entry.mtime))


def _opened(root: int, path: str, flags: int) -> int | None:
    """Open a path part by part, so that no part of it can be a link."""
    current = os.dup(root)
    parts = path.split("/")
    for part in parts[:-1]:
        try:
            following = os.open(part, _FOLDER, dir_fd=current)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _link_refusal(error, path) from None
        finally:
            os.close(current)
        current = following
    try:
        return os.open(parts[-1], flags, dir_fd=current)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _link_refusal(error, path) from None
    finally:
        os.close(current)


def _link_refusal(error: OSError, path: str) -> Exception:
    if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO):
        return Refusal(f"{path} is no file of the work directory")
    return error


def _stays_inside(path: str, target: str) -> bool:
    if target.startswith("/") or len(target) > LINK_LIMIT:
        return False
    depth = path.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return False
    return True


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "special"


def _quietly(action: object, path: str) -> None:
    try:
        action(path)  # type: ignore[operator]
    except OSError:
        return
