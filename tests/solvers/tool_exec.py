"""Does what the prompt says with loops over the files' bytes; the script it leaves reads without ``open``."""

from __future__ import annotations

import hashlib
import re

from skvm.harness.trajectory import ToolKind
from skvm.target.contract import Act, Answer, Level, Probe

RUN = ((Act(ToolKind.RUN, {"command": "sh work.sh"}),),)


def solve(level: Level, probe: Probe) -> list[Answer]:
    ((path, text),) = probe.files.items()
    if f"{path}" not in probe.prompt:
        return []
    files = {Level.L1: _value, Level.L2: _script, Level.L3: _chain}[level](probe.prompt, path, text)
    return [Answer("Done.", each, RUN) for each in files]


def _value(prompt: str, path: str, text: str) -> list[dict[str, str]]:
    if "SHA-256" in prompt:
        value = hashlib.new("sha256", text.encode()).hexdigest()
    elif "how many bytes" in prompt:
        value = str(sum(1 for _ in text.encode()))
    elif word := re.search(r"contain the word (\w+)", prompt):
        # As a word and as a part of one: where these differ, the prompt has two answers.
        counts = {len(re.findall(rf"^.*{w}.*$", text, re.MULTILINE)) for w in (word[1], rf"\b{word[1]}\b")}
        return [{"result.txt": str(count)} for count in counts]
    else:
        value = str(text.count("\n"))
    return [{"result.txt": value}]


_LOOPS = {
    "the sum of all numbers": "t += n",
    "the largest number minus the smallest": "hi, lo = max(hi, n), min(lo, n); t = hi - lo",
    "numbers are even": "t += 1 - n % 2",
    "the sum of the odd numbers": "t += n * (n % 2)",
    "different numbers": "t += n not in seen; seen.append(n)",
}


def _script(prompt: str, path: str, text: str) -> list[dict[str, str]]:
    script = re.search(r"script (\w+\.py)", prompt)[1]
    loops = [loop for words, loop in _LOOPS.items() if words in prompt]
    if len(loops) != 1:
        return [{}] * len(loops)
    source = f"t, hi, lo, seen = 0, 0, 10**9, []\nfor n in map(int, text.split()):\n    {loops[0]}\n"
    found = {"text": text}
    exec(source, found)  # noqa: S102 -- our own lines
    head = f"import pathlib\ntext = pathlib.Path({path!r}).read_text()\n"
    return [{script: f"{head}{source}print(t)\n", "result.txt": str(found["t"])}]


def _chain(prompt: str, path: str, text: str) -> list[dict[str, str]]:
    word = re.search(r"colour is (\w+),", prompt)[1]
    chosen = re.findall(rf"^{word} \w+$", text, re.MULTILINE)
    counts: dict[str, int] = {}
    for row in chosen:
        town = row.removeprefix(word + " ")
        counts[town] = counts.get(town, 0) + 1
    most = max(counts.values())
    steps = {"step1.txt": "\n".join(chosen), "step2.txt": "\n".join(sorted(chosen))}
    winners = [town for town, count in counts.items() if count == most]
    return [{**steps, "result.txt": f"{town} {most} {len(chosen)}"} for town in winners]
