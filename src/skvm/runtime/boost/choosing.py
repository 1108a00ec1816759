"""Which candidate may answer a prompt, which are run beside the model, and whose files have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.runtime.boost.extraction import Unresolved, resolve
from skvm.runtime.boost.guarding import Guard, check_inputs
from skvm.runtime.boost.matching import Match, Matcher
from skvm.runtime.boost.model import Candidate

__all__ = ["Choice", "Drifted", "Ready", "choose", "is_sampled"]

LOOKED_AT = 8
"""Candidates whose files are looked at for one prompt, if so many read it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A candidate that could answer.

    Args:
        candidate: The candidate.
        params: Its values.
        texts: The fixed texts the prompt was read by.
    """

    candidate: Candidate
    params: dict[str, Any]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drifted:
    """A candidate whose prompt it is, and whose files are not what they were."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What there is for one prompt.

    Args:
        answer: Who may answer.
        ready: All that could, in order, that one included.
        drifted: Those whose files have changed.
    """

    answer: Ready | None = None
    ready: tuple[Ready, ...] = ()
    drifted: tuple[Drifted, ...] = ()


def choose(matcher: Matcher, promoted: Sequence[Candidate], prompt: str, folder: Path | None) -> Choice:
    """Find who may answer a prompt; blocks for the files it looks at.

    Of candidates that read the prompt by the same words the first one answers. Where they read it by
    different ones, or one finds that its files have changed, nobody does.

    Args:
        matcher: Over all candidates, those first that may answer.
        promoted: Those, the same objects.
        prompt: The task.
        folder: The work directory; ``None`` where it is not here: then the step itself looks at the files.
    """
    ready: list[Ready] = []
    drifted: list[Drifted] = []
    for match in matcher.match(prompt)[:LOOKED_AT]:
        found = _made_ready(match, folder)
        if isinstance(found, Ready):
            ready.append(found)
        elif found is not None:
            drifted.append(found)
    # By identity: candidates are large, and these are the very ones the matcher has.
    trusted = {id(each) for each in promoted}
    may = [each for each in ready if id(each.candidate) in trusted]
    has_drifted = any(id(each.candidate) in trusted for each in drifted)
    is_clear = len({each.texts for each in may}) == 1 and not has_drifted
    return Choice(may[0] if is_clear else None, tuple(ready), tuple(drifted))


def _made_ready(match: Match, folder: Path | None) -> Ready | Drifted | None:
    values = resolve(match, folder)
    if isinstance(values, Unresolved):
        return Drifted(match.candidate, values.reason) if values.is_drift else None
    template = match.candidate.template
    guard = Guard(holds=True) if folder is None else check_inputs(template, values.params, folder)
    if guard.holds:
        return Ready(match.candidate, values.params, match.texts)
    return Drifted(match.candidate, guard.reason) if guard.is_drift else None


def is_sampled(run_id: str, candidate: Candidate, every: int) -> bool:
    """Whether a run is one of those in which a promoted candidate is run beside the model instead of for it.

    Args:
        run_id: The run.
        candidate: The candidate.
        every: One run in so many, > 0; 0 for none.
    """
    if every <= 0:
        return False
    digest = hashlib.sha256(f"{run_id} {candidate.digest}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8]) % every == 0
