"""One candidate at one start, tried again and again with something changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from skvm.runtime.boost.inside.shapes import violations
from skvm.runtime.boost.model import Candidate, Check
from skvm.runtime.boost.proving.artefacts import changed_paths
from skvm.runtime.boost.proving.proof import output_paths, paths_of
from skvm.runtime.boost.proving.renaming import same_but_for
from skvm.runtime.boost.proving.replay import Start
from skvm.runtime.boost.proving.steps import Step, Steps

__all__ = ["FlawError", "Ground", "Outcome", "UntoldError"]


_LOOK_EVERY = 8


class FlawError(Exception):
    """A template does what it should not; the text says what, in one line."""


class UntoldError(Exception):
    """Nothing can be told: the cell is lost, or trying takes too long; the text says which."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try.

    Args:
        files: What lay in the folder afterwards.
        bailed: ``""`` if it is done, else the first word of its reason: what did not hold.
        why: Its reason.
        outputs: Bytes and path of each output, in the template's order; ``None`` for one that is absent.
        said: What it printed, where that is a part of its result.
    """

    files: Mapping[str, bytes]
    bailed: str = ""
    why: str = ""
    outputs: tuple[tuple[str, bytes] | None, ...] = ()
    said: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it did its work."""
        return not self.bailed

    @property
    def broke_its_word(self) -> bool:
        """Whether its code ran through, and left something else than it should."""
        return self.bailed in {"output", "stdout"}

    def is_as(self, other: Outcome, names: Mapping[str, str] | None = None) -> bool:
        """Whether both are done and left the same in any order; ``names``: old ones by new ones."""
        if not self.is_done or not other.is_done:
            return False
        for mine, theirs in zip(self.outputs, other.outputs, strict=True):
            if mine is None or theirs is None:
                if mine is not theirs:
                    return False
            elif not same_but_for(theirs[0], mine[1], theirs[1], names or {}):
                return False
        return same_but_for("stdout.txt", self.said.encode(), other.said.encode(), names or {})


@dataclass(slots=True)
class Ground:
    """Where a candidate is tried.

    Args:
        steps: The open cell.
        candidate: The candidate.
        start: Files and values it is known to work with.
        ends_at: When trying has taken too long, on the event loop's clock.
    """

    steps: Steps
    candidate: Candidate
    start: Start
    ends_at: float
    _base: list[Outcome] = field(default_factory=list)
    _has_seen_guard: bool = False
    _tries: int = 0

    @property
    def base(self) -> Outcome:
        """What comes of the start as it is."""
        return self._base[0]

    @base.setter
    def base(self, outcome: Outcome) -> None:
        self._base[:] = [outcome]

    async def run(
        self,
        what: str,
        files: Mapping[str, bytes] | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        is_wired: bool = False,
        is_last: bool = False,
    ) -> Outcome:
        """Try once.

        Args:
            what: What is changed, for a reason.
            files: Other files than at the start.
            params: Other values.
            is_wired: Whether tripwires are laid.
            is_last: Whether all of the cell is looked at afterwards; else it is so every eighth time.

        Raises:
            FlawError: It left something beside its outputs, changed something though it bailed out, or gave
                no verdict.
            UntoldError: The time for trying is over, or the cell is gone.
        """
        if anyio.current_time() > self.ends_at:
            raise UntoldError("trying it takes too long")
        given = self.start.before if files is None else files
        values = {**self.start.params, **(params or {})}
        if self._has_seen_guard and (refused := self._refusal(given, values)):
            return Outcome(given, "input", refused)
        self._tries += 1
        is_quick = self._tries % _LOOK_EVERY != 0
        step = await self.steps.run(
            self.candidate, given, values, is_wired=is_wired, is_quick=is_quick and not is_last
        )
        if step.is_lost:
            raise UntoldError(f"{what}: {step.why_not}")
        if step.strays:
            raise FlawError(f"{what}: {_stray(step.strays[0])}")
        if step.verdict is None or step.files is None:
            raise FlawError(f"{what}: {step.why_not}")
        changed = changed_paths(step.files, given)
        declared = output_paths(self.candidate.template, values) if step.verdict.is_done else set()
        if beside := sorted(changed - declared):
            raise FlawError(f"{what}: it changed {beside[0]}")
        return self._outcome(step, values)

    def _refusal(self, given: Mapping[str, bytes], values: Mapping[str, Any]) -> str:
        """Why the guard will not have these files, ``""`` if it will: the runner's own check, without a cell.

        It is believed once it was seen to hold in the cell, too.
        """
        for check in self.candidate.template.inputs:
            for path in paths_of(check, values):
                if path not in given and not check.is_optional:
                    return f"input: {path} is absent"
                if path in given and (wrong := violations(check.shape, given[path])):
                    return f"input: {path}: {wrong[0]}"
        return ""

    def _outcome(self, step: Step, values: Mapping[str, Any]) -> Outcome:
        if step.verdict is None or step.files is None:
            raise FlawError(step.why_not)
        if not step.verdict.is_done:
            what = step.verdict.reason.partition(":")[0].strip() or "unknown"
            self._has_seen_guard |= what == "input"
            return Outcome(step.files, what, step.verdict.reason)
        template = self.candidate.template
        places = (path for check in template.outputs for path in paths_of(check, values))
        outputs = tuple((path, step.files[path]) if path in step.files else None for path in places)
        counts = not template.outputs or "{stdout}" in self.candidate.closing
        said = (step.verdict.stdout or "") if counts else ""
        return Outcome(step.files, outputs=outputs, said=said)

    def inputs(self) -> Iterator[tuple[Check, str, bytes]]:
        """Each input that is there, with its path and bytes."""
        for check in self.candidate.template.inputs:
            for path in paths_of(check, self.start.params):
                if path in self.start.before:
                    yield check, path, self.start.before[path]

    def with_file(self, path: str, data: bytes) -> dict[str, bytes]:
        """The files of the start with one of them changed."""
        return {**self.start.before, path: data}


def _stray(path: str) -> str:
    name = path.rpartition("/")[2]
    if name.startswith("asked-"):
        return f"it asked for what no two runs have in common ({name.removeprefix('asked-')})"
    return "a value was run as code" if name == "hit" else f"it left {name}"
