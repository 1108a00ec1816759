"""The sentences that mention one of some words, found without looking at the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import looked_for
from skvm.diagnostics import Span

__all__ = ["sentences_with"]


def sentences_with(prose: Prose, words: Sequence[bytes], *, headings: bool = False) -> Iterator[Sentence]:
    """Every sentence in which one of the words stands, as a part of another word too, once and in order.

    Args:
        prose: The skill's prose.
        words: In lower case, UTF-8; case does not matter for ASCII letters.
        headings: Whether headings count.
    """
    lowered = prose.lowered
    begin = prose.skill.body.start
    found: dict[Span, Sentence] = {}
    for word in words:
        if not looked_for((word,)).is_in_utf8(prose.lowered_text):
            continue
        at = lowered.find(word, begin)
        while at >= 0:
            after = at + len(word)
            for sentence in prose.sentences_in(Span(at, after)):
                after = max(after, sentence.span.end)
                found[sentence.span] = sentence
            at = lowered.find(word, after)
    for span in sorted(found):
        sentence = found[span]
        if headings or prose.blocks[sentence.block].kind is not BlockKind.HEADING:
            yield sentence
