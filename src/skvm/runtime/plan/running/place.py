"""The cell a plan's commands run in, and the skill's own files beside what they work on."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio.to_thread

from skvm.compiler.plans.plan import Plan
from skvm.errors import InfrastructureError
from skvm.harness.sandbox import Cell, Limits, Policy

if TYPE_CHECKING:
    from skvm.harness.environment.bind import Bound
    from skvm.harness.permissions import Grant

__all__ = ["DIRECT", "IN_CELL", "Confinement", "lay_scripts", "sandbox_name"]

IN_CELL = "SKVM_IN_CELL"
"""Set to ``1`` inside a cell of ours: commands then run directly, confined by that cell."""
DIRECT = "direct"
"""Commands run as they are, in the cell this process is in."""
_MAX_FILE_BYTES = 64 << 20
_CPU_S, _PROCESSES = 600, 1024
"""Of one command, and of all that run at once."""


def sandbox_name(asked: str, env: Mapping[str, str]) -> str:
    """The back end to use: ``direct`` within a cell of ours, which confines already."""
    return DIRECT if env.get(IN_CELL) == "1" else asked


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the commands of a run are held to.

    Args:
        sandbox: The back end, ``auto`` for the best that works here, ``direct`` for none in a cell of ours.
        network: Whether they may reach anything.
        environment: What they find first.
        grant: The skill's permissions, if it has any.
        notes: Gets a line for everything that went beyond these, once a cell is closed.
    """

    sandbox: str
    network: bool = False
    environment: Bound | None = None
    grant: Grant | None = None
    notes: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, work_dir: Path) -> AsyncIterator[Cell]:
        """Open a cell on a directory; leaving ends everything in it.

        Raises:
            InfrastructureError: No sandbox works here, or the cell cannot be opened.
            UsageError: There is no back end of this name.
        """
        async with AsyncExitStack() as stack:
            if self.sandbox == DIRECT:
                from skvm.runtime.plan.outfit.direct import direct_cell

                yield await stack.enter_async_context(direct_cell(work_dir))
                return
            from skvm.harness.confine import choose_sandbox

            sandbox = await anyio.to_thread.run_sync(choose_sandbox, self.sandbox)
            policy = Policy(work_dir, network=self.network, limits=Limits(cpu_s=_CPU_S, processes=_PROCESSES))
            if self.environment is not None:
                from skvm.harness.environment.bind import using

                await stack.enter_async_context(using(self.environment))
                policy = _in(self.environment, policy)
            if self.grant is None:
                yield await stack.enter_async_context(sandbox.open(policy))
                return
            from skvm.harness.permitted import held_to

            held = held_to(self.grant, policy, sandbox.open, self.notes)
            yield await stack.enter_async_context(held)


def _in(environment: Bound, policy: Policy) -> Policy:
    return replace(
        policy,
        read_only=(environment.folder,),
        path_prefix=environment.path_prefix,
        env=environment.env,
    )


def lay_scripts(plan: Plan, folder: Path, work_dir: Path) -> tuple[str, ...]:
    """Put the skill's files beside the work where its commands look for them, never over what is there.

    Nothing is laid unless a command names a file of the skill that the work directory lacks.

    Args:
        plan: The plan.
        folder: The skill's.
        work_dir: Where commands run.

    Returns:
        What was laid, sorted.

    Raises:
        InfrastructureError: It cannot be read or written.
    """
    if os.path.realpath(folder) == str(work_dir) or not _missing(plan, folder, work_dir):
        return ()
    from skvm.evaluate.workspace import bundle_files, place_file
    from skvm.skill.emit import resource_bytes
    from skvm.skill.frontend import load_skill

    if not (folder / "SKILL.md").is_file():
        # A bare plan.json: only the files it names are known to be meant.
        laid = sorted(_missing(plan, folder, work_dir))
        for name in laid:
            _put(work_dir, name, _bytes(folder / name), is_executable=os.access(folder / name, os.X_OK))
        return tuple(laid)
    skill = load_skill(folder)
    laid = []
    for resource in bundle_files(skill):
        if os.path.lexists(work_dir / resource.path):
            continue
        try:
            place_file(
                work_dir,
                resource.path,
                resource_bytes(skill, resource.path),
                mode=0o755 if resource.is_executable else 0o644,
            )
        except OSError as error:
            raise _not_laid(resource.path, error) from error
        laid.append(resource.path)
    return tuple(sorted(laid))


def _missing(plan: Plan, folder: Path, work_dir: Path) -> set[str]:
    """Files of the skill that commands name and the work directory lacks."""
    named: set[str] = set()
    for step in plan.steps:
        for action in step.actions:
            named.update(_files_of((action.script or "",)))
            named.update(_files_of(_words(action.command)))
    for group in plan.groups:
        if group.items is not None and group.items.command:
            named.update(_files_of(_words(group.items.command)))
    return {
        name
        for name in named
        if not os.path.lexists(work_dir / name) and (folder / name).is_file() and _is_inside(folder, name)
    }


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


def _files_of(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        parts = PurePosixPath(word).parts if word else ()
        # Only what lies in a folder of the skill: a plain name is a file of the work directory.
        if len(parts) > 1 and not word.startswith(("/", "~", "-")) and ".." not in parts and "\0" not in word:
            yield PurePosixPath(word).as_posix()


def _is_inside(folder: Path, name: str) -> bool:
    return Path(os.path.realpath(folder / name)).is_relative_to(os.path.realpath(folder))


def _bytes(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise _not_laid(str(path), error) from error
    raise _not_laid(str(path), OSError(0, "not a file"))


def _put(work_dir: Path, name: str, data: bytes, *, is_executable: bool) -> None:
    from skvm.evaluate.workspace import place_file

    try:
        place_file(work_dir, name, data, mode=0o755 if is_executable else 0o644)
    except OSError as error:
        raise _not_laid(name, error) from error


def _not_laid(name: str, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"the skill's {name} cannot be laid in the work directory: {error.strerror or error}",
        help="make the work directory writable, or put the file there",
    )
