"""Fakes for tests: a cell without a sandbox, a scripted model, a scripted harness.

Nothing here confines anything and nothing here is registered: a ``FakeCell`` runs commands with the rights
of the test, so only commands the test itself wrote belong in it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import Process

from skvm.evidence.record import CallRecord, Outcome, Usage
from skvm.harness.confine.inside import operations
from skvm.harness.contract import HARNESSES, Facility, Harness, RunContext
from skvm.harness.sandbox import Cell, Entry, Execution, Fetched, Policy, Streams
from skvm.harness.trajectory import Trajectory, Turn
from skvm.llm.contract import CallScope

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model
    from pydantic_ai.models.function import AgentInfo

__all__ = ["FakeCell", "FakeHarness", "FakeSandbox", "ScriptedSession", "registered_fake"]


@dataclass(frozen=True, slots=True)
class FakeCell:
    """A cell on a directory, with no confinement at all.

    Args:
        work_dir: Where relative paths and commands start.
        pages: What ``fetch`` answers, by URL; any other URL raises ``OSError``.
        listeners: See ``sandbox.Cell``.
    """

    work_dir: Path
    pages: Mapping[str, str] = field(default_factory=dict)
    listeners: Sequence[socket.socket] = ()
    home: Path | None = None

    async def execute(
        self,
        command: str | Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = ".",
    ) -> Execution:
        """Run a command in a process group of its own, killed at the deadline."""
        started = time.monotonic()
        arguments = ["sh", "-c", command] if isinstance(command, str) else list(command)
        process = await anyio.open_process(
            arguments,
            stdin=subprocess.PIPE,
            cwd=self.work_dir / cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home or self.work_dir), "LANG": "C.UTF-8"}
            | dict(env or {}),
            start_new_session=True,
        )
        stdout, stderr = bytearray(), bytearray()
        try:
            with anyio.move_on_after(timeout_s) as deadline:
                await _communicate(process, stdin, stdout, stderr)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with anyio.CancelScope(shield=True):
                await process.wait()
                await process.aclose()
        return Execution(
            exit_code=None if deadline.cancelled_caught else process.returncode,
            stdout=stdout.decode("utf-8", "replace"),
            stderr=stderr.decode("utf-8", "replace"),
            is_truncated=False,
            is_timed_out=deadline.cancelled_caught,
            duration_ms=(time.monotonic() - started) * 1000,
        )

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
        """Run a command, then write what it printed to the files."""
        done = await self.execute(argv, timeout_s=timeout_s, stdin=stdin, env=env, cwd=cwd)
        streams.stdout.write_text(done.stdout, encoding="utf-8")
        streams.stderr.write_text(done.stderr, encoding="utf-8")
        return replace(done, stdout="", stderr="")

    async def read(self, path: str, *, max_bytes: int = 4 << 20) -> bytes:
        """Read a file."""
        data = (self.work_dir / path).read_bytes()
        if len(data) > max_bytes:
            raise OSError(f"{path} is larger than {max_bytes} bytes")
        return data

    async def write(self, path: str, data: bytes) -> None:
        """Write a file, making its parents."""
        target = self.work_dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    async def list(self, path: str = ".") -> Sequence[Entry]:
        """List a directory."""
        found = sorted((self.work_dir / path).iterdir())
        return [Entry(entry.name, entry.is_dir(), entry.lstat().st_size) for entry in found]

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Fetched:
        """Answer from ``pages``; what the ``listener`` serves is really asked for."""
        served = ["http://{}:{}/".format(*listener.getsockname()) for listener in self.listeners]
        if url.startswith(tuple(served)):
            request = {"url": url, "method": method, "headers": dict(headers or {}), "timeout_s": timeout_s}
            request["has_body"] = body is not None
            header, text = await anyio.to_thread.run_sync(operations.fetch, request, body or b"")
            return Fetched(header["status"], header["headers"], text.decode("utf-8", "replace"), False)
        if url not in self.pages:
            raise OSError(f"cannot reach {url}")
        return Fetched(200, {"content-type": "text/plain"}, self.pages[url], is_truncated=False)


async def _communicate(process: Process, stdin: bytes, stdout: bytearray, stderr: bytearray) -> None:
    streams = ((process.stdout, stdout), (process.stderr, stderr))

    async def drain(position: int) -> None:
        stream, kept = streams[position]
        if stream is not None:
            async for chunk in stream:
                kept += chunk

    async with anyio.create_task_group() as group:
        group.start_soon(drain, 0)
        group.start_soon(drain, 1)
        if process.stdin is not None:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await process.stdin.send(stdin)
            await process.stdin.aclose()
    await process.wait()


@dataclass(frozen=True, slots=True)
class FakeSandbox:
    """Opens fake cells. It confines nothing.

    Args:
        pages: What its cells' ``fetch`` answers.
    """

    pages: Mapping[str, str] = field(default_factory=dict)
    name: str = "fake"

    @contextlib.asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[Cell]:
        """Open a cell on the policy's work directory."""
        with contextlib.ExitStack() as stack:
            listeners = [
                stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in policy.listen_ports
            ]
            yield FakeCell(policy.work_dir, self.pages, listeners, policy.home)


