"""Lowering ``follow.delegation``: the command that computes stands with the rule, the rule at each step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.carried.calculator import calculator_bytes, calculator_path
from skvm.compiler.carried.wording_check import bundled_bytes
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.commands import fenced, insertion, join_command
from skvm.compiler.reading.delegation import figure_steps, is_for_everything, names_script, only_script
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "figures: counts, sums, means, least and greatest values of the one table come from a ready command",
    "repeat the rule: every step that gives a figure names the script the figure comes from",
)
_SCRIPT, _CALCULATOR = "scripts/figures.py", "scripts/calc.py"
_ASKED = re.compile(
    r"\b(?:mean|average|typical|lowest|highest|least|greatest|smallest|largest|minimum|maximum|total|sum|"
    r"how many|count)\b"
    r"|平均|最低|最高|最小|最大|合计|总数|总和",
    re.IGNORECASE,
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """A command for a general rule, the script's name for a rule on every figure."""
    edits: list[Edit] = []
    for gap in gaps:
        rule = ground.sentence(gap)
        if rule is None or gap.requirement.level is Level.L1:
            continue
        if is_for_everything(rule.text):
            edits += _repeated(gap, rule, ground)
        elif not any(edit.rule == "figures" for edit in edits):
            edits += _figures(gap, rule, ground)
    made = any(edit.rule == "figures" for edit in edits)
    files = {_SCRIPT: shipped("figures.py"), _CALCULATOR: calculator_bytes()} if made else {}
    skill = ground.reading.prose.skill
    return Lowering(edits, {path: data for path, data in files.items() if bundled_bytes(skill, path) != data})


def _figures(gap: Gap, rule: Sentence, ground: Ground) -> list[Edit]:
    prose, names = ground.reading.prose, ground.reading.names
    tables = {name for _, name in names.data_files}
    block = prose.blocks[rule.block]
    held = bundled_bytes(prose.skill, _SCRIPT)
    if (
        len(tables) != 1
        or not ground.holds("tool.exec")
        or calculator_path(ground) != _CALCULATOR
        or held not in (None, shipped("figures.py"))
        or block.kind is BlockKind.ROW
        or not _ASKED.search(prose.skill.text(prose.skill.body))
    ):
        return []
    table = tables.pop()
    command = fenced(join_command(["python3", _SCRIPT, table]), "bash")
    if is_chinese(rule.text):
        lead = f"`{table}` 各列的个数、总和、平均值、最小值和最大值由这条命令给出，照抄它打印的数："
    else:
        lead = (
            f"This prints the count, sum, mean, least and greatest value of every column of `{table}`; "
            "copy what it prints:"
        )
    edit = edit_for(
        [gap],
        Span(block.span.end, block.span.end),
        insertion(block, lead, command),
        rule="figures",
        to_level=Level.L1,
        because="the command that computes is given",
    )
    return [replace(edit, files=(_SCRIPT, _CALCULATOR))]


def _repeated(gap: Gap, rule: Sentence, ground: Ground) -> list[Edit]:
    prose = ground.reading.prose
    script = only_script(prose)
    if script is None or gap.requirement.level is not Level.L3:
        return []
    edits = []
    for step in figure_steps(prose, rule):
        if names_script(prose, step, script) or step.text.endswith((":", "：")):
            continue
        chinese = is_chinese(step.text)
        told = (
            f"（这里的数字是运行 `{script}` 打印出来的。）"
            if chinese
            else f" (The figure is what `{script}` prints.)"
        )
        edits.append(
            edit_for(
                [gap],
                Span(step.span.end, step.span.end),
                told,
                rule="repeat the rule",
                to_level=Level.L2,
                because="the step says where its figure comes from",
            )
        )
    return edits


LADDERS.register("follow.delegation", Ladder(MOVES, lower, by_command=True))
