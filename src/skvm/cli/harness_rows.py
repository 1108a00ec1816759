"""What ``skvm harness list`` shows: built-in harnesses and programs, where they are, which version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from skvm.harness.programs.catalogue import Program
    from skvm.harness.programs.find import Found
    from skvm.harness.sandbox import Sandbox
    from skvm.settings import Settings

__all__ = ["Row", "print_rows", "row_json", "rows_of"]

State = Literal["built-in", "found", "incomplete", "absent", "misconfigured"]
_WORDS = {"built-in": "", "misconfigured": "wrong"}
_STYLES = {"built-in": "green", "found": "green", "absent": "dim"}


@dataclass(frozen=True, slots=True)
class Row:
    """One harness, or one program harnesses need.

    Args:
        name: Ours.
        kind: ``built-in``, ``plugin``, or the kind of the catalogue.
        state: Whether a run could take it.
        origin: How it was found.
        version: The one that was found.
        pinned: The one we install and test with.
        tested: Whether the one that was found is tested; ``None`` if nothing was found.
        modes: Whose configuration it can run with.
        place: Its executable.
        detail: What is wrong, or how to get it.
    """

    name: str
    kind: str
    state: State
    origin: str | None = None
    version: str | None = None
    pinned: str | None = None
    tested: bool | None = None
    modes: tuple[str, ...] = ()
    place: str | None = None
    detail: str | None = None


async def rows_of(settings: Settings, sandbox: Sandbox | None) -> tuple[Row, ...]:
    """Everything, built-in harnesses first.

    Args:
        settings: Where things lie.
        sandbox: Where programs whose files do not tell are asked for their version; ``None`` asks none.
    """
    import anyio

    from skvm.harness.contract import HARNESSES
    from skvm.harness.programs.catalogue import PROGRAMS

    known = {entry.name for entry in PROGRAMS}
    rows = {
        name: Row(name, "built-in" if HARNESSES.origin(name) == "skvm" else "plugin", "built-in", tested=True)
        for name in HARNESSES.names()
        if name not in known
    }

    async def look(entry: Program) -> None:
        rows[entry.name] = await _row(entry, settings, sandbox)

    # Their order is that of the catalogue, however long each takes.
    rows |= {entry.name: Row(entry.name, entry.kind, "absent") for entry in PROGRAMS}
    async with anyio.create_task_group() as group:
        for entry in PROGRAMS:
            group.start_soon(look, entry)
    return tuple(rows.values())


async def _row(entry: Program, settings: Settings, sandbox: Sandbox | None) -> Row:
    import anyio.to_thread

    from skvm.errors import ConfigError
    from skvm.harness.programs.find import find_program

    try:
        found = await anyio.to_thread.run_sync(find_program, entry, settings)
    except ConfigError as error:
        return _made(entry, "misconfigured", detail=error.message)
    if found is None:
        return _made(entry, "absent", detail=f"{entry.size_mb} MB")
    version = found.version
    if version is None and sandbox is not None and not found.lacks:
        from skvm.harness.programs.asking import ask_version

        version = await ask_version(found, sandbox)
    return _found_row(found, version)


def _found_row(found: Found, version: str | None) -> Row:
    entry = found.entry
    lacking = f"needs {' and '.join(found.lacks)}: `skvm harness install {' '.join(found.lacks)}`"
    # A tool has to work, not to be of one version.
    tested = entry.kind == "tool" or entry.is_tested(version)
    return _made(
        entry,
        "incomplete" if found.lacks else "found",
        origin=found.origin,
        version=version,
        tested=tested,
        place=str(found.executable),
        detail=lacking if found.lacks else None,
    )


def _made(entry: Program, state: State, **fields: Any) -> Row:
    return Row(entry.name, entry.kind, state, pinned=entry.version, modes=_modes(entry), **fields)


def _modes(entry: Program) -> tuple[str, ...]:
    """What its adapter says; what we know of the program where it has none of its own."""
    from skvm.errors import SkvmError
    from skvm.harness.contract import HARNESSES, ProgramInCell

    if entry.name not in HARNESSES.names():
        return entry.modes
    try:
        adapter = HARNESSES.get(entry.name)()
    except SkvmError:
        return entry.modes
    return tuple(adapter.modes) if isinstance(adapter, ProgramInCell) else entry.modes


def row_json(row: Row) -> dict[str, Any]:
    """One row with ``--json``."""
    return {
        "name": row.name,
        "kind": row.kind,
        "state": row.state,
        "origin": row.origin,
        "version": row.version,
        "pinned": row.pinned,
        "tested": row.tested,
        "modes": list(row.modes),
        "path": row.place,
        "detail": row.detail,
    }


def print_rows(rows: tuple[Row, ...]) -> None:
    """The table."""
    from rich.table import Table
    from rich.text import Text

    from skvm.cli.console import out, visible

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for title in ("name", "kind", "version", "tested", "from", "modes", "size"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(
            Text(row.name, style="dim" if row.state == "absent" else "bold"),
            Text(row.kind, style="dim"),
            Text(visible(row.version or ("" if row.state != "found" else "unknown"))),
            _tested(row),
            Text(
                row.origin or ("" if row.state == "built-in" else row.state),
                style=_STYLES.get(row.state, "bold red"),
            ),
            Text(", ".join(row.modes), style="dim"),
            Text((row.detail or "") if row.state == "absent" else "", style="dim"),
        )
    out.print(table)
    for row in rows:
        if remark := _remark(row):
            out.print(Text.assemble(("! ", "yellow"), (row.name, "bold"), f": {visible(remark)}"))
    if any(row.state == "absent" for row in rows):
        out.print(Text("`skvm harness install NAME` gets the tested version", style="cyan"))


def _tested(row: Row) -> Any:
    from rich.text import Text

    if row.tested is None:
        return Text("")
    return Text("yes", style="green") if row.tested else Text("no", style="yellow")


def _remark(row: Row) -> str:
    if row.state in ("built-in", "absent"):
        return ""
    untested = f"{row.version or 'its version'} is not tested with us, {row.pinned} is"
    return row.detail or ("" if row.tested is not False else untested)
