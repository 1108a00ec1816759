"""Lowering ``follow.format``: a described format is shown, filled in; a script tidies what is strict."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.carried.forms import form_edits
from skvm.compiler.carried.tidying import TIDY_SCRIPT, rules_bytes
from skvm.compiler.carried.wording_check import bundled_bytes
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.commands import fenced, insertion
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.row_form import RowForm, row_forms
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "form: the fields the text names are shown filled in, ready to be copied and changed",
    "tidy: order, case, white space and size of lines are left to a script in the bundle",
)
_MOST_LEFT = 1


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Show every format whose fields the text names; tidy lines whose columns it names."""
    forms = {form.sentence.span: form for form in row_forms(ground.reading.prose)}
    edits = form_edits([gap for gap in gaps if gap.requirement.span not in forms], ground, rule="form")
    files: dict[str, bytes] = {}
    held = bundled_bytes(ground.reading.prose.skill, TIDY_SCRIPT)
    for gap in gaps:
        form = forms.get(gap.requirement.span)
        if form is None or gap.requirement.level is not Level.L3 or not ground.holds("tool.exec"):
            continue
        block = ground.reading.prose.blocks[form.sentence.block]
        left = form.kinds - form.covered
        if len(left) > _MOST_LEFT or held not in (None, shipped("tidy.py")) or block.kind is BlockKind.ROW:
            continue
        path = ground.free_path(f"scripts/form{f'-{len(files) + 1}' if files else ''}.json")
        files[path] = rules_bytes(form)
        edits.append(_tidied(gap, form, path, ground))
    if files and held is None:
        files[TIDY_SCRIPT] = shipped("tidy.py")
    return Lowering(edits, files)


def _tidied(gap: Gap, form: RowForm, path: str, ground: Ground) -> Edit:
    block = ground.reading.prose.blocks[form.sentence.block]
    columns = ", ".join(form.columns)
    if is_chinese(form.sentence.text):
        lead = f"不用自己排序和修整：把各行（{columns}）按原样写入 `draft.txt`，下面的命令打印的就是答案："
    else:
        lead = (
            f"Do not sort and trim by hand: write the lines ({columns}) to `draft.txt` in any order; what "
            "this command prints is the answer:"
        )
    return edit_for(
        [gap],
        Span(block.span.end, block.span.end),
        insertion(block, lead, fenced(f"python3 {TIDY_SCRIPT} {path} draft.txt", "bash")),
        rule="tidy",
        to_level=Level.L2,
        because="a script sees to the form",
    )


LADDERS.register("follow.format", Ladder(MOVES, lower, by_command=True))
