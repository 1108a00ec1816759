"""Some runs and one piece of code: their prompts, their files, and what each has for the code's constants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from skvm.runtime.boost.compiling.conditions import NoStepError
from skvm.runtime.boost.compiling.drafts import Constant, Draft, drafts_of
from skvm.runtime.boost.compiling.skeletons import fold
from skvm.runtime.boost.compiling.variables import Spread

if TYPE_CHECKING:
    from skvm.runtime.boost.compiling.actions import Action
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["Member", "StepFiles", "View", "files_around", "view_of", "without"]

_NOISE = ("__pycache__/", ".pytest_cache/")


@dataclass(frozen=True, slots=True)
class StepFiles:
    """What lay in the work directory before and after an action, without files that only helped it."""

    before: dict[str, bytes]
    after: dict[str, bytes]

    @property
    def written(self) -> dict[str, bytes]:
        """What was made or changed, as it was after."""
        return {path: data for path, data in self.after.items() if self.before.get(path) != data}


@dataclass(frozen=True, slots=True)
class Member:
    """One run of a view.

    Args:
        run: The run.
        action: What it did that aligns with the others; ``None`` for one whose own code is another.
        files: The files around it.
        code: The code, as it is for this run.
        values: Its value of each constant.
        turns: The turns it was done in.
    """

    run: WatchedRun
    action: Action | None
    files: StepFiles
    code: str
    values: tuple[Any, ...]
    turns: tuple[int, ...]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.record.run_id

    @property
    def printed(self) -> str:
        """What came back from its turns."""
        return "\n".join(
            observation.text
            for turn in self.run.trajectory.turns
            if turn.index in self.turns
            for observation in turn.observations
        )


def files_around(action: Action) -> StepFiles:
    """The files around an action.

    Raises:
        NoStepError: They were not kept, or the action built on what the run did before it.
    """
    before, after = action.run.files(action.before), action.run.files(action.after)
    first = action.run.files(0)
    if before is None or after is None or first is None:
        raise NoStepError("what lay in the work directory was not kept")
    helpers = {path for path in action.helpers if path not in first}
    if without(before, helpers) != without(first, helpers):
        raise NoStepError("it builds on earlier steps of the run")
    return StepFiles(without(before, helpers), without(after, helpers))


def without(files: dict[str, bytes], helpers: set[str]) -> dict[str, bytes]:
    """Files but for helpers and caches."""
    return {
        path: data
        for path, data in files.items()
        if path not in helpers and not any(noise in path for noise in _NOISE)
    }


@dataclass(frozen=True)
class View:
    """A draft and some runs, the first of which is the draft's own first: its code is what is rendered.

    Args:
        draft: The code.
        members: The runs.
    """

    draft: Draft
    members: tuple[Member, ...]

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """The folded prompts."""
        return tuple(fold(member.run.prompt) for member in self.members)

    @cached_property
    def spreads(self) -> tuple[Spread, ...]:
        """The constants."""
        return tuple(
            Spread(
                at,
                constant.kind,
                tuple(member.values[at] for member in self.members),
                constant.is_path_read or constant.is_path_written,
            )
            for at, constant in enumerate(self.draft.constants)
        )

    @property
    def pairs(self) -> tuple[tuple[Constant, Spread], ...]:
        """The constants as the draft and as these runs have them."""
        return tuple(zip(self.draft.constants, self.spreads, strict=True))

    @property
    def files(self) -> tuple[StepFiles, ...]:
        """The files around each run's step."""
        return tuple(member.files for member in self.members)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Ids of the runs."""
        return tuple(member.run_id for member in self.members)

    def part(self, chosen: Sequence[int]) -> View | None:
        """The view of some of these runs, by index; ``None`` where they do not align without the others."""
        members = tuple(self.members[index] for index in chosen)
        if chosen[0] == 0:
            return View(self.draft, members)
        # Constants that are left alone keep the value of a draft's first run: it must be one of these.
        return _drafted_anew(members)


def view_of(draft: Draft, findings: list[str]) -> View | None:
    """All runs of a draft whose files are known; ``None`` where there is none.

    Args:
        draft: The draft.
        findings: Why runs are left out is added to these.
    """
    members = tuple(_members(draft, findings))
    if members and members[0].action is draft.actions[0]:
        return View(draft, members)
    return _drafted_anew(members)


def _drafted_anew(members: Sequence[Member]) -> View | None:
    """The view of runs whose draft began with another one."""
    if not members or any(member.action is None for member in members):
        return None
    wanted = [(member.run_id, member.turns) for member in members]
    for draft in drafts_of([member.run for member in members]):
        if [(action.run.record.run_id, action.turns) for action in draft.actions] == wanted:
            return View(draft, tuple(_members(draft, [])))
    return None


def _members(draft: Draft, findings: list[str]) -> Iterator[Member]:
    for at, action in enumerate(draft.actions):
        values = tuple(_plain(constant.values[at]) for constant in draft.constants)
        try:
            yield Member(action.run, action, files_around(action), action.code, values, action.turns)
        except NoStepError as reason:
            findings.append(f"{action.run.record.run_id}: no candidate: {reason}")


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
