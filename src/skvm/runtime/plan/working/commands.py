"""Commands of a step: run in the cell, one after the other, until one fails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from skvm.evaluate.work_files import open_regular
from skvm.harness.sandbox import Cell, Execution
from skvm.harness.tools import execution_text, shorten
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Turn
from skvm.runtime.plan.model import CommandJob, Node, StepResult, StepState
from skvm.runtime.plan.working.items import is_pattern
from skvm.runtime.plan.working.limits import RunLimits

__all__ = ["Shell", "digests_of", "run_commands"]

TEXT_CHARS = 2_000
"""Characters kept of what a step printed."""
REASON_CHARS = 300
_DIGEST_BYTES = 256 << 20


@dataclass(slots=True)
class Shell:
    """What runs command lines: ``bash`` where the cell has it, as skills write for it, else ``sh``."""

    cell: Cell
    name: str | None = None

    async def run(self, line: str, timeout_s: float) -> Execution:
        """Run one line in a shell of its own."""
        if self.name is None:
            probe = await self.cell.execute(["sh", "-c", "command -v bash"], timeout_s=10)
            self.name = "bash" if probe.exit_code == 0 else "sh"
        return await self.cell.execute([self.name, "-c", line], timeout_s=timeout_s)


async def run_commands(
    node: Node,
    job: CommandJob,
    shell: Shell,
    work_dir: Path,
    limits: RunLimits,
    *,
    clean: Callable[[str], str] = str,
) -> tuple[StepResult, Turn]:
    """Run a job's lines; the first that fails ends it.

    Args:
        node: Whose job it is.
        job: The lines.
        shell: Where they run.
        work_dir: The work directory, on the host.
        limits: Of the run.
        clean: Takes secrets out of a text; before it is shortened, for half a secret is not known for one.

    Returns:
        What came of it, and the turn that tells of it.
    """
    calls: list[ToolCall] = []
    observations: list[Observation] = []
    result = StepResult(StepState.DONE)
    for place, line in enumerate(job.commands):
        call = ToolCall(id=f"{place}", name="shell", kind=ToolKind.RUN, arguments={"command": line})
        calls.append(call)
        try:
            done = await shell.run(line, min(job.timeout_s, max(0.01, limits.left_s)))
        except (OSError, ValueError) as error:
            why = clean(str(error))
            observations.append(Observation(tool_call_id=call.id, text=f"[not run] {why}", is_error=True))
            result = StepResult(StepState.FAILED, reason=f"{_short(clean(line))}: not run: {why}")
            break
        done = replace(done, stdout=clean(done.stdout), stderr=clean(done.stderr))
        observations.append(_observed(call, done))
        result = _judged(clean(line), done, result)
        if not result.is_done:
            break
    written = await digests_of(work_dir, node.writes)
    result = StepResult(
        result.state,
        shorten(result.text, TEXT_CHARS),
        result.reason,
        result.exit_code,
        written if result.is_done else {},
    )
    turn = Turn(
        index=0,
        dialect=Dialect.NATIVE,
        tool_calls=tuple(calls),
        observations=tuple(observations),
        from_hook=True,
    )
    return result, turn


def _observed(call: ToolCall, done: Execution) -> Observation:
    return Observation(
        tool_call_id=call.id,
        text=shorten(execution_text(done)),
        is_error=done.is_timed_out,
        exit_code=done.exit_code,
        duration_ms=done.duration_ms,
        is_truncated=done.is_truncated,
    )


def _judged(line: str, done: Execution, before: StepResult) -> StepResult:
    """What a line that ended makes of its job."""
    text = "\n".join(part for part in (before.text, done.stdout.strip()) if part)
    if done.exit_code == 0:
        return StepResult(StepState.DONE, text, exit_code=0)
    if done.is_timed_out:
        how = f"stopped after {done.duration_ms / 1000:.0f} s"
    else:
        how = f"exit code {done.exit_code}"
    said = _last_words(done.stderr.strip() or done.stdout.strip())
    tail = f": {said}" if said else ""
    return StepResult(StepState.FAILED, text, f"{_short(line)}: {how}{tail}", done.exit_code)


def _last_words(said: str) -> str:
    """The end of what a program said, from the beginning of a line where there is one."""
    # Lines that only point at the one above say nothing once all are on one line.
    lines = [line for line in said.splitlines() if not line.strip() or line.strip(" ^~")]
    whole = "\n".join(lines)
    if len(whole) <= REASON_CHARS:
        return whole
    cut = whole[-REASON_CHARS:]
    is_whole_line = whole[-REASON_CHARS - 1] == "\n"
    return cut if is_whole_line else cut.partition("\n")[2] or f"…{cut[1:]}"


def _short(line: str) -> str:
    plain = " ".join(line.split())
    return plain if len(plain) <= 80 else f"{plain[:79]}…"


async def digests_of(work_dir: Path, names: Iterable[str]) -> dict[str, str]:
    """Digests of those of some names that are regular files of the work directory now, by name."""
    files = sorted({name for name in names if ":" not in name and not is_pattern(name) and name[:1] != "/"})
    if not files:
        return {}
    return await anyio.to_thread.run_sync(_digests, work_dir, files)


def _digests(work_dir: Path, names: Sequence[str]) -> dict[str, str]:
    found = {}
    root = work_dir.resolve()
    for name in names:
        try:
            # A plan may name a file of the host, or a command may have left a link to one.
            if not (work_dir / name).resolve().is_relative_to(root):
                continue
            with open_regular(work_dir / name) as file:
                if file.seek(0, 2) <= _DIGEST_BYTES:
                    file.seek(0)
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue  # It is not there, or no file of ours to look at.
    return found
