"""Tools: what a model may ask for, as operations on the cell.

A tool's arguments are a pydantic model; its JSON schema is what the model is shown, and what does not fit
it goes back to the model as an error it can act on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skvm.harness.contract import RunContext, SkillDelivery
from skvm.harness.delivery import safe_name
from skvm.harness.dispatch import EVERYTHING, NOTHING, Touches
from skvm.harness.sandbox import Execution
from skvm.harness.trajectory import Observation, ToolCall, ToolKind

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = [
    "COMMAND_TIMEOUT_S",
    "FILE_TOOLS",
    "OBSERVATION_CHARS",
    "Result",
    "Tool",
    "definition",
    "execution_text",
    "is_loopback",
    "load_skill_tool",
    "observe",
    "run_tool",
    "shorten",
    "touches_of",
]

COMMAND_TIMEOUT_S = 30.0
"""Wall clock of one command."""
FETCH_TIMEOUT_S = 30.0
"""Wall clock of one fetch."""
OBSERVATION_CHARS = 10_000
"""Characters of one observation a model is shown, head and tail; about 2,500–3,500 tokens."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gives back.

    Args:
        text: For the model.
        is_error: Whether it failed.
        exit_code: Of a command.
        is_whole: Never shortened, whatever its length.
        is_truncated: Whether something was left out already.
    """

    text: str
    is_error: bool = False
    exit_code: int | None = None
    is_whole: bool = False
    is_truncated: bool = False


A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """A tool: name, what it does, its arguments, and how it acts.

    Args:
        name: As the model calls it.
        kind: The normalized kind.
        description: For the model.
        arguments: Its arguments.
        act: Does it. ``OSError`` and ``ValueError`` become errors the model sees.
    """

    name: str
    kind: ToolKind
    description: str
    arguments: type[A]
    act: Callable[[RunContext, A], Awaitable[Result]]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ReadFile(_Arguments):
    """Arguments of ``read_file``."""

    path: str = Field(description="Path of the file, relative to the work directory.")


class WriteFile(_Arguments):
    """Arguments of ``write_file``."""

    path: str = Field(description="Path of the file, relative to the work directory.")
    content: str = Field(description="The whole new content of the file.")


class ListDirectory(_Arguments):
    """Arguments of ``list_directory``."""

    path: str = Field(default=".", description="Path of the directory, relative to the work directory.")


class ExecuteCommand(_Arguments):
    """Arguments of ``execute_command``."""

    command: str = Field(description="A shell command line.")


class WebFetch(_Arguments):
    """Arguments of ``web_fetch``."""

    url: str = Field(description="An http or https URL.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None


class LoadSkill(_Arguments):
    """Arguments of ``load_skill``."""

    name: str = Field(description="Name of the skill.")


async def _read_file(context: RunContext, arguments: ReadFile) -> Result:
    data = await context.cell.read(arguments.path)
    return Result(data.decode("utf-8", "replace"))


async def _write_file(context: RunContext, arguments: WriteFile) -> Result:
    data = arguments.content.encode("utf-8", "replace")
    await context.cell.write(arguments.path, data)
    return Result(f"Wrote {len(data)} bytes to {arguments.path}.")


async def _list_directory(context: RunContext, arguments: ListDirectory) -> Result:
    entries = await context.cell.list(arguments.path)
    lines = [f"{entry.name}/" if entry.is_dir else f"{entry.name}  {entry.size_bytes} B" for entry in entries]
    return Result("\n".join(lines) or "The directory is empty.")


async def _execute_command(context: RunContext, arguments: ExecuteCommand) -> Result:
    execution = await context.cell.execute(arguments.command, timeout_s=COMMAND_TIMEOUT_S)
    return Result(
        execution_text(execution),
        is_error=execution.is_timed_out,
        exit_code=execution.exit_code,
        is_truncated=execution.is_truncated,
    )


def _is_of_the_site(url: str, context: RunContext) -> bool:
    if context.site_origin is None:
        return False
    asked, site = urlsplit(url), urlsplit(context.site_origin)
    return asked.hostname in {site.hostname, "localhost"} and asked.port == site.port


async def _web_fetch(context: RunContext, arguments: WebFetch) -> Result:
    parts = urlsplit(arguments.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"only http and https URLs can be fetched, not {arguments.url!r}")
    if not context.network and not _is_of_the_site(arguments.url, context):
        raise ValueError("this task runs without a network; nothing can be fetched")
    fetched = await context.cell.fetch(
        arguments.url,
        method=arguments.method,
        headers=arguments.headers,
        body=arguments.body.encode() if arguments.body is not None else None,
        timeout_s=FETCH_TIMEOUT_S,
    )
    text = f"HTTP {fetched.status}\n\n{fetched.text}"
    return Result(text, is_error=fetched.status >= 400, is_truncated=fetched.is_truncated)


def load_skill_tool(skill: SkillDelivery) -> Tool[LoadSkill]:
    """The tool through which a model loads a skill it has been told of."""

    async def act(context: RunContext, arguments: LoadSkill) -> Result:
        if safe_name(arguments.name).casefold() != safe_name(skill.name).casefold():
            raise ValueError(f"there is no skill {arguments.name!r}; the skill is called {skill.name!r}")
        return Result(skill.content, is_whole=True)

    return Tool(
        "load_skill", ToolKind.OTHER, "Load the full instructions of a skill by its name.", LoadSkill, act
    )


FILE_TOOLS: tuple[Tool[Any], ...] = (
    Tool("read_file", ToolKind.READ, "Read a text file.", ReadFile, _read_file),
    Tool("write_file", ToolKind.WRITE, "Create or overwrite a file.", WriteFile, _write_file),
    Tool("list_directory", ToolKind.LIST, "List a directory.", ListDirectory, _list_directory),
    Tool(
        "execute_command",
        ToolKind.RUN,
        "Run a shell command in the work directory; gives its output and exit code.",
        ExecuteCommand,
        _execute_command,
    ),
    Tool("web_fetch", ToolKind.FETCH, "Fetch a URL.", WebFetch, _web_fetch),
)
"""The tools of ``bare-agent``."""


# A tool made for one run is not kept for ever.
@lru_cache(maxsize=64)
def definition(tool: Tool[Any]) -> ToolDefinition:
    """A tool as the model is shown it."""
    from pydantic_ai.tools import ToolDefinition

    schema = tool.arguments.model_json_schema()
    properties = {
        name: {key: value for key, value in described.items() if key != "title"}
        for name, described in schema["properties"].items()
    }
    parameters = {"type": "object", "properties": properties, "required": schema.get("required", [])}
    return ToolDefinition(
        name=tool.name, description=tool.description, parameters_json_schema=parameters, strict=False
    )


async def run_tool(
    tools: Mapping[str, Tool[Any]], context: RunContext, call: ToolCall, *, also: Iterable[str] = ()
) -> Result:
    """Run one call; whatever is wrong with it comes back as an error result.

    Args:
        tools: By name.
        context: Of the run.
        call: What the model asked for.
        also: Names of tools it has beside these, to name where there is none of the name.

    Raises:
        InfrastructureError: The cell is dead.
    """
    tool = tools.get(call.name)
    if tool is None:
        return Result(f"There is no tool {call.name!r}. Tools: {', '.join((*tools, *also))}.", is_error=True)
    if call.raw_arguments is not None:
        wanted = ", ".join(tool.arguments.model_fields)
        return Result(
            f"The arguments of {call.name} are not a valid JSON object. Send one with: {wanted}.",
            is_error=True,
        )
    try:
        arguments = tool.arguments.model_validate(call.arguments)
    except ValidationError as error:
        return Result(f"Wrong arguments for {call.name}: {_complaints(error)}.", is_error=True)
    try:
        return await tool.act(context, arguments)
    except (OSError, ValueError) as error:
        return Result(f"{call.name} failed: {error}", is_error=True)


def touches_of(call: ToolCall) -> Touches | None:
    """What one call of these tools touches; ``None`` for a command, which has to be read for that.

    Args:
        call: By its kind; one whose arguments do not fit is only told so.
    """
    arguments, kind = call.arguments, call.kind
    if kind is ToolKind.RUN:
        return None if isinstance(arguments.get("command"), str) else NOTHING
    if kind is ToolKind.FETCH:
        return _touches_of_fetch(arguments)
    path = arguments.get("path", "." if kind is ToolKind.LIST else None)
    if kind is ToolKind.OTHER or not isinstance(path, str):
        return NOTHING
    if ":" in path and not path.startswith("/"):
        # Else it might be taken for the name of something that is no file.
        path = f"./{path}"
    if kind in {ToolKind.READ, ToolKind.LIST}:
        return Touches(reads=(path,))
    return Touches(writes=(path,))


def _touches_of_fetch(arguments: Mapping[str, Any]) -> Touches:
    try:
        host = urlsplit(str(arguments.get("url"))).hostname
    except ValueError:
        return NOTHING
    if not host or is_loopback(host):
        # What answers there is a program beside the agent, and may do anything.
        return EVERYTHING if host else NOTHING
    name = (f"host:{host}",)
    is_question = str(arguments.get("method", "GET")) in {"GET", "HEAD", "OPTIONS"}
    return Touches(reads=name) if is_question else Touches(reads=name, writes=name)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or not name.strip("0123456789abcdefx:.[]")


def _complaints(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
    )


def execution_text(execution: Execution) -> str:
    """What a command left, as a model is shown it: exit status first, then all output."""
    if execution.is_timed_out:
        status = f"[stopped after {execution.duration_ms / 1000:.0f} s]"
    else:
        status = f"[exit code {execution.exit_code}]"
    streams = [stream.rstrip("\n") for stream in (execution.stdout, execution.stderr)]
    output = "\n".join(stream for stream in streams if stream.strip())
    dropped = "\n[more output was dropped]" if execution.is_truncated else ""
    return f"{status}\n{output or '(no output)'}{dropped}"


def shorten(text: str, limit: int = OBSERVATION_CHARS) -> str:
    """Cut the middle out of a long text and say how much is missing.

    Args:
        text: Any text.
        limit: Characters kept, two thirds of them from the start.
    """
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[len(text) - tail :]}"


def observe(call: ToolCall, result: Result, *, duration_ms: float, limit: int) -> Observation:
    """A result as the record of it.

    Args:
        call: What was asked for.
        result: What came.
        duration_ms: How long it took.
        limit: Characters shown to the model, unless the result is whole.
    """
    text = result.text if result.is_whole else shorten(result.text, limit)
    return Observation(
        tool_call_id=call.id,
        text=text,
        is_error=result.is_error,
        exit_code=result.exit_code,
        duration_ms=duration_ms,
        is_truncated=result.is_truncated or text != result.text,
    )
