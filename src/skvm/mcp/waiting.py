"""Tools for work that is not over: ask again, end it, list it."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel

from skvm.mcp.answers import Answer, Document, Going, answer_of
from skvm.mcp.calling import Call, Caller, WaitS, reporter, told
from skvm.mcp.jobs import Job
from skvm.mcp.working import WAIT_S

__all__ = ["add_waiting"]


class JobNow(BaseModel):
    """A command that was called."""

    job: str
    verb: str
    state: str
    session: str | None = None
    progress: Going | None = None


class JobList(BaseModel):
    """All that are remembered, the oldest first."""

    jobs: list[JobNow]


def add_waiting(server: MCPServer[Any], call: Caller) -> None:
    """Add them to a server."""
    jobs = call.jobs

    @server.tool(name="job", annotations=ToolAnnotations(read_only_hint=True))
    @told
    async def job_(ctx: Call, job: str, wait_s: WaitS = WAIT_S) -> Answer[Document]:
        """Wait for work that a tool has started and that is not over; answers as that tool does."""
        found = jobs.find(job)
        await jobs.wait(found, report=reporter(ctx), wait_s=wait_s)
        return answer_of(found, Document)

    @server.tool(annotations=ToolAnnotations(destructive_hint=True))
    @told
    async def job_cancel(ctx: Call, job: str) -> JobNow:
        """End work that is under way, with every process it started. What is finished is kept."""
        found = jobs.find(job)
        await jobs.cancel(found)
        return _now(found)

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    @told
    async def job_list(ctx: Call) -> JobList:
        """List the work of this server, under way or over."""
        return JobList(jobs=[_now(each) for each in jobs.all()])


def _now(job: Job) -> JobNow:
    heard = job.heard
    going = None if heard is None else Going(done=heard.done, total=heard.total, text=heard.text)
    return JobNow(job=job.id, verb=job.verb, state=job.state, session=job.session, progress=going)
