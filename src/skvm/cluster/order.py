"""What crosses the border between driver and worker: orders out, results back, all of it plain records.

Bytes (files of tasks and skills, trajectories, bodies of calls) are named by their digest and travel beside
the records; see ``shipping``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from skvm.evidence.record import Record, RunRecord
from skvm.harness.permissions import PermissionMode, Permissions
from skvm.settings import RouteKind

__all__ = [
    "BenchOrder",
    "FileOrder",
    "GrantOrder",
    "Hello",
    "RecipeOrder",
    "RouteOrder",
    "Row",
    "RunOrder",
    "RunResult",
    "SkillOrder",
    "TaskOrder",
    "WorkerOrder",
]


class _Part(Record):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FileOrder(_Part):
    """A file, folder or link of a tree.

    Args:
        path: POSIX path relative to the tree.
        digest: Of its bytes; of a link ``""``, of a folder likewise.
        mode: ``file``, ``program`` (its owner may execute it), ``folder`` or ``link``.
        target: Where a link leads.
    """

    path: str
    digest: str = ""
    mode: Literal["file", "program", "folder", "link"] = "file"
    target: str = ""


class TaskOrder(_Part):
    """A task.

    Args:
        record: Its JSON, as ``task.json`` has it.
        name: What its folder is called; ``""`` for one made in memory.
        files: Everything in its folder that can change a run or its grade.
        digest: What ``task_digest`` says of it.
    """

    record: dict[str, Any]
    name: str = ""
    files: tuple[FileOrder, ...] = ()
    digest: str


class SkillOrder(_Part):
    """A skill.

    Args:
        id: Its id.
        source: Digest of ``SKILL.md``.
        files: Its bundle, in order.
        digest: What ``skill_digest`` says of it.
    """

    id: str
    source: str
    files: tuple[FileOrder, ...] = ()
    digest: str


class GrantOrder(_Part):
    """What a run may touch; see ``Grant``."""

    permissions: Permissions
    mode: PermissionMode
    task_files: tuple[str, ...] = ()


class RecipeOrder(_Part):
    """How what is no data is made again; see ``Recipe``."""

    name: str
    given: dict[str, Any]


class RouteOrder(_Part):
    """A provider route; of its key only the variable's name travels."""

    match: str
    kind: RouteKind
    api_key_env: str | None = None
    base_url: str | None = None


class BenchOrder(_Part):
    """What many runs share; a worker opens one bench for each there is.

    Args:
        sandbox: Name of a back end, or ``auto``.
        config_mode: Whose configuration harnesses that are programs run with.
        temperature: Of every run.
        max_output_tokens: Output tokens a turn at most.
        hooks: Names of what watches every run (see ``recipes.HOOKS``).
        follow: How runs follow the plans of their skills; ``off`` where they do not.
        judge_model: Who judges, if anybody.
        is_judge_deferred: Whether questions to the judge are only kept.
        may_judge_itself: Whether the judge may be the judged model.
    """

    sandbox: str = "auto"
    config_mode: Literal["managed", "native"] = "managed"
    temperature: float = 0.0
    max_output_tokens: int | None = None
    hooks: tuple[str, ...] = ()
    follow: Literal["off", "serial", "parallel"] = "off"
    judge_model: str | None = None
    is_judge_deferred: bool = False
    may_judge_itself: bool = False


class RunOrder(_Part):
    """One attempt at one run.

    Args:
        attempt: This attempt; unique.
        run_id: The run, as the driver's journal has it.
        bench: What it shares with others.
        task: What is asked.
        skill: What it is asked with.
        environment: Name of the private environment's folder, which must stand on the worker's node, too.
        environment_manifest: Digest of what it was built for.
        max_usd: What is left under the ceiling in dollars, > 0.
        max_tokens: Likewise in tokens.

    The other fields are those of a ``RunSpec``.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    attempt: str
    run_id: str
    bench: BenchOrder
    task: TaskOrder
    model_id: str
    harness: str
    skill: SkillOrder | None = None
    skill_mode: Literal["inject", "discover"] = "inject"
    condition: str = ""
    repetition: int = 0
    max_steps: int | None = None
    timeout_s: float | None = None
    seed: int | None = None
    session_id: str | None = None
    cell: str | None = None
    simulated: bool = False
    environment: str | None = None
    environment_manifest: str = ""
    permissions: GrantOrder | None = None
    recipe: RecipeOrder | None = None
    max_usd: float | None = None
    max_tokens: int | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        """The blobs it names, each once."""
        named = [file.digest for file in self.task.files]
        if self.skill is not None:
            named += [self.skill.source, *(file.digest for file in self.skill.files)]
        return tuple(dict.fromkeys(digest for digest in named if digest))


class Row(_Part):
    """One record for the journal.

    Args:
        parent: What it hangs below: 0 the run's start, *n* the *n*-th row, from 1.
        kind: What it is of.
        body: The record, as JSON.
    """

    parent: int = 0
    kind: str
    body: dict[str, Any]


class RunResult(_Part):
    """How an attempt ended, whole.

    Args:
        attempt: Which.
        node: Where it was made.
        rows: What the journal is told of it, in order.
        record: The run's record as its caller sees it; ``None`` where it did not begin.
        seen: What the parts made from a recipe saw.
        error: Kind of the error it passes on (see ``recipes.ERRORS``), ``cancelled``, or ``""``.
        message: Of the error.
        help: Of the error.
        blobs: Digests and sizes of what travels beside it, in order.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    attempt: str
    node: str
    rows: tuple[Row, ...] = ()
    record: RunRecord | None = None
    seen: Any = None
    error: str = ""
    message: str = ""
    help: str | None = None
    blobs: tuple[tuple[str, int], ...] = ()


class WorkerOrder(_Part):
    """What a worker is told when it starts.

    Args:
        slots: Runs at once, ≥ 1.
        routes: Provider routes of the driver.
        auto_probe: Whether an endpoint may be probed for what it can do.
        cache_dir: The cache root, where the cluster is of this machine only; else the node's own.
        tmp_dir: Likewise where work directories are made.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    slots: int = Field(ge=1)
    routes: tuple[RouteOrder, ...] = ()
    auto_probe: bool = True
    cache_dir: str | None = None
    tmp_dir: str | None = None


class Hello(_Part):
    """What a worker is.

    Args:
        node: The name of its machine.
        pid: Its process.
        version: Of its skvm.
        code: Digest of its skvm's files; versions are not told apart by their number alone.
        python: Version of its Python.
    """

    node: str
    pid: int
    version: str
    code: str
    python: str
