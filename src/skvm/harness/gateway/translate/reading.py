"""Reading foreign JSON: what has the wrong type is refused with its place, what is unknown is remembered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skvm.harness.gateway.translate.contract import RefusedRequestError
from skvm.llm.unicode import mended

__all__ = ["Fields", "opened", "plain_arguments"]

MEDIA = ("image", "audio", "file", "document", "video")


@dataclass(slots=True)
class Fields:
    """An object of a request, read field by field; what nobody asked for is foreign.

    Args:
        raw: The object.
        path: Where it stands, ``""`` for the body.
        foreign: Collects the paths of what nothing is made of.
        is_passed: Whether it is read for the record only.
        is_result: Whether it belongs to the result of a tool.
    """

    raw: Mapping[str, Any]
    path: str = ""
    foreign: list[str] = field(default_factory=list)
    is_passed: bool = False
    is_result: bool = False
    _known: set[str] = field(default_factory=set)

    def place(self, key: str) -> str:
        """The path of a field."""
        return f"{self.path}.{key}" if self.path else key

    def know(self, *keys: str) -> None:
        """Fields that are of no consequence here."""
        self._known.update(keys)

    def get(self, key: str) -> Any:
        """Whatever the field holds, ``None`` if it is not there."""
        self._known.add(key)
        return self.raw.get(key)

    def text(self, key: str) -> str | None:
        """A text."""
        value = self.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.refuse(key, "a text")

    def flag(self, key: str) -> bool | None:
        """A boolean."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.refuse(key, "true or false")

    def number(self, key: str) -> float | None:
        """A number that is finite; integers as they are."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
        raise self.refuse(key, "a number")

    def integer(self, key: str) -> int | None:
        """A whole number."""
        value = self.number(key)
        if value is None or int(value) == value:
            return None if value is None else int(value)
        raise self.refuse(key, "a whole number")

    def object(self, key: str) -> Fields | None:
        """An object within."""
        value = self.get(key)
        if value is None or isinstance(value, Mapping):
            return None if value is None else self._within(value, self.place(key))
        raise self.refuse(key, "an object")

    def objects(self, key: str) -> Iterator[Fields]:
        """The objects of a list, with their paths."""
        value = self.get(key)
        if value is None:
            return
        if not _is_list(value):
            raise self.refuse(key, "a list")
        for index, item in enumerate(value):
            place = f"{self.place(key)}[{index}]"
            if not isinstance(item, Mapping):
                raise RefusedRequestError(f"{place} is not an object")
            yield self._within(item, place)

    def _within(self, raw: Mapping[str, Any], path: str) -> Fields:
        return Fields(raw, path, self.foreign, self.is_passed, self.is_result)

    def texts(self, key: str) -> list[str] | None:
        """A text or a list of texts."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            return [value]
        if _is_list(value) and all(isinstance(item, str) for item in value):
            return list(value)
        raise self.refuse(key, "a text or a list of texts")

    def close(self) -> None:
        """Remember every field that was not asked for and is set."""
        self.foreign += [
            self.place(key) for key, value in self.raw.items() if key not in self._known and value is not None
        ]

    def pass_over(self, what: str = "") -> None:
        """Remember the whole object as one nothing is made of."""
        self.foreign.append(f"{self.path} ({what})" if what else self.path)

    def refuse(self, key: str, expected: str) -> RefusedRequestError:
        """The error that says what a field should be."""
        return RefusedRequestError(f"{self.place(key)} is not {expected}")

    def cannot(self, message: str, *, help: str | None = None) -> None:
        """Refuse what cannot be translated; in a request that is read for the record, remember it."""
        if not self.is_passed:
            raise RefusedRequestError(message, help=help)
        self.foreign.append(message)

    def stand_in(self, kind: str) -> str:
        """What stands for content that cannot be translated, where that is not refused.

        An agent may open a picture; to end its run for that would not be what the tool told it.
        """
        is_media = any(word in kind for word in MEDIA)
        if is_media and self.is_result:
            self.pass_over(kind)
            self.know(*self.raw)
            return f"[{kind}: this model can be shown text only]"
        if is_media:
            words = f"{self.path}: content of type {kind!r} cannot be passed to this model"
            self.cannot(words, help="send text only, or ask a model of the same dialect")
        else:
            self.cannot(f"{self.path}: unknown content of type {kind!r}")
        self.know(*self.raw)
        return f"[{kind}]"


def opened(body: Mapping[str, Any], *, is_passed: bool = False) -> Fields:
    """The fields of a request body whose texts can all be encoded.

    Args:
        body: Decoded JSON.
        is_passed: Whether it is read for the record only.

    Raises:
        RefusedRequestError: It is no object, or nested too deeply.
    """
    if not isinstance(body, Mapping):
        raise RefusedRequestError("the request is not a JSON object")
    try:
        return Fields(mended(dict(body)), is_passed=is_passed)
    except RecursionError as error:
        raise RefusedRequestError("the request is nested too deeply") from error


def plain_arguments(value: Any) -> str | dict[str, Any] | None:
    """Arguments of a call in an answer, whatever an endpoint made of them."""
    if value is None or isinstance(value, str):
        return value
    return dict(value) if isinstance(value, Mapping) else {"value": value}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
