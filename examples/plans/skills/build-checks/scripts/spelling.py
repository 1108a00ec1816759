"""Find words of a page that are in no list: ``spelling.py PAGE --words words.txt --output page.json``."""

import argparse
import json
import re
from pathlib import Path

WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
CODE = re.compile(r"`[^`\n]*`|\]\([^)\n]*\)")


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out or changed."""
    row = list(range(len(other) + 1))
    for at, char in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, against in enumerate(other, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (char != against))
    return row[-1]


def main() -> None:
    """Write the unknown words of a page, each with the known one that is nearest."""
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--words", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    known = given.words.read_text(encoding="utf-8").split()
    text = re.sub(r"^```.*?^```", "", given.page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    said = {word.lower().removesuffix("'s") for word in WORD.findall(CODE.sub(" ", text))}
    unknown = sorted(said.difference(known))
    nearest = {word: min(known, key=lambda other: (distance(word, other), other)) for word in unknown}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    value = {"page": given.page.name, "unknown": nearest}
    given.output.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


main()
