"""What is known of names: modules, distributions, programs, services. Data files beside this one."""

from __future__ import annotations

import importlib.resources
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

__all__ = [
    "BASE",
    "INSTALLERS",
    "Program",
    "distribution_of",
    "distributions",
    "import_names",
    "is_standard",
    "normal",
    "products",
    "programs",
    "service_names",
    "services",
]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


BASE = _names("""
. : [ [[ alias ar at awk base32 base64 basename batch bash bg break builtin caller case cat cd chattr chcon
chgrp chmod chown chroot cksum clear cmp column comm command compgen complete continue coproc cp cron
crontab csplit cut dash date dd declare df diff dir dirname dirs disown do done du echo egrep elif else
enable env esac eval exec exit expand export expr factor false fc fg fgrep fi file find flock fmt fold for
function gawk getconf getent getopt getopts grep groups gunzip gzip hash head history hostid hostname iconv
id if in install ionice ipcs jobs join journalctl kill killall less let link ln local locate logger login
logname logout look ls lsblk make mapfile man mawk md5 md5sum mesg mkdir mkfifo mknod mktemp more mount mv
nice nl nohup notify-send nproc od open patch paste pathchk pbcopy pbpaste pgrep pkill popd pr printenv
printf ps ptx pushd pwd read readarray readlink readonly realpath reboot renice reset return rev rm rmdir
say sed select seq service set sh sha1sum sha256sum sha512sum shasum shift shopt shred shuf shutdown sips
sleep sort source split stat stdbuf strings stty su sudo sum suspend sw_vers sync system_profiler systemctl
tac tail tar tee test then time timeout times top touch tput tr trap true truncate tsort tty type typeset
ulimit umask umount unalias uname unexpand uniq unlink unset until update uptime useradd users usermod vi
vim vdir vmstat wait watch wc whatis whereis which while who whoami write xargs xxd yes zcat zgrep zsh
launchctl defaults plutil pmset caffeinate screencapture dscl mdfind mdls xattr diskutil free nano fuser
hexdump bzip2 xz compress cal ed ex m4 lp bunzip2 unxz ifconfig ip ping netstat route arp traceroute
function csh ksh dpkg rpm
""")
"""Commands every system brings; what the rules of the labels leave out."""

INSTALLERS = _names("""
pip pip3 pipx npm npx pnpm yarn bunx brew apt apt-get aptitude dnf yum apk pacman zypper port choco winget
scoop snap flatpak cargo go gem conda mamba micromamba uvx corepack nvm pyenv rustup asdf virtualenv venv
poetry pipenv emerge
""")
"""Programs whose work is to install others."""


@dataclass(frozen=True, slots=True)
class Program:
    """A well-known command.

    Args:
        command: As called.
        package: The package that brings it.
        type: ``pip``, ``npm`` or ``system``.
        service: What it works on.
    """

    command: str
    package: str
    type: str
    service: str | None


def _lines(name: str) -> list[list[str]]:
    data = importlib.resources.files("skvm.compiler.dependencies").joinpath("data", name)
    lines = data.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def normal(name: str) -> str:
    """The normal form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_standard(module: str) -> bool:
    """Whether a top-level module comes with Python."""
    return module in sys.stdlib_module_names or module in ("__future__", "__main__", "distutils", "imp")


@cache
def import_names() -> Mapping[str, str]:
    """Distributions by import name, where the two differ; dotted names for parts of namespaces."""
    return dict(_lines("imports.txt"))


@cache
def distributions() -> frozenset[str]:
    """Normal names of well-known distributions."""
    return frozenset(name for (name,) in _lines("distributions.txt"))


@cache
def _namespaces() -> frozenset[str]:
    return frozenset(name.split(".")[0] for name in import_names() if "." in name)


def distribution_of(module: str) -> tuple[str, bool]:
    """The distribution that brings a module, and whether that is known rather than guessed.

    Args:
        module: Dotted, as imported.
    """
    parts = module.split(".")
    known = import_names()
    if parts[0] in _namespaces():
        for count in range(len(parts), 1, -1):
            found = known.get(".".join(parts[:count]))
            if found:
                return found, True
    if parts[0] in known:
        return known[parts[0]], True
    name = normal(parts[0])
    if parts[0] in _namespaces():
        return normal("-".join(parts[:3])), False
    return name, name in distributions()


@cache
def programs() -> Mapping[str, Program]:
    """Well-known programs by command."""
    found = {}
    for command, package, *service in _lines("programs.txt"):
        kind, _, name = package.rpartition(":")
        found[command] = Program(
            command, command if name == "." else name, kind or "system", service[0] if service else None
        )
    return found


@cache
def services() -> Mapping[str, str]:
    """Services by host, by stem of the variable that holds a key, or by ``pip:`` and a library."""
    return dict(_lines("services.txt"))


@cache
def service_names() -> frozenset[str]:
    """All services that are known by name."""
    return frozenset(services().values())


@cache
def products() -> Mapping[str, tuple[str, str]]:
    """Type and name of what lists of requirements call by another name."""
    found = {}
    for name, what in _lines("products.txt"):
        kind, _, target = what.partition(":")
        found[name] = (kind, target)
    return found
