"""Reading free text: words, sentences, paragraphs and headings, and whether it is text at all.

What a prompt demands of prose is counted here, the way a reader would count it. What may be asked of any
text, asked for or not, is that its sentences are sentences: real words, none twice, no list of keywords.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skvm.target.answers import bare

__all__ = [
    "Section",
    "between",
    "contractions",
    "fault_of",
    "first_person",
    "frames",
    "has_word",
    "paragraphs",
    "plain",
    "sections",
    "sentences",
    "words",
]

_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['\u2019-][A-Za-z\u00c0-\u024f]+)*|\d+(?:[.,:]\d+)*")
_NO_END = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|No|vs|etc|e\.g|i\.e|a\.m|p\.m|approx|[A-Z])\.$", re.IGNORECASE
)
_ENDS = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]*_]*(?=\s|$)")
_HEADING = re.compile(r"^\s*(#{1,6})\s+(.+?)\s*#*\s*$")
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$")

# What holds English sentences together, and what cannot follow an article.
_GLUE_TEXT = (
    "a an the of to in on at by for with from and or but as is are was were be been has have had it its this "
    "that these those they them their he she his her him you your i my we our not no so if when while where "
    "who which what how into over under after before through between about each every some all one can could "
    "may might must will would shall should do does did there here then than up out off down near"
)
_GLUE = frozenset(_GLUE_TEXT.split())
_ARTICLES = frozenset({"a", "an", "the"})
_NEVER_AFTER_ARTICLE_TEXT = (
    "a an the of to at by for with from and or but is are was were be been has have had it its they them "
    "their he she his him into if when while must would should does did then"
)
_NEVER_AFTER_ARTICLE = frozenset(_NEVER_AFTER_ARTICLE_TEXT.split())
_MIN_WORDS, _MIN_TWICE_WORDS = 3, 4
_MIN_GLUED = 0.6
_MIN_GLUE, _MAX_GLUE = 0.12, 0.8
_MAX_REPEATED = 0.35
# Casual writing has many a sentence of one or two words.
_MIN_WHOLE = 0.3
_MAX_ODD = 0.1
_LONGEST = 24
_FEW = 20
_FEW_WORDS, _MAX_LEAD_WORDS = 12, 30
_VOWEL = re.compile(r"[aeiouy\u00c0-\u024f]")
_CONTRACTION = re.compile(
    r"\b(?:[a-z]+n['\u2019]t|(?:i|you|we|they|he|she|it|that|there|what|who|where|how|here|let)['\u2019]"
    r"(?:m|re|ve|ll|d|s))\b",
    re.IGNORECASE,
)
_FIRST = frozenset(("me", "my", "mine", "myself", "we", "our", "ours", "ourselves"))


_NUMBERED = frozenset(("War", "Part", "Act", "Book", "Volume", "Chapter", "Phase", "Type", "Class", "Level"))


def plain(text: str) -> str:
    """The text without a fence around it, marks of emphasis, and rules between its parts."""
    lines = bare(text).split("\n")
    lines = [re.sub(r"\*\*|__|`|(?<!\w)[*_](?=\w)|(?<=[\w.!?,;:])[*_](?!\w)", "", line) for line in lines]
    return "\n".join("" if _RULE.match(line) else line.rstrip() for line in lines).strip()


def words(text: str) -> list[str]:
    """Its words and numbers, in order and as written."""
    return _WORD.findall(text.replace("\u2019", "'"))


def sentences(text: str) -> list[str]:
    """Its sentences; an end without a full stop counts as one too, a heading does not."""
    found: list[str] = []
    for paragraph in paragraphs(text):
        start = 0
        for end in _ENDS.finditer(paragraph):
            piece = paragraph[start : end.end()].strip()
            following = paragraph[end.end() :].lstrip()[:1]
            if _NO_END.search(piece) and following and not _ENDS.match(piece[-2:]):
                continue
            # `"Stop!" she said` goes on.
            if following.islower():
                continue
            if words(piece):
                found.append(piece)
            start = end.end()
        if words(paragraph[start:]):
            found.append(paragraph[start:].strip())
    return found


def paragraphs(text: str) -> list[str]:
    """Blocks of lines between blank lines, each as one line; headings are none and end one."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if not line.strip() or _HEADING.match(line):
            blocks.append([])
        else:
            blocks[-1].append(line.strip())
    return [" ".join(block) for block in blocks if words(" ".join(block))]


def has_word(text: str, word: str) -> bool:
    """Whether a word or phrase stands in a text as such, in any case, also in the plural or possessive."""
    spaced = r"\s+".join(re.escape(part) for part in word.split())
    stem = re.escape(word[:-1]) + "ies|" if word.endswith("y") else ""
    return bool(re.search(rf"(?<![\w])(?:{stem}{spaced}(?:e?s)?)(?:['\u2019]s?)?(?!\w)", text, re.IGNORECASE))


def contractions(text: str) -> list[str]:
    """Its contractions with a pronoun or a negation; the possessive of a noun is none."""
    return [match[0] for match in _CONTRACTION.finditer(text)]


def first_person(text: str) -> list[str]:
    """Its words of the first person.

    ``US`` in capitals is a country, and an ``I`` after a name a number (World War I, Part I).
    """
    found = []
    for match in re.finditer(r"[A-Za-z]+(?:['\u2019][a-z]+)?", text):
        word = match[0].replace("\u2019", "'").split("'")[0]
        if word in ("us", "Us") or word.lower() in _FIRST:
            found.append(match[0])
        elif word == "I":
            before = re.search(r"([A-Za-z]+)\s+$", text[: match.start()])
            if not (before and _is_numbered(before[1], text[match.end() :])):
                found.append(match[0])
    return found


