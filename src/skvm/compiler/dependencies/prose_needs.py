"""Words about needs: lists of requirements, commands in the text, what the frontmatter says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from skvm.compiler.dependencies.claim import NAMED, Claim, Place
from skvm.compiler.dependencies.hosts import key_service
from skvm.compiler.dependencies.installs import installed_by
from skvm.compiler.dependencies.pages import Line
from skvm.compiler.dependencies.shell_needs import command_claims, program_claim
from skvm.compiler.dependencies.tables import (
    INSTALLERS,
    distribution_of,
    distributions,
    normal,
    products,
    programs,
    service_names,
)
from skvm.compiler.reading.shell import read_shell
from skvm.skill.any_word import AnyWord
from skvm.skill.sieve import sieved

__all__ = ["OPTIONAL", "prose_claims", "requirement_claims"]

OPTIONAL = sieved(
    r"\boptional(?:ly)?\b|\bif (?:available|installed|needed|you (?:want|prefer|need))\b|\balternativ|"
    r"\bfallback\b|\brecommended\b|\bor\s*$|\bnice to have\b|可选",
    re.IGNORECASE,
)
_NEEDS_HEADING = sieved(
    r"^\W*(?:\d+[.)]?\s*)?(?:(?:system|python|required|external|runtime|technical|software|environment|node|additional|"
    r"core|tool|package|check|install(?:ing)?)\s+)*(?:requirements?|prerequisites?|prereqs?|dependenc(?:y|ies)|"
    r"what you need|required tools)\b|前置|依赖|先决条件|环境要求|前提",
    re.IGNORECASE,
)
_SAYS_NEED = sieved(
    r"\b(?:requires?|requirements?|prerequisites?|prereqs?|dependenc(?:y|ies)|depends on|needs?|"
    r"must (?:have|be)|make sure|ensure|powered by|automated by)\b|需要|依赖",
    re.IGNORECASE,
)
_NEGATED = sieved(
    r"\b(?:no|not|never|without|don['’]?t|doesn['’]?t|isn['’]?t|instead of|rather than|avoid|unlike)\b|"
    r"不需要|无需|不要|不使用",
    re.IGNORECASE,
)
_BEGINS_NEED = re.compile(
    r"\W*(?:requires?|requirements?|prereqs?|prerequisites?|dependenc\w+)\b", re.IGNORECASE
)
_INLINE = re.compile(r"`([^`\n]{1,300})`")
_CALL = re.compile(
    r"(numpy|scipy|pandas|matplotlib|seaborn|sklearn|statsmodels|torch|tensorflow|plotly|openpyxl|networkx|geopandas|"
    r"polars|pypdf|pdfplumber|cv2|skimage|sympy|xgboost|lightgbm)\.[\w.]+\("
)
_ITEM = re.compile(r"^\s*(?:>\s*)?(?:[-*+•]|\d+[.)]|\|)\s+(?:\[[ x]\]\s+)?(.*)$")
_LINK = re.compile(r"\[([^\]\n]+)\]\([^)\n]*\)")
_MARKS = re.compile(r"[*_`]+|[✅✔☑️🐍📦]+")
_RUNTIME = re.compile(
    r"\b(python|node(?:\.?js)?)\s*(?:version\s*)?[:(v]?\s*((?:>=|≥)?\s*\d+(?:\.\d+){0,2}(?:\s*[-–]\s*\d+(?:\.\d+)*)?\+?)?",
    re.IGNORECASE,
)
_PACKAGE = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]*\w)\s+(?:python\s+)?(?:package|library|module|driver|sdk)\b", re.IGNORECASE
)
_SERVICE = re.compile(
    r"(?<![\w.+-])((?:[A-Z][\w.+-]*\s+){0,2}[A-Z][\w.+-]*)\s+(?:API\s+(?:key|token|credentials?|access)|account|"
    r"access token|instance|credentials?|login|subscription)\b"
)
_MCP = re.compile(r"\b([A-Za-z][\w-]*)\s+MCP(?:\s+server)?\b")
_SPECED = re.compile(
    r"^([A-Za-z@][\w./-]*)(?:\s*\(?\s*((?:>=|≥|==|~=|>)\s*v?\d[\w.]*|"
    r"(?<=[ (])v?\d[\w.]*\+?))?(?:\s|$|[,)(:—–-])"
)
_USES = sieved(
    r"(?:\b(?:automat\w+|powered|driven) (?:by|with|via)|\busing|使用|基于|通过)\s+([A-Z][\w.-]*)", re.ASCII
)
_LOGIN = sieved(
    r"\b(?:log ?in|sign ?in|sign up|register|authenticated?|account|licen[sc]e|api key|token)\s+"
    r"(?:to|on|at|with|from|for)\s+((?:[A-Z][\w.]*\s?){1,2})",
    re.ASCII,
)
_REQUIRES = sieved(r"\b[Rr]equires\s+(?:an?\s+)?([A-Z][\w.]*)(?:\s+([A-Z][\w.]*))?", re.ASCII)
_KEY_NAME = re.compile(
    r"([A-Z][A-Z0-9_]*?)_(?:API_KEY|API_TOKEN|ACCESS_TOKEN|AUTH_TOKEN|BOT_TOKEN|TOKEN)", re.ASCII
)
_TRIGGERS = AnyWord(
    (
        *("`", "equire", "rereq", "epend", "MCP", "ython", "ode", "nsure", "nstall", "sing ", "icen", "oken"),
        *("ccount", "og in", "ogin", "ign ", "utomat", "API key", "需", "依赖", "前置", "使用"),
    )
)
"""A line without any of these says nothing of needs, outside a list of them."""


def prose_claims(lines: Sequence[Line], path: str, own: frozenset[str]) -> Iterator[Claim]:
    """What prose needs, line by line."""
    for line in lines:
        in_list = _lists_needs(line.headings[-2:])
        if not in_list and not _TRIGGERS.is_in(line.text):
            continue
        place = Place(
            path, line.number, OPTIONAL.search(f"{line.text} {' '.join(line.headings[-1:])}") is not None
        )
        yield from _inline_claims(line.text, place, own, in_list=in_list)
        yield from _used(line.text, place)
        item = _ITEM.match(line.text)
        if (in_list and item) or _BEGINS_NEED.match(line.text):
            yield from requirement_claims(item[1] if item else line.text, place, own)
        elif in_list or _SAYS_NEED.search(line.text):
            yield from _runtime_claims(line.text, place)


@lru_cache(maxsize=4096)
def _lists_needs(titles: tuple[str, ...]) -> bool:
    return any(_NEEDS_HEADING.search(title) for title in titles)


def _used(text: str, place: Place) -> Iterator[Claim]:
    """A tool the text says it works with, a service it says to log in to; known ones only."""
    for found in _USES.finditer(text):
        kind, target = products().get(found[1].lower(), ("", ""))
        if kind == "pip" and not _is_negated(text, found.start()):
            yield Claim(kind, target, place, NAMED, "comment", is_optional=place.is_optional)
    for found in _REQUIRES.finditer(text):
        both = "-".join(word for word in found.groups() if word).lower()
        kind, target = products().get(both) or products().get(found[1].lower()) or ("", "")
        if kind:
            yield Claim(kind, target, place, NAMED, "comment", is_optional=place.is_optional)
    for found in _LOGIN.finditer(text):
        name = re.sub(r"\W+", "", found[1]).lower()
        service = next((known for known in service_names() if known.replace("-", "") == name), None)
        if service and not _is_negated(text, found.start()):
            yield Claim("service", service, place, NAMED, "comment", is_optional=place.is_optional)


def _inline_claims(text: str, place: Place, own: frozenset[str], *, in_list: bool) -> Iterator[Claim]:
    """Commands between backticks: complete ones anywhere, bare names only where needs are listed."""
    if "`" not in text:
        return
    says = in_list or _SAYS_NEED.search(text) is not None
    for found in _INLINE.finditer(text):
        code = found[1].strip().removeprefix("$ ")
        words = code.split()
        if not words or _is_negated(text, found.start()):
            continue
        first = words[0]
        if (
            first in INSTALLERS
            or (first in ("sudo", "uv", "bun") and len(words) > 2)
            or code.startswith("python")
        ):
            yield from _inline_command(code, place, own)
        elif len(words) > 1 and first in programs() and not _is_title(words):
            for command in read_shell(code).commands:
                yield from command_claims(command, place, own, is_sure=False)
        elif called := _CALL.match(code):
            distribution, _known = distribution_of(called[1])
            yield Claim(
                "pip",
                distribution,
                place,
                NAMED,
                "comment",
                modules=(called[1],),
                is_optional=place.is_optional,
            )
        elif says and len(words) == 1 and (key := _KEY_NAME.fullmatch(code)):
            yield from key_service(key[1], place)
        elif says and len(words) == 1 and first in programs():
            yield from program_claim(first, place, own, is_sure=False)
        elif in_list and len(words) == 1 and normal(first) in distributions() and _ITEM.match(text):
            yield Claim("pip", first, place, NAMED, "comment", is_optional=place.is_optional)


def _is_negated(text: str, start: int) -> bool:
    """Whether the words right before a place say no to it."""
    clause = re.split(r"[.;|:!?。；]", text[max(0, start - 40) : start])[-1]
    return _NEGATED.search(clause) is not None


def _inline_command(code: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    for command in read_shell(code).commands:
        if list(installed_by(command.effective)) or len(command.words) > 1:
            yield from command_claims(command, place, own, is_sure=False)


def _is_title(words: list[str]) -> bool:
    return words[1][:1] in ("=", ":", "+", "→") or words[1] in ("and", "or", "is")


def requirement_claims(text: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    """What one item of a list of requirements names."""
    plain = _MARKS.sub("", _LINK.sub(r"\1", text)).strip()
    if _NEGATED.match(plain) or plain.lower().startswith("none"):
        return
    yield from _runtime_claims(plain, place)
    yield from _named_service(plain, place)
    parts = re.split(
        r",\s+(?:and\s+|or\s+)?|;\s+|\s+and\s+|\s\+\s",
        re.sub(
            r"^\W*(?:requires?|requirements?|prereqs?|prerequisites?|dependencies)\W*",
            "",
            plain,
            flags=re.IGNORECASE,
        ),
    )
    for part in parts[:12]:
        yield from _named_thing(part.strip(), place, own)


def _runtime_claims(text: str, place: Place) -> Iterator[Claim]:
    for found in _RUNTIME.finditer(text):
        behind = text[found.end() : found.end() + 1]
        name = "python3" if found[1].lower() == "python" else "node"
        if behind in ("-", "/", "_", "(") and not found[2]:
            continue
        if not found[2] and not re.search(
            r"\b(?:install|require|need|ensure|runtime|interpreter|with)", text, re.IGNORECASE
        ):
            continue
        spec = re.sub(r"\s+", "", found[2]).replace("≥", ">=").replace("–", "-") if found[2] else None
        yield Claim("system", name, place, NAMED, "comment", spec, is_optional=place.is_optional)


def _named_thing(part: str, place: Place, own: frozenset[str]) -> Iterator[Claim]:
    package = _PACKAGE.search(part)
    found = _SPECED.match(part)
    name = found[1] if found else ""
    lower = name.lower().rstrip(".:")
    if package and (normal(package[1]) in distributions() or "-" in package[1]):
        name = package[1]
        distribution = name if normal(name) in distributions() else distribution_of(name)[0]
        yield Claim("pip", distribution, place, NAMED, "comment", is_optional=place.is_optional)
    elif lower in products():
        kind, target = products()[lower]
        yield Claim(
            kind,
            target,
            place,
            NAMED,
            "comment",
            _spec(found[2] if found else None, kind),
            is_optional=place.is_optional,
        )
    elif name in programs() and len(part.split()) <= 6:
        yield from program_claim(name, place, own, is_sure=False)
    elif normal(name) in distributions() and len(name) > 3 and len(part.split()) <= 4:
        yield Claim(
            "pip",
            name.lower(),
            place,
            NAMED,
            "comment",
            _spec(found[2] if found else None, "pip"),
            is_optional=place.is_optional,
        )


def _spec(text: str | None, kind: str) -> str | None:
    if not text:
        return None
    plain = re.sub(r"\s+", "", text).replace("≥", ">=")
    if kind != "pip" or plain[0] in "><=~":
        return plain
    return f">={plain.rstrip('+').lstrip('v')}" if plain.endswith("+") else None


_NO_NAME = frozenset(
    [
        "a",
        "an",
        "the",
        "your",
        "valid",
        "active",
        "require",
        "requires",
        "get",
        "need",
        "create",
        "use",
        "obtain",
        "set",
        "an",
    ]
)


def _named_service(text: str, place: Place) -> Iterator[Claim]:
    for found in _SERVICE.finditer(text):
        words = [word for word in found[1].split() if word.lower() not in _NO_NAME]
        name = "-".join(words).lower()
        if name and not re.search(
            r"^(?:api|test|user|aws-iam|service|env|developer|free|paid|this|set)$", name
        ):
            yield Claim(
                "service",
                re.sub(r"[^\w.-]", "", name),
                place,
                NAMED,
                "comment",
                is_optional=place.is_optional,
            )
    mcp = _MCP.search(text)
    if mcp and mcp[1].lower() not in (
        "the",
        "an",
        "a",
        "your",
        "any",
        "this",
        "configured",
        "via",
        "use",
        "for",
    ):
        yield Claim(
            "service", f"{mcp[1].lower()}-mcp-server", place, NAMED, "comment", is_optional=place.is_optional
        )
