"""What needs ``tool.web``: data the agent gets from a web server itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.need import DETECTORS, Detector, Need, Reading
from skvm.compiler.reading.commands import has_command, is_shell
from skvm.compiler.reading.prose import Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted, stems
from skvm.skill.sieve import sieved
from skvm.target.contract import Level

RULES = {
    Level.L1: "one page or document from a given address, or a search of the web",
    Level.L2: "a request put together from parameters, or records to filter or to add up",
    Level.L3: "a token in a header, all pages of a list, details looked up by id",
}
_STEMS = stems(
    "http|fetch|search|request|endpoint|web| api|pages of|all pages|paginat|get /|get `|post /|"
    "download|scrape|请求|抓取|网页|搜索|接口"
)
_ADDRESS = r"(?:https?://[^\s)\"'`]+)"
_WEB_SEARCH = sieved(
    rf"{TOLD}(?:research|find|gather|look up|fetch|check|verify|collect)\b[^.;]{{0,80}}\b(?:using|via"
    rf"|with) (?:the )?web[_ ]?search\b|"
    rf"{TOLD}(?:use|run|do|perform|conduct)\s+(?:\w+\s+){{0,2}}`?(?:web[_ -]?search(?:es)?|websearch"
    rf"|webfetch|web[_ -]?fetch)\b"
    rf"|{TOLD}(?:search|browse|research)\s+(?:on\s+)?(?:the\s+)?(?:web|internet|online)\b"
    rf"|{TOLD}(?:webfetch|web[_ ]fetch)\b(?=\s+(?:the|each|all|every|it)\b|[`(])"
    rf"|{TOLD}google\s+(?:for|the|it)\b"
    r"|(?:网络|联网|网上|互联网)(?:上)?(?:搜索|查询|查找)|搜索(?:网络|互联网|网页)",
    re.IGNORECASE,
)
_DATA_ADDRESS = (
    r"https?://[^\s)\"'`]*(?:\bapi\b|/v\d|\.json|\.xml|\.csv|\?\w+=|raw\.githubusercontent|rss|feed)"
)
_GET = sieved(
    rf"{TOLD}(?:re-?)?(?:fetch|request|scrape|crawl|query)\b[^;\n]{{0,80}}?{_ADDRESS}"
    rf"|{TOLD}(?:get|download|retrieve|pull|load|read|hit|call|access)\b[^;\n]{{0,80}}?{_DATA_ADDRESS}"
    rf"|(?:^|[\s`(:])(?:GET|POST|PUT|PATCH|DELETE)\s+`?{_ADDRESS}"
    rf"|{TOLD}fetch\b[^.;\n]{{0,60}}?\b(?:web ?pages?|urls?|websites?|web ?sites?|rss|feeds?|(?:the|from"
    rf"|live) (?:\w+ )?api|"
    rf"endpoint|homepage)\b"
    rf"|{TOLD}(?:call|query|hit)\s+(?:the\s+|this\s+)?(?:[\w.`-]+\s+){{0,3}}(?:api|endpoint)\b"
    rf"(?=[^.;]{{0,40}}\b(?:to get|to fetch|to retrieve|and read)\b)"
    rf"|{TOLD}(?:scrape|crawl)\s+(?:the|each|all|every|their)\b[^.;]{{0,40}}\b(?:sites?|pages?|urls?"
    rf"|website)\b"
    rf"|{TOLD}(?:use|call|check|list|get|inspect|review|poll|search|confirm|create|delete|update|send|fetch"
    rf"|query|calling)\b"
    r"[^.;`\n]{0,60}`(?:GET|POST|PUT|PATCH|DELETE) /[^`\n]*`"
    r"|(?:请求|调用|抓取|访问|获取)[^。；;\n]{0,30}(?:https?://|网页|接口|网址)",
    re.IGNORECASE,
)
_DOES = re.compile(
    r"\b(?:(?:re-?)?fetch|web_?fetch|request|scrape|crawl|query|get|list|send|go|page|look|download"
    r"|retrieve|pull|load|read|hit|call"
    r"|access|search|browse|research|google|use|run|do|perform|conduct|post|put|patch|delete)\b"
    r"|[请调抓访获搜联网查翻逐]",
    re.IGNORECASE,
)
"""A verb of every request; quicker to look for than the request."""
_NOT_DONE = sieved(
    r"\b(?:do not|don['’]t|never|cannot|can['’]t|without|no|unless|instead of|falls? back to"
    r"|rather than)\b[^.;]{0,40}"
    r"\b(?:fetch|web|search|request|scrape|crawl)|^\W*(?:this|the) (?:\w+ )?(?:skill|script|tool|agent"
    r"|server|plugin|command)s? "
    r"|(?:不要|禁止|无需)[^。]{0,10}(?:抓取|搜索|请求)",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)", re.IGNORECASE)
_FOR_PEOPLE = re.compile(
    r"\b(?:sign up|register|create an? (?:\w+ )?(?:account|app)|in your browser|api[ -]?keys?|credentials"
    r"|get (?:your|a|an) (?:\w+ )?(?:key|token|account)|"
    r"download (?:and install|the (?:app|installer|utility|sdk))|install(?:ed|er|ation)?|support|docs?:"
    r"|documentation|license|licence)\b",
    re.IGNORECASE,
)
_REQUEST = sieved(
    rf"{TOLD}(?:request|fetch|query|get|list|send|go through|page through|look up|retrieve)\b|请求|查询"
    rf"|获取|翻页|逐页",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b(?:send|pass|put|set|include|add|with)\b[^.;]{0,50}\b(?:token|key|header|bearer|authori[sz]ation)\b"
    r"[^.;]{0,40}\b(?:header|in every request|in each request|with every request|with each request"
    r"|authori[sz]ation|bearer|X-[\w-]+)"
    r"|请求头",
    re.IGNORECASE,
)
_PAGES = re.compile(
    r"\b(?:all|every|each|through the) pages?\b|\b(?:paginat\w+|page through|next page|until (?:`?next`?"
    r"|there is no|no more))\b|所有页|逐页|翻页",
    re.IGNORECASE,
)
_BY_ID = re.compile(
    r"\b(?:look up|fetch|get|request)\b[^.;]{0,50}\b(?:by|for) (?:its|their|each|every"
    r"|the)\s+(?:`?\w*_?id`?s?|identifier)\b|\{id\}",
    re.IGNORECASE,
)
_FILTERS = re.compile(
    r"\b(?:keep|filter|drop|only|select|leave out)\b[^.;]{0,60}\b(?:records?|entries|rows?|items?|results?"
    r"|those)\b"
    r"|\b(?:add up|sum|count|total|average)\b|筛选|过滤|汇总|合计",
    re.IGNORECASE,
)
_PARAMETERS = re.compile(
    r"\b(?:parameters?|query string|units? of|as (?:json|csv)|page size)\b|[?&]\w+=\{|参数", re.IGNORECASE
)
_SERVICE = re.compile(
    rb"\b(?:get|post) `?/|`(?:get|post) |https?://[^\s)\"'`]*(?:api|/v\d|data\.|service\.)|endpoint"
    rb"|web requests|fetches web",
)
_CLIENT = re.compile(r"\s*(?:\$\s+)?(?:curl|wget|http|https|python3?|node|gh|npx|uv|bash|sh|\./|scripts/)\b")
_TOOL = re.compile(
    rb"(?:tool|tools|access)\W+(?:that|which|to)\W+(?:fetch|make|request|load|get)[^\n]{0,30}(?:web|http"
    rb"|page|request)"
    rb"|web (?:requests?|access|fetch|tool)|webfetch|http tool",
)


def find(reading: Reading) -> Iterator[Need]:
    """Requests the agent is told to make; a command that makes them, or an address only named, needs none."""
    prose = reading.prose
    for fence in prose.skill.fences:
        if not is_shell(fence) and fence.language not in {"", "http", "text"}:
            continue
        if re.match(rf"\s*(?:GET|POST)\s+{_ADDRESS}", prose.text(fence.content)):
            yield Need(Level.L1, fence.span)
    is_service = _Service(prose.lowered)
    for sentence in spotted(prose, _STEMS):
        level = _level(prose, sentence, is_service)
        if level is not None:
            yield Need(level, sentence.span)


class _Service:
    """Whether a skill speaks of a service on the web; its whole text is searched when first asked."""

    def __init__(self, lowered: bytes) -> None:
        self._lowered = lowered
        self._is: bool | None = None

    def __bool__(self) -> bool:
        if self._is is None:
            self._is = _TOOL.search(self._lowered) is not None or _SERVICE.search(self._lowered) is not None
        return self._is


def _level(prose: Prose, sentence: Sentence, is_service: _Service) -> Level | None:
    text = sentence.text
    if not _DOES.search(text) or _NOT_DONE.search(text):
        return None
    if _WEB_SEARCH.search(text):
        return Level.L1
    asks = _GET.search(text) is not None or (_REQUEST.search(text) is not None and bool(is_service))
    if not asks or _LOCAL.search(text) or _FOR_PEOPLE.search(text) or has_command(prose, sentence, _CLIENT):
        return None
    hard = sum(bool(words.search(text)) for words in (_HEADER, _PAGES, _BY_ID))
    if hard > 1:
        return Level.L3
    if _FILTERS.search(text) and (_PARAMETERS.search(text) or is_service):
        return Level.L2
    return Level.L1 if _GET.search(text) else None


DETECTORS.register("tool.web", Detector(RULES, find))
