"""Lowering ``reason.arithmetic``: what can be computed is handed to an exact command."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.calculator import calculator_bytes, calculator_path
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for, enumerated
from skvm.compiler.reading.amounts import Amount, amounts_in
from skvm.compiler.reading.commands import fenced, insertion, join_command
from skvm.compiler.reading.computation import command_for, level_of
from skvm.compiler.reading.prose import Block, BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "delegate: a total, average, share or formula becomes an exact command on a calculator in the bundle",
    "delegate: a chain of percentages or of formulas becomes one command a case or formula",
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Put one command behind every block all of whose computations a command can do."""
    if not ground.holds("tool.exec"):
        return Lowering()
    prose, names = ground.reading.prose, ground.reading.names
    script = calculator_path(ground)
    edits: list[Edit] = []
    for index, members in ground.by_block(gaps).items():
        block = prose.blocks[index]
        chain = amounts_in(members[0][1].text) if len(members) == 1 else ()
        if chain and block.kind is not BlockKind.ROW:
            edits.append(_chained(members[0][0], block, chain, script, members[0][1]))
            continue
        # What a figure is may be described without saying which of its operations comes first.
        made = [
            command_for(sentence.text, names, sentence.span.start) if level_of(sentence.text) else None
            for _, sentence in members
        ]
        if block.kind is BlockKind.ROW or prose.text(block.span).endswith((":", "：")) or None in made:
            continue
        commands = [found for found in made if found is not None]
        lines = dict.fromkeys(join_command(["python3", script, *found.arguments]) for found in commands)
        to_fill = sorted({name for found in commands for name in found.to_fill})
        lead = _lead(to_fill, in_chinese=is_chinese(prose.text(block.span)))
        edits.append(
            edit_for(
                [gap for gap, _ in members],
                Span(block.span.end, block.span.end),
                insertion(block, lead, fenced("\n".join(lines), "bash")),
                rule="delegate",
                to_level=Level.L0,
                because="a command computes it",
            )
        )
    return Lowering(edits, {script: calculator_bytes()} if edits else {})


def _lead(to_fill: Sequence[str], *, in_chinese: bool, which: str = "this") -> str:
    """What stands above the command."""
    if in_chinese:
        put = f"，把 {enumerated(to_fill, in_chinese=True)} 换成真实的值" if to_fill else ""
        return f"不要心算，运行命令{put}："
    put = f" with the real {enumerated(to_fill)} put in" if to_fill else ""
    return f"Do not work this out in your head, run {which}{put}:"


def _chained(gap: Gap, block: Block, chain: Sequence[Amount], script: str, sentence: Sentence) -> Edit:
    """A command for every case of a chain, or for every formula, each from what is given alone."""
    lines: list[str] = []
    for amount in chain:
        if amount.label:
            label = "all others" if amount.label == "otherwise" else amount.label
            lines.append(f"# {label}")
        digits = () if amount.digits is None else ("--digits", str(amount.digits))
        values = (f"{name}=100" for name in amount.names)
        lines.append(join_command(["python3", script, "eval", amount.expression, *values, *digits]))
    names = list(dict.fromkeys(name for amount in chain for name in amount.names))
    by_case = any(amount.label == "otherwise" for amount in chain)
    which = "the line that fits" if by_case else "this"
    lead = _lead(names, in_chinese=is_chinese(sentence.text), which=which)
    return edit_for(
        [gap],
        Span(block.span.end, block.span.end),
        insertion(block, lead, fenced("\n".join(lines), "bash")),
        rule="delegate",
        to_level=Level.L0,
        because="a command computes it",
    )


LADDERS.register("reason.arithmetic", Ladder(MOVES, lower, by_command=True))
