"""Grade ``RELEASE_NOTES.md``: ``check.py layout|counts|entries|order|thanks``, run in the work directory."""

import hashlib
import json
import os
import re
import sys
from itertools import pairwise
from pathlib import Path

ENTRY = re.compile(r"- \*\*(.+?)\*\*: (.+) \(#(\d+)\)")
THANKS = "Thanks"

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read() -> tuple[list[str], dict[str, list[str]], list[str]]:
    """The lines before the first section, the lines of each section, and the headings in order.

    Empty lines and blanks at the ends of lines are no matter.
    """
    try:
        text = Path("RELEASE_NOTES.md").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return [], {}, []
    head: list[str] = []
    sections: dict[str, list[str]] = {}
    headings: list[str] = []
    into = head
    for line in (" ".join(line.split()) for line in text.splitlines()):
        if line.startswith("## "):
            headings.append(line[3:].strip())
            into = sections.setdefault(headings[-1], [])
        elif line:
            into.append(line)
    return head, sections, headings


def numbers(lines: list[str]) -> list[int]:
    """The pull request numbers of the entries among some lines, in order."""
    found = [re.findall(r"#(\d+)", line) for line in lines if line.startswith(("- ", "* "))]
    return [int(each[-1]) for each in found if each]


def are_inputs_kept() -> bool:
    """Whether every fragment is there, unchanged."""
    return all(
        Path(name).is_file() and hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for name, digest in expected["inputs"].items()
    )


def grade_layout() -> None:
    """Title, sections, the form of entries, inputs."""
    check("title", head[:1] == [f"# {expected['product']} {expected['version']}"], head[:1])
    wanted = [*(section["name"] for section in expected["sections"]), THANKS]
    check("sections", headings == wanted, headings)
    lines = [line for name, each in sections.items() if name != THANKS for line in each]
    formed = sum(bool(ENTRY.fullmatch(line)) for line in lines)
    check("form of entries", formed / len(lines) if lines else 0, f"{formed} of {len(lines)} lines")
    something = any(point["score"] for point in points)
    check("fragments kept", something and are_inputs_kept(), "changed, or no page to speak of")


def grade_counts() -> None:
    """The line under the title."""
    line = head[1] if len(head) > 1 else ""
    for name, pattern in (("changes", r"(\d+) changes?\b"), ("people", r"(\d+) (?:people|person)\b")):
        found = re.search(pattern, line)
        check(name, found is not None and int(found[1]) == expected[name], line)
    wanted = (
        f"Released on {expected['date']}. {expected['changes']} changes from {expected['people']} people."
    )
    check("wording", line == wanted, line)


def grade_entries() -> None:
    """Every change in its section and word for word; half for the right place alone."""
    missed = [number for lines in sections.values() for number in numbers(lines)]
    for section in expected["sections"]:
        lines = sections.get(section["name"], [])
        placed = numbers(lines)
        for entry in section["entries"]:
            line = f"- **{entry['area']}**: {entry['text']} (#{entry['pr']})"
            score = 1.0 if line in lines else 0.5 if entry["pr"] in placed else 0.0
            check(f"#{entry['pr']}", score, "not word for word" if score else f"not in {section['name']}")
            if score:
                missed.remove(entry["pr"])
    for number in missed:
        check(f"#{number} again", 0, "not to be listed, or not here")


def grade_order() -> None:
    """Neighbours within a section: the share of them that stand the right way round."""
    for section in expected["sections"]:
        wanted = [entry["pr"] for entry in section["entries"]]
        placed = numbers(sections.get(section["name"], []))
        for one, other in pairwise(wanted):
            right = one in placed and other in placed and placed.index(one) < placed.index(other)
            check(f"#{one} before #{other}", right, placed)


def grade_thanks() -> None:
    """The people and the line they stand on."""
    lines = sections.get(THANKS, [])
    wanted = expected["thanks"]
    named = {name for line in lines for name in re.split(r"[^\w'-]+", line) if name}
    check("people", len(named & set(wanted)) / len(named | set(wanted)), sorted(named))
    check("line", lines == [", ".join(wanted)], lines)


head, sections, headings = read()
GRADES = {
    "layout": grade_layout,
    "counts": grade_counts,
    "entries": grade_entries,
    "order": grade_order,
    "thanks": grade_thanks,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
