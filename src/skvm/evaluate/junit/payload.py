"""The payload of a ``junit-grade`` criterion, and where its test file lies."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from skvm.evaluate.custom import LIMIT_SAID, is_limit_ms
from skvm.task.loader import escapes
from skvm.task.model import Criterion, Task

__all__ = ["RUNNERS", "Part", "Payload", "TestFile", "alternatives", "find_test_file", "read_payload"]

RUNNERS = ("bun", "pytest")
TIMEOUT_MS = 120_000
_MAX_BYTES = 4 << 20
_SLACK = 1e-3
"""How far weights may miss the sum 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """One criterion of the payload.

    Args:
        id: Unique within the payload.
        weight: ≥ 0; all weights of a payload have the sum 1.
        patterns: A test case counts for it where one of these is found in ``classname > name``, in
            whatever case.
        description: For a person.
    """

    id: str
    weight: float
    patterns: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """What a criterion asks for.

    Args:
        test_file: Path relative to ``graders/`` or ``fixtures/``.
        runner: One of ``RUNNERS``.
        timeout_s: Wall clock of the suite.
        parts: What its tests decide.
    """

    test_file: str
    runner: str
    timeout_s: float
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class TestFile:
    """A test file of a task.

    Args:
        name: Path relative to its folder.
        source: Its text.
        graders: The folder ``graders/`` it lies in, with whatever it imports from there; ``None`` where it
            is a fixture that was kept from the agent.
    """

    name: str
    source: bytes
    graders: Path | None = None

    __test__ = False


def read_payload(criterion: Criterion) -> tuple[Payload | None, list[str]]:
    """The payload, or what is wrong with it."""
    raw = criterion.options.get("payload")
    if not isinstance(raw, dict):
        return None, ["`payload` must be an object with `testFile` and `criteria`"]
    found = []
    test_file, limit = raw.get("testFile"), raw.get("timeoutMs", TIMEOUT_MS)
    if not isinstance(test_file, str) or not test_file.strip() or escapes(test_file):
        found.append("`testFile` must be a relative path that leads nowhere else")
        test_file = ""
    runner = raw.get("runner", "pytest" if test_file.endswith(".py") else "bun")
    if runner not in RUNNERS:
        found.append(f"`runner` must be one of {', '.join(RUNNERS)}")
    if not is_limit_ms(limit):
        found.append(f"`timeoutMs` {LIMIT_SAID}")
    parts, more = _read_parts(raw.get("criteria"))
    if found := [*found, *more]:
        return None, found
    return Payload(PurePosixPath(test_file).as_posix(), runner, limit / 1000, parts), []


def _read_parts(raw: Any) -> tuple[tuple[Part, ...], list[str]]:
    if not isinstance(raw, list) or not raw:
        return (), ["`criteria` must be a list that is not empty"]
    parts, found = [], []
    for index, item in enumerate(raw):
        part, why = _read_part(item)
        found += [f"`criteria[{index}]`: {each}" for each in why]
        parts += [part] if part else []
    if found:
        return (), found
    ids = [part.id for part in parts]
    found += [
        f"`criteria`: the id {each!r} is used twice" for each in sorted({i for i in ids if ids.count(i) > 1})
    ]
    total = math.fsum(part.weight for part in parts)
    if abs(total - 1) > _SLACK:
        found.append(f"`criteria`: the weights have the sum {total:g}, not 1")
    return tuple(parts), found


def _read_part(item: Any) -> tuple[Part | None, list[str]]:
    if not isinstance(item, dict):
        return None, ["must be an object"]
    found = []
    named, weight, pattern = item.get("id"), item.get("weight"), item.get("testPattern")
    if not isinstance(named, str) or not named.strip():
        found.append("`id` must be a name")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1 + _SLACK:
        found.append("`weight` must be a number in [0, 1]")
    patterns: tuple[str, ...] = ()
    try:
        patterns = alternatives(pattern if isinstance(pattern, str) else "")
    except ValueError as error:
        found.append(f"`testPattern` {error}")
    if found:
        return None, found
    return Part(str(named), float(weight or 0), patterns, str(item.get("description") or "")), []


def alternatives(pattern: str) -> tuple[str, ...]:
    """The regular expressions of a pattern: what unescaped ``|`` part.

    A pattern whose ``|`` stands inside a group is one expression, since its pieces are none.

    Raises:
        ValueError: It is empty, or no regular expression.
    """
    import regex  # type: ignore[import-untyped]

    pieces, piece, is_escaped = [], "", False
    for char in pattern:
        if char == "|" and not is_escaped:
            pieces.append(piece)
            piece = ""
        else:
            piece += char
        is_escaped = char == "\\" and not is_escaped
    pieces = [each.strip() for each in [*pieces, piece] if each.strip()]
    if not pieces:
        raise ValueError("is empty")
    for tried in (pieces, [pattern]):
        try:
            for each in tried:
                regex.compile(each, regex.IGNORECASE)
        except (regex.error, RecursionError) as error:
            why = str(error)
            continue
        return tuple(tried)
    raise ValueError(f"is not a regular expression: {why}")


def find_test_file(payload: Payload, task: Task) -> TestFile:
    """The test file: of ``graders/``, else of ``fixtures/``, else of the inline fixtures.

    Raises:
        ValueError: There is none, or it cannot be used.
    """
    name = payload.test_file
    if task.root is not None:
        for folder in (task.root / "graders", task.root / "fixtures"):
            if (file := folder / name).is_file():
                return _checked(
                    payload, TestFile(name, _read(file), folder if folder.name == "graders" else None)
                )
    for inline, text in task.fixtures.items():
        if PurePosixPath(inline).as_posix() == name:
            return _checked(payload, TestFile(name, text.encode("utf-8", "surrogatepass")))
    raise ValueError(f"there is no file {name} in graders/ or fixtures/")


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{file.name} is longer than {_MAX_BYTES:,} bytes")
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror}") from error


def _checked(payload: Payload, file: TestFile) -> TestFile:
    if payload.runner == "pytest":
        try:
            ast.parse(file.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"{file.name} is no Python: {error}") from error
    return file
