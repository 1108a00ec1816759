"""The harness of every agent that speaks ACP: our client in the cell, and the agent as its child."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import anyio.to_thread

from skvm.errors import InfrastructureError, UsageError
from skvm.harness.acp import inside
from skvm.harness.acp.events import read_report, told_of
from skvm.harness.acp.presets import GENERIC, PRESETS, Prepared, Preset, find_preset
from skvm.harness.acp.sdk import sdk_folders
from skvm.harness.acp.tools import COMMON_TOOLS
from skvm.harness.confine.provision import isolated_python
from skvm.harness.contract import Needs
from skvm.harness.programs.catalogue import PROGRAMS, Program
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.driver import PROGRAM_LIMITS, ProgramHarness
from skvm.settings import AdapterSettings, Settings

__all__ = ["AcpHarness", "make_harness"]

CLIENT = ".skvm/acp"
"""Folder of our client in the home."""
_MODULES = ("client", "events", "requests", "terminals")
_BOOT = (
    "import sys; sys.path[1:1] = sys.argv[2:]; "
    "from skvm.harness.acp.inside.client import main; sys.exit(main(sys.argv[1:2]))"
)
_SDK = "python:"
"""What marks the folders of the SDK among what a run needs."""
_GRACE_S, _GRACE_SHARE = 5.0, 0.1
"""How long before its deadline an agent is told to stop, at most."""
_CAPABILITIES = {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": True}


@dataclass(frozen=True, slots=True)
class AcpHarness(ProgramHarness):
    """Drives one agent over ACP.

    Args:
        registered: Name of the harness.
        preset: What we know of the agent.
        command: Words that start it, where that is not the preset's business.
        is_allowing: Whether permissions it asks for are given; the cell confines what it does with them.
        refused: Kinds of tools, as the protocol has them, whose permissions are not given.
    """

    registered: str
    preset: Preset
    command: tuple[str, ...] = ()
    is_allowing: bool = True
    refused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Registered name, ``acp:`` and what stood behind it."""
        return self.registered

    @property
    def program(self) -> str:
        """Name in the catalogue; of a command that is not in it, the command's."""
        return self.preset.program or PurePosixPath(self.command[0]).name

    @property
    def wire(self) -> Wire:
        """The dialect of the preset; an unknown agent may speak any."""
        return self.preset.wire

    @property
    def tools(self) -> ToolTable:
        """Those of the harness it is, else what tools of their names commonly do."""
        based_on = self.preset.based_on
        return based_on.tools if based_on else COMMON_TOOLS

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """Those of the harness it is."""
        based_on = self.preset.based_on
        return based_on.native_files if based_on else ()

    def native_of(self, user_home: Path, options: AdapterSettings) -> Sequence[PurePosixPath]:
        """Likewise."""
        based_on = self.preset.based_on
        return based_on.native_of(user_home, options) if based_on else ()

    @asynccontextmanager
    async def ready(self, settings: Settings) -> AsyncIterator[Needs]:
        """Find the agent, and the SDK our client stands on."""
        folders = await anyio.to_thread.run_sync(sdk_folders)
        needed = {f"{_SDK}{number}": folder for number, folder in enumerate(folders)}
        opening = ProgramHarness.ready(self, settings) if self.preset.program else self._ready(settings)
        async with opening as needs:
            yield replace(needs, read_only=(*needs.read_only, *folders), needed={**needs.needed, **needed})

    @asynccontextmanager
    async def _ready(self, settings: Settings) -> AsyncIterator[Needs]:
        """Find the program of a command, and keep it there."""
        from skvm.harness.programs.find import find_program, using

        entry = _entry_of(self.command[0])
        found = await anyio.to_thread.run_sync(find_program, entry, settings)
        if found is None:
            raise InfrastructureError(
                f"{self.command[0]}: no such program",
                help="name one on PATH or by its whole path; `skvm harness list` shows what can be installed",
            )
        if found.lacks:
            raise InfrastructureError(
                f"{self.command[0]} needs {' and '.join(found.lacks)}",
                help=f"run `skvm harness install {' '.join(found.lacks)}`",
            )
        async with using(found):
            yield Needs(
                program=found.executable,
                read_only=(*found.shown, *_named_files(self.command[1:])),
                path_prefix=found.path_prefix,
                needed=found.needed,
                options=settings.adapters.get("acp", AdapterSettings()),
                limits=PROGRAM_LIMITS,
            )

    def launch(self, setting: Setting) -> Launch:
        """Our client is what is started; what it is to do is a file of the home, the prompt its input."""
        prepared = self.preset.prepare(setting)
        prompt = setting.prompt if prepared.prompt is None else prepared.prompt
        config = self._config(setting, prepared)
        folder = setting.home / CLIENT
        sdk = [str(place) for name, place in setting.needed.items() if name.startswith(_SDK)]
        return Launch(
            argv=[*isolated_python(), "-c", _BOOT, str(folder / "config.json"), str(folder), *sdk],
            stdin=prompt.encode("utf-8", "replace"),
            env=prepared.env,
            home_files={
                **prepared.home_files,
                **_client_files(),
                f"{CLIENT}/config.json": json.dumps(config).encode(),
            },
            work_files=prepared.work_files,
        )

    def _config(self, setting: Setting, prepared: Prepared) -> dict[str, Any]:
        """What the client is told."""
        work_dir = str(setting.work_dir)
        arguments = self.command[1:] if self.command else self.preset.arguments
        grace_s = min(_GRACE_S, setting.timeout_s * _GRACE_SHARE)
        return {
            "argv": [str(setting.program), *arguments, *setting.options.extra_args],
            "workDir": work_dir,
            # Its skills lie in its home.
            "readable": [work_dir, str(setting.home)],
            "writable": [work_dir],
            "isAllowing": self.is_allowing,
            "refused": list(self.refused),
            "capabilities": _CAPABILITIES,
            "promptTimeoutS": setting.timeout_s - grace_s,
            "sessionMeta": dict(prepared.session_meta),
            "session": [{"method": method, "params": dict(params)} for method, params in prepared.session],
            "before": [
                {
                    "argv": list(each.argv),
                    "port": each.port,
                    "timeoutS": each.timeout_s,
                    "cwd": str(each.cwd),
                }
                for each in prepared.beside
            ],
            "links": dict(prepared.links),
        }

    def read(self, left: Left) -> Told:
        """What the client wrote down."""
        told = told_of(read_report(left.stdout))
        return replace(
            told,
            usage=told.usage if self.preset.tells_turn else None,
            final_text=told.final_text if self.preset.tells_text else None,
        )

    def skill_loaded(self, setting: Setting, seen: str) -> bool | None:
        """As the harness it is tells it."""
        based_on = self.preset.based_on
        if based_on is not None:
            return based_on.skill_loaded(setting, seen)
        return ProgramHarness.skill_loaded(self, setting, seen)


