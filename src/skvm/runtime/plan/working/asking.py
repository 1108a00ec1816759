"""A question to a model whose answer is a file: what it is shown, what will do, how it is written.

The words are the same for all items of a map up to the item itself, which comes last: a provider reads what
they share once.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.evidence.record import Usage
from skvm.harness.contract import MAX_OUTPUT_TOKENS, RunContext
from skvm.harness.delivery import injected_section
from skvm.harness.history import response_text, response_usage
from skvm.harness.hooks import HookContext
from skvm.harness.sandbox import Cell
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Turn
from skvm.llm.contract import DeadlineExceededError
from skvm.runtime.plan.model import AskJob, Share, StepResult, StepState
from skvm.runtime.plan.working.items import find_files, is_pattern, safe_path
from skvm.runtime.plan.working.limits import RunLimits
from skvm.runtime.plan.working.placing import PlacedSession

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model

__all__ = ["Question", "ask", "content_of", "question_of", "shared_chars"]

SYSTEM = """\
You write the content of one file. You are given a step of a task and the files it needs.
Answer with the whole content of the file and with nothing else: no introduction, no remark, no fence.
Never invent what the files do not say."""
ASK_OUTPUT_TOKENS = 1024
"""Tokens of an answer; one that is cut off there is asked for again with ``MAX_OUTPUT_TOKENS``."""
SHOWN_CHARS = 60_000
"""Characters of all files of a question."""
_ANY_WORDS = 1 << 20
_WORDS_AROUND = {".md": 0, ".markdown": 0, ".rst": 0, ".txt": 200, "": 200}
"""Characters around a fence that are no part of the file, by its suffix: prose may have a fence in it."""
_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)\n?\1[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked.

    Args:
        system: The system text.
        shared: What all items of a map have in common.
        own: What is this item's.
        output: The file the answer is written to.
    """

    system: str
    shared: str
    own: str
    output: str


async def question_of(job: AskJob, context: RunContext) -> Question:
    """Read the files of a job and put the question.

    Raises:
        InfrastructureError: A file cannot be read, is no text, or all of them are too long.
        UsageError: A path leads out of the work directory.
    """
    room, cell = _Room(), context.cell
    shared = [
        f"The whole task:\n<task>\n{context.prompt.strip()}\n</task>",
        f"Do this one step of it:\n<step>\n{job.instruction.strip()}\n</step>",
    ]
    names = await _names(job.inputs, context.work_dir)
    shared += [_shown(name, await room.read(cell, name)) for name in names]
    own = []
    if job.item is not None:
        text = await room.read_if_file(cell, context.work_dir, job.item)
        own.append(
            f"Do it for this one: {job.item}" + ("" if text is None else f"\n{_shown(job.item, text)}")
        )
    output = safe_path(job.output)
    own.append(f"Answer with the content of {output}.")
    skill = context.skill
    system = SYSTEM if skill is None else f"{SYSTEM}\n\n{injected_section(skill)}"
    return Question(system, "\n\n".join(shared), "\n\n".join(own), output)


async def shared_chars(job: AskJob, context: RunContext) -> int:
    """About how many characters the questions of a map share."""
    names = await _names(job.inputs, context.work_dir)
    sizes = await anyio.to_thread.run_sync(lambda: sum(_size(context.work_dir / name) for name in names))
    skill = len(context.skill.content) if context.skill is not None else 0
    return skill + len(context.prompt) + len(job.instruction) + sizes


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _shown(name: str, text: str) -> str:
    newline = "" if text.endswith("\n") else "\n"
    return f'<file name="{name}">\n{text}{newline}</file>'


async def _names(inputs: Sequence[str], work_dir: Path) -> list[str]:
    found: dict[str, None] = {}
    for name in inputs:
        if is_pattern(name):
            found |= dict.fromkeys(await anyio.to_thread.run_sync(find_files, work_dir, name))
        else:
            found[safe_path(name)] = None
    return list(found)


