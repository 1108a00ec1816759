"""``follow.procedure`` from its words: an interpreter of the sentences."""

from __future__ import annotations

import re
from collections.abc import Callable

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    lines = {Level.L1: _straight, Level.L2: _branching, Level.L3: _loop}[level](probe.prompt)
    return [Answer("\n".join(lines))] if lines else []


def _steps(prompt: str) -> list[str]:
    return re.findall(r"^\d+\. (.+)$", prompt, re.MULTILINE)


def _straight(prompt: str) -> list[str]:
    def numbers(low: str, high: str) -> list[str]:
        return [str(n) for n in range(int(low), int(high) + 1)]

    kinds: list[tuple[str, Callable[..., list[str]]]] = [
        (r"Write the numbers from (\d+) to (\d+), one per line\.", numbers),
        (
            r"Write the word (\w+) (\d+) times, once per line\.",
            lambda word, n: [word for _ in range(int(n))],
        ),
        (r"Write the word (\w+)\.", lambda word: [word]),
    ]
    lines = []
    for step in _steps(prompt):
        (written,) = [
            make(*match.groups()) for pattern, make in kinds if (match := re.fullmatch(pattern, step))
        ]
        lines += written
    return lines


def _branching(prompt: str) -> list[str]:
    number = int(re.findall(r"Start with the number (\d+)", prompt)[0])
    lines: list[str] = []
    for step in _steps(prompt):
        if match := re.fullmatch(r"If (.+?), (.+), otherwise (.+?)\.( Write the new number\.)?", step):
            clause, then, other, is_number = match.groups()
            words = clause.split()
            if clause.endswith("even"):
                holds = str(number)[-1] in "02468"
            elif words[0] == "you":
                holds = lines[int(words[-1]) - 1] == words[2]
            else:
                holds = number - int(words[-1]) > 0
            act = then if holds else other
            if not is_number:
                lines.append(act.split()[1])
                continue
        else:
            act = step.split(".")[0]
        verb, *rest = act.split()
        if verb == "Write":
            lines.append(rest[0])
            continue
        number = _moved(number, verb.lower(), rest)
        lines.append(str(number))
    return lines


def _moved(number: int, verb: str, rest: list[str]) -> int:
    if verb in ("halve", "double"):
        return number >> 1 if verb == "halve" else number + number
    return number + int(rest[0]) * {"add": 1, "subtract": -1}[verb]


def _loop(prompt: str) -> list[str]:
    lines, total = _boxes(prompt) if prompt.startswith("Parcels") else _shrinking(prompt)
    limit, good, bad = re.findall(r"greater than (\d+), write `(\w+) d`, .* write `(\w+) d`", prompt)[0]
    over = total - int(limit)
    if over == 0:
        return []
    return [*lines, f"ROUNDS {len(lines)}", f"{good if over > 0 else bad} {abs(over)}"]


def _shrinking(prompt: str) -> tuple[list[str], int]:
    number, stop = map(int, re.findall(r"number (\d+)\. .* greater than (\d+):", prompt)[0])
    divisor, even = re.findall(r"divide it by (\d+) and write `(\w+) n`", prompt)[0]
    step, odd = re.findall(r"subtract (\d+) and write `(\w+) n`", prompt)[0]
    lines, seen = [], []
    while number > stop:
        whole, rest = divmod(number, int(divisor))
        number = number - int(step) if rest else whole
        lines.append(f"{odd if rest else even} {number}")
        seen.append(number)
    return lines, sum(seen)


def _boxes(prompt: str) -> tuple[list[str], int]:
    listed, room, left = re.findall(r"order: ([\d, ]+)\. .* most (\d+), and there are (\d+) boxes", prompt)[0]
    same, new = re.findall(r"write `(\w+) n`", prompt)
    boxes: list[list[int]] = [[]]
    lines = []
    for weight in map(int, listed.split(", ")):
        if sum(boxes[-1], weight) > int(room):
            if len(boxes) == int(left):
                break
            boxes.append([])
            word = new
        else:
            word = same
        boxes[-1].append(weight)
        lines.append(f"{word} {sum(boxes[-1])}")
    return lines, sum(map(sum, boxes))
