"""Workbenches on a folder, without a sandbox, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, UserPromptPart

from skvm.harness.adapters.bare_agent import BareAgent
from skvm.harness.contract import RunContext
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.sandbox import Cell
from skvm.runtime.plan.working.agents import Helper
from skvm.runtime.plan.working.workbench import Workbench
from tests.unit.runtime.plan.making import Everything, Remembered

Answer = Callable[[list[ModelMessage]], Awaitable[ModelResponse]]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Cell]:
    yield FakeCell(folder)


def a_context(folder: Path, answers: Sequence[Any], **more: Any) -> RunContext:
    return RunContext(
        prompt="Do the work.",
        model_id="fake/one",
        session=ScriptedSession(answers),
        cell=FakeCell(folder),
        work_dir=folder,
        **({"open_cell": opened} | more),
    )


def a_bench(folder: Path, answers: Sequence[Any] = (), **more: Any) -> Workbench:
    """A workbench; with answers it has an agent."""
    helper = Helper(BareAgent(), a_context(folder, answers)) if answers else None
    given = {"share": Everything(), "log": Remembered(), "agent": helper} | more
    return Workbench(FakeCell(folder), folder, **given)


def words_of(messages: Sequence[ModelMessage]) -> str:
    """What the last message says."""
    return "\n".join(str(part.content) for part in messages[-1].parts if isinstance(part, UserPromptPart))


def said(text: str, **more: Any) -> ModelResponse:
    return ModelResponse([TextPart(text)], **({"finish_reason": "stop"} | more))
