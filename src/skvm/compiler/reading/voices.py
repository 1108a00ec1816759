"""The voice a text is to have: a tone, a persona, several voices to be kept apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.spotting import spotted
from skvm.skill.sieve import sieved

__all__ = [
    "Voice",
    "is_persona",
    "is_tone",
    "keeps_voices",
    "one_voice_at_a_time",
    "style_sentences",
    "voices_of",
]

_MANNER = (
    r"friendly|formal|informal|casual|professional|conversational|warm|pastoral|neutral|polite|courteous|"
    r"calm|plain|"
    r"playful|humorous|witty|empathetic|encouraging|supportive|respectful|authoritative|academic|serious|"
    r"cheerful|"
    r"enthusiastic|gentle|upbeat|direct|confident|approachable|matter-of-fact|objective|concise|"
    r"sober|lively|"
    r"relaxed|measured|reassuring|compassionate|blunt|candid|inspiring|patient|tactful|diplomatic|snarky|"
    r"sarcastic|dry"
)
_TONE_WORD = r"(?:tone|voice|register|manner|style|mood)"
_TONE = sieved(
    rf"\b(?:in|use|keep|maintain|adopt|with|strike|write in|speak in|match)\s+(?:an?\s+|the\s+|your\s+)?"
    rf"(?:[\w-]+,?\s+(?:and\s+|but\s+|yet\s+)?){{0,3}}?(?:{_MANNER})\b[^.;:|]{{0,30}}?\b{_TONE_WORD}\b"
    rf"|\b(?:the |your |overall )?{_TONE_WORD}\b(?:\s+(?:should be|must be|is|stays|"
    rf"remains)\s+(?:always\s+)?|\s*[:：]\*{{0,2}}\s*)(?:[\w-]+,?\s+(?:and\s+|"
    rf"but\s+)?){{0,3}}?(?:{_MANNER}|like an?)\b"
    rf"|\b(?:keep|make)\s+(?:the|your|it|this)\s*{_TONE_WORD}?\s+(?:[\w-]+\s+)?(?:{_MANNER})\b"
    rf"|(?:^|\*\*\s*|[.:;]\s*)(?:always\s+)?(?:be|stay|sound|"
    rf"remain)\s+(?:always\s+)?(?:{_MANNER})\b(?:\s*[,.;:]|\s+(?:and|but)\b|$)"
    rf"|\b(?:{_MANNER}) but (?:{_MANNER})\b"
    r"|\bin plain (?:english|language|words)\b|\b(?:use|write in|uses?) (?:plain|simple|"
    r"everyday) (?:english|language|words)\b"
    r"|(?:语气|口吻|口气|文风|措辞|语调)(?:要|应|须|应当|保持|为|是|：|:)?[^。；\n]{0,10}"
    r"(?:正式|友好|亲切|轻松|口语|专业|客观|温和|礼貌|幽默|活泼|简洁|平实|严肃|委婉|原样)"
    r"|(?:用|以)[^。；，\n]{0,8}(?:正式|友好|亲切|轻松|口语化|专业|客观|温和|礼貌|幽默|活泼)的?(?:语气|口吻|风格|语言)",
    re.IGNORECASE,
)
_TERSE_TONE = re.compile(
    rf"^\W*(?:{_MANNER})(?:\s*(?:,|and|but|"
    rf",\s*and)\s*(?:[\w-]+\s+)?(?:{_MANNER})){{0,3}}\s*[.:;]",
    re.IGNORECASE,
)
_TONE_TITLE = re.compile(
    rf"^\W*(?:the )?(?:{_TONE_WORD}|writing style|tone (?:and|&) \w+)s?\W*$|语气|口吻|"
    r"文风",
    re.IGNORECASE,
)
_PERSONA = re.compile(
    r"\b(?:[Aa]nswer|[Ss]peak|[Ww]rite|[Rr]espond|[Tt]alk|[Rr]eply|[Aa]ct|[Pp]lay|"
    r"[Ss]tay)(?:\s+\w+)?\s+(?:as|like)\s+"
    r"(?:(?:[Tt]he|[Aa]n?)\s+(?:[\w-]+\s+){0,3})?[A-Z][a-z]+"
    r"|\b(?:[Yy]ou are|[Yy]our name is)\s+(?:[A-Z][a-z]+\s+)?[A-Z][a-z]+\s*(?:,|\(|—|–|who\b|the\b)"
    r"|\bin the (?:voice|persona|character) of\b|\bstay in character\b|\bin character\b"
    r"|扮演|以[^。；，\n]{2,12}的(?:身份|口吻)(?:回答|说话|写)"
)
_MANNERISM = re.compile(
    r"\b(?:calls?|addresses)\s+(?:the|every|each|its|their)\s+\w+\s*[\"“]"
    r"|\b(?:says?|uses?|repeats?)\s+(?:the\s+)?(?:words?|phrases?|catchphrases?|vocabulary|slang|"
    r"expressions)\b|\bsays? [\"“]|\bwords of\b"
    r"|\b(?:never|always|often|sometimes|once in each answer)\s+(?:says?|uses?|talks?|speaks?|complains?|"
    r"mentions?|grumbles?)\b"
    r"|\b(?:grumbles?|jokes|rambles|mutters|swears|whispers|brags|quotes)\b"
    r"|\b(?:longer than|at most|no more than|under|max(?:imum)?)\s+\d+\s+(?:words|sentences|characters)\b"
    r"|\bspeaks? in (?:short|long|rhyme|riddles|metaphors|the third person)\b|称呼|口头禅|自称",
    re.IGNORECASE,
)
_VOICES = re.compile(
    r"\b(?:all |the |each |every |both |its |their )?(?:two|three|four|five|six|several|all)?\s*"
    r"(?:voices|characters|speakers|personas|narrators)\b|(?:各个?|每个|多个|[两三四五])(?:角色|人物|声音)",
    re.IGNORECASE,
)
_APART = re.compile(
    r"\b(?:distinct|consistent|unchanged|apart|recogni[sz]able|in character|distinguishable|"
    r"different from (?:each|one an)other)\b"
    r"|各不相同|区分|前后一致|始终一致|保持一致",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"\b(?:through(?:out)?|whole|entire|season|series|chapters?|scenes?|episodes?|novel|book|dialogues?|"
    r"story|across|from start to end)\b"
    r"|全文|整部|全书|整季|各集|每一集|通篇",
    re.IGNORECASE,
)
_STEMS = (
    *(
        b"tone",
        b"voice",
        b"register",
        b"manner",
        b"style",
        b"mood",
        b"friendly",
        b"formal",
        b"casual",
        b"professional",
    ),
    *(
        b"plain",
        b"simple ",
        b"everyday",
        b"polite",
        b"courteous",
        b"kind",
        b"warm",
        b"calm",
        b"character",
        b"speaker",
    ),
    *(
        b"persona",
        b"narrator",
        b"answer as",
        b"speak as",
        b"write as",
        b"act as",
        b"respond as",
        b"talk like",
    ),
    *(
        b"play ",
        b"you are ",
        b"your name",
        b"be direct",
        b"be confident",
        b"be encouraging",
        b"be respectful",
        b"be empath",
    ),
    *(
        "语气".encode(),
        "口吻".encode(),
        "口气".encode(),
        "文风".encode(),
        "措辞".encode(),
        "语调".encode(),
        "风格".encode(),
    ),
    *("语言".encode(), "扮演".encode(), "身份".encode(), "角色".encode(), "人物".encode(), "声音".encode()),
)
_PROGRAM = re.compile(
    r"\b(?:brand voice|voice (?:ID|guidelines?|profile|call|note|memo|over|settings?)|css|code style|"
    r"style ?sheet|style guide|"
    r"coding style|you want|send a|just describe|users? (?:wants?|can|says?)|(?:if|when) you (?:can|ask)|"
    r"beats?|font|stylesheets?|text-to-speech|TTS|--\w+)\b|代码风格|--style",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice and how it talks, in the words of the skill."""

    name: str
    manner: str


