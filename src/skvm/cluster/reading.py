"""The worker's side of an order: from a record and blobs back to a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from skvm.cluster.order import FileOrder, RunOrder, SkillOrder, TaskOrder
from skvm.cluster.recipes import remake
from skvm.cluster.shipping import NodeStore
from skvm.errors import ConfigError, InfrastructureError
from skvm.evaluate.bench import RunSpec
from skvm.harness.contract import SkillMode
from skvm.harness.environment.bind import Bound, BoundRecord
from skvm.harness.permissions import Grant
from skvm.settings import Settings
from skvm.skill.bundle import resource_of
from skvm.skill.frontend import parse_skill
from skvm.skill.ir import Skill
from skvm.task.loader import escapes
from skvm.task.model import Task

__all__ = ["OrderReader"]

_REMEMBERED = 256
K = TypeVar("K")
V = TypeVar("V")
Order = TypeVar("Order")


class OrderReader:
    """Makes runs of orders; lays each task and skill out once.

    Args:
        store: Blobs of this node.
        folder: Where tasks and skills are laid out; this worker's own.
        settings: Where private environments lie.
        node: What this machine is called, for messages.
    """

    def __init__(self, store: NodeStore, folder: Path, settings: Settings, node: str) -> None:
        self.store, self.folder, self.settings, self.node = store, folder, settings, node
        self._lock = threading.Lock()
        self._tasks: OrderedDict[tuple[str, str], Task] = OrderedDict()
        self._skills: OrderedDict[tuple[str, str], Skill] = OrderedDict()
        self._standing: set[Path] = set()

    def read(self, order: RunOrder) -> tuple[RunSpec, Callable[[], Any]]:
        """The run, and what gives what the parts made from its recipe saw. Blocks.

        Raises:
            InfrastructureError: A blob is missing, or the disk refuses.
            ConfigError: The private environment it needs does not stand here.
            UsageError: Its recipe cannot be followed.
        """
        with self._lock:
            task = _kept(self._tasks, (order.task.digest, order.task.name), self._task, order.task)
            skill = None
            if order.skill is not None:
                skill = _kept(self._skills, (order.skill.digest, order.skill.id), self._skill, order.skill)
        grant = order.permissions
        spec = RunSpec(
            task=task,
            model_id=order.model_id,
            harness=order.harness,
            skill=skill,
            skill_mode=SkillMode(order.skill_mode),
            condition=order.condition,
            repetition=order.repetition,
            max_steps=order.max_steps,
            timeout_s=order.timeout_s,
            seed=order.seed,
            session_id=order.session_id,
            cell=order.cell,
            simulated=order.simulated,
            environment=self._environment(order),
            permissions=Grant(grant.permissions, grant.mode, grant.task_files) if grant else None,
            run_id=order.run_id,
        )
        return remake(spec, order.recipe) if order.recipe else (spec, lambda: None)

    def _task(self, order: TaskOrder) -> Task:
        task = Task.model_validate(order.record)
        if not order.name:
            return task
        root = self._laid(order.digest, order.name, order.files)
        return task.model_copy(update={"root": root})

    def _skill(self, order: SkillOrder) -> Skill:
        root = self._laid(order.digest, order.id, order.files)
        resources = [
            resource_of(file.path, self.store.get(file.digest), is_executable=file.mode == "program")
            for file in order.files
        ]
        return parse_skill(self.store.get(order.source), id=order.id, root=root, resources=resources)

    def _laid(self, digest: str, name: str, files: Iterable[FileOrder]) -> Path:
        """A folder with these files in it; its parent is named after the digest."""
        if escapes(name) or "/" in name:
            raise InfrastructureError(f"a folder cannot be called {name!r}")
        root = self.folder / digest.removeprefix("sha256:")[:32] / name
        if root in self._standing:
            # Runs may read from it now, so it is not written again.
            return root
        try:
            root.mkdir(parents=True, exist_ok=True)
            for file in files:
                self._lay(root, file)
        except OSError as error:
            raise InfrastructureError(
                f"{self.node}: {error.filename}: cannot be laid out: {error.strerror}"
            ) from error
        self._standing.add(root)
        return root

    def _lay(self, root: Path, file: FileOrder) -> None:
        if escapes(file.path):
            raise InfrastructureError(f"a file cannot be called {file.path!r}")
        path = root / PurePosixPath(file.path)
        if file.mode == "folder":
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.mode == "link":
            path.unlink(missing_ok=True)
            path.symlink_to(file.target)
            return
        path.write_bytes(self.store.get(file.digest))
        path.chmod(0o755 if file.mode == "program" else 0o644)

    def _environment(self, order: RunOrder) -> Bound | None:
        if order.environment is None:
            return None
        folder = self.settings.cache_dir / "environments" / PurePosixPath(order.environment).name
        try:
            record = BoundRecord.model_validate_json((folder / "environment.json").read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self.node}: the private environment {folder.name} of a skill does not stand here",
                help="build it on every node, in its own cache: skvm env apply DIR",
            ) from error
        if record.manifest != order.environment_manifest:
            raise ConfigError(f"{self.node}: {folder}: was built for another manifest")
        return Bound(folder, record)


def _kept(known: OrderedDict[K, V], key: K, make: Callable[[Order], V], order: Order) -> V:
    """What was made under this key before, or is made now."""
    if key not in known:
        known[key] = make(order)
        if len(known) > _REMEMBERED:
            known.popitem(last=False)
    return known[key]
