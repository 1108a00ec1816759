"""What needs ``gen.text.prose``: connected prose of a paragraph, of several, or of hundreds of words."""

from __future__ import annotations

from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.text_size import WORD_BYTES
from skvm.compiler.reading.written_text import WrittenText, piece_of, written_texts
from skvm.target.contract import Level

RULES = {
    Level.L1: "one paragraph, or prose written one paragraph at a time",
    Level.L2: "an essay, article, letter or story, or several paragraphs each on its own point",
    Level.L3: "such prose of 400 words or more",
}
_LONG_BYTES = 400 * WORD_BYTES


def find(reading: Reading) -> Iterator[Need]:
    """Texts that are connected prose by their name or by the paragraphs asked for."""
    for text in written_texts(reading.prose):
        rank = _rank(text)
        piece = piece_of(reading.prose, text) if rank > 1 else None
        if piece is not None:
            rank = 1 if piece.is_paragraph else 2
        if rank:
            yield Need(Level(f"L{rank}"), text.span)


def _rank(text: WrittenText) -> int:
    if text.noun.startswith("paragraph") or text.noun == "段落":
        return 1
    if not text.is_prose and not text.is_paragraphs:
        return 0
    if (text.size or 0) >= _LONG_BYTES:
        return 3
    return 1 if text.is_short and len(text.parts) < 2 else 2


DETECTORS.register("gen.text.prose", Detector(RULES, find))
