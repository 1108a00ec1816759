"""Places where a skill leaves a choice of ways to do the same thing, and what it says of the choice.

Read are: sections or bold leads called *Option A*, *Option B*; *Alternatively, …*; *if X is not available,
use Y*; *either `X` or `Y`*. A choice is settled by a sentence of one fixed form, ``Use X here and skip Y.``,
which stands at the place of the choice; what is skipped asks nothing of whoever follows the skill.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skvm.compiler.reading.prose import Block, BlockKind, Prose, Sentence
from skvm.diagnostics import Span
from skvm.skill.ir import Heading

__all__ = ["Way", "WayChoice", "read_choices", "settle", "settle_passage", "skipped"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of several.

    Args:
        name: What the text calls it.
        span: The text of it alone.
        when: The condition the text puts on it; ``""`` where it puts none but that another is missing.
        without: What is missing where it is taken, although its text names it.
    """

    name: str
    span: Span
    when: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True)
class WayChoice:
    """A choice of ways.

    Args:
        ways: At least two; the first is the one the text would take.
        span: From the first way to the last.
        at: Where a sentence that settles the choice goes.
        is_paragraph: Whether that sentence is a paragraph of its own.
    """

    ways: tuple[Way, ...]
    span: Span
    at: int
    is_paragraph: bool = False

    @property
    def names(self) -> frozenset[str]:
        """What the ways are called."""
        return frozenset(way.name for way in self.ways)


_HINTS = (
    b"option ", b"method ", b"approach ", b"alternative", b"variant ", b"either ", b"` or `",
    b"available", b"installed", b"fall back", b"falls back",
)  # fmt: skip
_LABEL = re.compile(
    r"(option|method|approach|alternative|variant) ([a-h]|[1-9])(?![\w-])[.:)]?\s*(.*)", re.IGNORECASE
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|for|best|only|unless|depending|suitable|suited|ideal|prefer(?:red)?)\b",
    re.IGNORECASE,
)
_ALTERNATIVELY = re.compile(r"(?:alternatively|as an alternative)\b(?:[,:]|\s)", re.IGNORECASE)
_THING = r"(?:`(?P<{0}>[^`\n]{{1,60}})`|(?P<{0}2>[A-Za-z][\w.+-]{{1,40}}))"
_LACKS = (
    r"(?:is|are)(?:\s+not|n['’]t)\s+(?:available|installed|present)|(?:is|are)\s+(?:unavailable|missing)"
    r"|unavailable|(?:not|n['’]t)\s+(?:available|installed)"
)
_TAKE = r"(?:use|try|fall\s+back\s+(?:to|on)|rely\s+on|switch\s+to)"
_IF_LACKING = re.compile(
    rf"if\s+(?:the\s+)?{_THING.format('x')}\s+(?:{_LACKS}),?\s+(?:then\s+)?(?:you\s+can\s+)?{_TAKE}\s+"
    rf"(?:the\s+)?{_THING.format('y')}",
    re.IGNORECASE,
)
_LACKING_LAST = re.compile(
    rf"{_TAKE}\s+(?:the\s+)?{_THING.format('y')}(?:\s+instead)?,?\s+if\s+(?:the\s+)?{_THING.format('x')}\s+"
    rf"(?:{_LACKS})",
    re.IGNORECASE,
)
_TOOLS = r"(?:command|tool|librar(?:y|ies)|package|module|program|cli)s?"
_EITHER = re.compile(
    r"\b(?:use|run|with|via|install|through)\s+(?:(?P<either>either)\s+)?`(?P<x>[a-z][\w.+-]*)`,?\s+or\s+"
    rf"`(?P<y>[a-z][\w.+-]*)`(?P<tool>\s+to\s|\s+{_TOOLS}\b)?",
    re.IGNORECASE,
)
_SETTLED = re.compile(r"Use (?P<taken>.{1,200}?) here and skip (?P<left>.{1,400})\.", re.DOTALL)
_PASSAGE_SETTLED = re.compile(r"Use (?P<taken>.{1,200}?) here and skip the rest of this passage\.", re.DOTALL)
_NEAR = 4
_FIRST, _OTHER = "the first way", "the alternative"


def read_choices(prose: Prose) -> tuple[WayChoice, ...]:
    """Every choice, in order of place; none overlaps another."""
    source = prose.skill.source.lower()
    if not any(hint in source for hint in _HINTS):
        return ()
    found = sorted(
        [*_sections(prose), *_leads(prose), *_in_sentences(prose, source)], key=lambda choice: choice.span
    )
    kept: list[WayChoice] = []
    for choice in found:
        if not kept or kept[-1].span.end <= choice.span.start:
            kept.append(choice)
    return tuple(kept)


def settle(choice: WayChoice, taken: int) -> str:
    """The sentence that settles a choice.

    Args:
        choice: The choice.
        taken: Which of its ways, from 0.
    """
    others = " and ".join(way.name for index, way in enumerate(choice.ways) if index != taken)
    return f"Use {choice.ways[taken].name} here and skip {others}."


