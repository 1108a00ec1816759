"""What needs ``tool.file.read``: files the agent is told to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import has_command
from skvm.compiler.reading.named_files import files_given
from skvm.compiler.reading.paths import PATH, paths_in
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "files read each by its path; a file something comes as, or stands in",
    Level.L2: "several files read, one of which may be missing",
    Level.L3: "a part found in a large file, by search or by page",
}
_STEMS = stems(
    "read|load|open|see |consult|refer|check|review|pars|inspect|look |scan|study|examine|follow|"
    "using|use |search|find|grep|per |读|阅|查|打开|参考|参见|参照|加载|详见|找"
)
_LARGE_STEMS = stems(
    "large|huge|big|long|massive|kb|mb|gb|bytes|lines|兆|大文件|很大|过大|太大|不能整个|不要整个|万行"
)
_PLACE = re.compile(r"[\w`*}]\.\w|/|\.\w+`|files?\b|文件")
"""A path or the word for files; quicker to look for than the reading."""
_VERB = (
    r"(?:(?:re-?)?read|load|open|see|consult|refer to|reference|check|review|parse|inspect|look (?:in|at|up"
    r"|into|through)"
    r"|scan (?:the|through|all|each)|study|skim|examine|follow|cat|view)"
)
_ANY_PATH = (
    rf"(?:`{PATH}`|\]\((?!https?:|#){PATH}\)|(?<![\w/.`-])(?:[\w.-]+/)*[\w-]+\.(?:md|txt|csv|json|ya?ml)\b)"
)
_READ = sieved(
    rf"{TOLD}{_VERB}\b(?!\s+(?:if|whether|that)\b)(?P<between>[^.;\n]{{0,90}}?)(?P<path>{_ANY_PATH})"
    rf"|\b(?:using|use|per|from|against|with|following|according to)\s+(?:the\s+)?(?:`|\[[^\]\n]*\]\()"
    rf"(?:[\w./-]*/)?(?:references?|guides?|docs|examples|resources)/[\w.*/-]+\.(?:md|txt)\b"
    rf"|\bif\s+`{PATH}`\s+exists?\b[^.;]{{0,30}}\bread\b"
    rf"|(?:读取?|阅读|查看|打开|参考|参见|参照|加载|详见|查阅)[^。；;\n]{{0,40}}?{_ANY_PATH}",
    re.IGNORECASE,
)
_READ_MANY = sieved(
    rf"{TOLD}(?:read|load|open|parse|scan|review)\s+(?:through\s+|in\s+)?(?:the|these|those|all|each|every"
    rf"|both|any)\b"
    r"[^.;\n]{0,50}?\bfiles?\b(?! (?:path|name|size|type|format|server|system))|(?:读取|阅读|逐个读"
    r"|加载)[^。；;\n]{0,16}文件",
    re.IGNORECASE,
)
_NOT_READ = re.compile(
    r"\b(?:in (?:a|the|your|any|default) (?:\w+ )?(?:browser|editor|finder)|for writing|open (?:a"
    r"|an) (?:issue|pr))\b",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"\b(?:do not|don['’]t|never)\s+(?:\w+\s+)?(?:read|load|open|see)\b|不要读|请勿读", re.IGNORECASE
)
_MANY = re.compile(
    r"\b(?:files|both|each|every|all|any)\b|文件夹|所有文件|每个文件|各个文件|[两三四五六七八九十几]个?文件"
    r"|\d+ ?个文件",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"\b(?:missing|absent|(?:not|n['’]t) (?:there|exist|found|present|available)|has no (?:such )?file"
    r"|no such file|"
    r"if (?:they|any|one|it|each) (?:of them )?exists?|(?:if|where|when) (?:present|available|they exist)|"
    r"that exist|whichever|any\s+(?:\w+\s+){0,2}(?:docs|documents|files|notes|guides|specs|readmes?)\s*\()"
    r"|缺失|不存在|没有文件|没有这个文件|缺少|找不到|如存在|若存在|如果存在",
    re.IGNORECASE,
)
_LARGE = re.compile(
    r"\b(?:(?:large|huge|big|long|massive)\b[^.;]{0,30}\b(?:files?|logs?|documents?|dumps?|datasets?"
    r"|exports?|transcripts?|outputs?)"
    r"|(?:files?|logs?|documents?|it|dump|they) (?:is|are|may be|can be|gets?) (?:very |too |usually "
    r"|often |quite )?"
    r"(?:large|huge|big|long)|too (?:large|big|long) to (?:read|load|fit)|\d+\s?(?:[KMG]B|[KMG]ib)|(?:mega"
    r"|giga)bytes?|"
    r"(?:thousands|hundreds|millions|\d{4,}|\d+k) (?:of )?lines)\b"
    r"|几十兆|几百兆|兆字节|大文件|很大|过大|太大|不能整个|不要整个|几万行|\d+ ?(?:MB|KB|万行)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\b(?:grep|rg|search(?:es|ing)? (?:for|in|through|it|the)|(?:find|locate)\b[^.;]{0,60}\b(?:in"
    r"|within)\b|only (?:the|read|load)|offsets?|page by page|by page|in (?:chunks|pages|parts|sections)|"
    r"chunk by chunk|line (?:numbers?|ranges?)|lines? (?:around|before|after|above|below)|(?:first"
    r"|last) \S+ lines|"
    r"relevant (?:parts?|sections?|lines?)|head|tail)\b"
    r"|只读|查找|搜索|找到|定位|前后|分页|分块|分段|逐页",
    re.IGNORECASE,
)
_TOLD_TO_LOOK = re.compile(
    rf"{TOLD}(?:read|search|find|grep|locate|load|look|view|scan|use (?:grep|search|offset))\b|读取|阅读"
    rf"|查找|搜索|找到|只读|定位",
    re.IGNORECASE,
)
_HOLDER = re.compile(r"\b(?:files?|logs?|documents?|dumps?|transcripts?)\b|文件|日志|文档", re.IGNORECASE)
PRINTS = re.compile(r"\s*(?:\$\s+)?(?:grep|rg|sed -n|head|tail|awk)\b")
"""A command that prints a part of a file."""


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that tell to read files named or spoken of before, and those that say which holds what."""
    prose = reading.prose
    large = {sentence.span for sentence in spotted(prose, _LARGE_STEMS)}
    found: set[Span] = set()
    for sentence in spotted(prose, _STEMS):
        if sentence.span in large and _is_part(sentence.text):
            found.add(sentence.span)
            yield Need(Level.L2 if has_command(prose, sentence, PRINTS) else Level.L3, sentence.span)
            continue
        level = _level(prose, sentence) if _PLACE.search(sentence.text) else None
        if level is not None:
            found.add(sentence.span)
            yield Need(level, sentence.span)
    for span in files_given(prose, reading.names.outputs):
        if span not in found:
            found.add(span)
            yield Need(Level.L1, span)


