"""The compiler's contract: passes over an immutable skill, every change an edit with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from skvm.diagnostics import Diagnostic, Span
from skvm.registry import Registry
from skvm.skill.edit import Edit
from skvm.skill.ir import Skill
from skvm.target.contract import Level
from skvm.target.profile import Profile

__all__ = [
    "PASSES",
    "CompileOptions",
    "CompilerPass",
    "Counsel",
    "Gap",
    "PassContext",
    "PassResult",
    "Requirement",
    "compiler_pass",
]


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a skill needs of a primitive, and where it says so.

    Args:
        purpose_id: Which purpose of the skill needs it.
        primitive_id: Which primitive.
        level: At least this level (L1–L3).
        evidence: The words of the skill that say so.
        span: Where they stand in ``SKILL.md``.
        path: The bundle file those words are about, where its content decides the level.
        by_model: Whether only the compiler model says so; the static analysis does not see it.
    """

    purpose_id: str
    primitive_id: str
    level: Level
    evidence: str
    span: Span
    path: str | None = None
    by_model: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A requirement the target does not meet.

    Args:
        requirement: What is needed.
        target_level: What the profile says; a primitive the profile does not hold is unmeasured, not a gap.
    """

    requirement: Requirement
    target_level: Level

    @property
    def kind(self) -> str:
        """``missing`` at L0, else ``weak``."""
        return "missing" if self.target_level is Level.L0 else "weak"


A = TypeVar("A", bound=BaseModel)


class Counsel(Protocol):
    """A model the compiler may ask. Every answer is recorded, so that no question is asked twice."""

    @property
    def model(self) -> str:
        """Full model id."""

    @property
    def answers(self) -> Mapping[str, Any]:
        """The record of every answer given so far, by the key of its question; JSON values."""

    async def ask(self, prompt: str, answer: type[A], *, system: str = "") -> A:
        """Ask one question and get a checked answer.

        Args:
            prompt: The question; with ``system`` and the schema of ``answer`` it is the key of the record.
            answer: The form of the answer.
            system: What the model is told it is.

        Raises:
            FindingsError: No usable answer after the retries; or the compile is frozen and none is recorded.
            InfrastructureError: The model cannot be reached, or did not answer in time.
        """


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What a person decides of a compile beside the target; all of it is part of a build's key.

    Args:
        eliminate: Whether hand-holding the target does not need may be moved out of ``SKILL.md``.
        refused: Dependencies that may not be bound, as ``type:name`` (``pip:pandas``).
        compiler_model: Full id of the model that is asked, ``none`` for a static compile.
        accept: Pairs of runs a variant is measured by before it may stand; 0 for none.
        accept_tasks: Digests of the tasks given for that.
    """

    eliminate: bool = True
    refused: tuple[str, ...] = ()
    compiler_model: str = "none"
    accept: int = 0
    accept_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassContext:
    """What a pass may read.

    Args:
        model: Full model id of the target.
        harness: Harness name of the target.
        profile: The target's profile; ``None`` only for passes that need none.
        artifacts: What earlier passes produced, by artifact key; JSON values.
        options: What the person decided.
        counsel: The compiler model; ``None`` for a static compile.
    """

    model: str
    harness: str
    profile: Profile | None
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    options: CompileOptions = field(default_factory=CompileOptions)
    counsel: Counsel | None = None


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass wants.

    Args:
        edits: Changes to ``SKILL.md``.
        files: Bundle files to add, by path; an agent sees them.
        artifacts: What it found out, by artifact key; JSON values.
        diagnostics: What it noticed.
        records: Files of the variant that are ours, by path; no agent sees them (``plan.json`` …).
        settled: Makes, of the edits the guard lets stand, the artifacts that tell what was done.
    """

    edits: tuple[Edit, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    records: Mapping[str, bytes] = field(default_factory=dict)
    settled: Callable[[Sequence[Edit]], Mapping[str, Any]] | None = None


class CompilerPass(Protocol):
    """One pass; a frozen dataclass whose fields are its options."""

    async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
        """Look at the skill and say what to change; never changes anything itself."""


@dataclass(frozen=True, slots=True)
class RegisteredPass:
    """A pass with its number and what it needs and gives.

    Args:
        id: Its name.
        number: Its number, positive, never reused.
        factory: Makes it with default options.
        needs_profile: Whether it cannot run without one.
        consumes: Artifact keys it reads.
        produces: Artifact keys it gives.
        version: Raised whenever the pass makes something else of the same inputs; part of a build's key.
    """

    id: str
    number: int
    factory: Callable[[], CompilerPass]
    needs_profile: bool = False
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    version: int = 1


PASSES: Registry[RegisteredPass] = Registry("pass", package="skvm.compiler.passes", group="skvm.passes")

P = TypeVar("P", bound=Callable[[], CompilerPass])


def compiler_pass(
    name: str,
    *,
    number: int,
    needs_profile: bool = False,
    consumes: tuple[str, ...] = (),
    produces: tuple[str, ...] = (),
    version: int = 1,
) -> Callable[[P], P]:
    """Register a pass class.

    Raises:
        ValueError: The name is taken, or number or version is not positive.
    """
    if number < 1 or version < 1:
        raise ValueError(f"pass {name!r}: number and version must be positive")

    def decorate(factory: P) -> P:
        PASSES.register(
            name,
            RegisteredPass(name, number, factory, needs_profile, consumes, produces, version),
        )
        return factory

    return decorate
