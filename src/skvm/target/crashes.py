"""Programs of three files that crash in one place for a cause in another: level 3 of ``reason.analysis``.

Every function but the two of the main file says what it does; one line does not do what is said. The traces
are those of the programs as they were run.
"""

from __future__ import annotations

import builtins
import random
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from types import ModuleType
from typing import Any

from skvm.target.vocabulary import NOUNS

__all__ = ["Crash", "Program", "program", "trace_of"]

MAIN = "main"
_FAULT = "  #!"


@dataclass(frozen=True, slots=True)
class _Plot:
    """A chain of three functions, <m> in the main file calls <b> in a second, which calls <c> in a third.

    The line that is wrong is marked; <x> and <y> are words, <i> and <j> numbers.
    """

    main: str
    second: str
    third: str


_PLOTS: tuple[_Plot, ...] = (
    _Plot(
        "def <m>():\n    return <B>.<b>([<i>, <j>, 5])",
        "# <b>(a) returns the smallest number of a.\ndef <b>(a):\n    ordered = <C>.<c>(a)\n"
        "    return ordered[0]",
        "# <c>(a) returns the numbers of a, smallest first.\ndef <c>(a):\n    return a.sort()  #!",
    ),
    _Plot(
        'def <m>():\n    return <B>.<b>(["<x>", "<y>"])',
        "# <b>(a) returns the last item of a.\ndef <b>(a):\n    place = <C>.<c>(a)\n    return a[place]",
        "# <c>(a) returns the position of the last item of a.\ndef <c>(a):\n    return len(a)  #!",
    ),
    _Plot(
        'def <m>():\n    return <B>.<b>("<x>")',
        "# <b>(word) returns a list that has word <i> times.\ndef <b>(word):\n"
        "    return <C>.<c>(<i>, word)  #!",
        "# <c>(word, times) returns a list that has word so many times.\ndef <c>(word, times):\n"
        "    numbers = range(times)\n    return [word for _ in numbers]",
    ),
    _Plot(
        'def <m>():\n    sizes = [<i>]\n    sizes.append("<j>")  #!\n    return <B>.<b>(sizes)',
        "# <b>(sizes) takes whole numbers and returns their sum plus 1.\ndef <b>(sizes):\n"
        "    return <C>.<c>(sizes) + 1",
        "# <c>(sizes) takes whole numbers and returns their sum.\ndef <c>(sizes):\n    return sum(sizes)",
    ),
    _Plot(
        "def <m>():\n    return <B>.<b>(<i>)",
        "# <b>(n) returns twice the count of the record of n.\ndef <b>(n):\n    record = <C>.<c>(n)\n"
        '    return record["count"] * 2',
        "# <c>(n) returns a record with the keys name and count.\ndef <c>(n):\n"
        '    return {"name": "<x>", "<y>": n}  #!',
    ),
    _Plot(
        "def <m>():\n    return <B>.<b>([])",
        "# <b>(a) returns the sum of a divided by what <c> says.\ndef <b>(a):\n    many = <C>.<c>(a)\n"
        "    return sum(a) / many",
        "# <c>(a) returns how many items a has, but 1 for an empty list.\ndef <c>(a):\n    return len(a)  #!",
    ),
    _Plot(
        'def <m>():\n    return <B>.<b>("<x>", <i>)',
        "# <b>(word, n) returns word and n as <c> splits them.\ndef <b>(word, n):\n"
        '    pair = word + ";" + str(n)  #!\n    return <C>.<c>(pair)',
        '# <c>(pair) splits text like "<y>,<j>", word and number.\ndef <c>(pair):\n'
        '    word, number = pair.split(",")\n    return word, int(number)',
    ),
    _Plot(
        'def <m>():\n    return <B>.<b>(" <i> ")',
        "# <b>(text) returns the number in text, plus 1.\ndef <b>(text):\n    number = <C>.<c>(text)\n"
        "    return number + 1",
        "# <c>(text) returns the number in text, as an int.\ndef <c>(text):\n    return text.strip()  #!",
    ),
    _Plot(
        'def <m>():\n    things = ["<x>"]\n    things.append("<y>s")  #!\n    return <B>.<b>(things)',
        "# <b>(things) takes <x> or <y>, returns the last one's price.\ndef <b>(things):\n"
        "    return <C>.<c>(things[-1])",
        "# <c>(thing) takes <x> or <y> and returns its price.\ndef <c>(thing):\n"
        '    prices = {"<x>": <i>, "<y>": <j>}\n    return prices[thing]',
    ),
    _Plot(
        'def <m>():\n    return <B>.<b>(["<x>", "<y>"])',
        "# <b>(a) returns the last item of a.\ndef <b>(a):\n    place = len(a)  #!\n"
        "    return <C>.<c>(a, place)",
        "# <c>(a, place) returns the item at place, counted from 0.\ndef <c>(a, place):\n    return a[place]",
    ),
)


