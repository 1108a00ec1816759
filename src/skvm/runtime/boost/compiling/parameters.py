"""The parameters of a step: named and typed, with the place of each in the prompt, the files and the code."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skvm.runtime.boost.compiling.conditions import NoStepError, Step
from skvm.runtime.boost.compiling.naming import param_names
from skvm.runtime.boost.compiling.slots import Filling, Ref
from skvm.runtime.boost.compiling.sources import derived_from, gives, source_of
from skvm.runtime.boost.compiling.variables import TYPES, Piece, Variable, typed
from skvm.runtime.boost.compiling.views import StepFiles, View
from skvm.runtime.boost.compiling.wordings import Wording, wording_of
from skvm.runtime.boost.model import Param, ParamType, Place, Skeleton, Source

__all__ = ["Plan", "plan_of"]

_MAX_SEEN = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """What the parameters of a step are.

    Args:
        wording: The skeleton, and what of the constants is understood; covers every run of the view.
        variables: Everything that becomes a parameter: those of the wording, then those of ``sources``.
        names: Their names.
        types: Their types.
        pieces: What stands in place of constants, by index.
        sources: Where the values come from that no prompt tells, by name.
        loose: Constants that vary, one knows not why; the first run's stand.
    """

    wording: Wording
    variables: tuple[Variable, ...]
    names: tuple[str, ...]
    types: tuple[ParamType, ...]
    pieces: Mapping[int, tuple[Piece, ...]]
    sources: dict[str, Source]
    loose: tuple[int, ...]

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton with the parameters' names."""
        raw = self.wording.skeleton
        return Skeleton(texts=raw.texts, params=tuple(self.names[int(at)] for at in raw.params))

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters in order of name."""
        made = [
            Param(
                name=name,
                type=kind,
                values=tuple(sorted(set(variable.values))) if kind is ParamType.ENUM else (),
                seen=_each_once(variable.values),
            )
            for name, kind, variable in zip(self.names, self.types, self.variables, strict=True)
        ]
        return tuple(sorted(made, key=lambda param: param.name))

    @property
    def fills(self) -> dict[int, Filling]:
        """What stands in place of the code's constants."""
        return {
            index: tuple(
                piece if isinstance(piece, str) else Ref(self.names[piece], self.types[piece])
                for piece in pieces
            )
            for index, pieces in self.pieces.items()
        }

    @property
    def paths(self) -> frozenset[str]:
        """The parameters that are paths."""
        pairs = zip(self.names, self.types, strict=True)
        return frozenset(name for name, kind in pairs if kind is ParamType.PATH)

    def own_step(self, view: View, index: int) -> Step:
        """What one of the runs it was made from did."""
        values = {
            name: variable.values[index] for name, variable in zip(self.names, self.variables, strict=True)
        }
        return _step(self, view, index, values)

    def other_step(self, view: View, index: int, loose: frozenset[int]) -> Step | str:
        """What a run did that took no part, or why the plan does not say the same as it did."""
        texts = self.wording.texts(view.prompts[index])
        if texts is None:
            return "its prompt reads otherwise"
        given: list[Any] = []
        for at, variable in enumerate(self.variables):
            if variable.is_told:
                given.append(typed(variable.kind, texts[str(at)]))
            else:
                given.append(view.spreads[variable.constants[0]].values[index])
        for spread in view.spreads:
            pieces = self.pieces.get(spread.index)
            expected = spread.values[0] if pieces is None else _filled(pieces, given)
            if expected != spread.values[index] and spread.index not in loose:
                return f"its code has {spread.values[index]!r} for {expected!r}"
        values = dict(zip(self.names, given, strict=True))
        for name, source in self.sources.items():
            if not gives(source, values[name], view.members[index].files.before, values):
                return f"{name} comes from elsewhere"
        return _step(self, view, index, values)


def _step(plan: Plan, view: View, index: int, params: dict[str, Any]) -> Step:
    member = view.members[index]
    constants = [(constant, spread.values[index]) for constant, spread in view.pairs]
    return Step(
        run_id=member.run_id,
        before=member.files.before,
        after=member.files.after,
        params={name: list(value) if isinstance(value, tuple) else value for name, value in params.items()},
        paths=plan.paths,
        language=view.draft.language,
        code=member.code,
        reads=frozenset(str(value) for constant, value in constants if constant.is_path_read),
        writes=frozenset(str(value) for constant, value in constants if constant.is_path_written),
    )


def _filled(pieces: tuple[Piece, ...], given: Sequence[Any]) -> Any:
    if len(pieces) == 1 and isinstance(pieces[0], int):
        return given[pieces[0]]
    return "".join(piece if isinstance(piece, str) else str(given[piece]) for piece in pieces)


