"""Computes what the prompt asks with closed forms and big numbers instead of the generator's loops."""

from __future__ import annotations

import re
from math import lcm

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import Act, Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    if level is Level.L1:
        ((script, source),) = probe.files.items()
        factor, step, modulus = (int(n) for n in re.search(r"\* (\d+) \+ (\d+)\) % (\d+)", source).groups())
        start, rounds = (int(n) for n in re.search(r"arguments (\d+) and (\d+),", probe.prompt).groups())
        value = iterated(start, rounds, factor, step, modulus)
        return [Answer(f"Result: {value}", turns=((_ran(f"python3 {script}", value),),))]
    if level is Level.L2:
        values = computed(probe.prompt)
        return [Answer(f"Result: {value}", turns=((_ran("./compute", value),),)) for value in values]
    questions = re.findall(r"^\d: (.+)$", probe.prompt, re.MULTILINE)
    facts = re.findall(r"(\w+) of the (\w+) team works in (\w+)\.", probe.prompt)
    lines, acts = [], []
    for number, question in enumerate(questions, start=1):
        values = computed(question)
        acts += [(_ran("./compute", value),) for value in values]
        if match := re.match(r"In which city does (\w+) work", question):
            values = [city for name, _, city in facts if name == match[1]]
        elif match := re.match(r"Who works in the (\w+) team", question):
            values = [name for name, team, _ in facts if team == match[1]]
        if len(values) != 1:
            return []
        lines.append(f"{number}: {values[0]}")
    return [Answer("\n".join(lines), turns=acts)]


def _ran(command: str, value: int) -> Act:
    return Act(ToolKind.RUN, {"command": command}, output=f"{value}\n")


def iterated(start: int, rounds: int, factor: int, step: int, modulus: int) -> int:
    """x -> factor * x + step, by squaring the map."""
    a, b, p, q = 1, 0, factor, step
    while rounds:
        if rounds % 2:
            a, b = a * p % modulus, (b * p + q) % modulus
        p, q, rounds = p * p % modulus, (q * p + q) % modulus, rounds // 2
    return (a * start + b) % modulus


def computed(text: str) -> list[int]:
    """The values of all computations a text asks for."""
    values = []
    for base, power, modulus in re.findall(r"when (\d+) to the power of (\d+) is divided by (\d+)", text):
        values.append(int(base) ** int(power) % int(modulus))
    for found in re.findall(
        r"x is (\d+) at first\. .* (\d+) times: .* when (\d+) \* x \+ (\d+) is divided by (\d+)\.", text
    ):
        values.append(iterated(*(int(found[n]) for n in (0, 1, 2, 3, 4))))
    for found in re.findall(r"from (\d+) to (\d+) \(both included\) whose digit sum .* by (\d+)\?", text):
        low, high, divisor = map(int, found)
        total = 0
        for tens in range(low // 10, high // 10 + 1):
            missing = -sum(divmod(tens // 10**n, 10)[1] for n in range(5)) % divisor
            for last in range(missing, 10, divisor):
                total += tens * 10 + last if low <= tens * 10 + last <= high else 0
        values.append(total)
    for found in re.findall(r"from 1 to (\d+) that are divisible by (\d+) or by (\d+) ", text):
        high, first, second = map(int, found)
        values.append(
            sum(sign * _squares(high, n) for n, sign in ((first, 1), (second, 1), (lcm(first, second), -1)))
        )
    for found in re.findall(r"(\d+) boxes hold (\d+) pieces each, and (\d+) pieces", text):
        boxes, pieces, single = map(int, found)
        values.append(sum([pieces] * boxes, single))
    return values


def _squares(high: int, step: int) -> int:
    count = high // step
    return step * step * count * (count + 1) * (2 * count + 1) // 6
