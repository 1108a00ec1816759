"""Assembling an output: one command computes what it can, takes the rest as arguments, writes the file.

A weak target can copy one exact command; it cannot carry figures from what a command printed into a form.
So where a skill names a JSON file whose fields are figures of its own tables, the gaps of all those
computations, tests and forms are closed together, by one command that stands where the form is described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.carried.calculator import calculator_path
from skvm.compiler.carried.filling import Given, Plan, fields_path, given
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import Ground, edit_for, enumerated
from skvm.compiler.reading.commands import fenced, insertion, join_command
from skvm.compiler.reading.field_figures import figure_of
from skvm.compiler.reading.figures import Stated, sentence_figures, sentence_filter, stated
from skvm.compiler.reading.formats import Field, OutputFormat, output_format, type_of
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.emit import resource_bytes
from skvm.target.contract import Level

__all__ = ["Assembly", "assemble"]

_SCRIPT, _CALCULATOR = "scripts/fill.py", "scripts/calc.py"
_FORMS = frozenset({"follow.format", "gen.text.structured", "tool.file.write"})
_PLACEHOLDERS = {
    "text": ["TEXT"],
    "number": ["NUMBER"],
    "boolean": ["TRUE_OR_FALSE"],
    "value": ["VALUE"],
    "list": ["TEXT", "TEXT"],
}


@dataclass(frozen=True, slots=True)
class Assembly:
    """What the rule proposes, and the gaps it closes; ladders lower only the others."""

    edits: Sequence[Edit] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    closed: frozenset[Gap] = frozenset()


def assemble(gaps: Sequence[Gap], ground: Ground) -> Assembly:
    """One command for every output that closes at least one gap of arithmetic or logic."""
    if not any(gap.requirement.primitive_id.startswith("reason.") for gap in gaps):
        return Assembly()
    files = _files(ground)
    # Two tables may share a word, and nothing says which of them a field means.
    tables = {name for _, name in ground.reading.names.data_files}
    if files is None or len(tables) != 1 or not ground.holds("tool.exec"):
        return Assembly()
    edits: list[Edit] = []
    closed: set[Gap] = set()
    planned: set[str] = set()
    for sentence, output in _outputs(ground):
        plan = _plan(sentence, output, ground)
        path = fields_path(plan.output)
        answered = [gap for gap in gaps if gap not in closed and _answers(plan, gap, sentence, ground)]
        if path in planned or not any(gap.requirement.primitive_id.startswith("reason.") for gap in answered):
            continue
        if any(found.path == path for found in ground.reading.prose.skill.resources):
            continue
        planned.add(path)
        closed |= set(answered)
        files[path] = plan.data()
        edits += _edits(plan, answered, sentence, output, ground)
    return Assembly(edits, files, frozenset(closed)) if edits else Assembly()


def _files(ground: Ground) -> dict[str, bytes] | None:
    """The scripts still to be put into the bundle; ``None`` where their places are taken."""
    if calculator_path(ground) != _CALCULATOR:
        return None
    skill = ground.reading.prose.skill
    files: dict[str, bytes] = {}
    for path in (_CALCULATOR, _SCRIPT):
        data = shipped(path.removeprefix("scripts/"))
        if not any(found.path == path for found in skill.resources):
            files[path] = data
        elif resource_bytes(skill, path) != data:
            return None
    return files


def _outputs(ground: Ground) -> Iterator[tuple[Sentence, OutputFormat]]:
    """The JSON records the skill says to write to a file it names, fields and all."""
    prose = ground.reading.prose
    for sentence in prose.sentences:
        block = prose.blocks[sentence.block]
        if block.kind in (BlockKind.HEADING, BlockKind.ROW) or block.quote or ".json" not in sentence.text:
            continue
        output = output_format(ground.reading, sentence)
        if output and output.name == "json" and output.file and output.fields and not output.is_list:
            yield sentence, output


def _plan(sentence: Sentence, output: OutputFormat, ground: Ground) -> Plan:
    start = ground.reading.prose.blocks[sentence.block].span.start
    known = stated(ground.reading, Span(start, max(output.end, sentence.span.end)))
    fields = {each.name: _source(each, sentence.span.start, known, ground) for each in output.fields}
    return Plan(output.file or "", fields)


def _source(each: Field, offset: int, known: Sequence[Stated], ground: Ground) -> Any:
    if type_of(each) == "record":
        return {child.name: _source(child, offset, known, ground) for child in each.children}
    return figure_of(each, ground.reading, offset, known) or given(each)


def _answers(plan: Plan, gap: Gap, sentence: Sentence, ground: Ground) -> bool:
    """Whether the plan's command does what the gap's words ask."""
    asks = ground.sentence(gap)
    if asks is None:
        return False
    figures = plan.figures
    primitive_id = gap.requirement.primitive_id
    if primitive_id == "reason.arithmetic":
        wanted = sentence_figures(ground.reading, asks)
        return bool(wanted) and all(any(figure.answers(each) for figure in figures) for each in wanted)
    if primitive_id == "reason.logic" and gap.requirement.level is not Level.L3:
        tested = sentence_filter(ground.reading, asks)
        return tested is not None and any((figure.table, figure.where) == tested for figure in figures)
    return primitive_id in _FORMS and asks.span == sentence.span


def _command(plan: Plan) -> tuple[str, list[str]]:
    """The command line, and what stands in it for something to put in."""
    words = ["python3", _SCRIPT, plan.output]
    line = join_command(words)
    to_fill: dict[str, None] = {}
    for path, source in plan.leaves():
        if not isinstance(source, Given):
            continue
        values = [source.form] if source.form else _PLACEHOLDERS[source.kind]
        quoted = " ".join(join_command([value]) if source.form else f"'{value}'" for value in values)
        line += f" --{path} {quoted}"
        to_fill |= dict.fromkeys(["the sample values"] if source.form else values[:1])
    return line, list(to_fill)


def _lead(output: str, to_fill: Sequence[str], *, has_figures: bool, in_chinese: bool) -> str:
    """What stands above the command: what it does, and what to put in."""
    if in_chinese:
        does = "这一条命令算出其余的数并写出" if has_figures else "不要自己算。这一条命令算出各数并写出"
        put = f"把 {enumerated(to_fill, in_chinese=True)} 换成真实的值" if to_fill else "照原样运行"
        return f"{does} `{output}`；{put}："
    figures = (
        "This one command computes the other figures and writes"
        if has_figures
        else "Do not work the figures out yourself. This one command computes them and writes"
    )
    put = f"put the real values in place of {enumerated(to_fill)}" if to_fill else "run it as it is"
    return f"{figures} `{output}`; {put}:"


def _edits(
    plan: Plan, answered: Sequence[Gap], sentence: Sentence, output: OutputFormat, ground: Ground
) -> Iterator[Edit]:
    """The command, and one pointer to it behind every block whose figures it computes."""
    prose = ground.reading.prose
    first, *others = sorted(
        answered,
        key=lambda gap: (not gap.requirement.primitive_id.startswith("reason."), gap.requirement.span),
    )
    line, to_fill = _command(plan)
    has_figures = any(
        isinstance(source, Given) and source.kind in {"number", "value", "json"}
        for _, source in plan.leaves()
    )
    lead = _lead(plan.output, to_fill, has_figures=has_figures, in_chinese=is_chinese(sentence.text))
    place = max(output.end, prose.blocks[sentence.block].span.end)
    made = edit_for(
        [first],
        Span(place, place),
        insertion(prose.blocks[sentence.block], lead, fenced(line, "bash")),
        rule="assemble",
        to_level=Level.L0,
        because="one command computes the figures and writes the file",
    )
    also = tuple((gap.requirement.primitive_id, gap.requirement.span) for gap in others)
    levels = "; ".join(
        f"{gap.requirement.primitive_id} {gap.requirement.level}, held {gap.target_level}" for gap in others
    )
    reason = f"{made.reason}; with it {levels}" if levels else made.reason
    paths = (_CALCULATOR, _SCRIPT, fields_path(plan.output))
    yield replace(made, reason=reason, answers=also, files=paths)
    for gap in answered:
        asks = ground.sentence(gap)
        inside = asks is None or sentence.span.start <= asks.span.start < place
        if asks is None or inside or prose.text(asks.span).endswith((":", "：")):
            continue
        yield edit_for(
            [gap],
            Span(asks.span.end, asks.span.end),
            f"（写 `{plan.output}` 的那条命令会算出来。）"
            if is_chinese(asks.text)
            else f" (The command that writes `{plan.output}` does this.)",
            rule="assemble",
            to_level=Level.L0,
            because="the reader is told which command does it",
        )
