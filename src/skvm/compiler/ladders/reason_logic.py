"""Lowering ``reason.logic``: bounds on rows become commands, constraints become checks in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.calculator import calculator_bytes, calculator_path
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_below, edit_for
from skvm.compiler.reading.commands import fenced, insertion, join_command
from skvm.compiler.reading.conditions import constraints_of, row_filter
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "filter: a bound on a column the text names becomes a command that lists the rows it holds for",
    "checks: constraints one arrangement has to meet become checks in a fixed order, each result written "
    "down",
)

_MOST_CHECKS = 12


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """A filter where the condition is about columns of a table, else checks of the constraints it lists."""
    prose = ground.reading.prose
    script = calculator_path(ground)
    edits: list[Edit] = []
    files: dict[str, bytes] = {}
    for index, members in ground.by_block(gaps).items():
        block = prose.blocks[index]
        if block.kind is BlockKind.ROW or block.quote or prose.text(block.span).endswith((":", "：")):
            continue
        place = Span(block.span.end, block.span.end)
        blocked = [gap for gap, _ in members]
        commands = _filters(members, script, ground)
        if commands:
            lead = "Do not look for these rows yourself, list them with:"
            if is_chinese(prose.text(block.span)):
                lead = "不要自己找这些行，用这条命令列出："
            text = insertion(block, lead, fenced("\n".join(commands), "bash"))
            edits.append(
                edit_for(
                    blocked, place, text, rule="filter", to_level=Level.L0, because="a command tests the rows"
                )
            )
            files[script] = calculator_bytes()
        elif len(members) == 1 and members[0][0].requirement.level is Level.L2:
            constraints = constraints_of(members[0][1].text)
            if 1 < len(constraints) <= _MOST_CHECKS:
                edits.append(
                    edit_below(
                        blocked,
                        block,
                        *_checks(constraints),
                        rule="checks",
                        to_level=Level.L1,
                        because="one constraint is checked at a time",
                    )
                )
    return Lowering(edits, files)


def _filters(members: Sequence[tuple[Gap, Sentence]], script: str, ground: Ground) -> list[str]:
    """One command per sentence; none where one names no column or table, or leaves a choice."""
    if any(gap.requirement.level is Level.L3 for gap, _ in members):
        return []
    names = ground.reading.names
    table = names.data_file(members[0][1].span.start)
    conditions = [row_filter(sentence.text, names) for _, sentence in members]
    if table is None or None in conditions or not ground.holds("tool.exec"):
        return []
    return [
        join_command(["python3", script, "rows", table, "--where", condition])
        for condition in dict.fromkeys(conditions)
        if condition
    ]


def _checks(constraints: Sequence[str]) -> tuple[str, str]:
    """The lead and the lines of checks."""
    if is_chinese("".join(constraints)):
        lead = (
            "先写下一种安排，再按这个顺序逐条检查，每条的结果写下来再查下一条；有一条不成立就换一种安排，"
            "从第一条查起："
        )
        return lead, "\n".join(
            f"- 检查{number}：{wanted}？写“是”或“否”。" for number, wanted in enumerate(constraints, 1)
        )
    lead = (
        "Write down one arrangement and check it in this order, the result of each check written down "
        "before the next; "
        "at the first no change the arrangement and begin again with check 1:"
    )
    return lead, "\n".join(
        f"- Check {number}: {wanted}? Write yes or no." for number, wanted in enumerate(constraints, 1)
    )


LADDERS.register("reason.logic", Ladder(MOVES, lower, by_command=True))
