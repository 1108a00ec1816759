"""What a model is shown for a question whose answer is a file.

The words are the same for all items of a map up to the item itself, which comes last: a provider reads what
they share once, and so do we.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from skvm.errors import InfrastructureError
from skvm.harness.contract import RunContext
from skvm.harness.delivery import injected_section
from skvm.harness.sandbox import Cell
from skvm.runtime.plan.model import AskJob
from skvm.runtime.plan.working.items import find_files, is_pattern, safe_path

__all__ = ["Question", "Shared", "question_of", "shared_of"]

SYSTEM = """\
You write the content of one file. You are given a step of a task and the files it needs.
Answer with the whole content of the file and with nothing else: no introduction, no remark, no fence.
Never invent what the files do not say."""
SHOWN_CHARS = 60_000
"""Characters of all files of a question."""

_CHANGES = re.compile(
    r"\b(?:add(?=s?\b|ed|ing)|append|amend|chang|complet|correct|edit|extend|fill|fix|insert|prepend|remov|replac|revis|rewrit"
    r"|updat)\w*|追加|更新|修改|补充|添加|替换|删除",
    re.IGNORECASE,
)
"""Words of a step that may mean a file as it is; one that is only to be written is not shown."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all questions of a map have in common.

    Args:
        system: The system text.
        text: How the question begins.
        room_chars: Characters that may still be shown.
    """

    system: str
    text: str
    room_chars: int

    @property
    def chars(self) -> int:
        """How long it is, in characters."""
        return len(self.system) + len(self.text)


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked.

    Args:
        shared: What it has in common with others.
        own: What is this one's.
        output: The file the answer is written to.
    """

    shared: Shared
    own: str
    output: str


async def shared_of(job: AskJob, context: RunContext) -> Shared:
    """Read the files all items of a map are shown.

    Raises:
        InfrastructureError: One cannot be read, is no text, or all of them are too long.
        UsageError: A path leads out of the work directory.
    """
    parts = [
        f"The whole task:\n<task>\n{context.prompt.strip()}\n</task>",
        f"Do this one step of it:\n<step>\n{job.instruction.strip()}\n</step>",
    ]
    room_chars = SHOWN_CHARS
    for name in await _names(job.inputs, context.work_dir):
        text = await _read(context.cell, name, room_chars)
        room_chars -= len(text)
        parts.append(_shown(name, text))
    skill = context.skill
    system = SYSTEM if skill is None else f"{SYSTEM}\n\n{injected_section(skill)}"
    return Shared(system, "\n\n".join(parts), room_chars)


async def question_of(job: AskJob, context: RunContext, shared: Shared) -> Question:
    """Put a question; reads its own file, if it is about one.

    Raises:
        InfrastructureError: It cannot be read, is no text, or too long.
        UsageError: A path leads out of the work directory.
    """
    own = []
    if job.item is not None:
        own.append(f"Do it for this one: {job.item}")
        if await anyio.to_thread.run_sync(_is_file, context.work_dir, job.item):
            own[0] += f"\n{_shown(job.item, await _read(context.cell, job.item, shared.room_chars))}"
    output = safe_path(job.output)
    if _CHANGES.search(job.instruction) and output not in job.inputs and output != job.item:
        own += await _present(context, output, shared.room_chars - sum(map(len, own)))
    own.append(f"Answer with the content of {output}.")
    return Question(shared, "\n\n".join(own), output)


async def _present(context: RunContext, output: str, room_chars: int) -> list[str]:
    """What the file holds that is to be changed, if it is there: the answer takes its place."""
    if not await anyio.to_thread.run_sync(_is_file, context.work_dir, output):
        return []
    text = await _read(context.cell, output, room_chars)
    return [f"{output} is there already. Keep what the step does not change of it:\n{_shown(output, text)}"]


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


async def _read(cell: Cell, name: str, room_chars: int) -> str:
    try:
        text = (await cell.read(name, max_bytes=4 * SHOWN_CHARS)).decode("utf-8")
    except OSError as error:
        raise InfrastructureError(f"{name}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise InfrastructureError(f"{name}: is no text a model can be shown") from None
    if len(text) > room_chars:
        raise InfrastructureError(f"{name}: the files of one question hold over {SHOWN_CHARS:,} characters")
    return text


def _is_file(work_dir: Path, name: str) -> bool:
    try:
        return bool(name.strip()) and (work_dir / name).is_file()
    except (OSError, ValueError):
        return False
