"""Follows the prompt's paths through the files, with one call for each file of a wave."""

from __future__ import annotations

import re

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import Act, Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    first = list(dict.fromkeys(re.findall(r"[\w/]+\.txt", probe.prompt)))
    texts = [probe.files[path].split() for path in first]
    waves = [first]
    if level is Level.L1:
        said = "\n".join(f"{path}: {text[0]}" for path, text in zip(first, texts, strict=True))
    elif level is Level.L2:
        said = f"Result: {_value(probe.prompt, sorted(int(text[0]) for text in texts))}"
    else:
        waves.append([path for path, _ in texts])
        total = 0
        for path, factor in texts:
            for _ in range(int(factor)):
                total += int(probe.files[path])
        said = f"Result: {total}"
    if any(len(set(wave)) < len(wave) for wave in waves):
        return []
    return [Answer(said, turns=[[_read(probe, path) for path in wave] for wave in waves])]


def _value(prompt: str, ordered: list[int]) -> int:
    smallest, *_, largest = ordered
    if "three largest" in prompt:
        return ordered[2] + ordered[3] + ordered[4]
    if "minus the smallest" in prompt:
        return largest - smallest
    return smallest + largest if "smallest and the largest" in prompt else sum(ordered)


def _read(probe: Probe, path: str) -> Act:
    return Act(ToolKind.READ, {"file_path": f"/work/{path}"}, output=probe.files[path])
