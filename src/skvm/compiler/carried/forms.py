"""Filled-in forms as edits: a format shown, or a ready command that writes the file."""

from __future__ import annotations

from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import Ground, edit_for
from skvm.compiler.reading.commands import fenced, insertion
from skvm.compiler.reading.formats import OutputFormat, filled_form, output_format
from skvm.compiler.reading.prose import BlockKind, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.target.contract import Level

__all__ = ["form_edit", "form_edits", "heredoc"]

_LANGUAGES = {"json": "json", "yaml": "yaml", "csv": "csv", "table": "markdown", "xml": "xml"}


def heredoc(files: Sequence[str], content: str) -> str:
    """Commands that write files through a here-document, which takes every character as it is."""
    return "\n".join(f"cat > {name} <<'EOF'\n{content}\nEOF" for name in files)


def form_edits(gaps: Sequence[Gap], ground: Ground, *, rule: str) -> list[Edit]:
    """One filled-in form for every gap whose format and fields the text names."""
    edits: list[Edit] = []
    for gap in gaps:
        sentence = ground.sentence(gap)
        output = output_format(ground.reading, sentence) if sentence else None
        form = filled_form(output) if output else None
        if sentence and output and form:
            edits.append(form_edit(gap, sentence, output, form, ground, rule=rule))
    return edits


def form_edit(
    gap: Gap, sentence: Sentence, output: OutputFormat, form: str, ground: Ground, *, rule: str
) -> Edit:
    """Show a form below the sentence and its list of fields, as a write command where the file is named."""
    prose = ground.reading.prose
    block = prose.blocks[sentence.block]
    chinese = is_chinese(sentence.text)
    if output.file and ground.holds("tool.exec") and block.kind is not BlockKind.ROW:
        lead = (
            f"严格按这个格式写 `{output.file}`，每个值换成真实的值："
            if chinese
            else f"Write `{output.file}` exactly in this form, every value replaced by the real one:"
        )
        body = fenced(heredoc([output.file], form), "bash")
    else:
        lead = (
            "严格按这个格式，每个值换成真实的值："
            if chinese
            else "Exactly in this form, every value replaced by the real one:"
        )
        body = fenced(form, _LANGUAGES[output.name])
    place = max(output.end, block.span.end)
    level = Level(f"L{gap.requirement.level.rank - 1}")
    return edit_for(
        [gap],
        Span(place, place),
        insertion(block, lead, body),
        rule=rule,
        to_level=level,
        because="a filled-in form stands where the format was only described",
    )
