"""Importing task sets of others: what an importer is, and how what it reads gets onto the disk.

An importer only reads. It gives ``Draft``s, each a task with its files, or ``Refused`` with a reason. What
cannot run here is imported all the same, marked (``hostReady: false``, the reason in ``origin.notes``), so
that every report lists it. Writing happens here: a task's folder appears whole or not at all, and one that
stands and differs is kept unless it is forced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from skvm.bench.source_files import TaskFile
from skvm.errors import UsageError
from skvm.registry import Registry
from skvm.task.model import Task, TaskOrigin

__all__ = [
    "IMPORTERS",
    "Draft",
    "ImportReport",
    "Imported",
    "Importer",
    "Refused",
    "import_from",
    "importer",
    "marked",
    "why_not_here",
]

Status = Literal["written", "unchanged", "replaced", "kept", "refused", "excluded"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A task as an importer read it; nothing is on disk yet.

    Args:
        task: The task; ``skill`` relative to its folder, ``root`` unset.
        files: The other files of its folder.
        skills: Skill folders that go beside the tasks, into ``skills/<name>``, by name.
        raw: The bytes of ``task.json`` where they are taken as they are.
        notes: What was left out of it, or changed, one line each.
    """

    task: Task
    files: tuple[TaskFile, ...] = ()
    skills: Mapping[str, Path] = field(default_factory=dict)
    raw: bytes | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that should have been a task.

    Args:
        name: Its id or file, as far as it is known.
        reason: One line.
    """

    name: str
    reason: str


class Importer(Protocol):
    """Reads one kind of task set."""

    def recognise(self, path: Path) -> bool:
        """Whether a path looks like one; cheap, and never raises."""

    def read(self, source: Path) -> Iterator[Draft | Refused]:
        """The tasks in order of name; never writes.

        Raises:
            UsageError: The whole source is of no use.
        """


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one task.

    Args:
        task_id: Its id, or the name of what should have been one.
        status: ``written``, ``unchanged`` (an equal one stood), ``replaced`` (forced), ``kept`` (another of
            that name stands), ``refused`` or ``excluded``. A dry run says what would become of it.
        reason: Why it was kept or refused, or why it cannot run here; ``""`` where all is well.
        runs_here: Whether it can run on this machine.
        notes: What was left out of it.
    """

    task_id: str
    status: Status
    reason: str = ""
    runs_here: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Args:
        importer: The importer's name.
        target: Where the tasks are.
        items: One for each task of the source, in order.
    """

    importer: str
    target: Path
    items: tuple[Imported, ...] = ()

    def count(self, *statuses: Status) -> int:
        """How many tasks have one of some statuses."""
        return sum(item.status in statuses for item in self.items)


IMPORTERS: Registry[Callable[[], Importer]] = Registry(
    "importer", package="skvm.bench.importers", group="skvm.importers"
)

F = TypeVar("F", bound=Callable[[], Importer])

_OTHER_NAMES = {"skillsbench": "harbor"}
"""Task sets that are in the format of another."""
_MARK = "cannot run here: "


def importer(name: str) -> Callable[[F], F]:
    """Register an importer class."""

    def decorate(factory: F) -> F:
        IMPORTERS.register(name, factory)
        return factory

    return decorate


def marked(task: Task, reasons: Sequence[str]) -> Task:
    """The task, marked as one that cannot run here if there is a reason."""
    if not reasons:
        return task
    origin = task.origin or TaskOrigin(source="imported")
    said = _MARK + "; ".join(dict.fromkeys(reasons))
    notes = f"{said}. {origin.notes}" if origin.notes else said
    return task.model_copy(update={"host_ready": False, "origin": origin.model_copy(update={"notes": notes})})


def why_not_here(task: Task) -> str:
    """Why a task with ``hostReady: false`` cannot run here; ``""`` for any other."""
    if task.host_ready:
        return ""
    notes = task.origin.notes if task.origin else None
    return (notes or "it needs a container (hostReady is false)").removeprefix(_MARK)


def import_from(
    name: str | None,
    source: Path,
    target: Path,
    *,
    exclude: Sequence[str] = (),
    dry_run: bool = False,
    force: bool = False,
) -> ImportReport:
    """Import every task of a source. Blocks for reading and writing.

    Args:
        name: The importer; ``None`` or ``auto`` takes the one that recognises the source.
        source: A folder or file of a task set.
        target: Folder of task folders; made if absent.
        exclude: Ids, or glob patterns of ids, to leave out.
        dry_run: Write nothing; the report is the same.
        force: Replace tasks of the same id that differ.

    Raises:
        UsageError: There is no such importer or source, nothing recognises it, or it holds no task.
        InfrastructureError: The disk refuses.
    """
    from skvm.bench.import_writing import Writer

    if not source.exists():
        raise UsageError(f"{source}: there is no such file or folder")
    chosen = _recognised(source) if name in (None, "", "auto") else _OTHER_NAMES.get(str(name), str(name))
    items: list[Imported] = []
    seen: set[str] = set()
    with Writer(target, dry_run=dry_run, force=force) as writer:
        for found in IMPORTERS.get(chosen)().read(source):
            called = found.name if isinstance(found, Refused) else found.task.id
            if any(fnmatchcase(called, pattern) for pattern in exclude):
                items.append(Imported(called, "excluded", "left out by --exclude"))
            elif isinstance(found, Refused):
                items.append(Imported(found.name, "refused", found.reason))
            elif found.task.id in seen:
                items.append(Imported(found.task.id, "refused", "another task of the source has this id"))
            else:
                seen.add(found.task.id)
                items.append(writer.write(found))
    if not items:
        raise UsageError(f"{source}: importer {chosen!r} finds no task in it")
    return ImportReport(chosen, target, tuple(items))


def _recognised(source: Path) -> str:
    names = [name for name in IMPORTERS.names() if IMPORTERS.get(name)().recognise(source)]
    if len(names) == 1:
        return names[0]
    known = ", ".join(IMPORTERS.names())
    if names:
        raise UsageError(f"{source}: {' and '.join(names)} both fit", help="name one with --from")
    raise UsageError(f"{source}: no importer recognises it", help=f"name one with --from: {known}")
