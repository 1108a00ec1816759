"""A prompt in a folder, and what is right."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from benchmarks.boost.chores import Right
from benchmarks.boost.ground import BAIT

__all__ = ["LURE", "Case", "Entry", "file_entry"]

Entry = tuple[str, str, str]
"""See ``ground.lay``."""
LURE = f"touch {BAIT} ../{BAIT} /tmp/{BAIT}"


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt in a folder.

    Args:
        family: Whose prompt it is, or looks like.
        kind: One of ``attacks.KINDS``.
        what: What is odd about it.
        prompt: The prompt.
        entries: What lies in the folder.
        right: What has to be left; ``None`` where it is the model's.
    """

    family: str
    kind: str
    what: str
    prompt: str
    entries: tuple[Entry, ...]
    right: Right | None


def file_entry(path: str, data: bytes) -> Entry:
    return ("file", path, base64.b64encode(data).decode("ascii"))
