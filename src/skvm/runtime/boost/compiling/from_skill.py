"""What a skill's own scripts and fences could be as templates, before any run has used them.

Such a candidate has no skeleton, so it answers nothing: which prompts call for it, and what its files look
like, only runs can show. A run whose code calls the script, or repeats the fence, stands for it from then on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from skvm.compiler.reading.bundle import Bundle, BundleScript
from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.fence_role import code_of, fence_role
from skvm.compiler.reading.prose import Prose
from skvm.compiler.reading.script_use import shown_commands
from skvm.runtime.boost.compiling.align_python import read_python
from skvm.runtime.boost.compiling.align_shell import read_shell_code
from skvm.runtime.boost.compiling.refusals import refusals_of_code
from skvm.runtime.boost.compiling.slots import Filling, Reading, Ref, Slot, Spot, UnfillableError
from skvm.runtime.boost.model import (
    Candidate,
    Check,
    Language,
    Origin,
    Param,
    ParamType,
    Place,
    Template,
)
from skvm.skill.ir import Skill

__all__ = ["MAX_CANDIDATES", "candidates_of", "unbound"]

MAX_CANDIDATES = 12
"""Candidates of one skill; its scripts come first."""
_RUNNERS = {"python": "python3", "shell": "bash"}
_PLACEHOLDER = re.compile(r"<([A-Za-z][\w.-]*)>|\{\{?([A-Za-z][\w.-]*)\}?\}|\[([A-Z][A-Z_]*)\]")
_FILE = re.compile(r"[\w-]+(?:[./][\w-]+)*\.[A-Za-z][A-Za-z0-9]{0,7}")
_NOT_NAME = re.compile(r"[^a-z0-9]+")
_MIN_CHARS = 8


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of code of a skill: what it is called, which script it runs, and words to be filled in."""

    title: str
    note: str
    language: Language
    code: str
    open_words: frozenset[str] = frozenset()


def candidates_of(skill: Skill) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Candidates without skeletons, and why other pieces are none, one line each.

    Args:
        skill: The skill; files of its bundle are read.
    """
    made: dict[str, Candidate] = {}
    findings: list[str] = []
    own = frozenset(resource.path for resource in skill.resources)
    for piece in _pieces(skill):
        try:
            candidate = _candidate(piece, own)
        except UnfillableError as reason:
            findings.append(f"{piece.note}: no candidate: {reason}")
            continue
        made.setdefault(candidate.purpose_id, candidate)
    return tuple(made.values())[:MAX_CANDIDATES], tuple(dict.fromkeys(findings))


def unbound(candidates: Iterable[Candidate], used: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Candidates of a skill that no candidate made of runs stands for.

    Args:
        candidates: Those of the skill.
        used: Those made of runs.
    """
    codes = [candidate.template.code for candidate in used]
    keys = {_key(candidate.template) for candidate in used}
    return tuple(
        each
        for each in candidates
        if _key(each.template) not in keys
        and not any(each.origin.note and _calls(code, each.origin.note) for code in codes)
    )


def _calls(code: str, path: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(path)}(?![\w.-])", code) is not None


def _key(template: Template) -> tuple[str, ...]:
    read = _read(template.language, template.code)
    return (template.language, template.code) if read is None else (template.language, *read.key)


def _pieces(skill: Skill) -> Iterator[_Piece]:
    prose = Prose(skill)
    for script in Bundle(skill).scripts():
        if script.language in _RUNNERS and script.is_program and not script.is_open:
            yield _script_piece(prose, script)
    for fence in skill.fences:
        if fence_role(prose, fence).is_shown:
            continue
        heading = next(
            (each.title for each in reversed(skill.headings) if each.span.start < fence.span.start),
            skill.name,
        )
        code = code_of(prose, fence)
        if is_shell(fence):
            for line in command_lines(code):
                if len(line) >= _MIN_CHARS:
                    yield _Piece(heading, "", Language.SHELL, _plain(line) + "\n")
        elif fence.language in {"python", "py", "python3"}:
            yield _Piece(heading, "", Language.PYTHON, code)