def _is_numbered(before: str, after: str) -> bool:
    """Whether an ``I`` is the number of what stands before it: a part, a war, a queen."""
    is_name = before[0].isupper() and before.lower() not in _GLUE
    goes_on = re.match(r"['\u2019](?:m|ve|ll|d)|\s+[a-z]", after)
    return before in _NUMBERED or (is_name and not goes_on)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it, up to the next heading.

    Args:
        title: Without marks and numbering.
        depth: 1 for ``#``, 2 for ``##``; 0 before the first heading.
        body: The text below it.
    """

    title: str
    depth: int
    body: str


def sections(text: str, titles: Sequence[str] = ()) -> list[Section]:
    """A text by its headings.

    Args:
        text: As :func:`plain` gives it.
        titles: Lines of which each is a heading though it has no ``#`` (a bold one), with depth 2.
    """
    wanted = {_title(title) for title in titles}
    found, title, depth, body = [], "", 0, list[str]()
    for line in text.split("\n"):
        heading = _HEADING.match(line)
        if heading or (_title(line) in wanted and not re.match(r"\s*[-+]\s|\s*\d+[.)]\s", line)):
            found.append(Section(title, depth, "\n".join(body).strip()))
            title, depth, body = (
                _title(heading[2] if heading else line),
                len(heading[1]) if heading else 2,
                [],
            )
        else:
            body.append(line)
    found.append(Section(title, depth, "\n".join(body).strip()))
    return found if found[0].body else found[1:]


def _title(line: str) -> str:
    line = re.sub(
        r"^\s*#*\s*(?:(?:section|chapter|part)\s+)?(?:\d+(?:\.\d+)*\s*[.):-]\s*)?",
        "",
        line,
        flags=re.IGNORECASE,
    )
    return line.strip().rstrip(":.").strip().lower()


def between(text: str, begin: str, end: str) -> str | None:
    """What stands between the last pair of two marker lines, ``None`` without a pair."""
    lines = text.split("\n")
    ends = [place for place, line in enumerate(lines) if line.strip().lower() == end.lower()]
    if not ends:
        return None
    begins = [place for place in range(ends[-1]) if lines[place].strip().lower() == begin.lower()]
    return "\n".join(lines[begins[-1] + 1 : ends[-1]]).strip() if begins else None


def fault_of(text: str) -> str:
    """Why a text is no text: a sentence twice, filler, a list of words; empty where it is one."""
    said = [
        tuple(word.lower() for word in words(sentence) if not word[0].isdigit())
        for sentence in sentences(text)
    ]
    return next(_faults([sentence for sentence in said if sentence]), "")


def _is_glue(word: str) -> bool:
    # Also the pronoun of a contraction.
    return word.partition("'")[0] in _GLUE


def _faults(said: Sequence[tuple[str, ...]]) -> Iterator[str]:
    whole = [sentence for sentence in said if len(sentence) >= _MIN_WORDS]
    flat = list(itertools.chain(*said))
    if not whole or len(whole) < _MIN_WHOLE * len(said):
        yield f"only {len(whole)} of {len(said)} sentences have {_MIN_WORDS} words or more"
        return
    for sentence, count in Counter(whole).items():
        if count > 1 and len(sentence) >= _MIN_TWICE_WORDS:
            yield f"a sentence stands twice: {' '.join(sentence)[:60]!r}"
    glued = sum(any(map(_is_glue, sentence)) for sentence in whole)
    share = sum(map(_is_glue, flat)) / len(flat)
    if glued < _MIN_GLUED * len(whole) or not _MIN_GLUE <= share <= _MAX_GLUE:
        yield "a list of words, not sentences"
    after = [second for first, second in itertools.pairwise(flat) if first in _ARTICLES]
    odd = sum(word in _NEVER_AFTER_ARTICLE for word in after)
    odd += sum(sentence[-1] in _ARTICLES for sentence in whole)
    if odd > max(1, _MAX_ODD * len(after)):
        yield "words in no order, not sentences"
    if sum(len(word) > _LONGEST or not _VOWEL.search(word) for word in flat) > _MAX_ODD * len(flat):
        yield "not made of real words"
    threes = list(zip(flat, flat[1:], flat[2:], strict=False))
    if len(threes) > _FEW and 1 - len(set(threes)) / len(threes) > _MAX_REPEATED:
        yield "the same phrases over and over"


def frames(text: str) -> list[str]:
    """The text, and what it is without a word to the reader before it, after it, or both."""
    blocks = re.split(r"\n\s*\n", text.strip())
    first, last = (len(words(block)) for block in (blocks[0], blocks[-1]))
    is_led = first <= _FEW_WORDS or (first <= _MAX_LEAD_WORDS and blocks[0].rstrip().endswith(":"))
    befores = [0, 1] if is_led and not _HEADING.match(blocks[0]) else [0]
    afters = [0, 1] if last <= _FEW_WORDS and not _HEADING.match(blocks[-1]) else [0]
    cuts = [(before, after) for before in befores for after in afters if before + after < len(blocks)]
    return ["\n\n".join(blocks[before : len(blocks) - after]) for before, after in cuts]
