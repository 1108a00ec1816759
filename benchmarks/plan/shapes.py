"""Plans of known shapes whose steps are questions to a model: what is measured against a fixed latency."""

from __future__ import annotations

from typing import Any

from skvm.compiler.plans.plan import Plan

__all__ = ["SHAPES", "branches", "chain", "diamond", "mapped", "model_plan"]

_SPAN = {"start": 0, "end": 1}


def model_plan(*steps: tuple[str, tuple[str, ...], str], items: dict[str, Any] | None = None) -> Plan:
    """A plan of questions.

    Args:
        steps: Id, files read, file written; what reads a file waits for the step that writes it.
        items: What the first step goes through, if it is a map.
    """
    writer: dict[str, str] = {}
    made = []
    for name, reads, output in steps:
        after = [writer[path] for path in reads if path in writer]
        made.append(
            {
                "id": name,
                "description": f"Write {output}",
                "span": _SPAN,
                "kind": "write",
                "text": f"Read {', '.join(reads)} and write `{output}`.",
                "reads": reads,
                "writes": [output],
                "dependsOn": [{"step": step, "kind": "flow", "reason": "it reads it"} for step in after],
            }
        )
        writer[output] = name
    group = {"mechanism": "at once", "reason": "nothing joins them", "span": _SPAN}
    groups = [{"id": "g1", "type": "dlp", "steps": [steps[0][0]], "items": items, **group}] if items else []
    return Plan.model_validate(
        {
            "skill": "shape",
            "skillDigest": "sha256:0",
            "procedures": [{"id": "1", "title": "All", "span": _SPAN, "steps": [step[0] for step in steps]}],
            "steps": made,
            "groups": groups,
        }
    )


def mapped(items: int = 8) -> Plan:
    """One step over items."""
    names = [f"in/{index}.txt" for index in range(items)]
    return model_plan(
        ("1.1", ("in/*.txt",), "out/*.txt"),
        items={"kind": "list", "over": "in", "values": names, "output": "out/{name}.txt"},
    )


def branches() -> Plan:
    """Two chains of three that nothing joins."""
    return model_plan(
        ("1.1", ("in/0.txt",), "a1.txt"),
        ("1.2", ("a1.txt",), "a2.txt"),
        ("1.3", ("a2.txt",), "a3.txt"),
        ("1.4", ("in/1.txt",), "b1.txt"),
        ("1.5", ("b1.txt",), "b2.txt"),
        ("1.6", ("b2.txt",), "b3.txt"),
    )


def diamond() -> Plan:
    """One, three beside each other, one."""
    return model_plan(
        ("1.1", ("in/0.txt",), "a.txt"),
        ("1.2", ("a.txt",), "b.txt"),
        ("1.3", ("a.txt",), "c.txt"),
        ("1.4", ("a.txt",), "d.txt"),
        ("1.5", ("b.txt", "c.txt", "d.txt"), "e.txt"),
    )


def chain(steps: int = 8) -> Plan:
    """Each after the one before."""
    files = ["in/0.txt", *(f"c{index}.txt" for index in range(1, steps + 1))]
    return model_plan(*((f"1.{index}", (files[index - 1],), files[index]) for index in range(1, steps + 1)))


SHAPES = {
    "map over 8": (mapped, 8, 8.0),
    "two branches of 3": (branches, 6, 2.0),
    "diamond of 5": (diamond, 5, 5 / 3),
    "chain of 8": (chain, 8, 1.0),
}
"""By name: the plan, its model calls, the ideal ratio to one after the other."""
