"""Trigger cases from descriptions alone, without a model: the same descriptions, the same cases.

What should load a skill is asked for in the words of its description, turned into what a person would say:
what the skill does as an order, and each occasion it names as a request. What should not are prompts of the
other skills that share words with this one but not its purpose, and small requests about its own words that
need none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from skvm.bench.plan import PlannedSkill, PlannedTrigger
from skvm.bench.triggering.cases import each_once, make_case
from skvm.skill.ir import Skill

__all__ = ["derive_triggers"]

MAX_EACH = 6
"""Cases of each kind a skill gets."""
_MAX_DESCRIPTION = 4_000
_MAX_PHRASE = 240
_TOO_CLOSE = 0.5
"""Share of a prompt's words in another description from which on it may well be for that skill, too."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|[。！？]\s*|\s*;\s+")
_OCCASION = re.compile(
    r"\b(?:use|invoke|load|activate|trigger|helpful|useful)[sd]?\b(?:\s+(?:it|this|this\s+skill|"
    r"the\s+skill))?\s*(?:only\s+|also\s+|proactively\s+)?(?P<when>when(?:ever)?|if|before|after|for|to)\s+"
    r"(?P<rest>.+)",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"(?:,\s+(?:or\s+|and\s+)?|\s+or\s+)(?=(?:when(?:ever)?|if|before|after|for)\b)")
_TO = re.compile(r",?\s+or\s+(?:to\s+|who|what|which|how).*|,\s+to\s+.*")
_NEVER = re.compile(
    r"\b(?:do\s+not|don.?t|never|avoid|not\s+to\s+be)\s+(?:\w+\s+){0,2}?(?:us|load|invok|trigger|apply)",
    re.IGNORECASE,
)
_BUT_NOT = re.compile(
    r",?\s+(?:but\s+|and\s+)?(?:do\s+)?not\s+(?:use\s+(?:it\s+|this\s+)?)?(?P<rest>(?:for|when|if|to)\s.+)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?P<when>when(?:ever)?|if|before|after|for|to)\s+", re.IGNORECASE)
_WHO = re.compile(
    r"^(?:somebody|someone|anybody|anyone|people|users?|(?:an?|the)\s+(?:[\w-]+\s+){0,2}?[\w-]+|you|they|we)\s+"
    r"(?P<verb>asks?|wants?|needs?|requests?|sends?|mentions?|uploads?|provides?|gives?)\s+"
    r"(?P<link>for|to|about|how|whether|which|what|whom|who|where|why)?\b\s*(?P<what>.+)$",
    re.IGNORECASE,
)
_SAYS = re.compile(r"\b(?:says?|asks?|mentions?|phrases?|like|such\s+as|types?)\b", re.IGNORECASE)
_QUOTED = re.compile(r'["“]([^"“”]{3,200})["”]')
_ITEMS = re.compile(r",\s*(?:or|and)\s+|,\s+|\s+or\s+")
_WORD = re.compile(r"[^\W\d_][\w-]{3,}")
_JOINED = re.compile(
    r"(?:,(?:\s+and)?|\s+and)\s+\w+s\s+(?:the|an?|which|what|where|how|all|each|every|it|them)\b.*"
)
"""Where a second thing the skill does begins; the order ends there."""
_FRAMES = """
about after again also and another any anything asks before been between both case does done each either else
even every from gives have having help helps here into itself just like made make makes many more most much
must need needed needs only other others over please said same says send sends should skill some somebody
someone such take tell than that their them then there these they this those through under upon used user
users uses using wants what when whenever where whether which while whom with within without would your
"""
_COMMON = frozenset(_FRAMES.split())
_KNOWN_VERBS = """
add analyze audit build calculate check clean collect compare convert create debug deploy design draft edit
explain export extract fetch fill find fix format generate give go import install make manage merge migrate
organize parse plan prepare print process produce read reconcile record review run search send set sort split
sum summarize test track transform translate turn update validate write
"""
_VERBS = frozenset(_KNOWN_VERBS.split())
_AFTER_VERB = frozenset(
    {"a", "an", "the", "all", "any", "your", "our", "their", "its", "each", "every", "how"}
)