def _level(prose: Prose, sentence: Sentence) -> Level | None:
    text = sentence.text
    read = _READ.search(text) or _READ_MANY.search(text)
    if read is None or _NOT_READ.search(text) or _NEVER.search(text):
        return None
    several = len(paths_in(text)) > 1 or _READ_MANY.search(text) is not None
    if several and _MISSING.search(text) and not is_one_by_one(prose, sentence):
        return Level.L2
    return Level.L1


def _is_part(text: str) -> bool:
    looks = _LARGE.search(text) and _PART.search(text) and _TOLD_TO_LOOK.search(text)
    return bool(looks) and (_HOLDER.search(text) is not None or bool(paths_in(text)))


_ALONE = re.compile(r"\b(?:not there|no such folder|missing|not exist)\b|不在|不存在|没有", re.IGNORECASE)


def is_one_by_one(prose: Prose, sentence: Sentence) -> bool:
    """Whether a list right below takes the files one by one, each with what to do when it is missing."""
    items: list[str] = []
    for block in prose.blocks[sentence.block + 1 : sentence.block + 24]:
        text = prose.text(block.span)
        if block.kind is BlockKind.ITEM and len(paths_in(text)) == 1 and _ALONE.search(text):
            items.append(text)
        elif items or not text.endswith((":", "：")):
            break
    return len(items) > 1


DETECTORS.register("tool.file.read", Detector(RULES, find))
