"""Pass 3: say which steps of a skill may go at once, as a plan to run and as a hint to the agent."""

from __future__ import annotations

from dataclasses import dataclass

from skvm.compiler.builds.variant import json_bytes
from skvm.compiler.contract import PassContext, PassResult, compiler_pass
from skvm.compiler.plans.plan import Group, Plan, dag_of, mermaid_of
from skvm.compiler.plans.plan_counsel import ask_for_plan, with_proposal
from skvm.compiler.plans.planning import plan_of
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import Skill
from skvm.target.profile import Profile

__all__ = ["ExtractParallelism"]

_MAX_HINTS = 6
_MAX_HINT_CHARS = 400
_MIN_ITEMS = 3
_NAMES = {"dlp": "same work on each item", "ilp": "independent calls", "tlp": "independent tasks"}


@compiler_pass("extract-parallelism", number=3, produces=("dag",))
@dataclass(frozen=True, slots=True)
class ExtractParallelism:
    """Dependencies from what steps read and write; a group only where none joins its members."""

    async def apply(self, skill: Skill, ctx: PassContext) -> PassResult:
        """Plan the skill; the text gets a hint only where a group names its calls.

        Raises:
            FindingsError: The compiler model gave no usable answer, or none is recorded in a frozen compile.
            InfrastructureError: The compiler model cannot be reached.
        """
        found = plan_of(skill)
        plan, diagnostics = found.plan, found.diagnostics
        if ctx.counsel is not None:
            proposal = await ask_for_plan(skill, plan, ctx.counsel)
            if proposal is not None:
                plan, refused = with_proposal(plan, proposal)
                diagnostics = (*diagnostics, *refused)
        dag = dag_of(plan)
        records = {"plan.json": json_bytes(plan.record())}
        if graph := mermaid_of(dag):
            records["workflow-dag.md"] = graph.encode()
        return PassResult(
            edits=tuple(_hint(skill, plan)) if _can_batch(ctx.profile) else (),
            artifacts={"dag": dag},
            diagnostics=diagnostics,
            records=records,
        )

    def has_hint(self, skill: Skill, plan: Plan) -> bool:
        """Whether a plan has a group whose batch can be named in the text."""
        return bool(_hint(skill, plan))


def _can_batch(profile: Profile | None) -> bool:
    """Whether a hint to call at once can help: not a target measured to be unable to."""
    held = profile.level_of("tool.call.batch") if profile is not None else None
    return held is None or held.rank > 0


def _hint(skill: Skill, plan: Plan) -> list[Edit]:
    """One insertion at the end: a line for each group whose batch can be named exactly."""
    told = _told(plan)[:_MAX_HINTS]
    if not told:
        return []
    lines = [_line(plan, group) for group in told]
    end = len(skill.source)
    lead = "\n" if skill.source.endswith(b"\n") else "\n\n"
    text = "\n\n".join(["---", *lines, "If your tools take one call at a time, go through them one by one."])
    return [
        Edit(
            Span(end, end),
            f"{lead}{text}\n",
            reason="; ".join(f"{group.id} ({group.type}): {group.reason}" for group in told),
            rule="name-the-batch",
        )
    ]


def _told(plan: Plan) -> list[Group]:
    """The groups worth a line: their calls can be named, and no line before names them."""
    found: list[Group] = []
    named: set[str] = set()
    for group in plan.groups:
        if _is_exact(group) and not named & set(group.steps):
            found.append(group)
            named.update(group.steps)
    return found


def _line(plan: Plan, group: Group) -> str:
    titles = {step.id: step.description for step in plan.steps}
    if len(group.steps) == 1:
        where = f"“{titles[group.steps[0]][:80]}”"
    else:
        where = ", ".join(f"“{titles[step][:50]}”" for step in group.steps)
    return f"**Can go at once ({_NAMES[group.type]})** — {where}: {group.mechanism}."


def _is_exact(group: Group) -> bool:
    """Whether a group says what to call: commands or files for each member, and enough of them to matter."""
    if len(group.mechanism) > _MAX_HINT_CHARS:
        return False
    if group.items is not None:
        items = group.items
        is_list = items.kind == "list" and items.variable is None
        return items.command is not None or (is_list and len(items.values) >= _MIN_ITEMS)
    return group.mechanism.count("`") >= 2 * len(group.steps)
