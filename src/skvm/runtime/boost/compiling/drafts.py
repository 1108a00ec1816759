"""Drafts: code several runs wrote alike, with its constants where they differ and where they do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skvm.runtime.boost.compiling.actions import Action, actions_of
from skvm.runtime.boost.compiling.align_python import read_python
from skvm.runtime.boost.compiling.align_shell import read_shell_code
from skvm.runtime.boost.compiling.refusals import refusals
from skvm.runtime.boost.compiling.slots import Filling, Kind, Reading, Ref, Slot, Spot, UnfillableError
from skvm.runtime.boost.model import Language, ParamType

if TYPE_CHECKING:
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["Constant", "Draft", "Ref", "UnfillableError", "drafts_of"]

_CODE = re.compile(
    r"(?:\.(?:py|sh|bash|zsh|js|mjs|cjs|ts|tsx|jsx|rb|pl|php|lua|r|sql|ps1|bat|cmd|c|cc|cpp|h|go|rs|java|kt|mk)"
    r"|(?:^|/)(?:Makefile|Dockerfile|Jenkinsfile))$",
    re.IGNORECASE,
)
_NUMBERS = frozenset({ParamType.INTEGER, ParamType.NUMBER})


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of a draft.

    Args:
        index: Its place among the draft's constants.
        kind: What it is; ``list`` where runs had lists of strings of different lengths.
        values: Its value in each run, in order of the draft's actions.
        is_path_read: Whether it names a file that was there, in every run.
        is_path_written: Whether it names a file the action changed, in every run.
    """

    index: int
    kind: Kind
    values: tuple[Any, ...]
    is_path_read: bool = False
    is_path_written: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """Code that one or more runs wrote alike.

    Args:
        language: What it is.
        actions: What each run did; the code rendered is the first one's.
        constants: Its constants.
    """

    language: Language
    actions: tuple[Action, ...]
    constants: tuple[Constant, ...]
    _reading: Reading = field(repr=False, compare=False)
    _spots: tuple[Spot, ...] = field(repr=False, compare=False)
    _code_files: tuple[str, ...] = field(repr=False, compare=False)

    def render(self, fills: Mapping[int, Filling]) -> str:
        """The code; constants that are not filled keep the value of the first run.

        Args:
            fills: By index: texts and parameters that together stand for the constant, or one parameter.

        Raises:
            UnfillableError: A constant cannot be replaced by what is given: it would become code, or is of
                another kind.
        """
        if not all(0 <= index < len(self.constants) for index in fills):
            raise UnfillableError("there is no such constant")
        self._refuse_code(fills)
        return self._reading.render({self._spots[index]: filling for index, filling in fills.items()})

    def _refuse_code(self, fills: Mapping[int, Filling]) -> None:
        """Where a step writes code, a text in it would be code of whoever runs that."""
        for index, filling in fills.items() if self._code_files else ():
            constant = self.constants[index]
            texts = [part for part in filling if isinstance(part, Ref) and part.type not in _NUMBERS]
            if texts and not (constant.is_path_read or constant.is_path_written):
                raise UnfillableError(f"{texts[0].name} would become code in {self._code_files[0]}")


@dataclass(frozen=True, slots=True)
class _Read:
    action: Action
    reading: Reading


def drafts_of(runs: Sequence[WatchedRun]) -> tuple[Draft, ...]:
    """What runs did alike.

    Args:
        runs: Runs of one skill, the ones to be rendered first.

    Returns:
        Those most runs share first, and of these what is all a run did first; then what one run did alone.
        No run takes part twice in one draft, and nothing that can be no template is among them.
    """
    actions = [action for run in runs for action in actions_of(run) if not refusals(action)]
    with_prints = _clusters(actions, without_prints=False)
    without = _clusters(actions, without_prints=True)
    drafts: list[Draft] = []
    seen: set[tuple[int, ...]] = set()
    for cluster in [*with_prints, *without]:
        order = {id(each): index for index, each in enumerate(actions)}
        members = tuple(order[id(each.action)] for each in cluster)
        if members not in seen:
            seen.add(members)
            drafts.append(_draft(cluster))
    return tuple(sorted(drafts, key=lambda draft: (-len(draft.actions), not draft.actions[0].is_whole)))


def _clusters(actions: Sequence[Action], *, without_prints: bool) -> list[list[_Read]]:
    """Actions that do the same, in order of the first of each."""
    found: dict[tuple[str, ...], list[_Read]] = {}
    for action in actions:
        reading = _read(action, without_prints=without_prints)
        if reading is None:
            continue
        cluster = found.setdefault((action.language, *reading.key), [])
        if all(each.action.run is not action.run for each in cluster):
            cluster.append(_Read(action, reading))
    return list(found.values())


def _read(action: Action, *, without_prints: bool) -> Reading | None:
    if action.language is Language.PYTHON:
        return read_python(action.code, without_prints=without_prints)
    return read_shell_code(action.code)


def _draft(cluster: Sequence[_Read]) -> Draft:
    actions = tuple(each.action for each in cluster)
    places = [_Places.of(action) for action in actions]
    constants: list[Constant] = []
    spots: list[Spot] = []
    for spot, slots in _spots([each.reading for each in cluster]):
        values = tuple(slot.value for slot in slots)
        constants.append(
            Constant(
                len(constants),
                _kind(slots),
                values,
                all(place.reads(slot) for place, slot in zip(places, slots, strict=True)),
                all(place.writes(slot) for place, slot in zip(places, slots, strict=True)),
            )
        )
        spots.append(spot)
    changed = {name for place in places for name in place.changed or ()}
    code_files = tuple(sorted(name for name in changed if _CODE.search(name)))
    return Draft(actions[0].language, actions, tuple(constants), cluster[0].reading, tuple(spots), code_files)


def _spots(readings: Sequence[Reading]) -> Iterator[tuple[Spot, list[Slot]]]:
    """Each constant in all readings; lists of one length item by item."""
    for index in range(len(readings[0].slots)):
        slots = [reading.slots[index] for reading in readings]
        lengths = {len(slot.value) if slot.kind == "list" else -1 for slot in slots}
        if -1 in lengths or len(lengths) > 1:
            yield Spot(index), slots
            continue
        for item in range(lengths.pop()):
            yield Spot(index, item), [Slot("string", slot.value[item]) for slot in slots]


def _kind(slots: Sequence[Slot]) -> Kind:
    kinds = {slot.kind for slot in slots}
    if len(kinds) == 1:
        return slots[0].kind
    return "number" if kinds == {"integer", "number"} else "string"


@dataclass(frozen=True, slots=True)
class _Places:
    """Which files an action found and changed; ``None`` where that was not kept."""

    found: frozenset[str] | None
    changed: frozenset[str] | None

    @classmethod
    def of(cls, action: Action) -> _Places:
        before, changed = action.run.files(action.before), action.changed
        if before is None or changed is None:
            return cls(None, None)
        return cls(frozenset(before), frozenset(changed))

    def reads(self, slot: Slot) -> bool:
        if self.found is None or self.changed is None:
            return slot.is_path_read
        name = _plain(slot.value)
        return name in self.found and (name not in self.changed or slot.is_path_read)

    def writes(self, slot: Slot) -> bool:
        return slot.is_path_written if self.changed is None else _plain(slot.value) in self.changed


def _plain(value: Any) -> str:
    return value.removeprefix("./") if isinstance(value, str) else ""
