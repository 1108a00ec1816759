"""Grade ``fuel_report.json``: ``check.py form|totals|vehicles|fillings``, run in the work directory."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

FIGURES = ("litres", "cost", "km", "per_100_km")
TOLERANCE = 0.006

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_report() -> dict[str, Any]:
    """What the report holds; nothing if it is not an object."""
    try:
        found = json.loads(Path("fuel_report.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_figure(found: object, wanted: float | None) -> bool:
    """Whether a JSON value is this number, or null where that is due."""
    if wanted is None or isinstance(found, bool) or not isinstance(found, int | float):
        return wanted is None and found is None
    return abs(found - wanted) < TOLERANCE


def is_input_kept() -> bool:
    """Whether the statement is there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_form() -> None:
    """Fields, the month, the vehicles and their fields, the statement as it was."""
    wanted = expected["report"]
    check("fields", set(report) == set(wanted), sorted(report))
    check("month", report.get("month") == wanted["month"], report.get("month"))
    check("vehicles", set(vehicles) == set(wanted["vehicles"]), sorted(vehicles))
    formed = [isinstance(each, dict) and set(each) == set(FIGURES) for each in vehicles.values()]
    check("fields of vehicles", sum(formed) / len(formed) if formed else 0)
    something = any(point["score"] for point in points)
    check("statement kept", something and is_input_kept(), "changed, or no report to speak of")


def grade_totals() -> None:
    """The two figures of the whole fleet."""
    for name in ("total_litres", "total_cost"):
        check(name, is_figure(report.get(name), expected["report"][name]), report.get(name))


def grade_vehicles() -> None:
    """Each vehicle's four figures, a quarter each; a vehicle too many is a miss."""
    wanted = expected["report"]["vehicles"]
    for vehicle, figures in wanted.items():
        found = vehicles.get(vehicle)
        found = found if isinstance(found, dict) else {}
        right = [name in found and is_figure(found[name], figures[name]) for name in FIGURES]
        check(vehicle, sum(right) / len(right), found)
    for vehicle in [vehicle for vehicle in vehicles if vehicle not in wanted]:
        check(f"vehicle {vehicle[:20]!r}", 0, "not on the statement")


def grade_fillings() -> None:
    """The fillings that were too large: which, and in the order of the statement."""
    wanted = expected["report"]["too_large"]
    listed = report.get("too_large")
    listed = [str(each) for each in listed] if isinstance(listed, list) else []
    both = set(listed) & set(wanted)
    check("which", len(both) / max(len(set(listed) | set(wanted)), len(listed)), listed)
    check("the whole list", listed == wanted, listed)


report = read_report()
vehicles = report.get("vehicles")
vehicles = vehicles if isinstance(vehicles, dict) else {}
GRADES = {
    "form": grade_form,
    "totals": grade_totals,
    "vehicles": grade_vehicles,
    "fillings": grade_fillings,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
