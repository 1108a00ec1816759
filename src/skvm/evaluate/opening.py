"""Opens the cell of a run: what the task, the environment and the harness need, put together once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from socket import socket

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evaluate.bench import Bench, RunSpec
from skvm.evaluate.workspace import bundle_files, make_private_folder, remove_tree
from skvm.harness.contract import Harness, Needs, Place, ProgramInCell, path_name
from skvm.harness.environment.bind import using
from skvm.harness.lazy_cell import open_on_demand
from skvm.harness.permissions import Grant, Permission
from skvm.harness.permitted import held_to
from skvm.harness.sandbox import Cell, Policy, Sandbox
from skvm.harness.site import SITE_PORT

__all__ = ["GATEWAY_PORT", "Opened", "open_for"]

GATEWAY_PORT = 8018
"""Where a program finds the gateway, in a cell that has a loopback of its own."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A cell a run can begin in.

    Args:
        cell: The cell.
        site_door: A socket to serve the run's site on, if it has one.
        place: What a harness that is a program is given.
        open_cell: Opens a further cell like it on another work directory; ``None`` where its doors cannot be
            had twice.
    """

    cell: Cell
    site_door: socket | None = None
    place: Place | None = None
    open_cell: Callable[[Path], AbstractAsyncContextManager[Cell]] | None = None


@asynccontextmanager
async def open_for(
    spec: RunSpec,
    bench: Bench,
    agent: Harness,
    work: Path,
    notes: list[str],
    *,
    shown: Sequence[Path] = (),
    programs: Sequence[Path] = (),
) -> AsyncIterator[Opened]:
    """Open the cell of one run; leaving ends everything in it, and removes a program's home.

    Args:
        spec: The run.
        bench: What runs share.
        agent: Its harness.
        work: Its work directory.
        notes: Gets a line for everything that went beyond the skill's permissions.
        shown: Folders of hooks that the cell is to see.
        programs: Folders of hooks whose programs its commands are to find; no permissions hold these back.

    Raises:
        InfrastructureError: The cell cannot be opened, or a harness that is a program is not installed.
        ConfigError: The configuration names a program that is not there.
    """
    grant = _permitting(spec.permissions, programs)
    async with using(spec.environment):
        if not isinstance(agent, ProgramInCell):
            policy = _showing(_policy(spec, work), shown, programs)
            # A site has to be served before anybody asks for it.
            opening = _open_now if policy.listen_ports else open_on_demand

            @asynccontextmanager
            async def further(folder: Path) -> AsyncIterator[Cell]:
                other, own = replace(policy, work_dir=folder), list[str]()
                async with held_to(grant, other, partial(open_on_demand, bench.sandbox), own) as cell:
                    yield cell
                notes.extend(note for note in own if note not in notes)

            async with held_to(grant, policy, partial(opening, bench.sandbox), notes) as cell:
                door = _door(cell, bench, 0) if spec.site else None
                yield Opened(cell, door, open_cell=None if policy.listen_ports else further)
            return
        async with agent.ready(bench.settings) as needs, _folders(spec, bench) as (home, output_dir):
            policy = _showing(_policy_of_program(spec, work, needs, home), shown, programs)
            opening = partial(_open_now, bench.sandbox)
            async with held_to(grant, policy, opening, notes) as cell:
                yield Opened(
                    cell,
                    _door(cell, bench, 0) if spec.site else None,
                    Place(
                        needs=needs,
                        home=home,
                        output_dir=output_dir,
                        door=_door(cell, bench, -1),
                        mode=bench.config_mode,
                        user_home=Path.home(),
                        bundle=_bundle(spec),
                    ),
                )


def _open_now(sandbox: Sandbox, policy: Policy) -> AbstractAsyncContextManager[Cell]:
    return sandbox.open(policy)


def _policy(spec: RunSpec, work: Path) -> Policy:
    """What the agent's cell may touch; a bound environment comes first on its PATH."""
    ports = () if spec.site is None else (SITE_PORT,)
    policy = Policy(work_dir=work, network=spec.task.network, listen_ports=ports)
    bound = spec.environment
    if bound is None:
        return policy
    return replace(policy, read_only=(bound.folder,), path_prefix=bound.path_prefix, env=bound.env)


def _policy_of_program(spec: RunSpec, work: Path, needs: Needs, home: Path) -> Policy:
    """The same for a harness that is a program: its installation, a home, and a door to the gateway."""
    policy = _policy(spec, work)
    return replace(
        policy,
        listen_ports=(*policy.listen_ports, GATEWAY_PORT),
        read_only=(*policy.read_only, *needs.read_only),
        # What the task's commands are to find stands before what the program brings.
        path_prefix=(*policy.path_prefix, *needs.path_prefix),
        limits=needs.limits,
        home=home,
    )


def _showing(policy: Policy, folders: Sequence[Path], programs: Sequence[Path] = ()) -> Policy:
    # What the task and the program bring is found first.
    return replace(
        policy,
        read_only=(*policy.read_only, *folders),
        path_prefix=(*policy.path_prefix, *programs),
    )


def _permitting(grant: Grant | None, programs: Sequence[Path]) -> Grant | None:
    """The same grant, by which the hooks' programs may be run, too: they are ours, not the skill's."""
    if grant is None or not programs:
        return grant
    ours = sorted({path.name for folder in programs for path in folder.iterdir()})
    added = tuple(Permission(name=name) for name in ours if not grant.permissions.permits_program(name))
    commands = (*grant.permissions.commands, *added)
    return replace(grant, permissions=grant.permissions.model_copy(update={"commands": commands}))


@asynccontextmanager
async def _folders(spec: RunSpec, bench: Bench) -> AsyncIterator[tuple[Path, Path]]:
    """A home for the program, and a folder for what it prints, which the cell does not see."""
    made: list[Path] = []

    def make() -> tuple[Path, Path]:
        home = make_private_folder(bench.settings.tmp_dir, f"home-{path_name(spec.harness_name)}")
        made.append(home)
        output_dir = make_private_folder(bench.settings.tmp_dir, "output")
        made.append(output_dir)
        return home, output_dir

    def remove() -> None:
        for folder in made:
            remove_tree(folder)

    try:
        yield await anyio.to_thread.run_sync(make)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove)


def _door(cell: Cell, bench: Bench, number: int) -> socket:
    if not cell.listeners:
        raise InfrastructureError(f"a {bench.sandbox.name} cell gives no way to serve anything to it")
    return cell.listeners[number]


def _bundle(spec: RunSpec) -> Mapping[str, bytes]:
    from skvm.skill.emit import resource_bytes

    if spec.skill is None:
        return {}
    found = {}
    for resource in bundle_files(spec.skill):
        try:
            found[resource.path] = resource_bytes(spec.skill, resource.path)
        except OSError:
            continue  # the notes of the work directory's own copy say so
    return found
