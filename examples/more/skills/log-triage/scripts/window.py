"""Print the lines of a log from a start (included) to an end (not included).

Usage: window.py LOG START END, with times like "2026-05-04 08:00:00". Stack traces stay with their line.
"""

import sys
from pathlib import Path


def main(log: str, start: str, end: str) -> None:
    """Write what lies in the time span to standard output."""
    is_inside = False
    for line in Path(log).read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.startswith((" ", "\t")):
            is_inside = start <= line[:19] < end
        if is_inside:
            sys.stdout.write(line)


if __name__ == "__main__":
    main(*sys.argv[1:4])
