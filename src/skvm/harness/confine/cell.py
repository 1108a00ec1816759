"""Our side of a cell: start the worker, speak its protocol, end everything."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.harness.confine.inside.frames import Decoder, encode
from skvm.harness.confine.launch import Launch
from skvm.harness.confine.workers import Running, fork_server, start_program
from skvm.harness.sandbox import Entry, Execution, Fetched, Policy, Streams

__all__ = ["WorkerCell", "host_listeners", "open_cell"]

_START_S = 30.0
_END_S = 10.0
_GRACE_S = 20.0
"""How long beyond its own deadline the worker may take to answer before the cell counts as dead."""
_FILE_S = 60.0
_LOOK_S = 1.0
_CHUNK = 1 << 18


class WorkerCell:
    """A cell served by a worker process; made by ``open_cell``."""

    def __init__(
        self, launch: Launch, process: Running, door: tuple[socket.socket, int] | None = None
    ) -> None:
        self._launch = launch
        self._process = process
        self._door = door
        self._listeners = tuple(launch.listeners)
        self._numbers = itertools.count(1)
        self._replies: dict[int, tuple[dict[str, Any], bytes] | None] = {}
        self._decoder = Decoder()
        self._sending = anyio.Lock()
        self._receiving = anyio.Lock()
        self._has_hands = False
        self._death: str | None = None

    async def start(self) -> None:
        """Send the configuration and wait until the worker stands.

        Raises:
            InfrastructureError: It does not come up.
        """
        with anyio.move_on_after(_START_S):
            try:
                if self._launch.prelude:
                    await self._send(self._launch.prelude)
                descriptor = None if self._door is None else self._door[1]
                await self._request(self._launch.config(descriptor), number=0)
                if self._door is not None:
                    # Sent before the answer, so this does not wait.
                    count = len(self._launch.listen_ports)
                    _, descriptors, _, _ = socket.recv_fds(self._door[0], 1, count, socket.MSG_DONTWAIT)
                    self._listeners = tuple(socket.socket(fileno=each) for each in descriptors)
            except OSError as error:
                raise InfrastructureError(
                    f"the {self._launch.sandbox} cell cannot be set up: {error.strerror}"
                ) from error
            return
        raise self._dead(f"it did not start within {_START_S:.0f} s")

    @property
    def listeners(self) -> Sequence[socket.socket]:
        """The cell's doors to servers of ours; see ``sandbox.Cell``."""
        return self._listeners

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """Run a shell command line (``sh -c``) or an argument vector; see ``sandbox.Cell``."""
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        if not argv:
            raise ValueError("an empty command")
        request = {
            "op": "execute",
            "argv": argv,
            "env": {**self._launch.env, **(env or {})},
            "cwd": self._absolute(cwd),
            "timeout_s": timeout_s,
            "output_bytes": self._launch.limits.output_bytes,
        }
        return _execution(*await self._request(request, stdin, patience_s=timeout_s + _GRACE_S))

    async def stream(
        self,
        argv: Sequence[str],
        streams: Streams,
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """Run an argument vector whose output goes to files; see ``sandbox.Cell``."""
        if not argv:
            raise ValueError("an empty command")
        request = {
            "op": "stream",
            "argv": list(argv),
            "env": {**self._launch.env, **(env or {})},
            "cwd": self._absolute(cwd),
            "timeout_s": timeout_s,
            "output_bytes": streams.max_bytes,
        }
        if not self._has_hands:
            # Descriptors that come unexpected are lost.
            await self._request({"op": "hands"})
            self._has_hands = True
        with ExitStack() as stack:
            files = [_fresh(path, stack) for path in (streams.stdout, streams.stderr)]
            answer = await self._request(request, stdin, patience_s=timeout_s + _GRACE_S, descriptors=files)
        return _execution(*answer)

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """Read a file; larger ones raise ``OSError``."""
        request = {"op": "read", "path": self._absolute(path), "max_bytes": max_bytes}
        return (await self._operate(request))[1]

    async def write(self, path: str, data: bytes) -> None:
        """Write a file, making its parents."""
        await self._operate({"op": "write", "path": self._absolute(path)}, data)

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """List a directory, in order of name."""
        header, _ = await self._operate({"op": "list", "path": self._absolute(path)})
        return tuple(Entry(*entry) for entry in header["entries"])

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Fetched:
        """Fetch an http or https URL with the cell's own network rights."""
        request = {
            "op": "fetch",
            "url": url,
            "method": method,
            "headers": dict(headers or {}),
            "has_body": body is not None,
            "timeout_s": timeout_s,
        }
        header, text = await self._operate(request, body or b"", patience_s=timeout_s + _FILE_S)
        try:
            decoded = text.decode(header["charset"], "replace")
        except LookupError:  # the server named no charset Python knows
            decoded = text.decode("utf-8", "replace")
        return Fetched(header["status"], header["headers"], decoded, header["is_truncated"])

    def _absolute(self, path: str) -> str:
        return os.path.join(self._launch.work_dir, path)  # noqa: PTH118 - an empty or odd path stays as it is

    async def _operate(
        self, request: dict[str, Any], body: bytes = b"", *, patience_s: float = _FILE_S
    ) -> tuple[dict[str, Any], bytes]:
        header, data = await self._request(request, body, patience_s=patience_s)
        if header.get("is_lost"):
            raise TimeoutError(f"{request['op']}: the operation was ended before it finished")
        return header, data

    async def _request(
        self,
        header: dict[str, Any],
        body: bytes = b"",
        *,
        number: int | None = None,
        patience_s: float = _FILE_S,
        descriptors: Sequence[int] = (),
    ) -> tuple[dict[str, Any], bytes]:
        if self._death is not None:
            raise self._dead(self._death)
        number = next(self._numbers) if number is None else number
        try:
            frame = encode({**header, "id": number}, body)
        except ValueError as error:
            raise OSError(7, str(error)) from error
        self._replies[number] = None
        try:
            await self._send(frame, descriptors)
            with anyio.move_on_after(patience_s):
                answer, data = await self._reply(number)
                if "errno" in answer:
                    raise OSError(answer["errno"], answer["reason"])
                return answer, data
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), suppress(InfrastructureError):
                await self._send(encode({"op": "cancel", "id": number}))
            raise
        finally:
            del self._replies[number]
        raise self._dead(f"no answer within {patience_s:.0f} s")

    async def _send(self, frame: bytes, descriptors: Sequence[int] = ()) -> None:
        # Half a frame would spoil the stream for every later request, so it is sent whole.
        with anyio.CancelScope(shield=True):
            async with self._sending:
                left = memoryview(frame)
                try:
                    while left:
                        with suppress(BlockingIOError):
                            sent = socket.send_fds(self._process.connection, [left], descriptors)
                            left, descriptors = left[sent:], ()
                            continue
                        await anyio.wait_writable(self._process.connection)
                except (anyio.ClosedResourceError, OSError) as error:
                    raise self._dead(self._reason()) from error

    async def _reply(self, number: int) -> tuple[dict[str, Any], bytes]:
        """Whoever waits and finds nobody reading reads for all: no task of ours runs in the background."""
        while (reply := self._replies[number]) is None:
            async with self._receiving:
                if self._replies[number] is not None:
                    continue
                if self._death is not None:
                    raise self._dead(self._death)
                try:
                    frames = list(self._decoder.feed(await self._receive()))
                except (anyio.EndOfStream, anyio.ClosedResourceError, OSError):
                    raise self._dead(self._reason()) from None
                except ValueError as error:
                    raise self._dead(f"it does not speak the protocol: {error}") from error
                for header, body in frames:
                    if header.get("id") in self._replies:
                        self._replies[header["id"]] = (header, body)
        return reply

    async def _receive(self) -> bytes:
        while True:
            with suppress(BlockingIOError):
                if data := self._process.connection.recv(_CHUNK):
                    return data
                raise anyio.EndOfStream
            with anyio.move_on_after(_LOOK_S):
                await anyio.wait_readable(self._process.connection)
                continue
            # Where the program we started stands between us and the worker, its end closes no connection.
            if self._process.has_ended():
                raise anyio.EndOfStream

    def _reason(self) -> str:
        with suppress(OSError):
            said = self._launch.errors.read_bytes()[-2000:].decode("utf-8", "replace").strip()
            if said:
                return said.splitlines()[-1]
        return "it ended unexpectedly"

    def _dead(self, reason: str) -> InfrastructureError:
        self._death = reason
        return InfrastructureError(
            f"the {self._launch.sandbox} cell is gone: {reason}", help="'skvm doctor' shows what works here"
        )

    async def close(self) -> None:
        """End the worker and everything it started."""
        self._death = self._death or "it is closed"
        if self._door is not None:
            self._door[0].close()
            for listener in self._listeners:
                listener.close()
        with anyio.CancelScope(shield=True):
            with suppress(OSError):
                self._process.connection.shutdown(socket.SHUT_WR)
            with anyio.move_on_after(_END_S):
                await self._drain()
                await self._process.wait()
            if not self._process.has_ended():
                self._process.kill()
                await self._process.wait()
            self._process.close()

    async def _drain(self) -> None:
        # A call that is cancelled at this moment may still be reading.
        async with self._receiving:
            with suppress(anyio.EndOfStream, anyio.ClosedResourceError, OSError):
                while True:
                    await self._receive()


