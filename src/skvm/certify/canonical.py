"""The one way a certificate is written, so that the same statement has the same bytes everywhere.

What is signed is the compact form: sorted keys, no blanks, UTF-8. It is the form of RFC 8785, and also what
``json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`` gives, because a statement
holds only what both write alike: keys of plain letters, integers below 2**53, and numbers with at most four
decimals. The file is the same value with line breaks, for people and for ``diff``.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

__all__ = ["MAX_BYTES", "NotCanonicalError", "compact_bytes", "decimal", "file_bytes", "parse_strictly"]

MAX_BYTES = 16 << 20
"""A larger file is no certificate, and is not read."""
_MAX_DEPTH = 24
_MAX_INTEGER = 2**53 - 1
_MAX_DECIMAL = 1e15
_PLACES = 4
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_DEEPER, _HIGHER = frozenset("[{"), frozenset("]}")
_OPENERS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


class NotCanonicalError(ValueError):
    """A value or text that has no one form."""


def decimal(value: float) -> float | int:
    """A figure as a certificate holds it: to four decimals, whole numbers as integers."""
    rounded = round(float(value), _PLACES)
    return int(rounded) if rounded.is_integer() else rounded


def compact_bytes(value: Any) -> bytes:
    """The bytes that are signed.

    Raises:
        NotCanonicalError: The value holds something that is not written alike everywhere.
    """
    _check(value, 0)
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def file_bytes(value: Any) -> bytes:
    """The bytes of the file.

    Raises:
        NotCanonicalError: As for ``compact_bytes``.
    """
    _check(value, 0)
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def parse_strictly(data: bytes) -> Any:
    """Read JSON that means one thing to every reader.

    Raises:
        NotCanonicalError: Not UTF-8, not JSON, too deep or too large, a key twice, or a number that readers
            take differently.
    """
    if len(data) > MAX_BYTES:
        raise NotCanonicalError(f"larger than {MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotCanonicalError(f"not UTF-8 at byte {error.start}") from error
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
    except NotCanonicalError:
        raise
    except ValueError as error:
        raise NotCanonicalError(f"not JSON: {error}") from error
    _check(value, 0)
    return value


def _check_depth(text: str) -> None:
    """Refuse what is nested too deep before the parser recurses into it."""
    depth = 0
    for found in _OPENERS.finditer(text):
        depth += (found[0] in _DEEPER) - (found[0] in _HIGHER)
        if depth > _MAX_DEPTH:
            raise NotCanonicalError("nested too deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotCanonicalError(f"the key {twice[:60]!r} stands twice in one object")
    return made


def _constant(text: str) -> NoReturn:
    raise NotCanonicalError(f"{text} is not JSON")


def _integer(text: str) -> int:
    # A number of a million digits would take a minute to read.
    if len(text) > 17:
        raise NotCanonicalError("a number that readers take differently")
    return int(text)


def _check(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise NotCanonicalError("nested too deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                raise NotCanonicalError(f"the key {str(key)[:60]!r} is not one of ours")
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    else:
        _check_plain(value)


def _check_plain(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise NotCanonicalError("text with half a character") from error
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise NotCanonicalError(f"{value:.3g} is too large a number")
    elif isinstance(value, float):
        if not (10**-_PLACES <= abs(value) < _MAX_DECIMAL) or value != round(value, _PLACES):
            raise NotCanonicalError(f"{value!r} is not a number of at most {_PLACES} decimals")
        if value.is_integer():
            raise NotCanonicalError(f"{value!r} is a whole number and not written as one")
    else:
        raise NotCanonicalError(f"{type(value).__name__} is not JSON")