def settle_passage(name: str) -> str:
    """The sentence at the head of a passage that lets another way take the place of the rest of it."""
    return f"Use {name} here and skip the rest of this passage."


def skipped(prose: Prose, choices: Sequence[WayChoice]) -> tuple[Span, ...]:
    """What the text itself says to skip: ways of settled choices, rests of passages."""
    if b" here and skip " not in prose.skill.source:
        return ()
    said = [sentence for sentence in prose.sentences if " here and skip " in sentence.text]
    found = [
        Span(sentence.span.end, _unit(prose, sentence.block).end)
        for sentence in said
        if _PASSAGE_SETTLED.fullmatch(sentence.text)
    ]
    for choice in choices:
        near = Span(max(0, choice.span.start - _NEAR), choice.span.end + _NEAR)
        for sentence in said:
            if sentence.span.overlaps(near) and (taken := _taken(sentence.text, choice)) is not None:
                found += [way.span for index, way in enumerate(choice.ways) if index != taken]
                break
    return tuple(found)


def _taken(text: str, choice: WayChoice) -> int | None:
    """Which way a sentence takes, if it settles exactly this choice."""
    plain = " ".join(text.split())
    settling = _SETTLED.fullmatch(plain)
    if settling is None:
        return None
    return next((index for index in range(len(choice.ways)) if settle(choice, index) == plain), None)


# Sections


def _sections(prose: Prose) -> Iterator[WayChoice]:
    skill = prose.skill
    run: list[tuple[Heading, str, str]] = []
    for heading in (*skill.headings, None):
        label = _LABEL.match(heading.title) if heading is not None else None
        if heading is not None and label is not None and (not run or _continues(run[-1], heading, label)):
            run.append((heading, label[1].lower(), label[2]))
        elif heading is None or not run or heading.level <= run[-1][0].level:
            if len(run) > 1:
                yield _of_sections(prose, [found for found, _, _ in run])
            run = [(heading, label[1].lower(), label[2])] if heading is not None and label else []


def _continues(last: tuple[Heading, str, str], heading: Heading, label: re.Match[str]) -> bool:
    before, word, sign = last
    is_next = ord(label[2].lower()) == ord(sign.lower()) + 1
    return (heading.level, heading.parent) == (before.level, before.parent) and (
        label[1].lower() == word and is_next
    )


def _of_sections(prose: Prose, headings: Sequence[Heading]) -> WayChoice:
    ways = []
    for heading in headings:
        label = _LABEL.match(heading.title)
        named = f"{label[1]} {label[2]}" if label else heading.title
        ways.append(
            Way(named, heading.section, _condition(prose, label[3] if label else "", heading.span.end))
        )
    span = Span(headings[0].section.start, headings[-1].section.end)
    return WayChoice(tuple(ways), span, headings[0].span.start, is_paragraph=True)


def _condition(prose: Prose, rest: str, after: int) -> str:
    """The condition of a way: in the rest of its title, or in the first sentence below."""
    if _CONDITION.search(rest):
        return rest.strip(" -–—:*()")
    below = prose.sentences_in(Span(after, min(after + 200, len(prose.skill.source))))
    first = next((found.text for found in below if found.span.start >= after), "")
    return " ".join(first.split())[:160] if _CONDITION.search(first[:60]) else ""


# Bold leads


def _leads(prose: Prose) -> Iterator[WayChoice]:
    source, blocks = prose.skill.source, prose.blocks
    if b"**" not in source:
        return
    labelled = []
    for index, block in enumerate(blocks):
        if source.startswith(b"**", block.span.start):
            label = _LABEL.match(prose.text(block.span)[2:])
            if label is not None and block.kind in (BlockKind.PARAGRAPH, BlockKind.ITEM):
                labelled.append((index, label))
    run: list[tuple[int, re.Match[str]]] = []
    for index, label in labelled:
        if run and not _follows(prose, run[-1], index, label):
            yield from _of_leads(prose, run)
            run = []
        run.append((index, label))
    yield from _of_leads(prose, run)


def _follows(prose: Prose, last: tuple[int, re.Match[str]], index: int, label: re.Match[str]) -> bool:
    before, known = last
    first, second = prose.blocks[before], prose.blocks[index]
    return (
        label[1].lower() == known[1].lower()
        and ord(label[2].lower()) == ord(known[2].lower()) + 1
        and (first.kind, first.indent) == (second.kind, second.indent)
        and prose.heading_of(first.span.start) == prose.heading_of(second.span.start)
    )


def _of_leads(prose: Prose, run: Sequence[tuple[int, re.Match[str]]]) -> Iterator[WayChoice]:
    if len(run) < 2:
        return
    source = prose.skill.source
    starts = [_line_start(source, prose.blocks[index].span.start) for index, _ in run]
    if source[starts[0] : starts[0] + 1].isspace():
        return
    ends = [*starts[1:], _end_of_last(prose, run[-1][0])]
    ways = tuple(
        Way(f"{label[1]} {label[2]}", Span(start, end), _condition_of_lead(label[3]))
        for (_, label), start, end in zip(run, starts, ends, strict=True)
    )
    yield WayChoice(ways, Span(starts[0], ends[-1]), starts[0], is_paragraph=True)


