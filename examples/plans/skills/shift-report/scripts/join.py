"""Join the lines of the shifts: ``join.py FILE... --output day.md``."""

import argparse
from pathlib import Path


def main() -> None:
    """Write a heading and one item for the first line of each file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    lines = [path.read_text(encoding="utf-8-sig").strip().partition("\n")[0] for path in given.files]
    items = "".join(f"- {line.strip()}\n" for line in lines)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(f"# Shift report\n\n{items}", encoding="utf-8")


main()
