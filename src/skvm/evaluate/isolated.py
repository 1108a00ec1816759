"""Ask a program in a grading cell a question, and believe only what answers it.

The program (``evaluate/inside/``) runs under ``python -I -S -B``: no variable, no folder of the user, no
start-up file and nothing of the work directory stands before the standard library. The question goes in by
standard input with a nonce made for it, and only a line with that nonce is an answer: a file in the work
directory, a line printed by what the agent wrote, an exit code of 0 say nothing.

What this holds: files of any name, links, processes left behind, programs the grader starts (they are of
the same user, but find neither the descriptor nor the nonce: the program hides its memory from them).
What it cannot hold: code of the agent that is *imported into* the program itself. It may end the process,
which is no answer, or flood the channel, which is none either; but it runs beside the grader in one
process and can, if it knows what it is looking for, find the nonce or change what the grader finds. A
grader that must withstand that starts the agent's code as a process of its own.
"""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skvm.errors import InfrastructureError
from skvm.harness.confine.provision import interpreter
from skvm.harness.sandbox import Cell, Execution

__all__ = ["Answer", "ask"]

# The Python our cells are made with where the cell can reach it, else the system's.
_START = 'python=$1; shift; [ -x "$python" ] || python=python3; exec "$python" "$@"'
_NO_PROGRAM = (126, 127)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        value: The answer; ``None`` if there is none.
        why: Why there is none, one line.
        is_timed_out: Whether the time limit is the reason.
        is_absent: Whether there is no Python in the cell to ask; no code of the agent has run then.
    """

    value: dict[str, Any] | None
    why: str = ""
    is_timed_out: bool = False
    is_absent: bool = False


async def ask(cell: Cell, program: str, request: Mapping[str, Any], *, timeout_s: float) -> Answer:
    """Run a program of ``evaluate/inside/`` in a cell and give it a request.

    Args:
        cell: Where; the program starts in its work directory.
        program: Name of the program, without ``.py``.
        request: What its ``main`` is given; JSON.
        timeout_s: Wall clock.
    """
    nonce = secrets.token_hex(16)
    argv = [
        "/bin/sh",
        "-c",
        _START,
        "sh",
        interpreter(),
        "-I",
        "-S",
        "-B",
        "-X",
        "utf8",
        "-c",
        _text(program),
    ]
    stdin = json.dumps({**request, "nonce": nonce}).encode()
    try:
        done = await cell.execute(argv, timeout_s=timeout_s, stdin=stdin)
    except InfrastructureError as error:
        # It may be ours, or the work of what the agent left: a second look elsewhere tells.
        return Answer(None, f"ended its cell: {error.message}")
    if done.is_timed_out:
        return Answer(None, f"did not end within {timeout_s:g} s", is_timed_out=True)
    lines = list(_lines(done.stdout, nonce))
    value = next((line["answer"] for line in lines if isinstance(line.get("answer"), dict)), None)
    if value is not None:
        return Answer(value)
    if done.exit_code in _NO_PROGRAM and not lines:
        return Answer(None, f"no Python can be started in the cell: {_last_line(done)}", is_absent=True)
    said = "printed more than is kept" if done.is_truncated else f"ended with exit code {done.exit_code}"
    return Answer(None, f"{said} and gave no result{_last_line(done)}")


@functools.cache
def _text(program: str) -> str:
    folder = Path(__file__).parent / "inside"
    channel, own = ((folder / f"{name}.py").read_text(encoding="utf-8") for name in ("channel", program))
    # Allowed once, at the beginning of a text.
    own = own.replace("from __future__ import annotations\n", "")
    return f"{channel}\n{own}\nserve(main)\n"


def _lines(stdout: str, nonce: str) -> Iterator[dict[str, Any]]:
    """What the program itself said, last first."""
    for line in reversed(stdout.splitlines()):
        if nonce not in line:
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value.get("nonce") == nonce:
            yield value


def _last_line(done: Execution) -> str:
    lines = done.stderr.strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
