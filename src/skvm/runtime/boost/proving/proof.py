"""What a proof says, and when two results of a step are the same."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.runtime.boost.model import Candidate, Check, Template
from skvm.runtime.boost.proving.artefacts import Agreement, changed_paths, compare
from skvm.runtime.boost.watching import is_script

__all__ = ["Proof", "agreement", "checked_paths", "names_file", "one_line", "output_paths", "paths_of"]

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
    *,
    prompt: str = "",
) -> Agreement:
    """Whether a step left what a run did without it.

    Its outputs must agree with what the run left. Where only an earlier state of the run does, the run went
    on to change them, for better or worse, and nobody can tell (``is_same`` is ``None``). A terminal one
    stands for the rest of the run: it disagrees where the run left another file that the prompt names, and
    where it left any other but scripts, nobody can tell whether that was wanted.

    Args:
        candidate: The candidate.
        params: The values the step ran with.
        before: Files before the step.
        ours: Files after it.
        later: Files of the run after its own turns; the last is what it left.
        prompt: What the run was asked.
    """
    outputs = output_paths(candidate.template, params)
    found = _compared(outputs, before, ours, later[-1])
    if not candidate.is_terminal:
        if found.is_same is False and any(
            _compared(outputs, before, ours, state).is_same for state in later[:-1]
        ):
            return Agreement(None, found.differences)
        return found
    others = changed_paths(later[-1], before) - outputs - changed_paths(ours, before)
    others = {path for path in others if path in before or not is_script(path)}
    if found.is_same is False or not others:
        return found
    is_wanted = any(names_file(prompt, path) for path in others)
    return Agreement(False if is_wanted else None, tuple(f"{path}: is missing" for path in sorted(others)))


def _compared(
    outputs: frozenset[str],
    before: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
) -> Agreement:
    """Compare what a step changed or should have, and nothing else of what the run did."""
    ignored = changed_paths(theirs, before) - outputs - changed_paths(ours, before)
    return compare(ours, theirs, before, ignored)


def names_file(prompt: str, path: str) -> bool:
    """Whether a prompt names a file, with or without its folder."""
    name = re.escape(posixpath.basename(path))
    return re.search(rf"(?<![\w-]){name}(?![\w-])", prompt) is not None


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
