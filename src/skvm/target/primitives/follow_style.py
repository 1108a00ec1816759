"""``follow.style``: formal or casual, one persona, and several voices kept apart over a long text."""

from __future__ import annotations

import random
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
from skvm.target.passages import fault_of, frames, has_word, plain, sections, sentences, words
from skvm.target.registers import (
    Register,
    endings,
    found_words,
    missing_words,
    register_fault,
    register_lines,
)
from skvm.target.sentences import Writer, listed
from skvm.target.vocabulary import NAMES
from skvm.target.voices import CASUAL_WORDS, FORMAL_WORDS, MODERN_WORDS, VOICES

_STYLES: Mapping[str, tuple[Register, tuple[str, ...], tuple[str, ...]]] = {
    "formal": (
        {"contractions": "never", "exclamations": "never"},
        FORMAL_WORDS,
        CASUAL_WORDS,
    ),
    "casual": (
        {"contractions": "some", "exclamations": "some"},
        CASUAL_WORDS,
        FORMAL_WORDS,
    ),
}
_SHORT_WORDS, _SHORT_BANNED = 2, 5
_OFFERED, _BANNED = 5, 4
_MARKERS = {"persona": 3, "long": 3}
_MAX_WORDS = 150
_SECTION_WORDS = 60
# What can be sold, found and lost.
_THINGS = (
    *("anchor", "basket", "candle", "dagger", "engine", "feather", "hammer", "jacket", "kettle", "ladder"),
    *("magnet", "needle", "orchid", "ribbon", "saddle", "umbrella", "violin", "barrel", "carpet", "emerald"),
    *("helmet", "lantern", "marble", "parcel", "quiver", "scarf", "teapot", "walnut", "bucket", "drawer"),
    *("goblet", "inkpot", "jigsaw", "lemon"),
)
_PERSONA_SENTENCES = 4

Demands = Mapping[str, Any]
Judge = Callable[[Demands, str], str]


def _judged(judge: Judge) -> Callable[[Probe, Work], Any]:
    async def grade(probe: Probe, work: Work) -> Verdict:
        # A word to the reader around the text is not part of it.
        faults = [judge(probe.secret, text) for text in frames(plain(work.response))]
        return Verdict("" in faults, "every rule is kept" if "" in faults else faults[0])

    return grade


def _one(thing: str) -> str:
    # Every noun with a vowel first is also said with one.
    return f"an {thing}" if thing[0] in "aeiou" else f"a {thing}"


def _marked_fault(text: str, least: int, offered: Sequence[str], banned: Sequence[str]) -> str:
    count = len(offered) - len(missing_words(text, offered))
    if count < least:
        return f"{count} of the words {listed(offered)}, fewer than {least}"
    found = found_words(text, banned)
    return f"has the word {found[0]}" if found else ""


def _write(
    about: Sequence[Sequence[str]], ends: Sequence[str], rng: random.Random, avoid: Sequence[str] = ()
) -> str:
    """A sentence for each of what it is about, with the ends of the last ones given."""
    writer = Writer(rng, avoid)
    plain_ends = ["."] * max(0, len(about) - len(ends))
    padded = [*about, *([] for _ in range(len(ends) - len(about)))]
    return " ".join(
        writer.sentence(*each, end=end) for each, end in zip(padded, [*plain_ends, *ends], strict=True)
    )


# L1: formal or casual.


def _short(rng: random.Random) -> Probe:
    style = rng.choice(list(_STYLES))
    register, own, other = _STYLES[style]
    thing, opposite = rng.choice(_THINGS), _STYLES["casual" if style == "formal" else "formal"][0]
    demands: Demands = {
        "style": style,
        "thing": thing,
        "count": rng.randint(3, 5),
        "register": dict(register),
        "words": rng.sample(own, _SHORT_WORDS),
        "banned": rng.sample(other, _SHORT_BANNED),
    }
    used = demands["words"]
    size = demands["count"]
    about: list[list[str]] = [
        [thing],
        *([word] for word in used),
        *([] for _ in range(size - len(used) - 1)),
    ]

    def write(about: Sequence[Sequence[str]], register: Register) -> Answer:
        return Answer(_write(about, endings(register), rng, [thing]))

    return Probe(
        prompt=(
            f"Recommend {_one(thing)} to a customer, in a {style} style. Write at least {size} sentences.\n"
            f"- Use the words {listed([thing, *used])}.\n{register_lines(register)}"
            f"- Do not use any of these words: {', '.join(demands['banned'])}.\n"
            "Answer with the text only."
        ),
        reference=write(about, register),
        also=[write([*about[1:], about[0]], register)],
        wrong=[
            write([*about, [demands["banned"][0]]], register),
            write([about[0], about[1], *([] for _ in range(size))], register),
            write(about, opposite),
            write([*about[1:], []], register),
        ],
        secret=demands,
    )