def _execution(header: dict[str, Any], body: bytes) -> Execution:
    if header.get("is_lost"):
        return Execution(-9, "", "the command killed its own keeper\n", True, False, 0.0)
    split = header["stdout_bytes"]
    return Execution(
        exit_code=header["exit_code"],
        stdout=body[:split].decode("utf-8", "replace"),
        stderr=body[split:].decode("utf-8", "replace"),
        is_truncated=header["is_truncated"],
        is_timed_out=header["is_timed_out"],
        duration_ms=header["duration_ms"],
    )


def _fresh(path: Path, stack: ExitStack) -> int:
    """An empty file of ours, open for writing until the stack ends."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    stack.callback(os.close, descriptor)
    return descriptor


@asynccontextmanager
async def open_cell(launch: Launch) -> AsyncIterator[WorkerCell]:
    """Start a worker, serve it, end it and all it started.

    Raises:
        InfrastructureError: It cannot be started.
    """
    ours, theirs = socket.socketpair() if launch.listen_ports else (None, None)
    door = None if ours is None or theirs is None else (ours, theirs.fileno())
    try:
        process = await _start(launch, () if theirs is None else (theirs.fileno(),))
    except OSError as error:
        if ours is not None:
            ours.close()
        raise InfrastructureError(f"{launch.argv[0]}: cannot be started: {error.strerror}") from error
    finally:
        if theirs is not None:
            theirs.close()
    cell = WorkerCell(launch, process, door)
    try:
        await cell.start()
        yield cell
    finally:
        await cell.close()


async def _start(launch: Launch, pass_fds: Sequence[int]) -> Running:
    with launch.errors.open("wb") as errors:
        if launch.fork_server:
            server = fork_server(launch.fork_server)
            # Where it cannot be done that way, the other way tells why, or works.
            with suppress(OSError):
                if server.is_up:
                    return server.start(errors)
                return await anyio.to_thread.run_sync(server.start, errors)
        # Not in another thread: bwrap dies with the thread that started it.
        return start_program(launch.argv, errors, pass_fds)


@contextmanager
def host_listeners(policy: Policy) -> Iterator[Sequence[socket.socket]]:
    """Listening sockets at free ports of the host's loopback, one for each the policy asks for."""
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
            for _ in policy.listen_ports
        )
