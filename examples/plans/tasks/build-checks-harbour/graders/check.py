"""Grade the checks of the pages: ``check.py outline|findings|spelling|verdict``."""

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


def read_json(name: str) -> object:
    """A JSON file of the build; ``None`` if there is none."""
    try:
        return json.loads(Path("build", name).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None


def read_rows(name: str) -> list[str]:
    """The lines of a table of the build, without empty ones."""
    try:
        text = Path("build", name).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def is_kept() -> bool:
    """Whether the pages are there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_outline() -> None:
    """The titles and links of every page."""
    value = read_json("outline.json")
    pages = [page for page in value if isinstance(page, dict)] if isinstance(value, list) else []
    for wanted in expected["outline"]:
        check(wanted["page"], wanted in pages)
    check("pages kept", bool(pages) and is_kept(), "changed, or no outline to speak of")


def grade_findings() -> None:
    """The tables of links and titles, line by line."""
    for name in ("links", "titles"):
        check(name, read_rows(f"{name}.csv") == expected[name], read_rows(f"{name}.csv"))


def grade_spelling() -> None:
    """The unknown words of every page."""
    for page, unknown in expected["spelling"].items():
        name = f"spelling/{page.removesuffix('.md')}.json"
        check(page, read_json(name) == {"page": page, "unknown": unknown}, read_json(name))


def grade_verdict() -> None:
    """Every field of the verdict."""
    value = read_json("verdict.json")
    found = value if isinstance(value, dict) else {}
    for field, wanted in expected["verdict"].items():
        check(field, type(found.get(field)) is type(wanted) and found[field] == wanted, found.get(field))


GRADES = {
    "outline": grade_outline,
    "findings": grade_findings,
    "spelling": grade_spelling,
    "verdict": grade_verdict,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
