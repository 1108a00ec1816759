"""Chores on lines and texts: lines by level, unique lines, a letter to fill, lines that hold a word."""

from __future__ import annotations

from collections import Counter
from random import Random

from benchmarks.boost.chores import WORDS, Family, Right, Values, heredoc, lessons_of, some_name, two_names

__all__ = ["LETTER", "LEVELS", "SEARCH", "UNIQUE"]


def _levels_code(v: Values, way: int) -> str:
    name = "counts" if way else "levels"
    return heredoc(
        f"import json\nfrom collections import Counter\nwith open('{v['source']}') as f:\n"
        f"    {name} = Counter(line.split()[1] for line in f if line.strip())\n"
        f"with open('{v['target']}', 'w') as f:\n    json.dump(dict({name}), f)\n"
    )


def _levels(lines: list[str], v: Values) -> Right:
    return Right(v["target"], "json", dict(Counter(line.split()[1] for line in lines if line.strip())))


def _log(draw: Random, _: Values) -> list[str]:
    return [
        f"2026-03-{draw.randint(1, 28):02} {draw.choice(('INFO', 'WARN', 'ERROR'))} {some_name(draw)} done"
        for _ in range(14)
    ]


def _unique_code(v: Values, way: int) -> str:
    quote = "'" if way else ""
    return f"grep -v '^$' {quote}{v['source']}{quote} | LC_ALL=C sort -u > {quote}{v['target']}{quote}"


def _unique(lines: list[str], v: Values) -> Right:
    kept = sorted({line.encode() for line in lines if line})
    return Right(v["target"], "lines", [line.decode() for line in kept])


def _list(draw: Random, _: Values) -> list[str]:
    some = draw.sample(WORDS, 6)
    return [draw.choice((*some, "")) for _ in range(15)]


def _letter_code(v: Values, way: int) -> str:
    name = "text" if way else "letter"
    return heredoc(
        f"with open('template.txt') as f:\n    {name} = f.read()\n"
        f"{name} = {name}.replace('NAME', '{v['name']}').replace('CITY', '{v['city']}')\n"
        f"with open('{v['target']}', 'w') as f:\n    f.write({name})\n"
    )


def _filled(text: str, v: Values) -> Right:
    parts = [v["city"].join(part.split("CITY")) for part in text.split("NAME")]
    return Right(v["target"], "text", v["name"].join(parts))


def _fresh_letter(draw: Random) -> dict[str, str]:
    name, family, city = (word.capitalize() for word in draw.sample(WORDS, 3))
    return {"name": f"{name} {family}", "city": city, "target": f"{some_name(draw)}.txt"}


def _search_code(v: Values, way: int) -> str:
    line = "line" if way else "text"
    return heredoc(
        f"with open('{v['source']}') as f:\n    found = [{line} for {line} in f if '{v['word']}' in {line}]\n"
        f"with open('{v['target']}', 'w') as f:\n    f.writelines(found)\n"
    )


def _search(lines: list[str], v: Values) -> Right:
    return Right(v["target"], "lines", [line for line in lines if v["word"] in line])


def _notes(draw: Random, v: Values) -> list[str]:
    lines = [f"{draw.choice(WORDS)} {draw.choice(WORDS)} {draw.randint(1, 99)}" for _ in range(12)]
    return [f"{line} {v['word']} end" if draw.random() < 0.4 else line for line in lines] + [v["word"]]


def _fresh_search(draw: Random) -> dict[str, str]:
    return {"word": f"{draw.choice(WORDS)} {draw.choice(WORDS)}", **two_names("txt", "txt")(draw)}


