"""``gen.regex``: literals and classes, groups and anchors, lookaround."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import anyio.to_thread

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
from skvm.target.lookarounds import KINDS
from skvm.target.patterns import Way, cases_of, read_pattern, try_pattern
from skvm.target.vocabulary import NOUNS

_CLASSES = {
    "digits": ("[0-9]", string.digits, "(0-9)"),
    "lowercase letters": ("[a-z]", string.ascii_lowercase, "(a-z)"),
    "uppercase letters": ("[A-Z]", string.ascii_uppercase, "(A-Z)"),
}
_MARKS = "-:/#.="
_EACH_SIDE = 6
"""Texts that match, made at random; those that do not are about twice as many."""

Spec = dict[str, Any]


def _drawn(rng: random.Random, kind: str, count: int) -> str:
    return "".join(rng.choices(_CLASSES[kind][1], k=count))


def _probe(
    spec: Spec,
    *,
    ask: str,
    way: Way,
    build: Callable[[Spec], str],
    positive: Sequence[tuple[str, Sequence[str]]],
    negative: Sequence[str],
    groups: Sequence[int] = (0,),
    also: Sequence[str] = (),
    wrong: Sequence[Spec] = (),
) -> Probe:
    """A probe, its cases and its other answers; a change of the spec makes a wrong pattern."""
    right = {text for text, _ in positive}
    refused = [text for text in dict.fromkeys(negative) if text not in right]
    cases: list[Spec] = [{"text": text, "found": list(found)} for text, found in positive]
    cases += [{"text": text, "found": None} for text in refused]
    return Probe(
        prompt=(
            f"Write a regular expression for Python's `re` module.\n{ask}\n"
            "Letters are plain ASCII letters; texts have one line.\n"
            "End with one line: `Pattern: <the regular expression>`"
        ),
        reference=Answer(f"Pattern: {build(spec)}"),
        also=[Answer(text) for text in also],
        wrong=[Answer(f"Pattern: {build({**spec, **change})}") for change in wrong],
        secret={"way": way, "groups": list(groups), "cases": cases, "spec": spec},
    )


def _examples(positive: Sequence[str], negative: Sequence[str]) -> str:
    return (
        "Match: " + ", ".join(f"`{text}`" for text in positive) + "\n"
        "No match: " + ", ".join(f"`{text}`" for text in negative)
    )


# L1: a label of literal words, marks and counted classes.


def _label_pattern(spec: Spec) -> str:
    runs = [f"{_CLASSES[kind][0]}{{{count}}}" for kind, count in spec["runs"]]
    first, second = (re.escape(mark) if spec["is_escaped"] else mark for mark in spec["marks"])
    return f"{spec['word']}{first}{runs[0]}{second}{runs[1]}"


def _label(rng: random.Random) -> Probe:
    kinds = rng.sample(list(_CLASSES), 2)
    kind, kind2 = kinds
    size, size2 = rng.randint(2, 5), rng.randint(2, 5)
    runs = [[kind, size], [kind2, size2]]
    spec: Spec = {
        "word": rng.choice(NOUNS),
        "marks": rng.sample(_MARKS, 2),
        "runs": runs,
        "is_escaped": True,
    }
    word: str = spec["word"]
    first, second = spec["marks"]

    def made(**change: Any) -> str:
        now = {"word": word, "first": first, "second": second, "size": size, "size2": size2} | change
        now = {"kind": kind, "kind2": kind2} | now
        return (
            f"{now['word']}{now['first']}{_drawn(rng, now['kind'], now['size'])}"
            f"{now['second']}{_drawn(rng, now['kind2'], now['size2'])}"
        )

    (other,) = set(_CLASSES) - set(kinds)
    positive = [made() for _ in range(_EACH_SIDE)]
    negative = [
        *(made(size=size - 1), made(size2=size2 + 1), made(first=second, second=first), made(kind=other)),
        *(made(word=word[:-1]), made(word=word.title()), made(size=size + 1), made(size2=size2 - 1)),
        *(made(first="x"), made(second="x"), made(first=""), made(kind2=other), made(kind=kind2)),
        *(f"{made()}{first}", f"{first}{made()}", f" {made()}", f"{made()} {word}", "", word, made(word="")),
    ]
    plain = _label_pattern(spec)
    (range1, _, shown), (_, _, shown2) = _CLASSES[kind], _CLASSES[kind2]
    wrong: list[Spec] = [
        {"runs": [[kind, size + 1], [kind2, size2]]},
        {"runs": [[kind, size], [other, size2]]},
        {"marks": [second, first]},
    ]
    if "." in spec["marks"]:
        wrong.append({"is_escaped": False})
    return _probe(
        spec,
        ask=(
            "`re.fullmatch(pattern, text)` must match every text made of these five parts, one directly "
            "after the other, and no other text:\n"
            f"1. the word {word}\n2. the character {first}\n3. exactly {size} {kind} {shown}\n"
            f"4. the character {second}\n5. exactly {size2} {kind2} {shown2}\n"
            + _examples([made(), made()], negative[:2])
        ),
        way="fullmatch",
        build=_label_pattern,
        positive=[(text, [text]) for text in positive],
        negative=negative,
        also=[
            f"Pattern: `^{plain}$`",
            f"Pattern: /{plain.replace('/', chr(92) + '/')}/",
            f'Regex: r"{plain}"',
            f"The part `{range1}` is for the {kind}.\n\n**Pattern:** `({word})"
            + plain.removeprefix(word).replace("[0-9]", r"\d")
            + "`",
        ],
        wrong=wrong,
    )


def _guess_label(probe: Probe, rng: random.Random) -> Answer:
    spec = probe.secret["spec"]
    runs = [[rng.choice(list(_CLASSES)), rng.randint(2, 5)] for _ in range(2)]
    marks = rng.choices(spec["marks"], k=2)
    return Answer(f"Pattern: {_label_pattern({**spec, 'marks': marks, 'runs': runs})}")


# L2: a ticket with alternatives, an optional end, groups, and both anchors.


def _ticket_pattern(spec: Spec) -> str:
    words = "|".join(spec["words"])
    (low, high), mark, end_mark = spec["digits"], re.escape(spec["mark"]), re.escape(spec["end_mark"])
    kind = _CLASSES[spec["kind"]][0]
    head, tail = ("^" if spec["is_begun"] else ""), ("$" if spec["is_ended"] else "")
    body = [f"({words})", f"([0-9]{{{low},{high}}})"]
    if not spec["is_word_first"]:
        body.reverse()
    sign = "?" if spec["is_optional"] else ""
    return f"{head}{body[0]}{mark}{body[1]}(?:{end_mark}{kind}{{{spec['size']}}}){sign}{tail}"


def _ticket(rng: random.Random) -> Probe:
    low = rng.randint(2, 4)
    marks, words = rng.sample(_MARKS, 2), rng.sample(NOUNS, 5)
    spec: Spec = {
        "words": words[:3],
        "digits": [low, low + rng.randint(1, 3)],
        "mark": marks[0],
        "end_mark": marks[1],
        "kind": rng.choice(["lowercase letters", "uppercase letters"]),
        "size": rng.randint(2, 4),
        "is_word_first": rng.random() < 0.5,
        "is_begun": True,
        "is_ended": True,
        "is_optional": True,
    }
    high, size, kind = spec["digits"][1], spec["size"], spec["kind"]

    def made(
        *, count: int = 0, end: str | None = None, word: str = "", mark: str = marks[0]
    ) -> tuple[str, list[str]]:
        word = word or rng.choice(spec["words"])
        digits = _drawn(rng, "digits", count or rng.randint(low, high))
        two = [word, digits] if spec["is_word_first"] else [digits, word]
        if end is None:
            end = rng.choice(["", marks[1] + _drawn(rng, kind, size)])
        return f"{two[0]}{mark}{two[1]}{end}", two

    full = marks[1] + _drawn(rng, kind, size)
    positive = [made(word=word, end=end) for word in spec["words"] for end in ("", full)]
    positive += [made(count=low, end=""), made(count=high, end=full)]
    text = made(end="")[0]
    other = "uppercase letters" if kind == "lowercase letters" else "lowercase letters"
    negative = [
        *(made(word=words[3])[0], made(count=low - 1)[0], made(count=high + 1)[0], made(mark=" ")[0]),
        *(text + marks[1], text + full[1:], text + full[:-1], text + full + full[1]),
        *(
            text + full + full,
            text + marks[1] + _drawn(rng, other, size),
            f"x{text}",
            f"{text} x",
            f" {text}",
        ),
        *(made(mark="x", end="")[0], text + "x" + full[1:], f"{words[4]} {text}", f"{text} {words[4]}", ""),
        *(spec["words"][0], made(mark="")[0]),
    ]
    plain = _ticket_pattern(spec)
    parts = [f"one of the words {words[0]}, {words[1]} or {words[2]}", f"{low} to {high} digits (0-9)"]
    names = ["the word", "the digits"]
    if not spec["is_word_first"]:
        parts.reverse()
        names.reverse()
    return _probe(
        spec,
        ask=(
            "A text is a ticket if it is made of these parts, one directly after the other, and has "
            f"nothing else before, between or after them:\n1. {parts[0]}\n2. the character {marks[0]}\n"
            f"3. {parts[1]}\n"
            f"4. optionally (all of it or nothing): the character {marks[1]} and exactly {size} {kind} "
            f"{_CLASSES[kind][2]}\n"
            "`re.search(pattern, text)` must find a match in every ticket and in no other text. "
            f"Group 1 of the match is {names[0]}, group 2 is {names[1]}.\n"
            + _examples([made(end="")[0], made(end=full)[0]], [negative[0], negative[10]])
        ),
        way="search",
        groups=(1, 2),
        build=_ticket_pattern,
        positive=positive,
        negative=negative,
        also=[
            rf"Pattern: \A{plain[1:-1].replace('[0-9]', chr(92) + 'd')}\Z",
            f"pattern = r'{plain}'",
            f"Pattern: `re.compile(r'{plain}')`",
        ],
        wrong=[{"is_begun": False}, {"is_ended": False}, {"is_optional": False}, {"digits": [low, high + 1]}],
    )


def _guess_ticket(probe: Probe, rng: random.Random) -> Answer:
    spec = probe.secret["spec"]
    low = rng.randint(1, 4)
    change = {
        "digits": [low, low + rng.randint(0, 4)],
        "size": rng.randint(1, 5),
        "kind": rng.choice(list(_CLASSES)),
        "is_word_first": rng.random() < 0.5,
        "is_begun": rng.random() < 0.5,
        "is_ended": rng.random() < 0.5,
    }
    return Answer(f"Pattern: {_ticket_pattern({**spec, **change})}")


# L3: one of the jobs that need lookaround.


def _look(rng: random.Random) -> Probe:
    name = rng.choice(list(KINDS))
    kind = KINDS[name]
    job = kind.draw(rng)
    texts = dict.fromkeys(kind.texts(job, rng))
    cases = [(text, kind.find(job, text)) for text in texts]
    plain = kind.build(job)
    return _probe(
        {**job, "job": name},
        ask=kind.rule(job),
        way=kind.way,
        build=kind.build,
        positive=[(text, found) for text, found in cases if found is not None],
        negative=[text for text, found in cases if found is None],
        also=[f"Pattern: `{plain}`", f"Pattern: {plain.replace('[0-9]', chr(92) + 'd')}"],
        wrong=kind.slips(job),
    )


def _guess_look(probe: Probe, rng: random.Random) -> Answer:
    spec = probe.secret["spec"]
    kind = KINDS[spec["job"]]
    return Answer(f"Pattern: {kind.build(kind.guess(spec, rng))}")


async def _grade(probe: Probe, work: Work) -> Verdict:
    pattern = read_pattern(work.response)
    if not pattern:
        return Verdict(False, "the answer has no line `Pattern: …`")
    secret = probe.secret
    cases = cases_of(secret["cases"])
    # In a thread, since a slow pattern would hold up everybody else.
    fault = await anyio.to_thread.run_sync(
        partial(try_pattern, pattern, secret["way"], cases, groups=secret["groups"])
    )
    return Verdict(not fault, fault or f"right on {len(cases)} texts")


GEN_REGEX = primitive(
    Primitive(
        id="gen.regex",
        description="Write regular expressions that match what they should and nothing else.",
        levels={
            Level.L1: LevelSpec(
                claim="Regular expressions of literal text, character classes and counts.",
                generate=_label,
                grade=_grade,
                guess=_guess_label,
            ),
            Level.L2: LevelSpec(
                claim="Regular expressions with alternatives, optional parts, capturing groups and anchors.",
                generate=_ticket,
                grade=_grade,
                guess=_guess_ticket,
            ),
            Level.L3: LevelSpec(
                claim="Regular expressions with lookahead and lookbehind.",
                generate=_look,
                grade=_grade,
                guess=_guess_look,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Match more than is wanted with groups and anchors, and then filter the matches with plain "
                "conditions in a second step instead of with lookaround."
            ),
            l2_to_l1=(
                "Use several simple patterns of literal text and character classes, one for each form, and "
                "try them one after the other on the whole text."
            ),
        ),
    )
)
