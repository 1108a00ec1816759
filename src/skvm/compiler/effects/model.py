"""The values: what a piece of code or a step reads, writes, calls and reaches, and the steps themselves.

Things are named by one string each. A file is its path or a pattern, ``*`` anything at all; what is no file
carries a scheme: ``env:`` (installed software and variables), ``git:`` (a repository's history), ``host:x``
(what a host keeps), ``person:`` (what a person is shown), ``program:`` (what a
running program holds in memory).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from skvm.diagnostics import Span

__all__ = [
    "ANYTHING",
    "ENVIRONMENT",
    "NOTHING",
    "PERSON",
    "PROGRAM",
    "REPOSITORY",
    "Action",
    "Effects",
    "Evidence",
    "Repetition",
    "SkillEffects",
    "SkillStep",
    "StepKind",
    "Workflow",
    "merged",
]

ANYTHING = "*"
ENVIRONMENT = "env:"
REPOSITORY = "git:"
PERSON = "person:"
PROGRAM = "program:"


@dataclass(frozen=True, slots=True)
class Effects:
    """What something touches; every tuple sorted, each entry once.

    Args:
        reads: Files and other things it reads.
        writes: Those it makes, changes or removes.
        calls: Programs it runs.
        hosts: Hosts it reaches; ``*`` where it uses the network and does not say where.
        is_open: Whether it may touch what is not listed: counts as touching everything.
        exclusive: What it must have for itself while it works: ``browser``, ``db:stock.sqlite``.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    is_open: bool = False
    exclusive: tuple[str, ...] = ()


NOTHING = Effects()
"""The effects of what touches nothing."""


def merged(parts: Iterable[Effects]) -> Effects:
    """The effects of several things together."""
    found = list(parts)
    if len(found) == 1:
        return found[0]
    return Effects(
        tuple(sorted({name for part in found for name in part.reads})),
        tuple(sorted({name for part in found for name in part.writes})),
        tuple(sorted({name for part in found for name in part.calls})),
        tuple(sorted({name for part in found for name in part.hosts})),
        any(part.is_open for part in found),
        tuple(sorted({name for part in found for name in part.exclusive})),
    )


@dataclass(frozen=True, slots=True)
class Action:
    """One thing done: a command, a piece of code, a sentence.

    Args:
        effects: What it touches.
        span: Where it stands in ``SKILL.md``.
        command: The exact command line, if it is one with nothing left to fill in.
    """

    effects: Effects
    span: Span
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The same effects, with where they come from.

    Args:
        effects: What is touched.
        path: The file it stands in, relative to the skill folder.
        span: Its bytes there.
        quote: The words, at most 120 characters of them.
    """

    effects: Effects
    path: str
    span: Span
    quote: str


class StepKind(enum.StrEnum):
    """What a step is, as far as its order matters."""

    READ = "read"
    CHECK = "check"
    WRITE = "write"
    COMMAND = "command"
    ASK = "ask"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Repetition:
    """A step that does the same to each of several things, none of which needs another.

    Args:
        over: What it goes through: a glob, a list, or words of the skill.
        kind: ``glob``, ``list`` or ``named``.
        items: The items, where they are listed.
        variable: What stands for one item in the command.
        command: The command for one item, with ``{item}`` and ``{name}``, if it is exact but for them.
        output: The one file a model writes for each item, with ``{item}`` or ``{name}`` in it.
        inputs: Files beside the item that are read for that.
        span: The words that say so.
        effects: What all rounds together touch, if that is known; else nothing is said.
        why: Why one item does not need another, for a person.
    """

    over: str
    kind: str
    span: Span
    why: str
    items: tuple[str, ...] = ()
    variable: str | None = None
    command: str | None = None
    effects: Effects | None = None
    output: str | None = None
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkillStep:
    """A step of a workflow.

    Args:
        id: Unique in the skill: ``1.2`` is the second step of the first workflow.
        title: Its first words, without markup.
        span: All its bytes.
        kind: What it is.
        effects: What it touches.
        actions: What it does, in order.
        statements: Its commands as they are to be run, each whole: a pipeline, a loop.
        is_commands: Whether its exact statements are all it does.
        uses_context: Whether it needs what earlier steps found or decided.
        informs: Whether it finds or decides something.
        gives_files: Whether all it gives to later steps is in files it writes.
        conditional: Whether it happens only in some cases.
        refers_to: Numbers of steps it names.
        repetitions: What it does to each of several things.
        ordinal: The number it carries in the text.
        text: All its words.
    """

    id: str
    title: str
    span: Span
    kind: StepKind
    effects: Effects
    actions: tuple[Action, ...] = ()
    statements: tuple[Action, ...] = ()
    is_commands: bool = False
    uses_context: bool = True
    informs: bool = True
    gives_files: bool = False
    conditional: bool = False
    refers_to: tuple[int, ...] = ()
    repetitions: tuple[Repetition, ...] = ()
    ordinal: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """Steps that follow each other.

    Args:
        id: Its number, from 1, as text.
        title: The heading it stands under.
        span: From its first step to the end of its last.
        steps: In order of the text.
        stated: Groups of steps (indices) the text says may go at once, each with the words that say so.
    """

    id: str
    title: str
    span: Span
    steps: tuple[SkillStep, ...]
    stated: tuple[tuple[frozenset[int], Span], ...] = ()


@dataclass(frozen=True, slots=True)
class SkillEffects:
    """What static reading found of a skill.

    Args:
        workflows: Its workflows, in order of the text.
        loose: Repetitions that stand in no step of a workflow.
        evidence: Every effect with its source, for permissions.
    """

    workflows: tuple[Workflow, ...] = ()
    loose: tuple[Repetition, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
