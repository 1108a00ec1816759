"""One command that writes an output: what it is made of, and what of a skill it answers.

Detectors read a variant with this, the assembly rule makes one with it: a requirement is answered only where
the shipped script, unchanged, lies in the bundle with a fields file that computes just what the text asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.need import Reading
from skvm.compiler.reading.commands import command_lines, is_shell
from skvm.compiler.reading.figures import Figure, sentence_figures, sentence_filter
from skvm.compiler.reading.formats import Field, OutputFormat, said_type, sample_of, type_of
from skvm.compiler.reading.prose import Sentence
from skvm.diagnostics import Span
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Skill

__all__ = [
    "Given",
    "Plan",
    "composes",
    "computes",
    "fields_path",
    "fill_commands",
    "fills_output",
    "given",
    "tests_rows",
]

_COMMAND = re.compile(r"python3 (scripts/fill(?:-\d+)?\.py) (\S+)")


@dataclass(frozen=True, slots=True)
class Given:
    """A field the reader supplies.

    Args:
        kind: ``text``, ``number``, ``value`` (either of them), ``boolean``, ``list`` or ``json``.
        form: A filled-in form of it, where it is JSON.
    """

    kind: str
    form: str = ""

    def record(self) -> dict[str, Any]:
        """As the fields file holds it."""
        return {"given": self.kind} | ({"form": self.form} if self.form else {})


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every field of an output comes from.

    Args:
        output: The file.
        fields: By name, in order; a mapping is a record.
    """

    output: str
    fields: Mapping[str, Any]

    def leaves(self) -> Iterator[tuple[str, Figure | Given]]:
        """Every field that is no record, by its path."""
        return _leaves(self.fields)

    @property
    def figures(self) -> list[Figure]:
        """What is computed."""
        return [source for _, source in self.leaves() if isinstance(source, Figure)]

    def data(self) -> bytes:
        """The fields file."""
        record = {"output": self.output, "fields": _records(self.fields)}
        return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def _leaves(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Figure | Given]]:
    for name, source in fields.items():
        if isinstance(source, (Figure, Given)):
            yield f"{before}{name}", source
        else:
            yield from _leaves(source, f"{before}{name}.")


def _records(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: source.record() if isinstance(source, (Figure, Given)) else {"fields": _records(source)}
        for name, source in fields.items()
    }


def given(field: Field) -> Given:
    """A field as something the reader supplies."""
    kind = type_of(field)
    if kind in {"json", "records"}:
        return Given("json", sample_of(field))
    # A number nobody calls one ("`rate`: as agreed") may turn out to be a text.
    is_said = said_type(field) or re.search(
        r"\b(?:number|integer|float|decimal)s?\b", field.says, re.IGNORECASE
    )
    return Given("value" if kind == "number" and not is_said else kind)


def fields_path(output: str) -> str:
    """Where the fields file of an output lies."""
    return f"scripts/{PurePosixPath(output).stem}.fields.json"


def _bytes(skill: Skill, path: str) -> bytes | None:
    held = any(found.path == path for found in skill.resources)
    return resource_bytes(skill, path) if held and (path in skill.contents or skill.root) else None


def _plans(reading: Reading) -> Iterator[dict[str, Any]]:
    """The fields files of every fill command in the text whose scripts are the shipped ones."""
    prose = reading.prose
    skill = prose.skill
    if not any(found.path.endswith(".fields.json") for found in skill.resources):
        return
    if _bytes(skill, "scripts/calc.py") != shipped("calc.py"):
        return
    for fence in skill.fences:
        for line in command_lines(prose.text(fence.content)) if is_shell(fence) else ():
            found = _COMMAND.match(line)
            if found is None or _bytes(skill, found.group(1)) != shipped("fill.py"):
                continue
            data = _bytes(skill, fields_path(found.group(2)))
            plan = _parsed(data) if data else None
            if plan is not None and plan["output"] == found.group(2):
                yield plan


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        plan = json.loads(data)
    except (ValueError, RecursionError):
        return None
    is_plan = isinstance(plan, dict) and isinstance(plan.get("fields"), dict) and "output" in plan
    return plan if is_plan else None


def _computed(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for field in fields.values():
        if isinstance(field, dict) and "fields" in field:
            yield from _computed(field["fields"])
        elif isinstance(field, dict) and "compute" in field:
            yield field


def fill_commands(reading: Reading) -> frozenset[Span]:
    """The fences that hold nothing but a fill command of the shipped scripts; it writes its file itself."""
    return frozenset(
        fence.span
        for fence in reading.prose.skill.fences
        if is_shell(fence)
        and (lines := command_lines(reading.prose.text(fence.content)))
        and all(_is_shipped(reading.prose.skill, _COMMAND.match(line)) for line in lines)
    )


def _is_shipped(skill: Skill, found: re.Match[str] | None) -> bool:
    return found is not None and _bytes(skill, found.group(1)) == shipped("fill.py")


def computes(reading: Reading, sentence: Sentence) -> bool:
    """Whether a fill command computes every figure a sentence asks for."""
    made = [field for plan in _plans(reading) for field in _computed(plan["fields"])]
    wanted = sentence_figures(reading, sentence) if made else ()
    return bool(wanted) and all(any(_is(field, figure) for field in made) for figure in wanted)


def _is(field: Mapping[str, Any], figure: Figure) -> bool:
    record = figure.record()
    digits = record.pop("digits", None)
    same = {key: value for key, value in field.items() if key != "digits"} == record
    return same and digits in (None, field.get("digits"))


def tests_rows(reading: Reading, sentence: Sentence) -> bool:
    """Whether a fill command tests the rows by the condition of a sentence."""
    made = [field for plan in _plans(reading) for field in _computed(plan["fields"])]
    wanted = sentence_filter(reading, sentence) if made else None
    return wanted is not None and any((field.get("table"), field.get("where")) == wanted for field in made)


def fills_output(reading: Reading, output: OutputFormat | None) -> bool:
    """Whether a fill command writes an output with just its fields."""
    return _plan_of(reading, output) is not None


def composes(reading: Reading, output: OutputFormat | None) -> bool:
    """Whether the reader still composes a value of such an output, after a sample in the command."""
    return '"given": "json"' in json.dumps(_plan_of(reading, output))


def _plan_of(reading: Reading, output: OutputFormat | None) -> dict[str, Any] | None:
    if output is None or output.file is None or output.name != "json":
        return None
    names = [field.name for field in output.fields]
    return next(
        (plan for plan in _plans(reading) if plan["output"] == output.file and list(plan["fields"]) == names),
        None,
    )
