"""Sealed grading: each criterion on its own copy of what the agent left, in a cell the agent never had.

By the time a grader starts, the agent's cell is gone and with it every process of the agent. What the
copy holds is hostile data; a folder ``graders/`` of the task is shown read-only to graders alone, its
path in ``SKVM_GRADERS``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from skvm.diagnostics import Diagnostic, Severity
from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.evaluate.contract import GRADERS, NO_JUDGE, SKV311, Demanding, Evidence, Grader
from skvm.evaluate.workspace import (
    SETUP_TIMEOUT_S,
    copy_tree,
    lay_fixtures,
    lay_inline,
    make_private_folder,
    remove_tree,
)
from skvm.evidence.record import CriterionResult
from skvm.harness.lazy_cell import open_on_demand
from skvm.harness.sandbox import Cell, Policy, Sandbox
from skvm.harness.site import Visit
from skvm.harness.trajectory import Trajectory
from skvm.task.model import Criterion, Task

if TYPE_CHECKING:
    from skvm.evaluate.judging import RunJudge

__all__ = ["Oracle", "Seal", "Verdicts", "check_criteria", "errors_of", "grade", "needs_judge", "ungradable"]

Oracle = Callable[[Evidence], Awaitable[Sequence[CriterionResult]]]
"""Stands in for a task's graders: one call, all results."""

