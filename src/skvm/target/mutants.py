"""Functions with one line that is wrong: level 2 of ``reason.analysis``.

Every program says in words what it should give back. A fault replaces one line; no replacement of a word or a
number on any other line would repair the function.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PROGRAMS", "Mutant", "Program", "mutant"]


@dataclass(frozen=True, slots=True)
class Program:
    """A right function and what one wrong line may look like.

    Args:
        purpose: What it gives back; a whole sentence.
        arguments: Of the function, as in its first line.
        body: The lines below the first one, without the common indent.
        faults: By number of a line of the function (the first line is 1), wrong forms of it.
        ranges: Numbers drawn with the probe; ``<k>`` stands for the one named k, ``<k1>`` for one more.
    """

    purpose: str
    arguments: str
    body: str
    faults: Mapping[int, tuple[str, ...]]
    ranges: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function with one wrong line.

    Args:
        purpose: What it should give back.
        lines: Its text.
        line: Number of the wrong line, from 1.
    """

    purpose: str
    lines: tuple[str, ...]
    line: int


def mutant(rng: random.Random, program: Program, name: str) -> Mutant:
    """The program as a function of this name with one of its faults."""
    values: dict[str, int] = {}
    for letter, (low, high) in program.ranges.items():
        values[letter] = rng.randint(low, high)
        values[f"{letter}1"] = values[letter] + 1
    body = program.body.split("\n")
    line = rng.choice(sorted(program.faults))
    indent = len(body[line - 2]) - len(body[line - 2].lstrip())
    body[line - 2] = " " * indent + rng.choice(program.faults[line])
    text = f"def {name}({program.arguments}):\n" + "\n".join(f"    {each}" for each in body)
    purpose = program.purpose
    for letter, value in values.items():
        text, purpose = (each.replace(f"<{letter}>", str(value)) for each in (text, purpose))
    return Mutant(purpose, tuple(text.split("\n")), line)


