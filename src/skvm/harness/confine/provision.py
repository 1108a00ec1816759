"""What a cell stands on: the paths it may see, its environment, its user, its private folder."""

from __future__ import annotations

import fcntl
import functools
import os
import random
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.harness.confine.inside import tree
from skvm.harness.confine.lending import lent
from skvm.harness.sandbox import Policy

__all__ = [
    "ETC",
    "MACOS_SYSTEM",
    "PREFIX",
    "SYSTEM",
    "cell_environment",
    "count_own_tasks",
    "find_program",
    "footing",
    "fork_server_command",
    "interpreter",
    "interpreter_prefix",
    "is_reachable",
    "isolated_python",
    "pick_uid",
    "worker_command",
]

IS_MACOS = sys.platform == "darwin"

MACOS_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/opt/homebrew", "/opt/local"),
    *("/Library/Apple", "/Library/Developer/CommandLineTools", "/Library/Frameworks"),
    # Not all of it: everybody's files lie in it once more.
    *("/System/Cryptexes", "/System/Library", "/System/Volumes/Preboot/Cryptexes"),
)
"""System directories of macOS."""

SYSTEM = MACOS_SYSTEM if IS_MACOS else ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""System directories, shown read-only."""

ETC = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
"""The parts of ``/etc`` programs need and that hold no secret."""

PREFIX = "skvm-cell-"
"""Names of the folders cells stand on begin so, which is how those of killed processes are found."""
_PATH = (
    "/opt/homebrew/bin:" if IS_MACOS else ""
) + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT = (
    "import os, sys; sys.path.append(sys.argv[1]); "
    "from skvm.harness.confine.inside.worker import main; os._exit(main())"
)
_BOOT_SERVER = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from skvm.harness.confine.inside.forkserver import main; sys.exit(main(sys.argv[2:]))"
)
# Above what systemd and containers hand out, below the sign bit some file systems stumble over.
_FIRST_UID, _LAST_UID = 0x7000_0000, 0x70FF_FFFF


def interpreter() -> str:
    """The Python that runs the worker: ours, without the virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def interpreter_prefix() -> Path | None:
    """The installation that Python belongs to, unless it lies in a system directory anyway."""
    prefix = Path(os.path.realpath(sys.base_prefix))
    if str(prefix) == "/" or any(prefix.is_relative_to(folder) for folder in SYSTEM):
        return None
    return prefix


def worker_command(package_root: str) -> list[str]:
    """How the worker is started; ``package_root`` holds ``skvm/harness/confine/inside``."""
    return [*isolated_python(), "-c", _BOOT, package_root]


def fork_server_command(package_root: str, preload: Sequence[str] = ()) -> tuple[str, ...]:
    """How the server that forks workers is started, ``preload`` being what they import before they do.

    Empty where a process has no descriptor: there each worker is started by itself.
    """
    if not hasattr(os, "pidfd_open"):
        return ()
    return (*isolated_python(), "-c", _BOOT_SERVER, package_root, *preload)


@functools.cache
def isolated_python() -> tuple[str, ...]:
    """How the Python of a worker is started: what the user's variables and folders say counts for nothing."""
    return (interpreter(), "-I", "-S", "-B", "-X", "utf8")