def derive_triggers(
    skill: Skill, planned: PlannedSkill, others: Sequence[Skill] = ()
) -> tuple[PlannedTrigger, ...]:
    """Cases of a skill; none where its description says nothing.

    Args:
        skill: The skill.
        planned: How the bench names it.
        others: Whose prompts may be near misses; the skill itself among them is passed over.
    """
    wanted = _wanted(skill.description)[:MAX_EACH]
    if not wanted:
        return ()
    own = _words(skill.description)
    told = [text for text in _unwanted(skill.description) if text not in wanted][: MAX_EACH // 2]
    foreign = _neighbours(own, [other for other in others if other.source != skill.source])
    others_of = [text for text in foreign if text not in wanted][: MAX_EACH - 2 - len(told)]
    aside = list(_asides(skill, wanted))[: MAX_EACH - len(told) - len(others_of)]
    return each_once(
        [
            *(make_case(planned, text, should_trigger=True, source="description") for text in wanted),
            *(make_case(planned, text, should_trigger=False, source="description") for text in told),
            *(make_case(planned, text, should_trigger=False, source="neighbour") for text in others_of),
            *(make_case(planned, text, should_trigger=False, source="description") for text in aside),
        ]
    )


def _wanted(description: str) -> tuple[str, ...]:
    """What a person who needs the skill would say."""
    sentences = _sentences(description)
    asked = [text for sentence in sentences for text in _occasions(sentence)[0]]
    does = [each for each in sentences if not _OCCASION.search(each) and not _NEVER.search(each)]
    # The first sentence says what it is for; the others say how it goes about it.
    return _once([*asked, *map(_order, does[: 1 if asked else 3])])


def _unwanted(description: str) -> tuple[str, ...]:
    """What a person would say for whom, as the description says itself, the skill is not meant."""
    return _once([text for sentence in _sentences(description) for text in _occasions(sentence)[1]])


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple({text.casefold(): text for text in reversed([*texts]) if text}.values())[::-1]


def _sentences(description: str) -> list[str]:
    plain = " ".join(description[:_MAX_DESCRIPTION].split())
    parts = (part.strip(" ,-–—:") for part in _SENTENCE.split(plain))
    return [part for part in parts if part]


def _occasions(sentence: str) -> tuple[list[str], list[str]]:
    """The occasions a sentence names as requests: those it is meant for, and those it is not."""
    occasion = _OCCASION.search(sentence)
    if occasion is None:
        return [], []
    said = f"{occasion['when']} {occasion['rest']}"
    other = _BUT_NOT.search(said)
    meant = _clauses(said[: other.start()] if other else said)
    if _NEVER.search(sentence[: occasion.end("when")]):
        return [], meant
    return meant, _clauses(other["rest"]) if other else []


def _clauses(said: str) -> list[str]:
    return [text for clause in _SPLIT.split(said) for text in _asked(clause.strip(" .,:"))]


def _asked(clause: str) -> Iterator[str]:
    """An occasion as requests."""
    lead = _LEAD.match(clause)
    when = lead["when"].lower() if lead else "when"
    said = clause[lead.end() :] if lead else clause
    who = _WHO.match(said) if when in {"when", "whenever", "if"} else None
    if quoted := _QUOTED.findall(said) if _SAYS.search(said) else []:
        yield from map(_spoken, quoted)
    elif who is not None:
        link, what = (who["link"] or "").lower(), who["what"]
        if link == "to":
            yield _spoken(f"Can you {_TO.sub('', what)}?")
        elif link in {"", "for", "about"}:
            for item in _ITEMS.split(what):
                yield from _item(item)
        else:
            yield _spoken(f"Can you tell me {link} {what}?")
    elif when == "to":
        yield _spoken(f"Please {said}.")
    elif when == "for":
        for item in _ITEMS.split(said):
            yield _spoken(f"I need help with {item}.")
    elif when in {"before", "after"}:
        yield _spoken(f"What has to be done {when} {said}? Please do it.")
    elif re.match(r"\w+ing\b", said):
        yield _spoken(f"I am {said}. Please do what is needed.")
    else:
        yield _spoken(f"Here is the case: {said}. Please do what is needed.")


def _item(item: str) -> Iterator[str]:
    """One of the things people ask for; what speaks of something before it says nothing alone."""
    if _WHO.match(f"somebody {item}"):
        yield from _asked(f"when somebody {item}")
    elif not re.search(r"\b(?:it|them|they|this|that)\b", item):
        yield _spoken(f"Please help me with {item}.")


def _order(sentence: str) -> str:
    """A sentence on what a skill does, as an order: ``Turns a list …`` is asked for by ``Turn a list …``."""
    plain = sentence.strip(" .")
    first, _, rest = _JOINED.sub("", plain).partition(" ")
    verb = _stem(first.lower())
    if rest and first.isalpha() and (verb in _VERBS or rest.partition(" ")[0].lower() in _AFTER_VERB):
        return _spoken(f"Please {verb} {rest}.")
    return _spoken(f"Please help me with this: {plain}.") if len(plain) > 3 else ""


def _stem(verb: str) -> str:
    """A verb without the ending of the third person."""
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def _spoken(text: str) -> str:
    kept = "".join(character for character in text if character.isprintable())
    if len(kept) > _MAX_PHRASE:
        kept = kept[:_MAX_PHRASE].rsplit(" ", 1)[0].rstrip(" ,.") + "."
    return kept


def _words(text: str) -> frozenset[str]:
    found = {word.lower() for word in _WORD.findall(text[:_MAX_DESCRIPTION])}
    return frozenset(word.removesuffix("s") for word in found - _COMMON)


def _neighbours(own: frozenset[str], others: Sequence[Skill]) -> list[str]:
    """Prompts of other skills that share words with this one, but not so many that they could be for it."""
    found: list[tuple[int, str]] = []
    for other in others:
        for text in _wanted(other.description)[:MAX_EACH]:
            words = _words(text)
            shared = len(words & own)
            if shared and shared < _TOO_CLOSE * len(words):
                found.append((-shared, text))
    return list(dict.fromkeys(text for _, text in sorted(found)))


_ASIDES = (
    'What does the word "{0}" mean? Answer in one sentence.',
    'Translate the word "{0}" into French, and say nothing else.',
    'How many letters has the word "{0}"?',
    'Write two lines of verse in which the word "{0}" stands.',
    "Make an empty file called {0}.txt.",
    'Which is longer, the word "{0}" or the word "word"?',
)


def _asides(skill: Skill, wanted: Sequence[str]) -> Iterator[str]:
    """Requests about words of the description that need nothing of the skill."""
    in_order = [
        word.lower()
        for text in (skill.name.replace("-", " "), *wanted)
        for word in _WORD.findall(text)
        if word.isascii() and word.lower() not in _COMMON
    ]
    words = list(dict.fromkeys(in_order)) or ["skill"]
    for index, form in enumerate(_ASIDES):
        yield form.format(words[index % len(words)])