def style_sentences(prose: Prose) -> Iterator[Sentence]:
    """Sentences that may say something about a voice; those about programs and brands are left out."""
    for sentence in spotted(prose, _STEMS):
        if not sentence.text.endswith(("?", "？")) and not _PROGRAM.search(sentence.text):
            yield sentence


def is_tone(prose: Prose, sentence: Sentence) -> bool:
    """Whether a sentence asks for a tone."""
    if _TONE.search(sentence.text):
        return True
    heading = prose.heading_of(sentence.span.start)
    title = prose.skill.headings[heading].title if heading is not None else ""
    return bool(_TONE_TITLE.search(title) and _TERSE_TONE.match(sentence.text))


def is_persona(text: str) -> bool:
    """Whether a sentence asks for a persona with at least two ways of its own."""
    return _PERSONA.search(text) is not None and len(_MANNERISM.findall(text)) > 1


def keeps_voices(text: str) -> bool:
    """Whether a sentence has several voices kept apart over a long text."""
    return all(words.search(text) for words in (_VOICES, _APART, _LONG))


_AT_A_TIME = re.compile(r"\bone voice at a time\b|一次只写一个(?:角色|人物|声音)", re.IGNORECASE)


def one_voice_at_a_time(prose: Prose, sentence: Sentence) -> bool:
    """Whether the text right behind a sentence's block has each voice written by itself."""
    end = prose.blocks[sentence.block].span.end
    behind = prose.skill.source[end : end + 400].lstrip(b" \t\r\n>").split(b"\n\n", 1)[0]
    return _AT_A_TIME.search(behind.decode("utf-8", "replace")) is not None


_VOICE_TITLE = re.compile(
    r"\b(?:voice|speaker|character|persona|narrator|who)\b|角色|人物|声音", re.IGNORECASE
)
_NAMED = re.compile(r"\*\*([^*\n]{1,40}?):?\*\*\s*[:：—–-]?\s*(\S.*)", re.DOTALL)


def voices_of(prose: Prose, sentence: Sentence) -> tuple[Voice, ...]:
    """The voices the section of a sentence describes: rows of a table of voices, or titled items."""
    heading = prose.heading_of(sentence.span.start)
    section = prose.skill.headings[heading].section if heading is not None else prose.skill.body
    title = prose.skill.headings[heading].title if heading is not None else ""
    rows: list[list[str]] = []
    items: list[Voice] = []
    for block in prose.blocks:
        if not section.contains(block.span):
            continue
        text = prose.text(block.span)
        if block.kind is BlockKind.ROW:
            rows.append([cell.strip() for cell in text.strip("| ").split("|")])
        elif block.kind is BlockKind.ITEM and (named := _NAMED.match(text)):
            items.append(Voice(named.group(1), " ".join(named.group(2).split())))
    if len(rows) > 2 and _VOICE_TITLE.search(rows[0][0]):
        return tuple(Voice(row[0], "; ".join(row[1:])) for row in rows[1:] if len(row) > 1)
    return tuple(items) if len(items) > 1 and _VOICE_TITLE.search(title) else ()