@dataclass(slots=True)
class ScriptedSession:
    """A ``PortSession`` whose model says what the script says, one answer a call.

    Args:
        answers: The script; the last answer is given again when it runs out.
        scope: Whose calls these are.
        requests: The conversations it was asked with, for the test to look at.
        tools: Names of the tools declared in each call.
        settings: Settings of each call.
    """

    answers: Sequence[str | ModelResponse | Exception | Callable[..., Awaitable[ModelResponse]]]
    scope: CallScope = field(default_factory=lambda: CallScope("scripted"))
    requests: list[list[ModelMessage]] = field(default_factory=list)
    tools: list[list[str]] = field(default_factory=list)
    settings: list[Mapping[str, object]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    calls: Sequence[CallRecord] = ()

    async def model(self, model_id: str) -> Model:
        """The scripted model."""
        from pydantic_ai.models.function import FunctionModel

        return FunctionModel(self._answer, model_name=model_id)

    async def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        from pydantic_ai.messages import ModelResponse, TextPart

        self.requests.append(list(messages))
        self.tools.append([tool.name for tool in info.function_tools])
        self.settings.append(dict(info.model_settings or {}))
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        spent = Usage(input_tokens=10, output_tokens=5, calls=1, cost_usd=0.0)
        self.usage = self.usage + spent
        if isinstance(answer, str):
            return ModelResponse([TextPart(answer)], finish_reason="stop")
        if isinstance(answer, ModelResponse):
            return answer
        return await answer(messages)


@dataclass(frozen=True, slots=True)
class FakeHarness:
    """A harness that writes given files and says given words, without a model.

    Args:
        files: Written through the cell, by path.
        final_text: Its last words.
        outcome: How it says it ended.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    final_text: str = "done"
    outcome: Outcome = Outcome.SCORED

    @property
    def facilities(self) -> frozenset[Facility]:
        """Files and commands."""
        return frozenset({Facility.FILES, Facility.COMMANDS})

    async def run(self, context: RunContext) -> Trajectory:
        """Write the files, and be done."""
        for path, text in self.files.items():
            await context.cell.write(path, text.encode())
        return Trajectory(
            harness="fake",
            model=context.model_id,
            prompt=context.prompt,
            turns=(Turn(index=0, text=self.final_text),),
            final_text=self.final_text,
            outcome=self.outcome,
        )


@contextlib.contextmanager
def registered_fake(harness: Harness | None = None, *, name: str = "fake") -> Iterator[str]:
    """Register a fake harness for the length of a ``with`` block; gives its name."""
    fake = harness or FakeHarness()
    with HARNESSES.temporarily(name, lambda: fake):
        yield name
