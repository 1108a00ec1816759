"""What needs ``gen.text.long``: texts of a stated size or of named parts."""

from __future__ import annotations

from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.written_text import (
    LARGE_BYTES,
    SMALL_BYTES,
    WrittenText,
    piece_of,
    written_texts,
)
from skvm.target.contract import Level

RULES = {
    Level.L1: "a text of less than 1 KB: called short, so many words, or written in pieces of that size",
    Level.L2: "a text of 1 to 5 KB, or of three named sections or more; written in pieces of up to 5 KB",
    Level.L3: "a text of more than 5 KB, or a whole document with contents and chapters",
}


def find(reading: Reading) -> Iterator[Need]:
    """Texts told in a sentence, listed by their parts, or shown as empty documents."""
    for text in written_texts(reading.prose):
        rank = _rank(text)
        piece = piece_of(reading.prose, text) if rank > 1 else None
        if piece is not None:
            rank = 1 if piece.is_small else 2
        if rank:
            yield Need(Level(f"L{rank}"), text.span)


def _rank(text: WrittenText) -> int:
    if (text.size or 0) > LARGE_BYTES or text.is_whole:
        return 3
    if (text.size or 0) >= SMALL_BYTES or (len(text.parts) > 2 and not text.is_paragraphs):
        return 2
    return 1 if text.is_short or text.size or text.is_paragraphs else 0


DETECTORS.register("gen.text.long", Detector(RULES, find))
