"""What a judge is asked: one criterion, and excerpts of what an agent did, said and left.

A question is a record, because a deferred judge is asked days later: it holds all that the prompt needs.
Everything in it is redacted first and cut then, so that no cut leaves half a secret.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.evaluate.work_files import Origin, list_files, open_regular, origin_of
from skvm.evidence.record import Record
from skvm.evidence.redact import Redactor
from skvm.harness.trajectory import ToolCall, Trajectory
from skvm.task.model import Criterion

if TYPE_CHECKING:
    from skvm.evaluate.contract import Evidence

__all__ = [
    "Excerpt",
    "JudgeCriterion",
    "JudgeInputs",
    "JudgeQuestion",
    "ShownFile",
    "Step",
    "question_of",
]

MAX_TOOL_INPUT_CHARS = 500
MAX_TOOL_OUTPUT_CHARS = 1_000
MAX_SPEECH_CHARS = 2_000
MAX_TRACE_CHARS = 60_000
MAX_ANSWER_CHARS = 20_000
MAX_TASK_CHARS = 20_000
MAX_FILE_CHARS = 10_000
MAX_FILES_CHARS = 30_000
MAX_SHOWN_FILES = 100
_MAX_NAMES = 20
_MAX_NAME_CHARS = 300
# Room a line of ours takes: many empty steps are not for nothing.
_LINE_CHARS = 80
_READ_BYTES = 1 << 20
# Longer than any shape of secret: what a read that stopped early may have cut in two.
_SLACK_CHARS = 20_000
_BINARY = re.compile(
    r"\.(7z|a|avif|bin|bmp|bz2|class|db|dll|docx?|dylib|eot|exe|flac|gif|gz|heic|ico|jar|jpe?g|mkv|mov|mp[34]|"
    r"np[yz]|o|od[st]|ogg|otf|parquet|pdf|pickle|pkl|png|pptx?|pyc|rar|so|sqlite|tar|tgz|tiff?|ttf|wasm|wav|"
    r"web[mp]|whl|woff2?|xlsx?|xz|zip|zst)",
    re.IGNORECASE,
)


class _Part(Record):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Excerpt(_Part):
    """The beginning of a text.

    Args:
        text: What is shown.
        chars: How long the whole text is, in characters.
    """

    text: str
    chars: int

    @property
    def is_cut(self) -> bool:
        """Whether some of it is left out."""
        return len(self.text) < self.chars


class Step(_Part):
    """One thing that happened.

    Args:
        turn: The agent's turn, from 1.
        kind: The agent said something, called a tool, or got its output; ``gap`` stands for steps left out.
        said: What.
        is_error: Whether the tool failed.
    """

    turn: int
    kind: Literal["says", "calls", "gets", "gap"]
    said: Excerpt
    is_error: bool = False


class ShownFile(_Part):
    """A text file of the work directory.

    Args:
        path: Relative to it.
        origin: Who made it.
        text: Its beginning.
        size_bytes: Of the whole file.
        is_cut: Whether some of it is left out.
    """

    path: str
    origin: Origin
    text: str
    size_bytes: int
    is_cut: bool = False


class JudgeCriterion(_Part):
    """What is judged.

    Args:
        method: The grader's name.
        rubric: Text, or descriptions by score.
        max_score: The best score, > 0.
    """

    method: str = "llm-judge"
    rubric: str | dict[str, str]
    max_score: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class JudgeInputs(_Part):
    """What the judge sees of a run.

    Args:
        trace: Step by step.
        final_output: The agent's last words.
        work_dir_files: Text files, the agent's own first.
        deleted: Given files that are gone.
        left_out: Files that are not shown, one line for each reason.
    """

    trace: tuple[Step, ...] = ()
    final_output: Excerpt
    work_dir_files: tuple[ShownFile, ...] = ()
    deleted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class JudgeQuestion(_Part):
    """A criterion, the task and what a run left behind."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    task: Excerpt
    criterion: JudgeCriterion
    inputs: JudgeInputs


def question_of(criterion: Criterion, evidence: Evidence, redactor: Redactor) -> JudgeQuestion:
    """Gather what a judge is shown. Reads files of the snapshot: async callers move it to a thread.

    Args:
        criterion: A checked ``llm-judge`` criterion.
        evidence: What the run left behind.
        redactor: Replaces secrets.
    """
    rubric = criterion.options["rubric"]
    texts = {str(key): str(value) for key, value in rubric.items()} if isinstance(rubric, dict) else rubric
    shown = _Shown(redactor)
    trajectory = evidence.trajectory
    files, deleted, left_out = shown.files(evidence.snapshot, evidence.given)
    return JudgeQuestion(
        task=shown.excerpt(evidence.task.prompt, MAX_TASK_CHARS),
        criterion=JudgeCriterion(rubric=texts, max_score=float(criterion.options.get("maxScore", 1.0))),
        inputs=JudgeInputs(
            trace=_within(tuple(shown.steps(trajectory)), MAX_TRACE_CHARS),
            final_output=shown.excerpt(trajectory.final_text, MAX_ANSWER_CHARS),
            work_dir_files=files,
            deleted=deleted,
            left_out=left_out,
        ),
    )