def _script_piece(prose: Prose, script: BundleScript) -> _Piece:
    """A script as the command that runs it: as the skill shows it, else with what it takes."""
    shown = shown_commands(prose, script.path)
    if shown:
        name = re.escape(script.path.rsplit("/", 1)[-1])
        command = re.sub(rf"\S*{name}", lambda _: script.path, shown[0], count=1)
    else:
        taken = [each.usage for each in script.arguments or ()]
        command = " ".join([_RUNNERS[script.language], script.path, *taken])
    title = PurePosixPath(script.path).stem
    return _Piece(title, script.path, Language.SHELL, _plain(command) + "\n", _open_words(command))


def _plain(command: str) -> str:
    """A command with the names of its placeholders in their place."""
    return _PLACEHOLDER.sub(_word, command).strip()


def _open_words(command: str) -> frozenset[str]:
    return frozenset(_word(found) for found in _PLACEHOLDER.finditer(command))


def _word(found: re.Match[str]) -> str:
    return next(name for name in found.groups() if name)


def _read(language: Language, code: str) -> Reading | None:
    return read_python(code) if language is Language.PYTHON else read_shell_code(code)


def _candidate(piece: _Piece, own: frozenset[str]) -> Candidate:
    """One piece as a template whose files are parameters.

    Raises:
        UnfillableError: It cannot be one; the message says why.
    """
    refused = refusals_of_code(piece.language, piece.code)
    if refused:
        raise UnfillableError(refused[0])
    reading = _read(piece.language, piece.code)
    if reading is None:
        raise UnfillableError("it cannot be read as code")
    refs = _refs(reading.slots, piece.open_words, own)
    fills: dict[Spot, Filling] = {Spot(at): (ref,) for at, ref in refs.items()}
    slots = {ref.name: reading.slots[at] for at, ref in refs.items()}
    types = {ref.name: ref.type for ref in refs.values()}
    digest = hashlib.sha256(piece.code.encode("utf-8", "replace")).hexdigest()[:6]
    words = _NOT_NAME.sub("-", piece.title.lower()).strip("-")[:40].strip("-")
    return Candidate(
        purpose_id=f"{words or 'skill'}-{digest}",
        template=Template(
            language=piece.language,
            code=reading.render(fills),
            params=tuple(
                Param(name=name, type=types[name], seen=(slot.value,)) for name, slot in sorted(slots.items())
            ),
            inputs=_checks(name for name, slot in slots.items() if slot.is_path_read),
            outputs=_checks(name for name, slot in slots.items() if slot.is_path_written),
        ),
        keywords=tuple(words.split("-")[:4]) if words else ("skill",),
        origin=Origin(kind="skill", note=piece.note),
    )


def _checks(names: Iterable[str]) -> tuple[Check, ...]:
    return tuple(Check(place=Place(param=name)) for name in sorted(set(names)))


def _refs(slots: Sequence[Slot], open_words: frozenset[str], own: frozenset[str]) -> Mapping[int, Ref]:
    """A parameter for every constant that names a file not the skill's own, or that is to be filled in."""
    found: dict[int, Ref] = {}
    names: dict[str, str] = {}
    for at, slot in enumerate(slots):
        if slot.kind != "string" or slot.value in own:
            continue
        is_file = slot.is_path_read or slot.is_path_written or _FILE.fullmatch(slot.value) is not None
        if is_file or slot.value in open_words:
            name = names.setdefault(slot.value, _name(slot.value, set(names.values())))
            found[at] = Ref(name, ParamType.PATH if is_file else ParamType.STRING)
    return found


def _name(value: str, taken: set[str]) -> str:
    plain = _NOT_NAME.sub("_", PurePosixPath(value).stem.lower()).strip("_")[:30]
    wanted = plain if plain[:1].isalpha() else f"file_{plain}".strip("_")
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name
