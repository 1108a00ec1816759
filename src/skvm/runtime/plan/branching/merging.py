"""One merge: what was changed, whether somebody was in the way, and what is told of it. Everything blocks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skvm.diagnostics import Diagnostic
from skvm.evaluate.workspace import Ceiling
from skvm.runtime.plan.branching.changes import Change, changes_of, is_cache
from skvm.runtime.plan.branching.deeds import NOTHING, Did, touches
from skvm.runtime.plan.branching.findings import SKV841, SKV842, SKV843
from skvm.runtime.plan.branching.folders import Folder
from skvm.runtime.plan.branching.placing import place
from skvm.runtime.plan.branching.tree import Root, Stamp, stamp_of, walk
from skvm.runtime.plan.model import Node

__all__ = ["Merge", "Seen", "conflicts_of", "look", "merged", "out_of_order", "place_all", "refused"]


@dataclass(frozen=True, slots=True)
class Merge:
    """What came of a merge.

    Args:
        changed: Digest of every file that was merged, by path; ``""`` for one that was removed.
        undeclared: Those of them the plan does not say the step writes.
        conflicts: What others changed that the step read or changed, too; then nothing was merged.
        findings: What is told of all this.
        notes: What was left out of the copy or of the merge.
        order: How many merges into the directory there were before.
    """

    changed: Mapping[str, str] = field(default_factory=dict)
    undeclared: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()
    order: int = 0

    @property
    def is_merged(self) -> bool:
        """Whether everything the step did is now in the shared directory."""
        return not self.conflicts


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step did in its directory.

    Args:
        changed: Its changes by path.
        did: The same, without what is nobody's, held against what it says.
        reads: All files it was seen to read and did not change.
        notes: What is not merged.
    """

    changed: Mapping[str, Change]
    did: Did = NOTHING
    reads: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def look(folder: Folder, base: Path, node: Node, ceiling: Ceiling) -> Seen:
    """Find out what a step did."""
    with Root.of(folder.work_dir) as work, Root.of(base) as root:
        found = changes_of(work, folder.work_dir, root, folder.copied, max_depth=ceiling.max_depth)
    return Seen(
        changed=found.changed,
        did=Did(
            frozenset(found.changed),
            _undeclared(found.changed, node),
            frozenset(path for path in found.read if not is_cache(path) and not touches((path,), node.reads)),
        ),
        reads=found.read,
        notes=found.notes,
    )


def _undeclared(changed: Mapping[str, Change], node: Node) -> frozenset[str]:
    """What a step does not say it writes, without the folders it had to make for the rest."""
    found = set()
    needed = {above for path in changed for above in _above(path)}
    for path, change in changed.items():
        if is_cache(path) or (change.kind == "folder" and change.was is None and path in needed):
            continue
        if not touches((path,), node.writes):
            found.add(path)
    return frozenset(found)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def conflicts_of(
    folder: Folder,
    base: Path,
    node: Node,
    seen: Seen,
    others: Collection[str],
    *,
    walks: bool,
    ceiling: Ceiling,
) -> tuple[str, ...]:
    """What somebody else changed since the step's directory was made, and the step read or changed.

    Args:
        folder: The step's folder.
        base: The shared directory.
        node: The step.
        seen: What it did.
        others: Paths that were merged meanwhile.
        walks: Whether others may have changed something without a merge.
        ceiling: Bounds of a directory.
    """
    with Root.of(base) as root:
        elsewhere = set(others)
        if walks:
            elsewhere |= _changed_in_base(root, folder, ceiling)
        firm = [path for path in seen.changed if not _gives_way(path, seen)]
        written = {path for path in firm if _is_in_the_way(root, folder, path, seen)}
    # Who says that he writes a file may look whether it is there.
    names = (*node.reads, *node.writes)
    read = {path for path in elsewhere if path in seen.reads or touches((path,), names)}
    stale = {path for path in read - seen.changed.keys() if not is_cache(path)}
    return tuple(sorted(written | stale))


