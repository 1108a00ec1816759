"""Random programs of a small grammar: Python that prints, and shell that fills a file."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["ODD", "python_program", "shell_program"]

ODD = (
    "plain", "a b", "it's", 'say "hi"', "'\"'''\"\"\"", "$HOME", "$(touch pwned)", "`id`", "a\\nb", "back\\slash",  # noqa: E501
    "two\nlines", "tab\there", "{x}", "{{}}", "%s %d", "ü→🎈", "*", "~", "a;b|c&d", "#x", "!bang", "-n", "",
    " lead", "trail ", "\\", "[a-z]*", "<&>", "P['x']", "\u0085\u2028", "x=y", "$P_v", "${P_v}", "\r\n", "EOF",  # noqa: E501
)  # fmt: skip
"""Texts that are code somewhere."""


def python_program(chance: random.Random) -> str:
    """A program that prints all it works out."""
    return (
        "\n".join([*_HEAD, *(line for _ in range(chance.randint(3, 8)) for line in _python(chance))]) + "\n"
    )


_HEAD = (
    '"""What it does."""',
    "from __future__ import annotations",
    "import json, os",
    "import re",
    "from collections import Counter as C",
    "LIMIT = 3",
    "names = ['ann', 'bob']",
    "def show(*parts, sep=' '):",
    '    """Say it."""',
    "    for part in parts: print(repr(part), end=sep)",
    "    print()",
)


def _text(chance: random.Random) -> str:
    return repr(chance.choice(ODD))


def _fstring(chance: random.Random) -> str:
    """An f-string of literal texts and values."""
    literal = chance.choice(
        [text for text in ODD if "\\" not in text and "\n" not in text and "'" not in text]
    )
    literal = literal.replace("{", "{{").replace("}", "}}").replace('"', "").replace("\r", "")
    value = chance.choice(
        ["LIMIT", "names[0]", "len(names)", "LIMIT:>5", "LIMIT:.2f", "names!r", "names[1]!s:>8"]
    )
    tail = chance.choice(["", " end", "{LIMIT:{LIMIT}}", "{{x}}"])
    return f'f"{literal}{{{value}}}{tail}"'


def _python(chance: random.Random) -> list[str]:
    name = chance.choice(["value", "item", "total", "x"])
    text, other, number = (
        _text(chance),
        _text(chance),
        chance.choice(["0", "-1", "2.5", "-0.25", "10 ** 3", "True"]),
    )
    kinds: list[Callable[[], list[str]]] = [
        lambda: [f"{name} = {text}", f"show({name}, len({name}))"],
        lambda: [f"{name} = {number}", f"show({name} + 1, -{name}, {name} ** 2)"],
        lambda: [f"show({_fstring(chance)})"],
        lambda: [f"show({text} + {other}, {text} * 2, 'a' 'b' + {text})"],
        lambda: [f"{name} = [{text}, {other}]", f"for each in {name}:", "    show(each)"],
        lambda: [f"show(({text},), ({text}, {other}), {{{text}: {other}}}, {{{text}}})"],
        lambda: [f"show([y.upper() for y in [{text}, {other}] if y != {text}])"],
        lambda: [f"def inner_{name}(given, more={text}):", "    made = given + more", "    return made",
                 f"show(inner_{name}({other}), inner_{name}({other}, more='z'))"],
        lambda: ["with open('f.txt', 'w', encoding='utf-8', newline='') as f:", f"    f.write({text})",
                 "with open('f.txt', encoding='utf-8', newline='') as h: show(h.read())"],
        lambda: ["g = open('g.txt', 'w', encoding='utf-8')", f"g.write({_fstring(chance)})", "g.close()",
                 "with open('g.txt', encoding='utf-8') as h: show(h.read())"],
        lambda: [f"show(json.dumps({{'k': {text}}}, indent=2), json.loads(json.dumps([{text}])))"],
        lambda: ["try:", f"    show({{}}[{text}])", "except KeyError as error:", "    show(str(error))"],
        lambda: [f"show((lambda q: q + {text})({other}), C({text}).most_common(1))"],
        lambda: [f"counted: int = {number}", "show(counted)", "if (n := LIMIT) > 2:", f"    show(n, {text})"],
        lambda: ["if __name__ == '__main__':", f"    {name} = {text}", f"    show({name}[:2], {name}[-1:])"],
        lambda: ["match LIMIT:", "    case 3:", f"        show({text})", "    case _:", "        pass"],
        lambda: ["class Box:", f"    size: int = {number}", "    def get(self):", f"        return self.size, {text}",  # noqa: E501
                 "show(Box().get())"],
        lambda: [f"show({text} if {number} > 1 else {other}, not {text}, {text} in {other})"],
        lambda: ["total = 0", "for i in range(LIMIT):", "    total += i", "else:", f"    show(total, {text})"],  # noqa: E501
        lambda: [f"print({_fstring(chance)}, {text}, sep={other})"],
        lambda: [f"def only_{name}_{chance.randrange(10**6)}(a, b={text}):", "    q = a + b", "    show(q, LIMIT)",  # noqa: E501
                 "    return q"],
        lambda: _called_once(chance, name, text, other),
        lambda: [f"W = {text}", "def shadow(W, v=W): return W + v", "show(shadow('s'), [W for W in [W]], W)", "W = 2"],  # noqa: E501
        lambda: [f"edge_{(n := chance.randrange(10**6))} = {text}", f"def get(edge_{n}=edge_{n}): return edge_{n}",  # noqa: E501
                 f"show(get(), [edge_{n} for edge_{n} in [edge_{n}]], (lambda edge_{n}=edge_{n}: edge_{n})())"],  # noqa: E501
        lambda: [f"for row in [{text}, {other}]:", "    show(row)", f"for row in {{'k': {text}}}.items():",
                 "    print(row)"],
        lambda: ["import os as system, math", "from math import floor as down", "show(down(2.5), math.pi > 3, system.sep)"],  # noqa: E501
    ]  # fmt: skip
    return chance.choice(kinds)()


def _called_once(chance: random.Random, name: str, text: str, other: str) -> list[str]:
    """A function whose only call is a statement."""
    number = chance.randrange(10**6)
    local = chance.choice([f"own_{number}", "names", "total", "LIMIT"])
    given = chance.choice([f"{text}, {other}", text, f"b={text}, a={other}", f"{text}, b={other}"])
    end = chance.choice(
        ["    return a", f"    return {local}", "    show(b)", "    return", "    if b: return 1"]
    )
    call = chance.choice(
        [f"once_{number}({given})", f"{name} = once_{number}({given})", f"{local} = once_{number}({given})"]
    )
    body = chance.choice(
        [
            f"    {local} = a + b",
            f"    {local} = [a for a in b]",
            f"    {local} = (lambda: a + b)()",
            f"    global {local}\n    {local} = a",
            "    yield a" if end == "    return" else f"    {local} = b",
        ]
    )
    return [f"def once_{number}(a, b='d'):", body, "    show(a, b)", end, call,
            f"show({local})" if local in ("names", "LIMIT") else "show('called')"]  # fmt: skip


def shell_program(chance: random.Random) -> str:
    """Shell code that says everything into ``out.txt``."""
    return "".join(_shell(chance) for _ in range(chance.randint(2, 6)))


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _double(text: str) -> str:
    for special in '\\$`"':
        text = text.replace(special, "\\" + special)
    return f'"{text}"'


def _bare(text: str) -> str:
    return "".join(c if c.isalnum() else "\\" + c for c in text if c not in "\n\r\x85\u2028")


def _shell(chance: random.Random) -> str:
    text, other = chance.choice(ODD), chance.choice(ODD)
    word = chance.choice([_single, _double, _bare])(text) or "x"
    wording = _double(other)
    kinds = [
        f"printf '%s\\n' {word} {wording} >> out.txt\n",
        f"echo x{word} >> 'out.txt'  # a note; here\n",
        f'name={wording}\nprintf \'%s|\' "$name" "n: ${{name}}x" >> out.txt\n',
        f"for each in {word} two 'th ree'; do printf '<%s>' \"$each\" >> out.txt; done\n",
        f"cat >> out.txt <<'END'\n{text}\nsecond $line\nEND\n",
        f"cat <<EOF >> out.txt\nfirst \\$x \\`y\\` {chance.choice(['a', 'it is', chr(34)])}\nEOF\n",
        f"python3 -I - <<'PY' >> out.txt\nprint({text!r}, {other!r})\nPY\n",
        f"python3 -I -c {_single(f'print({text!r})')} >> out.txt\n",
        f"printf '%s\\n' b a {word} | sort | head -n 2 >> out.txt && true\n",
        f"if printf '%s' {word} | tr a b > tmp.txt; then cat tmp.txt >> out.txt; fi\n",
        f'x=5; printf \'%s %s\\n\' "$x y" "${{x}}{other if other.isalnum() else "z"} end" >> out.txt\n',
        f"printf '%s\\n' \"$(printf %s {word})\" >> out.txt\n",
        f"case {word} in plain) echo yes;; *) echo no;; esac >> out.txt\n",
    ]
    return chance.choice(kinds)
