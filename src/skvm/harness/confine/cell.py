"""Our side of a cell: start the worker, speak its protocol, end everything."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.harness.confine.inside.frames import Decoder, encode
from skvm.harness.confine.workers import Running, fork_server, start_program
from skvm.harness.sandbox import Entry, Execution, Fetched, Limits, Policy

__all__ = ["Launch", "PathRules", "WorkerCell", "host_listener", "open_cell"]

_START_S = 30.0
_END_S = 10.0
_GRACE_S = 20.0
"""How long beyond its own deadline the worker may take to answer before the cell counts as dead."""
_FILE_S = 60.0
_LOOK_S = 1.0
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class PathRules:
    """What Landlock leaves of the file system, and of TCP: all, or one port to connect to."""

    readable: Sequence[str]
    writable: Sequence[str]
    network: bool
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """How a worker is started and what it takes from itself.

    Args:
        sandbox: Name of the back end, for messages.
        argv: The program.
        work_dir: Work directory as the cell sees it.
        env: Environment of commands.
        limits: Resource limits.
        errors: File that takes what the program says on standard error.
        prelude: What the program reads before the first message.
        fork_server: Program that forks such a worker faster, in the place of ``argv`` where it can.
        uid: User to become, if started by root.
        landlock: Path rules to apply in the worker's children.
        families: Socket families left by the system-call filter; ``None`` for no filter.
        dies_with_parent: Whether the kernel is to kill the worker with its parent. Not where the worker
            has to clear up by itself; it does so when its input ends.
        listen_port: Loopback port on which the worker is to listen for us, in a network of the cell's own.
        listener: Instead of that, a socket of the host.
        is_tcp_only: Whether the system-call filter leaves nothing of IPv4 but connecting over TCP.
    """

    sandbox: str
    argv: Sequence[str]
    work_dir: Path
    env: Mapping[str, str]
    limits: Limits
    errors: Path
    prelude: bytes = b""
    fork_server: tuple[str, ...] = ()
    uid: int | None = None
    landlock: PathRules | None = None
    families: Sequence[int] | None = None
    dies_with_parent: bool = False
    listen_port: int | None = None
    listener: socket.socket | None = None
    is_tcp_only: bool = False

    def config(self, door: int | None = None) -> dict[str, Any]:
        """The first message to the worker; ``door`` is its descriptor to hand a listening socket out by."""
        return {
            "work_dir": str(self.work_dir),
            "env": dict(self.env),
            "limits": asdict(self.limits),
            "uid": self.uid,
            "landlock": None if self.landlock is None else asdict(self.landlock),
            "families": self.families,
            "dies_with_parent": self.dies_with_parent,
            "is_tcp_only": self.is_tcp_only,
            "door": door,
            "listen_port": self.listen_port,
        }


class WorkerCell:
    """A cell served by a worker process; made by ``open_cell``."""

    def __init__(
        self, launch: Launch, process: Running, door: tuple[socket.socket, int] | None = None
    ) -> None:
        self._launch = launch
        self._process = process
        self._door = door
        self._listener = launch.listener
        self._numbers = itertools.count(1)
        self._replies: dict[int, tuple[dict[str, Any], bytes] | None] = {}
        self._decoder = Decoder()
        self._sending = anyio.Lock()
        self._receiving = anyio.Lock()
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
                    _, descriptors, _, _ = socket.recv_fds(self._door[0], 1, 1, socket.MSG_DONTWAIT)
                    self._listener = socket.socket(fileno=descriptors[0])
            except OSError as error:
                raise InfrastructureError(
                    f"the {self._launch.sandbox} cell cannot be set up: {error.strerror}"
                ) from error
            return
        raise self._dead(f"it did not start within {_START_S:.0f} s")

    @property
    def listener(self) -> socket.socket | None:
        """The cell's door to a server of ours; see ``sandbox.Cell``."""
        return self._listener

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
        header, body = await self._request(request, stdin, patience_s=timeout_s + _GRACE_S)
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
            await self._send(frame)
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

    async def _send(self, frame: bytes) -> None:
        # Half a frame would spoil the stream for every later request, so it is sent whole.
        with anyio.CancelScope(shield=True):
            async with self._sending:
                left = memoryview(frame)
                try:
                    while left:
                        with suppress(BlockingIOError):
                            left = left[self._process.connection.send(left) :]
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
            if self._listener is not None:
                self._listener.close()
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
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError, OSError):
            while True:
                await self._receive()


@asynccontextmanager
async def open_cell(launch: Launch) -> AsyncIterator[WorkerCell]:
    """Start a worker, serve it, end it and all it started.

    Raises:
        InfrastructureError: It cannot be started.
    """
    ours, theirs = socket.socketpair() if launch.listen_port is not None else (None, None)
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
def host_listener(policy: Policy) -> Iterator[socket.socket | None]:
    """A listening socket at a free port of the host's loopback, if the policy asks for a listener."""
    if policy.listen_port is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener
