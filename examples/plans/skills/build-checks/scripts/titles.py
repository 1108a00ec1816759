"""Find titles that are nearly the same: ``titles.py outline.json --output titles.csv``."""

import argparse
import json
from itertools import combinations
from pathlib import Path


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out or changed."""
    row = list(range(len(other) + 1))
    for at, char in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, against in enumerate(other, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (char != against))
    return row[-1]


def main() -> None:
    """Write a line for every two titles of different pages that differ in few letters, or in none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("outline", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    pages = json.loads(given.outline.read_text(encoding="utf-8"))
    titles = [(page["page"], title) for page in pages for title in page["titles"]]
    lines = ["page,title,other page,other title"]
    for (page, title), (other_page, other) in combinations(titles, 2):
        most = min(len(title), len(other)) // 5
        if page != other_page and distance(title.lower(), other.lower()) <= most:
            lines.append(f"{page},{title},{other_page},{other}")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
