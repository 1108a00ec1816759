"""Runs as they would be watched, from commands that are really carried out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from skvm.evidence.blobs import BlobStore
from skvm.evidence.record import Outcome, RunRecord
from skvm.harness.trajectory import Observation, ToolCall, ToolKind, Trajectory, Turn
from skvm.runtime.boost.watching import StateKeeper, WatchedRun

__all__ = ["Call", "carry_out", "execute"]

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
Call = str | tuple[str, str, str] | tuple[str, str, str, str]
"""A command, ``("write", path, content)`` or ``("edit", path, old, new)``."""


def carry_out(
    folder: Path, prompt: str, files: Mapping[str, str], calls: list[Call], *, run_id: str = "run-1"
) -> WatchedRun:
    """Do what a model did, a turn each, and keep every state."""
    work_dir = folder / run_id / "work"
    work_dir.mkdir(parents=True)
    for name, text in files.items():
        (work_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (work_dir / name).write_text(text)
    blobs = BlobStore(folder / "blobs")
    keeper = StateKeeper(work_dir, blobs)
    states = [keeper.keep()]
    turns = []
    for index, call in enumerate(calls):
        turns.append(_turn(index, call, work_dir))
        states.append(keeper.keep())
    turns.append(Turn(index=len(calls), text="Done."))
    states.append(keeper.keep())
    record = RunRecord(
        run_id=run_id,
        task_id="task",
        condition="original",
        model="test/model",
        harness="bare-agent",
        task_digest="sha256:" + "0" * 64,
        outcome=Outcome.SCORED,
        score=1.0,
        started_at=_NOW,
        finished_at=_NOW,
    )
    trajectory = Trajectory(harness="bare-agent", model="test/model", prompt=prompt, turns=tuple(turns))
    return WatchedRun(record, trajectory, tuple(states), blobs)


def _turn(index: int, call: Call, work_dir: Path) -> Turn:
    call_id = f"call-{index}"
    if isinstance(call, str):
        command = call.replace("{work_dir}", str(work_dir))
        done = execute(command, work_dir)
        made = ToolCall(id=call_id, name="run", kind=ToolKind.RUN, arguments={"command": command})
        seen = Observation(
            tool_call_id=call_id, text=done.stdout, exit_code=done.returncode, is_error=done.returncode != 0
        )
        return Turn(index=index, tool_calls=(made,), observations=(seen,))
    path = work_dir / call[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    if len(call) == 3:
        path.write_text(call[2])
        kind, arguments = ToolKind.WRITE, {"path": call[1], "content": call[2]}
    else:
        path.write_text(path.read_text().replace(call[2], call[3]))
        kind, arguments = ToolKind.EDIT, {"path": call[1], "old": call[2], "new": call[3]}
    made = ToolCall(id=call_id, name=kind.value, kind=kind, arguments=arguments)
    return Turn(
        index=index, tool_calls=(made,), observations=(Observation(tool_call_id=call_id, text="done"),)
    )


def execute(
    code: str, folder: Path, *, program: str = "bash", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a piece of code of ours in a folder."""
    return subprocess.run(
        [program, "-c", code],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
