"""``reason.analysis`` from its words: code is run, and its lines exchanged until it does what is said."""

from __future__ import annotations

import builtins
import functools
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, SimpleNamespace
from typing import Any

from skvm.target.contract import Answer, Level, Probe

Meaning = Callable[[list[int], int], object]

MEANINGS: Mapping[str, Meaning] = {
    "how many of the numbers are greater than": lambda a, k: sum(1 for x in a if not x <= k),
    "the sum of the numbers that are greater than": lambda a, k: sum(a) - sum(x for x in a if x <= k),
    "the largest number minus": lambda a, k: max(x - y for x in a for y in a),
    "whether no number is smaller": lambda a, k: not any(y < x for x, y in itertools.pairwise(a)),
    "the position of the first number below": lambda a, k: next((i for i, x in enumerate(a) if x < k), -1),
    "the length of the longest run": lambda a, k: max(len(list(group)) for _, group in itertools.groupby(a)),
    "the numbers without repetitions": lambda a, k: sorted(set(a), key=a.index),
    "a list with the sum": lambda a, k: list(itertools.accumulate(a)),
    "the numbers in reverse": lambda a, k: a[::-1],
    "how many different": lambda a, k: len(Counter(a)),
    "every second number": lambda a, k: [
        x for x, use in zip(a, itertools.cycle((1, 0)), strict=False) if use
    ],
    "the sum of the squares": lambda a, k: sum(abs(x) ** 2 for x in a),
    "a list with how much": lambda a, k: [y - x for x, y in itertools.pairwise(a)],
    "whether two numbers": lambda a, k: any(x + y == k for x, y in itertools.combinations(a, 2)),
    "the sum of the numbers that can be divided": lambda a, k: sum(x for x in a if x / k == x // k),
    "the number that occurs most often": lambda a, k: min(Counter(a).items(), key=lambda p: (-p[1], p[0]))[0],
}


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _purposes, Level.L2: _faults, Level.L3: _crashes}[level](probe.prompt)


def _dressed(text: str) -> list[str]:
    return [line.removeprefix("    ") for line in text.split("\n")]