class _Shown:
    """Cuts and redacts."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def _redacted(self, text: str, *, is_whole: bool = True) -> str:
        # A file name or a harness of others may hold what UTF-8 does not take.
        clean = self._redactor.text(text).encode("utf-8", "replace").decode("utf-8")
        return clean if is_whole else clean[: max(0, len(clean) - _SLACK_CHARS)]

    def excerpt(self, text: str, max_chars: int) -> Excerpt:
        is_whole = len(text) <= _READ_BYTES
        clean = self._redacted(text[:_READ_BYTES], is_whole=is_whole)
        return Excerpt(text=clean[:max_chars], chars=len(clean) if is_whole else len(text))

    def steps(self, trajectory: Trajectory) -> Iterator[Step]:
        for turn in trajectory.turns:
            number = turn.index + 1
            if turn.text.strip():
                yield Step(turn=number, kind="says", said=self.excerpt(turn.text, MAX_SPEECH_CHARS))
            for call in turn.tool_calls:
                said = self.excerpt(_call_text(call), MAX_TOOL_INPUT_CHARS)
                yield Step(turn=number, kind="calls", said=said)
            for seen in turn.observations:
                said = self.excerpt(seen.text, MAX_TOOL_OUTPUT_CHARS)
                yield Step(turn=number, kind="gets", said=said, is_error=seen.is_error)

    def files(
        self, root: Path, given: Mapping[str, str] | None
    ) -> tuple[tuple[ShownFile, ...], tuple[str, ...], tuple[str, ...]]:
        """Files shown, given files that are gone, and a line for each reason files are not shown."""
        listing = list_files(root)
        left_out = {reason: list(names) for reason, names in listing.left_out.items()}
        found = {name: origin_of(root, name, given) for name in listing.files}
        shown: list[ShownFile] = []
        left_chars = MAX_FILES_CHARS
        # The agent's own work first: what it was given must not use up the room.
        for name in sorted(found, key=lambda name: (found[name] == "given", name)):
            if left_chars <= 0:
                left_out.setdefault(f"beyond {MAX_FILES_CHARS:,} characters", []).append(name)
            elif len(shown) == MAX_SHOWN_FILES:
                left_out.setdefault(f"beyond {MAX_SHOWN_FILES} files", []).append(name)
            elif (file := self._file(root, name, found[name], min(MAX_FILE_CHARS, left_chars))) is None:
                left_out.setdefault("not text", []).append(name)
            else:
                shown.append(file)
                left_chars -= len(file.text)
        seen = {*found, *(name for names in left_out.values() for name in names)}
        # Of a tree that was not looked at to its end nobody knows what is gone.
        gone = sorted(set(given or ()) - seen) if listing.is_whole else []
        lines = tuple(f"{reason}: {self._names(names)}" for reason, names in sorted(left_out.items()))
        return tuple(shown), tuple(map(self._name, gone[:_MAX_NAMES])), lines

    def _file(self, root: Path, name: str, origin: Origin, max_chars: int) -> ShownFile | None:
        if _BINARY.fullmatch(Path(name).suffix):
            return None
        try:
            with open_regular(root / name) as file:
                data, is_whole = file.read(_READ_BYTES), not file.read(1)
                size_bytes = file.seek(0, 2)
            text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=is_whole)
        except (OSError, UnicodeDecodeError):
            return None
        if "\0" in text:
            return None
        clean = self._redacted(text, is_whole=is_whole)
        return ShownFile(
            path=self._name(name),
            origin=origin,
            text=clean[:max_chars],
            size_bytes=size_bytes,
            is_cut=not is_whole or len(clean) > max_chars,
        )

    def _name(self, name: str) -> str:
        return self._redacted(name)[:_MAX_NAME_CHARS]

    def _names(self, names: Sequence[str]) -> str:
        listed = ", ".join(json.dumps(self._name(name), ensure_ascii=False) for name in names[:_MAX_NAMES])
        return listed + (f" and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else "")


def _call_text(call: ToolCall) -> str:
    arguments = call.raw_arguments
    if arguments is None:
        arguments = json.dumps(call.arguments, ensure_ascii=False)
    return f"{call.name[:100]} {arguments}"


def _within(steps: tuple[Step, ...], max_chars: int) -> tuple[Step, ...]:
    """The steps if they fit, else the first third and the last two thirds of what fits."""
    if _fitting(steps, max_chars) == len(steps):
        return steps
    head = _fitting(steps, max_chars // 3)
    rest = steps[head:]
    tail = _fitting(rest[::-1], max_chars - max_chars // 3)
    dropped = rest[: len(rest) - tail]
    chars = sum(step.said.chars for step in dropped)
    gap = Step(turn=dropped[0].turn, kind="gap", said=Excerpt(text=f"{len(dropped)} steps", chars=chars))
    return (*steps[:head], gap, *rest[len(rest) - tail :])


def _fitting(steps: Sequence[Step], max_chars: int) -> int:
    """How many of the first steps fit."""
    for count, step in enumerate(steps):
        max_chars -= len(step.said.text) + _LINE_CHARS
        if max_chars < 0:
            return count
    return len(steps)
