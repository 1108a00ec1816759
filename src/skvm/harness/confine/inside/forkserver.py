"""A Python that has the worker imported already, and forks a worker for whoever asks.

Our process keeps one for the back ends whose workers start outside of any confinement and confine
themselves. It is asked over a Unix socket: one byte, with the worker's connection and its error file as
descriptors. It answers with a descriptor of the process, through which its end can be seen.

It holds nothing of any cell: what a worker is to do comes over the worker's own connection.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys

from skvm.harness.confine.inside import lockdown, worker
from skvm.harness.confine.inside.lean import suppress

__all__ = ["main"]

_LAST_DESCRIPTOR = 256


def main(preload: list[str]) -> int:
    """Serve the socket on standard input until it is closed.

    Args:
        preload: Modules that workers will need when they cannot reach the standard library any more.
    """
    for name in preload:
        with suppress(ImportError):
            importlib.import_module(name)
    lockdown.hide_memory()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The kernel collects the dead: nothing is waited for here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as control:
        while True:
            asked, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            if not asked:
                return 0
            _fork(control, descriptors)


def _fork(control: socket.socket, descriptors: list[int]) -> None:
    """Fork one worker and tell of it; it does not end before it is asked for, so its number stays its own."""
    try:
        pid = os.fork()
        if pid == 0:
            _become_worker(descriptors)
        process = os.pidfd_open(pid)
    except OSError as error:
        control.send(bytes([error.errno or 1]))
    else:
        socket.send_fds(control, [b"\0"], [process])
        os.close(process)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _become_worker(descriptors: list[int]) -> None:
    """Be the worker until its end; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        connection, errors = descriptors
        for target, source in ((0, connection), (1, connection), (2, errors)):
            os.dup2(source, target)
        os.closerange(3, _LAST_DESCRIPTOR)
        code = worker.main()
    except BaseException as error:  # noqa: BLE001 - nothing may return into the server's own loop
        os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
