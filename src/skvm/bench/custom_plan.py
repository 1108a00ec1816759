"""``skvm bench --custom FILE``: labels, skills, targets and tasks, as a tree of groups that inherit.

::

    defaults: {model: local/qwen2.5-coder-1.5b, adapter: bare-agent, runs-per-task: 3}
    groups:
      - tasks: [expense-report-march, ./tasks/mine]
        groups:
          - {label: original}
          - {label: shorter, skill: ./skills/expense-report-shorter, timeout-mult: 1.5}

A label with a skill delivers that skill. One without is the condition of that name, or else a bare run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from skvm.bench.contract import condition_of
from skvm.bench.plan import PlannedCondition, Target
from skvm.bench.plan_file import MAX_BYTES, SKV340, SKV341, PlanFile
from skvm.diagnostics import Diagnostic, Severity, rule
from skvm.errors import UsageError
from skvm.harness.contract import HARNESSES
from skvm.task.loader import find_task

__all__ = ["CustomPlan", "Leaf", "load_custom_plan", "read_custom_plan"]

SKV343 = rule(
    "SKV343",
    "bench plan names what is not there",
    "A skill or a task of a plan lies neither where it is named from the current folder nor from the folder "
    "of the plan, an id is none of the dataset, or a harness is unknown. Nothing runs before all are found.",
    Severity.ERROR,
)
SKV344 = rule(
    "SKV344",
    "one label of a bench plan means two things",
    "A label is what is compared, so it stands for one skill throughout a plan, and runs a task on a target "
    "once. Give the second one a label of its own.",
    Severity.ERROR,
)

_SHARED = frozenset({"label", "model", "adapter", "skill", "timeout-mult", "max-steps", "runs-per-task"})
_IN_GROUP = _SHARED | {"tasks", "groups"}
_IN_DEFAULTS = (_SHARED - {"label", "skill"}) | {"concurrency", "judge-model"}
_MAX_DEPTH = 16
_MAX_LABEL = 60


@dataclass(frozen=True, slots=True)
class Leaf:
    """One group without groups in it: what runs.

    Args:
        label: What it is called in every table.
        target: The model and the harness.
        skill: The skill folder it delivers, absolute; ``None`` for what the label itself says.
        tasks: Task folders or files, absolute, in the order given.
        timeout_mult: Times each task's own wall clock, > 0.
        max_steps: Instead of each task's own.
        repetitions: Instead of the session's.
        line: Where it stands, from 1.
    """

    label: str
    target: Target
    skill: Path | None
    tasks: tuple[Path, ...]
    timeout_mult: float = 1.0
    max_steps: int | None = None
    repetitions: int | None = None
    line: int = 0

    @property
    def is_label(self) -> bool:
        """Whether the name is the person's own, and not a condition's."""
        return self.skill is not None or not _is_condition(self.label)


@dataclass(frozen=True, slots=True)
class CustomPlan:
    """What a plan file says.

    Args:
        path: The file.
        leaves: What runs, in the order of the file.
        concurrency: Runs at once.
        judge_model: Who judges.
    """

    path: Path
    leaves: tuple[Leaf, ...]
    concurrency: int | None = None
    judge_model: str | None = None

    @property
    def by_target(self) -> Mapping[Target, tuple[Leaf, ...]]:
        """The leaves of each model in each harness; one report is made of each."""
        found: dict[Target, tuple[Leaf, ...]] = {}
        for leaf in self.leaves:
            found[leaf.target] = (*found.get(leaf.target, ()), leaf)
        return found

    @property
    def tasks(self) -> tuple[Path, ...]:
        """Every task of it, each once, in the order of the file."""
        return tuple(dict.fromkeys(task for leaf in self.leaves for task in leaf.tasks))

    def conditions(self, task_ids: Mapping[Path, str]) -> tuple[PlannedCondition, ...]:
        """The leaves as a bench plans them.

        Args:
            task_ids: The id of every task of ``tasks``; one that is missing is not run.
        """
        return tuple(
            PlannedCondition(
                name=leaf.label,
                skill=str(leaf.skill) if leaf.skill is not None else None,
                is_label=leaf.is_label,
                targets=(leaf.target,),
                task_ids=tuple(task_ids[task] for task in leaf.tasks if task in task_ids),
                repetitions=leaf.repetitions,
                max_steps=leaf.max_steps,
                timeout_mult=leaf.timeout_mult,
            )
            for leaf in self.leaves
        )


def load_custom_plan(path: Path, *, data_dir: Path) -> CustomPlan:
    """Read a plan that must be usable.

    Args:
        path: The file.
        data_dir: Where the dataset is, for tasks named by id.

    Raises:
        UsageError: It is not; the message names every error with its line.
    """
    plan, found = read_custom_plan(path, data_dir=data_dir)
    if plan is None:
        listed = "; ".join(f"{f'line {each.line}: ' if each.line else ''}{each.message}" for each in found)
        raise UsageError(
            f"{path}: {found[0].code} {listed}",
            help=found[0].help or f"`skvm explain {found[0].code}` says more",
        )
    return plan


def read_custom_plan(path: Path, *, data_dir: Path) -> tuple[CustomPlan | None, tuple[Diagnostic, ...]]:
    """Read a plan; ``None`` where an error makes it unusable. Never raises on bad input."""
    try:
        if path.exists() and not path.is_file():
            return None, (SKV340.at("not a regular file", path=path),)
        with path.open("rb") as stream:
            source = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        return None, (SKV340.at(f"cannot be read: {said}", path=path),)
    file = PlanFile(path, source)
    root = file.root()
    plan = _Reader(file, data_dir).plan(root) if root is not None else None
    return (None if file.is_broken else plan), tuple(file.found)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a group has said so far, and its children inherit."""

    label: str | None = None
    model: str | None = None
    adapter: str | None = None
    skill: Path | None = None
    tasks: tuple[Path, ...] = ()
    timeout_mult: float = 1.0
    max_steps: int | None = None
    repetitions: int | None = None


