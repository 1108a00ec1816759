"""What needs ``tool.call.batch``: independent tool calls made at once."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.paths import paths_in
from skvm.compiler.reading.spotting import TOLD, number_in, spotted, stems
from skvm.target.contract import Level

RULES = {
    Level.L1: "calls in batches, or two calls at once",
    Level.L2: "three calls or more at once",
    Level.L3: "waves of calls: what one wave returns decides the next",
}
_STEMS = stems(
    "parallel|at once|at the same time|simultaneous|concurrent|single turn|same turn|one turn|"
    "single message|same message|one message|batch|in one go|并行|同时|一次性|并发|一轮"
)
_AT_ONCE = re.compile(
    r"\b(?:in parallel|parallel|at once|at the same time|simultaneously|concurrently|together in|in (?:a"
    r"|one|the same|a single) "
    r"(?:single )?(?:turn|message|response|step|go)|in (?:\w+ )?batches)\b|并行|同时|一次性|并发|在一轮",
    re.IGNORECASE,
)
_CALLS = (
    r"(?:read|fetch|load|query|call|invoke|request|look ?up|pull|gather|collect|retrieve|search|spawn"
    r"|launch|dispatch|run|start|"
    r"execute|issue|make|send|get|check|ask|inspect|scan)"
)
_OBJECTS = (
    r"(?:files?|calls?|cards?|notes?|pages?|urls?|sources?|requests?|queries|searches|tools?|reads?"
    r"|sub-?agents?|agents?|content|"
    r"documents?|references?|endpoints?|logs?|records?|datasets?|lookups?|fetch(?:es)?|tasks|sessions?"
    r"|sensors?)"
)
_ASKS = re.compile(
    rf"{TOLD}(?:\w+ly\s+)?{_CALLS}\b[^.;\n]{{0,90}}?\b{_OBJECTS}\b"
    r"|\b(?:tool|mcp) calls?\b[^.;]{0,40}\b(?:batches|parallel)|^\W*make parallel (?:tool )?calls\b"
    r"|\bagents? (?:are )?(?:launched|spawned)\b"
    r"|(?:读取?|调用|查询|请求|获取|抓取)[^。；;\n]{0,24}(?:文件|工具|接口|网页|页面|日志|卡片|数据)",
    re.IGNORECASE,
)
_READS = re.compile(rf"{TOLD}(?:read|load|open|fetch)\b|读|加载", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:do not|don['’]t|never|avoid|not|without|can['’]t|cannot|no|instead of|rather than)\b[^.;]{0,60}"
    r"\b(?:parallel|at once|at the same time|simultaneous|concurrent|batch)|\b(?:batch|parallel) (?:size"
    r"|api|mode|process|queries|updates?|"
    r"pipeline|files?|edges?|workers?|downloads?|session|transfers|execution)|\bthreads?\b|\bworktrees?\b"
    r"|不要(?:同时|并行)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^\W*(?:this|the) (?:\w+ )?(?:skill|script|tool|server|command|api|plugin|cli)s?\b|\bPromise\.all\b"
    r"|\basync|\bthis (?:skill|script)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"\b(two|both|three|four|five|six|seven|eight|nine|ten|\d{{1,3}})\s+(?:[\w-]+\s+){{0,3}}?{_OBJECTS}\b"
    r"|([两二三四五六七八九十]|\d+)\s?个?(?:文件|工具|接口|网页|页面|日志|卡片)",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"\bthen (?:again )?(?:at once|in parallel|all)\b|\bthen\b[^.;]{0,60}\b(?:at once|in parallel"
    r"|simultaneously)\b[^.;]{0,80}\b"
    r"(?:these|those|they|it|each|found|name[sd]?|return(?:s|ed)?)\b|再同时|再并行|然后(?:再)?(?:同时|并行)",
    re.IGNORECASE,
)
TWO_AT_A_TIME = re.compile(
    r"\btwo at a time\b|\b(?:one|1) at a time\b|每次(?:两|最多两)个|逐个", re.IGNORECASE
)
"""Words of calls in turns of two at most."""


def find(reading: Reading) -> Iterator[Need]:
    """Sentences that tell to make calls at once; rows of code and of what a program does are none."""
    for sentence in spotted(reading.prose, _STEMS):
        text = sentence.text
        if (
            not _AT_ONCE.search(text)
            or not (_ASKS.search(text) or (len(paths_in(text)) > 1 and _READS.search(text)))
            or _NOT.search(text)
            or _ABOUT.search(text)
        ):
            continue
        yield Need(_level(text), sentence.span)


def _level(text: str) -> Level:
    if len(_AT_ONCE.findall(text)) > 1 and _AGAIN.search(text):
        return Level.L3
    counts = [number_in(first or second) or 0 for first, second in _NUMBER.findall(text)]
    counts += [len(paths)] if len(paths := paths_in(text)) > 1 else []
    if TWO_AT_A_TIME.search(text) or (counts and max(counts) <= 2):
        return Level.L1
    return (
        Level.L2
        if counts
        or re.search(
            r"\b(?:all|each|every|multiple|several|these|those)\b|所有|每|多个|这些|各个", text, re.IGNORECASE
        )
        else Level.L1
    )


DETECTORS.register("tool.call.batch", Detector(RULES, find))
