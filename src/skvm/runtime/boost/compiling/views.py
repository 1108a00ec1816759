"""Some of a draft's runs at a time: their prompts, their files, their constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from skvm.runtime.boost.compiling.actions import Action
from skvm.runtime.boost.compiling.conditions import NoStepError
from skvm.runtime.boost.compiling.drafts import Constant, Draft, drafts_of
from skvm.runtime.boost.compiling.skeletons import fold
from skvm.runtime.boost.compiling.variables import Spread
from skvm.runtime.boost.watching import WatchedRun

__all__ = ["StepFiles", "View", "files_of"]

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


def files_of(action: Action) -> StepFiles:
    """The files around an action.

    Raises:
        NoStepError: They were not kept, or the action built on what the run did before it.
    """
    before, after = action.run.files(action.before), action.run.files(action.after)
    first = action.run.files(0)
    if before is None or after is None or first is None:
        raise NoStepError("what lay in the work directory was not kept")
    helpers = {path for path in action.helpers if path not in first}
    if _without(before, helpers) != _without(first, helpers):
        raise NoStepError("it builds on earlier steps of the run")
    return StepFiles(_without(before, helpers), _without(after, helpers))


def _without(files: dict[str, bytes], helpers: set[str]) -> dict[str, bytes]:
    return {
        path: data
        for path, data in files.items()
        if path not in helpers and not any(noise in path for noise in _NOISE)
    }


@dataclass(frozen=True)
class View:
    """A draft as seen by some of its runs, the first of which is the draft's own first.

    Args:
        draft: The draft.
        chosen: Indices of its actions; begins with 0.
    """

    draft: Draft
    chosen: tuple[int, ...]

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """The actions."""
        return tuple(self.draft.actions[index] for index in self.chosen)

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """The folded prompts."""
        return tuple(fold(action.run.prompt) for action in self.actions)

    @cached_property
    def spreads(self) -> tuple[Spread, ...]:
        """The constants."""
        return tuple(
            Spread(
                at,
                constant.kind,
                tuple(_plain(constant.values[index]) for index in self.chosen),
                constant.is_path_read or constant.is_path_written,
            )
            for at, constant in enumerate(self.draft.constants)
        )

    @property
    def pairs(self) -> tuple[tuple[Constant, Spread], ...]:
        """The constants as the draft and as these runs have them."""
        return tuple(zip(self.draft.constants, self.spreads, strict=True))

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Ids of the runs."""
        return tuple(action.run.record.run_id for action in self.actions)

    def part(self, members: Sequence[int]) -> View | None:
        """The view of some of these runs, by index into ``chosen``; ``None`` where they align no more."""
        chosen = tuple(self.chosen[index] for index in members)
        if chosen[0] == 0:
            return View(self.draft, chosen)
        # Constants that are left alone keep the value of a draft's first run: it must be one of these.
        actions = [self.draft.actions[index] for index in chosen]
        wanted = [_place(action) for action in actions]
        runs: list[WatchedRun] = [action.run for action in actions]
        for draft in drafts_of(runs):
            found = [_place(action) for action in draft.actions]
            if found == wanted:
                return View(draft, tuple(range(len(found))))
        return None


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _place(action: Action) -> tuple[str, tuple[int, ...]]:
    return action.run.record.run_id, action.turns
