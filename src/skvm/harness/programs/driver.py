"""Runs a program as a harness, any program: a home, the cell, the door, the deadline, the trajectory.

::

    adapter.launch(setting) ─► home and work files ─► the program, in the cell ─► adapter.read(left)
                                                         │ model traffic              │ its last words
                                                         ▼                            ▼
                                       the gateway, at the cell's door ─► turns ─► trajectory

Everything of one run lies in its ``RunContext`` and in folders of its own, so any number of runs of one
adapter stand side by side.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evidence.record import Outcome
from skvm.harness.contract import ConfigMode, Facility, Needs, Place, RunContext
from skvm.harness.delivery import LOADED_SHARE
from skvm.harness.gateway.contract import Door, Held, Recorded
from skvm.harness.programs.contract import Launch, Left, Setting, Told, ToolTable, Wire
from skvm.harness.programs.ending import Ending, Ran, ending_of
from skvm.harness.programs.laying import Laid, lay, tame
from skvm.harness.programs.starting import with_interpreter
from skvm.harness.sandbox import Execution, Limits, Streams
from skvm.harness.trajectory import Trajectory, Turn

if TYPE_CHECKING:
    from skvm.settings import AdapterSettings, Settings

__all__ = ["PROGRAM_LIMITS", "ProgramHarness", "run_program", "was_seen"]

PROGRAM_LIMITS = Limits(cpu_s=7200, memory_bytes=None, processes=2048, file_bytes=2 << 30)
"""Runtimes of JavaScript reserve far more address space than they use, and start many threads."""
MAX_OUTPUT_BYTES = 2 << 30
"""A program that prints more is ended."""
THEN_TIMEOUT_S = 30.0
"""How long the second command of a launch may take."""
_LEAST_S = 0.1
_TELLING_CHARS = 12


@dataclass(frozen=True, slots=True)
class ProgramHarness(ABC):
    """A harness made of an adapter; see ``contract.ProgramAdapter`` for what its members mean.

    Derive a frozen dataclass from it and register that with ``@harness``.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Registered name."""

    @property
    def program(self) -> str:
        """Name in the catalogue of programs."""
        return self.name

    @property
    @abstractmethod
    def wire(self) -> Wire:
        """The dialect it is made to speak."""

    @property
    @abstractmethod
    def tools(self) -> ToolTable:
        """Its tools."""

    @property
    def native_files(self) -> Sequence[PurePosixPath]:
        """What ``native`` copies of the user's home; nothing where there is no such mode."""
        return ()

    def native_of(self, user_home: Path, options: AdapterSettings) -> Sequence[PurePosixPath]:
        """What ``native`` copies for one run, where the user may have several agents."""
        return self.native_files

    @property
    def facilities(self) -> frozenset[Facility]:
        """What programs can do as a rule: all but to offer a task's own tools, or to drive a browser."""
        return frozenset(Facility) - {Facility.NATIVE_TOOLS, Facility.BROWSER}

    @property
    def modes(self) -> Sequence[ConfigMode]:
        """Whose configuration it can run with."""
        return ("managed", "native") if self.native_files else ("managed",)

    @abstractmethod
    def launch(self, setting: Setting) -> Launch:
        """How to start it for one run."""

    @abstractmethod
    def read(self, left: Left) -> Told:
        """Read what it left; never raises on what it printed."""

    def skill_loaded(self, setting: Setting, seen: str) -> bool | None:
        """Whether the skill reached the model: most of its lines were sent to it."""
        return was_seen(setting.skill.content, seen) if setting.skill else None

    @asynccontextmanager
    async def ready(self, settings: Settings) -> AsyncIterator[Needs]:
        """Find the program and what it runs on, and keep it there; see ``contract.ProgramInCell``."""
        from skvm.harness.programs.find import require_program, using

        found = await anyio.to_thread.run_sync(require_program, self.program, settings)
        async with using(found):
            yield Needs(
                program=found.executable,
                read_only=found.shown,
                path_prefix=found.path_prefix,
                needed=found.needed,
                options=settings.adapters.get(self.program, Needs(found.executable).options),
                limits=PROGRAM_LIMITS,
            )

    async def run(self, context: RunContext) -> Trajectory:
        """Run the program to its end, its step limit or its deadline."""
        return await run_program(self, context)


