"""What the worker takes of the standard library without the Python around it.

Imports are most of a worker's start. ``signal``, ``json`` and ``contextlib`` are thin layers over modules in
C or a few lines, yet bring enumerations, regular expressions and named tuples with them. For the same
reason nothing in this package imports ``typing`` or ``collections`` when it runs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal

__all__ = ["from_json", "signal", "suppress", "to_json"]


class suppress:  # noqa: N801 - it is what everybody knows under this name
    """``contextlib.suppress``."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        """Let pass what is none of the kinds."""
        return kind is not None and issubclass(kind, self._kinds)


class _Scanning:
    """How the scanner is to read: as ``json.loads`` does by default."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is no JSON")


_scan: Any = None
_encode: Any = None
try:
    import _json as inner

    _scan = inner.make_scanner(_Scanning)  # type: ignore[arg-type]
    _encode = inner.make_encoder(
        None, _refuse, inner.encode_basestring_ascii, None, ": ", ", ", False, False, True
    )
except (ImportError, TypeError, AttributeError):
    _scan = _encode = None  # another Python, or one whose C modules changed


def to_json(value: dict[str, Any]) -> str:
    """``json.dumps``, for what has no cycles."""
    if _encode is None:
        import json

        return json.dumps(value)
    return "".join(_encode(value, 0))


def from_json(text: str) -> Any:
    """``json.loads``, for text without blanks around it.

    Raises:
        ValueError: It is not JSON.
    """
    if _scan is None:
        import json

        return json.loads(text)
    try:
        value, end = _scan(text, 0)
    except (StopIteration, RecursionError):
        end = -1
    if end != len(text):
        raise ValueError("not JSON")
    return value