def make_harness(target: str) -> AcpHarness:
    """The harness of what stands behind ``acp:``, an agent we know or a command line.

    Raises:
        UsageError: It is neither.
    """
    preset = find_preset(target)
    if preset is not None:
        return AcpHarness(f"acp:{target}", preset)
    try:
        words = tuple(shlex.split(target))
    except ValueError as error:
        raise UsageError(f"acp:{target}: {error}", help="quote it as in a shell") from error
    if not words or not words[0]:
        known = ", ".join(f"acp:{each.name}" for each in PRESETS)
        raise UsageError(
            "acp alone names no agent",
            help=f"write acp:COMMAND, with its arguments in quotes, or an agent we know: {known}",
        )
    return AcpHarness(f"acp:{target}", GENERIC, command=words)


@functools.cache
def _client_files() -> Mapping[str, bytes]:
    """Our client as files of a home: a package of its own, with the names it has with us."""
    parts = inside.__name__.split(".")
    packages = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    source = Path(inside.__path__[0])
    return {
        **{f"{CLIENT}/{package}/__init__.py": b"" for package in packages},
        **{f"{CLIENT}/{packages[-1]}/{name}.py": (source / f"{name}.py").read_bytes() for name in _MODULES},
    }


def _entry_of(command: str) -> Program:
    """The entry of the catalogue a command belongs to, else one made up for it."""
    for entry in PROGRAMS:
        if command in entry.commands:
            return entry
    name = PurePosixPath(command).name
    return Program(
        name=name,
        title=name,
        kind="agent",
        packages=(),
        version="",
        executable="-",
        commands=(command,),
        size_mb=0,
        # Where it is a script of Node's.
        node=(18,),
        modes=("managed",),
    )


def _named_files(words: Sequence[str]) -> tuple[Path, ...]:
    """Files and folders a command names by their whole path, which it would not find otherwise."""
    home = Path.home()
    named = [Path(word) for word in words if word.startswith("/")]
    return tuple(path for path in named if path.exists() and not home.is_relative_to(path.resolve()))
