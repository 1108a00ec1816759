"""Grade ``findings.txt``: ``check.py form|findings|files|count``, run in the work directory."""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

RULES = ("empty", "ending", "letters", "date", "kind", "sender")
FINDING = re.compile(rf"(.+): ({'|'.join(RULES)})")
COUNT = re.compile(r"(\d+) findings? in (\d+) files?")

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_lines() -> list[str]:
    """The lines of the list without empty ones and without blanks at their ends."""
    try:
        text = Path("findings.txt").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def is_folder_kept() -> bool:
    """Whether the folder holds the files it held, unchanged, and no others."""
    folder = Path(expected["folder"])
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in (folder.iterdir() if folder.is_dir() else ())
    }
    return found == expected["inputs"]


def grade_form() -> None:
    """The form of the findings, a last line with the counts, the folder as it was."""
    above = [line for line in lines if not COUNT.fullmatch(line)]
    formed = [FINDING.fullmatch(line) is not None for line in above]
    check("form of findings", sum(formed) / len(formed) if formed else 0, above)
    counts = [index for index, line in enumerate(lines) if COUNT.fullmatch(line)]
    check("one line with the counts, the last", counts == [len(lines) - 1], lines[-1:])
    something = any(point["score"] for point in points)
    check("folder kept", something and is_folder_kept(), "changed, or no list to speak of")


def grade_findings() -> None:
    """Each file that breaks a rule: listed once, with that rule."""
    for name, rule in expected["findings"].items():
        given = [found_rule for found_name, found_rule in findings if found_name == name]
        check(name, given == [rule], given)


def grade_files() -> None:
    """Which files are listed, whatever their rules; one too many takes away what one in its place gave."""
    listed = [name for name, _ in findings]
    rightly = len(set(listed) & set(expected["findings"]))
    wrongly = len(listed) - rightly
    check("the files with a finding", max(0, rightly - wrongly) / len(expected["findings"]), listed)


def grade_count() -> None:
    """The two numbers of the last line."""
    found = [each for each in map(COUNT.fullmatch, lines) if each]
    wanted = (len(expected["findings"]), len(expected["inputs"]))
    for index, name in enumerate(("findings", "files")):
        check(name, bool(found) and int(found[-1][index + 1]) == wanted[index], lines[-1:])


lines = read_lines()
findings = [(each[1], each[2]) for each in map(FINDING.fullmatch, lines) if each]
GRADES = {
    "form": grade_form,
    "findings": grade_findings,
    "files": grade_files,
    "count": grade_count,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
