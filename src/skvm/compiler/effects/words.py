"""What a sentence asks for: the verb that rules it, the files it names, what it leans on."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from skvm.compiler.effects.resources import is_path, path_name
from skvm.compiler.reading.names import CODE, FILE
from skvm.skill.sieve import sieved

__all__ = [
    "AT_ONCE",
    "IN_TURN",
    "Asked",
    "SentenceKind",
    "ask_of",
    "leans",
    "leans_hard",
    "needs_steps",
    "refers_to",
]


class SentenceKind(enum.StrEnum):
    """What a sentence asks its reader to do, as far as its order matters."""

    READ = "read"
    CHECK = "check"
    WRITE = "write"
    TELL = "tell"
    ASK = "ask"
    REMARK = "remark"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sentence asks for.

    Args:
        kind: What it asks.
        reads: Files it has read.
        writes: Files it has written.
        conditional: Whether only in some cases.
    """

    kind: SentenceKind
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    conditional: bool = False


_LEAD = re.compile(
    r"(?:[*_~#>\s]|\[[ x]\]|\d+[.)]\s|(?:step|phase|stage)\s*\d+\s*[:.–—-]?|[^\w\s`\"'(<$./-])+",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\*\*[^*\n]{1,60}?(?::\*\*|\*\*\s*[:–—→-])\s*")
_POLITE = re.compile(
    r"(?:first|then|next|finally|now|also|please|always|optionally|just|simply|and|lastly|"
    r"you (?:should|must|can))\b,?\s+",
    re.IGNORECASE,
)
_VERBS = {
    SentenceKind.READ: "read load open consult view look see list inspect scan parse",
    SentenceKind.CHECK: "check verify validate",
    SentenceKind.WRITE: (
        "write save create generate produce export append add update edit modify store record log put "
        "move copy "
        "rename delete remove replace insert emit render build draft output"
    ),
    SentenceKind.TELL: "tell show present display report return summarize print share explain notify",
    SentenceKind.ASK: "ask confirm wait prompt request get",
}
_KIND_OF = {verb: kind for kind, verbs in _VERBS.items() for verb in verbs.split()}
_WORD = re.compile(r"[A-Za-z]+")
_CONFIRMS = sieved(
    r"\b(?:wait(?:s|ing)? (?:for|until)|(?:user|founder|human|their|explicit|get|ask for|request|"
    r"before) (?:confirmation|approval)|"
    r"ask (?:the )?(?:user|them|for|what|which|whether|if)|confirm (?:with|to|that|the|before)|"
    r"get (?:explicit |user )?(?:confirmation|approval)|"
    r"(?:user|customer|founder|human)(?:'s)? (?:approv|confirm|select|choos|pick|review)|"
    r"do not (?:proceed|continue)|full stop|"
    r"(?:after|upon|once) (?:\w+ )?(?:approval|approved|confirmed|confirmation))|用户确认|等待|询问用户",
    re.IGNORECASE,
)
_WHEN = sieved(
    r"\b(?:if|when|unless|otherwise|in case|depending|as needed|where|optional(?:ly)?)\b|如果|若|当",
    re.IGNORECASE,
)
_LEANS = sieved(
    r"\b(?:it|its|them|they|their|these|those|that|this|such|same|both|result(?:s|ing)?|output(?:s)?|"
    r"previous(?:ly)?|"
    r"prior|earlier|above|preceding|following|so far|findings?|found|based on|according to|accordingly|"
    r"chosen|selected|identified|detected|generated|created|extracted|collected|approved|corresponding|"
    r"relevant|"
    r"appropriate|specified|provided|final|remaining|each|all)\b|上述|以上|基于|结果|根据",
    re.IGNORECASE,
)
_LEANS_HARD = sieved(
    r"\b(?:them|they|those|these|such|previous(?:ly)?|prior|earlier|above|preceding|so far|findings?|found|"
    r"based on|according to|accordingly|chosen|selected|identified|detected|approved|corresponding|"
    r"relevant|appropriate|specified|provided|remaining|(?:for|on|with) (?:each|every))\b|"
    r"上述|以上|基于|根据",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\b(?:steps?|phases?|stages?)\s*(\d{1,2})(?:\s*(?:-|–|to|and|&|,)\s*(\d{1,2}))?", re.IGNORECASE
)
AT_ONCE = sieved(
    r"\b(?:in parallel|parallel(?:ly|ize|ise)|concurrently|simultaneously|at the same time|"
    r"independently of (?:each|one) (?:other|another)"
    r"|all at once|in (?:a|one) single (?:message|turn)|in one (?:message|turn))\b|并行|同时",
    re.IGNORECASE,
)
"""Words that say things may go at once."""
IN_TURN = sieved(
    r"\b(?:one (?:at a time|by one|after (?:the other|another))|sequential(?:ly)?|in (?:strict )?order|"
    r"in sequence|serially|"
    r"before (?:moving|going|proceeding|continuing)|not? (?:in parallel|concurrent|parallel|"
    r"simultaneous)|never (?:in parallel|simultaneous)|"
    r"rate[- ]limit|delay|sleep|wait between|throttl|(?:do not|don't|avoid|never)[^.]{0,40}(?:parallel|"
    r"concurren|simultan|at once))\b|依次|逐个|逐一",
    re.IGNORECASE,
)
"""Words that say things must not."""
_DECLARES = re.compile(
    r"(?:the|this|that|these|it|there|they|output|outputs|expected|default|example|examples|note|usage|"
    r"parameters|input|"
    r"inputs|requires|required|optional|supported|where|why|what|options?|format)\b",
    re.IGNORECASE,
)
_COMPLETE = re.compile(r"[`\"'(<$\w]")


@lru_cache(maxsize=4096)
def ask_of(text: str) -> Asked:  # noqa: PLR0911 - one return a kind of sentence
    """What a sentence asks for; ``other`` where that is not known."""
    plain = _LABEL.sub("", text, count=1) if text.startswith("**") else text
    lead = _LEAD.match(plain)
    plain = plain[lead.end() :] if lead else plain
    while polite := _POLITE.match(plain):
        plain = plain[polite.end() :]
    if not _COMPLETE.match(plain) or not plain.strip():
        return Asked(SentenceKind.REMARK)
    conditional = _WHEN.search(text) is not None
    if _CONFIRMS.search(text):
        return Asked(SentenceKind.ASK, conditional=conditional)
    verb = _WORD.match(plain)
    kind = _KIND_OF.get(verb[0].lower()) if verb else None
    files = _files(text)
    if kind is None:
        remark = not files and _DECLARES.match(plain) is not None
        return Asked(SentenceKind.REMARK if remark else SentenceKind.OTHER, conditional=conditional)
    names = tuple(dict.fromkeys(name for name, _ in files))
    if kind in {SentenceKind.READ, SentenceKind.CHECK}:
        if kind is SentenceKind.READ and not names:
            return Asked(SentenceKind.OTHER, conditional=conditional)
        return Asked(kind, reads=names, conditional=conditional)
    if kind is SentenceKind.WRITE:
        # "Create a.md from b.json": what follows "from" is read.
        read, written = _roles(text, files)
        return Asked(kind, read, written, conditional)
    return Asked(kind, reads=names, conditional=conditional)


def _roles(text: str, files: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which files of a sentence of writing are read, and which are written."""
    found: dict[bool, dict[str, None]] = {True: {}, False: {}}
    is_read, before = False, -1
    for name, at in files:
        goes_on = before >= 0 and _GOES_ON.match(text[before:at]) is not None
        if not (goes_on and is_read):
            is_read = _COMES_FROM.search(text[max(0, at - 24) : at]) is not None
        found[is_read][name] = None
        before = at
    return tuple(found[True]), tuple(found[False])


_GOES_ON = re.compile(
    r"[\"'`*]*\S+?[\"'`*]*(?:\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or|&)\s+)(?:the\s+)?[\"'`*]*\Z"
)
"""A file and what leads on to the next one of a list."""
_COMES_FROM = re.compile(
    r"\b(?:from|using|based on|of|with|in|per|see|following)\s+(?:the\s+)?[\"'`*]*$", re.IGNORECASE
)


_TWO_FILES = re.compile(r"[\w-]+\.\w{1,5}(?:/[\w-]+\.\w{1,5})+\Z")


def _alternatives(name: str) -> list[str]:
    """The files of ``package.json/composer.json``; else the one file."""
    return name.split("/") if _TWO_FILES.match(name) else [name]


def _files(text: str) -> list[tuple[str, int]]:
    """The names of files in a sentence with where they stand."""
    found: dict[int, str] = {}
    if "`" in text:
        for code in CODE.finditer(text):
            if " " not in code[1].strip() and is_path(code[1].strip()):
                for offset, file in enumerate(_alternatives(code[1].strip())):
                    found[code.start() + offset] = path_name(file)
    if "." in text:
        for name in FILE.finditer(text):
            is_product = name[1].endswith(".js") and name[1][0].isupper()
            if not is_product and not any(
                at <= name.start() <= at + len(other) + 3 for at, other in found.items()
            ):
                found[name.start()] = path_name(name[1])
    return [(found[at], at) for at in sorted(found)]


def leans(text: str) -> bool:
    """Whether a sentence speaks of something said or found before."""
    return _LEANS.search(text) is not None


def leans_hard(text: str) -> bool:
    """The same of a sentence with an exact command in it, where “all” and “the result” only describe."""
    return _LEANS_HARD.search(text) is not None


_NEEDED = re.compile(
    r"\b(?:after|once|from|using|results? of|outputs? of)\s+(?:the\s+)?(?:completing\s+)?"
    r"(?:steps?|phases?|stages?)\s*(\d{1,2})(?:\s*(?:-|–|to|and|&|,)\s*(\d{1,2}))?",
    re.IGNORECASE,
)


def needs_steps(text: str) -> list[int]:
    """The numbers of the steps a text says must have been done, or whose result it uses."""
    if "tep" not in text and "hase" not in text and "tage" not in text:
        return []
    return [number for found in _NEEDED.finditer(text) for number in _numbers(found)]


def _numbers(found: re.Match[str]) -> range:
    first, last = int(found[1]), int(found[2] or found[1])
    return range(first, min(last, first + 30) + 1)


def refers_to(text: str) -> list[int]:
    """The numbers of the steps a text names."""
    if "tep" not in text and "hase" not in text and "tage" not in text:
        return []
    return [number for found in _REFERENCE.finditer(text) for number in _numbers(found)]
