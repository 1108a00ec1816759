"""An edit is validated like a compile: why one may not stand, in words its editor can act on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from skvm.compiler.guard import budget_lines
from skvm.diagnostics import Diagnostic, Severity
from skvm.evidence.redact import Redactor
from skvm.optimizer.editing.norms import find_lost_norms
from skvm.optimizer.editing.syntax import find_broken_code
from skvm.optimizer.editing.tree import CONTEXT_DIR, MAX_FILE_BYTES, diff_of
from skvm.skill.emit import resource_bytes, skill_digest
from skvm.skill.ir import Skill
from skvm.skill.verify import verify_skill

__all__ = ["check_edit", "find_keys", "is_no_edit"]

MAX_ADDED_FILES = 20
MAX_ADDED_BYTES = 1 << 20
"""Bytes an edit may add to the bundle."""
_CHARS_PER_LINE = 120
_LEAST_SHARE = 0.25
"""Share of the instructions an edit must leave: less is another skill."""
_MAX_OF_A_KIND = 5
_TRACES = (f"{CONTEXT_DIR}/", "PER_TASK_SUMMARY.md", "submission.template.json")
_NUMBER = re.compile(r"\d+")


def check_edit(before: Skill, after: Skill, *, original: Skill | None = None) -> tuple[str, ...]:
    """Why an edited skill may not take the place of the one it was made from; empty where it may. Blocks.

    Args:
        before: The skill that was edited.
        after: What came of it.
        original: The skill growth is measured from; ``before`` if ``None``.
    """
    base = original or before
    kinds = (
        _frontmatter(before, after),
        _size(base, after),
        _bundle(before, after),
        _findings(before, after),
        find_broken_code(before, after),
        (f"a rule is lost: {text!r}" for text in find_lost_norms(before, after)),
        _traces(before, after),
    )
    return tuple(dict.fromkeys(why for kind in kinds for why in _few(list(kind))))


def find_keys(before: Skill, after: Skill, redactor: Redactor) -> tuple[str, ...]:
    """Files of an edit into which a key of this machine found its way: from a log, or what a run printed."""
    was = {each.path: each.digest for each in before.resources}
    changed = [each.path for each in after.resources if was.get(each.path) != each.digest]
    files = {"SKILL.md": after.source, **{path: resource_bytes(after, path) for path in changed}}
    texts = {path: data.decode("utf-8", "surrogateescape") for path, data in files.items()}
    known = redactor.known(before.text())
    return tuple(
        f"{path} holds a key of this machine"
        for path, text in sorted(texts.items())
        # What its author wrote into it is the author's affair.
        if redactor.known(text) != text and not (path == "SKILL.md" and known != before.text())
    )


def is_no_edit(before: Skill, after: Skill) -> bool:
    """Whether two skills are the same, blank lines and blanks at the ends of lines apart."""
    if skill_digest(before) == skill_digest(after):
        return True
    same_files = {each.path: each.digest for each in before.resources} == {
        each.path: each.digest for each in after.resources
    }
    return same_files and _solid_lines(before) == _solid_lines(after)


def _solid_lines(skill: Skill) -> list[bytes]:
    return [line.rstrip() for line in skill.source.splitlines() if line.strip()]


def _few(found: list[str]) -> list[str]:
    left = len(found) - _MAX_OF_A_KIND
    return [*found[:_MAX_OF_A_KIND], f"and {left} more of this kind"] if left > 0 else found


def _frontmatter(before: Skill, after: Skill) -> Iterator[str]:
    was, now = before.frontmatter, after.frontmatter
    if was is None or not was.is_valid:
        if now is not None and not now.is_valid and after.source[: after.body.start] != _front(before):
            yield "the frontmatter does not parse"
        return
    if now is None or not now.is_valid:
        yield "the frontmatter is gone" if now is None else "the frontmatter does not parse any more"
        return
    if before.description and not after.description:
        yield "the description is empty"
    for key in sorted({*was.data, *now.data}, key=str):
        if key != "description" and was.data.get(key) != now.data.get(key):
            yield f"the frontmatter's {str(key)[:60]!r} changed; only the description may"


def _front(skill: Skill) -> bytes:
    return skill.source[: skill.body.start]


def _size(base: Skill, after: Skill) -> Iterator[str]:
    lines = base.source.count(b"\n") + 1
    most = lines + budget_lines(lines)
    if (now := after.source.count(b"\n") + 1) > most:
        yield f"SKILL.md has {now:,} lines; {most:,} are the most"
    chars = len(base.source) + budget_lines(lines) * _CHARS_PER_LINE
    if len(after.source) > chars:
        yield f"SKILL.md has {len(after.source):,} bytes; {chars:,} are the most"
    if len(after.source) > max(MAX_FILE_BYTES, len(base.source)):
        yield f"SKILL.md is larger than {MAX_FILE_BYTES:,} bytes"
    body = len(b"".join(base.source[base.body.start :].split()))
    left = len(b"".join(after.source[after.body.start :].split()))
    if left < _LEAST_SHARE * body:
        yield f"only {left:,} of {body:,} characters of the instructions are left"


def _bundle(before: Skill, after: Skill) -> Iterator[str]:
    diff = diff_of(before, after)
    if len(diff.added) > MAX_ADDED_FILES:
        yield f"{len(diff.added)} files were added; {MAX_ADDED_FILES} are the most"
    sizes = {each.path: each.size_bytes for each in before.resources}
    grown = sum(each.size_bytes - sizes.get(each.path, 0) for each in after.resources)
    if grown > MAX_ADDED_BYTES and grown - sum(sizes[path] for path in diff.removed if path in sizes) > 0:
        yield f"the bundle grew by {grown:,} bytes; {MAX_ADDED_BYTES:,} are the most"
    for resource in after.resources:
        if resource.path in {*diff.added, *diff.modified} and not resource.is_text:
            yield f"{resource.path} is no text"
        if resource.path.split("/")[0] == CONTEXT_DIR:
            yield f"{resource.path} belongs to no skill"


def _findings(before: Skill, after: Skill) -> Iterator[str]:
    """Errors and warnings of the format and of safety that were not there before."""
    known = Counter(_key(found) for found in verify_skill(before))
    for found in verify_skill(after):
        if found.severity is Severity.NOTE:
            continue
        known[_key(found)] -= 1
        if known[_key(found)] < 0:
            place = f" (line {found.line})" if found.line else f" ({found.path})" if found.path else ""
            yield f"{found.code}: {found.message}{place}"


def _key(found: Diagnostic) -> tuple[str, str, str]:
    """What tells two findings apart; figures in their words do not."""
    return found.code, found.path, _NUMBER.sub("#", found.message)


def _traces(before: Skill, after: Skill) -> Iterator[str]:
    """Words of the editor's own workspace, which no reader of the skill has."""
    was = {each.path: each.digest for each in before.resources}
    texts = {"SKILL.md": (before.text(), after.text())}
    for resource in after.resources:
        if resource.is_text and was.get(resource.path) != resource.digest:
            old = resource_bytes(before, resource.path) if resource.path in was else b""
            new = resource_bytes(after, resource.path)
            texts[resource.path] = (old.decode("utf-8", "replace"), new.decode("utf-8", "replace"))
    for path, (old_text, new_text) in texts.items():
        for trace in _TRACES:
            if trace in new_text and trace not in old_text:
                yield f"{path} speaks of {trace}, which its readers do not have"