def _condition_of_lead(rest: str) -> str:
    words = " ".join(rest.split())[:160]
    return words.strip(" -–—:*()") if _CONDITION.search(words[:80]) else ""


def _end_of_last(prose: Prose, index: int) -> int:
    """The end of what belongs to a lead: its block, the code after it, the list below it."""
    end = _unit(prose, index).end
    for block in prose.blocks[index + 1 :]:
        between = prose.skill.source[end : block.span.start]
        if block.kind not in (BlockKind.ITEM, BlockKind.ROW) or between.count(b"\n") > 2:
            break
        end = block.span.end
    return end


# Sentences


def _in_sentences(prose: Prose, source: bytes) -> Iterator[WayChoice]:
    is_lacking = b"available" in source or b"installed" in source or b"missing" in source
    is_either = b"` or `" in source or b"`, or `" in source
    for index, sentence in enumerate(prose.sentences):
        text = sentence.text
        choice = None
        if _ALTERNATIVELY.match(text):
            choice = _alternative(prose, index)
        elif is_lacking and ("available" in text or "installed" in text or "missing" in text):
            choice = _fallback(prose, index)
        elif is_either and " or `" in text and (either := _EITHER.search(text)):
            choice = _either(sentence, either)
        if choice is not None:
            yield choice


def _alternative(prose: Prose, index: int) -> WayChoice | None:
    """*Alternatively, …*: the sentence before it, or the block before its own with the code between."""
    sentence = prose.sentences[index]
    others = [
        found
        for found in prose.sentences_in(prose.blocks[sentence.block].span)
        if found.span.start < sentence.span.start and not _SETTLED.fullmatch(found.text)
    ]
    if others:
        first, second = others[-1].span, sentence.span
    elif sentence.block == 0 or not _same_section(prose, sentence.block - 1, sentence.block):
        return None
    else:
        kinds = [prose.blocks[sentence.block - 1].kind, prose.blocks[sentence.block].kind]
        if kinds[0] is not kinds[1]:
            # After a list nobody can tell how much of it is the first way.
            return None
        first, second = _unit(prose, sentence.block - 1), _unit(prose, sentence.block)
        second = Span(sentence.span.start, second.end)
        gap = prose.skill.source[first.end : prose.blocks[sentence.block].span.start]
        if gap.strip(b" \t\r\n>-*+0123456789.)"):
            return None
    ways = (Way(_FIRST, first), Way(_OTHER, second))
    return WayChoice(ways, Span(first.start, second.end), sentence.span.start)


def _fallback(prose: Prose, index: int) -> WayChoice | None:
    """*If X is not available, use Y*: X stands in a sentence or code shortly before."""
    sentence = prose.sentences[index]
    found = _IF_LACKING.search(sentence.text) or _LACKING_LAST.search(sentence.text)
    if found is None:
        return None
    missing, instead = found["x"] or found["x2"], found["y"] or found["y2"]
    word = re.compile(rf"(?<![\w-]){re.escape(missing)}(?![\w-])", re.IGNORECASE)
    if missing.lower() == instead.lower():
        return None
    for before in reversed(prose.sentences[max(0, index - 4) : index]):
        if _SETTLED.fullmatch(before.text) or not _same_section(prose, before.block, sentence.block):
            continue
        span = before.span if before.block == sentence.block else _unit(prose, before.block)
        if word.search(prose.text(span)):
            names = (_quoted(found["x"], missing), _quoted(found["y"], instead))
            ways = (Way(names[0], span), Way(names[1], sentence.span, without=missing))
            return WayChoice(ways, Span(span.start, sentence.span.end), sentence.span.start)
    return None


def _either(sentence: Sentence, found: re.Match[str]) -> WayChoice | None:
    # Without a word that says these are tools, they are as likely two values.
    if found["x"].lower() == found["y"].lower() or not (found["either"] or found["tool"]):
        return None
    ways = []
    for group in ("x", "y"):
        start = sentence.span.start + len(sentence.text[: found.start(group)].encode())
        ways.append(Way(f"`{found[group]}`", Span(start, start + len(found[group].encode()))))
    return WayChoice(tuple(ways), sentence.span, sentence.span.end)


def _quoted(code: str | None, name: str) -> str:
    return f"`{name}`" if code else name


def _unit(prose: Prose, index: int) -> Span:
    """A block with the code that follows it."""
    block: Block = prose.blocks[index]
    end = max((fence.span.end for fence in prose.fences_after(index)), default=block.span.end)
    return Span(block.span.start, end)


def _same_section(prose: Prose, first: int, second: int) -> bool:
    blocks = prose.blocks
    if any(blocks[index].kind is BlockKind.HEADING for index in (first, second)):
        return False
    return prose.heading_of(blocks[first].span.start) == prose.heading_of(blocks[second].span.start)


def _line_start(source: bytes, offset: int) -> int:
    return source.rfind(b"\n", 0, offset) + 1
