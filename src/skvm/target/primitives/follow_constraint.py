"""``follow.constraint``: one rule, several rules at once, rules against habit."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from skvm.target.answers import read_labelled, read_lines
from skvm.target.checks import same_text
from skvm.target.contract import (
    Answer,
    Coat,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.redefinitions import draw_quiz
from skvm.target.registers import missing_words
from skvm.target.vocabulary import NOUNS
from skvm.target.writing_rules import broken, fault_of, said, text_of, words_of

_LEAST_WORDS = 6
_MIN_WORDS, _MAX_WORDS = 10, 20
_MIN_LINES, _MAX_LINES = 3, 5
# Common enough to be written by whoever does not think of it, and not so common that little is left.
_LETTERS = "umlcp"
_OPENERS = ("when", "after", "before", "yesterday", "today", "every", "while", "because", "if", "under")
# Rules that are often kept by chance are asked for least.
_SINGLE_KINDS = (*("starts", "ends", "times", "small", "capitals") * 2, "words", "without")
_MARKED = frozenset({Coat.FENCED, Coat.BOLD, Coat.CRLF, Coat.BLANK_LINES})
"""A fence and bold are no words; a sentence beside the answer is what the prompt forbids."""
_REFUSAL = "I will not write that, because it is not true."
_FILLERS = (
    *("the", "a", "my", "our", "one", "old", "big", "red", "by", "on", "in", "at", "and", "or", "is", "was"),
    *(
        "has",
        "had",
        "saw",
        "can",
        "will",
        "near",
        "under",
        "over",
        "with",
        "for",
        "up",
        "low",
        "dull",
        "much",
    ),
    *("long", "small", "cold", "now", "here", "but", "I", "you", "put", "full", "lot", "not", "to", "of"),
)

_Rule = dict[str, Any]


def _fill(rng: random.Random, rules: Sequence[_Rule], lines: int, needed: Sequence[str]) -> list[str]:
    """A text that keeps the rules, word by word; ``needed`` words go to the first line."""
    by_kind = {rule["kind"]: rule for rule in rules}
    letter = by_kind.get("without", {}).get("letter", "\0")
    fillers = [word for word in _FILLERS if letter not in word.lower()]
    size = by_kind.get("words", {}).get("count")
    text = []
    for place in range(1, lines + 1):
        own = {kind: rule for kind, rule in by_kind.items() if rule.get("line", 1) == place}
        first = words_of(own["starts"]["word"]) if "starts" in own else []
        last = words_of(own["ends"]["word"]) if "ends" in own else []
        middle = [[word] for word in needed] if place == 1 else []
        middle += [[str(own["number"]["number"])]] if "number" in own else []
        if "times" in by_kind:
            # One in each line as long as they last; a single line takes them all.
            count = by_kind["times"]["count"]
            middle += [[by_kind["times"]["word"]]] * (count if lines == 1 else place <= count)
        used = len(first) + len(last) + sum(map(len, middle))
        middle += [[rng.choice(fillers)] for _ in range((size or max(_MIN_WORDS, used + 2)) - used)]
        rng.shuffle(middle)
        text.append(_cased(" ".join([*first, *(word for run in middle for word in run), *last]), by_kind))
    return text


def _cased(line: str, by_kind: Mapping[str, _Rule]) -> str:
    line = line.upper() if "capitals" in by_kind else line.lower()
    if "small" not in by_kind:
        line = line[:1].upper() + line[1:]
    mark: str = by_kind.get("closes", {}).get("mark", ".")
    return line + mark


def _single(rng: random.Random) -> Probe:
    nouns = rng.sample(NOUNS, 5)
    kind = rng.choice(_SINGLE_KINDS)
    rule: _Rule = {"kind": kind}
    if kind in ("starts", "ends"):
        rule["word"] = rng.choice(_OPENERS) if kind == "starts" else nouns[3]
    elif kind == "times":
        rule |= {"word": nouns[3], "count": 2}
    elif kind == "words":
        rule |= {"count": rng.randint(8, 12), "many": False}
    elif kind == "without":
        free = [letter for letter in _LETTERS if letter not in "".join(nouns[:3])]
        if not free:
            return _single(rng)
        rule["letter"] = rng.choice(free)
    needed = nouns[:3]
    line = _fill(rng, [rule], 1, needed)
    other = _fill(rng, [rule], 1, [nouns[4], *nouns[:2]])
    wrong = [broken(rule, line), [*line, "Done."], [_REFUSAL]]
    if nouns[2] not in words_of(other[0].lower()):
        wrong.append(other)
    size = "" if kind == "words" else f" It has at least {_LEAST_WORDS} words."
    return Probe(
        prompt=(
            f"Write one sentence with the words {', '.join(needed[:2])} and {needed[2]}.{size}\n"
            f"One rule for the sentence: {said(rule)}.\nAnswer with the sentence only."
        ),
        reference=Answer(text_of(line)),
        also=[Answer(text_of(_fill(rng, [rule], 1, needed)))],
        wrong=[Answer(text_of(each)) for each in wrong],
        secret={"rule": rule, "needed": needed},
    )


async def _grade_single(probe: Probe, work: Work) -> Verdict:
    rule, lines = probe.secret["rule"], read_lines(work.response)
    if len(lines) != 1 or re.search(r"[.!?]\s+\S", lines[0]):
        return Verdict(False, f"expected one sentence only, said {text_of(lines)[:200]!r}")
    count = len(words_of(lines[0]))
    missing = missing_words(lines[0], probe.secret["needed"])
    if missing:
        return Verdict(False, f"the word {missing[0]} is missing in {lines[0][:200]!r}")
    if rule["kind"] != "words" and count < _LEAST_WORDS:
        return Verdict(False, f"{count} words, fewer than {_LEAST_WORDS}")
    fault = fault_of([rule], lines)
    return Verdict(
        fault is None, f"not kept: {fault}, in {lines[0][:200]!r}" if fault else "the rule is kept"
    )


def _guess_single(probe: Probe, rng: random.Random) -> Answer:
    """A sentence made from the words of the prompt, at random."""
    offered = [word for word in dict.fromkeys(words_of(probe.prompt.lower())) if not word.isdecimal()]
    words = [rng.choice(offered) for _ in range(rng.randint(_MIN_WORDS, _MAX_WORDS))]
    return Answer(_cased(" ".join(words), {}))


def _several(rng: random.Random) -> Probe:
    lines, words = rng.randint(_MIN_LINES, _MAX_LINES), rng.sample(NOUNS, 3)
    exact = rng.random() < 0.5
    size: _Rule = {"kind": "words", "count": rng.randint(6, 9)} if exact else {"kind": "least", "count": 4}
    own: list[_Rule] = [
        {"kind": "starts", "line": rng.randint(1, lines), "word": words[0]},
        {"kind": "ends", "line": rng.randint(1, lines), "word": words[1]},
        {"kind": "times", "word": words[2], "count": rng.randint(2, lines)},
        {"kind": "number", "line": rng.randint(1, lines), "number": rng.randint(21, 999)},
    ]
    rules = [{"kind": "lines", "count": lines}, size, *rng.sample(own, 1 if exact else 2)]
    taken = "".join(str(rule.get("word", "")) for rule in rules)
    free = [letter for letter in _LETTERS + "dgwf" if letter not in taken]
    form: list[_Rule] = [
        {"kind": "without", "letter": rng.choice(free)},
        {"kind": rng.choice(("small", "capitals"))},
        {"kind": "closes", "mark": rng.choice(("!", ";", "?"))},
    ]
    rules += rng.sample(form, rng.randint(0, 5 - len(rules)))
    text = _fill(rng, rules, lines, ())
    slips = [broken(rule, text) for rule in rules]
    asked = "\n".join(f"- {said(rule)}" for rule in rng.sample(rules, len(rules)))
    return Probe(
        prompt=f"Write a short text that keeps all of these rules:\n{asked}\nAnswer with the text only.",
        reference=Answer(text_of(text)),
        also=[Answer(text_of(_fill(rng, rules, lines, ())))],
        wrong=[Answer(text_of(slip)) for slip in [*slips, [*text, "Done."]]],
        secret={"rules": rules},
    )


async def _grade_several(probe: Probe, work: Work) -> Verdict:
    lines = read_lines(work.response)
    fault = fault_of(probe.secret["rules"], lines)
    why = f"not kept: {fault}, in {text_of(lines)[:300]!r}"
    return Verdict(fault is None, why if fault else "every rule is kept")


def _guess_several(probe: Probe, rng: random.Random) -> Answer:
    """As many lines as asked for, made from the words of the prompt, at random."""
    offered = list(dict.fromkeys(words_of(probe.prompt.lower())))
    count = next(rule["count"] for rule in probe.secret["rules"] if rule["kind"] == "lines")
    lines = [[rng.choice(offered) for _ in range(rng.randint(4, 9))] for _ in range(count)]
    form: dict[str, _Rule] = {"closes": {"mark": rng.choice(".!?;")}}
    if rng.random() < 0.5:
        form[rng.choice(("small", "capitals"))] = {}
    return Answer("\n".join(_cased(" ".join(line), form) for line in lines))


def _contrary(rng: random.Random) -> Probe:
    quiz = draw_quiz(rng)
    expected = list(quiz.expected)
    mixed = [quiz.habit[0], *expected[1:]]
    told = [f"{n}: {text}" for n, text in enumerate(expected, start=1)]
    wrong = [
        _said(quiz.habit),
        _said(mixed),
        text_of([*told, "In truth, of course, this is not so."]),
        text_of([f"{line} (not in truth)" for line in told]),
        text_of(["I can only answer by the usual meaning.", *told]),
        text_of([f"{n}: {_REFUSAL}" for n in range(1, len(told) + 1)]),
    ]
    return Probe(
        prompt=f"{quiz.prompt} Answer with these lines only.",
        reference=Answer(_said(expected)),
        also=[Answer(text_of([f"{n}. {text}" for n, text in enumerate(expected, start=1)]))],
        wrong=[Answer(text) for text in wrong],
        secret={"expected": expected, "choices": [list(each) for each in quiz.choices]},
    )


def _said(answers: Sequence[str]) -> str:
    return "\n".join(f"{n}: {text}" for n, text in enumerate(answers, start=1))


def _plain(text: str) -> str:
    return text.rpartition("=")[2].strip(" .\"'").lower()


async def _grade_contrary(probe: Probe, work: Work) -> Verdict:
    expected, lines = probe.secret["expected"], read_lines(work.response)
    if len(lines) != len(expected):
        return Verdict(False, f"expected {len(expected)} lines only, found {len(lines)}")
    labels = [str(n + 1) for n in range(len(expected))]
    answers = read_labelled(text_of(lines), labels)
    for label, right in zip(labels, expected, strict=True):
        answer = answers.get(label, "")
        if not same_text(_plain(answer), _plain(right)):
            return Verdict(
                False, f"question {label}: expected {right}, said {answer[:100] or 'nothing clear'}"
            )
    return Verdict(True, "every question is answered by the rules")


def _guess_contrary(probe: Probe, rng: random.Random) -> Answer:
    return Answer(_said([rng.choice(options) for options in probe.secret["choices"]]))


FOLLOW_CONSTRAINT = primitive(
    Primitive(
        id="follow.constraint",
        description="Keep rules on what is written and how, also where they go against habit.",
        levels={
            Level.L1: LevelSpec(
                claim=(
                    "Keep one rule (MUST): the first or last word, how often a word stands, a letter to "
                    "avoid, a number of words, its case."
                ),
                generate=_single,
                grade=_grade_single,
                guess=_guess_single,
                accepts=_MARKED,
            ),
            Level.L2: LevelSpec(
                claim="Keep three to five rules at the same time in one short text.",
                generate=_several,
                grade=_grade_several,
                guess=_guess_several,
                accepts=_MARKED,
            ),
            Level.L3: LevelSpec(
                claim=(
                    "Keep rules that go against habit: changed meanings, an invented calendar, contrary "
                    "answers, a statement known to be untrue as plain fact."
                ),
                generate=_contrary,
                grade=_grade_contrary,
                guess=_guess_contrary,
                accepts=_MARKED,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Say beside each rule that goes against habit that it does so on purpose and holds here, "
                "and give an example of the usual answer and of the one that is wanted."
            ),
            l2_to_l1=(
                "Put the most important rule first and alone, and check the other rules one at a time in "
                "steps of their own, or by a script."
            ),
        ),
    )
)
