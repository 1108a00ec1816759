"""Lowering ``tool.file.write``: the exact write command, one for each file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from skvm.compiler.carried.forms import form_edit, heredoc
from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.needs.tool_file_write import files_to_write
from skvm.compiler.reading.commands import fenced, insertion
from skvm.compiler.reading.formats import filled_form, output_format
from skvm.compiler.reading.parts import parts_in
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

MOVES = (
    "here-document: every file the sentence names gets the command that writes it",
    "pieces: a long file whose parts the sentence names is written and then appended to, a part a command",
)
_MOST_FILES = 12
_KEEPS = re.compile(
    r"\b(?:append|add|update|edit|directly to)\b|\b(?:for|in|per) (?:each|every)\b|\beach \w+ director\w+"
    r"|[>]\s*[\w./-]+`|\b(?:run|use) `"
    r"|\.\w+ files\b|追加|更新|修改|每个",
    re.IGNORECASE,
)
_LIVING = re.compile(
    r"(?:[\w./-]*/)?(?:CLAUDE|AGENTS|MEMORY|HEARTBEAT|TOOLS|SOUL|USER|IDENTITY|README|TODO|CHANGELOG)\.md"
)
"""Files that are likely to be there already."""


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Give the command that writes the file, with the filled-in form in it where the fields are named."""
    if not ground.holds("tool.exec"):
        return Lowering()
    prose = ground.reading.prose
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        if sentence is None:
            continue
        block = prose.blocks[sentence.block]
        output = output_format(ground.reading, sentence)
        form = filled_form(output) if output else None
        if output and form and output.file:
            edits.append(form_edit(gap, sentence, output, form, ground, rule="here-document"))
            continue
        there = {resource.path for resource in prose.skill.resources} | {"SKILL.md"}
        files = [name for name in files_to_write(sentence) if name not in there]
        # A here-document replaces a file; what is to be added to one must not be lost.
        if _KEEPS.search(sentence.text) or any(_LIVING.fullmatch(name) for name in files):
            continue
        if not files or block.kind is BlockKind.ROW or prose.text(block.span).endswith((":", "：")):
            continue
        made = (
            _pieces(sentence, files)
            if gap.requirement.level is Level.L2
            else _each(sentence, files, is_told_below=_goes_on(sentence, prose))
        )
        if made is not None:
            edits.append(
                edit_for(
                    [gap],
                    Span(block.span.end, block.span.end),
                    insertion(block, made[0], fenced(made[1], "bash")),
                    rule=made[2],
                    to_level=Level(f"L{gap.requirement.level.rank - 1}"),
                    because="the write command is given",
                )
            )
    return Lowering(edits)


def _goes_on(sentence: Sentence, prose: Prose) -> bool:
    """Whether points or code right below say what the file holds."""
    block = prose.blocks[sentence.block]
    following = prose.blocks[sentence.block + 1 : sentence.block + 2]
    nested = block.kind is BlockKind.ITEM and any(
        found.kind is BlockKind.ITEM and found.indent > block.indent for found in following
    )
    return nested or any(True for _ in prose.fences_after(sentence.block))


def _each(sentence: Sentence, files: Sequence[str], *, is_told_below: bool) -> tuple[str, str, str] | None:
    """Lead, commands and rule for files written one by one, each looked at before the next."""
    if len(files) > _MOST_FILES:
        return None
    chinese = is_chinese(sentence.text)
    slot = "内容" if chinese else "CONTENT"
    folders = sorted({str(PurePosixPath(name).parent) for name in files} - {"."})
    commands = [f"mkdir -p {' '.join(folders)}"] if folders else []
    if len(files) == 1:
        if chinese:
            lead = f"用这条命令写文件，把中间一行换成内容{'（见下文）' if is_told_below else ''}："
        else:
            below = ", which is told below" if is_told_below else ""
            lead = f"Write it with this command, the middle line replaced by its content{below}:"
        return lead, "\n".join([*commands, heredoc(files, slot)]), "here-document"
    commands.append(heredoc(files, slot))
    if chinese:
        lead = "一次写一个文件，把中间一行换成内容，用 `ls` 看到它再写下一个："
    else:
        lead = (
            "Write each file with one command, the middle line replaced by its content, and see with `ls` "
            "that it is there before the next:"
        )
    return lead, "\n".join(commands), "here-document"


def _pieces(sentence: Sentence, files: Sequence[str]) -> tuple[str, str, str] | None:
    """Lead, commands and rule for one file whose parts the sentence names."""
    parts = parts_in(sentence.text)
    if len(files) != 1 or not 1 < len(parts) <= _MOST_FILES:
        return None
    chinese = is_chinese(sentence.text)
    slot = "内容" if chinese else "CONTENT"
    name = files[0]
    folder = str(PurePosixPath(name).parent)
    commands = [] if folder == "." else [f"mkdir -p {folder}"]
    for number, part in enumerate(parts):
        sign = ">>" if number else ">"
        commands.append(f"# {part}\ncat {sign} {name} <<'EOF'\n{slot}\nEOF")
    if chinese:
        lead = f"分 {len(parts)} 次写，每次一条命令，把“{slot}”换成这一部分的各行："
    else:
        lead = (
            f"Write it in {len(parts)} pieces, one command each, {slot} replaced by the lines of that piece:"
        )
    return lead, "\n".join(commands), "pieces"


LADDERS.register("tool.file.write", Ladder(MOVES, lower, by_command=True))
