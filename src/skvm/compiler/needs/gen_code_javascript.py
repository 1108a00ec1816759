"""What needs ``gen.code.javascript``: JavaScript or TypeScript the agent must write or adapt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.fence_role import fence_role, lies_ready
from skvm.compiler.reading.javascript import is_javascript, read_javascript, without_comments
from skvm.compiler.reading.mentions import sentences_with
from skvm.compiler.reading.prose import BlockKind, Prose
from skvm.compiler.reading.script_use import is_forbidden, script_changes
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "code to write or adapt with fs at most; packages of third parties do not count",
    Level.L2: "code with what Node.js brings along (crypto, path, URL, Date, JSON), or only described",
    Level.L3: "code that works with promises, in a fence, in words or in a script of the bundle",
}
_NAME = r"(?:JavaScript|TypeScript|Node(?:\.js)?|ES modules?|React|Vue|Next\.js|JS|TS)"
_THING = r"(?:scripts?|programs?|code|functions?|modules?|components?|tests?|apps?|hooks?)"
_MAKES = (
    r"\b(?:write|writes|create|creates|implement|generate|generates|build|develop|give|"
    r"gives|provide|provides|supply|"
    r"supplies|produce|produces|deliver|answer with)\b"
)
_WRITE = sieved(
    rf"{_MAKES}[^.;:|]{{0,50}}\b{_NAME}\b[^.;:|]{{0,30}}\b{_THING}\b"
    r"|(?:编写|写|创建|生成|实现).{0,20}(?:JavaScript|TypeScript|Node|React).{0,12}(?:脚本|程序|代码|函数|"
    r"组件)",
    re.IGNORECASE,
)
_MENTIONS = (
    *(b"javascript", b"typescript", b"node", b"es module", b"react", b"vue", b"next.js", b"/js", b" js "),
    *(b"promise", b"async", b"await", b"at the same time", b"concurrent", b"in parallel"),
)
_COMMENTS = re.compile(r"//[^\n]*")
_TYPES = re.compile(r"\s*(?:export\s+)?(?:interface|type|enum)\s+\w", re.IGNORECASE)
_ACTS = re.compile(r"\b(?:const|let|var|function|class|await|return|import)\b|\)\s*;")
_TOOL_CALL = re.compile(r"^\w+\(\s*\w+\s*:", re.MULTILINE)
_WAITS = re.compile(
    r"\bpromises?\b|\basync(?:hronous(?:ly)?)?\b|\bawait\b|\bat the same time\b|"
    r"\bconcurrent(?:ly)?\b|\bin parallel\b",
    re.IGNORECASE,
)
_PROGRAM_DOES = re.compile(
    r"^\W*(?:it|the (?:program|script|code|function|module))\s+(?:\w+\s+)?[a-z]+s\b", re.IGNORECASE
)


def level_of(code: str) -> Level:
    """The level a piece of code needs."""
    read = read_javascript(code)
    return Level.L3 if read.waits else Level.L2 if read.uses_built_in else Level.L1


def find(reading: Reading) -> Iterator[Need]:
    """Fences, scripts of the bundle to be changed, programs asked for, and what they are to do."""
    prose = reading.prose
    bundle = reading.bundle
    for fence in prose.skill.fences:
        if not is_javascript(fence.language):
            continue
        role = fence_role(prose, fence)
        code = prose.text(fence.content)
        if not role.is_shown and not _is_notation(code) and not lies_ready(prose, fence, bundle):
            yield Need(level_of(code), role.span(fence))
    for sentence, script in script_changes(prose, bundle, "javascript"):
        yield Need(level_of(script.text), sentence.span, script.path)
    yield from _asked(prose)


def _is_notation(code: str) -> bool:
    """Whether code only tells how data looks, or writes down calls of tools as ``name(key: value)``."""
    bare = _COMMENTS.sub("", without_comments(code))
    return _TOOL_CALL.search(code) is not None or (_TYPES.match(bare) is not None and not _ACTS.search(bare))


def _asked(prose: Prose) -> Iterator[Need]:
    makes = _WRITE.search(prose.skill.description) is not None
    for sentence in sentences_with(prose, _MENTIONS):
        if prose.blocks[sentence.block].kind is BlockKind.ROW:
            continue
        found = _WRITE.search(sentence.text)
        if found and not is_forbidden(sentence.text[: found.start()]):
            makes = True
            fence_after = prose.fence_after(sentence.block)
            if fence_after is None or not is_javascript(fence_after.language):
                yield Need(Level.L3 if _WAITS.search(sentence.text) else Level.L2, sentence.span)
        elif makes and _PROGRAM_DOES.match(sentence.text) and _WAITS.search(sentence.text):
            yield Need(Level.L3, sentence.span)


DETECTORS.register("gen.code.javascript", Detector(RULES, find))
