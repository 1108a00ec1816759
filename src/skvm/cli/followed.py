"""``skvm`` as the child of a program that follows it: its input is a lifeline, not something to read.

When the input closes, whoever started us is gone or wants us to end; we end as by Ctrl-C, soon in any case,
and nothing we started outlives us.
"""

from __future__ import annotations

import os
import signal
import threading
import time

__all__ = ["main"]

_GRACE_S = 12.0


def main() -> None:
    """Run the command line below a lifeline, and exit."""
    line = os.dup(0)
    os.set_inheritable(line, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with, args=(line,), name="lifeline", daemon=True).start()
    from skvm.cli import main as command_line

    command_line.main()


def _end_with(line: int) -> None:
    while os.read(line, 4096):
        continue
    # The command line ends on this as on Ctrl-C, whatever shells said of SIGINT.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    from skvm.harness.confine.inside import tree

    tree.kill_descendants(os.getpid())
    os._exit(130)
