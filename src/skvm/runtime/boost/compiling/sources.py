"""Where a value comes from that no prompt tells: the only file of its kind, or a value in a file.

A place counts only if it gives the right value in every run, and the values differ between runs: a place that
was right once is a coincidence.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from skvm.runtime.boost.model import Place, Source

__all__ = ["derived_from", "gives", "source_of"]

_MAX_VALUES = 400
_MIN_STEM = 2
_MAX_FILE_BYTES = 256 * 1024
_MAX_LINES = 20

Files = Mapping[str, bytes]


def source_of(values: Sequence[Any], files: Sequence[Files], places: Sequence[Place] = ()) -> Source | None:
    """Where the values of several runs stood, alike in every run; ``None`` where nowhere.

    Args:
        values: The value in each run.
        files: What lay in the work directory before the step, in each run.
        places: Files the step reads that are at the same path in every run.
    """
    if len(values) < 2 or all(value == values[0] for value in values):
        return None
    if all(isinstance(value, str) and value in found for value, found in zip(values, files, strict=True)):
        return _listing(values, files)
    for place in places:
        locator = _locator(values, [found.get(str(place.path), b"") for found in files], str(place.path))
        if locator is not None:
            return Source(kind="file", file=place, locator=locator)
    return None


def gives(source: Source, value: Any, files: Files, params: Mapping[str, Any]) -> bool:
    """Whether a source gives a value in one more run.

    Args:
        source: The source.
        value: What it should give.
        files: What lay in the work directory.
        params: Values of the other parameters.
    """
    place = source.file
    name = None if place is None else params.get(place.param) if place.param is not None else place.path
    if source.kind == "listing":
        found = _listing([value], [files]) if isinstance(value, str) else None
        return found is not None and found.locator == source.locator
    if source.kind == "derived":
        return derived_from([value], [name]) == source.locator
    held = _values(files.get(str(name), b""), str(name))
    return any(at == source.locator and _same(found, value) for at, found in held)


def derived_from(values: Sequence[Any], names: Sequence[Any]) -> str | None:
    """How values are made of the names of files, alike in every run: a text with ``{stem}``, else ``None``.

    Args:
        values: The value in each run.
        names: A file's name in each run, without a folder.
    """
    locators = set()
    for value, name in zip(values, names, strict=True):
        stem = PurePosixPath(str(name)).stem
        if not isinstance(value, str) or "/" in str(name) or len(stem) < _MIN_STEM:
            return None
        if len(re.findall(rf"(?<![A-Za-z0-9]){re.escape(stem)}(?![A-Za-z0-9])", value)) != 1:
            return None
        locators.add(re.sub(rf"(?<![A-Za-z0-9]){re.escape(stem)}(?![A-Za-z0-9])", "{stem}", value))
    return locators.pop() if len(locators) == 1 else None


def _listing(values: Sequence[str], files: Sequence[Files]) -> Source | None:
    suffixes = {PurePosixPath(value).suffix for value in values}
    if len(suffixes) != 1 or any("/" in value for value in values) or not (suffix := suffixes.pop()):
        return None
    alone = all(
        [path for path in found if "/" not in path and path.endswith(suffix)] == [value]
        for value, found in zip(values, files, strict=True)
    )
    return Source(kind="listing", locator=f"*{suffix}") if alone else None


def _locator(values: Sequence[Any], contents: Sequence[bytes], path: str) -> str | None:
    shared: list[str] | None = None
    for value, data in zip(values, contents, strict=True):
        here = [place for place, found in _values(data, path) if _same(found, value)]
        shared = here if shared is None else [place for place in shared if place in here]
    return shared[0] if shared else None


def _same(found: Any, value: Any) -> bool:
    if isinstance(found, str) and not isinstance(value, str):
        return found == repr(value)
    return type(found) is type(value) and bool(found == value)


def _values(data: bytes, path: str) -> Iterator[tuple[str, Any]]:
    """Values of a file and how each is named there, at most ``_MAX_VALUES``."""
    if not data or len(data) > _MAX_FILE_BYTES:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".json":
        try:
            yield from _pointers(json.loads(text))
        except (ValueError, RecursionError):
            return
    elif suffix in {".csv", ".tsv"}:
        header = next(csv.reader(io.StringIO(text), delimiter="\t" if suffix == ".tsv" else ","), [])
        yield from ((f"header:{index}", name) for index, name in enumerate(header[:_MAX_VALUES]))
    else:
        yield from ((f"line:{index}", line) for index, line in enumerate(text.splitlines()[:_MAX_LINES]))


def _pointers(value: Any) -> Iterator[tuple[str, Any]]:
    """JSON pointers of the scalars of a value, nearest to the top first."""
    level: list[tuple[str, Any]] = [("", value)]
    given = 0
    while level and given < _MAX_VALUES:
        deeper: list[tuple[str, Any]] = []
        for pointer, found in level:
            if isinstance(found, dict):
                deeper += [
                    (f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", each)
                    for key, each in found.items()
                ]
            elif isinstance(found, list):
                deeper += [(f"{pointer}/{index}", each) for index, each in enumerate(found[:_MAX_LINES])]
            else:
                given += 1
                yield pointer, found
        level = deeper[:_MAX_VALUES]
