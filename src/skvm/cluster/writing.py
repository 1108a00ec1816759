"""The driver's side of an order: a run written down, or the reason why it cannot be."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from skvm.cluster.order import (
    BenchOrder,
    FileOrder,
    GrantOrder,
    RecipeOrder,
    RunOrder,
    SkillOrder,
    TaskOrder,
)
from skvm.cluster.recipes import hook_names
from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.bench import Bench, RunSpec
from skvm.evidence.blobs import digest_of
from skvm.llm.port import ModelPort
from skvm.runtime.plan.driving.opening import Plans
from skvm.skill.emit import resource_bytes, skill_digest
from skvm.skill.ir import Skill
from skvm.task.digest import task_digest, task_files
from skvm.task.model import Task

__all__ = ["OrderWriter", "bench_order", "why_here"]

_REMEMBERED = 256
"""Tasks and skills whose files are not read again for every run."""
T = TypeVar("T")
U = TypeVar("U")
Load = Callable[[], bytes]


def why_here(spec: RunSpec, bench: Bench) -> str:
    """Why a run has to be made in this process; ``""`` if it need not be."""
    return next((why for is_so, why in _reasons(spec, bench) if is_so), "")


def _reasons(spec: RunSpec, bench: Bench) -> Iterator[tuple[bool, str]]:
    port = bench.port
    is_kept = spec.work_dir is not None or spec.keep_work_dir
    yield is_kept, "work directories are kept on this machine"
    yield not isinstance(port, ModelPort), "the way to their model is an object of this process"
    is_taped = isinstance(port, ModelPort) and port.cassette is not None
    yield is_taped, "their model calls are recorded or replayed here"
    yield hook_names(bench.hooks) is None, "something that remembers other runs watches them (boost)"
    is_decided_here = bench.follow is not None and _arm(bench) is None
    yield is_decided_here, "how their plans are followed is decided by what was measured here (--plan=auto)"
    if spec.recipe is None:
        is_object = not isinstance(spec.harness, str)
        yield is_object, f"their harness ({spec.harness_name}) is an object of this process"
        is_graded_here = bool(spec.oracle or spec.site or spec.tools or spec.on_left)
        yield is_graded_here, "what looks at them is an object of this process"


def _arm(bench: Bench) -> str | None:
    plans = getattr(bench.follow, "__self__", None)
    return plans.arm if isinstance(plans, Plans) and plans.arm in ("serial", "parallel") else None


def bench_order(bench: Bench) -> BenchOrder:
    """What the runs of a bench share, written down; ``why_here`` has found nothing against it."""
    judge = bench.judge
    return BenchOrder(
        # The back end that was chosen here: runs on different nodes are to be alike.
        sandbox=bench.sandbox.name,
        config_mode=bench.config_mode,
        temperature=bench.temperature,
        max_output_tokens=bench.max_output_tokens,
        hooks=hook_names(bench.hooks) or (),
        follow=cast("object", _arm(bench) or "off"),  # type: ignore[arg-type]
        judge_model=judge.model_id if judge else None,
        is_judge_deferred=bool(judge and judge.is_deferred),
        may_judge_itself=bool(judge and judge.allow_self),
    )


class OrderWriter:
    """Writes runs down; reads each task and skill once. Not for several threads at once."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[int, tuple[Task, TaskOrder]] = OrderedDict()
        self._skills: OrderedDict[int, tuple[Skill, SkillOrder]] = OrderedDict()
        self._loads: dict[str, dict[Path, Load]] = {}

    def write(self, spec: RunSpec, bench: Bench, *, attempt: str, run_id: str) -> RunOrder:
        """The order of one attempt. Blocks.

        Args:
            spec: What to run; ``why_here`` has found nothing against it.
            bench: What it shares with others.
            attempt: This attempt.
            run_id: The run, as the journal has it.

        Raises:
            InfrastructureError: A file of the task cannot be read.
            UsageError: A file of the skill has changed or gone.
        """
        bound, grant, recipe = spec.environment, spec.permissions, spec.recipe
        return RunOrder(
            attempt=attempt,
            run_id=run_id,
            bench=bench_order(bench),
            task=self._kept(self._tasks, spec.task, self._task),
            skill=None if spec.skill is None else self._kept(self._skills, spec.skill, self._skill),
            model_id=spec.model_id,
            harness=spec.harness_name,
            skill_mode=spec.skill_mode.value,
            condition=spec.condition,
            repetition=spec.repetition,
            max_steps=spec.max_steps,
            timeout_s=spec.timeout_s,
            seed=spec.seed,
            session_id=spec.session_id,
            cell=spec.cell,
            simulated=spec.simulated,
            environment=bound.folder.name if bound else None,
            environment_manifest=bound.record.manifest if bound else "",
            permissions=GrantOrder(
                permissions=grant.permissions, mode=grant.mode, task_files=tuple(grant.task_files)
            )
            if grant
            else None,
            recipe=RecipeOrder(name=recipe.name, given=dict(recipe.given)) if recipe else None,
        )

    def load(self, digest: str) -> bytes:
        """The bytes of a blob some order names. Blocks.

        Raises:
            InfrastructureError: They cannot be read, or are no longer what they were.
            UsageError: A file of the skill has changed or gone.
        """
        failure: SkvmError | None = None
        # The same bytes may lie in several places, and the latest is most likely to stand still.
        for place, load in reversed(list(self._loads[digest].items())):
            try:
                data = load()
            except OSError as error:
                failure = failure or InfrastructureError(f"{place}: cannot be read: {error.strerror}")
                continue
            except UsageError as error:
                failure = failure or error
                continue
            if digest_of(data) == digest:
                return data
            failure = failure or InfrastructureError(
                f"{place} changed while it was used", help="run the command again"
            )
        raise failure or InfrastructureError(f"nobody named the file {digest}")

    def _can_load(self, digest: str, place: Path, load: Load) -> None:
        known = self._loads.setdefault(digest, {})
        known.pop(place, None)
        known[place] = load

    @staticmethod
    def _kept(known: OrderedDict[int, tuple[T, U]], thing: T, make: Callable[[T], U]) -> U:
        """What was made of this very object before: it is held, so that its id is nobody else's."""
        if (found := known.get(id(thing))) is None:
            found = known[id(thing)] = (thing, make(thing))
            if len(known) > _REMEMBERED:
                known.popitem(last=False)
        return found[1]

    def _task(self, task: Task) -> TaskOrder:
        digest = task_digest(task)
        try:
            files = tuple(self._files(task.root)) if task.root else ()
        except OSError as error:
            raise InfrastructureError(f"{error.filename}: cannot be read: {error.strerror}") from error
        return TaskOrder(
            record=task.model_dump(mode="json", by_alias=True),
            name=task.root.name if task.root else "",
            files=files,
            digest=digest,
        )

    def _files(self, root: Path) -> Iterator[FileOrder]:
        for top in ("fixtures", "graders"):
            for parent, folders, _ in os.walk(root / top):
                yield FileOrder(path=Path(parent).relative_to(root).as_posix(), mode="folder")
                folders.sort()
        for path in sorted(task_files(root)):
            name = path.relative_to(root).as_posix()
            if path.is_symlink():
                yield FileOrder(path=name, mode="link", target=os.fspath(path.readlink()))
            else:
                digest = digest_of(path.read_bytes())
                self._can_load(digest, path, path.read_bytes)
                is_program = bool(path.stat().st_mode & 0o100)
                yield FileOrder(path=name, digest=digest, mode="program" if is_program else "file")

    def _skill(self, skill: Skill) -> SkillOrder:
        source = digest_of(skill.source)
        root = skill.root or Path(skill.id)
        self._can_load(source, root / "SKILL.md", lambda: skill.source)
        files = []
        for each in skill.resources:
            load = partial(resource_bytes, skill, each.path)
            self._can_load(each.digest, root / each.path, load)
            mode = "program" if each.is_executable else "file"
            files.append(FileOrder(path=each.path, digest=each.digest, mode=mode))  # type: ignore[arg-type]
        return SkillOrder(
            id=skill.id,
            source=source,
            files=tuple(files),
            digest=skill_digest(skill),
        )
