"""Count the labels of tickets: ``tally.py FILE... --output tally.csv``."""

import argparse
import json
from pathlib import Path

LABELS = ("refund", "delivery", "damage", "login", "invoice", "hours")


def label_of(path: Path) -> str:
    """The label a file gives; ``unreadable`` if it gives none of the list."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return "unreadable"
    label = value.get("label") if isinstance(value, dict) else None
    return label if label in LABELS else "unreadable"


def main() -> None:
    """Write a line for every label, those nobody got included."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    found = [label_of(path) for path in given.files]
    lines = [f"{label},{found.count(label)}" for label in (*LABELS, "unreadable")]
    given.output.write_text("label,tickets\n" + "\n".join(lines) + "\n", encoding="utf-8")


main()
