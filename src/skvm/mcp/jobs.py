"""Commands under way: a call waits for its command for a while, and can be asked again about it later."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from skvm.errors import InfrastructureError, SkvmError, UsageError
from skvm.mcp.children import Ended, Heard, run_command

__all__ = ["Job", "Jobs"]

AT_ONCE = 4
"""Commands that work; those that look have places of their own, and do not wait for hours of work."""
MOST_KEPT = 64
MOST_OPEN = 32
MAX_DOCUMENT_CHARS = 200_000
"""What a client can read at once; more is not kept either."""


@dataclass(slots=True)
class Job:
    """One command.

    Args:
        id: For asking again.
        verb: What was called.
        shape: Makes of what it prints what is passed on.
        ended: How it ended.
        error: Why it could not be run at all.
        heard: The newest of what it told.
        session: The session it works on, if it said one.
        is_cancelled: Whether somebody ended it.
        news: Is set and replaced whenever something is told.
        over: Is set once it is over.
    """

    id: str
    verb: str
    shape: Callable[[Any], Any] | None = None
    ended: Ended | None = None
    error: SkvmError | None = None
    heard: Heard | None = None
    session: str | None = None
    is_cancelled: bool = False
    news: anyio.Event = field(default_factory=anyio.Event)
    over: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def state(self) -> str:
        """``running``, ``done`` or ``cancelled``."""
        if not self.over.is_set():
            return "running"
        return "cancelled" if self.is_cancelled else "done"

    def end(self, ended: Ended) -> None:
        """Take how it ended, and of what it printed what is passed on."""
        document = ended.document
        if document is not None and self.shape is not None:
            document = self.shape(document)
        if document is not None and len(json.dumps(document)) > MAX_DOCUMENT_CHARS:
            document = None
            place = f"; it is whole in skvm://bench/{ended.session}/report.json" if ended.session else ""
            self.error = UsageError(
                f"the answer of {self.verb} is too large", help=f"ask for less of it at once{place}"
            )
        self.ended = replace(ended, document=document)

    def hear(self, heard: Heard) -> None:
        """Take what it tells."""
        self.heard = heard
        self.news.set()
        self.news = anyio.Event()


class Jobs:
    """The commands of one server.

    Args:
        cwd: Where they run.
        env: Variables they are given beside ours.
    """

    def __init__(self, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._cwd = cwd
        self._env = {**os.environ, **(env or {})}
        self._jobs: dict[str, Job] = {}
        self._working = anyio.Semaphore(AT_ONCE)
        self._looking = anyio.Semaphore(AT_ONCE)
        self._group: anyio.abc.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let commands run until this is left; then all of them end."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                group.cancel_scope.cancel()

    def find(self, job_id: str) -> Job:
        """The command of that id.

        Raises:
            UsageError: There is none.
        """
        if job_id not in self._jobs:
            known = ", ".join(self._jobs) or "none"
            raise UsageError(f"no job {job_id!r} of this server", help=f"known: {known}")
        return self._jobs[job_id]

    def all(self) -> tuple[Job, ...]:
        """All that are remembered, the oldest first."""
        return tuple(self._jobs.values())

    async def call(
        self,
        verb: str,
        arguments: Sequence[str],
        *,
        report: Callable[[Heard], Awaitable[None]],
        wait_s: float | None = None,
        shape: Callable[[Any], Any] | None = None,
    ) -> Job:
        """Start a command and wait for it.

        Args:
            verb: What it is called in a list.
            arguments: The command line.
            report: Is told how it goes.
            wait_s: For so long; ``None`` until it is over, for commands that are over soon.
            shape: Makes of what it prints what is passed on.

        Raises:
            InfrastructureError: The server is about to end.
            UsageError: Too much is under way already.
        """
        if self._group is None:
            raise InfrastructureError("the server is about to end")
        if sum(not job.over.is_set() for job in self._jobs.values()) >= MOST_OPEN:
            raise UsageError(
                f"{MOST_OPEN} calls are under way already", help="wait for one with the tool job"
            )
        job = Job(secrets.token_hex(4), verb, shape)
        self._jobs[job.id] = job
        self._forget()
        places = self._looking if wait_s is None else self._working
        self._group.start_soon(self._run, job, arguments, places)
        await self.wait(job, report=report, wait_s=wait_s)
        return job

    async def wait(
        self, job: Job, *, report: Callable[[Heard], Awaitable[None]], wait_s: float | None
    ) -> None:
        """Wait for a command; a caller that is cancelled meanwhile cancels the command.

        Args:
            job: Which one.
            report: Is told how it goes.
            wait_s: For so long; ``None`` until it is over.
        """
        try:
            with anyio.move_on_after(wait_s):
                async with anyio.create_task_group() as group:
                    group.start_soon(self._report, job, report)
                    await job.over.wait()
                    group.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            self._cancel(job)
            with anyio.CancelScope(shield=True):
                await job.over.wait()
            raise

    async def cancel(self, job: Job) -> None:
        """End a command and all it started; returns once they are gone."""
        self._cancel(job)
        await job.over.wait()

    async def end(self) -> None:
        """End all commands; returns once they are gone."""
        for job in self.all():
            self._cancel(job)
        for job in self.all():
            await job.over.wait()

    def _cancel(self, job: Job) -> None:
        if not job.over.is_set():
            job.is_cancelled = True
            job.scope.cancel()

    async def _run(self, job: Job, arguments: Sequence[str], places: anyio.Semaphore) -> None:
        try:
            with job.scope:
                async with places:
                    ended = await run_command(
                        arguments,
                        cwd=self._cwd,
                        env=self._env,
                        tell=job.hear,
                        note_session=lambda session: setattr(job, "session", session),
                    )
                    job.end(ended)
        except SkvmError as error:
            job.error = error
        except Exception as error:  # noqa: BLE001 - told to its caller; it must not end the others
            job.error = SkvmError(f"{job.verb} could not be run: {type(error).__name__}: {error}")
        finally:
            job.over.set()

    @staticmethod
    async def _report(job: Job, report: Callable[[Heard], Awaitable[None]]) -> None:
        told: Heard | None = None
        while True:
            news = job.news
            if job.heard is not None and job.heard is not told:
                told = job.heard
                await report(told)
            else:
                await news.wait()

    def _forget(self) -> None:
        over = [job.id for job in self._jobs.values() if job.over.is_set()]
        for job_id in over[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[job_id]