class _Reader:
    """Goes down the tree of groups."""

    def __init__(self, file: PlanFile, data_dir: Path) -> None:
        self.file = file
        self.data_dir = data_dir
        self.leaves: list[Leaf] = []

    def plan(self, root: yaml.Node) -> CustomPlan:
        file = self.file
        top = file.fields(root, {"defaults", "groups"}, "a plan")
        defaults = file.fields(top["defaults"], _IN_DEFAULTS, "defaults") if "defaults" in top else {}
        concurrency, judge = defaults.pop("concurrency", None), defaults.pop("judge-model", None)
        scope = self._scoped(_Scope(), defaults)
        if "groups" not in top:
            if isinstance(root, yaml.MappingNode):
                file.report(SKV341, "a plan needs groups", root)
        else:
            self._groups(top["groups"], scope, 1)
        if not self.leaves and not file.is_broken:
            file.report(SKV341, "a plan needs at least one group", top.get("groups", root))
        self._check_labels()
        return CustomPlan(
            path=file.path,
            leaves=tuple(self.leaves),
            concurrency=file.whole(concurrency, "concurrency") if concurrency else None,
            judge_model=file.text(judge, "judge-model") if judge else None,
        )

    def _groups(self, node: yaml.Node, scope: _Scope, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self.file.report(SKV340, f"groups lie more than {_MAX_DEPTH} deep", node)
            return
        for group in self.file.items(node, "groups"):
            fields = self.file.fields(group, _IN_GROUP, "a group")
            below = fields.pop("groups", None)
            own = self._scoped(scope, fields)
            if below is not None:
                self._groups(below, own, depth + 1)
            elif isinstance(group, yaml.MappingNode):
                self._leaf(group, own)

    def _scoped(self, scope: _Scope, fields: Mapping[str, yaml.Node]) -> _Scope:
        """What is said here, over what was said above."""
        file = self.file
        for name, node in fields.items():
            if name == "label":
                scope = replace(scope, label=self._label(node))
            elif name == "model":
                scope = replace(scope, model=self._model(node))
            elif name == "adapter":
                scope = replace(scope, adapter=self._adapter(node))
            elif name == "skill":
                scope = replace(scope, skill=self._skill(node))
            elif name == "tasks":
                found = (self._task(item) for item in file.items(node, "tasks"))
                scope = replace(scope, tasks=tuple(dict.fromkeys(task for task in found if task)))
            elif name == "timeout-mult":
                scope = replace(scope, timeout_mult=file.factor(node, name) or 1.0)
            elif name == "max-steps":
                scope = replace(scope, max_steps=file.whole(node, name))
            else:
                scope = replace(scope, repetitions=file.whole(node, name))
        return scope

    def _leaf(self, node: yaml.Node, scope: _Scope) -> None:
        if self.file.is_broken:
            # What is missing may be missing because of that.
            return
        wanted = {
            "label": scope.label,
            "model": scope.model,
            "adapter": scope.adapter,
            "tasks": scope.tasks or None,
        }
        if missing := [name for name, value in wanted.items() if value is None]:
            self.file.report(SKV341, f"a group without groups needs {', '.join(missing)}", node)
        if scope.label is not None and scope.model is not None and scope.adapter is not None:
            self.leaves.append(
                Leaf(
                    label=scope.label,
                    target=Target(model=scope.model, harness=scope.adapter),
                    skill=scope.skill,
                    tasks=scope.tasks,
                    timeout_mult=scope.timeout_mult,
                    max_steps=scope.max_steps,
                    repetitions=scope.repetitions,
                    line=self.file.line_of(node),
                )
            )

    def _label(self, node: yaml.Node) -> str | None:
        label = self.file.text(node, "label")
        if label is not None and (len(label) > _MAX_LABEL or "/" in label or label.startswith(".")):
            said = f"label must be at most {_MAX_LABEL} characters, without '/' and no '.' first"
            self.file.report(SKV341, said, node)
        return label

    def _model(self, node: yaml.Node) -> str | None:
        model = self.file.text(node, "model")
        if model is not None and "/" not in model.strip("/"):
            self.file.report(SKV341, f"{model!r} is no full model id", node, help="<provider>/<model-id>")
        return model

    def _adapter(self, node: yaml.Node) -> str | None:
        adapter = self.file.text(node, "adapter")
        if adapter is not None:
            try:
                HARNESSES.get(adapter)
            except UsageError as error:
                self.file.report(SKV343, error.message, node, help=error.help)
        return adapter

    def _skill(self, node: yaml.Node) -> Path | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            # What was inherited is taken back.
            return None
        name = self.file.text(node, "skill")
        for folder in self._places(name) if name else ():
            if (folder / "SKILL.md").is_file() or (folder.suffix == ".md" and folder.is_file()):
                return folder
        if name:
            self.file.report(SKV343, f"there is no skill {name!r}", node)
        return None

    def _task(self, node: yaml.Node) -> Path | None:
        name = self.file.text(node, "a task")
        if name is None:
            return None
        if "/" not in name:
            listed = self.data_dir / "tasks" / name
            if name.strip(".") and listed.is_dir():
                return listed
            said = f"there is no task {name!r} in the dataset"
            self.file.report(
                SKV343, said, node, help=f"its ids are under {listed.parent}; a path holds a '/'"
            )
            return None
        for place in self._places(name):
            if place.exists():
                return find_task(str(place), self.data_dir)
        self.file.report(SKV343, f"there is no task {name!r}", node)
        return None

    def _places(self, name: str) -> tuple[Path, ...]:
        """Where a path may lead: from the current folder, else from the plan's."""
        path = Path(name).expanduser()
        return (path.absolute(), self.file.path.absolute().parent / path)

    def _check_labels(self) -> None:
        """A label is one thing, and does a thing once."""
        first: dict[str, Leaf] = {}
        taken: dict[tuple[str, Target, Path], Leaf] = {}
        for leaf in self.leaves:
            known = first.setdefault(leaf.label, leaf)
            if known.skill != leaf.skill:
                self._tell(leaf, f"label {leaf.label!r} stands for another skill on line {known.line}")
            for task in leaf.tasks:
                other = taken.setdefault((leaf.label, leaf.target, task), leaf)
                if other is not leaf:
                    said = f"label {leaf.label!r} runs {task.name} on {leaf.target.label}"
                    self._tell(leaf, f"{said} on line {other.line} already")

    def _tell(self, leaf: Leaf, message: str) -> None:
        found = SKV344.at(message, path=self.file.path, help="give it a label of its own")
        self.file.found.append(replace(found, line=leaf.line))


def _is_condition(name: str) -> bool:
    try:
        condition_of(name)
    except UsageError:
        return False
    return True
