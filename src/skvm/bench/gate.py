"""Gates: what a comparison must have come to, for a command that fails otherwise.

``A >= B`` asks for no significant regression, ``A > B`` for a significant improvement; a margin moves the
line (``A >= B - 0.05``). Where a bench has several targets the gate has to hold on each of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skvm.bench.plan import BenchPlan
from skvm.errors import UsageError
from skvm.evaluate.stats import Decision, View, decide, decide_early, holm
from skvm.evidence.record import RunRecord

__all__ = ["Gate", "GateResult", "evaluate_gate", "gate_decisions", "parse_gate"]

BASELINES = ("no-skill", "original")
VARIANT = "variant"
_RULE = re.compile(r"(?P<left>[^<>=]+?)\s*(?P<relation>>=|>)\s*(?P<right>[^<>=]+)")
# Names hold hyphens and digits, so a margin stands apart from the name: ``original - 0.05``.
_MARGIN = re.compile(r"(?P<name>.*\S)\s+(?P<sign>[-+])\s*(?P<size>\d+(?:\.\d*)?|\.\d+)")
HELP = "write a gate as 'variant >= original', 'A > B' or 'A >= B - 0.05'"


@dataclass(frozen=True, slots=True)
class Gate:
    """A claim that must hold.

    Args:
        treatment: The condition the claim is about.
        relation: ``>=`` for no significant regression, ``>`` for significantly better.
        control: What it is compared with.
        offset: Difference the claim is about, in [−1, 1]; −0.05 allows a loss of 0.05.
    """

    treatment: str
    relation: Literal[">=", ">"]
    control: str
    offset: float = 0.0

    def __str__(self) -> str:
        margin = f" {'-' if self.offset < 0 else '+'} {abs(self.offset):g}" if self.offset else ""
        return f"{self.treatment} {self.relation} {self.control}{margin}"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate came to.

    Args:
        gate: The gate.
        status: ``undecided`` where the data are too few to tell, which is no pass.
        sentences: Why, one line a target.
    """

    gate: Gate
    status: Literal["pass", "fail", "undecided"]
    sentences: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether the command may end well."""
        return self.status == "pass"

    @property
    def sentence(self) -> str:
        """The result in words."""
        return f"gate '{self.gate}': {self.status}: {'; '.join(self.sentences)}"


def parse_gate(text: str, conditions: Sequence[str]) -> Gate:
    """Read a gate.

    Args:
        text: As it was typed; ``variant`` stands for the one condition that is no baseline.
        conditions: The names of the conditions of the bench.

    Raises:
        UsageError: It is no gate, or names what is not a condition.
    """
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"not a gate: {text!r}", help=HELP)
    right, offset = found["right"].strip(), 0.0
    margin = _MARGIN.fullmatch(right)
    if right not in conditions and margin is not None:
        right, offset = margin["name"], float(margin["sign"] + margin["size"])
    if abs(offset) > 1:
        raise UsageError(f"margin {abs(offset):g} in gate {text!r} is not in [0, 1]", help=HELP)
    treatment, control = (_condition(name, conditions) for name in (found["left"].strip(), right))
    if treatment == control:
        raise UsageError(f"gate {text!r} compares {treatment!r} with itself", help=HELP)
    return Gate(treatment, ">=" if found["relation"] == ">=" else ">", control, offset)


def _condition(name: str, conditions: Sequence[str]) -> str:
    if name in conditions:
        return name
    known = f"the conditions are {', '.join(conditions)}"
    if name == VARIANT:
        others = [each for each in conditions if each not in BASELINES]
        compiled = [each for each in others if each.startswith("aot-compiled")] or others
        if len(compiled) != 1:
            raise UsageError(
                f"{VARIANT!r} stands for {len(compiled)} conditions here, not for one", help=known
            )
        return compiled[0]
    close = difflib.get_close_matches(name, conditions, 1)
    suggestion = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(f"no condition {name!r} in this bench", help=suggestion + known)


def evaluate_gate(gate: Gate, decisions: Mapping[str, Decision]) -> GateResult:
    """Whether a gate holds.

    A gate that asks for no regression fails if one is significant on any target, corrected for the number of
    targets by Holm's method. One that asks for an improvement passes if it is significant on every target,
    which needs no correction. Without common data it fails.

    Args:
        gate: The gate.
        decisions: The gate's treatment against its control, by target.
    """
    if not decisions:
        return GateResult(gate, "fail", (f"no runs of {gate.treatment} and {gate.control} to compare",))
    shifted = {target: _p_and_gap(gate, each) for target, each in decisions.items()}
    adjusted = (
        holm([p for p, _ in shifted.values()]) if gate.relation == ">=" else [p for p, _ in shifted.values()]
    )
    verdicts = [
        _on_target(gate, decision, p, gap)
        for decision, p, (_, gap) in zip(decisions.values(), adjusted, shifted.values(), strict=True)
    ]
    states = {state for state, _ in verdicts}
    sentences = tuple(
        f"{target}: {said}" if target and len(decisions) > 1 else said
        for target, (_, said) in zip(decisions, verdicts, strict=True)
    )
    status: Literal["pass", "fail", "undecided"] = (
        "fail" if "fail" in states else "undecided" if "undecided" in states else "pass"
    )
    return GateResult(gate, status, sentences)


def gate_decisions(
    gate: Gate, runs: Sequence[RunRecord], plan: BenchPlan, *, view: View = "as-completed"
) -> dict[str, Decision]:
    """What ``evaluate_gate`` needs of a session: the gate's two conditions compared on each target.

    Args:
        gate: The gate.
        runs: The runs of the session that count, judgements applied.
        plan: What was run. Of a session that was watched every comparison stands on the anytime-valid test:
            when it ended depends on all of its conditions.
        view: How a time-out counts.
    """
    found = {}
    for target in plan.targets:
        here = [run for run in runs if (run.model, run.harness) == (target.model, target.harness)]
        sides = [[run for run in here if run.condition == name] for name in (gate.treatment, gate.control)]
        test = decide if plan.stop_when is None else decide_early
        found[target.label] = test(sides[0], sides[1], view=view)
    return found


def _p_and_gap(gate: Gate, decision: Decision) -> tuple[float, float]:
    if decision.difference is None:
        return 1.0, 0.0
    return decision.p_of(gate.offset), decision.difference - gate.offset


def _on_target(gate: Gate, decision: Decision, p: float, gap: float) -> tuple[str, str]:
    if decision.difference is None:
        return "fail", f"{gate.treatment} and {gate.control} have no common task with scores"
    count = len(decision.per_task)
    tasks = "1 common task" if count == 1 else f"{count} common tasks"
    said = f"{decision.difference:+.3f} on {tasks}, {'p < 0.001' if p < 0.001 else f'p = {p:.3f}'}"
    line = f"{gate.offset:+g}" if gate.offset else "0"
    is_significant = p <= 1 - decision.level
    if is_significant and gap < 0:
        return "fail", f"significantly below {line} ({said})"
    if is_significant and gap > 0:
        return "pass", f"significantly above {line} ({said})"
    if gate.relation == ">":
        return "fail", f"not significantly above {line} ({said})"
    if gap < 0 and decision.is_too_small:
        return "undecided", f"below {line}, and too few runs for any regression to be significant ({said})"
    return "pass", f"not significantly below {line} ({said})"
