"""``gen.text.long`` from its words: what the prompt demands, line by line, and as little more as will do."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe
from tests.solvers.writing import Text


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _list, Level.L2: _report, Level.L3: _document}[level](probe.prompt)


def _markers(prompt: str) -> tuple[str, str]:
    return re.findall(r"Put the line `(.+?)` before .* the line `(.+?)` after", prompt)[0]


def _list(prompt: str) -> list[Answer]:
    (count, named) = re.findall(r"list of (\d+) sentences, .* in this order: (.+)\.$", prompt, re.MULTILINE)[
        0
    ]
    asked = re.split(r", | and ", named)
    if len(set(asked)) != int(count):
        return []
    (size,) = re.findall(r"at least\s(\d+) words", prompt)
    (most,) = re.findall(r"fewer than (\d+) characters", prompt)
    text, (begin, end) = Text(), _markers(prompt)
    lines = [f"{place}. {text.sentence(word)}" for place, word in enumerate(asked, start=1)]
    if len("\n".join(lines)) >= int(most) or any(len(line.split()) <= int(size) for line in lines):
        return []
    return [Answer("\n".join([begin, *lines, end]))]


def _outline(prompt: str) -> list[tuple[str, list[str]]]:
    rows = re.findall(r"^(#{2,3} [^(\n]+?)(?: \(mention: (.+)\))?$", prompt, re.MULTILINE)
    return [(heading, asked.split(", ") if asked else []) for heading, asked in rows]


def _report(prompt: str) -> list[Answer]:
    (title,) = re.findall(r"first line is the title `(# .+)`", prompt)
    (blocks, sentences) = re.findall(r"exactly (\d) paragraphs of at least (\d) sentences", prompt)[0]
    (low, high) = re.findall(r"whole text has (\d+) to (\d+) characters", prompt)[0]
    for more in range(4):
        text, written = Text(), [title]
        for heading, asked in _outline(prompt):
            written.append(heading)
            written.append(text.paragraph(int(sentences) + more, *asked))
            written += [text.paragraph(int(sentences) + more) for _ in range(int(blocks) - 1)]
        whole = "\n\n".join(written)
        if int(low) < len(whole) < int(high):
            return [Answer(whole)]
    return []


def _document(prompt: str) -> list[Answer]:
    (title,) = re.findall(r"title `(# .+?)`", prompt)
    (least,) = re.findall(r"none has fewer than (\d+)", prompt)
    (size,) = re.findall(r"more than (\d+) characters", prompt)
    (begin, end), outline = _markers(prompt), _outline(prompt)
    names = [heading[3:] for heading, _ in outline if heading.startswith("## ")]
    text, written = Text(), [title, "## Contents"]
    written.append("\n".join(f"{place}. {name}" for place, name in enumerate(names, start=1)))
    for heading, asked in outline:
        written.append(heading)
        if heading.startswith("### "):
            written.append(text.paragraph(int(least) // 5, *asked))
    written += ["## Summary", text.sentence(*names) + " " + text.sentence()]
    whole = "\n\n".join([begin, *written, end])
    return [Answer(whole)] if len(whole) > int(size) + 100 else []
