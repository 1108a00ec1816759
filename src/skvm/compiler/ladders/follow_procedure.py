"""Lowering ``follow.procedure``: loops get an end, branches their own lines, long lists a stop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.conditions import Case, cases_of, has_branch
from skvm.compiler.reading.procedure import (
    CHECKPOINT,
    LOOP,
    Procedure,
    ProcedureStep,
    actions_of,
    is_bounded,
    long_runs,
    step_lists,
    titled_steps,
    told_loop,
    told_steps,
)
from skvm.compiler.reading.prose import Block, Prose, Sentence
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import Heading
from skvm.target.contract import Level

MOVES = (
    "bound: a loop that ends on a condition is told after how many rounds to stop",
    "branch lines: each case of a step that branches gets a line of its own",
    "one action a line: actions a step strings together with then get a line each",
    "stop: more than three steps, listed or as headings, are told to be finished in groups of three",
    "number: steps told in one sentence become a numbered list",
)
_GROUP = 3
_ROUNDS = 5


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Everything a list needs, or nothing where one of its steps has a form no rule fits."""
    prose = ground.reading.prose
    lists = {found.span: found for found in step_lists(prose)}
    titled = [heading for run in titled_steps(prose) for heading in long_runs(prose, run, _GROUP)]
    by_title = {heading.span: heading for heading in titled}
    edits: list[Edit] = []
    first: Gap | None = None
    for gap in gaps:
        span = gap.requirement.span
        if span in lists:
            edits += _list_edits(gap, lists[span], prose) or []
        elif span in by_title:
            first = _titled_edit(gap, by_title[span], first, edits, prose)
        else:
            edits += _told_edits(gap, ground)
    return Lowering(edits)


def _titled_edit(
    gap: Gap, heading: Heading, first: Gap | None, edits: list[Edit], prose: Prose
) -> Gap | None:
    """A stop before a heading that is one step too many; the first of a run is answered by the next one's.

    Returns:
        The gap of the first step of a run that has no stop behind it yet.
    """
    if gap.requirement.level is not Level.L2:
        return first
    runs = [long_runs(prose, run, _GROUP) for run in titled_steps(prose)]
    before = next(
        (run[at - 1] for run in runs for at in range(1, len(run)) if run[at].span == heading.span), None
    )
    if before is None or (first is not None and first.requirement.span != before.span):
        return gap
    body = prose.skill.source[before.section.start : heading.span.start].rstrip()
    # A rule at the end of a section divides it from the next one.
    body = re.sub(rb"\n[ \t]*(?:-{3,}|\*{3,}|_{3,})$", b"", body).rstrip()
    place = before.section.start + len(body)
    title = heading.title.strip()
    if is_chinese(prose.text(heading.section)):
        line = f"先做完以上各步，再做“{title}”。"
    else:
        line = f'Finish the steps up to here before going on with "{title}".'
    made = edit_for(
        [gap],
        Span(place, place),
        f"\n\n{line}",
        rule="stop",
        to_level=Level.L1,
        because="a long procedure is done in groups",
    )
    also = () if first is None else ((gap.requirement.primitive_id, first.requirement.span),)
    edits.append(replace(made, answers=also))
    return None


def _told_edits(gap: Gap, ground: Ground) -> list[Edit]:
    """A loop told in a sentence gets an end, steps told in one get numbers."""
    prose = ground.reading.prose
    sentence = ground.sentence(gap)
    if sentence is None:
        return []
    if gap.requirement.level is not Level.L3 or not told_loop(prose, sentence):
        return _numbered(gap, ground) or []
    if prose.blocks[sentence.block].quote or sentence.text.endswith((":", "：", "**")):
        return []
    if _FOR_OTHERS.search(sentence.text):
        return []
    to_level = Level.L2 if told_steps(sentence) else Level.L0
    return [_bound(gap, sentence, to_level)]


def _bound(gap: Gap, sentence: Sentence, to_level: Level) -> Edit:
    """The most rounds a loop may take, right behind the sentence that tells it."""
    text, end = sentence.text, sentence.span.end
    if is_chinese(text):
        stop = f"最多做 {_ROUNDS} 轮，然后说明还有什么没有完成，继续往下做。"
        stop = stop if text.endswith(("。", "！", "；")) else f"。{stop}"
    else:
        stop = f" Do at most {_ROUNDS} rounds, then say what is still open and go on."
        stop = stop if text.endswith((".", "!", "?", ":")) else f".{stop}"
    return edit_for(
        [gap], Span(end, end), stop, rule="bound", to_level=to_level, because="the loop has an end"
    )


