"""Keeps keys out of what a command prints: whatever is said in a run, a key is not repeated on the screen.

Records are redacted as they are written. What is printed comes from records as a rule, but also straight from
programs, providers and the configuration; so known keys are taken out once more where text leaves.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skvm.evidence.redact import Redactor
    from skvm.settings import Settings

__all__ = ["clean", "guarded", "know_keys_of", "show_fault"]

_known: list[Redactor] = []


class _Clean:
    """A text stream that writes no known key; in everything else it is the stream behind it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without the keys in it."""
        self._stream.write(clean(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def know_keys_of(settings: Settings) -> None:
    """Learn the keys of the configuration and of the environment."""
    from skvm.evidence.redact import Redactor

    _known[:] = [Redactor.of(settings)]


def clean(text: str) -> str:
    """The text without the keys known so far."""
    for redactor in _known:
        text = redactor.known(text)
    return text


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Let nothing be printed meanwhile that holds a known key."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and _Clean(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        _known.clear()


def show_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a fault of ours as Python does, without known keys: its message may quote anything."""
    from skvm.settings import load_settings

    with contextlib.suppress(Exception):
        know_keys_of(load_settings())
    print(clean("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)  # noqa: T201
