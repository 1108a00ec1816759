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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import dropwhile, pairwise
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
    "grant_of",
    "hosts_of",
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
_LEAD_WORDS = "if then else elif do while until ! { time exec command"
_LEADS = frozenset(_LEAD_WORDS.split())
"""Words of the shell after which a program still follows."""
_PASS_ON = frozenset({"sudo", "env", "nohup", "nice", "timeout", "xargs", "stdbuf", "setsid", "busybox"})
"""Programs that start the one named behind their options."""
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
_FETCHERS = frozenset({"curl", "wget", "git", "http", "https", "xh", "aria2c", "ssh", "scp", "rsync"})
_URL_HOST = re.compile(r"\b(?:https?|ftp|ssh|git|wss?)://(?:[^\s/@]*@)?([\w.-]+)")
_EXECUTES = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


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


def grant_of(folder: Path | None, prompt: str, mode: PermissionMode | None) -> Grant | None:
    """What a run is held to: the record of a variant; without one there is nothing to enforce.

    Args:
        folder: The folder of the skill, if there is one.
        prompt: The task's; the files it names may be written whatever the skill says.
        mode: What was asked for; ``None`` reports where there is a record.

    Raises:
        UsageError: A mode needs a record and there is none, or it cannot be read.
    """
    record = load_permissions(folder) if folder is not None and mode != "off" else None
    if record is not None:
        return Grant(record, mode or "report", task_files(prompt))
    if mode in {"enforce", "report"}:
        raise UsageError(
            f"--permissions={mode} needs a skill with a permissions.json",
            help="skvm aot-compile writes one into the variant; name the variant with --skill",
        )
    return None


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


_ASIDE = re.compile(
    r"""(?P<kept>'[^']*'|"(?:\\.|[^"\\])*"|\\[^\n])"""
    r"|\\\n|\$?\(\([^()]*\)\)|(?<![^\s;&|()])\#[^\n]*"
    r"|(?<!<)<<-?[ \t]*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)(?P<line>[^\n]*)\n"
    r"(?:.*\n)*?(?:[ \t]*(?P=end)[ \t]*$|.*\Z)",
    re.MULTILINE,
)
"""What is no command: comments, arithmetic, what a here-document holds; quotes are stepped over."""
_SUBSTITUTED = re.compile(r"\$\(([^()]+)\)|`([^`]+)`")
_PASSED_ON = re.compile(r"-.*|[A-Za-z_]\w*=.*|[\d.]+[smhd]?")
_MAX_DEPTH = 8


def programs_of(command: str | Sequence[str]) -> tuple[str, ...]:
    """The programs a command line starts, as far as its words say; sorted."""
    return tuple(sorted({words[0] for words in _commands_of(command, 0)}))


def hosts_of(command: str | Sequence[str]) -> tuple[str, ...]:
    """The hosts a command line names to programs that fetch and send; sorted."""
    asked = (words for words in _commands_of(command, 0) if PurePosixPath(words[0]).name in _FETCHERS)
    return tuple(sorted({host for words in asked for word in words for host in _URL_HOST.findall(word)}))


def _commands_of(command: str | Sequence[str], depth: int) -> Iterator[Sequence[str]]:
    simple = [list(command)] if not isinstance(command, str) else _simple_commands(command)
    for words in simple:
        yield from _started(words, depth)


def _simple_commands(line: str) -> list[list[str]]:
    """The words of each command of a line, without what is redirected."""
    plain = _ASIDE.sub(lambda found: found["kept"] or f" {found['line'] or ''}", line)
    lexer = shlex.shlex(plain, posix=True, punctuation_chars="();<>|&`\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    skip = False
    try:
        for word in lexer:
            if word and set(word) <= set("();<>|&`\n"):
                # Behind ">" stands a file, behind ">&" a file or a number.
                skip = word[-1] in "<>" or word[-2:] in {">&", "<&"}
                if not skip:
                    found.append([])
                elif found[-1] and found[-1][-1].isdecimal():
                    # The descriptor of "2>file", which may stand before the program.
                    found[-1].pop()
            elif skip:
                skip = False
            else:
                found[-1].append(word)
    except ValueError:
        # Quotes that do not close: the shell will say so itself.
        pass
    return found


def _started(words: Sequence[str], depth: int) -> Iterator[Sequence[str]]:
    """What one command starts: its program, what that is told to run, and what is put in for its words."""
    if depth > _MAX_DEPTH:
        return
    for word in words:
        for inner in _SUBSTITUTED.finditer(word):
            yield from _commands_of(inner[1] or inner[2], depth + 1)
    rest = _without_leads(words)
    if not rest or "$" in rest[0] or "`" in rest[0]:
        return
    if rest[0] not in _BUILTINS:
        yield rest
    yield from _told(PurePosixPath(rest[0]).name, rest[1:], depth)


def _without_leads(words: Sequence[str]) -> list[str]:
    """A command from its program on; empty where it only asks for one."""
    rest = list(words)
    while rest and (rest[0] in _LEADS or re.match(r"[A-Za-z_]\w*=", rest[0])):
        lead = rest.pop(0)
        while lead in _LEADS and rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if lead == "command" and option in {"-v", "-V"}:
                return []
            if lead == "exec" and option == "-a":
                del rest[:1]
    return rest


def _told(name: str, words: Sequence[str], depth: int) -> Iterator[Sequence[str]]:
    """What a program starts because its words say so."""
    if name in _SHELLS:
        for option, text in pairwise(words):
            if re.fullmatch(r"-\w*c", option):
                yield from _commands_of(text, depth + 1)
                break
    elif name == "eval":
        yield from _commands_of(" ".join(words), depth + 1)
    elif name in _PASS_ON:
        yield from _started(list(dropwhile(_PASSED_ON.fullmatch, words)), depth + 1)
    elif name == "find":
        for option, program in pairwise(words):
            if option in _EXECUTES:
                yield from _started([program], depth + 1)


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
