"""What a skill may touch, as a record, and what a sandbox makes of it.

``permissions.json`` lists the files, programs and hosts a skill's own text and scripts need, each with the
words that say so. Under *enforce* a run is given no more: no network where no host is needed, a PATH of only
the permitted programs, files written only where the skill or the task writes. Under *report* nothing
is held back, and what went beyond the record is told in the run's notes.

A program reached by its absolute path is refused by name, not by the kernel; what a permitted interpreter
does with its own code is held by the network and the directories alone.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.errors import UsageError
from skvm.harness.confine.provision import cell_environment
from skvm.harness.sandbox import Policy

__all__ = [
    "BASE_PROGRAMS",
    "PERMISSIONS_FILE",
    "Grant",
    "Permission",
    "PermissionMode",
    "Permissions",
    "Source",
    "load_permissions",
    "policy_for",
    "programs_of",
    "task_files",
]

PERMISSIONS_FILE = "permissions.json"
PermissionMode = Literal["enforce", "report", "off"]

_MAX_BYTES = 16 << 20
"""A larger file is no record."""
_BASE = """
sh bash env cat ls head tail wc grep sed awk sort uniq cut tr find mkdir cp mv touch rm tee diff cmp test
printf echo date pwd dirname basename true false xargs sleep seq stat file realpath expr
"""
BASE_PROGRAMS = frozenset(_BASE.split())
"""Programs every agent may run: a shell, and what looks at and moves files of the work directory."""
_WORDS = """
cd . : [ [[ alias break continue eval exec exit export local read return set shift source trap type ulimit
umask unset wait command if then else elif fi for do done while until case esac function in ! { } ( )
"""
_BUILTINS = frozenset(_WORDS.split())
_LEAD_WORDS = "if then else elif do while until ! { sudo time nohup exec command"
_LEADS = frozenset(_LEAD_WORDS.split())
"""Words of the shell after which a program still follows."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Source(_Record):
    """Where a permission comes from: a file of the skill, its bytes, and the words."""

    path: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    quote: str = ""


class Permission(_Record):
    """One thing that is permitted: a path or pattern, a program, or a host; ``*`` is any."""

    name: str = Field(pattern=r"^[^\x00-\x1f\x7f]+$")
    evidence: tuple[Source, ...] = ()


class Permissions(_Record):
    """What ``permissions.json`` holds.

    ``network`` is ``none``, ``listed`` (only ``hosts``) or ``any``; ``unknown`` are the programs and places
    whose effects could not be read, so that the lists may be too short.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    skill: str
    skill_digest: str = Field(default="", alias="skillDigest")
    read: tuple[Permission, ...] = ()
    write: tuple[Permission, ...] = ()
    commands: tuple[Permission, ...] = ()
    hosts: tuple[Permission, ...] = ()
    network: Literal["none", "listed", "any"] = "none"
    unknown: tuple[Permission, ...] = ()

    def permits_program(self, program: str) -> bool:
        """Whether a program may be run, by the last part of its path."""
        name = PurePosixPath(program).name
        return name in BASE_PROGRAMS or any(_same(name, found.name) for found in self.commands)

    def permits_write(self, path: str) -> bool:
        """Whether a file may be written; paths are relative to the work directory, or absolute."""
        return _matches(path, self.write)

    def permits_host(self, host: str) -> bool:
        """Whether a host may be reached."""
        if self.network != "listed":
            return self.network == "any"
        return any(host == found.name or host.endswith(f".{found.name}") for found in self.hosts)


@dataclass(frozen=True, slots=True)
class Grant:
    """The permissions a run is held to.

    Args:
        permissions: The skill's.
        mode: ``enforce``, ``report`` or ``off``.
        task_files: Files the task itself names: they may be written whatever the skill says.
    """

    permissions: Permissions
    mode: PermissionMode = "report"
    task_files: tuple[str, ...] = ()

    def permits_write(self, path: str) -> bool:
        """Whether the skill or the task writes this file."""
        return self.permissions.permits_write(path) or _any_match(path, self.task_files)


_FILE_NAME = re.compile(r"(?<![\w/.-])((?:[\w-]+/)*[\w-][\w.-]*\.[a-z][a-z0-9]{1,5})\b")


def task_files(prompt: str) -> tuple[str, ...]:
    """The files a task's prompt names."""
    return tuple(dict.fromkeys(_FILE_NAME.findall(prompt)))


def load_permissions(folder: Path) -> Permissions | None:
    """The record in a variant's folder; ``None`` where there is none.

    Raises:
        UsageError: It is not one.
    """
    path = folder / PERMISSIONS_FILE
    try:
        # Not blocking: a pipe of this name would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(_MAX_BYTES + 1) if is_file else b""
        if len(data) > _MAX_BYTES:
            raise UsageError(f"{path}: over {_MAX_BYTES >> 20} MiB", help="compile the skill again")
        return Permissions.model_validate_json(data)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        said = error.strerror if isinstance(error, OSError) else "not a permissions record of schema 1"
        raise UsageError(f"{path}: {said}", help="compile the skill again") from error


def policy_for(grant: Grant, policy: Policy, programs_dir: Path) -> Policy:
    """A policy that gives a run what the grant permits and no more; unchanged unless it is enforced.

    Args:
        grant: What is permitted.
        policy: What the task allows; never widened.
        programs_dir: An empty directory of ours, filled with links to the permitted programs.
    """
    if grant.mode != "enforce":
        return policy
    permissions = grant.permissions
    # Looked up where the cell would look: our own PATH may name what it cannot see.
    found_in = cell_environment(replace(policy, env={}), tmp=str(programs_dir))["PATH"]
    _link_programs(permissions, found_in, policy.path_prefix, programs_dir)
    path = ":".join(str(folder) for folder in (programs_dir, *policy.path_prefix))
    return replace(
        policy,
        network=policy.network and permissions.network != "none",
        read_only=(*policy.read_only, programs_dir),
        env={**policy.env, "PATH": path},
        writable=_writable(grant, policy.work_dir),
    )


def _link_programs(permissions: Permissions, found_in: str, prefix: Sequence[Path], folder: Path) -> None:
    names = BASE_PROGRAMS | {PurePosixPath(found.name).name for found in permissions.commands}
    for name in sorted(names):
        if not name or name == "*" or any((place / name).exists() for place in prefix):
            continue
        target = shutil.which(name, path=found_in)
        if target is not None and not (folder / name).exists():
            (folder / name).symlink_to(target)
    folder.chmod(0o755)


def _writable(grant: Grant, work_dir: Path) -> tuple[Path, ...] | None:
    """The directories of the work directory in which files are written; ``None`` for all of it.

    A new file needs a directory that may be written, so one file at the top makes all of it writable.
    """
    names = [found.name for found in grant.permissions.write] + list(grant.task_files)
    tops: set[str] = set()
    for name in names:
        parts = PurePosixPath(name.removeprefix("./")).parts
        if not parts or parts[0] in {"/", "~", ".."}:
            # Nothing outside the work directory is ever given.
            continue
        if "*" in parts[0] or (len(parts) == 1 and not name.endswith("/")):
            return None
        tops.add(parts[0])
    return tuple(work_dir / top for top in sorted(tops))


_HERE = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?.*?^\s*\1\s*$", re.DOTALL | re.MULTILINE)


def programs_of(command: str | Sequence[str]) -> tuple[str, ...]:
    """The programs a command line starts, as far as its words say; sorted."""
    if not isinstance(command, str):
        words = list(command)
        if len(words) > 2 and PurePosixPath(words[0]).name in {"sh", "bash"} and words[1] in {"-c", "-lc"}:
            return programs_of(words[2])
        return (words[0],) if words else ()
    lexer = shlex.shlex(_HERE.sub("", command), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    found: set[str] = set()
    starts, skip = True, False
    try:
        for word in lexer:
            if set(word) <= set("();<>|&\n"):
                skip = word[-1] in "<>"
                starts = starts and skip if skip else True
            elif skip:
                skip = False
            elif starts and not re.match(r"[A-Za-z_]\w*=", word):
                starts = word in _LEADS
                if word not in _BUILTINS and "$" not in word:
                    found.add(word)
    except ValueError:
        # Quotes that do not close: the shell will say so itself.
        pass
    return tuple(sorted(found))


def host_of(url: str) -> str:
    """The host of a URL, lower case; ``""`` where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _same(name: str, permitted: str) -> bool:
    return permitted != "*" and PurePosixPath(permitted).name == name


def _matches(path: str, permitted: Iterable[Permission]) -> bool:
    return _any_match(path, (found.name for found in permitted))


def _any_match(path: str, names: Iterable[str]) -> bool:
    plain = path.removeprefix("./")
    is_outside = plain.startswith(("/", "~", ".."))
    for name in names:
        pattern = name.removeprefix("./")
        if is_outside and not pattern.startswith(("/", "~", "..")):
            # No pattern of names inside reaches out of the work directory.
            continue
        if plain == pattern or (pattern.endswith("/") and plain.startswith(pattern)):
            return True
        if "*" in pattern and fnmatchcase(plain, pattern):
            return True
        if "/" not in pattern and PurePosixPath(plain).name == pattern:
            return True
    return False