_ENV = {
    # Nothing an agent planted in its directory or home stands before the standard library …
    "PYTHONSAFEPATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}

# … but a grader may import what the agent wrote: its places come last instead of first.
_SITE = """\
import os
import sys

sys.path.append(os.getcwd())
for argument in sys.orig_argv[1:]:
    if argument in ("-c", "-m"):
        break
    if not argument.startswith("-"):
        sys.path.append(os.path.dirname(os.path.abspath(argument)))
        break
"""


@dataclass(frozen=True, slots=True)
class Seal:
    """Where grading happens.

    Args:
        sandbox: Opens the cells.
        tmp_dir: Where copies are made.
        left: The agent's work directory; nothing runs in it any more.
        visits: What the run's site was asked; ``None`` where it had no site.
        judge: The model that judges this run, if one is configured.
        given: Digests of what lay there before the agent started, if someone took note.
    """

    sandbox: Sandbox
    tmp_dir: Path
    left: Path
    visits: Sequence[Visit] | None = None
    judge: RunJudge | None = None
    given: Mapping[str, str] | None = None

    @asynccontextmanager
    async def evidence(self, task: Task, trajectory: Trajectory) -> AsyncIterator[tuple[Evidence, list[str]]]:
        """A fresh copy in a fresh cell, and what could not be copied."""
        async with self._place(self.left) as (place, notes):
            copy, site, hidden = place / "work", place / "site", place / "graders"
            shown, env = [site], {**_ENV, "PYTHONPATH": str(site)}
            if task.root is not None and (own := task.root / "graders").is_dir():
                hidden.mkdir()
                await anyio.to_thread.run_sync(copy_tree, own, hidden)
                shown.append(hidden)
                env["SKVM_GRADERS"] = str(hidden)
            policy = Policy(work_dir=copy, read_only=shown, env=env)
            async with open_on_demand(self.sandbox, policy) as cell:
                evidence = Evidence(
                    task=task,
                    trajectory=trajectory,
                    snapshot=copy,
                    cell=cell,
                    visits=self.visits,
                    untouched=partial(self._untouched, task),
                    equipped=partial(self._equipped, policy, place),
                    judge=self.judge,
                    given=self.given,
                )
                yield evidence, notes

    @asynccontextmanager
    async def _equipped(
        self, policy: Policy, place: Path, fill: Callable[[Path], None]
    ) -> AsyncIterator[tuple[Cell, Path]]:
        """See ``Evidence.equipped``."""
        tools = place / "tools"
        await anyio.to_thread.run_sync(tools.mkdir)
        await anyio.to_thread.run_sync(fill, tools)
        policy = replace(policy, read_only=(*policy.read_only, tools))
        async with open_on_demand(self.sandbox, policy) as cell:
            yield cell, tools

    @asynccontextmanager
    async def _untouched(self, task: Task) -> AsyncIterator[Evidence]:
        """See ``Evidence.untouched``."""
        nothing = Trajectory(harness="nobody", model="none", prompt=task.prompt)
        async with self._place() as (place, _):
            left = place / "work"
            await anyio.to_thread.run_sync(lay_fixtures, task, left)
            if (left / "_setup.sh").is_file():
                async with self.sandbox.open(Policy(work_dir=left, network=task.network)) as cell:
                    await cell.execute(["bash", "_setup.sh"], timeout_s=SETUP_TIMEOUT_S)
            await anyio.to_thread.run_sync(lay_inline, task, left)
            visits = None if self.visits is None else ()
            async with replace(self, left=left, visits=visits).evidence(task, nothing) as (evidence, _):
                yield evidence

    @asynccontextmanager
    async def _place(self, left: Path | None = None) -> AsyncIterator[tuple[Path, list[str]]]:
        """A folder to grade in, with a copy of what was left, and what could not be copied."""
        place, notes = await anyio.to_thread.run_sync(self._make_place, left)
        try:
            yield place, notes
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(remove_tree, place)

    def _make_place(self, left: Path | None) -> tuple[Path, list[str]]:
        place = make_private_folder(self.tmp_dir, "grade")
        try:
            # Passable for the cell's user, who owns nothing on the way to its work directory.
            place.chmod(0o711)
            (place / "work").mkdir(mode=0o700)
            (place / "site").mkdir()
            (place / "site" / "sitecustomize.py").write_text(_SITE, encoding="utf-8")
        except OSError as error:
            remove_tree(place)
            raise InfrastructureError(
                f"{place}: cannot be written: {error.strerror}",
                help="free some space, or choose another place with --tmp-dir",
            ) from error
        return place, [] if left is None else copy_tree(left, place / "work")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What grading gave.

    Args:
        results: One for each criterion, in order.
        fault: Why a grader that exists could not grade, if one could not.
        notes: What the graders were not shown.
    """

    results: tuple[CriterionResult, ...] = ()
    fault: str | None = None
    notes: tuple[str, ...] = ()


def check_criteria(task: Task, *, has_judge: bool = False) -> tuple[Diagnostic, ...]:
    """Ask every grader about its criteria, before anything is spent.

    Args:
        task: Whose criteria.
        has_judge: Whether a judge is configured; without one, what needs it cannot be graded.
    """
    found: list[Diagnostic] = []
    for index, criterion in enumerate(task.criteria):
        made = _grader(criterion)
        problems = [] if isinstance(made, str) else made.check(criterion, task)
        found += problems
        if not problems and (why := _missing(made, criterion, task, has_judge)):
            found.append(SKV311.at(f"criterion {_name(criterion, index)}: {why}", path=task.id))
    return tuple(found)


def ungradable(task: Task, *, has_judge: bool = False) -> dict[str, str]:
    """The criteria nothing here can grade, by id (else index), and why.

    Where every criterion is among them, running the task is of no use. A malformed criterion is not
    listed: that is an error (``errors_of``), wherever the task runs.

    Args:
        task: Whose criteria.
        has_judge: Whether a judge is configured.
    """
    found = {}
    for index, criterion in enumerate(task.criteria):
        if why := _missing(_grader(criterion), criterion, task, has_judge):
            found[_name(criterion, index)] = why
    return found


def needs_judge(task: Task) -> bool:
    """Whether any criterion asks for a judge."""
    return any(getattr(_grader(criterion), "needs_judge", False) for criterion in task.criteria)


async def grade(task: Task, trajectory: Trajectory, seal: Seal, oracle: Oracle | None = None) -> Verdicts:
    """Grade what an agent left.

    Raises:
        InfrastructureError: The sandbox failed; that is nobody's score.
    """
    if oracle is not None:
        return await _ask_oracle(task, trajectory, seal, oracle)
    results: list[CriterionResult] = []
    faults: list[str] = []
    notes: tuple[str, ...] = ()
    for index, criterion in enumerate(task.criteria):
        made = _grader(criterion)
        if isinstance(made, str) or (why := _missing(made, criterion, task, seal.judge is not None)):
            result = _unscored(criterion, made if isinstance(made, str) else why)
        else:
            async with seal.evidence(task, trajectory) as (evidence, left_out):
                notes = tuple(left_out)
                result = await _ask(made, criterion, evidence)
            if result.score is None and not result.is_pending:
                faults.append(f"{_name(criterion, index)}: {result.infra_error or 'no score'}")
        named = {"id": _name(criterion, index), "method": criterion.method, "weight": criterion.weight}
        results.append(result.model_copy(update=named))
    return Verdicts(tuple(results), "; ".join(faults) or None, notes)


async def _ask(grader: Grader, criterion: Criterion, evidence: Evidence) -> CriterionResult:
    try:
        return await grader.grade(criterion, evidence)
    except InfrastructureError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a grader does wrong, the agent did not do it
        return _unscored(criterion, f"the grader failed: {type(error).__name__}: {error}")


async def _ask_oracle(task: Task, trajectory: Trajectory, seal: Seal, oracle: Oracle) -> Verdicts:
    async with seal.evidence(task, trajectory) as (evidence, left_out):
        try:
            results = tuple(await oracle(evidence))
        except SkvmError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            return Verdicts((), f"the oracle failed: {type(error).__name__}: {error}", tuple(left_out))
    faults = [
        f"{result.id}: {result.infra_error or 'no score'}" for result in results if result.score is None
    ]
    return Verdicts(results, "; ".join(faults) or None, tuple(left_out))


def _grader(criterion: Criterion) -> Grader | str:
    """The grader of a criterion, or why there is none."""
    try:
        return GRADERS.get(criterion.method)()
    except SkvmError as error:
        return (
            f"{error.message} ({error.help})"
            if not isinstance(error, UsageError) and error.help
            else error.message
        )


def _missing(made: Grader | str, criterion: Criterion, task: Task, has_judge: bool) -> str:
    """Why nothing here can grade a criterion, ``""`` where something can."""
    if isinstance(made, str):
        return made
    if not has_judge and getattr(made, "needs_judge", False):
        return NO_JUDGE
    return (made.missing(criterion, task) or "") if isinstance(made, Demanding) else ""


def _unscored(criterion: Criterion, why: str) -> CriterionResult:
    return CriterionResult(id=criterion.id or "", method=criterion.method, infra_error=why, details=why)


def _name(criterion: Criterion, index: int) -> str:
    return criterion.id or str(index)


def errors_of(task: Task) -> list[Diagnostic]:
    """The errors among ``check_criteria``."""
    return [found for found in check_criteria(task) if found.severity is Severity.ERROR]
