"""Voices a text may speak in, each with words that only it uses."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CASUAL_WORDS", "FORMAL_WORDS", "MODERN_WORDS", "VOICES"]

FORMAL_WORDS = (
    *("furthermore", "moreover", "consequently", "therefore", "nevertheless", "accordingly", "thus", "hence"),
    "nonetheless",
)
CASUAL_WORDS = (
    *("gonna", "wanna", "kinda", "awesome", "yeah", "folks", "gotta", "totally", "super", "wow"),
    *("hey", "nope", "yep", "buddy"),
)
MODERN_WORDS = (
    "computer",
    "telephone",
    "internet",
    "website",
    "television",
    "email",
    "robot",
    "camera",
    "battery",
)
VOICES: Mapping[str, tuple[str, ...]] = {
    "a pirate captain": ("ahoy", "matey", "landlubber", "grog", "doubloon", "scallywag", "buccaneer"),
    "a medieval knight": ("verily", "thou", "steed", "squire", "chivalry", "gauntlet", "fealty"),
    "a fairy-tale wizard": ("potion", "cauldron", "sorcery", "rune", "incantation", "amulet", "alchemy"),
    "a village cook": ("ladle", "saucepan", "teaspoon", "broth", "marinade", "dumpling", "gravy"),
    "a detective": ("alibi", "handcuffs", "fingerprint", "motive", "culprit", "footprint", "interrogation"),
    "a farmer": ("tractor", "rooster", "pasture", "barnyard", "scarecrow", "haystack", "livestock"),
    "a stage actor": ("rehearsal", "applause", "spotlight", "costume", "monologue", "encore", "understudy"),
    "a ship's doctor": ("bandage", "fever", "remedy", "scalpel", "quinine", "stethoscope", "ointment"),
    "a mountain guide": ("summit", "avalanche", "crevasse", "ridge", "glacial", "foothill", "altitude"),
}
"""By who speaks: words that are unmistakably theirs; no word is of two voices."""
