"""Pass 3: say which steps of a skill may go at once, as a plan to run and as a hint to the agent."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from skvm.compiler.builds.variant import json_bytes
from skvm.compiler.contract import PassContext, PassResult, compiler_pass
from skvm.compiler.plans.plan import Group, Plan, dag_of, mermaid_of
from skvm.compiler.plans.plan_counsel import ask_for_plan, with_proposal
from skvm.compiler.plans.planning import plan_of
from skvm.compiler.plans.run_hint import groups_run, run_line
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import Skill
from skvm.target.profile import Profile

__all__ = ["ExtractParallelism"]

_MAX_HINTS = 6
_MAX_HINT_CHARS = 400
_MIN_ITEMS = 3
_NAMES = {"dlp": "same work on each item", "ilp": "independent calls", "tlp": "independent tasks"}
_CHINESE_NAMES = {"dlp": "每项做同样的事", "ilp": "互不依赖的调用", "tlp": "互不依赖的任务"}
_IN_CHINESE = (
    (r"^in one turn: ", "同一轮内："),
    (r"^one call for each of $", "逐项各调用一次 "),
    (r"^, up to (\d+) in one turn: $", r"，一轮最多 \1 个："),
    (r"^one sub-agent for each of: ", "各用一个子代理："),
    (r"; ", "；"),
    (r", ", "、"),
    *(
        (rf"\b{word}\b", told)
        for word, told in (("read", "读"), ("run", "运行"), ("write", "写"), ("check", "检查"))
    ),
)
"""What a mechanism says outside code, in Chinese."""
_TITLE_CHARS, _SHORT_TITLE_CHARS = 80, 50


@compiler_pass("extract-parallelism", number=3, produces=("dag",), version=3)
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
            edits=tuple(_hint(skill, plan, can_batch=_can_batch(ctx.profile))),
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


def _hint(skill: Skill, plan: Plan, *, can_batch: bool = True) -> list[Edit]:
    """One insertion at the end: a command for what it can run, and a line for each further exact group."""
    chinese = is_chinese(" ".join(step.description for step in plan.steps))
    run = run_line(plan, in_chinese=chinese)
    by_command = groups_run(plan) if run is not None else ()
    covered = {step for group in by_command for step in group.steps}
    told = _told(plan, covered)[:_MAX_HINTS] if can_batch else []
    if not told and run is None:
        return []
    lines = [run] if run is not None else []
    lines += [_line(plan, group, in_chinese=chinese) for group in told]
    if told:
        one_by_one = "If your tools take one call at a time, go through them one by one."
        lines.append("如果工具一次只能调用一个，就逐个进行。" if chinese else one_by_one)
    end = len(skill.source)
    lead = "\n" if skill.source.endswith(b"\n") else "\n\n"
    text = "\n\n".join(["---", *lines])
    return [
        Edit(
            Span(end, end),
            f"{lead}{text}\n",
            reason="; ".join(f"{group.id} ({group.type}): {group.reason}" for group in (*by_command, *told)),
            rule="name-the-batch" if run is None else "name-the-command",
        )
    ]


def _told(plan: Plan, covered: AbstractSet[str]) -> list[Group]:
    """The groups worth a line: their calls can be named, and no line before names them."""
    found: list[Group] = []
    named: set[str] = set(covered)
    for group in plan.groups:
        if _is_exact(group) and not named & set(group.steps):
            found.append(group)
            named.update(group.steps)
    return found


def _line(plan: Plan, group: Group, *, in_chinese: bool) -> str:
    titles = {step.id: step.description for step in plan.steps}
    most = _TITLE_CHARS if len(group.steps) == 1 else _SHORT_TITLE_CHARS
    named = [f"“{_clipped(titles[step], most)}”" for step in group.steps]
    if in_chinese:
        how = _in_chinese(group.mechanism)
        return f"**可以同时进行（{_CHINESE_NAMES[group.type]}）** — {'、'.join(named)}：{how}。"
    return f"**Can go at once ({_NAMES[group.type]})** — {', '.join(named)}: {group.mechanism}."


def _clipped(title: str, most: int) -> str:
    """A title of so many characters at most, cut between words."""
    if len(title) <= most:
        return title
    return (title[:most].rpartition(" ")[0] or title[:most]).rstrip(" ,;:(") + "…"


def _in_chinese(mechanism: str) -> str:
    """What a group says to call, its words in Chinese and its code as it is."""
    parts = re.split(r"(`[^`]*`|“[^”]*”)", mechanism)
    for at in range(0, len(parts), 2):
        for english, told in _IN_CHINESE:
            parts[at] = re.sub(english, told, parts[at])
    return "".join(parts)


def _is_exact(group: Group) -> bool:
    """Whether a group says what to call: commands or files for each member, and enough of them to matter."""
    if len(group.mechanism) > _MAX_HINT_CHARS:
        return False
    if group.items is not None:
        items = group.items
        is_list = items.kind == "list" and items.variable is None
        return items.command is not None or (is_list and len(items.values) >= _MIN_ITEMS)
    return group.mechanism.count("`") >= 2 * len(group.steps)