@functools.cache
def _lists(k: int) -> list[list[int]]:
    rng = random.Random(k)
    pools = [[k, k - 1, k + 1], [k // 2, k - k // 2, 0, 1, k + 3], [2 * k, 3 * k, 1, k + 1], [-4, 7, 2, 9, k]]
    return [[rng.choice(rng.choice(pools)) for _ in range(rng.randint(2, 7))] for _ in range(40)]


def _purposes(prompt: str) -> list[Answer]:
    code, choice = prompt.split("What does each function return?")
    options = re.findall(r"^([A-H]): (.+)$", choice, re.MULTILINE)
    lines = []
    for number, text in re.findall(r"^Function (\d):\n((?:    .+\n)+)", code, re.MULTILINE):
        scope: dict[str, Any] = {}
        exec("\n".join(_dressed(text)), scope)  # noqa: S102
        run = next(value for name, value in scope.items() if name != "__builtins__")
        fitting = []
        for letter, words in options:
            (meaning,) = (value for start, value in MEANINGS.items() if words.startswith(start))
            k = int((re.findall(r"(?:than|below|to|by) (\d+)", words) or ["9"])[0])
            every = {
                int(n) for _, option in options for n in re.findall(r"(?:than|below|to|by) (\d+)", option)
            }
            tried = _lists(max(every or {9}))
            if all(
                run(list(a)) == meaning(list(a), k) and type(run(list(a))) is type(meaning(a, k))
                for a in tried
            ):
                fitting.append(letter)
        lines.append([f"{number}: {letter}" for letter in fitting])
    return [Answer("\n".join(rows)) for rows in itertools.product(*lines)]


def _faults(prompt: str) -> list[Answer]:
    found = []
    for words, text in re.findall(
        r"^(\w+ (?:returns|takes) .+)\n((?: \d .+\n|\d\d .+\n)+)", prompt, re.MULTILINE
    ):
        name, rest = words.split(" ", 1)
        lines = [line[3:] for line in text.rstrip("\n").split("\n")]
        code = "\n".join(lines).replace(f"def {name}(", "def f(")
        found.append([f"{name}: {line}" for line in _repairs(rest, code)])
    return [Answer("\n".join(rows)) for rows in itertools.product(*found)]


def _cases(words: str) -> tuple[Callable[..., object], list[tuple[Any, ...]]]:
    """What a function should give back by its words, and arguments to try."""
    rng, n = random.Random(words), [int(x) for x in re.findall(r"\b\d+\b", words)]
    lists = [[rng.randint(0, 4) for _ in range(rng.randint(1, 8))] for _ in range(25)]
    if "longest run" in words:
        return (lambda a: max(len(list(g)) for _, g in itertools.groupby(a))), [(a,) for a in lists]
    if "two lists" in words:
        return (lambda a, b: sorted(a + b)), [
            (sorted(a), sorted(b)) for a, b in zip(lists, lists[5:], strict=False)
        ]
    if "position of x" in words:
        rows = [sorted(rng.sample(range(20), rng.randint(0, 9))) for _ in range(30)]
        tried = [(a, x) for a in rows for x in (*a, rng.randint(-1, 20))]
        return (lambda a, x: a.index(x) if x in a else -1), tried
    if "without repetitions" in words:
        return (lambda a: list(dict.fromkeys(a))), [([],), *((a,) for a in lists)]
    if "closed" in words:
        texts = ["".join(rng.choice("()x") for _ in range(rng.randint(0, 6))) for _ in range(60)]
        return _balanced, [(text,) for text in (*texts, "", "()", "(())", ")(", "())", "((", "()()", "))((")]
    if '"low"' in words:
        low, high = n
        return (
            lambda a: ["low" if x < low else "high" if x > high else "mid" for x in a],
            [([x],) for x in range(-1, 25)] + [(list(range(25)),)],
        )
    if "ages" in words:
        cheap, young, dear, old, other = n
        ages = [[rng.randint(1, 90) for _ in range(4)] for _ in range(10)]
        tried = [([x],) for x in range(95)] + [(a,) for a in ages] + [([],), ([1, 30, 1, 89, 1],)]
        return (lambda a: sum(cheap if x < young else dear if x >= old else other for x in a)), tried
    if "neighbouring" in words:
        k = n[0]
        rows = [[rng.randint(0, 9) for _ in range(rng.randint(k, 9))] for _ in range(40)]
        return (lambda a: max(sum(a[i : i + k]) for i in range(len(a) - k + 1))), [(a,) for a in rows]
    if "how often" in words:
        return (lambda a: dict(Counter(a))), [([str(x) for x in a],) for a in ([], *lists)]
    assert "prime" in words
    return (lambda x: x > 1 and all(x % d for d in range(2, x))), [(x,) for x in range(60)]


def _balanced(text: str) -> bool:
    text = text.replace("x", "")
    while "()" in text:
        text = text.replace("()", "")
    return not text


GROUPS = (
    ("<", "<=", ">", ">=", "==", "!="),
    ("+", "-", "*", "//", "%"),
    ("in", "not in"),
    ("max", "min", "sum", "len", "sorted"),
    ("and", "or"),
    ("True", "False"),
    ('"low"', '"mid"', '"high"'),
)
TOKEN = re.compile(r'"\w+"|not in|[<>=!]=|//|\w+|[<>+\-*%]')


def _edits(line: str, names: Sequence[str]) -> Iterator[str]:
    """The line with one word, number or sign exchanged, and with a part left out or put in."""
    for found in TOKEN.finditer(line):
        token, others = found[0], set[str]()
        others.update(*(group for group in GROUPS if token in group))
        if token.isdigit():
            others |= {str(int(token) + step) for step in (-2, -1, 1, 2)} | {"0", "1"}
        if token in names:
            others |= set(names)
        for other in sorted(others - {token}):
            yield line[: found.start()] + other + line[found.end() :]
    yield re.sub(r"\(\)$|\(\)\)$", lambda m: m[0].replace("()", "(0)"), line)
    yield re.sub(r"\[1:\]", "", line)
    yield re.sub(r"range\((.+) - 1\)", r"range(\1)", line)
    yield re.sub(r"(?:sorted|set)\((\w+)\)", r"\1", line)
    yield re.sub(r"insert\(0, (\w+)\)", r"append(\1)", line)
    yield re.sub(r"\((\w+)\[0\]\)", "(x)", line)
    yield re.sub(r"= -?(\w+)$", r"= total + \1", line)
    yield re.sub(r"^(\s*)(\w+) = \d+$", r"\1\2 = \2 - 1", line)
    yield re.sub(r"^(\s*)(\S+) = \d+$", r"\1\2 = \2 + 1", line)
    yield re.sub(r"^(\s*)best = .+$", r"\1best = total", line)
    yield re.sub(r"return len\((\w+)\)", r"return \1", line)
    yield re.sub(r"return \w+$", "return depth == 0", line)
    yield re.sub(r"return ([a-z]\w*)$", r"return \1[:]", line)
    yield re.sub(r"return .+", "return out + a + b", line)


class _TooLongError(Exception):
    pass


def _is_right(code: str, wanted: Callable[..., object], cases: Sequence[tuple[Any, ...]]) -> bool:
    left = 2000

    def tick() -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLongError
        return True

    scope: dict[str, Any] = {"tick": tick}
    try:
        exec(re.sub(r"while (.+):", r"while tick() and (\1):", code), scope)  # noqa: S102
        for case in cases:
            copies = [list(x) if isinstance(x, list) else x for x in case]
            if scope["f"](*copies) != wanted(*case):
                return False
    except Exception:  # noqa: BLE001 - an exchanged line may raise anything
        return False
    return True


@functools.cache
def _repairs(words: str, code: str) -> list[int]:
    """Lines that can be exchanged for another one so that the function does what its words say."""
    wanted, cases = _cases(words)
    if _is_right(code, wanted, cases):
        return []
    lines = code.split("\n")
    names = sorted({*re.findall(r"\b(\w+) = ", code), *re.findall(r"for (\w+) in", code)})
    names += [x for x in re.findall(r"\w+", lines[0])[2:] if x not in names]
    found = []
    for number, line in enumerate(lines[1:], start=1):
        tried = ("\n".join([*lines[:number], edit, *lines[number + 1 :]]) for edit in _edits(line, names))
        if any(_is_right(each, wanted, cases) for each in tried if each != code):
            found.append(number + 1)
    return found


REPAIRS = (
    (r"a\.sort\(\)", "sorted(a)"),
    (r"return len\(a\)", "return len(a) - 1"),
    (r"return len\(a\)", "return max(1, len(a))"),
    (r"place = len\(a\)", "place = len(a) - 1"),
    (r"\((\d), word\)", r"(word, \1)"),
    (r'append\("(\d)"\)', r"append(\1)"),
    (r'append\("(\w+)s"\)', r'append("\1")'),
    (r'"\w+": n\}', '"count": n}'),
    (r'";"', '","'),
    (r"return (text\.strip\(\))", r"return int(\1)"),
)


@functools.lru_cache(maxsize=64)
def _compiled(text: str, path: str) -> CodeType:
    return compile(text, path, "exec")


def _run(files: Mapping[str, str], call: str) -> tuple[list[tuple[str, int]], str]:
    """Where a call went and what it ended with; a call that ends well gives no error."""
    spaces: dict[str, SimpleNamespace] = {}

    def give(name: str, *_: object, **__: object) -> SimpleNamespace:
        if name not in spaces:
            scope: dict[str, Any] = {"__builtins__": {**vars(builtins), "__import__": give}}
            exec(_compiled(files[f"{name}.py"], f"{name}.py"), scope)  # noqa: S102
            spaces[name] = SimpleNamespace(**{k: v for k, v in scope.items() if k != "__builtins__"})
        return spaces[name]

    try:
        getattr(give("main"), call)()
    except Exception as error:  # noqa: BLE001 - any crash is what is wanted here
        step, way = error.__traceback__, []
        while step:
            if step.tb_frame.f_code.co_filename in files:
                way.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
            step = step.tb_next
        return way, f"{type(error).__name__}: {error}"
    return [], ""


def _crashes(prompt: str) -> list[Answer]:
    listings = re.findall(r"^(\w+\.py)\n((?: \d.*\n|\d\d.*\n)+)", prompt, re.MULTILINE)
    files = {path: "\n".join(line[3:] for line in text.rstrip("\n").split("\n")) for path, text in listings}
    found = []
    for call, text in re.findall(r"^(\w+)\(\) crashes:\n((?:    .+\n)+)", prompt, re.MULTILINE):
        *frames, error = _dressed(text.rstrip("\n"))
        way = [(path, int(line)) for path, line in re.findall(r"([\w.]+), line (\d+), in", "\n".join(frames))]
        if _run(files, call) != (way, error):
            return []
        found.append([f"{call}: {path}:{line}" for path, line in _causes(files, call, way)])
    return [Answer("\n".join(rows)) for rows in itertools.product(*found)]


def _causes(files: Mapping[str, str], call: str, way: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Lines of functions on the way whose repair ends the crash."""
    for path, text in files.items():
        lines = text.split("\n")
        for number, line in enumerate(lines):
            repaired = {re.sub(old, new, line) for old, new in REPAIRS} - {line}
            for each in repaired:
                changed = {**files, path: "\n".join([*lines[:number], each, *lines[number + 1 :]])}
                if not _run(changed, call)[1]:
                    yield path, number + 1
                    break
