"""``gen.text.prose``: a paragraph, an essay of several, and long prose in one register."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
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
from skvm.target.passages import fault_of, frames, has_word, paragraphs, plain, sections, sentences, words
from skvm.target.registers import (
    MARKS,
    Register,
    endings,
    found_words,
    missing_words,
    register_fault,
    register_lines,
)
from skvm.target.sentences import Writer, listed
from skvm.target.vocabulary import CITIES, NAMES, NOUNS

# Nobody needs these, and nobody writes them without thinking.
_WORN = (
    *("amazing", "interesting", "wonderful", "truly", "simply", "actually", "fantastic", "basically"),
    *("incredible", "obviously"),
)
_TOPICS = (
    *("an evening", "a market day", "a winter morning", "a wedding", "a long walk", "a rainy afternoon"),
    *("the first day of spring", "a small theft", "a feast", "a power cut", "a visit", "a lost letter"),
)
_ESSAY_SENTENCES = 3
_TITLE_WORDS = (3, 8)
_LONG_PARAGRAPHS = 2
_SECTION_WORDS = 80
_AIM_WORDS = 140
_LONG_WORDS = 400
_HEADINGS = (
    *(
        "The Arrival",
        "The House",
        "The Road",
        "The Quarrel",
        "The Meal",
        "The Storm",
        "The Visit",
        "The Garden",
    ),
    *("The Bargain", "The Discovery", "The Return", "The Promise", "The Search", "The Farewell"),
)
_GENRES: dict[str, Register] = {
    "a formal report": dict.fromkeys(MARKS, "never"),
    "a chatty letter to a friend": dict.fromkeys(MARKS, "some"),
    "a travel diary": {"contractions": "never", "first": "some", "second": "never", "exclamations": "never"},
    "a cheerful brochure": {
        "contractions": "never",
        "first": "never",
        "second": "some",
        "exclamations": "some",
    },
}

Demands = Mapping[str, Any]
Judge = Callable[[Demands, str], str]


def _judged(judge: Judge) -> Callable[[Probe, Work], Any]:
    async def grade(probe: Probe, work: Work) -> Verdict:
        # A word to the reader around the text is not part of it.
        faults = [judge(probe.secret, text) for text in frames(plain(work.response))]
        return Verdict("" in faults, "every demand is met" if "" in faults else faults[0])

    return grade


def _has_list(text: str) -> bool:
    return bool(re.search(r"^\s*(?:[-*+]|\d+[.)])\s", text, re.MULTILINE))


# L1: one paragraph.


def _write_paragraph(about: Sequence[Sequence[str]], rng: random.Random) -> str:
    writer = Writer(rng, [word for each in about for word in each])
    return " ".join(writer.sentence(*each) for each in about)


def _spread(demands: Demands, also: Sequence[str] = ()) -> list[list[str]]:
    """What each sentence of a right paragraph is about."""
    about: list[list[str]] = [[] for _ in range(demands["count"])]
    for place, word in enumerate([*demands["words"], *also]):
        about[place % len(about)].append(word)
    return about


def _paragraph(rng: random.Random) -> Probe:
    demands: Demands = {
        "count": rng.randint(3, 5),
        "words": rng.sample(NOUNS, 4),
        "banned": rng.sample(_WORN, 5),
    }
    about = _spread(demands)
    right = _write_paragraph(about, rng)
    said = sentences(right)
    return Probe(
        prompt=(
            f"Write one paragraph of at least {demands['count']} sentences about {rng.choice(_TOPICS)} in "
            f"the invented town {rng.choice(CITIES)}.\n"
            f"- It contains the words {listed(demands['words'])}.\n"
            f"- It does not contain the words {listed(demands['banned'])}.\n"
            "Answer with the paragraph only."
        ),
        reference=Answer(right),
        also=[Answer("\n".join(said)), Answer(_write_paragraph([*about[:-1], [], about[-1]], rng))],
        wrong=[
            Answer(_write_paragraph(_spread(demands, demands["banned"][:1]), rng)),
            Answer("\n\n".join(said)),
            Answer(" ".join(said[1:])),
            Answer(" ".join(said[:-1])),
            Answer(" ".join([said[0], *said])),
            Answer(f"{', '.join(demands['words'])}. " * demands["count"]),
            Answer(_write_paragraph([*about, []], rng).replace(demands["words"][0], "thing")),
        ],
        secret=demands,
    )


def _paragraph_fault(demands: Demands, text: str) -> str:
    said = sentences(text)
    if len(paragraphs(text)) != 1 or _has_list(text):
        return f"{len(paragraphs(text))} paragraphs, or a list"
    if len(said) < demands["count"]:
        return f"{len(said)} sentences, fewer than {demands['count']}"
    return _words_fault(text, demands["words"], demands["banned"]) or fault_of(text)


def _words_fault(text: str, asked: Sequence[str], banned: Sequence[str] = ()) -> str:
    if missing := missing_words(text, asked):
        return f"{listed(missing)} not in it"
    found = found_words(text, banned)
    return f"has the word {found[0]}" if found else ""


def _guess_paragraph(probe: Probe, rng: random.Random) -> Answer:
    demands = probe.secret
    offered = [*demands["words"], *demands["banned"]]
    about: list[list[str]] = [[] for _ in range(demands["count"])]
    for word in offered:
        if rng.random() < 0.5:
            rng.choice(about).append(word)
    return Answer(_write_paragraph(about, rng))


# L2: a title and several paragraphs.


def _write_essay(title: str, about: Sequence[Sequence[str]], rng: random.Random, end: str = ".") -> str:
    writer = Writer(rng, [word for each in about for word in each])
    blocks = [writer.sentences(_ESSAY_SENTENCES - 1, each) for each in about]
    return "\n\n".join([title, *(f"{block} {writer.sentence(end=end)}" for block in blocks)])


def _essay(rng: random.Random) -> Probe:
    count = rng.randint(3, 4)
    drawn = rng.sample(NOUNS, 2 * count + 1)
    about = [drawn[2 * i : 2 * i + 2] for i in range(count)]
    demands: Demands = {"title": drawn[-1], "about": about}
    title = f"The {drawn[-1].title()} of the Town"
    right = _write_essay(title, about, rng)
    blocks = right.split("\n\n")
    places = ("first", "second", "third", "fourth")
    asked = "".join(
        f"- The {where} paragraph contains the words {listed(each)}.\n"
        for where, each in zip(places, about, strict=False)
    )
    low, high = _TITLE_WORDS
    return Probe(
        prompt=(
            f"Write a short essay about {rng.choice(_TOPICS)} in the invented town {rng.choice(CITIES)}.\n"
            f"- The first line is the title: {low} to {high} words, among them the word {drawn[-1]}. An "
            "empty line follows.\n"
            f"- Then there are exactly {count} paragraphs with empty lines between them, each of at least "
            f"{_ESSAY_SENTENCES} sentences. There are no other headings and no lists.\n{asked}"
            "- There are no contractions (such as don't, it's or we'll), and no sentence stands twice.\n"
            "Answer with the essay only."
        ),
        reference=Answer(right),
        also=[Answer(f"# {right}"), Answer(f"**Title: {title}**\n\n" + "\n\n".join(blocks[1:]))],
        wrong=[
            Answer("\n\n".join(blocks[1:])),
            Answer("\n\n".join(blocks[:-1])),
            Answer(_write_essay(title, [*about[1:], about[0]], rng)),
            Answer(_write_essay(title, about, rng, ", and that wasn't strange.")),
            Answer(_write_essay("A Long Day in the Town", about, rng)),
            Answer("\n\n".join([*blocks[:-1], f"{blocks[-1]} {blocks[1]}"])),
        ],
        secret=demands,
    )


def _essay_fault(demands: Demands, text: str) -> str:
    title, _, body = text.strip().partition("\n")
    title = re.sub(r"^\s*#*\s*(?:title:\s*)?", "", title, flags=re.IGNORECASE)
    low, high = _TITLE_WORDS
    if not low <= len(words(title)) <= high or not has_word(title, demands["title"]):
        return f"the title is not of {low} to {high} words with {demands['title']}: {title[:60]!r}"
    if _has_list(body) or re.search(r"^\s*#", body, re.MULTILINE):
        return "a heading or a list among the paragraphs"
    blocks = paragraphs(body)
    if len(blocks) != len(demands["about"]):
        return f"{len(blocks)} paragraphs, not {len(demands['about'])}"
    for place, (block, asked) in enumerate(zip(blocks, demands["about"], strict=True), start=1):
        if len(sentences(block)) < _ESSAY_SENTENCES:
            return f"paragraph {place} has fewer than {_ESSAY_SENTENCES} sentences"
        if fault := _words_fault(block, asked):
            return f"paragraph {place}: {fault}"
    return register_fault({"contractions": "never"}, [text]) or fault_of(body)


def _guess_essay(probe: Probe, rng: random.Random) -> Answer:
    demands = probe.secret
    every = [demands["title"], *(word for about in demands["about"] for word in about)]
    rng.shuffle(every)
    about = [every[2 * i + 1 : 2 * i + 3] for i in range(len(demands["about"]))]
    end = rng.choice([".", ", and that wasn't strange."])
    return Answer(_write_essay(f"The {every[0].title()} of the Town", about, rng, end))


# L3: long prose with a title, sections and one register.


def _write_long(
    demands: Demands, about: Sequence[Sequence[str]], register: Register, rng: random.Random
) -> str:
    writer = Writer(rng, [word for each in about for word in each])
    blocks = [f"# The Story of {demands['name']}"]
    for heading, asked in zip(demands["headings"], about, strict=True):
        marked = " ".join(writer.sentence(end=end) for end in endings(register))
        blocks += [f"## {heading}", writer.sentences(5, asked), f"{writer.sentences(4)} {marked}".strip()]
    return "\n\n".join(blocks)


def _long(rng: random.Random) -> Probe:
    genre = rng.choice(list(_GENRES))
    headings = rng.sample(_HEADINGS, 4)
    drawn = rng.sample(NOUNS, 2 * len(headings))
    about = [drawn[2 * i : 2 * i + 2] for i in range(len(headings))]
    register = dict(_GENRES[genre])
    demands: Demands = {"name": rng.choice(NAMES), "headings": headings, "about": about, "register": register}
    right = _write_long(demands, about, register, rng)
    blocks = right.split("\n\n")
    outline = "".join(
        f"## {heading} (words: {listed(each)})\n" for heading, each in zip(headings, about, strict=True)
    )
    turned: list[Register] = [
        {**register, mark: "some" if rule == "never" else "never"} for mark, rule in register.items()
    ]
    return Probe(
        prompt=(
            f"Write {genre} about {rng.choice(_TOPICS)} in the invented town {rng.choice(CITIES)}.\n"
            f"- The first line is a title that begins with `# ` and contains the name {demands['name']}.\n"
            "- Then come exactly these sections in this order, each under its heading line. The words in the "
            f"bracket must stand in the section's text; leave out the bracket itself:\n{outline}"
            f"- Each section has at least {_LONG_PARAGRAPHS} paragraphs, with an empty line between them, "
            f"and at least {_SECTION_WORDS} words. There are no lists.\n"
            f"- Write about {_AIM_WORDS} words in each section; all together have at least "
            f"{_LONG_WORDS} words.\n"
            f"The whole text keeps to its style:\n{register_lines(register, ' in each section')}"
            "- No sentence stands twice.\nAnswer with the text only."
        ),
        reference=Answer(right),
        also=[Answer(re.sub(r"^(#+) (.+)$", r"\1 **\2**", right, flags=re.MULTILINE))],
        wrong=[
            *(Answer(_write_long(demands, about, each, rng)) for each in turned),
            Answer(_write_long(demands, [*about[1:], about[0]], register, rng)),
            Answer("\n\n".join(blocks[:-1])),
            Answer("\n\n".join([*blocks[:-1], blocks[3]])),
        ],
        secret=demands,
    )


def _long_fault(demands: Demands, text: str) -> str:
    begins = re.search(r"^\s*#\s", text, re.MULTILINE)
    found = sections(text[begins.start() :] if begins else text)
    said = [(section.depth, section.title) for section in found[1:]]
    if not found or found[0].depth != 1 or not has_word(found[0].title, demands["name"]):
        return f"no title with `# ` and {demands['name']}"
    if said != [(2, heading.lower()) for heading in demands["headings"]]:
        return f"the sections are not {listed(demands['headings'])}"
    for section, asked in zip(found[1:], demands["about"], strict=True):
        if fault := _section_fault(section.body, asked):
            return f"{section.title}: {fault}"
    bodies = [section.body for section in found[1:]]
    if (count := sum(len(words(body)) for body in bodies)) < _LONG_WORDS:
        return f"{count} words, fewer than {_LONG_WORDS}"
    return register_fault(demands["register"], bodies) or fault_of("\n\n".join(bodies))


def _section_fault(body: str, asked: Sequence[str]) -> str:
    if len(paragraphs(body)) < _LONG_PARAGRAPHS or _has_list(body):
        return f"fewer than {_LONG_PARAGRAPHS} paragraphs, or a list"
    if len(words(body)) < _SECTION_WORDS:
        return f"{len(words(body))} words, fewer than {_SECTION_WORDS}"
    return _words_fault(body, asked)


def _guess_long(probe: Probe, rng: random.Random) -> Answer:
    demands = dict(probe.secret)
    every = [word for about in demands["about"] for word in about]
    rng.shuffle(every)
    about = [every[i : i + 2] for i in range(0, len(every), 2)]
    return Answer(_write_long(demands, about, rng.choice(list(_GENRES.values())), rng))


GEN_TEXT_PROSE = primitive(
    Primitive(
        id="gen.text.prose",
        description="Write connected prose that keeps to what was asked of it.",
        levels={
            Level.L1: LevelSpec(
                claim="One paragraph of several sentences with given words.",
                generate=_paragraph,
                grade=_judged(_paragraph_fault),
                guess=_guess_paragraph,
            ),
            Level.L2: LevelSpec(
                claim="An essay with a title and several paragraphs, each on its own point.",
                generate=_essay,
                grade=_judged(_essay_fault),
                guess=_guess_essay,
            ),
            Level.L3: LevelSpec(
                claim="Long-form prose of 400 words or more with sections, in one register throughout.",
                generate=_long,
                grade=_judged(_long_fault),
                guess=_guess_long,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Write each section on its own as a short text of a few paragraphs, with its points named "
                "beforehand, and do not refer from one section to another."
            ),
            l2_to_l1=(
                "Write a single paragraph, and say for each sentence what it has to be about and which words "
                "it has to contain."
            ),
        ),
    )
)
