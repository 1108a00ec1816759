"""What is hidden or dangerous in a skill: in its text and in the scripts it brings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePath

from skvm.diagnostics import Diagnostic, Rule, Severity, Span, rule
from skvm.errors import UsageError
from skvm.skill.attacks import ATTACKS
from skvm.skill.dangers import CHECKS, mask_secrets
from skvm.skill.emit import resource_bytes
from skvm.skill.findings import Findings
from skvm.skill.ir import Skill

__all__ = ["check_security", "security_findings"]

SKV170 = rule(
    "SKV170",
    "comment with instructions",
    "An HTML comment tells the agent to do something.\n\n"
    "A person who reads the rendered page does not see it, but the model is given it and may obey.\n\n"
    "Write the instruction where everybody sees it, or remove it.",
)
SKV177 = rule(
    "SKV177",
    "letters of two scripts in a word",
    "A word in code or in an address mixes Latin letters with look-alikes of another script.\n\n"
    "It names another program, file or host than the one a person reads.\n\n"
    "Write it with letters of one script.",
    Severity.ERROR,
)

_MAX_SCRIPT_BYTES = 1_000_000
_SCRIPTS = (
    ".py", ".sh", ".bash", ".zsh", ".js", ".mjs", ".cjs", ".ts", ".ps1", ".psm1", ".bat", ".cmd",
    ".rb", ".pl", ".php", ".md", ".markdown", "Makefile", "package.json",
)  # fmt: skip
"""Ends of the names of what is run, or read by the agent as it reads ``SKILL.md``."""
_MIXED = re.compile(
    "[A-Za-z][A-Za-z0-9_./-]*[\u0370-\u03ff\u0400-\u04ff][\\w./-]*|[\u0370-\u03ff\u0400-\u04ff]+[A-Za-z][\\w./-]*"
)
_OTHER_SCRIPT = re.compile("[\u0370-\u03ff\u0400-\u04ff]")
_LOOK_ALIKES = frozenset("асеорхуіјѕԁһӏАВЕКМНОРСТХІЈЅοανιρυκτΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
_LINK_COMMENT = re.compile(r"^\[(?://|comment|_\w*)[^\]\n]*\]:[ \t]*\S*[ \t]*[\"'(][^\n]*$", re.MULTILINE)
_OPEN_PIPE = re.compile(
    r"(?<![\s|])[ \t]*\|[ \t]*\n[ \t]*(?=[a-z])|(?<![\s|])[ \t]*\n[ \t]+\|[ \t]*(?=[a-z])"
)
"""A pipe at the end of a line, or at the head of an indented one; no row of a table."""
_BAR_AT_END = re.compile(r"\|[ \t]*\n[ \t]*[a-z]")
_BAR_AT_HEAD = re.compile(r"\n[ \t]+\|[ \t]*[a-z]")
"""What is in one and the other, found by its first character and so far faster."""
_INSTRUCTS = re.compile(
    r"\b(?:you (?:must|should|are|will)|(?:the )?(?:agent|assistant|model|claude|gpt) (?:must|should|"
    r"will)|ignore (?:all|any|the|previous|prior)|"
    r"do not (?:tell|mention|reveal|show|inform)|don['’]t (?:tell|mention|reveal)|secretly|silently|"
    r"when (?:the user|asked)|always (?:run|execute|send|add|include)|"
    r"(?:run|execute|send|fetch|download|curl|upload)\s+(?:the|this|all|https?:|`)|"
    r"(?:send|post|upload)\b[^.\n]{0,60}https?://)",
    re.IGNORECASE,
)


def security_findings(skill: Skill) -> tuple[Diagnostic, ...]:
    """What is hidden or dangerous in a skill, in order of place; a secret is never shown whole."""
    findings = Findings(skill.source)
    check_security(skill, findings, resource_bytes)
    root = skill.root or PurePath()
    return tuple(
        replace(item, path=str(root / (item.path or "SKILL.md")), text=mask_secrets(item.text))
        for item in findings.all()
    )


def check_security(skill: Skill, findings: Findings, read: Callable[[Skill, str], bytes]) -> None:
    """Look for what is hidden or dangerous in ``SKILL.md`` and the scripts of the bundle.

    Args:
        skill: The skill.
        findings: Where findings go.
        read: Gives the bytes of a bundle file.
    """
    for path, text in _texts(skill, read):
        spans = _Spans(text)
        joined = _joined(text)
        for check in (*CHECKS, *ATTACKS):
            if check.may_match(joined):
                for match in check.pattern.finditer(joined):
                    if not check.clears(joined, match):
                        _add(findings, check.rule, check.says(match), spans.of(match), path)
        if "<!--" in text or "\n[" in text:
            _check_comments(text, spans, findings, path)
        if not text.isascii() and _OTHER_SCRIPT.search(text):
            _check_letters(skill if not path else None, text, spans, findings, path)


def _joined(text: str) -> str:
    """A text of the same length in which a command that goes on in the next line is one line."""
    text = text.replace("\\\n", "  ").replace("\\\r\n", "   ")
    has_bar = any(sign in text for sign in ("|\n", "| \n", "\n  |", "\n\t|"))
    if has_bar and (_BAR_AT_END.search(text) or _BAR_AT_HEAD.search(text)):
        return _OPEN_PIPE.sub(lambda found: "| ".rjust(len(found[0])), text)
    return text


def _add(findings: Findings, found: Rule, message: str, span: Span, path: str) -> None:
    if path:
        findings.add(found, message, path=path)
    else:
        findings.add(found, message, span)


def _texts(skill: Skill, read: Callable[[Skill, str], bytes]) -> Iterator[tuple[str, str]]:
    if b"\0" not in skill.source:
        yield "", skill.source.decode("utf-8", "surrogateescape")
    for resource in skill.resources:
        is_named = resource.path.endswith(_SCRIPTS) or (
            resource.is_executable and "." not in PurePath(resource.path).name
        )
        if resource.is_text and is_named:
            try:
                data = read(skill, resource.path)[:_MAX_SCRIPT_BYTES]
                yield resource.path, data.decode("utf-8", "replace")
            except UsageError:
                # Changed or gone since the skill was read; that is told elsewhere.
                continue


class _Spans:
    """From characters of a text to bytes of its file."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_ascii = text.isascii()

    def of(self, match: re.Match[str]) -> Span:
        return self.between(*match.span())

    def between(self, start: int, end: int) -> Span:
        if self._is_ascii:
            return Span(start, end)
        before = len(self._text[:start].encode("utf-8", "surrogateescape"))
        return Span(before, before + len(self._text[start:end].encode("utf-8", "surrogateescape")))


