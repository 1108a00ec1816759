"""``reason.planning`` from its words: all orders are tried, hours pass one by one, events are awaited."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _orders, Level.L2: _hours, Level.L3: _events}[level](probe.prompt)


def _pair(line: str) -> tuple[str, str]:
    """What comes earlier, and what later."""
    if found := re.fullmatch(r"- (\w+) needs (\w+)", line):
        return found[2], found[1]
    if found := re.fullmatch(r"- (\w+) starts only after (\w+) is finished", line):
        return found[2], found[1]
    found = re.fullmatch(r"- (\w+) comes before (\w+)", line)
    assert found, line
    return found[1], found[2]


def _orders(prompt: str) -> list[Answer]:
    jobs: list[list[str]] = []
    for part in prompt.split("\n\n")[:-1]:
        head, *lines = part.split("\n")
        steps = re.findall(r"\w+", head.split("has the steps")[1])
        pairs = [_pair(line) for line in lines]
        jobs.append(
            [
                ", ".join(order)
                for order in itertools.permutations(steps)
                if all(order.index(a) < order.index(b) for a, b in pairs)
            ]
        )
    answers = itertools.product(*jobs)
    return [Answer("\n".join(f"Job {n}: {row}" for n, row in enumerate(rows, start=1))) for rows in answers]


def _needs(prompt: str) -> dict[str, list[str]]:
    found = re.findall(r"^- (\w+) needs (.+)$", prompt, re.MULTILINE)
    return {
        step: [name for name in re.findall(r"\w+", rest) if name not in {"and", "nothing"}]
        for step, rest in found
    }


def _hours(prompt: str) -> list[Answer]:
    needs, done, rows = _needs(prompt), set[str](), list[Sequence[str]]()
    while len(done) < len(needs):
        now = [step for step, waits in needs.items() if step not in done and done.issuperset(waits)]
        if not now:
            return []
        rows.append(now)
        done |= set(now)
    lines = [f"{n}: {', '.join(row)}" for n, row in enumerate(rows, start=1)]
    return [Answer("\n".join([*lines, f"Hours: {len(rows)}"]))]


def _events(prompt: str) -> list[Answer]:
    needs = _needs(prompt)
    stand_ins = dict(re.findall(r"^- (\w+) stands in for (\w+)$", prompt, re.MULTILINE))
    only_if = dict(re.findall(r"^- (\w+) runs only if (\w+) failed$", prompt, re.MULTILINE))
    today = re.search(r"^Today (\w+) and (\w+) fail;", prompt, re.MULTILINE)
    assert today
    started: set[str] = set()
    good: set[str] = set()
    while True:
        bad = started & set(today.groups())
        good |= started - bad
        good |= {step for stand_in, step in stand_ins.items() if stand_in in good and step in bad}
        ready = {step for step, waits in needs.items() if good.issuperset(waits)}
        ready |= {step for step, cause in {**stand_ins, **only_if}.items() if cause in bad}
        if ready <= started:
            break
        started |= ready
    skipped = {*needs, *stand_ins, *only_if} - started
    return [Answer(f"Started: {', '.join(sorted(started))}\nSkipped: {', '.join(sorted(skipped))}")]
