"""What ``gen.code.javascript`` asks for: programs on Node's built-in modules, an asynchronous store.

Every job carries an oracle and a reference program that work in different ways.
"""

from __future__ import annotations

import hashlib
import posixpath
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

from skvm.target.program_jobs import Job, Slip
from skvm.target.vocabulary import CITIES, NOUNS, TEAMS

__all__ = ["BUILT_IN_JOBS", "STORE"]

_READ = "const lines = fs.readFileSync('data.txt', 'utf8').split('\\n').filter(Boolean);\n"
_WRITE = "fs.writeFileSync('result.json', JSON.stringify(out));\n"


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def _hashes(rng: random.Random) -> Job:
    name, size = rng.choice((("SHA-256", 32), ("SHA-1", 20), ("MD5", 16)))
    algorithm = name.replace("-", "").lower()
    words = rng.randint(2, 3)

    def draw(rng: random.Random) -> str:
        return "".join(" ".join(rng.sample(NOUNS, words)) + "\n" for _ in range(rng.randint(4, 7)))

    def digest(text: str) -> str:
        return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()

    each = f"crypto.createHash('{algorithm}').update(%s).digest('%s')"
    program = f"const fs = require('fs'), crypto = require('crypto');\n{_READ}const out = %s;\n{_WRITE}"
    line = each % ("line", "hex")
    return Job(
        form=f"a text with {words} words on each line",
        ask=(
            f"a JSON array of strings: for every line, in order, its {name} hash in lower-case hexadecimal "
            f"({size * 2} characters), the line taken without its line end."
        ),
        draw=draw,
        solve=lambda text: [digest(line) for line in _lines(text)],
        program=program % f"lines.map((line) => {line})",
        slips=(
            Slip(
                lambda text: [digest(f"{line}\n") for line in _lines(text)],
                program % "lines.map((line) => {})".format(each % ("line + '\\n'", "hex")),
            ),
            Slip(lambda text: [digest(text)], program % "[{}]".format(each % ("lines.join('\\n')", "hex"))),
        ),
    )


def _paths(rng: random.Random) -> Job:
    endings = rng.sample(("txt", "csv", "log", "png", "json", "html"), 3)

    def draw(rng: random.Random) -> str:
        folders, stems = rng.sample(NOUNS, 3), rng.sample(NOUNS, 4)
        rows = []
        for _ in range(rng.randint(9, 14)):
            detour = rng.choice(("", "", "./", f"{rng.choice(folders)}/../"))
            rows.append(f"{rng.choice(folders)}/{detour}{rng.choice(stems)}.{rng.choice(endings)}")
        return "\n".join(rows) + "\n"

    def solve(text: str) -> dict[str, int]:
        return dict(Counter(path.rsplit(".", 1)[1] for path in set(map(posixpath.normpath, _lines(text)))))

    program = (
        "const fs = require('fs'), path = require('path');\n"
        f"{_READ}const out = {{}};\n"
        "for (const file of new Set(lines.map((line) => path.normalize(line)))) {\n"
        "  const ending = path.extname(file).slice(1);\n  out[ending] = (out[ending] || 0) + 1;\n}\n"
        f"{_WRITE}"
    )
    return Job(
        form="a list of relative paths of files, one a line, in which `.` and `..` may occur as parts",
        ask=(
            "a JSON object: for every file extension (without the dot), the number of different files that "
            "have it. Paths that lead to the same place once `.` and `..` are resolved are one file."
        ),
        draw=draw,
        solve=solve,
        program=program,
        slips=(
            Slip(
                lambda text: dict(Counter(path.rsplit(".", 1)[1] for path in _lines(text))),
                program.replace("new Set(lines.map((line) => path.normalize(line)))", "lines"),
            ),
            Slip(
                lambda text: dict(Counter(path.rsplit(".", 1)[1] for path in set(_lines(text)))),
                program.replace("path.normalize(line)", "line"),
            ),
        ),
    )


