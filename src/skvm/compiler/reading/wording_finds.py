"""Rules on the wording found in one sentence, each with the check a script can make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.reading.spotting import number_in
from skvm.skill.sieve import sieved

__all__ = ["Check", "is_terse_rule", "rules_found"]

Check = dict[str, str | int]
"""A rule as ``check.py`` reads it."""
_N = r"(\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty)"
_UNITS = r"(words?|characters?|chars?|sentences?|lines?|paragraphs?)"
_FORMS = (
    r"emojis?|exclamation (?:marks?|points?)|bullet(?: point)?s?|headings?|headers?|markdown|preambles?|"
    r"filler(?: words?)?|"
    r"hashtags?|em[- ]dash(?:es)?|passive voice|contractions|abbreviations|(?:nested )?lists|adjectives|"
    r"buzzwords?|jargon|"
    r"clich[eé]s?|code fences?|quotation marks|questions?|rhymes?|greetings?|adverbs|superlatives|slang|"
    r"acronyms|"
    r"semicolons?|parentheses|bold|italics|tables|links|numbers|digits|capital letters|introductions?|"
    r"explanations?|"
    r"commentary|first person|marketing (?:language|speak)|corporate speak|hedging"
)
_PLACES = (
    r"[\"“']|(?:(?:the|an?|your|their|its|one)\s+)?(?:[\w'’-]+\s+){0,3}(?:name|greeting|verb|question|number|"
    r"sentence|title|headline|word|summary|paragraph|emoji|phrase|hook|date|sign-?off|signature|"
    r"call[- ]to[- ]action|CTA|link|URL|letter|line|one-liner|quote|statement|period|full stop|"
    r"exclamation mark|noun|salutation|apology|statistic)\b"
)
_AT_MOST = re.compile(
    rf"\b(?:at most|no more than|not more than|max(?:imum)?\.?(?: of)?|up to|within|under|fewer than|"
    r"less than|"
    rf"below|never (?:talks? )?longer than|keep (?:it|this|each|them)?\s*(?:to|under))\s+{_N}\s+{_UNITS}\b"
    rf"|\b{_N}\s+{_UNITS}\s+(?:max(?:imum)?|or (?:less|fewer)|at most)\b",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(rf"\b(?:at least|no fewer than|minimum(?: of)?)\s+{_N}\s+{_UNITS}\b", re.IGNORECASE)
_EXACTLY = re.compile(
    rf"\b(?:exactly|in|use)\s+{_N}\s+(?:short\s+)?{_UNITS}\b|\b(?:one|a single)\s+(?:short\s+)?(sentence|"
    r"line)\b(?!\s+of code)",
    re.IGNORECASE,
)
_RANGE = re.compile(
    rf"\b{_N}\s*(?:-|–|to)\s*{_N}\s+(?:action\s+)?(words?|characters?|sentences?|bullets?|items?|"
    r"paragraphs?|lines?)\b",
    re.IGNORECASE,
)
_OPENS = re.compile(
    rf"\b(?:opens?|starts?|begins?)(?: each \w+)?\s+with\s+(?P<what>\*{{0,2}}(?:{_PLACES}|"
    rf"\d+ \w+ ?paragraph)[^,;.]{{0,60}})",
    re.IGNORECASE,
)
_ENDS = re.compile(
    rf"\b(?:ends?|closes?|finish(?:es)?)\s+with\s+(?P<what>\*{{0,2}}(?:{_PLACES})[^,;.]{{0,60}})",
    re.IGNORECASE,
)
_WORD = re.compile(
    r"\b(?:contains?|includes?|uses?|mentions?)\s+(?:the\s+)?(?:words?|phrases?|"
    r"terms?)\s+[\"“'`](?P<word>[^\"”'`]{1,40})[\"”'`]"
    r"(?P<often>\s+(?:exactly\s+)?(?:once|twice|\d+ times))?",
    re.IGNORECASE,
)
_BANNED = re.compile(
    r"\b(?:(?:never|(?:do|does) not|don['’]t)\s+(?:say|write|use|begin with|start with)|"
    r"avoid(?:\s+using)?|no)\s+"
    r"(?:the\s+)?(?:words?\s+|phrases?\s+|terms?\s+)?[\"“](?P<word>[^\"”\n]{1,40})[\"”]",
    re.IGNORECASE,
)
_NONE = re.compile(
    rf"\b(?:no|without|avoid|never (?:use|add|include)|(?:do not|don['’]t) (?:use|add|include|"
    r"write))\s+(?:any\s+)?"
    rf"(?P<form>(?:(?:meta|bold|nested|technical|corporate|marketing|introductory)\s+)?(?:{_FORMS}))\b",
    re.IGNORECASE,
)
_CASE = sieved(
    r"\b(?:in |all )?(?:lower ?case|upper ?case|title case|sentence case|all caps|capitals)\b|"
    r"\bimperative(?: mood| form)?\b|"
    r"\b(?:present|past) tense\b|\b(?:active voice|verb-first)\b|"
    r"\b(?:in|use|using|write in|avoid) (?:the )?(?:first|second|third) person\b|"
    r"\b(?:starts?|begins?)(?: \w+){0,3} with (?:a|an)(?: \w+)? verb\b",
    re.IGNORECASE,
)
_ONLY = sieved(
    rf"^\W*(?:{_FORMS})(?:\s+and\s+(?:{_FORMS}))?\s+only\b|\b(?:output|reply with|respond with|"
    r"answer with|return)\s+only\b(?!\s+(?:if|when|after|the results? of)\b)",
    re.IGNORECASE,
)
_COUNTED = sieved(
    r"\b(?:at least one\s+item|(?:at least one|at most \w+|max(?:imum)? \d+)\s+(?:bullet|example|point|"
    r"number|question|"
    r"heading)s?)\b"
    r"|\(max \d+\)",
    re.IGNORECASE,
)
_TERSE = re.compile(
    rf"^\W*(?:{_FORMS}|units?|sentences|paragraphs|words|dates|bullets?|citations?)\b", re.IGNORECASE
)
_CHINESE = re.compile(
    r"(?:不超过|不多于|最多|控制在|少于)\s*(?P<most>[\d一二两三四五六七八九十百]+)\s*个?(?P<unit>字|句|行|段)"
    r"|(?P<within>[\d一二两三四五六七八九十百]+)\s*个?(?P<unit2>字|句|行|段)(?:以内|之内)"
    r"|以[“\"](?P<opens>[^”\"]{1,20})[”\"](?:开头|开始)|以[“\"](?P<ends>[^”\"]{1,20})[”\"](?:结尾|结束|收尾)"
    r"|(?:不要|不得|禁止|不能|避免|不)(?:使用|出现|用|写)\s*[“\"]?(?P<none>感叹号|表情(?:符号)?|英文|标题|列表|网络用语|专业术语|"
    r"[^，。；“”\"]{1,12}(?=[”\"]))"
    r"|(?:必须|要)(?:包含|出现)[“\"](?P<word>[^”\"]{1,20})[”\"]",
)
_UNIT_NAMES = {
    "word": "words", "character": "characters", "char": "characters", "sentence": "sentences",
    "line": "lines", "paragraph": "paragraphs", "字": "letters", "句": "sentences",
    "行": "lines", "段": "paragraphs",
}  # fmt: skip
_FORM_CHECKS = {
    "emoji": "emoji", "exclamation": "exclamation mark", "bullet": "bullet", "heading": "heading",
    "header": "heading", "hashtag": "hashtag", "em": "em dash", "question": "question mark",
    "code": "code fence",
    "semicolon": "semicolon", "link": "link", "digit": "digit", "number": "digit", "table": "table",
    "list": "bullet",
    "感叹号": "exclamation mark", "表情": "emoji", "表情符号": "emoji", "标题": "heading", "列表": "bullet",
}  # fmt: skip
_EDGE_KINDS = (
    ("phone number", re.compile(r"\bphone number\b", re.IGNORECASE)),
    ("question mark", re.compile(r"\bquestion\b", re.IGNORECASE)),
    ("link", re.compile(r"\b(?:link|URL)\b", re.IGNORECASE)),
    ("number", re.compile(r"^(?:the |a )?number\b", re.IGNORECASE)),
    ("emoji", re.compile(r"\bemoji\b", re.IGNORECASE)),
)


def is_terse_rule(text: str) -> bool:
    """Whether a few words name a form of writing and what becomes of it ("Units on all targets.")."""
    return len(text.split()) <= 8 and _TERSE.match(text) is not None


def rules_found(text: str) -> Iterator[tuple[int, int, Check | None]]:
    """Where each rule stands in a sentence, and its check; ``None`` where no script can make one."""
    for hit in _AT_MOST.finditer(text):
        number, unit = (hit.group(1), hit.group(2)) if hit.group(1) else (hit.group(3), hit.group(4))
        less = re.match(r"(?:under|fewer|less|below)", hit.group(0), re.IGNORECASE) is not None
        yield hit.start(), hit.end(), _size("most", number, unit, less=less)
    for hit in _AT_LEAST.finditer(text):
        yield hit.start(), hit.end(), _size("least", hit.group(1), hit.group(2))
    for hit in _RANGE.finditer(text):
        yield hit.start(), hit.end(), None
    for hit in _EXACTLY.finditer(text):
        number, unit = (hit.group(1), hit.group(2)) if hit.group(1) else ("1", hit.group(3))
        yield hit.start(), hit.end(), _size("exactly", number, unit)
    for pattern, place in ((_OPENS, "opens"), (_ENDS, "ends")):
        for hit in pattern.finditer(text):
            yield hit.start(), hit.end(), _edge(place, hit.group("what"))
    for hit in _WORD.finditer(text):
        often = (hit.group("often") or "").lower()
        times = (
            1 if "once" in often else 2 if "twice" in often else number_in(re.sub(r"\D", "", often) or "x")
        )
        yield (
            hit.start(),
            hit.end(),
            {"kind": "word", "word": hit.group("word")} | ({"times": times} if times else {}),
        )
    for hit in _BANNED.finditer(text):
        yield hit.start(), hit.end(), {"kind": "word", "word": hit.group("word"), "times": 0}
    for hit in _NONE.finditer(text):
        first = re.split(r"[\s-]", hit.group("form").lower())
        form = next(
            (_FORM_CHECKS[stem] for word in first if (stem := word.rstrip("s")) in _FORM_CHECKS), None
        )
        yield (
            hit.start(),
            hit.end(),
            {"kind": "none", "form": form} if form and "nested" not in first else None,
        )
    for rare in (_CASE, _ONLY, _COUNTED):
        if once := rare.search(text):
            yield once.start(), once.end(), None
    for hit in _CHINESE.finditer(text):
        yield hit.start(), hit.end(), _chinese(hit)


def _size(kind: str, number: str, unit: str, *, less: bool = False) -> Check | None:
    value = number_in(number)
    name = _UNIT_NAMES[unit.lower() if unit.lower() in _UNIT_NAMES else unit.lower().rstrip("s")]
    return None if value is None else {"kind": kind, "unit": name, "number": value - less}


def _edge(place: str, what: str) -> Check | None:
    quoted = re.match(r"\W*[\"“'`]([^\"”'`]{1,60})[\"”'`]", what)
    if quoted and quoted.end() > 2:
        return {"kind": place, "text": quoted.group(1)}
    form = next((name for name, words in _EDGE_KINDS if words.search(what)), None)
    return {"kind": place, "form": form} if form else None


def _chinese(hit: re.Match[str]) -> Check | None:
    said = hit.groupdict()
    if number := said["most"] or said["within"]:
        return _size("most", number, said["unit"] or said["unit2"], less="少于" in hit.group(0))
    if said["opens"] or said["ends"]:
        return (
            {"kind": "opens", "text": said["opens"]}
            if said["opens"]
            else {"kind": "ends", "text": said["ends"]}
        )
    if said["word"]:
        return {"kind": "word", "word": said["word"]}
    form = _FORM_CHECKS.get(said["none"] or "")
    return {"kind": "none", "form": form} if form else None
