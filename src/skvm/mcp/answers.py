"""What tools answer: the document a command prints with ``--json``, in an envelope that is the same for all.

The documents are those of the command line, with the same names; here stand the parts a client may count
on. What is not named is passed on as it is.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from skvm.errors import SkvmError, UsageError
from skvm.mcp.jobs import Job

__all__ = ["Answer", "Document", "Going", "answer_of"]


class Document(BaseModel):
    """A document of the command line."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Going(BaseModel):
    """How far a command is."""

    done: float
    total: float | None = None
    text: str = ""


DocumentT = TypeVar("DocumentT", bound=Document)


class Answer(BaseModel, Generic[DocumentT]):
    """What came of a call."""

    state: Literal["done", "running"] = Field(
        description="running: not over within wait_s; ask again with the tool job"
    )
    exit_code: int | None = Field(
        default=None, description="0 fine, 1 findings or a failed job, as on the command line"
    )
    job: str | None = Field(default=None, description="for the tools job and job_cancel, while it runs")
    session: str | None = Field(default=None, description="the bench session; bench resumes it")
    progress: Going | None = None
    notes: list[str] = Field(default=[], description="warnings, and what to do next")
    result: DocumentT | None = None


class Check(Document):
    """One thing that was checked of the machine."""

    name: str
    status: str
    detail: str | None = None
    help: str | None = None


class Doctor(Document):
    """What the machine can do."""

    ok: bool
    checks: list[Check]


class SkillFindings(Document):
    """What is wrong with one skill."""

    path: str
    id: str | None = None
    diagnostics: list[dict[str, Any]]


class Lint(Document):
    """Findings."""

    skills: list[SkillFindings]
    summary: dict[str, int]


class Analysis(Document):
    """What skills hold."""

    skills: int
    kinds: dict[str, int]


class Explained(Document):
    """Codes of diagnostics."""

    code: str | None = None
    title: str | None = None
    explanation: str | None = None


class Profiles(Document):
    """Profiles of targets; after a measurement, what each took."""

    profiles: list[dict[str, Any]] = []
    estimates: list[dict[str, Any]] = []


class Compiled(Document):
    """Variants that were built."""

    compiled: list[dict[str, Any]]


class Verified(Document):
    """Whether a proof holds."""


class Run(Document):
    """One run."""

    run_id: str
    outcome: str
    score: float | None = None
    criteria: list[dict[str, Any]] = []
    final_text: str | None = None


class Bench(Document):
    """A bench; of a dry run, its plan and forecast."""

    sessionId: str | None = None  # noqa: N815 - as the command line says it
    summary: dict[str, Any] | None = None
    comparisons: list[dict[str, Any]] = []
    exclusions: list[Any] = []


class Sessions(Document):
    """Bench sessions."""

    sessions: list[dict[str, Any]]


class Plan(Document):
    """A plan, or what came of running it."""


class Proposals(Document):
    """Proposals, or one of them."""


class Started(Document):
    """A session of the optimizer in the background."""

    proposal: str


def answer_of(job: Job, kind: type[DocumentT]) -> Answer[DocumentT]:
    """The answer of a call that has waited for its command.

    Args:
        job: The command.
        kind: What it prints.

    Raises:
        SkvmError: It could not go on; message and help are its own.
    """
    if job.state == "cancelled":
        raise UsageError(f"{job.verb} was cancelled", help=_going_on(job))
    if job.error is not None:
        raise job.error
    if job.ended is None:
        heard = job.heard
        going = None if heard is None else Going(done=heard.done, total=heard.total, text=heard.text)
        return Answer[kind](state="running", job=job.id, session=job.session, progress=going)  # type: ignore[valid-type]
    ended = job.ended
    if ended.document is None:
        raise _failure(job)
    return Answer[kind](  # type: ignore[valid-type]
        state="done",
        exit_code=ended.exit_code,
        session=job.session,
        notes=list(ended.notes),
        result=kind.model_validate(ended.document),
    )


def _failure(job: Job) -> SkvmError:
    """What a command that printed no document says went wrong."""
    notes = job.ended.notes if job.ended is not None else ()
    said = [line.removeprefix("error: ").removeprefix("Error: ") for line in notes if _is_error(line)]
    help_lines = [line.removeprefix("help: ") for line in notes if line.startswith("help: ")]
    code = job.ended.exit_code if job.ended is not None else None
    if not said:
        # A fault of ours: its last lines tell most.
        said = [" | ".join(notes[-3:]) or "it said nothing"]
    help_lines += [each for each in (_going_on(job),) if each]
    return SkvmError(f"{job.verb} failed (exit code {code}): {said[-1]}", help="; ".join(help_lines) or None)


def _is_error(line: str) -> bool:
    return line.startswith(("error: ", "Error: "))


def _going_on(job: Job) -> str | None:
    return f"go on with the tool bench, resume={job.session}" if job.session else None


__all__ += [
    "Analysis",
    "Bench",
    "Compiled",
    "Doctor",
    "Explained",
    "Lint",
    "Plan",
    "Profiles",
    "Proposals",
    "Run",
    "Sessions",
    "Started",
    "Verified",
]
