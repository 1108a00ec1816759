"""The back end of macOS: ``sandbox-exec`` with a profile made of the policy.

The profile denies everything and allows again what the policy grants. It holds no path of a policy: each is
handed over beside it, as a parameter, so that no name can become a rule. What it must name itself are the
system's own places, which are constants here.

The worker starts inside of it and gets its code over its connection, as in bubblewrap. There is no namespace:
paths outside are forbidden, not absent; processes outside cannot be looked at or signalled.

How a profile is made is tested; none was ever run by us, since we have no such machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from skvm.errors import InfrastructureError
from skvm.harness.confine import bundle, provision
from skvm.harness.confine.cell import WorkerCell, host_listeners, open_cell
from skvm.harness.confine.launch import Launch
from skvm.harness.sandbox import Policy

__all__ = ["SandboxProfile", "SeatbeltSandbox", "profile_of"]

PROGRAM = "/usr/bin/sandbox-exec"
_DEVICES = ("null", "zero", "random", "urandom", "tty")
_READABLE = (
    *(
        f"/private/etc/{name}"
        for name in ("group", "hosts", "localtime", "passwd", "protocols", "services", "ssl")
    ),
    *("/private/var/db/timezone", "/private/var/select", "/private/etc/shells"),
)
"""What programs need beside the system's directories, and that holds no secret."""
_FOR_NAMES = ("/private/etc/resolv.conf", "/private/var/run/resolv.conf")
"""What looking up a host needs, with the network."""
_SERVICES = ("com.apple.system.notification_center", "com.apple.system.opendirectoryd.libinfo")
"""Services of the system that the C library asks for users and time zones."""
_SERVICES_FOR_NAMES = (
    "com.apple.dnssd.service",
    "com.apple.SystemConfiguration.configd",
    "com.apple.trustd.agent",
)


_PASSED = (
    *(
        "/Library",
        "/Library/Developer",
        "/System",
        "/System/Volumes",
        "/System/Volumes/Preboot",
        "/dev",
        "/etc",
    ),
    *("/opt", "/private", "/private/etc", "/private/tmp", "/private/var", "/private/var/db", "/tmp", "/var"),  # noqa: S108 - a name, nothing is put there
)
"""Directories and links that lie above what is shown."""