LEVELS = Family(
    "levels",
    "Count the lines of {source} for each level (the second word of a line) and write the counts as a"
    " JSON object to {target}.",
    lessons_of(
        "source target",
        "app.log|levels.json",
        "web.log|counts.json",
        "db7.log|db_levels.json",
        "mail.log|mail.json",
    ),
    two_names("log", "json"),
    _log,
    "lines",
    _levels_code,
    _levels,
    (
        ("second word", "third word"),
        ("second word", "last word"),
        ("Count the lines", "Count the words"),
        ("Count the lines", "Count the distinct lines"),
        ("Count the lines", "Count the last 5 lines"),
        ("each level", "each level but INFO"),
        ("{source}", "{source} except the first"),
        ("a JSON object", "a CSV table"),
        ("the counts", "the shares"),
        ("to {target}", "to {target} without ERROR"),
    ),
    (
        "Zähle die Zeilen von {source} je Stufe und schreibe die Zahlen als JSON nach {target}.",
        "For each level of {source}, count the lines and write the counts to {target}.",
    ),
)
UNIQUE = Family(
    "unique",
    "Write the unique lines of {source}, sorted and without empty lines, to {target}.",
    lessons_of(
        "source target",
        "names.txt|sorted.txt",
        "tags.txt|tags_clean.txt",
        "hosts.txt|hosts_unique.txt",
        "mails2.txt|mails_out.txt",
    ),
    two_names("txt", "txt"),
    _list,
    "lines",
    _unique_code,
    _unique,
    (
        ("unique lines", "repeated lines"),
        ("unique lines", "lines"),
        ("sorted", "unsorted"),
        ("sorted", "sorted backwards"),
        ("sorted", "sorted by length"),
        ("without empty", "with empty"),
        ("without empty lines", "without comments"),
        ("{source}", "{source} and more.txt"),
        ("to {target}", "to {target} in capitals"),
    ),
    (
        "Schreibe die verschiedenen Zeilen von {source} sortiert nach {target}.",
        "To {target}, write the unique lines of {source}, sorted and without empty lines.",
    ),
)
LETTER = Family(
    "letter",
    "Fill template.txt: NAME is '{name}' and CITY is '{city}'. Save the letter as {target}.",
    lessons_of(
        "name city target",
        "Ann Lee|Oslo|ann.txt",
        "Bob May|New York|letter_bob.txt",
        "Cy O-Hara|Rome|cy.txt",
        "Dora Orr|Bergen|dora.txt",
    ),
    _fresh_letter,
    lambda draw, _: f"Dear NAME,\nwe shall be in CITY on day {draw.randint(1, 28)}.\nSee you, NAME!\n",
    "text",
    _letter_code,
    _filled,
    (
        ("Fill", "Translate"),
        ("NAME is", "NAME is not"),
        ("CITY is", "TOWN is"),
        ("Save", "Do not save"),
        ("Save the letter", "Save two copies of the letter"),
        ("template.txt", "template.md"),
        ("as {target}", "as {target} in capitals"),
        ("CITY is '{city}'.", "CITY is '{city}' and DAY is 'Monday'."),
    ),
    (
        "Fülle template.txt: NAME ist '{name}' und CITY ist '{city}'. Speichere ihn als {target}.",
        "Save as {target} the letter template.txt, filled: NAME is '{name}' and CITY is '{city}'.",
    ),
)
SEARCH = Family(
    "search",
    "Copy the lines of {source} that contain '{word}' to {target}.",
    lessons_of(
        "source word target",
        "notes.txt|red fox|fox.txt",
        "diary.txt|rain|rain.txt",
        "songs.txt|blue moon|moon.txt",
        "poems2.txt|long night|night.txt",
    ),
    _fresh_search,
    _notes,
    "lines",
    _search_code,
    _search,
    (
        ("contain", "do not contain"),
        ("contain", "begin with"),
        ("contain '{word}'", "contain '{word}' or 'end'"),
        ("contain '{word}'", "contain '{word}' in any case"),
        ("Copy", "Move"),
        ("Copy the lines", "Count the lines"),
        ("Copy the lines", "Copy the line numbers"),
        ("to {target}", "to the end of {target}"),
        ("{source}", "{source} and b.txt"),
    ),
    (
        "Kopiere die Zeilen von {source}, die '{word}' enthalten, nach {target}.",
        "To {target} copy the lines of {source} that contain '{word}'.",
    ),
)
