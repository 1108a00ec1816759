"""The values of a template's parameters: out of the prompt, a file, the listing or another value."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from skvm.runtime.boost.given import UnreadableError, names_in, read_given
from skvm.runtime.boost.holes import list_items
from skvm.runtime.boost.inside.values import refusal
from skvm.runtime.boost.matching import Match
from skvm.runtime.boost.model import Param, ParamType, Place, Source

__all__ = ["Resolved", "Unresolved", "path_of", "resolve"]

SOURCE_BYTES = 256 * 1024
"""The largest file a value is taken from."""
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_PLACE = re.compile(r"(header|line):([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Resolved:
    """All values are known.

    Args:
        params: By name, typed.
    """

    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value is not known.

    Args:
        reason: One line.
        is_drift: Whether the files have changed in form; not so where one is missing.
    """

    reason: str
    is_drift: bool = False


class _MissingError(Exception):
    """A value is not where it should be."""

    def __init__(self, reason: str, *, is_drift: bool = False) -> None:
        super().__init__(reason)
        self.is_drift = is_drift


def resolve(match: Match, folder: Path | None) -> Resolved | Unresolved:
    """The typed values of all parameters; blocks where a file is looked at.

    Args:
        match: Whose prompt it is, and what stood in its holes.
        folder: The work directory; ``None`` where it is not here, and then no file can give a value.
    """
    try:
        return Resolved(_all_values(match, folder))
    except _MissingError as error:
        return Unresolved(str(error), error.is_drift)


def _all_values(match: Match, folder: Path | None) -> dict[str, Any]:
    candidate = match.candidate
    declared = {param.name: param for param in candidate.template.params}
    params = {name: _typed(declared[name], text) for name, text in match.params.items()}
    left = [param for name, param in declared.items() if name not in params]
    # What names its file by another parameter has to wait for that.
    for param in sorted(left, key=lambda each: _waits(candidate.sources.get(each.name))):
        source = candidate.sources.get(param.name)
        if source is None:
            raise _MissingError(f"nothing says what {param.name} is")
        params[param.name] = _typed(param, _found(source, folder, params))
    return {name: params[name] for name in declared}


def path_of(place: Place, params: Mapping[str, Any]) -> str | None:
    """Where a file is; ``None`` where the parameter that says so has no value."""
    value = place.path if place.param is None else params.get(place.param)
    return value if isinstance(value, str) else None


def _waits(source: Source | None) -> bool:
    return source is not None and source.file is not None and source.file.param is not None


def _typed(param: Param, value: Any) -> Any:
    made = _converted(param, value)
    if (why := refusal(param.model_dump(mode="json", by_alias=True), made)) is not None:
        raise _MissingError(f"{param.name}: {why}")
    return made


def _converted(param: Param, value: Any) -> Any:
    """A value of the parameter's type, where a text says one plainly; else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if param.type is ParamType.INTEGER and _INTEGER.fullmatch(text):
        return int(text)
    if param.type is ParamType.NUMBER and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return list(list_items(text)) if param.type is ParamType.LIST else value


def _found(source: Source, folder: Path | None, params: Mapping[str, Any]) -> Any:
    if source.kind == "derived" and source.file is not None:
        return _derived(source, source.file, params)
    if folder is None:
        raise _MissingError("the work directory is not here")
    if source.kind == "listing":
        return _listed(source, folder)
    if source.kind == "file" and source.file is not None:
        return _in_file(source, source.file, folder, params)
    raise _MissingError("the prompt does not say it")


def _derived(source: Source, place: Place, params: Mapping[str, Any]) -> str:
    path = path_of(place, params)
    if path is None or "/" in path:
        # Whether what is made of it should lie in the same folder was never seen.
        raise _MissingError("the name is made of one that is no plain file name")
    return source.locator.replace("{stem}", PurePosixPath(path).stem)


def _listed(source: Source, folder: Path) -> str:
    names = names_in(folder)
    found = [name for name in names or () if fnmatchcase(name, source.locator)]
    if len(found) != 1:
        raise _MissingError(f"{len(found)} files are {source.locator}, not one")
    return found[0]


def _in_file(source: Source, place: Place, folder: Path, params: Mapping[str, Any]) -> Any:
    path = path_of(place, params)
    if path is None:
        raise _MissingError("the file has no name")
    try:
        data = read_given(folder, path, max_bytes=SOURCE_BYTES)
    except UnreadableError as error:
        raise _MissingError(f"{path}: {error}", is_drift=True) from error
    if data is None:
        raise _MissingError(f"{path} is not there")
    try:
        return _located(source.locator, data.decode("utf-8"), path)
    except (ValueError, RecursionError, csv.Error) as error:
        raise _MissingError(f"{path} is not as it was: {source.locator} is gone", is_drift=True) from error


def _located(locator: str, text: str, path: str) -> Any:
    """The value at a place of a file.

    Raises:
        ValueError: It is not there.
    """
    if locator.startswith("/") or not locator:
        return _pointed(json.loads(text), locator)
    if locator.startswith("header:"):
        delimiter = "\t" if PurePosixPath(path).suffix.lower() == ".tsv" else ","
        header = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
        return _value_at(header, locator, "header")
    return _value_at(text.splitlines(), locator, "line")


def _pointed(value: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and len(key) < 7 and int(key) < len(value):
            value = value[int(key)]
        else:
            raise ValueError(pointer)
    return value


def _value_at(texts: list[str], locator: str, kind: str) -> str:
    place = _PLACE.fullmatch(locator)
    if place is None or place[1] != kind or int(place[2]) >= len(texts):
        raise ValueError(locator)
    return texts[int(place[2])]
