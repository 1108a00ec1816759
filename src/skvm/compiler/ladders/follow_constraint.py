"""Lowering ``follow.constraint``: the first rule stands alone, a script checks the others."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.bundled import shipped
from skvm.compiler.carried.wording_check import CHECK_SCRIPT, bundled_bytes, check_command, rules_file
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.commands import fenced, insertion
from skvm.compiler.reading.prose import BlockKind
from skvm.compiler.reading.spotting import is_chinese
from skvm.compiler.reading.wording_rules import RuleGroup, WordingRule, rule_groups
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = ("check: rules that can be counted are checked by a script, the rule left over stands alone",)
_MOST_LEFT = 1


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """A check for every group of rules all but one of which can be counted."""
    skill = ground.reading.prose.skill
    held = bundled_bytes(skill, CHECK_SCRIPT)
    if not ground.holds("tool.exec") or held not in (None, shipped("check.py")):
        return Lowering()
    groups = {group.span: group for group in rule_groups(ground.reading.prose)}
    edits: list[Edit] = []
    files: dict[str, bytes] = {}
    for gap in gaps:
        group = groups.get(gap.requirement.span)
        if group is None or gap.requirement.level is not Level.L2:
            continue
        counted = [rule for rule in group.rules if rule.check is not None]
        block = ground.reading.prose.blocks[group.block]
        if len(group.rules) - len(counted) > _MOST_LEFT or len(counted) < 2 or block.kind is BlockKind.ROW:
            continue
        path = ground.free_path(f"scripts/wording{f'-{len(files) + 1}' if files else ''}.json")
        files[path] = rules_file(counted)
        edits.append(_edit(gap, group, counted, path, ground))
    if edits and held is None:
        files[CHECK_SCRIPT] = shipped("check.py")
    return Lowering(edits, files)


def _edit(gap: Gap, group: RuleGroup, counted: Sequence[WordingRule], path: str, ground: Ground) -> Edit:
    prose = ground.reading.prose
    block = prose.blocks[group.block]
    chinese = is_chinese(prose.text(group.span))
    alone = next((rule for rule in group.rules if rule.check is None), group.rules[0])
    others = [rule for rule in counted if rule is not alone]
    if chinese:
        lead = (
            f"先只管这一条：{alone.words}。其余 {len(others)} 条由脚本检查："
            "把答案写入 `answer.txt`，运行下面的命令，改掉它指出的问题，最多改三次："
        )
    else:
        lead = (
            f'Keep one rule in mind while writing: "{alone.words}". A script checks the rest: write '
            "the answer to `answer.txt`, run this, and change what it calls broken, at most 3 times:"
        )
    place = Span(block.span.end, block.span.end)
    return edit_for(
        [gap],
        place,
        insertion(block, lead, fenced(check_command(path), "bash")),
        rule="check",
        to_level=Level.L1,
        because="a script checks the rules that can be counted",
    )


LADDERS.register("follow.constraint", Ladder(MOVES, lower, by_command=True))
