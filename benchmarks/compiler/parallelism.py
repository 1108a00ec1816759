"""Groups of the planner against hand-made labels, and how long planning takes.

``python -m benchmarks.compiler.parallelism`` reads the labels in ``tests/labels/dependencies`` and the skills
below the folder ``SKVM_TEST_DATA`` names (default ``../shared/data``). A planned step is matched to a
labelled one by the words they share, in the order of the text, in the procedure that fits best; labels in
Chinese are English paraphrases and match by nothing, so those steps stay unmatched and are listed. A group is
an error if two of its members are joined by a path of the labelled dependencies.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skvm.compiler.passes.extract_parallelism import ExtractParallelism
from skvm.compiler.permissions import permissions_of
from skvm.compiler.plans.plan import Group, Plan, PlanProcedure
from skvm.compiler.plans.planning import plan_of
from skvm.compiler.reading.wording import words_of
from skvm.compiler.requirements import analyse
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

ROOT = Path(__file__).parents[2]
LABELS = ROOT / "tests" / "labels" / "dependencies"
DATA = Path(os.environ.get("SKVM_TEST_DATA", ROOT.parent / "shared" / "data"))


@dataclass(slots=True)
class Score:
    """What came out for one labelled skill."""

    name: str
    labelled: int = 0
    found: int = 0
    accepted: int = 0
    errors: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    further: list[str] = field(default_factory=list)


def closure(pairs: list[list[int]]) -> set[tuple[int, int]]:
    joined = {(before, after) for before, after in pairs}
    while more := {(a, d) for a, b in joined for c, d in joined if b == c} - joined:
        joined |= more
    return joined


def aligned(plan: Plan, procedure: PlanProcedure, labels: list[str]) -> dict[str, int]:
    """Labelled step by planned step: the pairing in order that shares the most words."""
    by_id = {step.id: step for step in plan.steps}
    titles = [words_of(by_id[step].description) for step in procedure.steps]
    wanted = [words_of(label) for label in labels]
    rows, columns = len(titles), len(wanted)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            shared = len(titles[i] & wanted[j]) / max(1, len(wanted[j]))
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + shared if shared else 0.0)
    found: dict[str, int] = {}
    i = j = 0
    while i < rows and j < columns:
        shared = len(titles[i] & wanted[j]) / max(1, len(wanted[j]))
        if shared and best[i][j] == best[i + 1][j + 1] + shared:
            found[procedure.steps[i]] = j
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def places_of(plan: Plan, labels: list[str]) -> dict[str, set[int]]:
    """For each planned step the labelled ones it may be, over all procedures."""
    found: dict[str, set[int]] = {}
    for procedure in plan.procedures:
        for step, place in aligned(plan, procedure, labels).items():
            found.setdefault(step, set()).add(place)
    return found


def near(skill: Skill, group: Group, labels: list[str]) -> set[int]:
    """The labelled steps whose every word stands in a loop or right before it."""
    text = skill.source[max(0, group.span.start - 160) : group.span.end].decode("utf-8", "replace")
    words = words_of(text)
    return {at for at, label in enumerate(labels) if words_of(label) and words_of(label) <= words}


def score(name: str, skill: Skill, label: dict[str, Any]) -> Score:
    plan = plan_of(skill).plan
    result = Score(name, labelled=len(label["parallel"]), accepted=len(plan.groups))
    joined = closure(label["dependent"])
    places = places_of(plan, label["steps"])
    hit: set[int] = set()
    for group in plan.groups:
        members = [places.get(step, set()) for step in group.steps]
        for index, ones in enumerate(members):
            for others in members[:index]:
                if bad := {(a, b) for a in others for b in ones if (a, b) in joined or (b, a) in joined}:
                    result.errors.append(f"{group.type} {', '.join(group.steps)}: {sorted(bad)}")
        covered = set().union(*members)
        if group.items is not None:
            covered |= near(skill, group, label["steps"])
        matching = [at for at, wanted in enumerate(label["parallel"]) if fits(group, covered, wanted)]
        hit.update(matching[:1])
        if not matching:
            result.further.append(f"{group.type}: {group.mechanism[:110]}")
    result.found = len(hit)
    result.missed = [
        f"{wanted['type']} {[label['steps'][member] for member in wanted['members']]}"
        for at, wanted in enumerate(label["parallel"])
        if at not in hit
    ]
    return result


def fits(group: Group, covered: set[int], wanted: dict[str, Any]) -> bool:
    """Whether a group is the labelled one, or a part of it with at least two members."""
    members = set(wanted["members"])
    if group.items is not None:
        # Items of one step: a labelled map over it, or sub-agents over what the label lists one by one.
        return bool(covered & members) and (wanted["type"] == "dlp" or group.type == wanted["type"] == "tlp")
    return wanted["type"] != "dlp" and len(covered & members) > 1


def labelled() -> list[Score]:
    found: list[Score] = []
    for file in sorted(LABELS.glob("*.json")):
        label = json.loads(file.read_text(encoding="utf-8"))
        folder = DATA / label["skill"]
        if not (folder / "SKILL.md").is_file():
            print(f"skipped {file.stem}: not in {DATA.name}")
            continue
        found.append(score(file.stem, load_skill(folder), label))
    return found


def corpus() -> None:
    """Groups and times over every skill; a compile has read the skill for its requirements before."""
    times: list[float] = []
    counts = {"ilp": 0, "dlp": 0, "tlp": 0}
    with_group = hinted = 0
    files = sorted(DATA.rglob("SKILL.md"))
    for file in files:
        skill = load_skill(file.parent)
        analyse(skill)
        skill_digest(skill)
        started = time.process_time()
        plan = plan_of(skill).plan
        permissions_of(skill)
        times.append((time.process_time() - started) * 1000)
        with_group += bool(plan.groups)
        hinted += ExtractParallelism().has_hint(skill, plan)
        for group in plan.groups:
            counts[group.type] += 1
    ordered = sorted(times)
    print(
        f"\n{len(files)} skills: {with_group} with a group, {hinted} with a hint; "
        + ", ".join(f"{kind} {count}" for kind, count in counts.items())
    )
    print(
        f"effects, plan and permissions of one skill, processor time: "
        f"median {statistics.median(times):.2f} ms, "
        f"95 % {ordered[int(0.95 * len(ordered))]:.2f} ms, worst {ordered[-1]:.0f} ms"
    )


def main() -> int:
    scores = labelled()
    print(f"{'skill':32} {'labelled':>8} {'found':>6} {'accepted':>9} {'errors':>7}")
    for each in scores:
        if each.labelled or each.accepted:
            row = f"{each.name:32} {each.labelled:8} {each.found:6} {each.accepted:9} {len(each.errors):7}"
            print(row)
            for title, lines in (("error", each.errors), ("missed", each.missed), ("further", each.further)):
                for line in lines:
                    print(f"    {title}: {line}")
    errors = sum(len(each.errors) for each in scores)
    total, found = sum(each.labelled for each in scores), sum(each.found for each in scores)
    accepted = sum(each.accepted for each in scores)
    print(
        f"{found} of {total} labelled groups found in {len(scores)} skills; "
        f"{accepted} accepted, {errors} errors"
    )
    corpus()
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
