"""Texts in portions: the named parts of a text one after the other, and the command that joins them."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import Ground, edit_for
from skvm.compiler.reading.commands import join_command
from skvm.compiler.reading.prose import Block, BlockKind
from skvm.compiler.reading.written_text import SMALL_BYTES, WrittenText, written_texts
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

__all__ = ["portion_edits"]

_MOST = 12
"""Parts a text is split into at most; a longer list is a table of contents, not a plan."""


def portion_edits(gaps: Sequence[Gap], ground: Ground) -> list[Edit]:
    """For every gap whose text has named parts: write them one at a time."""
    prose = ground.reading.prose
    texts = {text.span: text for text in written_texts(prose)}
    edits = []
    for gap in gaps:
        text = texts.get(gap.requirement.span)
        if text is None or not 1 < len(text.parts) <= _MOST:
            continue
        block = _block_at(ground, text)
        to_level = _to_level(gap, text)
        if block is None or to_level.rank >= gap.requirement.level.rank:
            continue
        # Behind a fence the text goes before the end of its last line.
        place = text.end - prose.skill.source[: text.end].endswith(b"\n")
        edits.append(
            edit_for(
                [gap],
                Span(place, place),
                _portions(text, ground, "\n" + " " * block.indent),
                rule="portions",
                to_level=to_level,
                because="a long text is written part by part",
            )
        )
    return edits


def _block_at(ground: Ground, text: WrittenText) -> Block | None:
    """The block the portions follow; none where text put there would fall into a quote or a table."""
    prose = ground.reading.prose
    if any(fence.span == text.span for fence in prose.skill.fences):
        found = prose.leads.get(text.span)
        source = prose.skill.source
        at_margin = source[text.span.start - 1 : text.span.start] in (b"\n", b"")
        if not at_margin or not source[: text.end].endswith(b"\n"):
            return None
        return Block(text.span, BlockKind.PARAGRAPH) if found is not None or at_margin else None
    blocks = [block for block in prose.blocks if block.span.overlaps(text.span)]
    if not blocks or any(block.quote or block.kind is BlockKind.ROW for block in blocks):
        return None
    return Block(blocks[0].span, BlockKind.PARAGRAPH) if len(blocks) > 1 else blocks[0]


def _is_small(text: WrittenText) -> bool:
    return text.is_paragraphs or (text.size or SMALL_BYTES) / len(text.parts) <= SMALL_BYTES


def _to_level(gap: Gap, text: WrittenText) -> Level:
    if gap.requirement.primitive_id == "gen.text.prose":
        return Level.L1 if text.is_paragraphs else Level.L2
    return Level.L1 if _is_small(text) else Level.L2


def _portions(text: WrittenText, ground: Ground, newline: str) -> str:
    parts = list(text.parts)
    chinese = text.is_chinese
    if text.has_contents:
        parts.insert(0, "标题和目录" if chinese else "the title and the table of contents")
    if text.has_summary:
        parts.append("总结" if chinese else "the summary")
    files = [f"part-{number}.md" for number in range(1, len(parts) + 1)]
    by_file = ground.holds("tool.exec") and ground.holds("tool.file.write")
    names = [
        f"- `{file}`: {part}" if by_file else f"- {part}" for file, part in zip(files, parts, strict=True)
    ]
    command = f"`{join_command(['cat', *files])}`"
    if by_file:
        end = f"最后按这个顺序合成全文：{command}" if chinese else f"Then join them in this order: {command}"
    else:
        end = "最后按这个顺序接成全文。" if chinese else "Then put them one after the other, in this order."
    lines = ["", _lead(text), "", *names, "", end]
    return "".join(f"{newline}{line}" if line else "\n" for line in lines)


def _lead(text: WrittenText) -> str:
    if text.is_paragraphs:
        if text.is_chinese:
            return "每段单独写，一次只写一个自然段："
        return "Write the paragraphs one at a time, each as a single paragraph:"
    size = "1 KB" if _is_small(text) else "5 KB"
    # How long a section has to be the skill may not say; the limit is on what is written at once.
    if text.is_chinese:
        return f"每一部分单独写，每次不到 {size}；一次写不下就分几次写："
    return (
        f"Write each section on its own, in texts of less than {size}; a section that needs more takes "
        "several of them:"
    )
