"""Grade ``reports/*.json`` and ``escalations.txt``: ``check.py form|problems|kinds|span|calls``."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

FIELDS = ("service", "problems", "by_kind", "points", "first", "last")

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_reports() -> dict[str, dict[str, Any]]:
    """The reports by name of their file; one that is no JSON object is empty."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(Path("reports").glob("*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            value = {}
        found[path.stem] = value if isinstance(value, dict) else {}
    return found


def read_calls() -> list[str] | None:
    """The lines of ``escalations.txt`` without empty ones; ``None`` if there is no such file."""
    try:
        text = Path("escalations.txt").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def is_number(found: object, wanted: int) -> bool:
    """Whether a JSON value is this number."""
    return isinstance(found, int | float) and not isinstance(found, bool) and found == wanted


def is_log_kept() -> bool:
    """Whether the log is there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_form() -> None:
    """A report for each affected service and for no other, with its fields; the log as it was."""
    wanted = set(expected["reports"])
    check("services", len(wanted & set(reports)) / len(wanted | set(reports)), sorted(reports))
    formed = [
        set(reports.get(name, {})) == set(FIELDS) and reports[name].get("service") == name for name in wanted
    ]
    check("fields", sum(formed) / len(formed))
    something = any(point["score"] for point in points)
    check("log kept", something and is_log_kept(), "changed, or no result to speak of")


def grade_problems() -> None:
    """How many problems each service had and what they weigh."""
    for name, wanted in expected["reports"].items():
        report = reports.get(name, {})
        for field in ("problems", "points"):
            check(f"{name}: {field}", is_number(report.get(field), wanted[field]), report.get(field))


def grade_kinds() -> None:
    """How many problems of each kind; a kind too many is a miss."""
    for name, wanted in expected["reports"].items():
        found = reports.get(name, {}).get("by_kind")
        found = found if isinstance(found, dict) else {}
        given = {kind for kind, number in found.items() if number != 0}
        right = sum(is_number(found.get(kind), number) for kind, number in wanted["by_kind"].items())
        check(name, right / len(given | set(wanted["by_kind"])), found)


def grade_span() -> None:
    """The times of the first and the last problem."""
    for name, wanted in expected["reports"].items():
        report = reports.get(name, {})
        for field in ("first", "last"):
            check(f"{name}: {field}", report.get(field) == wanted[field], report.get(field))


def grade_calls() -> None:
    """The list: each line in its place, a stop where it is due."""
    lines = calls or []
    for index, wanted in enumerate(expected["calls"]):
        found = lines[index] if index < len(lines) else ""
        names = wanted != "none" and found.split()[1:2] == wanted.split()[1:2]
        check(wanted, 1.0 if found == wanted else 0.5 * names, found)
    called, due = ([line.split()[1:2] or line for line in each] for each in (lines, expected["calls"]))
    check("stop", sorted(map(str, called)) == sorted(map(str, due)), lines)


reports = read_reports()
calls = read_calls()
GRADES = {
    "form": grade_form,
    "problems": grade_problems,
    "kinds": grade_kinds,
    "span": grade_span,
    "calls": grade_calls,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
