"""A candidate run where a recorded run began, and compared with what that run left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread

from skvm.evaluate.workspace import make_private_folder, place_file, remove_tree
from skvm.harness.sandbox import Sandbox
from skvm.harness.trajectory import Trajectory
from skvm.runtime.boost.extraction import Unresolved, resolve
from skvm.runtime.boost.guarding import check_inputs
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate
from skvm.runtime.boost.proving.proof import Proof, agreement, one_line
from skvm.runtime.boost.proving.steps import Step, Steps, open_steps
from skvm.runtime.boost.watching import WatchedRun

__all__ = ["Start", "proof_of_step", "replay", "replay_in", "start_of"]


@dataclass(frozen=True, slots=True)
class Start:
    """Where a candidate would have answered in a recorded run.

    Args:
        params: The values it would have run with.
        before: Files of the work directory then.
        later: Files after every turn that was kept; the last is what the run left.
    """

    params: Mapping[str, Any]
    before: Mapping[str, bytes]
    later: tuple[Mapping[str, bytes], ...]


async def replay(candidate: Candidate, run: WatchedRun, *, sandbox: Sandbox, tmp_dir: Path) -> Proof:
    """Run a candidate where a recorded run began and compare what both left.

    Args:
        candidate: The candidate.
        run: A run that took no part in making it.
        sandbox: Where it is run.
        tmp_dir: Where folders for it are made.

    Returns:
        ``is_good`` is ``None`` where the run is no evidence: it failed, a template took part in it, its
        states were not kept, or the candidate would not have answered its prompt.

    Raises:
        InfrastructureError: No cell can be opened.
    """
    start = await anyio.to_thread.run_sync(start_of, candidate, run, tmp_dir)
    if isinstance(start, Proof):
        return start
    async with open_steps([candidate.template], sandbox=sandbox, tmp_dir=tmp_dir) as steps:
        return await _replay_from(start, candidate, run, steps)


async def replay_in(steps: Steps, candidate: Candidate, run: WatchedRun, *, tmp_dir: Path) -> Proof:
    """The same in a cell that is open and knows the candidate's template."""
    start = await anyio.to_thread.run_sync(start_of, candidate, run, tmp_dir)
    return start if isinstance(start, Proof) else await _replay_from(start, candidate, run, steps)


async def _replay_from(start: Start, candidate: Candidate, run: WatchedRun, steps: Steps) -> Proof:
    step = await steps.run(candidate, start.before, start.params)
    return proof_of_step(candidate, start, step, run.trajectory)


def start_of(candidate: Candidate, run: WatchedRun, tmp_dir: Path) -> Start | Proof:
    """Where the candidate would have answered in a run, or the proof that it would not have; blocks."""
    if why := _why_no_evidence(run):
        return Proof(None, why)
    before, *after = [run.files(index) for index in range(len(run.states))]
    if before is None or not after or after[-1] is None:
        return Proof(None, "the files of the run were not kept")
    later = tuple(files for files in after if files is not None)
    matches = Matcher([candidate]).match(run.prompt)
    if len(matches) != 1:
        return Proof(None, "the run's prompt can be read in two ways" if matches else "another prompt")
    with _laid_out(before, tmp_dir) as folder:
        resolved = resolve(matches[0], folder)
        if isinstance(resolved, Unresolved):
            return Proof(None, one_line(resolved.reason))
        guard = check_inputs(candidate.template, resolved.params, folder)
    if not guard.holds:
        return Proof(None, one_line(guard.reason))
    return Start(resolved.params, before, later)


def _why_no_evidence(run: WatchedRun) -> str:
    if not run.is_success:
        return "the run did not do its task"
    if run.boosted_turns:
        return "a template took part in the run"
    return "" if run.states else "the files of the run were not kept"


def proof_of_step(candidate: Candidate, start: Start, step: Step, trajectory: Trajectory | None) -> Proof:
    """What a step proves that was run where a run (or the rest of one) began."""
    if step.verdict is None:
        return Proof(None if step.is_lost else False, one_line(step.why_not), step.step_ms)
    if not step.is_done or step.files is None:
        return Proof(False, one_line(step.why_not), step.step_ms)
    if step.strays:
        return Proof(False, one_line(f"it left {step.strays[0]}"), step.step_ms)
    prompt = "" if trajectory is None else trajectory.prompt
    found = agreement(candidate, start.params, start.before, step.files, start.later, prompt=prompt)
    if found.is_same is None and not found.differences and trajectory is not None:
        return _said_the_same(candidate, step, trajectory)
    reason = "" if found.is_same else "; ".join(found.differences) or "it changed nothing, and so did the run"
    return Proof(found.is_same, one_line(reason), step.step_ms)


def _said_the_same(candidate: Candidate, step: Step, trajectory: Trajectory) -> Proof:
    """Where no file tells: what it prints was in the run's last words, or came from one of its tools."""
    said = (step.verdict.stdout or "").strip() if step.verdict is not None else ""
    if not said:
        return Proof(None, "it changed and said nothing, and so did the run", step.step_ms)
    texts: Sequence[str] = [trajectory.final_text]
    if not candidate.is_terminal:
        texts = [seen.text for turn in trajectory.turns for seen in turn.observations]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    is_good = any(all(_stands_in(line, text) for line in lines) for text in texts)
    return Proof(is_good, "" if is_good else "it prints what the run did not find", step.step_ms)


def _stands_in(line: str, text: str) -> bool:
    """Whether a line stands in a text as a whole: a 4 is not found in 14."""
    words, among = line.split(), text.split()
    plain = [word.strip(".,;:!?*`'\"()") for word in among]
    wanted = [word.strip(".,;:!?*`'\"()") for word in words]
    count = len(wanted)
    return any(plain[at : at + count] == wanted for at in range(len(plain) - count + 1))


@contextmanager
def _laid_out(files: Mapping[str, bytes], tmp_dir: Path) -> Iterator[Path]:
    folder = make_private_folder(tmp_dir, "run")
    try:
        for path, data in files.items():
            place_file(folder, path, data)
        yield folder
    finally:
        remove_tree(folder)
