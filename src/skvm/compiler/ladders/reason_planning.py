"""Lowering ``reason.planning``: a plan in a table is worked out beforehand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_below
from skvm.compiler.reading.plans import PlanStep, blocked_by, ordered, plan_table, times
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "fixed order: a table of jobs, their lengths and what each needs becomes one order with its times",
    "cases of failure: a table of steps, what they follow and their ways out says of each what is skipped",
)
_UNIT = re.compile(r"minutes|min|hours|days|weeks|分钟|小时|天")
_CANCELS = re.compile(
    r"\b(?:cancel|skip|stop|abort|drop|give up|leave (?:it )?out|call it off)\b|取消|跳过|放弃|停止|中止",
    re.IGNORECASE,
)
_WITHOUT = re.compile(
    r"\b(?:go on|carry on|continue|proceed|ignore|do without|nothing)\b|继续|忽略|照常", re.IGNORECASE
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Work out what the only plan in a table before the sentence says."""
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None or ground.reading.prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        steps = plan_table(ground.reading.prose, sentence.span.start)
        if not steps:
            continue
        made = _cases(steps, sentence) if gap.requirement.level is Level.L3 else _order(steps, sentence)
        if made is not None:
            block = ground.reading.prose.blocks[sentence.block]
            edits.append(
                edit_below(
                    [gap],
                    block,
                    made.lead,
                    made.table,
                    rule=MOVES[made.move].partition(":")[0],
                    to_level=made.to_level,
                    because=made.because,
                )
            )
    return Lowering(edits)


@dataclass(frozen=True, slots=True)
class _Made:
    """What stands below the sentence, by which of the moves."""

    move: int
    lead: str
    table: str
    to_level: Level
    because: str


def _order(steps: tuple[PlanStep, ...], sentence: Sentence) -> _Made | None:
    chinese = is_chinese(sentence.text)
    table = _schedule(steps, chinese)
    lead = "Worked out from the table, in this order, times from the start:"
    lead = "按这个顺序，时间从零算起：" if chinese else lead
    because = "the order and its times are worked out"
    return None if table is None else _Made(0, lead, table, Level.L1, because)


def _cases(steps: tuple[PlanStep, ...], sentence: Sentence) -> _Made | None:
    if not all(step.way_out for step in steps):
        return None
    chinese = is_chinese(sentence.text)
    lead = "各步骤失败时：" if chinese else "Worked out beforehand, for each step that may fail:"
    because = "what is done and skipped is written down for each step"
    return _Made(1, lead, _failures(steps, chinese), Level.L2, because)


def _schedule(steps: tuple[PlanStep, ...], chinese: bool) -> str | None:
    planned = times(steps)
    if planned is None:
        return None
    head = (
        "| 顺序 | 步骤 | 从 | 到 | 同时进行 |"
        if chinese
        else "| Order | Job | From | To | At the same time |"
    )
    lines = [head, "|---|---|---|---|---|"]
    for number, step in enumerate(sorted(ordered(steps), key=lambda found: planned[found.name][0]), start=1):
        start, end = planned[step.name]
        beside = [
            other.name
            for other in steps
            if other.name != step.name and planned[other.name][0] < end and start < planned[other.name][1]
        ]
        joined = ("、" if chinese else ", ").join(beside) or "-"
        lines.append(f"| {number} | {step.name} | {start:g} | {end:g} | {joined} |")
    whole = max(end for _, end in planned.values())
    unit = f" {steps[0].unit}" if _UNIT.fullmatch(steps[0].unit) else ""
    lines += ["", f"全部用时：{whole:g}{unit}。" if chinese else f"The whole takes {whole:g}{unit}."]
    return "\n".join(lines)


def _failures(steps: tuple[PlanStep, ...], chinese: bool) -> str:
    none, joint = "-", "、" if chinese else ", "
    lines = [
        "| 失败的步骤 | 改为 | 之后照常 | 补救也失败时跳过 |"
        if chinese
        else "| Failed | Do instead | Still goes on | Skip if that fails too |",
        "|---|---|---|---|",
    ]
    for step in steps:
        lost = blocked_by(steps, step.name)
        rest = [
            other.name
            for other in steps
            if other.name != step.name and step.name not in blocked_by(steps, other.name)
        ]
        if _CANCELS.search(step.way_out):
            going, skipped, instead = [name for name in rest if name not in lost], none, step.way_out
            if lost:
                instead += f"{'；跳过 ' if chinese else '; skip '}{joint.join(lost)}"
        else:
            going, instead = rest, step.way_out
            skipped = none if _WITHOUT.search(step.way_out) else joint.join((step.name, *lost))
        lines.append(f"| {step.name} | {instead} | {joint.join(going) or none} | {skipped} |")
    return "\n".join(lines)


LADDERS.register("reason.planning", Ladder(MOVES, lower))
