"""``follow.style`` from its rules: the words it asks for, in sentences out of a fixed supply."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe
from tests.solvers.writing import Text


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _short, Level.L2: _persona, Level.L3: _voices}[level](probe.prompt)


def _lists(prompt: str) -> tuple[int, list[str], list[str]]:
    (least, offered) = re.findall(r"at least (\d) of these words: (.+)\.", prompt)[0]
    (banned,) = re.findall(r"Do not use any of these words: (.+)\.", prompt)
    return int(least), offered.split(", "), banned.split(", ")


def _short(prompt: str) -> list[Answer]:
    (count,) = re.findall(r"at least (\d) sentences\.", prompt)
    (asked,) = re.findall(r"Use the words (.+)\.", prompt)
    (banned,) = re.findall(r"Do not use any of these words: (.+)\.", prompt)
    offered, text = re.split(r", | and ", asked), Text()
    said = [text.sentence(word) for word in offered]
    said += [text.sentence() for _ in range(max(0, int(count) - len(said)))]
    if "- At least one contraction" in prompt:
        said.append("That isn't the whole of it for your house, by the way!")
    if "- At least one exclamation mark" in prompt and not said[-1].endswith("!"):
        return []
    return [] if set(offered) & set(banned.split(", ")) else [Answer(" ".join(said))]


def _persona(prompt: str) -> list[Answer]:
    (name,) = re.findall(r"The first sentence contains the name (\w+)\.", prompt)
    (thing,) = re.findall(r"The word (\w+) stands somewhere", prompt)
    (closing,) = re.findall(r"ends with `(.)`", prompt)
    (most,) = re.findall(r"at most (\d+) words", prompt)
    least, offered, banned = _lists(prompt)
    text = Text()
    said = [text.sentence(name), text.sentence(thing), *(text.sentence(word) for word in offered[-least:])]
    whole = " ".join([*said, "Now I am going home to my family" + closing])
    fits = len(whole.split()) <= int(most) and not set(offered) & set(banned)
    return [Answer(whole)] if fits else []


def _voices(prompt: str) -> list[Answer]:
    rows = re.findall(r"^## (.+) \(speaker: .+; words: (.+)\)$", prompt, re.MULTILINE)
    (size,) = re.findall(r"at least (\d+) words", prompt)
    (least,) = re.findall(r"at\s+least (\d) of the words", prompt)
    (refrain,) = re.findall(r"ends with this sentence: (.+\.)$", prompt, re.MULTILINE)
    every = [word for _, offered in rows for word in offered.split(", ")]
    if len(set(every)) != len(every):
        return []
    text, written = Text(), []
    for heading, offered in rows:
        said = [text.sentence(word) for word in offered.split(", ")[-int(least) :]]
        while len(" ".join(said).split()) < int(size):
            said.append(text.sentence())
        written.append(f"## {heading}\n{' '.join(said)} {refrain}")
    return [Answer("\n\n".join(written))]
