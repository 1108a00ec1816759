"""Files a skill works with but tells nobody to open: what comes in, what comes out, what lists something."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skvm.compiler.reading.names import FILE
from skvm.compiler.reading.paths import PATH, paths_in
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import TOLD, spotted
from skvm.diagnostics import Span

__all__ = ["files_given", "files_made", "made_in"]

_KEPT = (
    r"(?:listed|written|laid down|set down|set out|described|explained|defined|documented|given|found"
    r"|kept|stated|recorded"
    r"|specified|spelled out|summari[sz]ed|collected)"
)
_DOCUMENT = r"(?:[\w.-]+/)*[\w-]+\.(?:md|txt|csv|tsv|json|ya?ml|toml|ini)"
_LINK = rf"(?:\[[^\]\n]*\]\((?!https?:|#){_DOCUMENT}\)|`{_DOCUMENT}`)"
_HELD_IN = re.compile(
    rf"\b(?:is|are|stands?|lies?|be)\s+(?:also |all |each )?(?:{_KEPT}\s+)?in\s+(?:the (?:file )?)?{_LINK}"
    rf"|\b(?:rules?|schema|table|list|limits?|kinds?|sizes?|values?|names?|codes?|weights?|template"
    rf"|layout|checklist|criteria"
    rf"|questions|patterns?|definitions?|benchmarks?)\s+(?:in|from|of)\s+{_LINK}"
    rf"|{_LINK}\s+(?:has|holds|lists|shows|says|tells|gives|names|explains|contains)\s+(?:the|all|which"
    rf"|what|how|each|every|a)\b"
    rf"|{TOLD}(?:start|begin|work|copy|go on)\s+(?:out\s+)?(?:from|with)\s+{_LINK}",
    re.IGNORECASE,
)
_OUTCOME = re.compile(
    r"^\W*(?:the|its|their|your|all|each)\s+(?:\w+\s+)?(?:results?|outputs?|answers?|reports?|outcome|summary)\b",
    re.IGNORECASE,
)
_COMES_AS = re.compile(
    rf"\b(?:is|comes (?:as|in)|arrives as|is (?:kept|given|stored|exported|sent|handed over) (?:as"
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
_STEMS_GIVEN = (
    *(
        b" in [",
        b" in `",
        b" from [",
        b" from `",
        b" of [",
        b" with [",
        b" with `",
        b" in the file",
        b" in\n[",
        b" in\n`",
    ),
    *(
        b") has ",
        b") holds",
        b") lists",
        b") shows",
        b") says",
        b") tells",
        b") gives",
        b") names",
        b") explains",
    ),
    *(
        b") contains",
        b"` has ",
        b"` holds",
        b"` lists",
        b"` shows",
        b"` says",
        b"` tells",
        b"` gives",
        b"` explains",
    ),
    *(
        b"` contains",
        b"file `",
        b"file, `",
        b"file called",
        b"file named",
        b"the files",
        b"read these",
        b"read the following",
    ),
    *(b"read all", b"read every", b"read each", b"go through", b"load these", b"open all", b"consult these"),
)


def files_given(prose: Prose) -> Iterator[Span]:
    """Places that say which file something stands in or comes as, and lists of files to be read."""
    has_folder: bool | None = None
    made = {name for _, name in files_made(prose)}
    for sentence in spotted(prose, _STEMS_GIVEN):
        text = sentence.text
        if _COMES_AS.search(text):
            if made.isdisjoint(paths_in(text)):
                yield sentence.span
        elif _READ_THESE.search(text):
            if _has_path_below(prose, sentence):
                yield sentence.span
        elif _HELD_IN.search(text) and not _STATED.search(_CODE.sub("", text)) and not _OUTCOME.match(text):
            if made.isdisjoint(paths_in(text)):
                yield sentence.span
        elif _READ_ALL.search(text):
            if has_folder is None:
                has_folder = _FOLDER.search(prose.skill.source) is not None
            if has_folder:
                yield sentence.span
    yield from _listed(prose)
    for fence in prose.skill.fences:
        if fence.language in _PROSE_FENCES and _LINE_READS.search(prose.text(fence.content)):
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
_ADDED = re.compile(rf"{TOLD}add\s+(?:a|one)\s+(?:line|row|entry|record)\s+to\s+`$", re.IGNORECASE)
_AND = re.compile(r"[^.;]{0,80}\band `?")
_STEMS_MADE = (
    b" into",
    b"become",
    b" out",
    b"the result is",
    b"outcome is",
    b"ends up in",
    b"end up in",
    b" in ",
    b"add a",
    b"add one",
)


def made_in(text: str) -> list[str]:
    """The files a sentence says something becomes, without telling anybody to write them."""
    found: list[str] = []
    for hit in FILE.finditer(text):
        before = text[: hit.start()]
        is_next = found and _AND.fullmatch(before[before.rfind(found[-1]) + len(found[-1]) :])
        if is_next or any(words.search(before) for words in (_BECOMES, _BECOMES_IT, _ADDED)):
            found.append(hit.group(1))
    return list(dict.fromkeys(found))


_FILES_INTO = re.compile(
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
