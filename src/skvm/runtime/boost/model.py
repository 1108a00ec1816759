"""The values of boost: what a template is, when it may answer, and what happened when it did.

A ``Template`` is code with typed parameters, together with what must hold before it runs (its inputs) and
after (its outputs). It is executed by a small program inside the harness's own sandbox, which is handed the
template as a file and the parameters as JSON: no value ever becomes part of code. A ``Candidate`` says for
which prompts a template stands and where each parameter comes from. A ``BoostEvent`` is evidence.
"""

from __future__ import annotations

import enum
import hashlib
import json
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from skvm.evidence.record import Record

__all__ = [
    "BoostEvent",
    "Candidate",
    "Check",
    "Event",
    "Language",
    "Origin",
    "Param",
    "ParamType",
    "Place",
    "Relation",
    "Skeleton",
    "Source",
    "Template",
    "WatchRecord",
]


class _Stored(Record):
    """A record whose keys are camelCase on disk."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, alias_generator=to_camel)


class Language(enum.StrEnum):
    """What a template's code is."""

    PYTHON = "python"
    SHELL = "shell"


class ParamType(enum.StrEnum):
    """What a parameter's value may be.

    ``path`` is relative, stays within the work directory and does not begin with ``-``; ``enum`` is one of
    the values seen; ``list`` is a list of strings.
    """

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    PATH = "path"
    ENUM = "enum"
    LIST = "list"


class Param(_Stored):
    """One parameter of a template.

    Args:
        name: A lower-case identifier. Python code finds the value at ``P["name"]``, shell code in the
            variable ``P_name`` (a list one item a line).
        type: What values it takes.
        description: For a person.
        values: What an ``enum`` may be.
        seen: Values of the runs it was made from, each once, in order.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    type: ParamType
    description: str = ""
    values: tuple[str, ...] = ()
    seen: tuple[Any, ...] = ()


class Place(_Stored):
    """A file: at a fixed path of the work directory, or where a parameter says; exactly one of both."""

    path: str | None = None
    param: str | None = None


class Relation(_Stored):
    """Something that held between an output and an input of a step in every run that was looked at.

    Args:
        name: Which relation (``inside/relations.py`` knows them).
        input: Index into ``Template.inputs``; ``None`` where it is about the output alone.
        arguments: Its arguments; a text ``$name`` stands for the value of that parameter.
    """

    name: str
    input: int | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)


class Check(_Stored):
    """What must hold of one file.

    Args:
        place: The file.
        shape: What it must look like, in the language of ``inside/shapes.py``.
        relations: For outputs: what else must hold.
        is_optional: Whether it may be absent.
    """

    place: Place
    shape: dict[str, Any] = Field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    is_optional: bool = False


class Template(_Stored):
    """Code with typed parameters, its guard and its postcondition.

    Args:
        language: What the code is.
        code: The code itself; it is the same for all values of the parameters.
        params: Its parameters, in order of name.
        inputs: The guard: files it reads.
        outputs: The postcondition: files it writes; a step that touches any other file did not hold.
        stdout: ``None``: whatever it prints; else a shape its standard output must have.
        timeout_s: Wall clock of the code.
    """

    language: Language
    code: str
    params: tuple[Param, ...] = ()
    inputs: tuple[Check, ...] = ()
    outputs: tuple[Check, ...] = ()
    stdout: dict[str, Any] | None = None
    timeout_s: float = Field(default=60.0, gt=0)

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hex digits of everything above but descriptions and seen values."""
        plain = self.model_dump(mode="json", by_alias=True)
        for param in plain["params"]:
            del param["description"], param["seen"]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Skeleton(_Stored):
    """A prompt with holes: its fixed texts and parameters in turn.

    Args:
        texts: What stands between the holes, white space folded to single spaces; one more than ``params``.
        params: The parameter that stands at each hole; one may stand at several, with the same value.
    """

    texts: tuple[str, ...]
    params: tuple[str, ...] = ()


class Source(_Stored):
    """Where the value of a parameter comes from.

    Args:
        kind: ``prompt``: a hole of the skeleton; ``file``: a value in an input file; ``listing``: the only
            file of the work directory whose name matches; ``derived``: made of the name of a file that
            another parameter names. What a run learnt from a tool's answer comes from where the tool had it.
        file: For ``file`` and ``derived``: which one.
        locator: For ``file``: ``/json/pointer``, ``header:INDEX`` of a CSV or ``line:INDEX``; for
            ``listing`` a glob such as ``*.csv``; for ``derived`` a text in which ``{stem}`` stands for the
            name without its extension.
    """

    kind: Literal["prompt", "file", "listing", "derived"] = "prompt"
    file: Place | None = None
    locator: str = ""


