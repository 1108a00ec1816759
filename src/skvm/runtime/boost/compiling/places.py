"""Paths in what a run did: where its work directory was, and the same without it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["relative", "work_dir_of"]

_ABSOLUTE = re.compile(r"(?<![\w./~$}-])/[\w.@+-]+(?:/[\w.@+-]+)*")
_CD = re.compile(r"\bcd\s+['\"]?(/[\w./@+-]+)['\"]?\s*(?:&&|;|\n)")


def work_dir_of(run: WatchedRun) -> str | None:
    """Where the agent's work directory was, as the agent called it; ``None`` if it never did.

    It is what stands before the names of files that were there, in most of the absolute paths of the run.
    """
    names = {name for state in run.states if state for name in state}
    votes: Counter[str] = Counter()
    for text in _texts(run):
        for found in _ABSOLUTE.findall(text):
            for name in names:
                if found.endswith("/" + name) and len(found) > len(name) + 1:
                    votes[found[: -len(name) - 1]] += 1
    if votes:
        best = max(votes.values())
        # The longest of equals: a name within a folder of the same name tells less.
        return max(
            (root for root, count in votes.items() if count == best), key=lambda root: (len(root), root)
        )
    if run.record.work_dir is not None:
        return run.record.work_dir
    # Who changes into one folder only, and then works with names alone, says where it is.
    entered = {found.rstrip("/") for text in _texts(run) for found in _CD.findall(text)}
    return entered.pop() if len(entered) == 1 else None


def _texts(run: WatchedRun) -> Iterator[str]:
    for call in run.trajectory.tool_calls:
        for value in call.arguments.values():
            if isinstance(value, str):
                yield value


def relative(text: str, root: str | None) -> str:
    """A text in which paths into the work directory are relative."""
    if root is None:
        return text
    root = root.rstrip("/")
    text = re.sub(rf"(?<![\w.-]){re.escape(root)}/+(?=[\w.@+*$-])", "", text)
    return re.sub(rf"(?<![\w.-]){re.escape(root)}/?(?![\w.@+-])", ".", text)
