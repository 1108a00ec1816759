"""Looks the codes up with regular expressions over the files' text."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    if level is Level.L2:
        wanted = re.findall(r"^(\S+\.txt)$", probe.prompt, re.MULTILINE)
        values = [
            re.findall(r"code: (\w+)", probe.files[path]) if path in probe.files else ["MISSING"]
            for path in wanted
        ]
        if any(len(found) != 1 for found in values) or values.count(["MISSING"]) != 1:
            return []
        return [Answer("\n".join(f"{path}: {found[0]}" for path, found in zip(wanted, values, strict=True)))]
    path = re.search(r"\w+/\w+\.(?:txt|log)", probe.prompt)[0]
    lines = probe.files[path].splitlines()
    questions = re.findall(r"^(\d): (.+)$", probe.prompt, re.MULTILINE)
    if level is Level.L1:
        questions = [("Code", re.search(r"What is the code of \w+\?", probe.prompt)[0])]
    found = [_matching(question, lines) for _, question in questions]
    if any(len(places) != 1 for places in found):
        return [Answer("")] * 2
    codes = [re.findall(r"\b[0-9a-f]{8}\b", lines[places[0]]) for places in found]
    if any(len(each) != 1 for each in codes):
        return []
    return [Answer("\n".join(f"{n}: {each[0]}" for (n, _), each in zip(questions, codes, strict=True)))]


def _matching(question: str, lines: list[str]) -> list[int]:
    if number := re.search(r"on line (\d+)", question):
        return [int(number[1]) - 1]
    name = re.search(r"(\w+)\?$", question)[1]
    places = [place for place, line in enumerate(lines) if name in line.split()]
    return [place + 1 for place in places] if "directly after" in question else places