class Origin(_Stored):
    """What a candidate was made from: runs, a skill's own words, or a file of the existing system."""

    kind: Literal["runs", "skill", "foreign"]
    run_ids: tuple[str, ...] = ()
    skill_digest: str | None = None
    note: str = ""


class Candidate(_Stored):
    """A template and the prompts it stands for.

    Args:
        purpose_id: Unique within a skill; kebab-case.
        skeletons: The prompts it answers; none means it is only watched.
        sources: Where the values of parameters come from that are no holes of a skeleton, by name.
        template: What answers.
        is_terminal: Whether the run ended after this step in every run it was made from, and the closing
            message said nothing a program cannot say.
        closing: The closing message of a terminal hit; ``{outputs}`` and ``{stdout}`` are filled in once.
        keywords: Words of its prompts, for readers of the existing system.
        origin: What it was made from.
        is_enabled: Whether a person left it on.
    """

    purpose_id: str
    skeletons: tuple[Skeleton, ...] = ()
    sources: dict[str, Source] = Field(default_factory=dict)
    template: Template
    is_terminal: bool = False
    closing: str = ""
    keywords: tuple[str, ...] = ()
    origin: Origin
    is_enabled: bool = True

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hex digits of all that decides what it answers: what evidence is about.

        A template that gets a further skeleton answers other prompts, and what was seen of it before says
        nothing of those.
        """
        plain = self.model_dump(
            mode="json", by_alias=True, include={"skeletons", "sources", "is_terminal", "closing"}
        )
        text = json.dumps({"template": self.template.digest, **plain}, sort_keys=True, ensure_ascii=False)
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Event(enum.StrEnum):
    """What can happen to a candidate; see ``standing.py`` for what it means.

    ``replayed``: run on a recorded run that took no part in making it. ``fuzzed``: run on changed values.
    ``shadowed``: run beside the model. ``answered``: it answered in the model's place. ``drifted``: the
    prompt was its own, the files were not. ``compiled``, ``enabled``, ``disabled``: what a person or the
    compiler did.
    """

    COMPILED = "compiled"
    REPLAYED = "replayed"
    FUZZED = "fuzzed"
    SHADOWED = "shadowed"
    ANSWERED = "answered"
    DRIFTED = "drifted"
    ENABLED = "enabled"
    DISABLED = "disabled"


class BoostEvent(_Stored):
    """One thing that happened to a candidate (journal kind ``boost``).

    Args:
        event: What.
        skill_id, skill_digest, model, harness: For which skill, as delivered, on which target.
        purpose_id, template_digest: Which candidate; the digest is ``Candidate.digest``.
        run_id: In which run; ``None`` outside one.
        is_good: Whether it held; ``None`` where that could not be told (no evidence either way).
        reason: One line where it did not hold, or could not be told.
        turn: At which turn it answered.
        params: The values, by name.
        match_ms: From the prompt to the turn that was answered.
        step_ms: From that turn to its result.
        is_terminal: Whether the closing message was answered, too.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    event: Event
    skill_id: str
    skill_digest: str
    model: str
    harness: str
    purpose_id: str
    template_digest: str
    run_id: str | None = None
    is_good: bool | None = None
    reason: str = ""
    turn: int | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    match_ms: float | None = None
    step_ms: float | None = None
    is_terminal: bool = False
    at: datetime


class WatchRecord(_Stored):
    """What lay in the work directory of a watched run, turn by turn (journal kind ``boost_watch``).

    Args:
        run_id, skill_id, skill_digest, model, harness: Which run.
        states: Before each turn, and after the last: blob digest by path. A state that was too large to be
            kept is ``None``, and so is every later one.
        boosted_turns: Turns a template answered.
        failure: Why boost gave up in this run, if it did.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    run_id: str
    skill_id: str
    skill_digest: str
    model: str
    harness: str
    states: tuple[dict[str, str] | None, ...]
    boosted_turns: tuple[int, ...] = ()
    failure: str = ""
