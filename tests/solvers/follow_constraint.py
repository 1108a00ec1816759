"""``follow.constraint`` from its words: texts are laid word by word, quizzes read as they are."""

from __future__ import annotations

import re

from skvm.target.contract import Answer, Level, Probe

SPARE = ("go", "my", "a", "it", "we", "us", "be", "up", "old", "ten", "air")


def solve(level: Level, probe: Probe) -> list[Answer]:
    text = {Level.L1: _sentence, Level.L2: _text, Level.L3: _quiz}[level](probe.prompt)
    return [Answer(text)] if text else []


def _found(pattern: str, prompt: str) -> tuple[str, ...]:
    match = re.search(pattern, prompt)
    return match.groups() if match else ()


def _spare(prompt: str) -> str | None:
    banned = _found(r"do not use the letter (\w),", prompt)
    return next((word for word in SPARE if not banned or banned[0] not in word), None)


def _sentence(prompt: str) -> str | None:
    spare, middle = _spare(prompt), list(_found(r"with the words (\w+), (\w+) and (\w+)\.", prompt))
    head = list(_found(r"the first word is (\w+)\.", prompt))
    tail = list(_found(r"the last word is (\w+)\.", prompt))
    if times := _found(r"the word (\w+) exactly (\d+) times", prompt):
        middle += [times[0]] * int(times[1])
    size = _found(r"exactly (\d+) words in all", prompt) or _found(r"at least (\d+) words", prompt)
    spares = int(size[0]) - len(head + middle + tail)
    if spare is None or ("exactly" in prompt and "words in all" in prompt and spares < 0):
        return None
    line = " ".join([*head, *middle, *[spare] * spares, *tail]) + "."
    if "no capital letter" in prompt:
        return line
    return line.upper() if "capital letters only" in prompt else line[0].upper() + line[1:]


def _text(prompt: str) -> str | None:
    spare = _spare(prompt)
    (count,) = map(int, _found(r"exactly (\d+) lines", prompt))
    rows: list[list[str]] = [[] for _ in range(count)]
    if first := _found(r"the first word of line (\d+) is (\w+)", prompt):
        rows[int(first[0]) - 1].append(first[1])
    if times := _found(r"the word (\w+) exactly (\d+) times in all", prompt):
        for place in range(int(times[1])):
            rows[-1 - place % count].append(times[0])
    if number := _found(r"the number (\d+), in digits, in line (\d+)", prompt):
        rows[int(number[1]) - 1].append(number[0])
    last = _found(r"the last word of line (\d+) is (\w+)", prompt)
    (size,) = map(int, _found(r"(?:exactly|at least) (\d+) words in each line", prompt))
    mark = (_found(r"every line ends with (\S)", prompt) or ("",))[0]
    lines = []
    for place, row in enumerate(rows, start=1):
        tail = [last[1]] if last and int(last[0]) == place else []
        spares = size - len(row) - len(tail)
        if spare is None or (f"exactly {size} words" in prompt and spares < 0):
            return None
        lines.append(" ".join([*row, *[spare] * spares, *tail]) + mark)
    text = "\n".join(lines)
    return text.upper() if "capital letters only" in prompt else text


def _quiz(prompt: str) -> str | None:
    questions = re.findall(r"^(\d+): (.+)$", prompt, re.MULTILINE)
    for start, answer in _KINDS.items():
        if prompt.startswith(start):
            answers = [answer(prompt, question) for _, question in questions]
            return "\n".join(f"{n}: {text}" for (n, _), text in zip(questions, answers, strict=True))
    return None


def _colour(prompt: str, question: str) -> str:
    (usual,) = _found(r"usually called (\w+) is the colour", question)
    (here,) = set(re.findall(rf"usually called {usual} is called (\w+)", prompt))
    return str(here)


def _contrary(prompt: str, question: str) -> str:
    if greater := _found(r"(\d+) is greater than (\d+)", question):
        is_true = int(greater[0]) - int(greater[1]) > 0
    else:
        is_true = question.partition(" ")[0][-1] in "02468"
    return str(_found(rf"{'true' if is_true else 'false'} (?:statement|one) is (\w+)", prompt)[0])


def _sum(prompt: str, question: str) -> str:
    left, sign, right = question.split()
    (verb,) = _found(rf"{re.escape(sign)} means (\w+)", prompt)
    number = int(left)
    for _ in range(int(right)):
        number += {"add": 1, "subtract": -1, "multiply": int(left)}[verb]
    return str(number - int(left) if verb == "multiply" else number)


def _day(prompt: str, question: str) -> str:
    week = _found(r"in this order: ([\w, ]+)\.", prompt)[0].split(", ")
    after, day = _found(r"(\d+) days after (\w+)", question)
    while week[0] != day:
        week.append(week.pop(0))
    for _ in range(int(after)):
        week.append(week.pop(0))
    return week[0]


def _weight(prompt: str, question: str) -> str:
    pair = re.findall(r"the (\w+)", question)
    known = {thing: int(_found(rf"the {thing} (\d+) kg", prompt)[0]) for thing in pair}
    heavy, light = sorted(pair, key=lambda thing: -known[thing])
    return f"The {heavy} is {known[heavy] - known[light]} kg heavier than the {light}."


_KINDS = {
    "In this text colours": _colour,
    "In this quiz": _contrary,
    "In this text the signs": _sum,
    "In an invented calendar": _day,
    "In a story": _weight,
}
