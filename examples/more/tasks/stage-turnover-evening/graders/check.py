"""Grade ``plan.txt``: ``check.py total|together|names|lines`` or, in rain, ``said|none``."""

import json
import os
import re
import sys
from itertools import combinations
from pathlib import Path

SAME_TIME = re.compile(
    r"same time|together|parallel|simultaneous|concurrent|at once|while|during|alongside|meanwhile"
)
# What follows one of these is what a job waits for, not what goes on beside it.
WAITS = (
    r"(?:after|needs?|once|when|before|until|requires?|depends on|following|from|preceded by)\b"
    r"[:\s]*(?:the\s+)?"
)
STEPS = re.compile(r"->|=>|→|;|\.\s|\bthen\b|\bfollowed by\b")
JOINED = r"\s*(?:\([^)]*\)\s*)?(?:,?\s*and|&|\+|/|\|\||,?\s*with)\s*"
TOTAL = re.compile(
    r"\b(?:total|whole|overall|altogether|in all|entire|takes?|complete|finish\w*|done|ends?|over)\b"
)
MINUTES = re.compile(r"(?<![\d:.-])(\d+)\s*(?:-\s*)?(?:min|m\b|')")
ALLOWED = re.compile(r"\b(?:available|spare|left|remain\w*|buffer|half(?: an)? hour|limit|slack)\b")
RANGE = re.compile(r"(\d+(?::\d+)?)\s*(?:min\w*\s*)?(?:-|–|—|to|until|till)\s*(?:minutes?\s*)?\d+(?::\d+)?")
START = re.compile(r"(?:starts?|at|from|minute)[\s:]+(?:at\s+|minute\s+|min\s+)*(\d+(?::\d+)?)")
LABEL = re.compile(r"\W*(?:step|stage|phase|group|round|minute|min)?\s*\W*(\d+(?::\d+)?)(?!\s*min)")
NO_PLAN = re.compile(
    r"\bno\b[\w' -]{0,20}\bplan|\bnot\b[\w' -]{0,30}\bplan|n't\b[\w' -]{0,30}\bplan|without (?:a|any) plan"
    r"|\bplan\b[\w' -]{0,30}(?:\bnot\b|n't\b|\bcannot\b)|\bcannot\b[\w' -]{0,30}\bplan"
)
EXTRA_LINES = 4  # a heading, the jobs that go together, the total and one more

expected = json.loads(Path(os.environ["SKVM_GRADERS"], "expected.json").read_text(encoding="utf-8"))
jobs: list[str] = expected["jobs"]
any_job = "(?:" + "|".join(map(re.escape, jobs)) + ")"
waits_for = re.compile(rf"{WAITS}{any_job}(?:(?:,|,?\s*and|&|\+)\s*(?:the\s+)?{any_job})*")
points: list[dict[str, object]] = []


def check(name: str, score: float, reason: object = "") -> None:
    """Note a checkpoint."""
    points.append({"name": name, "score": round(float(score), 6), "reason": str(reason)[:200]})


def read_lines() -> list[str]:
    """The lines of the plan, without marks of emphasis, in small letters."""
    try:
        text = Path("plan.txt").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    text = re.sub(r"[*_`\"“”]", "", text.lower().replace("’", "'"))
    return [re.sub(r"[ \t]+", " ", line.rstrip()) for line in text.splitlines()]


def named(text: str) -> list[str]:
    """The jobs in a text, in the order of their first mention."""
    return sorted((job for job in jobs if job in text), key=text.index)


def pair(*both: str) -> tuple[str, ...]:
    """Two jobs, whichever stands first."""
    return tuple(sorted(both))


def pairs_within(line: str) -> set[tuple[str, ...]]:
    """Jobs that one line sets side by side."""
    found: set[tuple[str, ...]] = set()
    for step in STEPS.split(waits_for.sub(" ", line)):
        here = named(step)
        joined = re.search(rf"{any_job}{JOINED}(?:the\s+)?{any_job}", step)
        if len(here) > 1 and (SAME_TIME.search(step) or joined):
            found |= {pair(*each) for each in combinations(here, 2)}
    return found


