"""A question to a model whose answer is a file: what will do for an answer, and how it is written."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import anyio

from skvm.errors import InfrastructureError
from skvm.evidence.record import Usage
from skvm.harness.contract import MAX_OUTPUT_TOKENS, RunContext
from skvm.harness.history import response_text, response_usage
from skvm.harness.hooks import HookContext
from skvm.harness.sandbox import Cell
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Turn
from skvm.llm.contract import DeadlineExceededError
from skvm.runtime.plan.model import AskJob, Share, StepResult, StepState
from skvm.runtime.plan.working.limits import RunLimits
from skvm.runtime.plan.working.placing import PlacedSession
from skvm.runtime.plan.working.questions import Question, Shared, question_of, shared_of

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model

__all__ = ["ask", "content_of"]

ASK_OUTPUT_TOKENS = 1024
"""Tokens of an answer; one that is cut off there is asked for again with ``MAX_OUTPUT_TOKENS``."""
_ANY_WORDS = 1 << 20
_WORDS_AROUND = {".md": 0, ".markdown": 0, ".rst": 0, ".txt": 200, "": 200}
"""Characters around a fence that are no part of the file, by its suffix: prose may have a fence in it."""
_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)\n?\1[ \t]*$", re.DOTALL | re.MULTILINE)


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
    job: AskJob, context: RunContext, share: Share, limits: RunLimits, *, shared: Shared | None = None
) -> tuple[StepResult, Sequence[Turn]]:
    """Ask, and write the answer; an answer that will not do is asked for once more, with the reason.

    The caller holds the place at the provider.

    Args:
        job: The question.
        context: Whose session, model and skill it is, and in whose cell files are read and written.
        share: The run's.
        limits: Of the run.
        shared: What it has in common with others, if that was read already.

    Raises:
        InfrastructureError: The provider or the cell failed, or a file cannot be shown.
    """
    question = await question_of(job, context, shared or await shared_of(job, context))
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

    shared = question.shared
    user = UserPromptPart(f"{shared.text}\n\n{question.own}")
    return [ModelRequest([SystemPromptPart(shared.system), user])]


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
        except (ValueError, RecursionError) as error:
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
