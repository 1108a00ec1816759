"""``gen.regex`` from its words: patterns of another build, held against the examples of the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe

_RANGES = {"digits": r"\d", "lowercase letters": "[a-z]", "uppercase letters": "[A-Z]"}


def solve(level: Level, probe: Probe) -> list[Answer]:
    prompt = probe.prompt
    pattern = {Level.L1: _label, Level.L2: _ticket, Level.L3: _look}[level](prompt)
    if not all(_is_found(prompt, pattern, text) for text in _quoted(prompt, "Match: ")):
        return []
    if any(_is_found(prompt, pattern, text) for text in _quoted(prompt, "No match: ")):
        return []
    return [Answer(f"```\n{pattern}\n```")]


def _quoted(prompt: str, label: str) -> Sequence[str]:
    lines = [line for line in prompt.split("\n") if line.startswith(label)]
    return [text for line in lines for text in re.findall(r"`([^`]*)`", line)]


def _is_found(prompt: str, pattern: str, text: str) -> bool:
    run = re.fullmatch if "re.fullmatch" in prompt else re.search
    return run(pattern, text) is not None


def _literal(text: str) -> str:
    return "".join(f"[{char}]" if char in ".-#" else char for char in text)


def _written_out(kind: str, count: int) -> str:
    return _RANGES[kind] * count


def _label(prompt: str) -> str:
    parts = []
    for line in re.findall(r"^\d\. (.+)$", prompt, re.MULTILINE):
        if word := re.fullmatch(r"the word (\w+)", line):
            parts.append(word[1])
        elif mark := re.fullmatch(r"the character (\S)", line):
            parts.append(_literal(mark[1]))
        else:
            count = re.fullmatch(r"exactly (\d) ([a-z ]+) \(.-.\)", line)
            assert count
            parts.append(_written_out(count[2], int(count[1])))
    assert len(parts) == 5
    return "".join(parts)


def _ticket(prompt: str) -> str:
    parts = []
    for line in re.findall(r"^\d\. (.+)$", prompt, re.MULTILINE):
        if words := re.fullmatch(r"one of the words (\w+), (\w+) or (\w+)", line):
            parts.append(f"({words[3]}|{words[2]}|{words[1]})")
        elif run := re.fullmatch(r"(\d) to (\d) digits \(0-9\)", line):
            low, high = int(run[1]), int(run[2])
            parts.append(f"({_written_out('digits', low)}" + r"\d?" * (high - low) + ")")
        elif mark := re.fullmatch(r"the character (\S)", line):
            parts.append(_literal(mark[1]))
        else:
            end = re.fullmatch(
                r"optionally \(all of it or nothing\): the character (\S) and exactly (\d) ([a-z ]+) \(.-.\)",
                line,
            )
            assert end
            parts.append(f"(?:|{_literal(end[1])}{_written_out(end[3], int(end[2]))})")
    assert len(parts) == 4
    assert ("Group 1 of the match is the word" in prompt) is (parts[0][1].isalpha())
    return r"\A(?:" + "".join(parts) + r")\Z"


def _look(prompt: str) -> str:
    if "passwords" in prompt:
        return _password(prompt)
    if "stands alone" in prompt:
        return _guarded(prompt)
    (between,) = re.findall(r"directly after `(\w+\S)` and directly before ` (\w+)`", prompt)
    example, right = re.findall(r"^Example: in `([^`]+)` only (\d+) is found\.$", prompt, re.MULTILINE)[0]
    pattern = rf"(?<={_literal(between[0])})\d\d*(?=[ ]{between[1]})"
    return pattern if re.findall(pattern, example) == [right] else "(?!)"


def _password(prompt: str) -> str:
    (low, high) = re.findall(r"it has (\d+) to (\d+) characters", prompt)[0]
    symbols = "".join(re.findall(r"`(\S)`", re.findall(r"a digit or one of the characters (.+);", prompt)[0]))
    (banned,) = re.findall(r"the word (\w+), in lowercase letters, is nowhere in it", prompt)
    some = {"digit": "0-9", "uppercase letter": "A-Z", "of the characters": symbols}
    needs = [chars for name, chars in some.items() if re.search(f"at least one {name}", prompt)]
    ahead = "".join(f"(?=[^{chars}]*[{chars}])" for chars in needs)
    return f"{ahead}(?:(?!{banned})[a-zA-Z{symbols}0-9]){{{low},{high}}}"


def _guarded(prompt: str) -> str:
    (word,) = re.findall(r"every place where (\w+) stands alone", prompt)
    sides = re.findall(
        r"directly (before|after) it there is .* none of the characters `(\S)` or `(\S)`[.;]", prompt
    )
    before, after = (f"[^\\W_]|{re.escape(one)}|{re.escape(two)}" for _, one, two in sides)
    return f"(?<!{before})(?:{word})(?!{after})"
