"""Which constants of several like pieces of code vary together, and how prompts tell their values.

Constants with the same values in every run are one variable. A variable stands in the prompts as it is, or a
part of it does ("totals" of "totals.csv"), or it is put together from other variables and fixed text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skvm.runtime.boost.compiling.skeletons import fold, stands_at
from skvm.runtime.boost.compiling.slots import Kind
from skvm.runtime.boost.holes import list_items
from skvm.runtime.boost.model import ParamType

__all__ = ["TYPES", "Explained", "Piece", "Spread", "Variable", "explain", "text_in_prompt", "typed"]

_TOKEN = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]")
_MIN_PART = 2
"""Letters a part of a constant has at least, to be told from chance."""

TYPES = {"integer": ParamType.INTEGER, "number": ParamType.NUMBER, "list": ParamType.LIST}
"""What a parameter is that stands for a constant of some kind, where that alone says it."""
Piece = str | int
"""A fixed text, or the index of a variable."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A constant over several runs.

    Args:
        index: Which constant of the code.
        kind: What it is.
        values: One a run.
        is_path: Whether the code opens a file of this name.
    """

    index: int
    kind: Kind
    values: tuple[Any, ...]
    is_path: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same in every run."""
        return all(value == self.values[0] for value in self.values)


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that differs from run to run.

    Args:
        kind: What it is in the code.
        values: One a run.
        texts: The same, as they stand in the prompts; ``()`` where they do not.
        is_part: Whether it stands in prompts as a part of a word.
        constants: The constants that are this as a whole.
    """

    kind: Kind
    values: tuple[Any, ...]
    texts: tuple[str, ...] = ()
    is_part: bool = False
    constants: tuple[int, ...] = ()

    @property
    def is_told(self) -> bool:
        """Whether the prompts say it."""
        return bool(self.texts)


@dataclass(frozen=True, slots=True)
class Explained:
    """What of several runs' constants is understood.

    Args:
        variables: What varies, and is understood; those the prompts do not tell are whole constants.
        fills: What stands in place of each constant that varies.
        unexplained: Constants that vary, one knows not why.
    """

    variables: tuple[Variable, ...] = ()
    fills: Mapping[int, tuple[Piece, ...]] | None = None
    unexplained: tuple[int, ...] = ()


def typed(kind: str, text: str) -> Any:
    """The value a text of a prompt stands for."""
    if kind == "integer":
        return int(text)
    if kind == "number":
        return float(text)
    return list_items(text) if kind == "list" else text


def text_in_prompt(kind: Kind, value: Any, prompt: str) -> str | None:
    """How a value stands in a folded prompt as a word of its own, ``None`` where it does not."""
    if kind == "boolean":
        return None
    if kind == "list":
        return _list_text(value, prompt)
    for text in _forms(kind, value):
        if stands_at(prompt, text):
            return text
    return None


def _forms(kind: Kind, value: Any) -> tuple[str, ...]:
    if kind == "string":
        return (value,) if value and fold(value) == value else ()
    if kind == "number" and float(value).is_integer():
        return repr(value), str(int(value))
    return (repr(value),)


def _list_text(items: Sequence[Any], prompt: str) -> str | None:
    """The stretch of a prompt that names these items in this order, and nothing else."""
    if not items or not all(isinstance(item, str) and item for item in items):
        return None
    for start in stands_at(prompt, items[0]):
        for last in stands_at(prompt, items[-1]):
            end = last + len(items[-1])
            # With the quotes of the first and the last item, where they have some.
            for text in (prompt[start:end], prompt[max(start - 1, 0) : end + 1]):
                if last >= start and list_items(text) == tuple(items):
                    return text
    return None


def explain(spreads: Iterable[Spread], prompts: Sequence[str]) -> Explained:
    """Explain every constant that varies.

    Args:
        spreads: Constants over the runs.
        prompts: The runs' folded prompts.
    """
    work = _Work(tuple(prompts))
    varying = [spread for spread in spreads if not spread.is_fixed]
    # Whole words first: what is understood best explains the rest.
    left = [spread for spread in varying if not work.take_whole(spread)]
    left.sort(key=lambda spread: (max(map(_length, spread.values)), spread.index))
    unexplained = [spread.index for spread in left if not work.take_composed(spread)]
    return Explained(tuple(work.variables), dict(sorted(work.fills.items())), tuple(sorted(unexplained)))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


class _Work:
    """Explains constants one by one, each by what is known so far."""

    def __init__(self, prompts: tuple[str, ...]) -> None:
        self.prompts = prompts
        self.variables: list[Variable] = []
        self.fills: dict[int, tuple[Piece, ...]] = {}

    def take_whole(self, spread: Spread) -> bool:
        """Explain a constant that every prompt tells as a whole."""
        texts = tuple(
            text_in_prompt(spread.kind, value, prompt)
            for value, prompt in zip(spread.values, self.prompts, strict=True)
        )
        known = tuple(text for text in texts if text is not None)
        if len(known) != len(texts):
            return False
        at = self._variable(Variable(spread.kind, spread.values, known))
        if at is None:
            return False
        self.variables[at] = replace(
            self.variables[at], constants=(*self.variables[at].constants, spread.index)
        )
        self.fills[spread.index] = (at,)
        return True

    def _variable(self, wanted: Variable) -> int | None:
        """The index of a variable, made if need be; ``None`` where another kind of thing has its texts."""
        for at, known in enumerate(self.variables):
            if known.texts == wanted.texts:
                return at if known.kind == wanted.kind else None
        self.variables.append(wanted)
        return len(self.variables) - 1

    def take_composed(self, spread: Spread) -> bool:
        """Explain a text that is put together from variables, fixed text and words of the prompts."""
        if spread.kind != "string":
            return False
        pieces = self._composed(spread.values) or self._by_words(spread.values)
        if pieces is None:
            return False
        self.fills[spread.index] = pieces
        return True

    def _composed(self, values: Sequence[str]) -> tuple[Piece, ...] | None:
        """Values as fixed text and known variables, alike in every run."""
        pieces: list[Piece] = []
        ats = [0] * len(values)
        order = sorted(range(len(self.variables)), key=lambda at: -len(self.variables[at].texts[0]))
        while any(at < len(value) for at, value in zip(ats, values, strict=True)):
            found = next((at for at in order if self._starts(at, values, ats)), None)
            if found is not None:
                pieces.append(found)
                ats = [at + len(text) for at, text in zip(ats, self._texts(found), strict=True)]
                continue
            heads = {value[at : at + 1] for at, value in zip(ats, values, strict=True)}
            if len(heads) > 1 or "" in heads:
                return None
            pieces.append(heads.pop())
            ats = [at + 1 for at in ats]
        return _joined(pieces)

    def _texts(self, at: int) -> tuple[str, ...]:
        variable = self.variables[at]
        return tuple(str(value) for value in variable.values)

    def _starts(self, at: int, values: Sequence[str], ats: Sequence[int]) -> bool:
        if self.variables[at].kind in {"list", "boolean", "number"}:
            return False
        return all(
            value.startswith(text, start) and not value[start + len(text) : start + len(text) + 1].isalnum()
            for value, text, start in zip(values, self._texts(at), ats, strict=True)
        )

    def _by_words(self, values: Sequence[str]) -> tuple[Piece, ...] | None:
        """Values as fixed words and words that stand in the prompts, alike in every run."""
        split = [_TOKEN.findall(value) for value in values]
        if len({len(tokens) for tokens in split}) != 1:
            return None
        pieces: list[Piece] = []
        made: list[Variable] = []
        for tokens in zip(*split, strict=True):
            if len(set(tokens)) == 1:
                pieces.append(tokens[0])
                continue
            known = self._known(tokens, made)
            if known is None:
                return None
            pieces.append(known)
        self.variables += made
        return _joined(pieces)

    def _known(self, tokens: tuple[str, ...], made: list[Variable]) -> int | None:
        for at, variable in enumerate((*self.variables, *made)):
            if variable.texts == tokens and variable.kind == "string":
                return at
        if min(map(len, tokens)) < _MIN_PART:
            return None
        whole = all(stands_at(prompt, text) for prompt, text in zip(self.prompts, tokens, strict=True))
        if not whole and not self._is_free_part(tokens):
            return None
        made.append(Variable("string", tokens, tokens, is_part=not whole))
        return len(self.variables) + len(made) - 1

    def _is_free_part(self, tokens: Sequence[str]) -> bool:
        """Whether words stand in every prompt as parts of words that are not themselves values."""
        for run, (prompt, text) in enumerate(zip(self.prompts, tokens, strict=True)):
            taken = [
                (at, at + len(each.texts[run]))
                for each in self.variables
                if each.is_told
                for at in stands_at(prompt, each.texts[run])
            ]
            free = [
                at
                for at in stands_at(prompt, text, is_part=True)
                if all(at + len(text) <= start or at >= end for start, end in taken)
            ]
            if not free:
                return False
        return True


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Neighbouring fixed texts as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)