_ENDS = re.compile(r"\b(?:until|back to|return to)\b|直到", re.IGNORECASE)
_POLLS = re.compile(r"\b(?:polls?|polling|every \d+ seconds)\b|轮询", re.IGNORECASE)
_FOR_OTHERS = re.compile(
    # A person says when it is enough; no number of rounds does.
    r"\buntil\b[^.;\n]{0,60}\b(?:users?|humans?|customers?|clients?|founders?|stakeholders?|reviewers?|"
    r"owners?|approv\w+|sign-?off)\b"
    r"|直到[^。；\n]{0,20}(?:用户|客户|对方|审批|批准)|(?:用户|客户)[^。；\n]{0,12}为止",
    re.IGNORECASE,
)


def _list_edits(gap: Gap, procedure: Procedure, prose: Prose) -> list[Edit] | None:
    edits: list[Edit] = []
    goal = max(gap.target_level.rank, 1)
    to_level = Level(f"L{goal}")
    count = 0
    whole = prose.text(procedure.span)
    if gap.requirement.level is Level.L3 and _POLLS.search(whole):
        return None
    for position, step in enumerate(procedure.steps):
        if step.block.quote:
            return None
        made = _step_edits(gap, step.block, prose, to_level)
        if made is None:
            return None
        edits += made
        count += 1
        is_last = position + 1 == len(procedure.steps)
        if any(CHECKPOINT.search(prose.text(block.span)) for block in step.blocks):
            count = 0
        elif goal == 1 and count == _GROUP and len(procedure.steps) > _GROUP and not is_last:
            first = procedure.steps[position - _GROUP + 1].ordinal
            following = procedure.steps[position + 1]
            if following.ordinal > step.ordinal:
                line = _stop_line(first, step.ordinal, following.ordinal, is_chinese_text=is_chinese(whole))
                stop = _stop(step, following.block.span.start, line, prose, is_alone=bool(made))
                if stop is None:
                    return None
                because = "a long list is done in groups"
                edits.append(edit_for([gap], *stop, rule="stop", to_level=to_level, because=because))
                count = 0
    return edits


def _stop_line(first: int, last: int, following: int, *, is_chinese_text: bool) -> str:
    """What stands behind the last step of a group."""
    if is_chinese_text:
        return f"先做完第 {first} 到第 {last} 步，再做第 {following} 步。"
    return f"Finish steps {first} to {last} before going on with step {following}."


def _stop(
    step: ProcedureStep, until: int, line: str, prose: Prose, *, is_alone: bool
) -> tuple[Span, str] | None:
    """Where a stop goes and how it stands there; ``None`` where it would part a step from what it shows.

    Args:
        step: The last step of a group.
        until: Where the next step begins.
        line: What is said.
        prose: The skill's prose.
        is_alone: Whether the step's own text gets lines of its own, so that nothing can be put behind it.
    """
    source, own = prose.skill.source, step.block
    skill = prose.skill
    spans = [*(fence.span for fence in skill.fences), *(table.span for table in skill.tables)]
    shown = [span for span in spans if own.span.start < span.start < until]
    if any(_column(source, span) < own.indent - 1 for span in shown):
        # Code at the margin ends a list; nobody could say whether a line behind it belongs to the step.
        return None
    end = max([step.blocks[-1].span.end, *(span.end for span in shown)])
    end = len(source[:end].rstrip())
    text = prose.text(own.span)
    if end > own.span.end or is_alone or _URL_END.search(text):
        return Span(end, end), f"\n\n{' ' * own.indent}{line}"
    if text.endswith((":", "：")):
        return None
    mark = "" if _SENTENCE_END.search(text) else "。" if is_chinese(line) else "."
    return Span(end, end), f"{mark}{'' if is_chinese(line) else ' '}{line}"


_URL_END = re.compile(r"https?://\S+\Z")
_SENTENCE_END = re.compile(r"[.!?;…。！？；][)\]\"”’*_）」』]*\Z")


def _column(source: bytes, span: Span) -> int:
    """Columns before the first sign of a line."""
    line = source[source.rfind(b"\n", 0, span.start) + 1 : span.start + 80]
    return len(line) - len(line.lstrip(b" \t"))


def _step_edits(gap: Gap, block: Block, prose: Prose, to_level: Level) -> list[Edit] | None:
    """The edits the sentences of a step need; ``None`` where one needs some and no rule fits."""
    edits: list[Edit] = []
    for sentence in prose.sentences_in(block.span):
        depth = sum(edit.rule in _REWRITES for edit in edits)
        made = _sentence_edit(gap, sentence, prose, to_level, depth)
        if made is None:
            return None
        edits += made
    return edits


