"""Lowering ``gen.code.shell``: whole scripts lie ready, pipelines become single commands over files."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.carried.ready import READY_MOVES, ReadyKind, bundle_ready
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.commands import PLACEHOLDER, command_lines
from skvm.compiler.reading.shell import read_shell
from skvm.compiler.reading.shell_code import has_flow, split_pipeline
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level

MOVES = (
    *READY_MOVES,
    "single commands: a pipeline is split at its bars, each command leaves a file for the next one",
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Bundle whole scripts; split the other fences where every line of them is a plain pipeline."""
    ready = bundle_ready(
        gaps, ground, ReadyKind("scripts", (".sh", ".bash"), "shell", _is_whole, _is_whole, "bash")
    )
    closed = {edit.requirement for edit in ready.edits}
    fences = {fence.span.end: fence for fence in ground.reading.prose.skill.fences if fence.is_closed}
    edits = list(ready.edits)
    for gap in gaps:
        fence = fences.get(gap.requirement.span.end)
        if fence is not None and gap.requirement.span not in closed and gap.requirement.level is Level.L2:
            edits += _split(gap, ground, fence)
    return Lowering(edits, ready.files)


def _is_whole(code: str) -> bool:
    return not read_shell(code).has_error and "..." not in code and not PLACEHOLDER.search(code)


def _split(gap: Gap, ground: Ground, fence: CodeFence) -> list[Edit]:
    """The fence with its pipelines taken apart; nothing where a line is more than a pipeline."""
    prose = ground.reading.prose
    code = prose.text(fence.content)
    made: list[str] = []
    number = 1
    for line in command_lines(code):
        if "|" not in line:
            made.append(line)
            continue
        commands = split_pipeline(line, number)
        if commands is None:
            return []
        made += commands
        number += len(commands)
    comments = [line for line in code.splitlines() if line.strip().startswith("#")]
    new_code = "\n".join(made)
    if number == 1 or has_flow(new_code) or comments:
        return []
    pad = code[: len(code) - len(code.lstrip(" "))]
    text = "".join(f"{pad}{line}\n" for line in made)
    return [
        edit_for(
            [gap],
            Span(fence.content.start, fence.content.end),
            text,
            rule="single commands",
            to_level=Level.L1,
            because="each command stands alone and leaves a file for the next one",
            releases=(code,),
        )
    ]


LADDERS.register("gen.code.shell", Ladder(MOVES, lower, by_command=True))
