"""Everything that is wrong with a skill: what the frontend noticed, and the rules of the format."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from skvm.diagnostics import Diagnostic, Severity, Span, rule
from skvm.skill.dangers import SKV172, mask_secrets
from skvm.skill.decoding import first_invalid_byte
from skvm.skill.emit import resource_bytes
from skvm.skill.fields import check_fields
from skvm.skill.findings import Findings, sort_diagnostics
from skvm.skill.ir import Skill
from skvm.skill.security import check_security
from skvm.skill.targets import check_targets

__all__ = ["verify_skill"]

SKV140 = rule(
    "SKV140",
    "no instructions",
    "There is nothing after the frontmatter.\n\n"
    "The agent that activates the skill is told nothing it did not know from the description.\n\n"
    "Write the steps, the inputs and outputs, and the edge cases.",
)
SKV141 = rule(
    "SKV141",
    "SKILL.md is long",
    "SKILL.md has more than 500 lines or, by a rough count, more than 5000 tokens of instructions.\n\n"
    "All of it is loaded when the skill is activated and competes with the task for attention.\n\n"
    "Keep what every run needs; move details into references/ and say when to read each file.",
    Severity.NOTE,
)
SKV143 = rule(
    "SKV143",
    "code fence is not closed",
    "A code block is opened and never closed, so it runs to the end of the file or of its list item.\n\n"
    "The instructions after it are code to every reader of the text.\n\n"
    "Close it with a line of at least as many back-ticks or tildes as it was opened with.",
)
SKV144 = rule(
    "SKV144",
    "frontmatter field in the body",
    "The body begins with a second block between two lines of three hyphens that holds metadata.\n\n"
    "Loaders read only the first block; the second is given to the model as text.\n\n"
    "Merge the two blocks.",
)
SKV145 = rule(
    "SKV145",
    "invisible control character",
    "The text has control characters, or characters that change the direction of text or are never shown.\n\n"
    "What a person reviews is not what the model reads; instructions can be hidden that way.\n\n"
    "Remove the character, or write it as an escape where it is needed.",
)
SKV146 = rule(
    "SKV146",
    "hidden comment",
    "The body holds a long HTML comment.\n\n"
    "Rendered Markdown does not show it, but the model is given it, and its tokens are paid for.\n\n"
    "Make it visible, or remove it.",
    Severity.NOTE,
)

MAX_LINES = 500
MAX_TOKENS = 5000
_BYTES_PER_TOKEN = 4
_LONG_COMMENT = 400
# One leading class, so that the search is fast; what it may be is looked at afterwards.
_CONTROL = re.compile(
    rb"[\x01-\x08\x0b\x0e-\x1f\x7f\xe2\xf3]"
    rb"(?:(?<![\xe2\xf3])|(?<=\xe2)(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])|(?<=\xf3)\xa0[\x80\x81][\x80-\xbf])"
)
_SECOND_BLOCK = re.compile(
    rb"\s*---[ \t]*\r?\n(?:[\w-]+:[^\n]*\n|[ \t]+[^\n]*\n|\r?\n){1,40}?---[ \t]*(?:\r?\n|\Z)"
)


def verify_skill(skill: Skill, path: PurePath | str = "") -> tuple[Diagnostic, ...]:
    """Check a skill against the format and against what breaks in real loaders.

    Args:
        skill: The skill.
        path: ``SKILL.md`` as the user named it, for the findings; bundle files are named beside it.

    Returns:
        What the frontend found and what the rules find, ``SKILL.md`` first, in order of place.
    """
    findings = Findings(skill.source)
    if skill.frontmatter is not None:
        check_fields(skill, skill.frontmatter, findings)
    _check_body(skill, findings)
    check_targets(skill, findings, resource_bytes)
    check_security(skill, findings, resource_bytes)
    found = sort_diagnostics([*skill.diagnostics, *findings.all()])
    if any(item.code == SKV172.code for item in found):
        # The line of a finding is shown as it stands, and a secret may stand in it.
        found = tuple(replace(item, text=mask_secrets(item.text)) for item in found)
    skill_file = PurePath(path or "SKILL.md")
    return tuple(
        replace(item, path=str(skill_file.parent / item.path if item.path else skill_file)) for item in found
    )


def _check_body(skill: Skill, findings: Findings) -> None:
    source, body = skill.source, skill.body
    if skill.frontmatter is not None and not source[body.start :].strip():
        findings.add(SKV140, "nothing stands after the frontmatter", Span(body.start, body.start))
    lines = source.count(b"\n") + (not source.endswith(b"\n"))
    # Text outside ASCII has more bytes a character and about as many tokens, so characters are counted.
    tokens = len(skill.text(body)) // _BYTES_PER_TOKEN
    if lines > MAX_LINES or tokens > MAX_TOKENS:
        findings.add(SKV141, f"SKILL.md has {lines} lines and about {tokens} tokens")
    for fence in skill.fences:
        if not fence.is_closed:
            line = source.find(b"\n", fence.span.start)
            end = line if 0 <= line < fence.span.end else fence.span.end
            span = Span(fence.span.start, end)
            findings.add(SKV143, f"code fence {fence.marker[:20]} is not closed", span)
    if skill.frontmatter is not None and (second := _SECOND_BLOCK.match(source, body.start)) is not None:
        place = second.start() + second[0].index(b"---")
        findings.add(SKV144, "a second frontmatter block follows the first", Span(place, place + 3))
    is_binary = b"\0" in source or first_invalid_byte(source) is not None
    for control in () if is_binary else _CONTROL.finditer(source):
        name = control[0].decode().encode("unicode_escape").decode()
        findings.add(SKV145, f"invisible character {name}", Span(*control.span()))
    _check_comments(source, body.start, findings)


def _check_comments(source: bytes, position: int, findings: Findings) -> None:
    while (start := source.find(b"<!--", position)) >= 0:
        position = source.find(b"-->", start) + 3
        if position < 3:
            return
        if position - start > _LONG_COMMENT:
            message = f"comment of {position - start} bytes is not shown"
            findings.add(SKV146, message, Span(start, start + 4))
