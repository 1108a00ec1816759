"""What needs ``tool.browser``: pages the agent works on in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import has_command
from skvm.compiler.reading.spotting import TOLD, looked_for, spotted, stems
from skvm.target.contract import Level

RULES = {
    Level.L1: "a page opened in a browser and read",
    Level.L2: "a form filled in and submitted",
    Level.L3: "a login through a form, then links over several pages in that session",
}
_TOOL = re.compile(
    rb"browser[ -](?:tool|automation|mcp|control|session|agent|use)|`browser`|(?:use|using|with|via|control"
    rb"|through|open|opens|start) "
    rb"(?:the|a|an|your) (?:\w+ )?browser\b|chrome devtools|browser_(?:navigate|click|snapshot|type)"
    rb"|playwright mcp|"
    rb"puppeteer|headless (?:browser|chrom)|agent-browser|stagehand|browserbase|" + "浏览器".encode(),
)
_TOOL_STEMS = stems("browser|chrome devtools|playwright mcp|puppeteer|headless|stagehand|浏览器")
_STEMS = stems(
    "click|navigat|fill|submit|log in|login|sign in|open|go to|visit|browser|snapshot|screenshot|"
    "select the|scroll|点击|打开|填写|登录|提交"
)
_PAGE = r"(?:page|site|website|url|tab|link|browser|button|form|element|menu|drop-?down|https?://)"
_OPENS = re.compile(
    rf"{TOLD}(?:navigate|browse|go)\s+to\s+(?:the|each|every|that|its|their|this"
    rf"|`?https?:)[^.;]{{0,60}}?(?:\b{_PAGE}|https?://)"
    rf"|{TOLD}(?:open|visit|load)\s+(?:the|each|every|that|its|this|a|`?https?:)[^.;]{{0,50}}?(?:\b(?:page"
    rf"|site|website|url|tab|browser)\b|https?://)"
    rf"|{TOLD}click\s+(?:on\s+)?(?:(?:the|each|every|a|next)\b|[\"`])"
    rf"|{TOLD}take\s+(?:a|another|the)\s+(?:\w+\s+)?(?:snapshot|screenshot)\b[^.;]{{0,40}}\b(?:page|browser"
    rf"|site)?"
    rf"|{TOLD}use (?:the )?`?browser`?(?:_\w+)?`?\s+(?:tool|mcp|automation|to)\b"
    r"|(?:打开|访问)[^。；;\n]{0,20}(?:网页|页面|https?://)|点击",
    re.IGNORECASE,
)
_FORM = re.compile(
    rf"{TOLD}(?:fill(?:\s+(?:in|out))?|complete)\s+(?:the|each|every|a|its"
    rf"|out the)\b[^.;]{{0,40}}?\b(?:form|fields?|inputs?)\b"
    rf"|{TOLD}submit\s+(?:the|each|a)\s+(?:\w+\s+)?form\b|填写[^。；;\n]{{0,20}}表单|提交表单",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    rf"{TOLD}(?:log|sign) ?in(?:to)?\s+(?:to|at|on|with|as|through|using|https?)\b|登录", re.IGNORECASE
)
_OVER_PAGES = re.compile(
    r"\b(?:all|every|each|several|through the|next) pages?\b|\bfollow\b[^.;]{0,40}\b(?:links?|next"
    r"|pages?)\b|各页|所有页|逐页|每一页",
    re.IGNORECASE,
)
_FOR_PEOPLE = re.compile(
    r"\b(?:the users?|your (?:browser|phone|account)|tell (?:the|them)|ask (?:the|them)|users? (?:can|must"
    r"|should)|manually|"
    r"developer portal|api keys?|settings|permissions?|install|sign up|dashboard)\b",
    re.IGNORECASE,
)


def find(reading: Reading) -> Iterator[Need]:
    """What the agent does on a page, in skills that speak of a browser it controls."""
    prose = reading.prose
    if not looked_for(_TOOL_STEMS).is_in_utf8(prose.lowered_text) or _TOOL.search(prose.lowered) is None:
        return
    for sentence in spotted(prose, _STEMS):
        text = sentence.text
        if _LOGIN.search(text) and _OVER_PAGES.search(text):
            yield Need(Level.L3, sentence.span)
        elif _FOR_PEOPLE.search(text) or has_command(prose, sentence):
            continue
        elif _FORM.search(text):
            yield Need(Level.L2, sentence.span)
        elif _OPENS.search(text):
            yield Need(Level.L1, sentence.span)


DETECTORS.register("tool.browser", Detector(RULES, find))
