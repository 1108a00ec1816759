"""Second algorithm for ``gen.code.javascript``: other programs, put together from the words of the prompt."""

# ruff: noqa: E501 (programs on one line)
from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe

PLAIN = {
    r"the number of lines that contain the letter (\w)\.": (
        "let out = 0; for (const line of lines) if (line.indexOf('{0}') >= 0) out++;"
    ),
    r"the number of lines that are longer than (\d+) characters \(spaces count": (
        "let out = 0; for (const line of lines) if (/^.{{{0}}}./.test(line)) out++;"
    ),
    r"the longest line\.": "let out = ''; for (const line of lines) if (line.length > out.length) out = line;",
    r"the number of words in the whole file\.": "let out = text.match(/[a-z]+/g).length;",
    r"the number of different words in the whole file\.": (
        "const seen = {{}}; for (const w of text.match(/[a-z]+/g)) seen[w] = 1;"
        " let out = Object.keys(seen).length;"
    ),
    r"the number of lines whose first word has more letters than their last word\.": (
        "let out = 0; for (const line of lines) {{ const w = line.match(/[a-z]+/g);"
        " if (w.shift().length > w.pop().length) out += 1; }}"
    ),
}
"""What the prompt asks → statements that leave the result in ``out``."""

LIBRARY = {
    r"for every line, in order, its (SHA-256|SHA-1|MD5) hash in lower-case hexadecimal": (
        "const h = require('node:crypto'); out = []; for (const line of lines) {{ const one ="
        " new h.Hash('{0}'.replace('-', '')); one.write(line); one.end(); out.push(one.read().toString('hex')); }}"
    ),
    r"for every file extension \(without the dot\), the number of different files that have it": (
        "const seen = new Map(); for (const line of lines) {{ const kept = [];"
        " for (const part of line.split('/')) {{ if (part === '..') kept.pop();"
        " else if (part !== '.') kept.push(part); }} seen.set(kept.join('/'), kept.pop().split('.').pop()); }}"
        " for (const end of seen.values()) out[end] = (out[end] ?? 0) + 1;"
    ),
    r"for every (\w+), decoded \(%26 is &, \+ is a space\), the sum of (\w+) as a number": (
        "for (const line of lines) {{ const of = (name) => decodeURIComponent("
        "line.match(new RegExp('[?&]' + name + '=([^&]*)'))[1].replace(/\\+/g, ' '));"
        " out[of('{0}')] = (out[of('{0}')] ?? 0) + parseInt(of('{1}')); }}"
    ),
    r"how many lines have the word (\w+), and \"(\w+)\", the \w+ from the earliest to the latest time": (
        "const t = []; for (const line of lines) {{ const m = line.match(/^(\\d+)-(\\d+)-(\\d+)T(\\d+):(\\d+):(\\d+)Z"
        " {0}$/); if (m) t.push(Date.UTC(m[1], m[2] - 1, m[3], m[4], m[5], m[6])); }} t.sort((a, b) => b - a);"
        " const size = {{ days: 864e5, hours: 36e5, minutes: 6e4 }}['{1}'];"
        " out['{1}'] = Math.round((t[0] - t.at(-1)) / size); out.count = t.length;"
    ),
}
"""What the prompt asks → statements that put the result into the object ``out``."""


def solve(level: Level, probe: Probe) -> Sequence[Answer]:
    """Every right program's worth: one for each reading of the prompt that fits."""
    if level is Level.L3:
        return [_written(_by_store(probe.prompt))]
    menu = PLAIN if level is Level.L1 else LIBRARY
    source, output = _found(r"It reads (\S+), .* and writes (?:only this )?to ([\w.]+)", probe.prompt)
    head = f"const {{ readFileSync, writeFileSync }} = require('node:fs');\nconst text = '' + readFileSync('{source}');\n"
    head += "const lines = text.match(/[^\\n]+/g);\n" + ("" if menu is PLAIN else "let out = {};\n")
    shown = "out + '\\n'" if menu is PLAIN else "JSON.stringify(out, null, 2)"
    return [
        _written(f"{head}{statements.format(*match.groups())}\nwriteFileSync('{output}', {shown});\n")
        for pattern, statements in menu.items()
        if (match := re.search(pattern, probe.prompt))
    ]


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    assert match is not None, f"{pattern} is not in the prompt"
    return match.groups()


def _by_store(prompt: str) -> str:
    module, names, get = _found(
        r"The module (\S+)\.js [\s\S]*- (\w+)\(\) returns a promise of an array: the names of the parts, in "
        r"their order\n- (\w+)\(name\)",
        prompt,
    )
    assert re.search(r"leaves broken parts out .* the one from the last part, in the order of", prompt)
    return (
        f"const {{ {names}, {get} }} = require('./{module}');\n"
        f"{names}().then((names) => {{\n  const asked = names.map({get});\n  const taken = {{}};\n"
        "  let chain = Promise.resolve();\n"
        "  for (const one of asked) one.catch(() => {});\n"
        "  for (const one of asked.reverse())\n"
        "    chain = chain.then(() => one).then((rows) => rows.forEach((r) => { taken[r.id] ||= r; }), () => {});\n"
        # Keys that are whole numbers are listed from the smallest to the largest.
        "  return chain.then(() => Object.values(taken));\n"
        "}).then((out) => require('fs').writeFileSync('result.json', JSON.stringify(out)));\n"
    )


def _written(program: str) -> Answer:
    return Answer("Done.", {"solution.js": program})