def _check_comments(text: str, spans: _Spans, findings: Findings, path: str) -> None:
    for start, end in _comments(text):
        if found := _INSTRUCTS.search(text, start, end):
            said = " ".join(found[0].split())
            _add(findings, SKV170, f"a comment says “{said}”", spans.between(start, end), path)


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """HTML comments, and the link definitions that are used as comments."""
    start = text.find("<!--")
    while start >= 0 and (end := text.find("-->", start + 4)) >= 0:
        yield start, end + 3
        start = text.find("<!--", end)
    if "\n[" in text:
        yield from (found.span() for found in _LINK_COMMENT.finditer(text))


def _check_letters(skill: Skill | None, text: str, spans: _Spans, findings: Findings, path: str) -> None:
    code = [(fence.content.start, fence.content.end) for fence in skill.fences] if skill else []
    for match in _MIXED.finditer(text):
        word = match[0]
        others = [char for char in word if ord(char) >= 0x370]
        # Every letter that is no Latin one looks like a Latin one: that is no unit and no formula.
        if not others or any(char not in _LOOK_ALIKES for char in others) or len(word) < 3:
            continue
        span = spans.of(match)
        in_code = bool(path) or any(start <= span.start < end for start, end in code)
        if in_code or text[match.start() - 1 : match.start()] in {"`", "/"}:
            shown = word.encode("unicode_escape").decode()
            _add(findings, SKV177, f"a word mixes letters of two scripts: {shown[:60]}", span, path)
