"""Lowering ``gen.text.structured``: a skeleton to fill in place of a structure to build, a whole in parts."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.carried.forms import form_edits
from skvm.compiler.carried.tidying import JOIN_SCRIPT
from skvm.compiler.carried.wording_check import bundled_bytes
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.commands import fenced, insertion
from skvm.compiler.reading.formats import output_format
from skvm.compiler.reading.nesting import outer_unit
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "skeleton: the structure the text names is written out with a sample value in every place",
    "parts: a large document is written one outer record at a time, and a script joins the parts",
)
_ENDINGS = {"json": "json", "yaml": "yaml"}


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Write out every structure whose fields the text names; split those whose outer records it names."""
    edits = form_edits(gaps, ground, rule="skeleton")
    shown = {edit.requirement for edit in edits}
    held = bundled_bytes(ground.reading.prose.skill, JOIN_SCRIPT)
    files: dict[str, bytes] = {}
    for gap in gaps:
        if gap.requirement.span in shown or gap.requirement.level is not Level.L3:
            continue
        made = _parts(gap, ground) if held in (None, shipped("join.py")) else None
        if made is not None:
            edits.append(made)
            files = {JOIN_SCRIPT: shipped("join.py")} if held is None else {}
    return Lowering(edits, files)


def _parts(gap: Gap, ground: Ground) -> Edit | None:
    prose = ground.reading.prose
    sentence = ground.sentence(gap)
    output = output_format(ground.reading, sentence) if sentence else None
    unit = outer_unit(sentence.text) if sentence else None
    if sentence is None or output is None or unit is None or output.name not in _ENDINGS:
        return None
    block = prose.blocks[sentence.block]
    if block.kind is BlockKind.ROW or block.quote or not ground.holds("tool.exec"):
        return None
    ending = _ENDINGS[output.name]
    one, two = f"`part-1.{ending}`", f"`part-2.{ending}`"
    told = f" > {output.file}" if output.file else ""
    if is_chinese(sentence.text):
        lead = (
            f"不要一次写完：每个{unit}单独写一份（{one}、{two}……），各是只含这一个{unit}的列表，"
            "再用下面的命令合成："
        )
    else:
        lead = (
            f"Do not write it in one go: write each {unit} by itself, as a list with that one {unit} "
            f"({one}, {two} and so on), and join the parts with:"
        )
    return edit_for(
        [gap],
        Span(block.span.end, block.span.end),
        insertion(block, lead, fenced(f"python3 {JOIN_SCRIPT} part-*.{ending}{told}", "bash")),
        rule="parts",
        to_level=Level.L2,
        because="a large document is written in parts",
    )


LADDERS.register("gen.text.structured", Ladder(MOVES, lower, by_command=True))
