"""``gen.text.structured`` from its words: JSON put together as text, not as values."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _flat, Level.L2: _nested, Level.L3: _deep}[level](probe.prompt)


def _flat(prompt: str) -> list[Answer]:
    found = re.findall(
        r"^(\w+) is (\d+) years old, lives in (\w+), likes the colour (\w+), "
        r"has the badge number (\d+) and carries the tool called (\w+)\.$",
        prompt,
        re.MULTILINE,
    )
    text = '{{"tool":"{5}","badge":{4},"colour":"{3}","city":"{2}","age":{1},"name":"{0}"}}'
    return [Answer(text.format(*row)) for row in found]


def _nested(prompt: str) -> list[Answer]:
    heads = re.findall(r"^([\w ]+) was founded in (\d+)\. Its employees:$", prompt, re.MULTILINE)
    people = re.findall(
        r"^(\w+), (\d+), lives at house (\d+) in (\w+) and has the skills (\w+) and (\w+)\.$",
        prompt,
        re.MULTILINE,
    )
    one = '{{"name":"{0}","age":{1},"address":{{"city":"{3}","house":{2}}},\n  "skills":["{4}","{5}"]}}'
    rows = ",\n ".join(one.format(*person) for person in people)
    return [Answer(f'{{"company":"{name}","founded":{year},"employees":[{rows}]}}') for name, year in heads]


def _deep(prompt: str) -> list[Answer]:
    (named,) = re.findall(r"with the regions (.+?) in this order", prompt)
    (sites,) = re.findall(r"named site1 to site(\d)", prompt)
    (devices,) = re.findall(r"devices, number 1 to (\d)", prompt)
    (first, base) = re.findall(r"^(\{.+\})\nport = (\d+) \+ 100 ×", prompt, re.MULTILINE)[0]
    regions = named.split(", ")
    lower = regions[0].lower()
    shaped = first.replace(f'"{lower}', '"@r').replace("site1", "site@s").replace("true", "@e")
    shaped = re.sub(r'1",', '@d",', shaped, count=1).replace(str(int(base) + 111), "@p")
    if f'"{lower}-site1-' not in first or str(int(base) + 111) not in first:
        return []
    blocks = []
    for r, region in enumerate(regions, start=1):
        rows = []
        for s in range(1, int(sites) + 1):
            made = []
            for d in range(1, int(devices) + 1):
                port = sum((int(base), r * 100, s * 10, d))
                parts = {"@r": region.lower(), "@s": str(s), "@d": str(d), "@p": str(port)}
                parts["@e"] = "true" if d in (1, 3, 5) else "false"
                text = shaped
                for mark, part in parts.items():
                    text = text.replace(mark, part)
                made.append(text)
            rows.append(f'{{"name":"site{s}","devices":[{",".join(made)}]}}')
        blocks.append(f'{{"name":"{region}","sites":[{",".join(rows)}]}}')
    return [Answer(f'{{"regions":[{",".join(blocks)}]}}')]