PROGRAMS: tuple[Program, ...] = (
    Program(
        "Returns the length of the longest run of equal numbers next to each other in a (not empty).",
        "a",
        "best = 1\nrun = 1\nfor i in range(1, len(a)):\n    if a[i] == a[i - 1]:\n        run = run + 1\n"
        "        best = max(best, run)\n    else:\n        run = 1\nreturn best",
        {
            2: ("best = 0", "best = 2"),
            3: ("run = 2",),
            4: ("for i in range(1, len(a) - 1):", "for i in range(2, len(a)):"),
            5: ("if a[i] != a[i - 1]:",),
            7: ("best = min(best, run)",),
            9: ("run = 0",),
            10: ("return run",),
        },
        {},
    ),
    Program(
        "Takes two lists in ascending order and returns all their numbers as one list in ascending order.",
        "a, b",
        "out = []\nwhile a and b:\n    if a[0] < b[0]:\n        out.append(a.pop(0))\n    else:\n"
        "        out.append(b.pop(0))\nreturn out + a + b",
        {
            4: ("if a[0] > b[0]:",),
            5: ("out.append(a.pop())",),
            7: ("out.append(b.pop())",),
            8: ("return out + a", "return out + b", "return a + b + out"),
        },
        {},
    ),
    Program(
        "Returns the position of x in a, a list in ascending order without equal numbers, or -1.",
        "a, x",
        "low = 0\nhigh = len(a) - 1\nwhile low <= high:\n    mid = (low + high) // 2\n    if a[mid] == x:\n"
        "        return mid\n    if a[mid] < x:\n        low = mid + 1\n    else:\n        high = mid - 1\n"
        "return -1",
        {
            2: ("low = 1",),
            3: ("high = len(a) - 2",),
            4: ("while low < high:",),
            7: ("return mid + 1",),
            8: ("if a[mid] > x:",),
            12: ("return 0",),
        },
        {},
    ),
    Program(
        "Returns the numbers of a without repetitions, in the order in which they first appear.",
        "a",
        "seen = set()\nout = []\nfor x in a:\n    if x not in seen:\n        out.append(x)\n"
        "        seen.add(x)\nreturn out",
        {
            4: ("for x in a[1:]:", "for x in sorted(a):"),
            5: ("if x in seen:",),
            6: ("out.insert(0, x)", "out.append(a[0])"),
            8: ("return seen", "return out[1:]"),
        },
        {},
    ),
    Program(
        "Returns True if every ( in text is closed by a ) after it and every ) closes a (, else False.",
        "text",
        'depth = 0\nfor c in text:\n    if c == "(":\n        depth = depth + 1\n    if c == ")":\n'
        "        depth = depth - 1\n    if depth < 0:\n        return False\nreturn depth == 0",
        {
            2: ("depth = 1",),
            5: ("depth = 1",),
            7: ("depth = 0",),
            8: ("if depth < -1:", "if depth > 0:"),
            9: ("return True",),
            10: ("return depth >= 0", "return True"),
        },
        {},
    ),
    Program(
        'Returns a list that has for each number of a "low" if it is below <k>, "high" if it is above <m>, '
        'and else "mid".',
        "a",
        'out = []\nfor x in a:\n    if x < <k>:\n        out.append("low")\n    elif x > <m>:\n'
        '        out.append("high")\n    else:\n        out.append("mid")\nreturn out',
        {
            4: ("if x <= <k>:", "if x < <k1>:"),
            5: ('out.append("mid")',),
            6: ("elif x >= <m>:", "elif x > <m1>:"),
            7: ('out.append("low")',),
            9: ('out.append("high")',),
        },
        {"k": (3, 9), "m": (12, 19)},
    ),
    Program(
        "Returns what people of these ages pay together: <p> each below the age of <k>, <q> each from the "
        "age of <m> on, and <r> each of all others.",
        "ages",
        "total = 0\nfor age in ages:\n    if age < <k>:\n        total = total + <p>\n    elif age >= <m>:\n"
        "        total = total + <q>\n    else:\n        total = total + <r>\nreturn total",
        {
            2: ("total = 1",),
            4: ("if age <= <k>:", "if age < <k1>:"),
            5: ("total = <p>", "total = total - <p>"),
            6: ("elif age > <m>:", "elif age >= <m1>:"),
            7: ("total = <q>", "total = total + <q1>"),
            9: ("total = <r>", "total = total + <r1>"),
        },
        {"k": (6, 18), "m": (60, 67), "p": (2, 3), "q": (5, 6), "r": (8, 11)},
    ),
    Program(
        "Returns the largest sum of <k> neighbouring numbers in a (at least <k> numbers, none negative).",
        "a",
        "total = sum(a[:<k>])\nbest = total\nfor i in range(<k>, len(a)):\n    total = total + a[i]\n"
        "    total = total - a[i - <k>]\n    if total > best:\n        best = total\nreturn best",
        {
            2: ("total = sum(a[:<k1>])",),
            4: ("for i in range(<k1>, len(a)):", "for i in range(<k>, len(a) - 1):"),
            5: ("total = total - a[i]",),
            6: ("total = total - a[i - <k1>]", "total = total + a[i - <k>]"),
            7: ("if total < best:",),
            8: ("best = a[i]",),
            9: ("return total",),
        },
        {"k": (2, 4)},
    ),
    Program(
        "Returns a dict that has for each word of the list words how often it occurs.",
        "words",
        "counts = {}\nfor word in words:\n    if word in counts:\n        counts[word] = counts[word] + 1\n"
        "    else:\n        counts[word] = 1\nreturn counts",
        {
            3: ("for word in words[1:]:", "for word in set(words):"),
            4: ("if word not in counts:",),
            5: ("counts[word] = counts[word] + 2", "counts[word] = 1"),
            7: ("counts[word] = 0", "counts[word] = 2"),
            8: ("return len(counts)",),
        },
        {},
    ),
    Program(
        "Returns True if the whole number n (at least 0) is a prime number, else False.",
        "n",
        "if n < 2:\n    return False\nd = 2\nwhile d * d <= n:\n    if n % d == 0:\n        return False\n"
        "    d = d + 1\nreturn True",
        {
            2: ("if n < 1:", "if n < 3:"),
            3: ("return True",),
            4: ("d = 3",),
            5: ("while d * d < n:",),
            6: ("if n % d == 1:",),
            8: ("d = d + 2",),
            9: ("return False",),
        },
        {},
    ),
)
