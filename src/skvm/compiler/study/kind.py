"""What kind of skill it is: a procedure to follow, a tool to look up, or a thing to make.

The kinds are those of studies of public skills. They are told apart by structure first (how much of the text
is numbered work, how much is commands and tables) and by the words of the description second. The rules were
held against forty skills labelled by hand; ``benchmarks/compiler/README.md`` says how often they agree.
"""

from __future__ import annotations

import enum
import re

from skvm.compiler.reading.procedure import procedures
from skvm.compiler.reading.prose import Prose
from skvm.diagnostics import Span
from skvm.skill.ir import Skill
from skvm.skill.sieve import sieved

__all__ = ["Kind", "kind_of", "procedural_share"]


class Kind(enum.StrEnum):
    """Kinds of skills."""

    TOOL_REFERENCE = "tool-reference"
    PROCEDURAL = "procedural"
    GENERATIVE = "generative"


_STEP = sieved(
    r"(?:step|phase|stage)\s*\d|(?:步骤|阶段)\s*[\d一二三四五六七八九十]|第[\d一二三四五六七八九十]+[步阶]",
    re.IGNORECASE,
)
_WORKFLOW = re.compile(
    r"\b(?:workflow|process|procedure|protocol|steps|playbook|runbook)\b|流程|步骤", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?:\d+|[一二三四五六七八九十]+)\s*[.)、:：]\s*\S")
_MAKES = re.compile(
    r"\b(?:writ(?:e|es|ing)|draft|compos(?:e|ing)|design(?:s|ing)?|creat(?:e|es|ing) (?:\w+ ){0,4}?"
    r"(?:art|content|copy|posts?|stories|story|images?|posters?|gifs?|music|pages?|documents?|code"
    r"|interfaces?)"
    r"|brand(?:ing)?|style guide|guidance for|copywrit\w+|storytelling|creative|code generation"
    r"|best practices"
    r"|blog|newsletter|essay|prompts? for)\b|写作|文案|创作|设计|撰写",
    re.IGNORECASE,
)
_MIN_PROCEDURAL_SHARE = 0.15
_MIN_STEPS = 4
_MAX_CODE_SHARE = 0.45


def procedural_share(prose: Prose) -> float:
    """The share of the body that is numbered work, 0 to 1: lists of steps, and sections told to be steps."""
    skill = prose.skill
    spans = [found.span for found in procedures(prose) if len(found.steps) >= _MIN_STEPS]
    told = [heading for heading in skill.headings if _STEP.search(heading.title)]
    plain = [heading for heading in skill.headings if _NUMBERED.match(heading.title)]
    spans += [heading.section for heading in told if len(told) >= 3]
    spans += [heading.section for heading in skill.headings[1:] if _WORKFLOW.search(heading.title)]
    # Numbered headings alone number chapters as often as steps; they count where they are most of the text.
    if len(plain) >= 3 and sum(len(heading.section) for heading in plain) > 0.7 * len(skill.body):
        spans += [heading.section for heading in plain]
    return _covered(spans) / max(1, len(skill.body))


def kind_of(skill: Skill, prose: Prose) -> Kind:
    """The kind a skill is of."""
    if procedural_share(prose) >= _MIN_PROCEDURAL_SHARE:
        return Kind.PROCEDURAL
    code = sum(len(fence.content) for fence in skill.fences) / max(1, len(skill.body))
    about = f"{skill.name.replace('-', ' ')} {skill.description}"
    if _MAKES.search(about) and code <= _MAX_CODE_SHARE:
        return Kind.GENERATIVE
    return Kind.TOOL_REFERENCE


def _covered(spans: list[Span]) -> int:
    """Bytes in the union of spans."""
    total, end = 0, 0
    for span in sorted(spans):
        total += max(0, span.end - max(span.start, end))
        end = max(end, span.end)
    return total