def _each_once(values: Sequence[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for value in values:
        plain = list(value) if isinstance(value, tuple) else value
        if plain not in found:
            found.append(plain)
    return tuple(found[:_MAX_SEEN])


def plan_of(view: View) -> Plan:
    """The parameters of runs that share a wording.

    Raises:
        NoStepError: They do not share a wording after all.
    """
    wording = wording_of(view.spreads, view.prompts)
    if len(wording.members) != len(view.members):
        raise NoStepError("the prompts do not tell what differs between the runs")
    finder = _Finder(view, list(wording.explained.variables), dict(wording.explained.fills or {}))
    loose = tuple(index for index in wording.explained.unexplained if not finder.take(index))
    variables = finder.variables
    types = tuple(_type(variable, view) for variable in variables)
    roles = [_role(variable, kind, view.files) for variable, kind in zip(variables, types, strict=True)]
    names = param_names(wording.skeleton, types, roles)
    sources = {names[at]: source for at, source in finder.sources.items()}
    for at, (other, locator) in finder.derived.items():
        sources[names[at]] = Source(kind="derived", file=Place(param=names[other]), locator=locator)
    return Plan(wording, tuple(variables), names, types, finder.pieces, sources, loose)


@dataclass(slots=True)
class _Finder:
    """Finds where constants come from that the prompts do not tell."""

    view: View
    variables: list[Variable]
    pieces: dict[int, tuple[Piece, ...]]
    sources: dict[int, Source] = field(default_factory=dict)
    derived: dict[int, tuple[int, str]] = field(default_factory=dict)

    def take(self, index: int) -> bool:
        """Make a parameter of a constant, if something tells its value."""
        spread = self.view.spreads[index]
        for at in (*self.sources, *self.derived):
            if self.variables[at].values == spread.values:
                self.pieces[index] = (at,)
                return True
        source = _source(self.view, index)
        derived = None if source is not None else self._derived(spread.values)
        if source is None and derived is None:
            return False
        self.variables.append(Variable(spread.kind, spread.values, constants=(index,)))
        at = len(self.variables) - 1
        self.pieces[index] = (at,)
        if source is not None:
            self.sources[at] = source
        elif derived is not None:
            self.derived[at] = derived
        return True

    def _derived(self, values: Sequence[Any]) -> tuple[int, str] | None:
        """The variable that names a file of whose name values are made, and how."""
        for at, variable in enumerate(self.variables):
            if variable.kind == "string" and _type(variable, self.view) is ParamType.PATH:
                locator = derived_from(values, variable.values)
                if locator is not None:
                    return at, locator
        return None


def _source(view: View, index: int) -> Source | None:
    """Where an unexplained constant comes from; files are looked into that every run has and names."""
    spread = view.spreads[index]
    shared = set.intersection(*(set(each.before) for each in view.files))
    fixed = {str(other.values[0]) for other in view.spreads if other.is_fixed and other.kind == "string"}
    places = [Place(path=path) for path in sorted(shared & fixed)]
    return source_of(spread.values, [each.before for each in view.files], places)


def _type(variable: Variable, view: View) -> ParamType:
    if variable.kind != "string":
        return TYPES[variable.kind]
    opened = any(view.spreads[index].is_path for index in variable.constants)
    lies = all(
        value in each.before or value in each.after
        for value, each in zip(variable.values, view.files, strict=True)
    )
    if opened or lies:
        return ParamType.PATH
    # Code that has one of the values elsewhere, too, knows what it means; it does not know others.
    known = {spread.values[0] for spread in view.spreads if spread.is_fixed and spread.kind == "string"}
    return ParamType.ENUM if known & set(variable.values) else ParamType.STRING


def _role(variable: Variable, kind: ParamType, files: Sequence[StepFiles]) -> str:
    """What a parameter is in the files: a source, a target, a column."""
    pairs = list(zip(variable.values, files, strict=True))
    if kind is ParamType.PATH:
        if all(value in each.before and each.before[value] == each.after.get(value) for value, each in pairs):
            return "source"
        return "file" if all(value in each.before for value, each in pairs) else "target"
    if kind in {ParamType.STRING, ParamType.ENUM} and all(value in _columns(each) for value, each in pairs):
        return "column"
    return ""


def _columns(files: StepFiles) -> set[str]:
    found: set[str] = set()
    for path, data in files.before.items():
        if path.endswith((".csv", ".tsv")):
            head = data.split(b"\n", 1)[0].decode("utf-8", "replace")
            delimiter = "\t" if path.endswith(".tsv") else ","
            found |= set(next(csv.reader(io.StringIO(head), delimiter=delimiter), []))
    return found
