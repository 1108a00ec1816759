"""Builds the files line by line from the words of the prompt."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    build = {Level.L1: _small, Level.L2: _large, Level.L3: _many}[level]
    return build(probe.prompt)


def _small(prompt: str) -> list[Answer]:
    path, count = re.search(r"file (\S+) with exactly these (\d+) lines", prompt).groups()
    lines = prompt.split("\n\n", 1)[1].strip("\n").split("\n")
    return [Answer("", {path: "\n".join(lines)})] if len(lines) == int(count) else []


def _large(prompt: str) -> list[Answer]:
    path, count = re.search(r"file (\S+) with exactly (\d+) lines", prompt).groups()
    head, tail = re.search(r"`(\w+-)NNN (\w+ )V`", prompt).groups()
    value, step = (int(each) for each in re.search(r"V is (\d+) for .* grows by (\d+)", prompt).groups())
    lines = []
    for number in range(int(count)):
        lines.append(head + str(number + 1).rjust(3, "0") + " " + tail + str(value))
        value += step
    shown = prompt.rstrip().split("\n")[-2:]
    return [Answer("", {path: "\n".join(lines)})] if lines[:2] == shown else []


def _many(prompt: str) -> list[Answer]:
    files, members = {}, {}
    for line in prompt.split("\n\n", maxsplit=1)[0].split("\n")[1:]:
        name, team, city, colour, badge = line.split(", ")
        files[f"{team}/{name.lower()}.txt"] = f"name: {name}\ncity: {city}\nbadge: {colour} {badge}"
        members[team] = [*members.get(team, []), name]
    for team, names in members.items():
        files[f"{team}/index.txt"] = "\n".join(sorted(names))
    return [Answer("", files)] if len(files) == len(members) + sum(map(len, members.values())) else []
