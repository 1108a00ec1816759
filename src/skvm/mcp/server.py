"""The server: tools, resources, and the stream they are served on."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer

import skvm
from skvm.mcp.calling import Caller
from skvm.mcp.ground import Ground
from skvm.mcp.jobs import Jobs
from skvm.mcp.looking import add_looking
from skvm.mcp.reports import add_reports
from skvm.mcp.waiting import add_waiting
from skvm.mcp.working import add_working

__all__ = ["make_server", "serve"]

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130
_INSTRUCTIONS = " ".join(
    (
        "skvm measures what a model in a harness can do (profile_*), adapts an agent skill to it (compile),",
        "and says with an interval whether a skill helps (bench).",
        "Look first: doctor, lint, analyze, profile_show.",
        "What asks models can cost money: call profile_measure with estimate_only, or bench with dry_run,",
        "tell the user, and give max_usd.",
        "Work that is not over within wait_s goes on; ask with job.",
        "A person decides on proposals; there is no tool that accepts one.",
        "How to read results: resource skvm://skills/skvm-general.",
    )
)


def make_server(ground: Ground, jobs: Jobs) -> MCPServer[Any]:
    """A server for clients that may reach what ``ground`` allows.

    Args:
        ground: What that is.
        jobs: Where its commands run.
    """

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        async with jobs.running():
            yield

    server: MCPServer[Any] = MCPServer(
        "skvm",
        title="skvm",
        version=skvm.__version__,
        instructions=_INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
    )
    call = Caller(ground, jobs)
    add_looking(server, call)
    add_working(server, call)
    add_waiting(server, call)
    add_reports(server, ground)
    return server


def serve(ground: Ground) -> None:
    """Serve on standard input and output until the input closes; all commands end then."""
    anyio.run(_serve, ground)


async def _serve(ground: Ground) -> None:
    ground.cwd.mkdir(parents=True, exist_ok=True)
    jobs = Jobs(ground.cwd, ground.env)
    async with anyio.create_task_group() as group:
        group.start_soon(_leave_on_signal, jobs)
        await make_server(ground, jobs).run_stdio_async()
        group.cancel_scope.cancel()


async def _leave_on_signal(jobs: Jobs) -> None:
    """End all commands, then the process: a thread that waits for the client's next line ends for nobody."""
    wanted = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    with anyio.open_signal_receiver(*wanted) as signals:
        async for _ in signals:
            await jobs.end()
            os._exit(_INTERRUPTED)
