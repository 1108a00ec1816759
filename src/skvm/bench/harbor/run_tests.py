"""Runs the tests of a Harbor task inside the grading cell; a program of its own, copied beside the tests.

``test.sh`` is run with the container's paths replaced by the cell's, and what it leaves in ``reward.txt``
is printed as the verdict. Whatever the tests started is ended before the reward is read, and nothing but
this program ever holds the channel the verdict goes through.

What is not tight: a script that starts what the agent wrote runs it as its own user, as it does in a
container; such a program can write a reward of its own while the script still runs. Nothing it leaves
behind in the work directory can.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36


def main(prefixes: list[str]) -> int:
    """Run, read, print; exit code 0 even where the reward is 0, for it is a verdict."""
    libc = ctypes.CDLL(None)
    # Orphans of the tests come to us, and nobody of our own user may open our descriptors.
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    tests = Path(os.environ["SKVM_GRADERS"], "tests")
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder, "logs")
        (logs / "verifier").mkdir(parents=True)
        roots = {"/tests": str(tests), "/logs": str(logs), **dict.fromkeys(prefixes, str(Path.cwd()))}
        script = Path(folder, "test.sh")
        script.write_bytes(mapped((tests / "test.sh").read_bytes(), roots))
        environment = {**os.environ, "SKVM_LOGS": str(logs)}
        done = subprocess.run(
            ["bash", str(script)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        end_children()
        print(json.dumps({"checkpoints": [verdict(logs / "verifier", done)]}), flush=True)  # noqa: T201
    return 0


def mapped(text: bytes, roots: dict[str, str]) -> bytes:
    """A script with each container path replaced."""
    names = b"|".join(re.escape(root.encode()) for root in sorted(roots, key=len, reverse=True))
    pattern = re.compile(rb"(?<![\w.~:/-])(?:" + names + rb")(?![\w-])")
    return pattern.sub(lambda found: roots[found[0].decode()].encode(), text)


def end_children() -> None:
    """End every process that came to us, until none is left."""
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    me = os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_bytes()
                if int(stat.rpartition(b")")[2].split()[1]) == me:
                    found.append(int(entry.name))
    return found


def verdict(folder: Path, done: subprocess.CompletedProcess[bytes]) -> dict[str, object]:
    """The reward as a checkpoint; none, or one that is no number, is 0 with the tests' last words."""
    said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:] or [
        f"exit code {done.returncode}"
    ]
    try:
        reward = float((folder / "reward.txt").read_text().strip())
    except (OSError, ValueError):
        reward = math.nan
    if not math.isfinite(reward):
        return {"name": "reward", "score": 0.0, "reason": f"no reward was left: {said[0][:300]}"}
    return {"name": "reward", "score": min(1.0, max(0.0, reward)), "reason": said[0][:300]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
