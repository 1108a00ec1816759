"""``gen.text.long``: a list, a report and a whole document, of the size that is claimed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from skvm.target.contract import (
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.passages import (
    Section,
    between,
    fault_of,
    frames,
    has_word,
    paragraphs,
    plain,
    sections,
    sentences,
    words,
)
from skvm.target.sentences import Writer, listed
from skvm.target.vocabulary import CITIES, NOUNS

SMALL_CHARS = 1000
LARGE_CHARS = 5000
_ITEM_WORDS = 6
_REPORT_SECTIONS = 4
_PARAGRAPHS = 2
_PARAGRAPH_SENTENCES = 3
_PART_WORDS = 70
_AIM_WORDS = 160
_AIM_PARAGRAPH_WORDS = 45
_SUMMARY_SENTENCES = 2

_SECTIONS = (
    *("Getting There", "Food", "Markets", "Weather", "Crafts", "Walks", "Lodging", "Festivals", "Schools"),
    *("Music", "Gardens", "Workshops", "Legends", "Bridges", "Neighbours", "Trades"),
)
_PARTS = (
    *("Early Years", "Daily Work", "Old Rules", "Quiet Corners", "Common Mistakes", "Tools and Materials"),
    *("A Typical Day", "What Visitors Say", "Costs", "Winter Habits", "Good Manners", "Local Heroes"),
    *("Changes", "Night Hours", "Small Secrets", "The Next Generation", "Rare Sights", "Helping Hands"),
)

Demands = Mapping[str, Any]


# L1: a numbered list between two markers.


def _markers(rng: random.Random) -> tuple[str, str]:
    word = rng.choice(NOUNS).upper()
    return f"=== BEGIN {word} ===", f"=== END {word} ==="


def _write_list(demands: Demands, order: Sequence[str], rng: random.Random) -> str:
    writer = Writer(rng, order)
    while True:
        lines = [f"{place}. {writer.sentence(word)}" for place, word in enumerate(order, start=1)]
        if len("\n".join(lines)) < SMALL_CHARS:
            return "\n".join([demands["begin"], *lines, demands["end"]])


def _list(rng: random.Random) -> Probe:
    begin, end = _markers(rng)
    asked = rng.sample(NOUNS, rng.randint(5, 6))
    demands: Demands = {"words": asked, "begin": begin, "end": end}
    right = _write_list(demands, asked, rng)
    swapped = [asked[1], asked[0], *asked[2:]]
    lines = right.split("\n")
    bare_list = [f"{place}. {word}" for place, word in enumerate(asked, start=1)]
    filler = [f"{place}. This is a sentence about the {word}." for place, word in enumerate(asked, start=1)]
    return Probe(
        prompt=(
            f"Write a numbered list of {len(asked)} sentences, one for each of these words, in this order: "
            f"{listed(asked)}.\n"
            "- Each item is one line: its number as in `1. `, and then one sentence of at least "
            f"{_ITEM_WORDS} words that contains the word.\n"
            "- Every sentence says something different.\n"
            f"- Put the line `{begin}` before the list and the line `{end}` after it.\n"
            f"- Between these two lines there are fewer than {SMALL_CHARS} characters, and nothing but the "
            "list."
        ),
        reference=Answer(right),
        also=[
            Answer(re.sub(r"^(\d)\.", r"\1)", right, flags=re.MULTILINE)),
            Answer(right.replace("\n", "\n\n")),
        ],
        wrong=[
            Answer(_write_list(demands, swapped, rng)),
            Answer("\n".join(lines[1:-1])),
            Answer("\n".join([begin, *lines[1:-2], end])),
            Answer("\n".join([begin, *bare_list, end])),
            Answer("\n".join([begin, *filler, end])),
        ],
        secret=demands,
    )


async def _grade_list(probe: Probe, work: Work) -> Verdict:
    demands = probe.secret
    inside = between(plain(work.response), demands["begin"], demands["end"])
    if inside is None:
        return Verdict(False, f"not between the lines {demands['begin']} and {demands['end']}")
    fault = _list_fault(demands["words"], inside)
    return Verdict(not fault, fault or f"a list of {len(inside)} characters")


def _list_fault(asked: Sequence[str], inside: str) -> str:
    items = re.findall(r"^\s*(?:[-*]\s+)?(\d+)[.):]\s+(.+(?:\n(?!\s*\d+[.):]).+)*)", inside, re.MULTILINE)
    if [int(number) for number, _ in items] != list(range(1, len(asked) + 1)):
        return f"expected items 1 to {len(asked)}, found {', '.join(number for number, _ in items) or 'none'}"
    if len(inside) >= SMALL_CHARS:
        return f"{len(inside)} characters, not fewer than {SMALL_CHARS}"
    if words(inside.split(items[0][0], 1)[0]):
        return "there is something before the list"
    for word, (number, text) in zip(asked, items, strict=True):
        if not has_word(text, word):
            return f"item {number} does not contain {word}"
        if len(words(text)) < _ITEM_WORDS or len(sentences(text)) != 1:
            return f"item {number} is not one sentence of {_ITEM_WORDS} words or more"
    return fault_of("\n\n".join(text for _, text in items))


# L2: a report with a title, sections and paragraphs.


def _write_report(demands: Demands, asked: Sequence[Sequence[str]], rng: random.Random) -> str:
    writer = Writer(rng, [word for each in asked for word in each])
    blocks = [f"# {demands['title']}"]
    for (name, _), about in zip(demands["sections"], asked, strict=True):
        blocks.append(f"## {name}")
        blocks += [writer.sentences(_PARAGRAPH_SENTENCES, [word]) for word in about]
    return "\n\n".join(blocks)


def _report(rng: random.Random) -> Probe:
    names = rng.sample(_SECTIONS, _REPORT_SECTIONS)
    drawn = rng.sample(NOUNS, 2 * len(names))
    asked = [[name, drawn[2 * i : 2 * i + 2]] for i, name in enumerate(names)]
    demands: Demands = {"title": f"A Guide to {rng.choice(CITIES)}", "sections": asked}
    each = [about for _, about in asked]
    right = _write_report(demands, each, rng)
    blocks = right.split("\n\n")
    topics = "\n".join(f"## {name} (mention: {about[0]}, {about[1]})" for name, about in asked)
    shape = topics.replace("(mention: ", "(").replace("(", "\nThis part is about ").replace(")", ".")
    return Probe(
        prompt=(
            f"{demands['title'].removeprefix('A Guide to ')} is an invented town. Write a guide to it.\n"
            f"- The first line is the title `# {demands['title']}`.\n"
            f"- Then come exactly these {len(names)} sections in this order, each under its heading "
            "line. The words to mention must stand in the section's text; leave out the bracket itself:\n"
            f"{topics}\n"
            f"- Each section has exactly {_PARAGRAPHS} paragraphs of at least {_PARAGRAPH_SENTENCES} "
            "sentences, with an empty line between paragraphs, and no lists.\n"
            "- No sentence stands twice.\n"
            f"- Write about {_AIM_PARAGRAPH_WORDS} words in each paragraph; the whole text has "
            f"{SMALL_CHARS} to {LARGE_CHARS} characters."
        ),
        reference=Answer(right),
        also=[Answer(re.sub(r"^(#+) (.+)$", r"\1 **\2**", right, flags=re.MULTILINE))],
        wrong=[
            Answer(_write_report(demands, [*each[1:], each[0]], rng)),
            Answer("\n\n".join(blocks[:-1])),
            Answer("\n\n".join(blocks[1:])),
            Answer(f"# {demands['title']}\n{shape}"),
            Answer("\n\n".join([*blocks[:3], blocks[2], *blocks[4:]])),
        ],
        secret=demands,
    )


async def _grade_report(probe: Probe, work: Work) -> Verdict:
    text = plain(work.response)
    faults = [_report_fault(probe.secret, candidate) for candidate in frames(text)]
    return Verdict("" in faults, "every demand is met" if "" in faults else faults[0])


def _titled(text: str) -> tuple[str, list[Section]]:
    """From the first heading on: the text and its sections."""
    begins = re.search(r"^\s*#{1,6}\s", text, re.MULTILINE)
    text = text[begins.start() :] if begins else text
    return text, sections(text)


def _headings_fault(found: Sequence[Section], expected: Sequence[tuple[int, str]]) -> str:
    said = [(section.depth, section.title) for section in found]
    wanted = [(depth, title.lower()) for depth, title in expected]
    if said == wanted:
        return ""
    missing = [f"{'#' * depth} {title}" for depth, title in wanted if (depth, title) not in said]
    return f"headings missing: {listed(missing)}" if missing else "headings in another order, or too many"


def _report_fault(demands: Demands, text: str) -> str:
    text, found = _titled(text)
    expected = [(1, demands["title"]), *((2, name) for name, _ in demands["sections"])]
    if fault := _headings_fault(found, expected):
        return fault
    if not SMALL_CHARS <= len(text) <= LARGE_CHARS:
        return f"{len(text)} characters, not {SMALL_CHARS} to {LARGE_CHARS}"
    for section, (name, about) in zip(found[1:], demands["sections"], strict=True):
        if fault := _section_fault(section.body, about):
            return f"{name}: {fault}"
    return fault_of("\n\n".join(section.body for section in found))


def _section_fault(body: str, about: Sequence[str]) -> str:
    blocks = paragraphs(body)
    if missing := [word for word in about if not has_word(body, word)]:
        return f"{listed(missing)} not mentioned"
    if len(blocks) != _PARAGRAPHS:
        return f"{len(blocks)} paragraphs, not {_PARAGRAPHS}"
    if any(len(sentences(block)) < _PARAGRAPH_SENTENCES for block in blocks):
        return f"a paragraph of fewer than {_PARAGRAPH_SENTENCES} sentences"
    return "a list" if re.search(r"^\s*(?:[-*+]|\d+[.)])\s", body, re.MULTILINE) else ""


# L3: a document with contents, subsections and a summary, between two markers.


def _write_document(demands: Demands, asked: Sequence[str], rng: random.Random) -> str:
    writer, about = Writer(rng, asked), iter(asked)
    names = [name for name, _ in demands["sections"]]
    contents = [f"{place}. {name}" for place, name in enumerate(names, start=1)]
    blocks = [f"# {demands['title']}", "## Contents", "\n".join(contents)]
    for name, parts in demands["sections"]:
        blocks.append(f"## {name}")
        for part, _ in parts:
            blocks += [f"### {part}", writer.sentences(4, [next(about)]), writer.sentences(5)]
    blocks += ["## Summary", writer.sentences(_SUMMARY_SENTENCES, names)]
    return "\n\n".join([demands["begin"], *blocks, demands["end"]])


def _document(rng: random.Random) -> Probe:
    many, each = rng.choice([(4, 2), (3, 3)])
    names, parts = rng.sample(_SECTIONS, many), iter(rng.sample(_PARTS, many * each))
    drawn = rng.sample(NOUNS, many * each)
    begin, end = _markers(rng)
    about = iter(drawn)
    demands: Demands = {
        "title": f"The Book of {rng.choice(CITIES)}",
        "begin": begin,
        "end": end,
        "sections": [[name, [[next(parts), next(about)] for _ in range(each)]] for name in names],
    }
    right = _write_document(demands, drawn, rng)
    outline = "\n".join(
        f"## {name}\n" + "\n".join(f"### {part} (mention: {word})" for part, word in its)
        for name, its in demands["sections"]
    )
    blocks = right.split("\n\n")
    return Probe(
        prompt=(
            f"Write a long document about {demands['title'].removeprefix('The Book of ')}, an invented "
            f"town.\n- Put the line `{begin}` before it and the line `{end}` after it.\n"
            f"- It begins with the title `# {demands['title']}`, then `## Contents` with "
            f"a numbered list of the {many} section names, one line each, like `1. {names[0]}`.\n"
            "- Then come these sections and subsections in this order, each under its heading. The "
            "word to mention must stand in the subsection's text; leave out the bracket itself:\n"
            f"{outline}\n"
            f"- Write about {_AIM_WORDS} words in each subsection; none has fewer than {_PART_WORDS}.\n"
            f"- It ends with `## Summary`: one paragraph of at least {_SUMMARY_SENTENCES} sentences that "
            f"names all {many} sections.\n"
            f"- The document has more than {LARGE_CHARS} characters, and no sentence stands twice."
        ),
        reference=Answer(right),
        also=[Answer(re.sub(r"^(\d)\. (.+)$", r"- \2", right, flags=re.MULTILINE))],
        wrong=[
            Answer(_write_document(demands, [*drawn[1:], drawn[0]], rng)),
            Answer("\n\n".join(blocks[:-1])),
            Answer("\n\n".join(block for block in blocks if not block.startswith("1. "))),
            Answer("\n\n".join([*blocks[:-2], end])),
            Answer("\n\n".join(block for block in blocks if not block.startswith("### "))),
        ],
        secret=demands,
    )


async def _grade_document(probe: Probe, work: Work) -> Verdict:
    demands = probe.secret
    inside = between(plain(work.response), demands["begin"], demands["end"])
    if inside is None:
        return Verdict(False, f"not between the lines {demands['begin']} and {demands['end']}")
    fault = _document_fault(demands, inside)
    return Verdict(not fault, fault or f"every demand is met in {len(inside)} characters")


def _document_fault(demands: Demands, inside: str) -> str:
    text, found = _titled(inside)
    expected = [(1, demands["title"]), (2, "Contents")]
    for name, parts in demands["sections"]:
        expected += [(2, name), *((3, part) for part, _ in parts)]
    if fault := _headings_fault(found, [*expected, (2, "Summary")]):
        return fault
    if len(text) <= LARGE_CHARS:
        return f"{len(text)} characters, not more than {LARGE_CHARS}"
    names = [name.lower() for name, _ in demands["sections"]]
    if _contents(found[1].body, names) != names:
        return "the contents are not the list of the sections"
    asked = dict(pair for _, parts in demands["sections"] for pair in parts)
    for section in found:
        word = next((word for part, word in asked.items() if part.lower() == section.title), None)
        if section.depth == 3 and word is not None and not has_word(section.body, word):
            return f"{section.title}: {word} not mentioned"
        if section.depth == 3 and len(words(section.body)) < _PART_WORDS:
            return f"{section.title}: fewer than {_PART_WORDS} words"
    return _summary_fault(found[-1].body, names) or fault_of("\n\n".join(s.body for s in found[2:]))


def _contents(body: str, names: Sequence[str]) -> list[str]:
    """The names of sections in a list of contents, in its order; anything else is left out."""
    lines = [
        re.sub(r"^\s*(?:[-*+]\s+)?(?:\d+[.):]?\s+)?\[?|\](?:\(.*\))?$", "", line) for line in body.split("\n")
    ]
    said = [line.strip().lower() for line in lines]
    return [line for line in said if line in names]


def _summary_fault(body: str, names: Sequence[str]) -> str:
    if len(paragraphs(body)) != 1 or len(sentences(body)) < _SUMMARY_SENTENCES:
        return f"the summary is not one paragraph of {_SUMMARY_SENTENCES} sentences or more"
    missing = [name for name in names if not has_word(body, name)]
    return f"the summary does not name {listed(missing)}" if missing else ""


def _guess_list(probe: Probe, rng: random.Random) -> Answer:
    asked = probe.secret["words"]
    return Answer(_write_list(probe.secret, rng.sample(asked, len(asked)), rng))


def _guess_report(probe: Probe, rng: random.Random) -> Answer:
    every = [word for _, about in probe.secret["sections"] for word in about]
    rng.shuffle(every)
    return Answer(_write_report(probe.secret, [every[i : i + 2] for i in range(0, len(every), 2)], rng))


def _guess_document(probe: Probe, rng: random.Random) -> Answer:
    every = [word for _, parts in probe.secret["sections"] for _, word in parts]
    return Answer(_write_document(probe.secret, rng.sample(every, len(every)), rng))


GEN_TEXT_LONG = primitive(
    Primitive(
        id="gen.text.long",
        description="Write texts of a given size and structure, complete from the first line to the last.",
        levels={
            Level.L1: LevelSpec(
                claim="A short text of less than 1 KB in a given form, such as a list between delimiters.",
                generate=_list,
                grade=_grade_list,
                guess=_guess_list,
            ),
            Level.L2: LevelSpec(
                claim="A structured text of 1 to 5 KB with a title, sections and paragraphs.",
                generate=_report,
                grade=_grade_report,
                guess=_guess_report,
            ),
            Level.L3: LevelSpec(
                claim=(
                    "A document of more than 5 KB in one piece, between delimiters, with contents, sections, "
                    "subsections and a summary that agree."
                ),
                generate=_document,
                grade=_grade_document,
                guess=_guess_document,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Write the document in several steps, each a part of less than 5 KB with its own headings, "
                "and join the parts at the end."
            ),
            l2_to_l1=(
                "Write independent pieces of less than 1 KB each, one section or one list at a time, that "
                "need nothing from one another."
            ),
        ),
    )
)
