"""Grade the records, the lines and the report of the shifts: ``check.py records|lines|report``."""

import hashlib
import json
import os
import sys
from pathlib import Path

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_text(name: str) -> str:
    """A file without blanks at its ends; empty if there is none."""
    try:
        return Path("report", name).read_text(encoding="utf-8-sig", errors="replace").strip()
    except OSError:
        return ""


def read_record(name: str) -> dict[str, object]:
    """A record; empty if it is no JSON object."""
    try:
        value = json.loads(read_text(name))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def line_of(shift: str) -> str:
    """The line a shift has to get."""
    wanted = expected["shifts"][shift]
    told = f"{wanted['machine']} stood still for {wanted['minutes']} minutes ({wanted['lead']})"
    return f"{shift.title()}: {told}."


def is_kept() -> bool:
    """Whether the notes are there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_records() -> None:
    """Each field of each record, and no other."""
    for shift, wanted in expected["shifts"].items():
        found = read_record(f"{shift}.json")
        check(f"{shift}: fields", set(found) == set(wanted), sorted(found))
        for field, value in wanted.items():
            same = type(found.get(field)) is type(value) and found.get(field) == value
            check(f"{shift}: {field}", same, found.get(field))


def grade_lines() -> None:
    """The line of each shift, to the letter; half for one that has all its words."""
    for shift, wanted in expected["shifts"].items():
        found = read_text(f"{shift}.txt")
        has_all = all(str(value) in found for value in wanted.values())
        check(shift, 1.0 if found == line_of(shift) else 0.5 * has_all, found)


def grade_report() -> None:
    """A heading, then the lines as they were written, the morning first; the notes as they were."""
    found = [line for line in read_text("day.md").splitlines() if line.strip()]
    items = [f"- {read_text(f'{shift}.txt').partition(chr(10))[0].strip()}" for shift in expected["shifts"]]
    check("heading", found[:1] == ["# Shift report"], found[:1])
    check("items", len(found) == 3 and found[1:] == items and "-" not in map(str.strip, items), found[1:])
    check("notes kept", bool(found) and is_kept(), "changed, or no report to speak of")


GRADES = {"records": grade_records, "lines": grade_lines, "report": grade_report}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
