"""The skill ``log-triage``, done by the book."""

import json
import re
from collections import Counter, defaultdict

KINDS = {
    "memory": (r"outofmemory|oom-killer", 8),
    "disk": (r"no space left|disk usage (9\d|\d{3,})%", 6),
    "login": (r"status=40[13]\b|token expired", 2),
    "timeout": (r"timeout|timed out", 3),
    "upstream": (r"status=5\d\d\b", 3),
    "other": ("", 1),
}
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w+) ([\w-]+): (.*)")
SLIPS = ("retries counted", "the whole log", "no stop", "no weights")


def solve(folder, prompt, slip=None):
    """Write ``reports/*.json`` and ``escalations.txt``."""
    start, end = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", prompt)
    found = defaultdict(list)
    for line in (folder / "app.log").read_text().splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            continue
        time, level, service, message = match.groups()
        is_inside = slip == "the whole log" or start <= time < end
        is_retry = slip != "retries counted" and re.search(r"retry=[1-9]", message)
        if is_inside and level in ("WARN", "ERROR", "FATAL") and not is_retry:
            kind = next(
                name for name, (words, _) in KINDS.items() if re.search(words, message, re.IGNORECASE)
            )
            weight = 1 if slip == "no weights" else KINDS[kind][1] * (2 if level == "FATAL" else 1)
            found[service].append((time, kind, weight))
    (folder / "reports").mkdir()
    for service, problems in found.items():
        report = {
            "service": service,
            "problems": len(problems),
            "by_kind": Counter(kind for _, kind, _ in problems),
            "points": points(problems),
            "first": min(problems)[0],
            "last": max(problems)[0],
        }
        (folder / "reports" / f"{service}.json").write_text(json.dumps(report))
    (folder / "escalations.txt").write_text("\n".join(calls(found, slip) or ["none"]) + "\n")


def points(problems):
    """What some problems weigh."""
    return sum(weight for _, _, weight in problems)


def calls(found, slip):
    """The services to call, until a stop is due."""
    total = sum(points(problems) for problems in found.values())
    listed, held = [], 0
    for service in sorted(found, key=lambda name: (-points(found[name]), name)):
        mine = points(found[service])
        if slip != "no stop" and (mine < 10 or held * 100 >= total * 80):
            break
        by_kind = {name: points([each for each in found[service] if each[1] == name]) for name in KINDS}
        listed.append(f"{len(listed) + 1}. {service} {mine} {max(by_kind, key=by_kind.__getitem__)}")
        held += mine
    return listed
