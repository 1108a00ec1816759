"""Grade ``table.txt``: ``check.py form|lines|table``, run in the work directory."""

import json
import os
import re
import sys
from pathlib import Path

TIDE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d [HL] \d+\.\d")

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_lines() -> list[str]:
    """The lines of the table without empty ones at its ends and without blanks at theirs."""
    try:
        text = Path("table.txt").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.strip().splitlines()]


def grade_form() -> None:
    """Tides and nothing else, as the program prints them."""
    formed = [TIDE.fullmatch(line) is not None for line in lines]
    check("form of the lines", sum(formed) / len(formed) if formed else 0, lines)


def grade_lines() -> None:
    """The tides of the week, of all that are there or should be."""
    both = set(lines) & set(wanted)
    check("the tides of the week", len(both) / len(set(lines) | set(wanted)), lines)


def grade_table() -> None:
    """The table as it was printed, all of it."""
    check("the whole table", lines == wanted, lines)


lines = read_lines()
wanted = expected["table"]
GRADES = {"form": grade_form, "lines": grade_lines, "table": grade_table}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
