"""``follow.format`` from its words: text is put together by hand, never by the generator's tables."""

from __future__ import annotations

import json
import re
from typing import Any

from skvm.target.contract import Answer, Level, Probe


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _named, Level.L2: _schema, Level.L3: _report}[level](probe.prompt)


def _named(prompt: str) -> list[Answer]:
    words = prompt.partition("\n")[0].rpartition(": ")[2].split(", ")
    numbers = range(1, len(words) + 1)
    text = {
        "as a JSON array": lambda: "[" + ",".join(f'"{word}"' for word in words) + "]",
        "on one line, with a bar": lambda: " | ".join(words),
        "on one line, with a semicolon": lambda: ";".join(words),
        "on one line, each in double": lambda: '"' + '","'.join(words) + '"',
        "one per line, each after its number and =": lambda: "\n".join(map("{}={}".format, numbers, words)),
        "one per line, each after a hyphen": lambda: "- " + "\n- ".join(words),
        "one per line, each after its number, a full": lambda: "\n".join(
            map("{}. {}".format, numbers, words)
        ),
        "one per line, each between the tags": lambda: "<w>" + "</w>\n<w>".join(words) + "</w>",
    }
    return [Answer(make()) for asked, make in text.items() if f"in this order {asked}" in prompt]


_SO = {"are in stock": True, "it is paid": True, "it can break": True, "there is a seal on it": True}
_NOT = ("there are 0 in stock", "it is not yet paid", "it cannot break", "there is no seal on it")
_ABOUT = {"in_stock": "in stock", "paid": "paid", "fragile": "break", "sealed": "seal"}


def _schema(prompt: str) -> list[Answer]:
    known, *rest = prompt.split("\n")
    facts = known.removeprefix("Known of a thing: ").rstrip(".").split("; ")
    value = {}
    for line in rest:
        if found := re.match(r"- (\w+): (.+)", line):
            key, form = found.groups()
            said = [fact for fact in facts if fact.startswith(f"{key}: ")]
            about = [fact for fact in facts if _ABOUT.get(key, "\0") in fact and ":" not in fact]
            if len(said + about) != 1:
                return []
            value[key] = _filled(form, (said or about)[0].split(": ", 1)[-1])
    return [Answer(json.dumps(value))]


def _filled(form: str, said: str) -> Any:
    numbers = [int(digits) for digits in re.findall(r"\d+", said)]
    if form.startswith("boolean"):
        return said not in _NOT and any(said.endswith(each) for each in _SO)
    if form.startswith("one of"):
        return {name: code for code, name in re.findall(r'"(\w+)" \(([^)]+)\)', form)}[said]
    if form.startswith("object with exactly the keys name"):
        name, city = said.split(" from ")
        return {"city": city, "name": name}
    if form.startswith("object"):
        return {"room": numbers[1], "floor": numbers[0]}
    if form.startswith("array of exactly two"):
        return [min(numbers), max(numbers)]
    if form.startswith("array"):
        return re.split(r", | and ", said)
    if form.startswith("number"):
        return None if said == "none" else numbers[0]
    return said


def _report(prompt: str) -> list[Answer]:
    people = re.findall(
        r"(\w+) has (\d+) points, is in the (\w+) team and comes from (an unknown city|\w+)\.", prompt
    )
    limit, cut, first = re.findall(r"only people with (at \w+) (\d+) points, the (\w+) points first", prompt)[
        0
    ]
    kept = [p for p in people if (int(p[1]) >= int(cut) if limit == "at least" else int(p[1]) <= int(cut))]
    kept.sort(key=lambda p: -int(p[1]) if first == "most" else int(p[1]))
    unknown = {"null": "null", "an empty string": '""', 'the string "?"': '"?"'}
    nowhere = unknown[re.findall(r"for an unknown city (.+)", prompt)[0]]
    comma, colon = (",", ":") if "no space and no line break" in prompt else (", ", ": ")
    upper_names = "- names in upper case" in prompt

    def put(pairs: dict[str, str]) -> str:
        keys = sorted(pairs)
        if "the reverse of alphabetical" in prompt:
            keys.reverse()
        cased = {key: key.upper() if "keys NOTE" in prompt else key for key in keys}
        return "{" + comma.join(f'"{cased[key]}"{colon}{pairs[key]}' for key in keys) + "}"

    rows = []
    for name, points, team, city in kept:
        known = nowhere if city.startswith("an ") else f'"{city.lower() if upper_names else city.upper()}"'
        rows.append(
            put(
                {
                    "points": f'"{points}"' if "strings of digits" in prompt else points,
                    "name": f'"{name.upper() if upper_names else name.lower()}"',
                    "place": put({"team": f'"{team}"', "city": known}),
                }
            )
        )
    total = len(kept) if "the number of people" in prompt else sum(int(p[1]) for p in kept)
    note = '"One two three four."'
    text = put({"total": str(total), "rows": "[" + comma.join(rows) + "]", "note": note})
    most = int(re.findall(r"at most (\d+) bytes", prompt)[0])
    return [Answer(text)] if kept and len(text.encode()) <= most else []
