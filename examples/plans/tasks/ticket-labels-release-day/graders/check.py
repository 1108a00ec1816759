"""Grade the labels and their tally: ``check.py form|labels|tally``."""

import hashlib
import json
import os
import sys
from pathlib import Path

LABELS = ("refund", "delivery", "damage", "login", "invoice", "hours")

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_label(name: str) -> dict[str, object]:
    """What the file of one ticket says; empty if it is no JSON object."""
    try:
        value = json.loads(Path("labels", f"{name}.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_tally() -> list[str]:
    """The lines of ``tally.csv`` without blanks at their ends."""
    try:
        text = Path("tally.csv").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def is_inbox_kept() -> bool:
    """Whether every ticket is there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_form() -> None:
    """A file for every ticket and for nothing else, in the form that is asked for."""
    wanted = set(expected["labels"])
    made = {path.stem for path in Path("labels").glob("*")} if Path("labels").is_dir() else set()
    check("files", len(wanted & made) / len(wanted | made), sorted(made ^ wanted))
    formed = [
        set(said) == {"ticket", "label"} and said["label"] in LABELS
        for said in map(read_label, sorted(wanted))
    ]
    check("fields", sum(formed) / len(formed))
    check("inbox kept", any(formed) and is_inbox_kept(), "changed, or no label to speak of")


def grade_labels() -> None:
    """The right label, and the number of the ticket it belongs to."""
    for name, wanted in expected["labels"].items():
        said = read_label(name)
        check(f"{name}: label", said.get("label") == wanted["label"], said.get("label"))
        check(f"{name}: ticket", said.get("ticket") == wanted["ticket"], said.get("ticket"))


def grade_tally() -> None:
    """The tally agrees with the labels as they were given."""
    given = [str(read_label(name).get("label")) for name in expected["labels"]]
    read = [label if label in LABELS else "unreadable" for label in given]
    tally = read_tally()
    check("head", tally[:1] == ["label,tickets"], tally[:1])
    for label in LABELS:
        check(label, tally != [] and f"{label},{read.count(label)}" in tally, tally)


GRADES = {"form": grade_form, "labels": grade_labels, "tally": grade_tally}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