def _urls(rng: random.Random) -> Job:
    key, value = rng.choice(("shop", "city", "place")), rng.choice(("units", "count", "hours"))

    def draw(rng: random.Random) -> str:
        places = [f"{city} & {team}" for city, team in zip(rng.sample(CITIES, 3), TEAMS, strict=False)]
        rows = []
        for _ in range(rng.randint(6, 9)):
            fields = [f"{key}={quote_plus(rng.choice(places))}", f"{value}={rng.randint(1, 90)}"]
            rng.shuffle(fields)
            rows.append(f"https://{rng.choice(NOUNS)}.example/{rng.choice(NOUNS)}?{'&'.join(fields)}")
        return "\n".join(rows) + "\n"

    def solve(text: str) -> dict[str, int]:
        totals: dict[str, int] = defaultdict(int)
        for line in _lines(text):
            fields = dict(parse_qsl(urlsplit(line).query))
            totals[fields[key]] += int(fields[value])
        return dict(totals)

    program = (
        f"const fs = require('fs');\n{_READ}const out = {{}};\n"
        "for (const line of lines) {\n  const fields = new URL(line).searchParams;\n"
        f"  const name = fields.get('{key}');\n"
        f"  out[name] = (out[name] || 0) + Number(fields.get('{value}'));\n}}\n{_WRITE}"
    )
    return Job(
        form=f"a list of URLs, one a line, whose query has the fields {key} and {value} in any order",
        ask=(
            f"a JSON object: for every {key}, decoded (%26 is &, + is a space), the sum of {value} as a "
            "number."
        ),
        draw=draw,
        solve=solve,
        program=program,
        slips=(
            Slip(
                lambda text: {quote_plus(name): total for name, total in solve(text).items()},
                program.replace(f"fields.get('{key}')", f"encodeURIComponent(fields.get('{key}'))"),
            ),
            # Texts are put one after another.
            Slip(lambda text: None, program.replace("Number(", "(")),
        ),
    )


def _dates(rng: random.Random) -> Job:
    wanted, unit = rng.choice(NOUNS), rng.choice(("days", "hours", "minutes"))
    seconds = {"days": 86_400, "hours": 3_600, "minutes": 60}[unit]

    def draw(rng: random.Random) -> str:
        start = datetime(rng.randint(2001, 2024), rng.randint(1, 12), rng.randint(1, 28), 12, 0, tzinfo=UTC)
        others = rng.sample([noun for noun in NOUNS if noun != wanted], 2)
        rows = []
        for count in [rng.randint(1, 400) for _ in range(rng.randint(9, 13))]:
            at = start + timedelta(seconds=count * seconds)
            rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ} {rng.choice([wanted, wanted, *others])}")
        return "\n".join(rows) + "\n"

    def times(text: str) -> list[datetime]:
        return [datetime.fromisoformat(line[:20]) for line in _lines(text) if line[21:] == wanted]

    def span(found: list[datetime]) -> int:
        return int((max(found) - min(found)).total_seconds()) // seconds

    def solve(text: str) -> dict[str, Any] | None:
        found = times(text)
        return {"count": len(found), unit: span(found)} if len(found) > 1 else None

    def in_file_order(text: str) -> dict[str, Any]:
        found = times(text)
        return {"count": len(found), unit: (found[-1] - found[0]).total_seconds() // seconds}

    program = (
        f"const fs = require('fs');\n{_READ}const times = lines.map((line) => line.split(' '))\n"
        f"  .filter((parts) => parts[1] === '{wanted}').map((parts) => Date.parse(parts[0]));\n"
        "const span = Math.max(...times) - Math.min(...times);\n"
        f"const out = {{ count: times.length, {unit}: span / {seconds * 1000} }};\n{_WRITE}"
    )
    return Job(
        form=f"whose lines are a time and a word, like `2024-02-28T23:59:00Z {wanted}`, in no order",
        ask=(
            f'a JSON object with two numbers: "count", how many lines have the word {wanted}, and "{unit}", '
            f"the {unit} from the earliest to the latest time of these lines (always a whole number)."
        ),
        draw=draw,
        solve=solve,
        program=program,
        slips=(
            Slip(
                in_file_order,
                program.replace(
                    "Math.max(...times) - Math.min(...times)", "times[times.length - 1] - times[0]"
                ),
            ),
            Slip(
                lambda text: {"count": len(_lines(text)), unit: (solve(text) or {}).get(unit)},
                program.replace("times.length", "lines.length"),
            ),
        ),
    )


BUILT_IN_JOBS: tuple[Callable[[random.Random], Job], ...] = (_hashes, _paths, _urls, _dates)

STORE = """// {module}.js: the parts of a list. {list}() and {get}(name) return promises.
const parts = {parts};
const waiting = [];

exports.{list} = async () => {names};

exports.{get} = (name) =>
  new Promise((resolve, reject) => {{
    waiting.push([name, resolve, reject]);
    if (waiting.length < Object.keys(parts).length) return;
    // Every part was asked for: answer, in an order of its own.
    waiting.sort(([a], [b]) => Object.keys(parts).indexOf(a) - Object.keys(parts).indexOf(b));
    waiting.forEach(([part, done, fail], place) =>
      setTimeout(() => (parts[part] ? done(parts[part]) : fail(new Error(part + ' is broken'))), place * 5));
  }});

process.on('exit', () => {{
  if (waiting.length < Object.keys(parts).length) {{
    console.error('only ' + waiting.length + ' parts were asked for');
    process.exitCode = 1;
  }}
}});
"""
"""An asynchronous store that answers once every part was asked for."""
