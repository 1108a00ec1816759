"""A skill with a plan that can be driven: tickets are labelled one by one, then counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skvm.compiler.plans.plan import Plan
from skvm.skill.emit import skill_digest
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

SKILL = """\
---
name: tickets
description: Label tickets.
---
# Tickets

1. For each `inbox/*.txt`, write its label, bug or wish, to `labels/<name>.txt`.
2. Run `cat labels/*.txt | sort | uniq -c > tally.txt`.
"""
NOWHERE = {"start": 0, "end": 0}


def a_step(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "description": f"Step {id}", "span": NOWHERE, "kind": "command"} | more


def needs(*steps: str) -> list[dict[str, str]]:
    return [{"step": step, "kind": "flow", "reason": "it uses what that makes"} for step in steps]


LABEL = a_step(
    "1.1",
    kind="write",
    text="For each inbox/*.txt, write its label to labels/<name>.txt.",
    reads=["inbox/*.txt"],
    writes=["labels/*.txt"],
    idempotent=True,
)
TALLY = a_step(
    "1.2",
    executable=True,
    idempotent=True,
    reads=["labels/*.txt"],
    writes=["tally.txt"],
    actions=[{"command": "cat labels/*.txt | sort | uniq -c > tally.txt"}],
    dependsOn=needs("1.1"),
)
LABELS = {
    "id": "g1",
    "type": "dlp",
    "steps": ["1.1"],
    "mechanism": "one call each",
    "reason": "items are apart",
    "span": NOWHERE,
    "items": {"kind": "glob", "over": "inbox/*.txt", "output": "labels/{name}.txt"},
}


def a_plan(*steps: dict[str, Any], groups: list[dict[str, Any]], digest: str = "") -> Plan:
    procedure = {"id": "1", "title": "Tickets", "span": NOWHERE, "steps": [step["id"] for step in steps]}
    return Plan.model_validate(
        {
            "skill": "tickets",
            "skillDigest": digest,
            "procedures": [procedure],
            "steps": steps,
            "groups": groups,
        }
    )


def ticket_plan(digest: str = "") -> Plan:
    return a_plan(LABEL, TALLY, groups=[LABELS], digest=digest)


def lay_skill(folder: Path, plan: Plan | None = None, *, text: str = SKILL) -> Skill:
    """The skill in a folder, with its plan beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(text)
    skill = load_skill(folder)
    fitting = (plan or ticket_plan()).model_copy(update={"skill_digest": skill_digest(skill)})
    (folder / "plan.json").write_text(json.dumps(fitting.record()))
    return load_skill(folder)


def lay_tickets(work: Path, count: int = 8) -> None:
    (work / "inbox").mkdir(parents=True)
    for index in range(count):
        (work / f"inbox/t{index}.txt").write_text(f"{'It broke' if index % 2 else 'Add this'} {index}\n")