@dataclass(frozen=True, slots=True)
class Crash:
    """A call that crashes.

    Args:
        call: Function of the main file.
        trace: Where it went and what it ended with, one line each.
        file: File of the cause.
        line: Line of the cause, from 1.
    """

    call: str
    trace: tuple[str, ...]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Program:
    """Files by name, and two calls that crash for different causes."""

    files: Mapping[str, str]
    crashes: tuple[Crash, Crash]


def trace_of(files: Mapping[str, str], call: str) -> tuple[str, ...]:
    """Run a function of the main file; where it crashes, if it does.

    Args:
        files: The program; a file comes after those it imports. They are our own: they run in this process.
        call: Name of the function.

    Returns:
        One line for each file on the way, outermost first, and the error; nothing where it does not crash.
    """
    modules: dict[str, ModuleType] = {}

    def load(name: str, *_: Any, **__: Any) -> ModuleType:
        return modules[name]

    for path, text in files.items():
        name = path.removesuffix(".py")
        modules[name] = ModuleType(name)
        modules[name].__dict__["__builtins__"] = {**vars(builtins), "__import__": load}
        exec(compile(text, path, "exec"), modules[name].__dict__)  # noqa: S102
    try:
        modules[MAIN].__dict__[call]()
    except Exception as error:  # noqa: BLE001 - any crash is what is wanted here
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
        walked = [f"{frame.filename}, line {frame.lineno}, in {frame.name}" for frame in frames]
        return (*walked, f"{type(error).__name__}: {error}")
    return ()


def _filled(text: str, words: Mapping[str, str]) -> str:
    for key, word in words.items():
        text = text.replace(f"<{key}>", word)
    return text


def _pair(rng: random.Random) -> tuple[_Plot, _Plot]:
    """Two chains whose causes are in different files."""
    while True:
        first, last = rng.sample(_PLOTS, 2)
        if [_FAULT in text for text in astuple(first)] != [_FAULT in text for text in astuple(last)]:
            return first, last


def program(rng: random.Random) -> Program:
    """Two chains of functions through the same three files."""
    second, third, *nouns = rng.sample(NOUNS, 12)
    parts: dict[str, list[str]] = {f"{third}.py": [], f"{second}.py": [], f"{MAIN}.py": []}
    calls = []
    for number, plot in enumerate(_pair(rng)):
        m, b, c, x, y = nouns[number * 5 : number * 5 + 5]
        i, j = rng.sample(range(2, 10), 2)
        words = {"m": m, "b": b, "c": c, "x": x, "y": y, "i": str(i), "j": str(j), "B": second, "C": third}
        calls.append(m)
        for path, text in zip(parts, (plot.third, plot.second, plot.main), strict=True):
            parts[path].append(_filled(text, words))
    heads = {f"{third}.py": "", f"{second}.py": f"import {third}\n\n", f"{MAIN}.py": f"import {second}\n\n"}
    marked = {path: heads[path] + "\n\n".join(texts) for path, texts in parts.items()}
    files = {path: text.replace(_FAULT, "") for path, text in marked.items()}
    causes = _causes(marked, calls)
    first, last = (Crash(call, trace_of(files, call), *causes[call]) for call in calls)
    return Program(files, (first, last))


def _causes(marked: Mapping[str, str], calls: Sequence[str]) -> dict[str, tuple[str, int]]:
    """File and line of the marked lines, by call; both chains stand in the same order in every file."""
    found: dict[str, tuple[str, int]] = {}
    for path, text in marked.items():
        number = -1
        for line, words in enumerate(text.split("\n"), start=1):
            number += words.startswith("def ")
            if words.endswith(_FAULT):
                found[calls[number]] = (path, line)
    return found