def was_seen(content: str, seen: str) -> bool:
    """Whether most lines of a text are among those a model was sent."""
    lines = {line.strip() for line in content.splitlines() if line.strip()}
    # Tools number lines and quote them, so a line counts wherever it stands; a short one may stand anywhere.
    wanted = {line for line in lines if len(line) >= _TELLING_CHARS} or lines
    return bool(wanted) and sum(line in seen for line in wanted) >= LOADED_SHARE * len(wanted)


async def run_program(adapter: ProgramHarness, context: RunContext) -> Trajectory:
    """Run a program once.

    Raises:
        InfrastructureError: The context has no place for a program, the cell died, or the provider failed.
        ConfigError: ``native`` finds no configuration of the user.
    """
    if context.place is None:
        raise InfrastructureError(f"{adapter.name} is a program and was given no place to run in")
    run = _Run(adapter, context, context.place, anyio.current_time() + context.timeout_s)
    trajectory = await run.go()
    await context.hooks.after_run(trajectory)
    return trajectory


@dataclass(slots=True)
class _Run:
    """One run of one program."""

    adapter: ProgramHarness
    context: RunContext
    place: Place
    deadline: float

    async def go(self) -> Trajectory:
        """Start it, let it run, read what came."""
        started = time.monotonic()
        async with self._at_the_door() as (door, close_door):
            setting = self._setting(door)
            launch = self.adapter.launch(setting)
            laid, refused = await anyio.to_thread.run_sync(self._lay_out, launch)
            try:
                ran = None if refused else await self._execute(launch)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(laid.take_away)
            recorded = await close_door()
        duration_ms = (time.monotonic() - started) * 1000
        if ran is None:
            return self._trajectory(Ending(Outcome.HARNESS_FAILED, refused), recorded, Told(), duration_ms)
        told = await anyio.to_thread.run_sync(self._read, ran, launch)
        known = Ran(self.adapter.name, ran, told, recorded, self._stderr, self.context.timeout_s)
        ending = ending_of(known)
        trajectory = self._trajectory(ending, recorded, told, duration_ms)
        return trajectory.model_copy(update={"skill_loaded": self._skill_loaded(setting, recorded)})

    @asynccontextmanager
    async def _at_the_door(self) -> AsyncIterator[tuple[Door, Callable[[], Awaitable[Recorded]]]]:
        """Serve the gateway to the cell; gives the door, and what closes it and says what passed through."""
        from skvm.harness.gateway.server import Gateway

        context = self.context
        held = Held(
            temperature=context.temperature,
            seed=context.seed,
            max_output_tokens=context.max_output_tokens,
            max_steps=context.max_steps,
            deadline=self.deadline,
            hooks=context.hooks,
            prompt=context.prompt,
            work_dir=context.work_dir,
            tools=self.adapter.tools,
            one_call=Facility.PARALLEL_TOOLS not in self.adapter.facilities,
        )
        async with Gateway() as gateway:
            origin = await gateway.serve(self.place.door)
            door = gateway.open(context.session, context.model_id, held=held, origin=origin)
            yield door, partial(gateway.close, door.token)

    def _setting(self, door: Door) -> Setting:
        context, place = self.context, self.place
        return Setting(
            prompt=context.prompt,
            model=context.model_id,
            door=door,
            home=place.home,
            work_dir=context.work_dir,
            program=place.needs.program,
            max_steps=context.max_steps,
            timeout_s=context.timeout_s,
            mode=place.mode,
            needed=place.needs.needed,
            options=place.needs.options,
            user_home=place.user_home,
            skill=context.skill,
            bundle=place.bundle,
            temperature=context.temperature,
        )

    def _lay_out(self, launch: Launch) -> tuple[Laid, str | None]:
        """Write what it is to find; says what stands in the way of that."""
        from skvm.harness.programs.native import copy_native

        place, adapter = self.place, self.adapter
        if place.mode == "native":
            names = adapter.native_of(place.user_home, place.needs.options)
            copy_native(adapter.program, place.user_home, place.home, names)
        lay(place.home, launch.home_files, file_mode=0o600, folder_mode=0o700, is_replacing=True)
        laid = lay(self.context.work_dir, launch.work_files, file_mode=0o644, folder_mode=0o755)
        if not laid.standing:
            return laid, None
        return laid, f"the task has a {laid.standing[0]} of its own, where {adapter.name} needs one"

    async def _execute(self, launch: Launch) -> Execution:
        """Run the program, and what is to run after it."""
        env = {**environment(self.place.home), **launch.env}
        ran = await self._stream(launch.argv, "", env, self._left_s(), launch.stdin)
        if launch.then is not None and not ran.is_timed_out:
            await self._stream(launch.then, "then-", env, min(THEN_TIMEOUT_S, self._left_s()))
        return ran

    async def _stream(
        self, argv: Sequence[str], kind: str, env: Mapping[str, str], timeout_s: float, stdin: bytes = b""
    ) -> Execution:
        folder = self.place.output_dir
        streams = Streams(folder / f"{kind}stdout", folder / f"{kind}stderr", MAX_OUTPUT_BYTES)
        command = with_interpreter(argv, self.place.needs.path_prefix)
        try:
            return await self.context.cell.stream(command, streams, timeout_s=timeout_s, stdin=stdin, env=env)
        except OSError as error:
            raise InfrastructureError(f"{self.adapter.name}: its output cannot be kept: {error}") from error

    def _left_s(self) -> float:
        return max(_LEAST_S, self.deadline - anyio.current_time())

    @property
    def _stderr(self) -> Path:
        return self.place.output_dir / "stderr"

    def _read(self, ran: Execution, launch: Launch) -> Told:
        """What it says of itself; blocks."""
        tame(self.place.home)
        folder = self.place.output_dir
        then = folder / "then-stdout"
        return self.adapter.read(
            Left(
                stdout=folder / "stdout",
                stderr=self._stderr,
                exit_code=ran.exit_code,
                home=self.place.home,
                then=then if launch.then is not None and then.exists() else None,
            )
        )

    def _skill_loaded(self, setting: Setting, recorded: Recorded) -> bool | None:
        from skvm.harness.gateway.trajectory import seen_text

        if setting.skill is None:
            return None
        return self.adapter.skill_loaded(setting, seen_text(recorded))

    def _trajectory(self, ending: Ending, recorded: Recorded, told: Told, duration_ms: float) -> Trajectory:
        from skvm.harness.gateway.trajectory import main_system, turns_of

        turns = turns_of(recorded, self.adapter.tools)
        return Trajectory(
            harness=self.adapter.name,
            model=self.context.model_id,
            system=main_system(recorded),
            prompt=self.context.prompt,
            turns=turns,
            final_text=_final_text(told, turns),
            outcome=ending.outcome,
            detail=ending.detail,
            usage=recorded.usage,
            reported_usage=told.usage,
            duration_ms=duration_ms,
            llm_duration_ms=sum(each.duration_ms for each in recorded.exchanges),
        )


def environment(home: Path) -> dict[str, str]:
    """The variables by which programs find a home, beside those every cell sets."""
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_STATE_HOME": str(home / ".local/state"),
    }


def _final_text(told: Told, turns: Sequence[Turn]) -> str:
    if told.final_text is not None:
        return told.final_text
    return next((turn.text for turn in reversed(turns) if turn.text), "")
