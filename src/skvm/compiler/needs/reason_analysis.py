"""What needs ``reason.analysis``: code the agent is told to understand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "what code is for or does, or a few lines shown beside what they should do",
    Level.L2: "the line, the bug or the fault of a function",
    Level.L3: "the cause of a crash or failure, followed through several files",
}
_STEMS = stems(
    "code|bug|crash|trace|root cause|function|implementation|debug|error|fail|exception|vulnerab|"
    " line of| line that|代码|缺陷|报错|堆栈|函数|崩溃"
)
_CODE = re.compile(
    r"\b(?:code|codebase|functions?|stack ?traces?|tracebacks?|source|modules?|class(?:es)?|methods?"
    r"|exceptions?|bugs?|"
    r"compil\w+|commits?|diffs?|implementation|tests?|crash\w*|scripts?|lines? of|repo(?:sitory)?|\.(?:py"
    r"|js|ts|java|go|rs)\b)\b"
    r"|代码|函数|堆栈|源码|缺陷|崩溃|模块|测试",
    re.IGNORECASE,
)
_FOLLOW = sieved(
    rf"{TOLD}(?:follow|trace|track|walk|chase)\s+(?:down\s+|back\s+)?(?:the|each|every|a|an|this|that|it"
    rf"|back|from)\b[^.;]{{0,120}}?"
    r"\b(?:crash\w*|errors?|exceptions?|failures?|stack ?traces?|traces?|call (?:chain|path|stack)s?"
    r"|execution|code ?paths?|bugs?|data ?flow)\b"
    rf"|{TOLD}(?:find|identify|determine|locate|isolate|confirm|pinpoint|investigate|diagnose)\s+(?:the\s+"
    rf"|its\s+|their\s+|a\s+)?"
    r"(?:\w+\s+){0,2}root causes?\b"
    rf"|{TOLD}trace\s+(?:it|one|each|every|the)\b[^.;]{{0,40}}\b(?:to its (?:source|cause|origin)"
    rf"|code paths?|end[- ]to[- ]end)\b"
    r"|(?:沿|顺着|追踪|跟踪|定位)[^。；;\n]{0,30}(?:堆栈|调用链|崩溃|异常|根本原因|根因)",
    re.IGNORECASE,
)
_THROUGH = re.compile(
    r"\b(?:through (?:the |all |several )?(?:files|modules|layers|code(?:base)?)|across (?:the |all "
    r"|several |multiple )?(?:files|modules|layers|services|components)"
    r"|stack ?traces?|tracebacks?|call (?:chain|path|stack)s?|file and line|crash\w*|which file)\b"
    r"|各个?文件|多个文件|堆栈|调用链",
    re.IGNORECASE,
)
_FAULT = sieved(
    rf"{TOLD}(?:find|identify|locate|spot|detect|look for|catch|pinpoint|diagnose|flag|hunt for"
    rf"|check for)\s+(?:(?:the|any|all|every|each|a|its|potential|"
    r"possible|obvious|hidden|real|critical|which|where)\s+){0,3}(?:(?:line"
    r"|statement)s?\b[^.;]{0,60}\b(?:of|in|that|which|where)\b"
    r"|(?:\w+\s+){0,2}?(?:bugs?|logic errors?|code smells?|defects?|race conditions?|memory leaks?"
    r"|vulnerabilit(?:y|ies)|off-by-one|"
    r"edge[- ]case (?:bugs?|errors?)|null (?:pointer|deref)\w*|faulty line)\b)"
    rf"|{TOLD}debug\s+(?:the|each|this|that|failing|it|any|your|their|code)\b"
    rf"|{TOLD}(?:review|audit|examine)\s+(?:(?:the|each|every|all|their|this|changed|your|any|existing"
    rf"|\w+tion|\w+ic)\s+){{0,3}}(?:code|diffs?|functions?)\b"
    r"(?!\s+(?:review|style|quality|base|examples?|of|coverage|ownership|standards))"
    r"|(?:找出|查找|识别|定位|检查|排查)[^。；;\n]{0,24}(?:缺陷|漏洞|错误的?行|出错的?行|代码问题|逻辑错误"
    r"|bug)|(?:审查|审阅|调试)[^。；;\n]{0,10}代码",
    re.IGNORECASE,
)
_PURPOSE = sieved(
    rf"{TOLD}(?:analy[sz]e|map|explore|understand)\s+(?:a|an|the|this|your|their|each"
    rf"|existing)\s+(?:\w+\s+)?(?:codebase|source code)\b|"
    rf"{TOLD}(?:understand|explain|describe|summari[sz]e|analy[sz]e|figure out)\s+(?:\w+\s+){{0,3}}?"
    r"(?:what|how|the)\b[^.;]{0,40}?\b(?:(?:code|functions?|scripts?|modules?|codebase|class(?:es)?"
    r"|implementation|methods?)\b"
    r"(?!\s+(?:of conduct|style|quality|review|name|sign|signature|block|changes?|guidelines?|examples?"
    r"|conventions?)))"
    rf"|{TOLD}(?:read|study|inspect)\s+(?:through\s+)?(?:the|each|every|all|existing|relevant"
    rf"|related)\s+(?:\w+\s+){{0,2}}?"
    r"(?:code|codebase|source(?: code| files?)?|implementation|diffs?)\b"
    r"|(?:解释|说明|理解|分析|阅读)[^。；;\n]{0,16}(?:代码|函数|源码|脚本)(?:的?作用|的?功能|做什么|$"
    r"|[，。])?",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^\W*(?:this|the) (?:\w+ )?(?:skill|tool|script|agent|command|mode|plugin|workflow)s?\b"
    r"|\b(?:use (?:this|when|it|for)|triggers? on|when (?:the )?user|"
    r"users? (?:asks?|wants?|says?)|not for|do not use|qr code|promo code|discount codes?|error codes?"
    r"|status codes?|code mode)\b"
    r"|^\W*[\"“]|\"\s*$|\b(?:tried to|my job|help me)\b",
    re.IGNORECASE,
)
_NOT = sieved(
    r"\b(?:do not|don['’]t|never|without|no need to|instead of|rather than)\s+(?:\w+\s+){0,2}(?:read|review"
    r"|debug|find|trace|fix|understand|analy)|"
    r"不要|无需",
    re.IGNORECASE,
)
_VULNERABLE = re.compile(r"\bvulnerabilit(?:y|ies)\b", re.IGNORECASE)
_SOURCE = re.compile(r"\b(?:code|functions?|modules?|diffs?|sources?)\b", re.IGNORECASE)
_SOFTWARE = re.compile(
    rb"stack ?traces?|codebase|source code|pull requests?|test suite|failing tests?|\bbugs?\b|traceback"
    rb"|unit tests?|compiler|\bdebug"
)
_SHOWN = re.compile(r"^ *\d+  ", re.MULTILINE)


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that tell to find out something about code; lines shown right below make it easier."""
    for sentence in spotted(reading.prose, _STEMS):
        text = sentence.text
        if _ABOUT.search(text) or _NOT.search(text) or text.rstrip().endswith("?"):
            continue
        level = _level(text, reading.prose.lowered)
        if level is None:
            continue
        yield Need(
            Level.L1 if level is Level.L2 and are_shown(reading.prose, sentence) else level, sentence.span
        )


def _level(text: str, whole: bytes) -> Level | None:
    # Causes are looked for in many trades; only in talk of software is it code that is read.
    if _FOLLOW.search(text) and (_CODE.search(text) or len(set(_SOFTWARE.findall(whole))) > 1):
        return Level.L3 if _THROUGH.search(text) else Level.L2
    if _FAULT.search(text) and (not _VULNERABLE.search(text) or _SOURCE.search(text)):
        return Level.L2
    return Level.L1 if _PURPOSE.search(text) else None


def are_shown(prose: Prose, sentence: Sentence) -> bool:
    """Whether numbered lines of code stand right below."""
    fence = prose.fence_after(sentence.block)
    return fence is not None and len(_SHOWN.findall(prose.text(fence.content))) > 1


DETECTORS.register("reason.analysis", Detector(RULES, find))
