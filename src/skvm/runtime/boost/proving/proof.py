"""What a proof says, and when two results of a step are the same."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from skvm.runtime.boost.model import Candidate, Check, Template
from skvm.runtime.boost.proving.artefacts import Agreement, changed_paths, compare

__all__ = ["Proof", "agreement", "checked_paths", "one_line", "output_paths", "paths_of"]

_SCRIPTS = frozenset({".py", ".sh", ".bash", ".js", ".mjs", ".pl", ".rb", ".awk", ".sed", ".r"})
_MAX_REASON = 300
_OWN_FOLDER = re.compile(r"/[^\s'\"]*/skvm-(?:run|boost)-[^/\s'\"]+(?:/work)?/")


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of trying a candidate.

    Args:
        is_good: Whether it did what it should; ``None`` where that could not be told.
        reason: One line where it is not ``True``.
        step_ms: What the step took in its cell, where one was run.
    """

    is_good: bool | None
    reason: str = ""
    step_ms: float | None = None


def agreement(
    candidate: Candidate,
    params: Mapping[str, Any],
    before: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    later: Sequence[Mapping[str, bytes]],
) -> Agreement:
    """Whether a step left what a run did without it.

    A terminal candidate stands for the rest of the run: everything but scripts the run wrote must agree with
    what it left. Any other must agree in its outputs; where only an earlier state of the run does, the run
    went on to change them, for better or worse, and nobody can tell (``is_same`` is ``None``).

    Args:
        candidate: The candidate.
        params: The values the step ran with.
        before: Files before the step.
        ours: Files after it.
        later: Files of the run after its own turns; the last is what it left.
    """
    outputs = output_paths(candidate.template, params)
    found = _agreement(candidate, outputs, before, ours, later[-1])
    if found.is_same is False and not candidate.is_terminal:
        for state in later[:-1]:
            if _agreement(candidate, outputs, before, ours, state).is_same:
                return Agreement(None, found.differences)
    return found


def _agreement(
    candidate: Candidate,
    outputs: frozenset[str],
    before: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
) -> Agreement:
    changed = changed_paths(theirs, before) - outputs
    if candidate.is_terminal:
        ignored = {path for path in changed if path not in before and _is_script(path)}
    else:
        ignored = changed - changed_paths(ours, before)
    return compare(ours, theirs, before, ignored)


def _is_script(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _SCRIPTS


def output_paths(template: Template, params: Mapping[str, Any]) -> frozenset[str]:
    """Where a template writes with these values."""
    return checked_paths(template.outputs, params)


def checked_paths(checks: Sequence[Check], params: Mapping[str, Any]) -> frozenset[str]:
    """Where the files of some checks lie with these values."""
    return frozenset(path for check in checks for path in paths_of(check, params))


def paths_of(check: Check, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the file (or, for a parameter that is a list, the files) of a check lie with these values."""
    place = check.place
    value = place.path if place.param is None else params.get(place.param)
    texts = value if isinstance(value, list | tuple) else [value]
    return tuple(posixpath.normpath(text) for text in texts if isinstance(text, str) and text)


def one_line(text: str) -> str:
    """A text on one line, of a length a record may hold, and without the names of folders made for a try."""
    folded = _OWN_FOLDER.sub("", " ".join(text.split()))
    return folded if len(folded) <= _MAX_REASON else f"{folded[: _MAX_REASON - 1]}…"
