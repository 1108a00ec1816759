"""What needs ``tool.call.format``: tools the agent calls with arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.names import CODE
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.skill.any_word import EDGE, AnyWord
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "a tool called with plain text",
    Level.L2: "a tool called with objects, lists, numbers, choices or a set of properties",
    Level.L3: "arguments nested three levels deep or more, or two with characters to escape",
}
_STEMS = stems(
    "call |calls |invoke|use `|using `|via `|tool|mcp|with all required|required fields|pass `|"
    "properties|arguments|调用|使用 `|传入|参数"
)
_SPEAKS = AnyWord((*(f"{EDGE}{word}{EDGE}" for word in ("tool", "tools", "mcp")), "function call", "工具"))
_NAME = r"`(?:mcp__)?[A-Za-z][\w-]*(?:[:_.-][A-Za-z][\w-]*)+`(?:\(\))?|`[A-Za-z]\w*`"
_CALL = sieved(
    rf"{TOLD}(?:call|invoke)\s+(?:the\s+)?(?:tool\s+|function\s+|mcp tool\s+)?(?:{_NAME})(?!\s*(?:\(|before"
    rf"|after|if|when|on)\b)"
    rf"|{TOLD}(?:use|call|invoke)\s+(?:the\s+)?(?:{_NAME})\s+(?:mcp\s+)?tool\b"
    rf"|{TOLD}use\s+(?:the\s+)?`[A-Za-z][\w-]*:[\w-]+`"
    rf"|{TOLD}pass\s+`\w+`\s+(?:with|as)\b"
    rf"|\b(?:via|using|with)\s+(?:the\s+)?(?:`[A-Za-z][\w-]*:[\w-]+`|(?:{_NAME})\s+(?:mcp\s+)?tool\b)"
    r"|(?:调用|使用)\s*(?:工具\s*)?`[A-Za-z][\w:.-]*`",
    re.IGNORECASE,
)
_MANAGED = sieved(
    rf"{TOLD}(?:create|update)(?:(?:\s+or|/)\s?update)?\b[^.;]{{0,80}}\bwith (?:all )?(?:the )?(?:required"
    rf"|correct|necessary) "
    r"(?:fields|properties|parameters|arguments)\b",
    re.IGNORECASE,
)
_STRUCTURED = re.compile(
    r"\b(?:lists? of|arrays?|objects?|records?|(?:an? )?(?:number|integer|boolean)\b|(?:set )?to (?:true"
    r"|false)|enum\w*|"
    r"`?(?:true|false)`?|one of|propert(?:y|ies)|fields)\b|\bset to `[^`]+` or `|\bwith `\w+`(?:,"
    r"| and) [^.]*`\w+`[^.]*`\w+`"
    r"|列表|数组|对象|布尔|数字|属性|字段|枚举",
    re.IGNORECASE,
)
_LEVELS = re.compile(
    r"\beach (?:\w+ )?with\b|\bwith (?:a |an |its |their )?(?:list|array|object)s?\b|\b(?:list|array"
    r"|object)s? of\b|每个[^，。]{0,8}(?:含|带|有)",
    re.IGNORECASE,
)
_ESCAPES = re.compile(r"`[^`\n]*(?:\\|\"[^`]*['’])[^`\n]*`|\bescap(?:e|ed|ing)\b|\bline break\b|转义|换行")
_NOT = re.compile(
    r"\b(?:do not|don['’]t|never|cannot|without)\b[^.;]{0,30}\b(?:call|use|invoke)\b|不要调用|禁止调用",
    re.IGNORECASE,
)
_CODE_CALL = re.compile(r"`[^`\n]*[\w)]\([^`\n]*\)[^`\n]*`")
_COMMAND = re.compile(r"(?:(?:^|\s)--?\w|/\w|\.(?:py|sh|js|ts|md|txt|json|yaml|yml|csv)$|\s)")


def find(reading: Reading) -> Iterator[Need]:
    """Calls of named tools; a fence of commands or of a program is no call of a tool."""
    prose = reading.prose
    if not _SPEAKS.is_in_utf8(prose.lowered_text):
        return
    for sentence in spotted(prose, _STEMS):
        level = _level(prose, sentence)
        if level is not None:
            yield Need(level, sentence.span)


def _level(prose: Prose, sentence: Sentence) -> Level | None:
    text = sentence.text
    if _NOT.search(text) or prose.blocks[sentence.block].kind is BlockKind.HEADING:
        return None
    if _MANAGED.search(text) and b"mcp" in prose.skill.source.lower():
        return Level.L2
    found = _CALL.search(text)
    if found is None or _is_program(found.group()) or _CODE_CALL.search(found.group()):
        return None
    named = found.group().lower().lstrip("*_ ").startswith(("call", "invoke", "pass"))
    if not (named or "tool" in found.group().lower() or ":" in found.group() or "工具" in found.group()):
        return None
    depth = len(_LEVELS.findall(text))
    if depth > 2 or (depth > 1 and _ESCAPES.search(text)):
        return Level.L3
    return Level.L2 if _STRUCTURED.search(text) or depth else Level.L1


def _is_program(text: str) -> bool:
    return any(_COMMAND.search(code) for code in CODE.findall(text))


DETECTORS.register("tool.call.format", Detector(RULES, find))