def _short_fault(demands: Demands, text: str) -> str:
    said = sentences(text)
    if len(said) < demands["count"]:
        return f"{len(said)} sentences, fewer than {demands['count']}"
    asked = [demands["thing"], *demands["words"]]
    fault = _marked_fault(text, len(asked), asked, demands["banned"])
    return fault or register_fault(demands["register"], [text]) or fault_of(text)


def _guess_short(probe: Probe, rng: random.Random) -> Answer:
    demands = probe.secret
    register = rng.choice([style[0] for style in _STYLES.values()])
    offered = [word for word in (*demands["words"], *demands["banned"]) if rng.random() < 0.5]
    about: list[list[str]] = [[word] for word in (*offered, demands["thing"])]
    about += [[] for _ in range(demands["count"] - len(about))]
    return Answer(_write(rng.sample(about, len(about)), endings(register), rng))


# L2: a persona.


def _persona(rng: random.Random) -> Probe:
    who = rng.choice(list(VOICES))
    thing, listener = rng.choice(_THINGS), rng.choice(NAMES)
    closing = rng.choice(["a question", "an exclamation"])
    demands: Demands = {
        "thing": thing,
        "listener": listener,
        "closing": "?" if closing == "a question" else "!",
        "words": rng.sample(VOICES[who], _OFFERED),
        "banned": rng.sample(MODERN_WORDS, _BANNED),
        "register": {"first": "some", "contractions": "never"},
    }
    least, offered = _MARKERS["persona"], demands["words"]
    about: list[list[str]] = [[listener], [thing], *([word] for word in offered[:least])]
    other = "!" if demands["closing"] == "?" else "?"

    def write(about: Sequence[Sequence[str]], end: str, first: str = ", as I remember.") -> Answer:
        return Answer(_write([*about, []], [first, end], rng, [listener, thing]))

    return Probe(
        prompt=(
            f"You are {who}. Tell {listener} about {_one(thing)} that you found.\n"
            f"- Write at least {_PERSONA_SENTENCES} sentences and at most {_MAX_WORDS} words.\n"
            f"- The first sentence contains the name {listener}. The word {thing} stands somewhere.\n"
            f"- Speak of yourself as I, and use at least {least} of these words: {', '.join(offered)}.\n"
            f"- Do not use any of these words: {', '.join(demands['banned'])}.\n"
            "- No contractions (such as don't, it's or we'll).\n"
            f"- The last sentence is {closing} (it ends with `{demands['closing']}`).\n"
            f"Answer only with what {who} says."
        ),
        reference=write(about, demands["closing"]),
        also=[write([[listener, thing], *([word] for word in offered)], demands["closing"])],
        wrong=[
            write(about, other),
            write(about, demands["closing"], "."),
            write(about[1:], demands["closing"]),
            write(about[:-1], demands["closing"]),
            write([*about, [demands["banned"][0]]], demands["closing"]),
            write([*about, *([] for _ in range(16))], demands["closing"]),
        ],
        secret=demands,
    )


def _persona_fault(demands: Demands, text: str) -> str:
    said = sentences(text)
    if len(said) < _PERSONA_SENTENCES or len(words(text)) > _MAX_WORDS:
        return f"{len(said)} sentences of {len(words(text))} words"
    if not has_word(said[0], demands["listener"]):
        return f"{demands['listener']} is not in the first sentence"
    if not has_word(text, demands["thing"]):
        return f"{demands['thing']} is not in it"
    if not said[-1].rstrip("\"'\u201d\u2019)* ").endswith(demands["closing"]):
        return f"the last sentence does not end with {demands['closing']}"
    fault = _marked_fault(text, _MARKERS["persona"], demands["words"], demands["banned"])
    return fault or register_fault(demands["register"], [text]) or fault_of(text)


def _guess_persona(probe: Probe, rng: random.Random) -> Answer:
    demands = probe.secret
    offered = rng.sample([*demands["words"], *demands["banned"]], 4)
    about: list[list[str]] = [[word] for word in (*offered, demands["listener"], demands["thing"])]
    first = rng.choice([".", ", as I remember."])
    return Answer(_write([*rng.sample(about, len(about)), []], [first, rng.choice("?!")], rng))


# L3: several voices over a long text.


def _write_voices(
    demands: Demands, used: Sequence[Sequence[str]], refrains: Sequence[str], rng: random.Random
) -> str:
    writer = Writer(rng, [demands["name"], demands["thing"]])
    blocks = []
    for who, marks, refrain in zip(demands["voices"], used, refrains, strict=True):
        told = [
            writer.sentence(demands["name"], demands["thing"]),
            *(writer.sentence(word) for word in marks),
        ]
        told += [writer.sentence() for _ in range(5 - len(marks))]
        blocks += [f"## {_heading(who)}", f"{' '.join(told)} {refrain}".strip()]
    return "\n\n".join(blocks)


