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


def _list_edits(gap: Gap, procedure: Procedure, prose: Prose) -> list[Edit] | None:
    edits: list[Edit] = []
    goal = max(gap.target_level.rank, 1)
    to_level = Level(f"L{goal}")
    count = 0
    if gap.requirement.level is Level.L3 and _POLLS.search(prose.text(procedure.span)):
        return None
    for position, step in enumerate(procedure.steps):
        sentences = prose.sentences_in(step.block.span)
        if step.block.quote:
            return None
        block_text = prose.text(step.block.span)
        for sentence in sentences:
            made = _step_edit(gap, sentence, step.block, block_text, to_level)
            if made is None:
                return None
            edits += made
        count += 1
        is_last = position + 1 == len(procedure.steps)
        if any(CHECKPOINT.search(prose.text(block.span)) for block in step.blocks):
            count = 0
        elif goal == 1 and count == _GROUP and len(procedure.steps) > _GROUP and not is_last:
            first = procedure.steps[position - _GROUP + 1].ordinal
            following = procedure.steps[position + 1].ordinal
            if following > step.ordinal:
                place = step.blocks[-1].span.end
                line = _stop_line(
                    first, step.ordinal, following, is_chinese_text=is_chinese(block_text)
                ).lstrip()
                edits.append(
                    edit_for(
                        [gap],
                        Span(place, place),
                        f"\n{' ' * step.block.indent}{line}"
                        if _stands_alone(step.blocks[-1])
                        else f" {line}",
                        rule="stop",
                        to_level=to_level,
                        because="a long list is done in groups",
                    )
                )
                count = 0
    return edits


def _stop_line(first: int, last: int, following: int, *, is_chinese_text: bool) -> str:
    """What stands behind the last step of a group."""
    if is_chinese_text:
        return f" 先做完第 {first} 到第 {last} 步，再做第 {following} 步。"
    return f" Finish steps {first} to {last} before going on with step {following}."


def _stands_alone(block: Block) -> bool:
    """Whether text put right behind a block would be read as part of a table row or heading."""
    return block.kind.value in {"row", "heading"}


def _step_edit(  # noqa: PLR0911 - one return a form of step
    gap: Gap, sentence: Sentence, block: Block, block_text: str, to_level: Level
) -> list[Edit] | None:
    """The edits a sentence of a step needs; ``None`` where it needs one and no rule fits."""
    text = sentence.text
    if LOOP.search(text) and not is_bounded(block_text):
        # What runs at the pace of something outside has no number of rounds; nor has a bare "Repeat.".
        if not _ENDS.search(text) or text.endswith((":", "：")):
            return None
        return [_bound(gap, sentence, to_level)]
    if to_level.rank > 1:
        return []
    pad = "\n" + " " * block.indent
    tail = "" if sentence.span.end == block.span.end else f"{pad}- Then:"
    if has_branch(text) and not text.rstrip().endswith(":") and not is_bounded(text):
        before, cases = _cases(text)
        if not cases:
            return None
        if len(cases) == 1:
            cases = (*cases, Case("", "go on"))
        lines = [
            f"{pad}- {f'If {case.condition}' if case.condition else 'Otherwise'}: {case.action.rstrip('.')}."
            for case in cases
        ]
        lead = (
            "Look which of these holds:" if sentence.span.start == block.span.start else "Look which holds:"
        )
        lead = f"{before} {lead}" if before else lead
        return [_replace(gap, sentence, lead + "".join(lines) + tail, "branch lines", to_level)]
    actions = actions_of(text)
    if len(actions) > 1:
        first, *others = (action.rstrip(". ") + "." for action in actions)
        body = first + "".join(f"{pad}- {action[0].upper()}{action[1:]}" for action in others)
        return [_replace(gap, sentence, body + tail, "one action a line", to_level)]
    return []


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
            lines.append(_stop_line(number - _GROUP + 1, number, number + 1, is_chinese_text=chinese))
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
