"""Short functions over a list of numbers, and what they are for, in words: level 1 of ``reason.analysis``.

No name in a function says what it does. ``{k}`` stands for a whole number that is drawn with the probe.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PURPOSES"]

PURPOSES: Mapping[str, tuple[str, ...]] = {
    "how many of the numbers are greater than {k}": (
        "n = 0\nfor x in a:\n    if x > {k}:\n        n += 1\nreturn n",
        "return len([x for x in a if x > {k}])",
    ),
    "the sum of the numbers that are greater than {k}": (
        "n = 0\nfor x in a:\n    if x > {k}:\n        n += x\nreturn n",
        "return sum(x for x in a if x > {k})",
    ),
    "the largest number minus the smallest number": (
        "p = q = a[0]\nfor x in a:\n    p = max(p, x)\n    q = min(q, x)\nreturn p - q",
        "b = sorted(a)\nreturn b[-1] - b[0]",
    ),
    "whether no number is smaller than the number before it": (
        "for i in range(1, len(a)):\n    if a[i] < a[i - 1]:\n        return False\nreturn True",
        "return a == sorted(a)",
    ),
    "the position of the first number below {k}, counted from 0, or -1 if there is none": (
        "for i in range(len(a)):\n    if a[i] < {k}:\n        return i\nreturn -1",
        "i = 0\nwhile i < len(a) and a[i] >= {k}:\n    i += 1\nreturn i if i < len(a) else -1",
    ),
    "the length of the longest run of equal numbers next to each other": (
        "m = n = 1\nfor i in range(1, len(a)):\n    n = n + 1 if a[i] == a[i - 1] else 1\n"
        "    m = max(m, n)\nreturn m",
    ),
    "the numbers without repetitions, in the order in which they first appear": (
        "b = []\nfor x in a:\n    if x not in b:\n        b.append(x)\nreturn b",
        "return list(dict.fromkeys(a))",
    ),
    "a list with the sum of the numbers up to each place": (
        "n, b = 0, []\nfor x in a:\n    n += x\n    b.append(n)\nreturn b",
        "return [sum(a[: i + 1]) for i in range(len(a))]",
    ),
    "the numbers in reverse order": (
        "b = []\nfor x in a:\n    b.insert(0, x)\nreturn b",
        "return [a[-i - 1] for i in range(len(a))]",
    ),
    "how many different numbers there are": (
        "b = []\nfor x in a:\n    if x not in b:\n        b.append(x)\nreturn len(b)",
        "return len(set(a))",
    ),
    "every second number, beginning with the first one": (
        "b = []\nfor i in range(len(a)):\n    if i % 2 == 0:\n        b.append(a[i])\nreturn b",
        "return a[::2]",
    ),
    "the sum of the squares of the numbers": (
        "n = 0\nfor x in a:\n    n += x * x\nreturn n",
        "return sum(x**2 for x in a)",
    ),
    "a list with how much each number differs from the one before it": (
        "b = []\nfor i in range(1, len(a)):\n    b.append(a[i] - a[i - 1])\nreturn b",
        "return [y - x for x, y in zip(a, a[1:])]",
    ),
    "whether two numbers at different places add up to {k}": (
        "for i in range(len(a)):\n    for j in range(i):\n        if a[i] + a[j] == {k}:\n"
        "            return True\nreturn False",
    ),
    "the sum of the numbers that can be divided by {k}": (
        "n = 0\nfor x in a:\n    if x % {k} == 0:\n        n += x\nreturn n",
        "return sum(x for x in a if x % {k} == 0)",
    ),
    "the number that occurs most often, and of several such numbers the smallest": (
        "b = sorted(a)\nreturn max(b, key=b.count)",
        "m = a[0]\nfor x in a:\n    if (a.count(x), -x) > (a.count(m), -m):\n        m = x\nreturn m",
    ),
}
"""By what a function gives back, in words: bodies of functions of ``a`` that do."""
