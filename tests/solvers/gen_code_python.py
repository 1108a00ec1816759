"""Second algorithm for ``gen.code.python``: other programs, put together from the words of the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe

PLAIN = {
    r"the number of lines whose number is at least (\d+)\.": "len([n for n in numbers if n > {0} - 1])",
    r"the sum of all numbers that are greater than (\d+)\.": "sum([n for n in numbers if n >= {0} + 1])",
    r"the sum of the numbers of all lines with the name (\w+) \(0 if there is none\)\.": (
        "sum(n for w, n in zip(names, numbers) if w == '{0}')"
    ),
    r"the number of different names\.": "len(dict.fromkeys(names))",
    r"the name with the largest number\.": "names[numbers.index(max(numbers))]",
    r"the largest number minus the smallest number\.": "sorted(numbers)[-1] - sorted(numbers)[0]",
}
"""What the prompt asks → an expression on the lists ``names`` and ``numbers``."""

LIBRARY = {
    r"for every (\w+), the sum of (\w+) as a number": (
        "import re\ntext = open('data.csv').read().split('\\n', 1)[1]\nout = {{}}\n"
        'for k, n in re.findall(\'"([^"]*)",([0-9]+)\', text):\n    out[k] = out.get(k, 0) + int(n)\n'
    ),
    r"how many lines have the level (\w+), and \"minutes\", the minutes from the first to the last": (
        "import calendar, time\n"
        "kept = [x.split() for x in open('data.log') if x.split()[2:3] == ['{0}']]\n"
        "t = [calendar.timegm(time.strptime(x[0] + x[1], '%Y-%m-%d%H:%M')) // 60 for x in kept]\n"
        "out = {{'minutes': max(t) - min(t), 'count': len(t)}}\n"
    ),
    r"for every (\w+), the sum of price × count over all items of all orders, largest total first": (
        "from itertools import groupby\nwho = lambda o: o['{0}']\nout = []\n"
        "for k, g in groupby(sorted(json.load(open('data.json')), key=who), key=who):\n"
        "    out.append(dict(total=sum(i['price'] * i['count'] for o in g for i in o['items']), name=k))\n"
        "out = sorted(out, key=lambda r: -r['total'])\n"
    ),
    r"the (\d+) most frequent words as pairs .* equally frequent ones in alphabetical order": (
        "text = ''.join(c if c.isalnum() else ' ' for c in open('data.txt').read()).lower().split()\n"
        "out = sorted(([w, text.count(w)] for w in set(text)), key=lambda p: (-p[1], p[0]))[:{0}]\n"
    ),
}
"""What the prompt asks → a program that leaves its result in ``out``."""


def solve(level: Level, probe: Probe) -> Sequence[Answer]:
    """Every right program's worth: one for each reading of the prompt that fits."""
    if level is Level.L3:
        return [_written(_by_library(probe.prompt))]
    if level is Level.L2:
        programs = [
            "import json\n"
            + body.format(*match.groups())
            + "open('result.json', 'w').write(json.dumps(out))\n"
            for pattern, body in LIBRARY.items()
            if (match := re.search(pattern, probe.prompt))
        ]
        return [_written(program) for program in programs]
    source, sign = _found(r"It reads (\S+), whose lines are a name, `(.)`", probe.prompt)
    head = f"names, numbers = [], []\nwith open('{source}') as f:\n    for line in f:\n"
    head += f"        a, _, b = line.strip().partition('{sign}')\n"
    head += "        names.append(a); numbers.append(int(b))\n"
    return [
        _written(
            f"{head}f = open('result.txt', 'w')\nf.write('%s' % ({expression.format(*match.groups())}))\n"
        )
        for pattern, expression in PLAIN.items()
        if (match := re.search(f"writes only this to result.txt: {pattern}", probe.prompt))
    ]


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    assert match is not None, f"{pattern} is not in the prompt"
    return match.groups()


def _by_library(prompt: str) -> str:
    module, ending = _found(r"The library (\w+) .* reads and writes \.(\w+) tables", prompt)
    load, save = _found(rf"- {module}\.(\w+)\(path\) ->[\s\S]*- {module}\.(\w+)\(table, path\)", prompt)
    total = _found(r"- table\.(\w+)\(by, column\)", prompt)[0]
    kind, value, group = _found(r"take the rows of kind (\w+), sum (\w+) by (\w+), largest sum first", prompt)
    return (
        f"from {module} import *\ntable = {load}('input.{ending}')\n"
        f"table.rows = [r for r in table.rows if r['kind'] == '{kind}']\n"
        f"table = table.{total}('{group}', '{value}')\n"
        f"table.rows.sort(key=lambda r: -r['{value}'])\n{save}(table, 'output.{ending}')\n"
    )


def _written(program: str) -> Answer:
    return Answer("Done.", {"solution.py": program})
