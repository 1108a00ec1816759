"""A variant whose text tells the agent to run its plan, and a model that does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skvm.compiler.plans.plan import Dependency, Plan, PlanAction, PlanProcedure, PlanStep, TextSpan
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

__all__ = [
    "FIXTURES",
    "LEFT",
    "RUN",
    "RUN_ON",
    "after",
    "check_files",
    "check_first",
    "check_last",
    "meeting",
    "plan_of",
    "plan_of_counts",
    "plan_skill",
    "step",
]

FIXTURES = {"a.txt": "one two three\n", "b.txt": "four five\n"}
RUN = "skvm plan run plan.json --jobs 2"
LEFT = "1.3"
"""The step that needs a model."""
RUN_ON = f"{RUN} --done {LEFT}"
_SPAN = TextSpan(start=0, end=0)


def step(step_id: str, command: str = "", **fields: Any) -> PlanStep:
    """A step with one command, or one a model has to take."""
    actions = (PlanAction(command=command),) if command else ()
    return PlanStep(
        **{
            "id": step_id,
            "description": f"step {step_id}",
            "span": _SPAN,
            "kind": "command" if command else "ask",
            "actions": actions,
            "executable": bool(command),
            "idempotent": True,
            **fields,
        }
    )


def after(*steps: str) -> tuple[Dependency, ...]:
    """That something comes after steps."""
    return tuple(Dependency(step=each, kind="flow", reason="uses it") for each in steps)


def plan_of(*steps: PlanStep) -> Plan:
    """A plan of one procedure."""
    ids = tuple(each.id for each in steps)
    return Plan(
        skill="count",
        skillDigest="sha256:0",
        procedures=(PlanProcedure(id="1", title="Count", span=_SPAN, steps=ids),),
        steps=steps,
    )


def meeting(own: str, other: str) -> str:
    """A command that counts words, once the other one has begun, too: one after the other, both fail."""
    wait = f"n=0; until [ -e {other}.met ] || [ $n -ge 200 ]; do sleep 0.05; n=$((n+1)); done"
    return f"touch {own}.met; {wait}; [ -e {other}.met ] && wc -w < {own}.txt > {own}.count"


def plan_of_counts() -> Plan:
    """Two commands that have to run at once, a step for a model, and a command after it."""
    return plan_of(
        step("1.1", meeting("a", "b"), reads=("a.txt",), writes=("a.count",)),
        step("1.2", meeting("b", "a"), reads=("b.txt",), writes=("b.count",)),
        step(
            LEFT,
            text="Write summary.txt: say in your own words which file has more words.",
            writes=("summary.txt",),
            reads=("a.count", "b.count"),
            depends_on=after("1.1", "1.2"),
            open=True,
        ),
        step(
            "1.4",
            "wc -c < summary.txt > size.txt",
            reads=("summary.txt",),
            writes=("size.txt",),
            depends_on=after(LEFT),
        ),
    )


def plan_skill(
    folder: Path,
    plan: Plan | None = None,
    *,
    text: str = f"Run `{RUN}`. It takes the steps it can and says what is left to you.",
    files: Mapping[str, str] | Sequence[tuple[str, str]] = (),
) -> Skill:
    """A variant as the compiler leaves it."""
    root = folder / "count"
    root.mkdir()
    (root / "SKILL.md").write_text(
        f"---\nname: count\ndescription: Counts words. Use it to count.\n---\n# Counting\n\n{text}\n"
    )
    record = (plan or plan_of_counts()).record()
    (root / "plan.json").write_text(json.dumps(record, indent=2) + "\n")
    (root / "compilation-plan.json").write_text("{}\n")
    for name, content in dict(files).items():
        (root / name).write_text(content)
    return load_skill(root)


def check_first(said: str) -> None:
    """What ``plan run`` said: what is done, what is left, and how to go on."""
    for name in ("1.1", "1.2"):
        assert re.search(rf"\bdone\s+{re.escape(name)}\b", said), said
    assert re.search(rf"\bleft\s+{re.escape(LEFT)}\b", said), said
    assert "say in your own words which file has more words" in said
    assert f"next: {RUN_ON}" in said


def check_last(said: str) -> None:
    """What it said when it had gone on: nothing twice, and nothing left."""
    for name in ("1.1", "1.2", LEFT):
        assert re.search(rf"\bdone before\s+{re.escape(name)}\b", said), said
    assert re.search(r"\bdone\s+1\.4\b", said), said
    assert "left" not in said


def check_files(files: Mapping[str, str]) -> None:
    """What lies in the work directory afterwards: all outputs, nothing of ours but the plan."""
    outputs = {name: text.strip() for name, text in files.items()}
    assert (outputs["a.count"], outputs["b.count"], outputs["size.txt"]) == ("3", "2", "10")
    assert set(outputs) == {
        *FIXTURES,
        *("a.met", "b.met", "a.count", "b.count"),
        *("summary.txt", "size.txt", "plan.json"),
    }
