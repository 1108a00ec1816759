"""From a tool's arguments to a command, and from what it prints to an answer."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from skvm.errors import SkvmError, UsageError
from skvm.mcp.answers import Answer, DocumentT, answer_of
from skvm.mcp.children import Heard
from skvm.mcp.ground import Ground
from skvm.mcp.jobs import Jobs

__all__ = ["Call", "Caller", "MaxTokens", "MaxUsd", "WaitS", "flag", "reporter", "told"]

Call = Context[Any, Any]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Awaitable[Any]])

WaitS = Annotated[
    float,
    Field(
        ge=0,
        le=86_400,
        description="Seconds to wait. If it is not over by then, the answer says state=running and a job id; "
        "the work goes on. Keep it below your client's own time limit.",
    ),
]
MaxUsd = Annotated[float | None, Field(gt=0, description="Stop before so many dollars are spent.")]
MaxTokens = Annotated[int | None, Field(ge=1, description="Stop before so many tokens are used.")]


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls commands for tools.

    Args:
        ground: What clients may reach.
        jobs: Where commands run.
    """

    ground: Ground
    jobs: Jobs

    async def __call__(
        self,
        kind: type[DocumentT],
        ctx: Call,
        command: str,
        *arguments: str,
        wait_s: float | None = None,
        shape: Callable[[Any], Any] | None = None,
    ) -> Answer[DocumentT]:
        """Call a command with ``--json``.

        Args:
            kind: What it prints.
            ctx: The call.
            command: Its name, verbs after a blank.
            arguments: Flags; what is no flag goes after ``--``.
            wait_s: How long to wait; ``None`` until it is over.
            shape: Makes of what it prints what is passed on.

        Raises:
            SkvmError: It cannot go on.
        """
        # Flags of the server go before what is no flag.
        line = [*command.split(" "), "--json", *self.ground.flags, *arguments]
        job = await self.jobs.call(command, line, report=reporter(ctx), wait_s=wait_s, shape=shape)
        return answer_of(job, kind)


def reporter(ctx: Call) -> Callable[[Heard], Awaitable[None]]:
    """Passes on what a command tells as progress, which the protocol wants to grow with every word."""
    last = -1.0

    async def report(heard: Heard) -> None:
        nonlocal last
        last = round(heard.done if heard.done > last else last + 0.001, 3)
        await ctx.report_progress(last, heard.total, heard.text)

    return report


def told(function: FunctionT) -> FunctionT:
    """A tool whose ``SkvmError`` reaches the client as its line and its line of help."""

    @functools.wraps(function)
    async def tell(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except SkvmError as error:
            raise ToolError(error.message + (f"\nhelp: {error.help}" if error.help else "")) from error

    return tell  # type: ignore[return-value]


def flag(name: str, value: object) -> tuple[str, ...]:
    """``--name=value``, or nothing where there is no value.

    Raises:
        UsageError: It cannot stand in a command line.
    """
    if value is None or value is False or value in ("", ()):
        return ()
    if isinstance(value, str) and "\0" in value:
        raise UsageError(f"{name}: a text with a zero byte cannot be given here", help="leave it out of it")
    return (f"--{name}",) if value is True else (f"--{name}={value}",)