def is_reachable(path: Path) -> bool:
    """Whether a user who owns nothing here can pass all directories above ``path``."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in Path(os.path.realpath(path)).parents)


def cell_environment(policy: Policy, *, tmp: str, has_prefix: bool = True) -> dict[str, str]:
    """The environment of a command: the small fixed set and the policy's additions, nothing inherited.

    Args:
        policy: What the cell may touch.
        tmp: Its private temporary directory, as the cell sees it.
        has_prefix: Whether it can reach the installation of our Python.
    """
    path = [str(folder) for folder in policy.path_prefix] + [_PATH]
    if has_prefix and (prefix := interpreter_prefix()):
        path.append(str(prefix / "bin"))
    return {
        "PATH": ":".join(path),
        "HOME": f"{tmp}/home" if policy.home is None else str(policy.home),
        "TMPDIR": tmp,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "USER": "agent",
        "LOGNAME": "agent",
        "SHELL": "/bin/sh",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Landlock forbids to look whether there is a system-wide one, and git gives up on that.
        "GIT_CONFIG_NOSYSTEM": "1",
        **policy.env,
    }


def find_program(name: str) -> str | None:
    """Where a command of a cell finds a program, nothing of a policy counted; ``None`` if it does not."""
    path = [_PATH]
    if prefix := interpreter_prefix():
        path.append(str(prefix / "bin"))
    found = shutil.which(name, path=":".join(path))
    # A cell shows system directories and that installation; a link may lead elsewhere.
    shown = [*map(Path, SYSTEM), *([prefix] if prefix else [])]
    return (
        found if found and any(Path(os.path.realpath(found)).is_relative_to(each) for each in shown) else None
    )


def check_work_dir(work_dir: Path) -> None:
    """Refuse a work directory that is missing or would give away more than itself.

    Raises:
        InfrastructureError: With the reason.
    """
    if not work_dir.is_absolute() or not work_dir.is_dir():
        raise InfrastructureError(
            f"{work_dir}: the work directory of a cell must be an existing absolute path"
        )
    real = os.path.realpath(work_dir).rstrip("/") + "/"
    for path, place in _guarded(str(Path.home()), tempfile.gettempdir()):
        if place.startswith(real):
            raise InfrastructureError(
                f"{work_dir}: cannot be the work directory of a cell, because {path} lies in it",
                help="name a directory made for this run",
            )


def check_home(home: Path) -> None:
    """Refuse a home that is missing, that others may enter, or that would give away more than itself.

    Raises:
        InfrastructureError: With the reason.
    """
    check_work_dir(home)
    if home.stat().st_mode & 0o077:
        raise InfrastructureError(f"{home}: the home of a cell must be closed to others (0700)")


@functools.lru_cache(4)
def _guarded(home: str, tmp: str) -> tuple[tuple[str, str], ...]:
    """What no work directory may hold: as it is called, and where it really is, with a slash at the end."""
    places = (home, tmp, sys.prefix, __file__, "/proc", *SYSTEM, "/etc", "/var", "/dev", "/run", "/sys")
    return tuple((place, os.path.realpath(place) + "/") for place in places)


def _make_inside(path: Path, work_dir: Path) -> None:
    """Make a directory that may be written, unless something of the name lies outside the work directory."""
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(work_dir)):
        raise InfrastructureError(f"{path}: leads out of the work directory and cannot be made writable")
    if not real.exists():
        real.mkdir(parents=True)


def pick_uid() -> int | None:
    """A user id nobody here uses, for a cell started by root; ``None`` if we are not root or have no other.

    A user of its own makes the process limit count this cell alone (it never binds root), and keeps
    cells from signalling each other or anybody else.
    """
    if os.geteuid() != 0 or IS_MACOS:
        return None
    used = set()
    for pid in tree.pids():
        with suppress(OSError):
            used.add(os.stat(f"/proc/{pid}").st_uid)  # noqa: PTH116 - pathlib takes as long as the call
    for low, high in ((_FIRST_UID, _LAST_UID), (40_000, 60_000)):
        if not _is_mapped(low, high):
            continue
        choice = random.randint(low, high)
        while choice in used:
            choice = random.randint(low, high)
        return choice
    return None


@functools.cache
def _is_mapped(low: int, high: int) -> bool:
    for file in ("/proc/self/uid_map", "/proc/self/gid_map"):
        ranges = [[int(part) for part in line.split()] for line in Path(file).read_text().splitlines()]
        if not any(start <= low and high < start + count for start, _, count in ranges):
            return False
    return True


def count_own_tasks() -> int:
    """Threads of our user now: where a cell has no user of its own, its process limit counts these too."""
    if IS_MACOS:
        return tree.count_own()
    total = 0
    for pid in tree.pids():
        with suppress(OSError):
            # Beside itself and its parent, such a folder is linked to by one of each thread.
            tasks = os.stat(f"/proc/{pid}/task")  # noqa: PTH116 - pathlib takes as long as the call
            if tasks.st_uid == os.geteuid():
                total += tasks.st_nlink - 2
    return total


@contextmanager
def cell_folder(uid: int | None) -> Iterator[Path]:
    """The private folder of one cell: ``tmp`` and ``shm`` are its own, the rest is ours."""
    _sweep()
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix=PREFIX)))
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.chmod(0o711)
        owner = os.geteuid() if uid is None else uid
        for name in ("tmp", "shm"):
            (folder / name).mkdir(mode=0o700)
            if uid is not None:
                os.chown(folder / name, uid, uid)
        group = os.getegid() if uid is None else uid
        users = f"root:x:0:0:root:/root:/bin/sh\nagent:x:{owner}:{group}:agent:/tmp/home:/bin/sh\n"
        for name, text in (("passwd", users), ("group", f"root:x:0:\nagent:x:{group}:\n")):
            with (folder / name).open("w") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(text)
        yield folder
    finally:
        _remove(folder)
        lock.close()


@functools.cache
def _sweep() -> None:
    """Remove what killed processes of ours left behind, once in this process."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        with suppress(OSError), lock.open("r+") as file:
            # The kernel lets go of the lock with the process that held it; a living one keeps it.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.parent.stat().st_uid == os.geteuid():
                _remove(lock.parent)


def _remove(folder: Path) -> None:
    def unlock(_function: object, path: str, _error: object) -> None:
        # A command may have taken its own rights on a directory away; the second attempt has them again.
        with suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)

    shutil.rmtree(folder, onerror=unlock)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def footing(policy: Policy, *, own_user: bool) -> AsyncIterator[tuple[Path, int | None]]:
    """Prepare what a cell stands on, off the event loop; gives its private folder and its user, if any.

    Args:
        policy: Its work directory and its home are lent to that user for the time of the cell; the
            directories that may be written are made before.
        own_user: Whether a cell started by root gets a user of its own.

    Raises:
        InfrastructureError: The work directory is unfit.
    """
    stack = ExitStack()

    def prepare() -> tuple[Path, int | None]:
        check_work_dir(policy.work_dir)
        for path in policy.writable or ():
            _make_inside(path, policy.work_dir)
        if policy.home is not None:
            check_home(policy.home)
        uid = pick_uid() if own_user else None
        folder = stack.enter_context(cell_folder(uid))
        stack.enter_context(lent(policy.work_dir, uid))
        if policy.home is not None:
            stack.enter_context(lent(policy.home, uid))
        if uid is not None:
            # The user is the cell's own, so this finds whatever a dead worker left.
            stack.callback(tree.kill_user, uid)
        return folder, uid

    try:
        yield await anyio.to_thread.run_sync(prepare)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(stack.close)
