"""The programs we know: what each is made of, where its executable lies, what it needs, what we tried.

An entry is data. ``install`` puts the packages into a private prefix, ``find`` says which program a run
takes. The version of an entry is the one it is tested with, and the only one we install.

Packages are named so that nothing of them has to run while they are installed: where a release keeps its
binary in a package of its own for each platform, that package is taken and not the starter whose script
would copy the binary about.
"""

from __future__ import annotations

import difflib
import functools
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from skvm.errors import UsageError
from skvm.harness.programs.pins import PINS

__all__ = [
    "PROGRAMS",
    "RECORD",
    "Package",
    "Program",
    "ProgramKind",
    "find_entry",
    "here",
    "prefix_of",
]

RECORD = "install.json"
"""Name of the file in a prefix that says what lies there, and that it is whole."""

ProgramKind = Literal["harness", "agent", "bridge", "tool"]
"""A harness with an adapter of its own; an agent that speaks ACP; a bridge that makes a harness speak it;
what others need."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of a registry.

    Args:
        registry: ``npm`` or ``pypi``.
        name: As the registry calls it; see ``here`` for words in braces.
        version: Exact.
        extras: Of a Python distribution.
    """

    registry: Literal["npm", "pypi"]
    name: str
    version: str
    extras: tuple[str, ...] = ()

    @property
    def resolved(self) -> Package:
        """The one for this machine."""
        words = here()
        name, version = self.name.format(**words), self.version.format(**words)
        return replace(self, name=name, version=version)

    @property
    def pin(self) -> str | None:
        """What npm must have fetched, if we know."""
        return PINS.get(f"{self.name}@{self.version}")


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    Args:
        name: Ours; that of the adapter, if it has one.
        title: What people call it.
        kind: What it is to us.
        packages: What is installed; the first one is the program.
        version: Of the first package.
        executable: Its place in the prefix; see ``here`` for words in braces.
        commands: What it is called on PATH, the usual name first.
        size_mb: What an install takes on disk, about, without what it needs.
        node: The oldest Node it runs on; ``None`` if it needs none.
        needs: Other entries it cannot do without.
        path: Further folders of the prefix that it must find on its PATH.
        variable: Environment variable that names another executable, or the Python it lies beside.
        checkout: Where a built checkout has the executable.
        version_args: Arguments that make it say its version; none where nothing does.
        also_tested: Further versions that worked with us.
        modes: Whose configuration it can run with.
        scripts_of: npm's packages whose own scripts must run to install it; they do so confined, without a
            network, after all has been fetched.
    """

    name: str
    title: str
    kind: ProgramKind
    packages: tuple[Package, ...]
    version: str
    executable: str
    commands: tuple[str, ...]
    size_mb: int
    node: tuple[int, ...] | None = None
    needs: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    variable: str | None = None
    checkout: tuple[str, ...] = ()
    version_args: tuple[str, ...] = ("--version",)
    also_tested: tuple[str, ...] = ()
    modes: tuple[Literal["managed", "native"], ...] = ("managed", "native")
    scripts_of: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """``executable`` on this machine."""
        return Path(self.executable.format(**here()))

    def is_tested(self, version: str | None) -> bool:
        """Whether a version is one that worked with us."""
        return version in (self.version, *self.also_tested)


@functools.cache
def here() -> Mapping[str, str]:
    """The words of this machine that names and paths of packages are made with.

    ``{cpu}`` is npm's name of the processor, ``{arch}`` the kernel's; ``{libc}`` is ``-musl`` or nothing;
    ``{avx}`` is ``-baseline`` on an x64 processor without AVX2.
    """
    arch = platform.machine()
    cpu = {"x86_64": "x64", "aarch64": "arm64"}.get(arch, arch)
    return {
        "cpu": cpu,
        "arch": arch,
        "libc": "" if platform.libc_ver()[0] == "glibc" else "-musl",
        "avx": "-baseline" if cpu == "x64" and not _has_avx2() else "",
    }


def _has_avx2() -> bool:
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True


def prefix_of(cache_dir: Path, entry: Program) -> Path:
    """Where the pinned version of a program lies, if it is installed."""
    return cache_dir / "harnesses" / entry.name / entry.version


def find_entry(name: str) -> Program:
    """The entry of that name.

    Raises:
        UsageError: There is none; the help line suggests what was meant.
    """
    for entry in PROGRAMS:
        if entry.name == name:
            return entry
    known = [entry.name for entry in PROGRAMS]
    close = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"unknown program {name!r}",
        help=f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}",
    )


_MODULES = "npm/node_modules"

_HARNESSES = (
    Program(
        name="opencode",
        title="OpenCode",
        kind="harness",
        packages=(Package("npm", "opencode-linux-{cpu}{avx}{libc}", "1.18.33"),),
        version="1.18.33",
        executable=f"{_MODULES}/opencode-linux-{{cpu}}{{avx}}{{libc}}/bin/opencode",
        commands=("opencode",),
        size_mb=185,
        needs=("ripgrep",),
        variable="SKVM_OPENCODE_CMD",
        checkout=("packages/opencode/dist/opencode-linux-{cpu}{avx}{libc}/bin/opencode",),
    ),
    Program(
        name="openclaw",
        title="OpenClaw",
        kind="harness",
        packages=(Package("npm", "openclaw", "2026.9.6"),),
        version="2026.9.6",
        executable=f"{_MODULES}/openclaw/openclaw.mjs",
        commands=("openclaw",),
        size_mb=668,
        node=(24, 16),
        # It writes down that they ran, and refuses to start where they have not.
        scripts_of=("openclaw",),
        variable="SKVM_OPENCLAW_CMD",
        checkout=("openclaw.mjs",),
    ),
    Program(
        name="hermes",
        title="Hermes",
        kind="harness",
        packages=(Package("pypi", "hermes-agent", "0.19.0", extras=("acp",)),),
        version="0.19.0",
        executable="venv/bin/hermes",
        commands=("hermes",),
        size_mb=235,
        variable="SKVM_HERMES_PYTHON",
        checkout=(".venv/bin/hermes", "venv/bin/hermes"),
    ),
    Program(
        name="pi",
        title="pi",
        kind="harness",
        packages=(Package("npm", "@earendil-works/pi-coding-agent", "0.87.1"),),
        version="0.87.1",
        executable=f"{_MODULES}/@earendil-works/pi-coding-agent/dist/bundle/cli.js",
        commands=("pi",),
        size_mb=160,
        node=(22, 19),
        variable="SKVM_PI_CMD",
        checkout=("packages/coding-agent/dist/bundle/cli.js", "packages/coding-agent/dist/cli.js"),
    ),
    Program(
        name="claude-code",
        title="Claude Code",
        kind="harness",
        packages=(Package("npm", "@anthropic-ai/claude-code-linux-{cpu}{libc}", "2.1.329"),),
        version="2.1.329",
        executable=f"{_MODULES}/@anthropic-ai/claude-code-linux-{{cpu}}{{libc}}/claude",
        commands=("claude",),
        size_mb=378,
        variable="SKVM_CLAUDE_CMD",
    ),
    Program(
        name="codex",
        title="Codex",
        kind="harness",
        packages=(Package("npm", "@openai/codex", "0.169.0-linux-{cpu}"),),
        version="0.169.0",
        executable=f"{_MODULES}/@openai/codex/vendor/{{arch}}-unknown-linux-musl/bin/codex",
        commands=("codex",),
        size_mb=423,
        path=(f"{_MODULES}/@openai/codex/vendor/{{arch}}-unknown-linux-musl/codex-path",),
        variable="SKVM_CODEX_CMD",
        checkout=("codex-rs/target/release/codex",),
    ),
    Program(
        name="jiuwenclaw",
        title="JiuwenClaw",
        kind="harness",
        packages=(Package("pypi", "jiuwenclaw", "0.1.11.post1"),),
        version="0.1.11.post1",
        executable="venv/bin/python3",
        commands=(),
        size_mb=1198,
        version_args=(),
        variable="SKVM_JIUWENCLAW_PYTHON",
        modes=("managed",),
    ),
)

_OVER_ACP = (
    Program(
        name="qwen-code",
        title="Qwen Code",
        kind="agent",
        packages=(Package("npm", "@qwen-code/qwen-code", "0.24.4"),),
        version="0.24.4",
        executable=f"{_MODULES}/@qwen-code/qwen-code/cli-entry.js",
        commands=("qwen",),
        size_mb=150,
        node=(22,),
        variable="SKVM_QWEN_CMD",
        modes=("managed",),
    ),
    Program(
        name="claude-agent-acp",
        title="ACP bridge of Claude Code",
        kind="bridge",
        packages=(Package("npm", "@zed-industries/claude-agent-acp", "0.23.1"),),
        version="0.23.1",
        executable=f"{_MODULES}/@zed-industries/claude-agent-acp/dist/index.js",
        commands=("claude-agent-acp",),
        version_args=(),
        size_mb=88,
        node=(20,),
        needs=("claude-code",),
        modes=("managed",),
    ),
    Program(
        name="codex-acp",
        title="ACP bridge of Codex",
        kind="bridge",
        packages=(Package("npm", "@zed-industries/codex-acp-linux-{cpu}", "0.16.0"),),
        version="0.16.0",
        executable=f"{_MODULES}/@zed-industries/codex-acp-linux-{{cpu}}/bin/codex-acp",
        commands=("codex-acp",),
        version_args=(),
        size_mb=233,
        modes=("managed",),
    ),
    Program(
        name="pi-acp",
        title="ACP bridge of pi",
        kind="bridge",
        packages=(Package("npm", "pi-acp", "0.0.34"),),
        version="0.0.34",
        executable=f"{_MODULES}/pi-acp/dist/index.js",
        commands=("pi-acp",),
        version_args=(),
        size_mb=7,
        node=(22, 19),
        needs=("pi",),
        modes=("managed",),
    ),
)

_TOOLS = (
    Program(
        name="node",
        title="Node",
        kind="tool",
        packages=(Package("npm", "node-linux-{cpu}", "24.21.0"),),
        version="24.21.0",
        executable=f"{_MODULES}/node-linux-{{cpu}}/bin/node",
        commands=("node",),
        size_mb=195,
        modes=(),
    ),
    Program(
        name="ripgrep",
        title="ripgrep",
        kind="tool",
        packages=(Package("npm", "@vscode/ripgrep-linux-{cpu}", "1.18.0"),),
        version="1.18.0",
        executable=f"{_MODULES}/@vscode/ripgrep-linux-{{cpu}}/bin/rg",
        commands=("rg",),
        size_mb=6,
        modes=(),
    ),
)

PROGRAMS: tuple[Program, ...] = (*_HARNESSES, *_OVER_ACP, *_TOOLS)
"""Every program we know, those people ask for first."""