def pairs_under_headings() -> set[tuple[str, ...]]:
    """Jobs in a list below a line that says that they go on at the same time."""
    found: set[tuple[str, ...]] = set()
    group: list[str] | None = None
    mark = ""
    for line in lines:
        here = named(waits_for.sub(" ", line))
        if not here:
            group = [] if SAME_TIME.search(line) else None
        elif group is not None:
            lead = re.sub(r"\d+", "0", re.sub(r"[a-z].*", "", line))
            if group and lead != mark:
                group = None
                continue
            mark = lead
            found |= {pair(other, here[0]) for other in group if other != here[0]}
            group.append(here[0])
    return found


def pairs_by_start() -> set[tuple[str, ...]]:
    """Jobs whose lines give the same start, or else bear the same number."""
    own = [(here[0], line) for line in lines if len(here := named(waits_for.sub(" ", line))) == 1]
    for form in (RANGE, START, LABEL):
        find = form.match if form is LABEL else form.search
        starts = [(job, each[1]) for job, line in own if (each := find(line))]
        if len({job for job, _ in starts}) > 1:
            both = combinations(starts, 2)
            return {pair(one, other) for (one, at), (other, then) in both if at == then and one != other}
    return set()


def totals() -> list[tuple[str, list[int]]]:
    """Lines that say how long the whole takes, with their numbers; lines of single jobs if they are right."""
    found = []
    for line in lines:
        numbers = [int(each) for each in re.findall(r"(?<![\d:.])\d{1,4}(?!\d|:\d)", line)]
        if not numbers or (ALLOWED.search(line) and expected["minutes"] not in numbers):
            continue
        own = 0 < len(named(waits_for.sub(" ", line))) < len(jobs)
        if own:
            is_claim = TOTAL.search(line) is not None and expected["minutes"] in numbers
        else:
            has_unit = MINUTES.search(line) or re.fullmatch(r"\W*\d+\W*", line)
            is_claim = bool(TOTAL.search(line) or (has_unit and not RANGE.search(line)))
        if is_claim:
            found.append((line, numbers))
    return found


def score_total() -> float:
    """1 for the right number of minutes and no other, a half if another stands beside it."""
    claims = totals()
    right = sum(expected["minutes"] in numbers for _, numbers in claims)
    return 0.0 if not right else 1.0 if right == len(claims) else 0.5


def score_together() -> float:
    """The pairs that go on at the same time; pairs too many lower it."""
    wanted = {pair(*each) for each in expected["together"]}
    claimed: set[tuple[str, ...]] = set().union(*map(pairs_within, lines)) if lines else set()
    claimed |= pairs_under_headings()
    claimed = claimed or pairs_by_start()
    return len(claimed & wanted) / len(claimed | wanted)


def grade_total() -> None:
    """How many minutes the whole takes."""
    check("minutes of the whole", score_total(), totals())


def grade_together() -> None:
    """Which jobs go on at the same time."""
    check("jobs at the same time", score_together(), lines)


def grade_names() -> None:
    """The names of the jobs as they stand."""
    text = "\n".join(lines)
    for job in jobs:
        check(job, job in text)


def grade_lines() -> None:
    """No more than one line a job, in a plan that says something of what was asked."""
    subjects = [here[0] for line in lines if len(here := named(waits_for.sub(" ", line))) == 1]
    few = len([line for line in lines if line.strip()]) <= len(jobs) + EXTRA_LINES
    something = score_total() > 0 or score_together() > 0
    check("one line a job", something and few and len(subjects) == len(set(subjects)), lines)


def says_none() -> bool:
    """Whether the file says that there is no plan, and gives none."""
    return any(NO_PLAN.search(line) for line in lines) and not any(map(named, lines))


def grade_said() -> None:
    """In rain: the file says that no plan is made."""
    check("no plan is made", says_none(), lines)


def grade_none() -> None:
    """In rain: no times either."""
    check("no minutes", says_none() and not any(map(MINUTES.search, lines)), lines)


lines = read_lines()
GRADES = {
    "total": grade_total,
    "together": grade_together,
    "names": grade_names,
    "lines": grade_lines,
    "said": grade_said,
    "none": grade_none,
}
GRADES[sys.argv[1]]()
sys.stdout.write(json.dumps({"checkpoints": points}) + "\n")
