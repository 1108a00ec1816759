"""What needs ``follow.style``: a tone, a persona, several voices."""

from __future__ import annotations

from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.voices import (
    is_persona,
    is_tone,
    keeps_voices,
    one_voice_at_a_time,
    style_sentences,
)
from skvm.target.contract import Level

RULES = {
    Level.L1: "a tone by an adjective: friendly, formal, plain",
    Level.L2: "a persona with ways of its own (words, address, length); several voices written one at a time",
    Level.L3: "several voices kept apart over a long text",
}


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that say how a text has to sound."""
    for sentence in style_sentences(reading.prose):
        if keeps_voices(sentence.text):
            apart = one_voice_at_a_time(reading.prose, sentence)
            yield Need(Level.L2 if apart else Level.L3, sentence.span)
        elif is_persona(sentence.text):
            yield Need(Level.L2, sentence.span)
        elif is_tone(reading.prose, sentence):
            yield Need(Level.L1, sentence.span)


DETECTORS.register("follow.style", Detector(RULES, find))
