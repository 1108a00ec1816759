"""``gen.text.prose`` from its words: sentences out of a fixed supply, put where the prompt wants them."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe
from tests.solvers.writing import Text


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _paragraph, Level.L2: _essay, Level.L3: _long}[level](probe.prompt)


def _split(named: str) -> list[str]:
    return re.split(r", | and ", named)


def _paragraph(prompt: str) -> list[Answer]:
    (count,) = re.findall(r"at least (\d) sentences", prompt)
    (asked,) = re.findall(r"It contains the words (.+)\.", prompt)
    (banned,) = re.findall(r"does not contain the words (.+)\.", prompt)
    text = Text()
    said = [text.sentence(word) for word in _split(asked)]
    said += [text.sentence() for _ in range(int(count) - len(said))]
    whole = " ".join(said)
    if any(re.search(rf"\b{word}\b", whole) for word in _split(banned)):
        return []
    return [Answer(whole)]


def _essay(prompt: str) -> list[Answer]:
    (word,) = re.findall(r"among them the word (\w+)\.", prompt)
    (count, least) = re.findall(r"exactly (\d) paragraphs .* at least (\d) sentences", prompt)[0]
    asked = re.findall(r"The \w+ paragraph contains the words (.+)\.", prompt)
    if len(asked) != int(count) or "no contractions" not in prompt:
        return []
    text = Text()
    blocks = [text.paragraph(int(least), *_split(each)) for each in asked]
    return [Answer("\n\n".join([f"Once more about the {word}", *blocks]))]


def _long(prompt: str) -> list[Answer]:
    (name,) = re.findall(r"contains the name (\w+)\.", prompt)
    outline = re.findall(r"^## (.+) \(words: (.+)\)$", prompt, re.MULTILINE)
    (parts, least, all_words) = re.findall(
        r"at least (\d) paragraphs, .* at least (\d+) words\.[^#]+all together have at least (\d+) words",
        prompt,
    )[0]
    extra = ""
    for some, sentence in (
        ("one contraction", "Number {} didn't matter to anybody there."),
        ("one word of the first person", "Place {} pleased my old uncle most."),
        ("one word that addresses", "Take item {} home with your basket."),
        ("one exclamation mark", "What a day it was for house {} of that street!"),
    ):
        if f"- At least {some}" in prompt:
            extra += f" {sentence}"
    text, written = Text(), [f"# About {name}"]
    sentences = max(int(least), int(all_words) // len(outline)) // int(parts) // 6
    for place, (heading, asked) in enumerate(outline, start=1):
        unlike = extra.replace("{}", ("one", "two", "three", "four")[place - 1])
        written += [f"## {heading}", text.paragraph(sentences, *_split(asked))]
        written += [text.paragraph(sentences) for _ in range(int(parts) - 1)]
        written[-1] += unlike
    return [Answer("\n\n".join(written))]
