"""The worker: reads requests from its standard input, has a forked child serve each, writes the replies.

The worker itself does nothing with what an agent names. Its children do, after taking from themselves
what the cell does not grant; so the worker outlives whatever a command does to its own processes.
"""

from __future__ import annotations

import errno
import importlib
import os
import select
import sys

from skvm.harness.confine.inside import lockdown, seccomp, tree
from skvm.harness.confine.inside.frames import Decoder, encode, frame_length
from skvm.harness.confine.inside.hands import Hands
from skvm.harness.confine.inside.lean import signal, suppress
from skvm.harness.confine.inside.operations import NEEDED_LATER, OPERATIONS
from skvm.harness.confine.inside.shepherd import Shepherd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Worker", "main"]

_CHUNK = 1 << 20
_FILE_DEADLINE_S = 30


class Worker:
    """Serves one cell.

    Args:
        config: The first message of the client; see ``cell.WorkerConfig``.
        requests: Descriptor that requests come from.
        replies: Descriptor that replies go to.
    """

    def __init__(self, config: dict[str, Any], requests: int, replies: int) -> None:
        self._config = config
        self._requests = requests
        self._hands: Hands | None = None
        self._replies = replies
        self._ruleset: int | None = None
        self._decoder = Decoder()
        self._outbox = bytearray()
        self._inbox: dict[int, bytearray] = {}  # reply pipe -> what came of it
        self._owner: dict[int, tuple[int, int]] = {}  # reply pipe -> (request id, pid)
        self._alive: set[int] = set()
        self._poll = select.poll()
        self._is_sending = False

    def enter(self) -> None:
        """Give up what the whole cell must not have."""
        config = self._config
        os.umask(0o022)
        os.chdir(config["work_dir"])
        if config["landlock"] is not None:
            # Opened now: the paths may lie below directories that only we of before can pass.
            from skvm.harness.confine.inside import landlock

            rules = config["landlock"]
            self._ruleset = landlock.make_ruleset(
                rules["readable"], rules["writable"], network=rules["network"], ports=rules["ports"]
            )
            if config["uid"] is not None:
                # The standard library may be out of reach of the user we become.
                for name in NEEDED_LATER:
                    with suppress(ImportError):
                        importlib.import_module(name)
        if config["door"] is not None:
            _hand_out_listeners(config["door"], config["listen_ports"])
        if config["uid"] is not None:
            lockdown.become(config["uid"])
        lockdown.forbid_new_privileges()
        if config["families"] is not None:
            # Also where no user was changed: we may be root of a user namespace that has no other.
            lockdown.drop_capabilities()
        lockdown.hide_memory()
        lockdown.set_subreaper()
        if config["dies_with_parent"]:
            lockdown.die_with_parent()
        os.makedirs(config["env"]["HOME"], exist_ok=True)  # noqa: PTH103

    def serve(self) -> None:
        """Serve requests until the client closes its end, then kill all that is left."""
        wake_read, wake_write = os.pipe()
        for end in (wake_read, wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.set_blocking(self._replies, False)
        self._poll.register(self._requests, select.POLLIN)
        self._poll.register(wake_read, select.POLLIN)
        is_open = True
        while is_open:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._requests:
                    is_open = self._receive()
                elif descriptor == self._replies:
                    self._flush()
                elif descriptor == wake_read:
                    os.read(wake_read, 4096)
                else:
                    self._collect(descriptor)
            self._reap()
        if not tree.is_childless():
            tree.kill_descendants(os.getpid(), reap=self._reap)
        if sys.platform != "linux":
            tree.kill_session()

    def restrict(self) -> None:
        """What each child takes from itself before it touches anything."""
        lockdown.limit_resources(self._config["limits"])
        if self._ruleset is not None:
            from skvm.harness.confine.inside.landlock import restrict

            restrict(self._ruleset)
        if self._config["families"] is not None:
            seccomp.filter_calls(self._config["families"], is_tcp_only=self._config["is_tcp_only"])

    def _receive(self) -> bool:
        data = b""
        # A client that goes while something is on its way to it resets the connection.
        with suppress(ConnectionError):
            data = self._hands.read(_CHUNK) if self._hands else os.read(self._requests, _CHUNK)
        for header, body in self._decoder.feed(data):
            if header["op"] == "cancel":
                for number, pid in self._owner.values():
                    if number == header["id"]:
                        os.kill(pid, signal.SIGTERM)
            elif header["op"] == "hands":
                self._hands = self._hands or Hands(self._requests)
                self._send(encode({"id": header["id"]}))
            else:
                self._fork(header, body)
        return bool(data)

    def _fork(self, request: dict[str, Any], body: bytes) -> None:
        files: tuple[int, ...] = ()
        if request["op"] == "stream":
            files = self._hands.take() if self._hands else ()
        read_end, write_end = os.pipe()
        failure = None
        try:
            pid = os.fork()
        except OSError as error:
            failure = _failure(request["id"], error)
            os.close(read_end)
        else:
            if pid == 0:
                _serve_child(self, request, body, write_end, files)
        for descriptor in (write_end, *files):
            os.close(descriptor)
        if failure is not None:
            self._send(failure)
            return
        self._alive.add(pid)
        self._inbox[read_end] = bytearray()
        self._owner[read_end] = (request["id"], pid)
        self._poll.register(read_end, select.POLLIN)

    def _collect(self, pipe: int) -> None:
        data = os.read(pipe, _CHUNK)
        inbox = self._inbox[pipe]
        inbox += data
        length = frame_length(inbox)
        is_whole = length is not None and len(inbox) >= length
        if data and not is_whole:
            return
        number, pid = self._owner.pop(pipe)
        self._poll.unregister(pipe)
        os.close(pipe)
        del self._inbox[pipe]
        if is_whole:
            self._send(bytes(inbox))
            return
        # A command may kill what it can reach, its own shepherd too. What it left loses its keeper.
        self._alive.discard(pid)
        tree.kill_descendants(os.getpid(), spare=self._alive, reap=self._reap)
        self._send(encode({"id": number, "is_lost": True}))

    def _send(self, frame: bytes) -> None:
        self._outbox += frame
        self._flush()

    def _flush(self) -> None:
        try:
            while self._outbox:
                del self._outbox[: os.write(self._replies, self._outbox[:_CHUNK])]
        except BlockingIOError:
            pass  # the rest follows when there is room
        except ConnectionError:
            self._outbox.clear()  # nobody is left to read it, which the requests tell too
        if self._outbox and not self._is_sending:
            self._poll.register(self._replies, select.POLLOUT)
        elif not self._outbox and self._is_sending:
            self._poll.unregister(self._replies)
        self._is_sending = bool(self._outbox)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self._alive.discard(pid)


def _hand_out_listeners(door: int, ports: list[int]) -> None:
    """Listen in the cell's own network and give the sockets out: a socket stays where it was made."""
    import socket

    made = [socket.create_server(("127.0.0.1", port), backlog=128) for port in ports]
    with socket.socket(fileno=door) as out:
        socket.send_fds(out, [b"."], [each.fileno() for each in made])
    for each in made:
        each.close()


def _serve_child(
    worker: Worker, request: dict[str, Any], body: bytes, pipe: int, files: tuple[int, ...]
) -> None:
    """Serve one request in a child of the worker; never returns."""
    shepherd = None
    try:
        # A shepherd clears up on this signal; the others are left to their alarm.
        lockdown.die_with_parent(signal.SIGTERM)
        try:
            if request["op"] in {"execute", "stream"}:
                shepherd = Shepherd(request, body, worker.restrict, files)
                header, result = shepherd.run()
            else:
                signal.alarm(int(request.get("timeout_s", 0)) + _FILE_DEADLINE_S)
                worker.restrict()
                header, result = OPERATIONS[request["op"]](request, body)
            frame = encode({"id": request["id"], **header}, result)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client must hear of it
            frame = _failure(request["id"], error)
        _write_all(pipe, frame)
        os.close(pipe)
        if shepherd:
            shepherd.stay()
    except BaseException as error:  # noqa: BLE001 - nothing may return into the worker's own loop
        os.write(2, f"{request['op']}: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(0)


def _failure(number: int, error: Exception) -> bytes:
    code = getattr(error, "errno", None) or errno.EINVAL
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if filename := getattr(error, "filename", None):
        reason = f"{reason}: {filename}"
    return encode({"id": number, "errno": code, "reason": reason})


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:_CHUNK]) :]


def main() -> int:
    """Take the protocol away from the standard streams, enter the cell, serve."""
    requests = os.dup(0)
    replies = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    decoder = Decoder()
    config: dict[str, Any] = {}
    while not config:
        data = os.read(requests, 1 << 16)
        if not data:
            return 1
        # The client sends nothing more before it has the answer to this.
        for header, _ in decoder.feed(data):
            config = header
    worker = Worker(config, requests, replies)
    try:
        worker.enter()
    except OSError as error:
        _write_all(replies, _failure(0, error))
        return 1
    _write_all(replies, encode({"id": 0, "pid": os.getpid(), "python": sys.version.split()[0]}))
    worker.serve()
    return 0