def _sentence_edit(
    gap: Gap, sentence: Sentence, prose: Prose, to_level: Level, depth: int
) -> list[Edit] | None:
    text, block = sentence.text, prose.blocks[sentence.block]
    if LOOP.search(text) and not is_bounded(prose.text(block.span)):
        # What runs at the pace of something outside has no number of rounds; nor has a bare "Repeat.".
        if not _ENDS.search(text) or _FOR_OTHERS.search(text) or text.endswith((":", "：")):
            return None
        return [_bound(gap, sentence, to_level)]
    if to_level.rank > 1:
        return []
    pad = "\n" + " " * (block.indent + 2 * depth)
    # What follows in the step stands on a line of its own as well.
    tail = "" if sentence.span.end == block.span.end else f"{pad}- Then:"
    if has_branch(text) and not text.rstrip().endswith(":") and not is_bounded(text):
        lines = _branch_lines(text, pad, "Look which of these holds:" if not depth else "look which holds:")
        return None if lines is None else [_replace(gap, sentence, lines + tail, "branch lines", to_level)]
    actions = actions_of(text)
    if len(actions) > 1:
        first, *others = (action.rstrip(". ") + "." for action in actions)
        body = first + "".join(f"{pad}- Then {action}" for action in others)
        return [_replace(gap, sentence, body + tail, "one action a line", to_level)]
    return []


def _branch_lines(text: str, pad: str, lead: str) -> str | None:
    """The cases of a sentence, a line each; ``None`` where they are not plain enough, or nothing to do."""
    before, cases = _cases(text)
    if not cases or any(_STATEMENT.search(case.action) for case in cases):
        return None
    if len(cases) == 1:
        if _GOES_ON.match(cases[0].action):
            # What is to be done otherwise is just what it does not say.
            return None
        cases = (*cases, Case("", "go on"))
    lines = [
        f"{pad}- {f'If {case.condition}' if case.condition else 'Otherwise'}: {case.action.rstrip('.')}."
        for case in cases
    ]
    return (f"{before} {lead}" if before else lead) + "".join(lines)


_REWRITES = frozenset({"branch lines", "one action a line"})
_GOES_ON = re.compile(r"(?:proceed|continue|go on|go ahead|move on|advance|carry on)\b", re.IGNORECASE)
_STATEMENT = re.compile(
    r"^(?:there|it|this|that|they|these|those|you(?!r))\b"
    r"|^(?:(?:the|a|an|its|their|your) )?[\w-]+(?: [\w-]+)? (?:is|are|was|were|will|would|could|may|might|"
    r"has|have)\b",
    re.IGNORECASE,
)
"""What is so then, and nothing to do."""
_UNCLEAR = re.compile(
    r"[:：—]|, |^(?:contains?|is|are|was|were|has|have|does|do|lacks?|needs?|exceeds?|fails?)\b",
    re.IGNORECASE,
)


def _cases(text: str) -> tuple[str, tuple[Case, ...]]:
    """The cases of a sentence, and what it has done before it looks which one holds."""
    before, found, rest = text.partition("; if ")
    first = f"{before.rstrip()}." if found and not has_branch(before) else ""
    cases = cases_of(f"If {rest}" if first else text)
    # A colon or a comma in a condition says that part of what to do stands there too, a verb at its start
    # that the one it is about stood before an "or".
    is_plain = text.count('"') % 2 == 0 and not any(_UNCLEAR.search(case.condition) for case in cases)
    return (first, cases) if is_plain else ("", ())


def _replace(gap: Gap, sentence: Sentence, new_text: str, rule: str, to_level: Level) -> Edit:
    return edit_for(
        [gap],
        sentence.span,
        new_text,
        rule=rule,
        to_level=to_level,
        because="one thing stands on one line",
        releases=(sentence.text,),
    )


def _numbered(gap: Gap, ground: Ground) -> list[Edit] | None:
    prose = ground.reading.prose
    sentence = ground.sentence(gap)
    if sentence is None:
        return None
    block = prose.blocks[sentence.block]
    steps = told_steps(sentence)
    if block.quote or block.span != sentence.span or not steps:
        return None
    pad = " " * block.indent
    chinese = is_chinese(sentence.text)
    stop = "。" if chinese else "."
    lines = []
    for number, step in enumerate(steps, 1):
        lines.append(f"\n{pad}{number}. {step[0].upper()}{step[1:].rstrip('.。')}{stop}")
        if number % _GROUP == 0 and number < len(steps):
            line = _stop_line(number - _GROUP + 1, number, number + 1, is_chinese_text=chinese)
            lines.append(line if chinese else f" {line}")
    return [
        edit_for(
            [gap],
            sentence.span,
            ("按这个顺序做：\n" if chinese else "In this order:\n") + "".join(lines),
            rule="number",
            to_level=Level.L1,
            because="steps told in one sentence are numbered",
            releases=(sentence.text,),
        )
    ]


LADDERS.register("follow.procedure", Ladder(MOVES, lower))
