"""Grade ``audit.csv`` and ``summary.json``: ``check.py form|figures|status|summary|decision``."""

import csv
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

COLUMNS = ["sku", "class", "expected", "counted", "difference", "value", "status"]
CENT = 0.006

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_rows() -> tuple[list[str], list[dict[str, str]]]:
    """The header and the rows of ``audit.csv``, empty lines left out."""
    try:
        text = Path("audit.csv").read_text(encoding="utf-8-sig", errors="replace")
        lines = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    except (OSError, csv.Error):
        return [], []
    if not lines:
        return [], []
    return lines[0], [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]


def read_summary() -> dict[str, Any]:
    """What ``summary.json`` holds; nothing if it is not an object."""
    try:
        found = json.loads(Path("summary.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_near(found: object, wanted: float, tolerance: float = CENT) -> bool:
    """Whether a cell or a JSON value is this number."""
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return False
    try:
        return abs(float(found) - wanted) < tolerance
    except ValueError:
        return False


def is_json_number(found: object, wanted: float) -> bool:
    """Whether a JSON value is this number, and not text that looks like it."""
    return not isinstance(found, str) and is_near(found, wanted)


def are_inputs_kept() -> bool:
    """Whether the three files are there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_form() -> None:
    """Header, order, form of the numbers, fields of the summary, inputs."""
    check("header", header == COLUMNS, header)
    skus = [row.get("sku", "") for row in rows]
    check("sorted rows", bool(skus) and skus == sorted(set(skus)), skus)
    forms = {"expected": r"-?\d+", "counted": r"-?\d+", "difference": r"-?\d+", "value": r"-?\d+\.\d\d"}
    formed = [
        re.fullmatch(form, row.get(name, "")) is not None for row in rows for name, form in forms.items()
    ]
    check("form of numbers", sum(formed) / len(formed) if formed else 0)
    check("summary fields", set(summary) == set(expected["summary"]), sorted(summary))
    something = any(point["score"] for point in points)
    check("inputs kept", something and are_inputs_kept(), "changed, or no result to speak of")


def grade_figures() -> None:
    """Each item's three quantities and its value, a quarter each; a row too many is a miss."""
    for wanted in expected["rows"]:
        row = by_sku.get(wanted["sku"], {})
        names = ("expected", "counted", "difference", "value")
        right = [is_near(row.get(name, ""), wanted[name]) for name in names]
        check(wanted["sku"], sum(right) / len(right), {name: row.get(name) for name in names})
    known = {row["sku"] for row in expected["rows"]}
    for sku in [sku for sku in by_sku if sku not in known]:
        check(f"row {sku[:20]!r}", 0, "no such item")


def grade_status() -> None:
    """Each item's status. An ``ok`` among many counts less than what has to be found."""
    for status in ("ok", "adjust", "recount", "missing", "unknown"):
        skus = {row["sku"] for row in expected["rows"] if row["status"] == status}
        given = {sku for sku, row in by_sku.items() if row.get("status") == status}
        if skus | given:
            check(status, len(skus & given) / len(skus | given), sorted(given))


def grade_summary() -> None:
    """The figures of the summary."""
    wanted = expected["summary"]
    check("items", is_json_number(summary.get("items"), wanted["items"]), summary.get("items"))
    counts = summary.get("by_status")
    counts = counts if isinstance(counts, dict) else {}
    right = [is_json_number(counts.get(name), number) for name, number in wanted["by_status"].items()]
    check("by_status", sum(right) / len(right), counts)
    for name in ("shortage", "surplus"):
        check(name, is_json_number(summary.get(name), wanted[name]), summary.get(name))


def grade_decision() -> None:
    """What is counted again, and the verdict."""
    wanted = expected["summary"]
    listed = summary.get("recount")
    listed = [str(sku) for sku in listed] if isinstance(listed, list) else None
    score = 0.0
    if listed is not None:
        score = 1.0 if listed == wanted["recount"] else 0.5 * (sorted(listed) == sorted(wanted["recount"]))
    check("recount", score, listed)
    check("verdict", summary.get("verdict") == wanted["verdict"], summary.get("verdict"))


header, rows = read_rows()
by_sku = {row.get("sku", ""): row for row in rows}
summary = read_summary()
GRADES = {
    "form": grade_form,
    "figures": grade_figures,
    "status": grade_status,
    "summary": grade_summary,
    "decision": grade_decision,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