@dataclass(frozen=True, slots=True)
class SandboxProfile:
    """A profile and what it is given.

    Args:
        text: In the profile language; the same for every policy of the same form.
        parameters: Name → path, in order; real paths, since rules are held against those.
    """

    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` under it."""
        given = [part for name, path in self.parameters.items() for part in ("-D", f"{name}={path}")]
        return [PROGRAM, *given, "-p", self.text, *argv]


@dataclass(frozen=True, slots=True)
class SeatbeltSandbox:
    """Cells held by the kernel's own sandbox."""

    @property
    def name(self) -> str:
        """``sandbox-exec``."""
        return "sandbox-exec"

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[WorkerCell]:
        """Open a cell; see ``sandbox.Sandbox``."""
        if not provision.IS_MACOS or shutil.which(PROGRAM) is None:
            raise InfrastructureError("sandbox-exec is a program of macOS, and this is none")
        async with provision.footing(policy, own_user=False) as (folder, _):
            # The limit counts what else the user runs.
            processes = policy.limits.processes + provision.count_own_tasks()
            with host_listeners(policy) as listeners:
                ports = [listener.getsockname()[1] for listener in listeners]
                launch = Launch(
                    sandbox=self.name,
                    argv=profile_of(policy, folder / "tmp", ports).command(bundle.COMMAND),
                    prelude=bundle.prelude(),
                    work_dir=policy.work_dir,
                    env=provision.cell_environment(policy, tmp=str(folder / "tmp")),
                    limits=replace(policy.limits, processes=processes),
                    errors=folder / "errors",
                    listeners=listeners,
                )
                async with open_cell(launch) as cell:
                    yield cell


def profile_of(policy: Policy, tmp: Path, ports: Sequence[int] = ()) -> SandboxProfile:
    """The profile of a policy.

    Args:
        policy: What the cell may touch.
        tmp: Its private temporary directory.
        ports: Loopback ports it may connect to, whatever the policy says of the network.

    Raises:
        InfrastructureError: A path cannot be handed over.
    """
    made = _Rules()
    prefix = provision.interpreter_prefix()
    shown = [*policy.read_only, *policy.path_prefix, *([prefix] if prefix else []), policy.work_dir]
    kept = [policy.work_dir] if policy.writable is None else [*policy.writable]
    written = [*kept, tmp, *([policy.home] if policy.home is not None else [])]
    readable = [made.named("SHOWN", path) for path in _each(shown)]
    writable = [made.named("WRITTEN", path) for path in _each(written)]
    constants = [*provision.MACOS_SYSTEM, *_READABLE, *(_FOR_NAMES if policy.network else ())]
    above = sorted(
        {str(parent) for path in made.parameters.values() for parent in Path(path).parents} - {"/"}
    )
    passed = [made.named("ABOVE", Path(path)) for path in above]
    devices = [_literal(f"/dev/{name}") for name in _DEVICES]
    everything = [*(f'(subpath "{path}")' for path in constants), *map(_subpath, [*readable, *writable])]
    made.add("(version 1)", "(deny default)")
    made.add("(allow process-fork)", "(allow process-info* (target same-sandbox))")
    made.add("(allow signal (target same-sandbox))", "(allow sysctl-read)", "(allow pseudo-tty)")
    made.allow("file-read*", [_literal("/"), *everything, *devices])
    made.allow("process-exec*", everything)
    # Whoever opens a file walks past the directories above it; their names are no secret, what is in them is.
    made.allow(
        "file-read-metadata", [*map(_literal, _PASSED), *(f'(literal (param "{name}"))' for name in passed)]
    )
    made.allow("file-write*", map(_subpath, writable))
    # Of rules that meet, the last one holds: what is only shown stays so in a directory that may be written.
    held = [path for path in _each([*policy.read_only, *policy.path_prefix]) if _lies_in(path, written)]
    if held:
        made.add("(deny file-write*", *(f"  {_subpath(made.named('HELD', path))}" for path in held))
        made.lines[-1] += ")"
        again = [path for path in _each(written) if _lies_in(path, held)]
        made.allow("file-write*", [_subpath(made.named("AGAIN", path)) for path in again])
    made.allow("file-write-data file-ioctl", devices)
    services = (*_SERVICES, *(_SERVICES_FOR_NAMES if policy.network else ()))
    made.allow("mach-lookup", [f'(global-name "{name}")' for name in services])
    if policy.network:
        made.add("(allow network*)", "(allow system-socket)")
    elif ports:
        made.allow("network-outbound", [f'(remote tcp "localhost:{int(port)}")' for port in sorted(ports)])
    return SandboxProfile("\n".join(made.lines) + "\n", made.parameters)


def _each(paths: Iterable[Path]) -> list[Path]:
    """Real paths, each once, in order."""
    return [Path(path) for path in dict.fromkeys(os.path.realpath(path) for path in paths)]


def _lies_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in _each(folders))


def _subpath(name: str) -> str:
    return f'(subpath (param "{name}"))'


def _literal(path: str) -> str:
    """One of our own constants."""
    return f'(literal "{path}")'


@dataclass(slots=True)
class _Rules:
    """A profile in the making."""

    lines: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)

    def named(self, kind: str, path: Path) -> str:
        """The name of a parameter that holds a path."""
        name = f"{kind}_{sum(each.startswith(kind) for each in self.parameters)}"
        if "\0" in str(path) or not path.is_absolute():
            raise InfrastructureError(f"{path!r}: no path a sandbox can be made of")
        self.parameters[name] = str(path)
        return name

    def add(self, *lines: str) -> None:
        """Add rules as they are."""
        self.lines += lines

    def allow(self, operations: str, what: Iterable[str]) -> None:
        """Allow operations on some things; on none, nothing is added."""
        if listed := list(what):
            self.lines += [f"(allow {operations}", *(f"  {each}" for each in listed)]
            self.lines[-1] += ")"
