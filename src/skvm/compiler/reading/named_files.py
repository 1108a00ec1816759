"""Files a skill works with but tells nobody to open: what comes in, what comes out, what lists something."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from skvm.compiler.reading.names import FILE
from skvm.compiler.reading.paths import PATH, paths_in
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved

__all__ = ["files_given", "files_made", "made_in"]

_KEPT = (
    r"(?:listed|written|laid down|set down|set out|described|explained|defined|documented|given|found"
    r"|kept|stated|recorded"
    r"|specified|spelled out|summari[sz]ed|collected)"
)
_DOCUMENT = r"(?:[\w.-]+/)*[\w-]+\.(?:md|txt|csv|tsv|json|ya?ml|toml|ini)"
_KEPT_FILE = r"(?:assets|references?|data)/[\w./-]+\.\w{1,8}"
_LINK = rf"(?:\[[^\]\n]*\]\((?!https?:|#){_DOCUMENT}\)|`(?:{_DOCUMENT}|{_KEPT_FILE})`)"
_HELD_IN = re.compile(
    rf"\b(?:is|are|stands?|lies?|be)\s+(?:also |all |each )?(?:{_KEPT}\s+)?in\s+(?:the (?:file )?)?{_LINK}"
    rf"|\b(?:rules?|schema|table|list|limits?|kinds?|sizes?|values?|names?|codes?|weights?|template"
    rf"|layout|checklist|criteria"
    rf"|questions|patterns?|definitions?|benchmarks?)\s+(?:in|from|of)\s+{_LINK}"
    rf"|{_LINK}\s+(?:has|holds|lists|shows|says|tells|gives|names|explains|contains)\s+(?:the|all|which"
    rf"|what|how|each|every|a)\b"
    rf"|{TOLD}(?:start|begin|work|copy|go on)\s+(?:out\s+)?(?:from|with)\s+{_LINK}"
    rf"|{TOLD}(?:take|get|copy|look up|find|pick|tell|give|quote)\s[^.;\n`\[]{{1,50}}\s(?:from|in)\s+{_LINK}"
    rf"|{TOLD}(?:compare|match|check|hold|reconcile)\b[^.;\n`\[]{{1,60}}\s(?:with|against|to)\s+{_LINK}"
    rf"|以\s*{_LINK}\s*为准",
    re.IGNORECASE,
)
_OUTCOME = re.compile(
    r"^\W*(?:the|its|their|your|all|each)\s+(?:\w+\s+)?(?:results?|outputs?|answers?|reports?|outcome"
    r"|summary)\b",
    re.IGNORECASE,
)
_COMES_AS = re.compile(
    rf"\b(?:is|comes? (?:as|in)|arrives? as|are in|is (?:kept|given|stored|exported|sent|handed over) (?:as"
    rf"|in))\s+(?:the|a|one)\s+"
    rf"(?:[a-z]+ )?file(?:,? called| named)?\s+`{PATH}`",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"\b(?:write|writes|save|saves|create|creates|store|stores|put|puts|append|add|adds|log|record|export"
    r"|update|updates|generated?"
    r"|output|installed?|located|edit|delete|move)\b",
    re.IGNORECASE,
)
"""A sentence that says where something goes says nothing of reading it."""
_GIVEN_TITLE = re.compile(
    r"\b(?:what you (?:are given|get|have|receive)|given|inputs?|input files?|source files?|the files you)\b",
    re.IGNORECASE,
)
_FILE_HEAD = re.compile(r"\|\s*\**(?:input )?files?\**\s*\|", re.IGNORECASE)
_FILE_CELL = re.compile(rf"\|\s*`({PATH})`\s*\|")
_READ_THESE = re.compile(
    rf"{TOLD}(?:read|load|consult|open)\s+(?:these|the following)\b[^.;\n]{{0,80}}[:：]\W*$", re.IGNORECASE
)
_READ_ALL = re.compile(
    rf"{TOLD}(?:read|go through|open)\s+(?:all|every|each)\b(?:\s+(?:of\s+)?the)?\s+[a-z]+", re.IGNORECASE
)
_FOLDER = re.compile(rb"\b(?:folder|directory)\s+`[\w./-]+/`", re.IGNORECASE)
_LINE_READS = re.compile(
    rf"^\W*(?:read|see|load|consult)\s+`?(?:[\w.-]+/)+[\w-]+\.(?:md|txt)\b|^/read\s+{_DOCUMENT}\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_PROSE_FENCES = frozenset({"", "text", "txt", "plaintext"})
_CODE = re.compile(r"`[^`\n]*`|\]\([^)\n]*\)")
_ENDINGS = (b".md", b".txt", b".csv", b".tsv", b".json", b".y", b".toml")
_STEMS_GIVEN = (*_ENDINGS, b".ini", b"`assets/", b"`reference", b"read", b"consult", b"go through")
_QUICK = sieved(
    r"\b(?:in|from|of|with|against|to|file,?|called|named)\s+(?:the\s+(?:file\s+)?)?[`\[]|[`)]\s+(?:has"
    r"|holds|lists|shows|says|tells|gives|names"
    r"|explains|contains)\s|以\s*[`\[]|\b(?:read|consult|load|open|through)\s+(?:these|the following|all"
    r"|every|each)\b",
    re.IGNORECASE,
)
"""What stands in every sentence that says which file holds something; quicker to look for."""


def files_given(prose: Prose, outputs: Collection[str] = ()) -> Iterator[Span]:
    """Places that say which file something stands in or comes as, and lists of files to be read.

    Args:
        prose: The skill's prose.
        outputs: Files the skill says to write; what is said of them says nothing of reading.
    """
    made: set[str] | None = None
    for sentence in spotted(prose, _STEMS_GIVEN):
        text = sentence.text
        if not _QUICK.search(text):
            continue
        if _READ_THESE.search(text):
            if _has_path_below(prose, sentence):
                yield sentence.span
        elif _COMES_AS.search(text) or (
            _HELD_IN.search(text) and not _STATED.search(_CODE.sub("", text)) and not _OUTCOME.match(text)
        ):
            if made is None:
                made = {*outputs, *(name for _, name in files_made(prose))}
            if made.isdisjoint(paths_in(text)):
                yield sentence.span
        elif _READ_ALL.search(text) and _FOLDER.search(prose.skill.source):
            yield sentence.span
    yield from _listed(prose)
    for fence in prose.skill.fences:
        if fence.language not in _PROSE_FENCES:
            continue
        named = prose.skill.source.find(b".md", fence.content.start, fence.content.end) >= 0
        if named and _LINE_READS.search(prose.text(fence.content)):
            yield fence.span


def _listed(prose: Prose) -> Iterator[Span]:
    """First rows that name a file, of tables of files below a heading about what is given."""
    for heading in prose.skill.headings:
        if not _GIVEN_TITLE.search(heading.title):
            continue
        rows = [
            block
            for block in prose.blocks
            if heading.section.contains(block.span) and block.kind is BlockKind.ROW
        ]
        if (
            len(rows) > 1
            and _FILE_HEAD.match(prose.text(rows[0].span))
            and _FILE_CELL.match(prose.text(rows[1].span))
        ):
            yield rows[1].span


def _has_path_below(prose: Prose, sentence: Sentence) -> bool:
    below = prose.blocks[sentence.block + 1 : sentence.block + 3]
    return any(
        block.kind in (BlockKind.ITEM, BlockKind.ROW) and paths_in(prose.text(block.span)) for block in below
    )


_BECOMES = re.compile(
    r"\b(?:turn(?:s|ed)?\b[^.;:`]{0,40}\binto|becomes?|comes? out(?: of (?:it|this|that))?\s*:|goes into"
    r"|go into|the (?:result|outcome) is"
    r"|ends? up in|(?:is|are) (?:collected|gathered|summed up|put together) in)\s+(?!`)[^.;`\n]{0,40}[`(]?$",
    re.IGNORECASE,
)
_BECOMES_IT = re.compile(
    r"\b(?:goes? into|becomes?|ends? up in|the (?:result|outcome) is|comes? out(?: of (?:it|this"
    r"|that))?\s*:)\s+(?:the file )?`$",
    re.IGNORECASE,
)
_ADDED = sieved(
    rf"{TOLD}(?:put|enter|record|collect|list|note|add|append)\s[^.;:\n`]{{1,60}}\s(?:in|into|to)\s+`$"
    r"|\bwe\s+(?:write|make|fill in|keep|produce|leave)\s[^.;:\n`]{0,50}`$"
    r"|^\W*(?:outputs?|results?|deliverables?)\W{1,4}`$",
    re.IGNORECASE,
)
_AND = re.compile(r"[^.;]{0,80}\band `?")
_STEMS_MADE = (*_ENDINGS, b".html", b".xml", b"/`")


def made_in(text: str) -> list[str]:
    """The files a sentence says something becomes, or that something is to be put into."""
    found: list[str] = []
    for hit in FILE.finditer(text):
        before = text[max(0, hit.start() - 160) : hit.start()]
        is_next = found and _AND.fullmatch(before[before.rfind(found[-1]) + len(found[-1]) :])
        if is_next or any(words.search(before) for words in (_BECOMES, _BECOMES_IT, _ADDED)):
            found.append(hit.group(1))
    return list(dict.fromkeys(found))


_FILES_INTO = sieved(
    r"\b(?:we|you|and)\s+(?:then\s+)?(?:write|save|create"
    r"|put)\b[^.;`]{0,30}\bfiles?\s+(?:in)?to\s+(?:the\s+(?:folder|directory)\s+)?`[\w./-]+/`",
    re.IGNORECASE,
)


def files_made(prose: Prose) -> Iterator[tuple[Span, str]]:
    """Sentences that say what comes out of the work, with the file; headings that name such a file."""
    folders: list[str] = []
    for sentence in spotted(prose, _STEMS_MADE):
        if "`" not in sentence.text:
            continue
        for name in made_in(sentence.text):
            yield sentence.span, name
        if (into := _FILES_INTO.search(sentence.text)) is not None:
            folder = into.group(0).rpartition(" ")[2].strip("`")
            folders.append(folder)
            yield sentence.span, folder
    if folders:
        for heading in prose.skill.headings:
            title = heading.title.strip("`* ")
            if " " not in title and title.startswith(tuple(folders)):
                yield heading.span, title