@dataclass(slots=True)
class _Room:
    """What a question may still show."""

    chars: int = SHOWN_CHARS

    async def read(self, cell: Cell, name: str) -> str:
        """A file's text.

        Raises:
            InfrastructureError: See ``question_of``.
        """
        try:
            text = (await cell.read(name, max_bytes=4 * SHOWN_CHARS)).decode("utf-8")
        except OSError as error:
            raise InfrastructureError(f"{name}: cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError:
            raise InfrastructureError(f"{name}: is no text a model can be shown") from None
        self.chars -= len(text)
        if self.chars < 0:
            raise InfrastructureError(
                f"{name}: the files of one question hold over {SHOWN_CHARS:,} characters"
            )
        return text

    async def read_if_file(self, cell: Cell, work_dir: Path, name: str) -> str | None:
        """An item's text where the item is a file; ``None`` where it is only a word."""
        files = await anyio.to_thread.run_sync(_is_file, work_dir, name)
        return await self.read(cell, name) if files else None


def _is_file(work_dir: Path, name: str) -> bool:
    try:
        return bool(name.strip()) and (work_dir / name).is_file()
    except (OSError, ValueError):
        return False


@dataclass(slots=True)
class _Asking:
    """One conversation: a question, and once more where the answer will not do."""

    question: Question
    context: RunContext
    session: PlacedSession
    limits: RunLimits
    messages: list[ModelMessage]
    turns: list[Turn] = field(default_factory=list)

    @property
    def bound(self) -> int:
        """Tokens the next answer may have: more the second time, but what the run allows at most."""
        most = self.context.max_output_tokens or MAX_OUTPUT_TOKENS
        return most if self.turns else min(most, ASK_OUTPUT_TOKENS)

    async def next(self, model: Model) -> str:
        """The next answer."""
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.settings import ModelSettings

        settings = ModelSettings(temperature=self.context.temperature, max_tokens=self.bound)
        if self.context.seed is not None:
            settings["seed"] = self.context.seed
        began, before = time.monotonic(), self.session.usage
        response = await model.request(list(self.messages), settings, ModelRequestParameters())
        self.messages.append(response)
        usage = _difference(before, self.session.usage) or response_usage(response)
        text = response_text(response)
        self.turns.append(
            Turn(
                index=len(self.turns),
                text=text,
                dialect=Dialect.TEXT,
                usage=usage,
                duration_ms=(time.monotonic() - began) * 1000,
                finish_reason=response.finish_reason,
            )
        )
        await self._tell(response)
        return text

    async def _tell(self, response: ModelResponse) -> None:
        context = self.context
        hook_context = HookContext(
            context.prompt, context.work_dir, self.turns[-1].index, tuple(self.messages)
        )
        await context.hooks.after_model(hook_context, response)

    def wrote(self, content: str) -> None:
        """Put down that the last answer became the file."""
        call = ToolCall(
            id="0",
            name="write_file",
            kind=ToolKind.WRITE,
            arguments={"path": self.question.output, "content": content},
        )
        said = f"Wrote {len(content.encode())} bytes to {self.question.output}."
        seen = Observation(tool_call_id=call.id, text=said)
        self.turns[-1] = self.turns[-1].model_copy(update={"tool_calls": (call,), "observations": (seen,)})

    @property
    def usage(self) -> Usage:
        return sum((turn.usage for turn in self.turns), Usage())


async def ask(
    job: AskJob, context: RunContext, share: Share, limits: RunLimits
) -> tuple[StepResult, Sequence[Turn]]:
    """Ask, and write the answer; an answer that will not do is asked for once more, with the reason.

    The caller holds the place at the provider.

    Args:
        job: The question.
        context: Whose session, model and skill it is, and in whose cell files are read and written.
        share: The run's.
        limits: Of the run.

    Raises:
        InfrastructureError: The provider or the cell failed, or a file cannot be shown.
    """
    question = await question_of(job, context)
    messages = _begin(question)
    asking = _Asking(question, context, PlacedSession(context.session, share), limits, messages)
    result = StepResult(StepState.FAILED, reason="the deadline passed while the model was asked")
    try:
        with anyio.move_on_after(limits.bound_s):
            result = await _converse(asking, context.cell)
    except DeadlineExceededError:
        pass  # ``result`` says so.
    return StepResult(
        result.state, result.text, result.reason, None, result.digests, asking.usage
    ), asking.turns


def _begin(question: Question) -> list[ModelMessage]:
    from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart

    user = UserPromptPart(f"{question.shared}\n\n{question.own}")
    return [ModelRequest([SystemPromptPart(question.system), user])]


async def _converse(asking: _Asking, cell: Cell) -> StepResult:
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    model = await asking.session.model(asking.context.model_id)
    output, reason = asking.question.output, ""
    for attempt in range(2):
        if not asking.limits.take():
            return StepResult(StepState.FAILED, reason="the model turns of the run are used up")
        if attempt:
            again = f"That will not do: {reason}. Answer with the content of {output} and nothing else."
            asking.messages.append(ModelRequest([UserPromptPart(again)]))
        answer = await asking.next(model)
        content, reason = content_of(answer, output, is_cut=asking.turns[-1].finish_reason == "length")
        if not reason:
            await _write(cell, output, content)
            asking.wrote(content)
            digest = hashlib.sha256(content.encode()).hexdigest()
            return StepResult(StepState.DONE, content[:400], digests={output: digest})
    return StepResult(StepState.FAILED, reason=f"the model gave no content for {output}: {reason}")


def content_of(answer: str, output: str, *, is_cut: bool = False) -> tuple[str, str]:
    """What an answer says the file holds, and why it will not do (``""`` if it does).

    A fence around all of it goes; where words stand around the only fence there is, they go, too, unless
    they may be part of the file.
    """
    text = answer.strip()
    suffix = PurePosixPath(output).suffix.lower()
    blocks = list(_FENCED.finditer(text))
    if len(blocks) == 1 and len(text) - len(blocks[0][0]) <= _WORDS_AROUND.get(suffix, _ANY_WORDS):
        text = blocks[0][2].strip("\n")
    if is_cut:
        return "", "the answer was cut off before its end"
    if not text.strip():
        return "", "the answer was empty"
    if suffix == ".json":
        try:
            json.loads(text)
        except ValueError as error:
            return "", f"it is not valid JSON ({error})"
    # Half a surrogate pair cannot be written.
    return f"{text}\n".encode("utf-8", "replace").decode(), ""


async def _write(cell: Cell, path: str, content: str) -> None:
    """Put the file in its place, through the cell."""
    try:
        await cell.write(path, content.encode())
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror or error}") from error


def _difference(before: Usage, after: Usage) -> Usage | None:
    """What one conversation spent since; ``None`` where its session counts nothing."""
    if before == after:
        return None
    known = before.cost_usd is not None and after.cost_usd is not None
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "calls")
    return Usage(
        **{name: getattr(after, name) - getattr(before, name) for name in names},
        cost_usd=max(0.0, (after.cost_usd or 0.0) - (before.cost_usd or 0.0)) if known else None,
    )