def _changed_in_base(root: Root, folder: Folder, ceiling: Ceiling) -> set[str]:
    """Paths of the base that are not as they were copied."""
    found: set[str] = set()
    present: set[str] = set()
    given = folder.copied.given
    for path, _, entry in walk(root, lambda path, _: present.add(path), max_depth=ceiling.max_depth):
        present.add(path)
        known = given.get(path)
        try:
            stamp = root.stamp(path) if entry.is_symlink() else stamp_of(entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            stamp = None
        if known is None or stamp != known.stamp or _has_changed_unseen(root, folder, path):
            found.add(path)
    return found | (given.keys() - present)


def _has_changed_unseen(root: Root, folder: Folder, path: str) -> bool:
    """Whether a file whose time cannot be trusted holds other bytes."""
    known = folder.copied.given[path]
    return known.digest is not None and root.digest(path) != known.digest


def _is_in_the_way(root: Root, folder: Folder, path: str, seen: Seen) -> bool:
    """Whether a change meets something else in the base than was copied.

    The same bytes are something else, too: two steps that each add the same line have added two.
    """
    change, now = seen.changed[path], root.stamp(path)
    if now is None and change.kind == "gone":
        return False
    if _has_lost_its_folder(root, path, seen):
        return True
    known = folder.copied.given.get(path)
    if known is None:
        return now is not None and not now.kind == change.kind == "folder"
    if now != known.stamp or (now.kind == "file" and _has_changed_unseen(root, folder, path)):
        return True
    return now.kind == "folder" and change.kind != "folder" and _holds_more(root, path, seen)


def _gives_way(path: str, seen: Seen) -> bool:
    """Whether a change is left out where it meets something else: what a tool has noted for itself."""
    return is_cache(path) and seen.changed[path].kind != "gone"


def _has_lost_its_folder(root: Root, path: str, seen: Seen) -> bool:
    """Whether the folder of a change is not there any more, and is not made by the step either."""
    parent = path.rpartition("/")[0]
    if not parent:
        return False
    change = seen.changed.get(parent)
    if change is not None and change.kind in ("folder", "gone"):
        return False
    now: Stamp | None = root.stamp(parent)
    return now is None or now.kind != "folder"


def _holds_more(root: Root, path: str, seen: Seen) -> bool:
    """Whether a folder that is to go holds what the step did not remove."""
    return any(f"{path}/{name}" not in seen.changed for name in root.names(path))


def place_all(folder: Folder, base: Path, node: Node, seen: Seen, mark: Path | None = None) -> None:
    """Put what a step did into the shared directory.

    Args:
        folder: The step's own.
        base: The shared one.
        node: The step.
        seen: What it did.
        mark: See ``placing.place``.

    Raises:
        InfrastructureError: It cannot be written.
    """
    with Root.of(base) as root:
        wanted = _placeable(root, folder, seen)
        place(
            folder.path, root, base, node=node.id, changed=wanted, digests=_digests(seen.changed), mark=mark
        )


def _placeable(root: Root, folder: Folder, seen: Seen) -> dict[str, Change]:
    """Changes without what is there already, and without what gives way to something else."""
    wanted: dict[str, Change] = {}
    given_up: set[str] = set()
    for path, change in seen.changed.items():
        if _gives_way(path, seen) and (
            path.rpartition("/")[0] in given_up or _is_in_the_way(root, folder, path, seen)
        ):
            given_up.add(path)
        elif not _is_there(root, path, change):
            wanted[path] = change
    return wanted


def _is_there(root: Root, path: str, change: Change) -> bool:
    now = root.stamp(path)
    if change.kind == "gone":
        return now is None
    return (
        now is not None
        and now.kind == change.kind
        and now.mode == change.mode
        and (change.kind == "folder" or root.digest(path) == change.digest)
    )


def _digests(changed: Mapping[str, Change]) -> dict[str, str]:
    """Of files and links; a folder is told by what lies in it."""
    return {
        path: change.digest
        for path, change in changed.items()
        if change.kind in ("file", "link")
        or (change.kind == "gone" and change.was is not None and change.was.kind != "folder")
    }


def refused(node: Node, seen: Seen, conflicts: tuple[str, ...], notes: tuple[str, ...]) -> Merge:
    """What is told where nothing was merged."""
    finding = SKV842.at(
        f"step {node.id}: {_few(conflicts)} changed while it ran, so it runs again alone",
        help="name what each step reads and writes",
    )
    return Merge(conflicts=conflicts, findings=(finding,), notes=(*notes, *seen.notes))


def merged(node: Node, seen: Seen, order: int, overtaken: tuple[str, ...], notes: tuple[str, ...]) -> Merge:
    """What is told where everything was merged."""
    digests = _digests(seen.changed)
    undeclared = tuple(sorted(seen.did.undeclared & digests.keys()))
    findings = []
    if undeclared and not node.is_open:
        findings.append(SKV841.at(f"step {node.id} changed {_few(undeclared)}, which it does not name"))
    findings += out_of_order(node, overtaken)
    return Merge(
        changed=digests,
        undeclared=undeclared,
        findings=tuple(findings),
        notes=(*notes, *seen.notes),
        order=order,
    )


def out_of_order(node: Node, overtaken: tuple[str, ...]) -> list[Diagnostic]:
    """What is told of a step that took effect after later ones it has to do with."""
    if not overtaken:
        return []
    return [SKV843.at(f"step {node.id} took effect after {_few(overtaken)}, which touched the same")]


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
