"""Where a skill's workflows are: numbered lists of actions, and headings that are steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.compiler.reading.procedure import procedures
from skvm.compiler.reading.prose import Block, BlockKind, Prose
from skvm.diagnostics import Span
from skvm.skill.ir import Heading, Skill

__all__ = ["Outline", "OutlineStep", "outlines"]


@dataclass(frozen=True, slots=True)
class OutlineStep:
    """A step as it stands in the text.

    Args:
        title: Its first words.
        span: All its bytes.
        ordinal: The number it carries.
        head: The bytes of its title.
        is_heading: Whether it is a section.
    """

    title: str
    span: Span
    ordinal: int
    head: Span
    is_heading: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """The steps of one workflow and the heading they stand under."""

    title: str
    steps: tuple[OutlineStep, ...]


_STEP_TITLE = re.compile(
    r"\W*(?:(?:step|phase|stage)\s*(\d{1,2})|(?:步骤|阶段|第)\s*(\d{1,2})|(\d{1,2})[.)]\s)", re.IGNORECASE
)
_NAMED_STEP = re.compile(r"\W*(?:step|phase|stage|步骤|阶段)", re.IGNORECASE)
_ACTS = re.compile(
    r"(?:add|analy[sz]e|append|apply|ask|assemble|audit|build|bundle|calculate|check|choose|classify|"
    r"clean|clone|collect|commit|compare|"
    r"compile|compute|configure|confirm|convert|copy|create|decide|define|deliver|deploy|design|detect|"
    r"determine|develop|document|"
    r"download|draft|edit|evaluate|execute|explore|export|extract|fetch|fill|filter|find|fix|gather|"
    r"generate|get|identify|implement|"
    r"import|initiali[sz]e|inspect|install|interpret|launch|list|load|locate|map|mark|merge|monitor|"
    r"normali[sz]e|open|parse|plan|prepare|"
    r"present|process|publish|push|read|record|remove|rename|render|report|reset|research|resolve|"
    r"retrieve|return|review|run|save|scan|search|select|"
    r"send|set|share|show|sort|split|start|submit|summari[sz]e|synthesi[sz]e|test|track|transform|"
    r"understand|update|upload|use|"
    r"validate|verify|wait|write)\b",
    re.IGNORECASE,
)
_NO_WORKFLOW = re.compile(
    r"\b(?:best practices?|tips?|guidelines?|rules|principles|notes?|philosoph\w+|troubleshooting|"
    r"pitfalls?|limitations?|faq|"
    r"mistakes|anti-?patterns?|capabilities|features|overview|when to use|examples?|references?|resources)\b",
    re.IGNORECASE,
)


def outlines(prose: Prose) -> list[Outline]:
    """Every workflow of a skill, in order of place."""
    found = [*_by_headings(prose.skill), *_by_lists(prose), *_by_bullets(prose)]
    return sorted(found, key=lambda outline: (outline.steps[0].span.start, -outline.steps[-1].span.end))


def _by_headings(skill: Skill) -> list[Outline]:
    """Runs of sibling headings numbered one after the other."""
    runs: dict[tuple[int | None, int], list[list[tuple[int, Heading]]]] = {}
    for heading in skill.headings:
        number = _STEP_TITLE.match(heading.title)
        if number is None:
            continue
        ordinal = int(number[1] or number[2] or number[3])
        siblings = runs.setdefault((heading.parent, heading.level), [[]])
        last = siblings[-1]
        if last and ordinal != last[-1][0] + 1:
            siblings.append(last := [])
        last.append((ordinal, heading))
    found: list[Outline] = []
    for (parent, _), lists in runs.items():
        title = skill.headings[parent].title if parent is not None else skill.name
        for run in lists:
            if (
                len(run) < 2
                or not _are_actions([heading.title for _, heading in run])
                or _NO_WORKFLOW.search(title)
            ):
                continue
            found.append(
                Outline(
                    title,
                    tuple(
                        OutlineStep(_plain(heading.title), heading.section, ordinal, heading.span, True)
                        for ordinal, heading in run
                    ),
                )
            )
    return found


def _are_actions(titles: Sequence[str]) -> bool:
    doing = sum(
        bool(_NAMED_STEP.match(title) or _ACTS.match(_STEP_TITLE.sub("", title, count=1).lstrip(" :.–—-*_")))
        for title in titles
    )
    return 2 * doing >= len(titles)


def _by_lists(prose: Prose) -> list[Outline]:
    found: list[Outline] = []
    for procedure in procedures(prose):
        blocks = [step.block for step in procedure.steps]
        title = _heading_title(prose, blocks[0])
        if _NO_WORKFLOW.search(title):
            continue
        end = _end_of(prose, procedure.steps[-1].blocks[-1].span, blocks[-1].span.start)
        steps = _spread(prose, blocks, end)
        found.append(Outline(title, tuple(steps)))
    return found


def _by_bullets(prose: Prose) -> list[Outline]:
    """Bulleted lists inside a section that is a step itself, each item an action."""
    sections = [heading.section for heading in prose.skill.headings if _NAMED_STEP.match(heading.title)]
    if not sections:
        return []
    found: list[Outline] = []
    run: list[Block] = []
    for block in (*prose.blocks, None):
        joins = (
            block is not None
            and block.kind is BlockKind.ITEM
            and block.ordinal is None
            and (not run or block.indent == run[0].indent)
        )
        if joins and block is not None:
            run.append(block)
            continue
        inside = len(run) > 1 and any(section.contains(run[0].span) for section in sections)
        if inside and all(_ACTS.match(_item_words(prose, item)) for item in run):
            steps = _spread(prose, run, run[-1].span.end)
            found.append(Outline(_heading_title(prose, run[0]), tuple(steps)))
        run = [block] if joins and block is not None else []
    return found


def _item_words(prose: Prose, item: Block) -> str:
    text = prose.text(item.span)
    return re.sub(r"^\*\*[^*\n]{1,60}?(?::\*\*|\*\*\s*[:–—→-])\s*", "", text).lstrip("*_ ")


def _spread(prose: Prose, blocks: Sequence[Block], end: int) -> list[OutlineStep]:
    """Steps whose text goes on to the next one's, what stands between them included."""
    ends = [block.span.start for block in blocks[1:]] + [end]
    return [
        OutlineStep(
            _plain(prose.text(block.span)),
            Span(block.span.start, max(block.span.end, stop)),
            block.ordinal if block.ordinal is not None else index + 1,
            block.span,
            False,
        )
        for index, (block, stop) in enumerate(zip(blocks, ends, strict=True))
    ]


def _end_of(prose: Prose, last: Span, start: int) -> int:
    """Where the last item of a list ends, a code block in it included."""
    ends = [step.span.end for step in prose.skill.steps if step.span.start <= start < step.span.end]
    return max(last.end, min(ends, default=last.end))


def _heading_title(prose: Prose, block: Block) -> str:
    index = prose.heading_of(block.span.start)
    return prose.skill.headings[index].title if index is not None else prose.skill.name


_CODE = re.compile(r"`+([^`\n]*)`+")


def _plain(text: str) -> str:
    """A title without markup; a star in code stands for something and stays."""
    parts = _CODE.split(text)
    parts[::2] = [re.sub(r"[*_`]{1,3}", "", part) for part in parts[::2]]
    return " ".join("".join(parts).split())[:160]