def _heading(who: str) -> str:
    return "The " + " ".join(word.title() if "'" not in word else "Ship's" for word in who.split()[1:])


def _voices(rng: random.Random) -> Probe:
    voices = rng.sample(list(VOICES), 3)
    name, thing = rng.choice(NAMES), rng.choice(_THINGS)
    demands: Demands = {
        "voices": voices,
        "name": name,
        "thing": thing,
        "words": [rng.sample(VOICES[who], _OFFERED) for who in voices],
        "refrain": f"And that is how {name} lost the {thing}.",
    }
    least, offered = _MARKERS["long"], demands["words"]
    refrains = [demands["refrain"]] * len(voices)
    used = [each[:least] for each in offered]
    outline = "".join(
        f"## {_heading(who)} (speaker: {who}; words: {', '.join(each)})\n"
        for who, each in zip(voices, offered, strict=True)
    )

    def write(used: Sequence[Sequence[str]], refrains: Sequence[str] = refrains) -> Answer:
        return Answer(_write_voices(demands, used, refrains, rng))

    return Probe(
        prompt=(
            f"Tell three times how {name} lost {_one(thing)}, in three sections with another speaker each. "
            f"Each section stands under its heading line; leave out the bracket:\n{outline}"
            f"- Each section has at least {_SECTION_WORDS} words and is told in its speaker's voice: it uses "
            f"at least {least} of the words in its own bracket, and none of those in the other two.\n"
            f"- Each section ends with this sentence: {demands['refrain']}\n"
            "- There are no contractions (such as don't, it's or we'll) anywhere, and no other sentence "
            "stands twice.\nAnswer with the three sections only."
        ),
        reference=write(used),
        also=[write(offered)],
        wrong=[
            write([*used[1:], used[0]]),
            write([*used[:-1], used[-1][:1]]),
            write([*used[:-1], [*used[-1], used[0][0]]]),
            write(used, [*refrains[:-1], ""]),
            write(used, [f"That wasn't strange. {refrains[0]}", *refrains[1:]]),
            Answer("\n\n".join(write(used).response.split("\n\n")[:-2])),
        ],
        secret=demands,
    )


def _voices_fault(demands: Demands, text: str) -> str:
    headings = [_heading(who) for who in demands["voices"]]
    found = [section for section in sections(text, headings) if section.depth]
    if [section.title for section in found] != [heading.lower() for heading in headings]:
        return f"the sections are not {listed(headings)}"
    refrain, bodies = words(demands["refrain"].lower()), []
    for place, (section, offered) in enumerate(zip(found, demands["words"], strict=True)):
        if len(words(section.body)) < _SECTION_WORDS:
            return f"{section.title}: {len(words(section.body))} words, fewer than {_SECTION_WORDS}"
        if words(sentences(section.body)[-1].lower()) != refrain:
            return f"{section.title}: does not end with {demands['refrain']}"
        others = [word for other in range(len(found)) if other != place for word in demands["words"][other]]
        if fault := _marked_fault(section.body, _MARKERS["long"], offered, others):
            return f"{section.title}: {fault}"
        bodies.append(" ".join(sentences(section.body)[:-1]))
    return register_fault({"contractions": "never"}, bodies) or fault_of("\n\n".join(bodies))


def _guess_voices(probe: Probe, rng: random.Random) -> Answer:
    demands = probe.secret
    every = [word for offered in demands["words"] for word in offered]
    used = [rng.sample(every, 3) for _ in demands["voices"]]
    return Answer(_write_voices(demands, used, [demands["refrain"]] * len(used), rng))


FOLLOW_STYLE = primitive(
    Primitive(
        id="follow.style",
        description="Write in a style that is asked for, and keep to it.",
        levels={
            Level.L1: LevelSpec(
                claim="A formal or a casual tone over a few sentences.",
                generate=_short,
                grade=_judged(_short_fault),
                guess=_guess_short,
            ),
            Level.L2: LevelSpec(
                claim="A persona with its own words, its own address and a limit of length.",
                generate=_persona,
                grade=_judged(_persona_fault),
                guess=_guess_persona,
            ),
            Level.L3: LevelSpec(
                claim="Several voices, kept consistent and apart over a long text.",
                generate=_voices,
                grade=_judged(_voices_fault),
                guess=_guess_voices,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Write shorter sections, one voice at a time, and repeat the rules of the voice before each."
            ),
            l2_to_l1=(
                "Ask for a formal or a casual tone only, and give examples of words to use and to avoid."
            ),
        ),
    )
)
