"""``follow.format``: a named format, a schema, several constraints on the same text."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from typing import Any

from skvm.target.answers import bare, read_only_json, same_value
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
from skvm.target.reports import Report, draw_report, guess_report, judge_report
from skvm.target.schemas import draw_fields, guess_like
from skvm.target.vocabulary import NOUNS

_MIN_WORDS, _MAX_WORDS = 6, 7
_BARE_COATS = frozenset({Coat.FENCED, Coat.CRLF, Coat.BLANK_LINES})
"""Every level asks for the thing only: a fence is no prose, but a sentence or a mark beside it is."""

_ASKED = {
    "json": "as a JSON array of strings",
    "pipes": "on one line, with a bar between two words (like `x | y`)",
    "semicolons": "on one line, with a semicolon and no space between two words (like `x;y`)",
    "quoted": 'on one line, each in double quotes, with a comma and no space between two (like `"x","y"`)',
    "pairs": "one per line, each after its number and = (like `1=x`)",
    "dashes": "one per line, each after a hyphen and a space (like `- x`)",
    "numbered": "one per line, each after its number, a full stop and a space (like `1. x`)",
    "tagged": "one per line, each between the tags <w> and </w> (like <w>x</w>)",
}


def _in_form(kind: str, words: Sequence[str]) -> str:
    counted = list(enumerate(words, start=1))
    return {
        "json": json.dumps(list(words)),
        "pipes": " | ".join(words),
        "semicolons": ";".join(words),
        "quoted": ",".join(f'"{word}"' for word in words),
        "pairs": "\n".join(f"{n}={word}" for n, word in counted),
        "dashes": "\n".join(f"- {word}" for word in words),
        "numbered": "\n".join(f"{n}. {word}" for n, word in counted),
        "tagged": "\n".join(f"<w>{word}</w>" for word in words),
    }[kind]


def _named(rng: random.Random) -> Probe:
    words = rng.sample(NOUNS, rng.randint(_MIN_WORDS, _MAX_WORDS))
    kind = rng.choice(list(_ASKED))
    other = rng.choice([each for each in _ASKED if each != kind])
    swapped = [words[1], words[0], *words[2:]]
    answer = _in_form(kind, words)
    wrong = [_in_form(other, words), _in_form(kind, words[:-1]), _in_form(kind, swapped), f"Words:\n{answer}"]
    compact = [Answer(json.dumps(words, separators=(",", ":")))] if kind == "json" else []
    return Probe(
        prompt=f"Write these words in this order {_ASKED[kind]}: {', '.join(words)}\nAnswer with that only.",
        reference=Answer(answer),
        also=compact,
        wrong=[Answer(text) for text in wrong],
        secret={"kind": kind, "words": words, "expected": answer},
    )


async def _grade_named(probe: Probe, work: Work) -> Verdict:
    words, expected = probe.secret["words"], probe.secret["expected"]
    if probe.secret["kind"] == "json":
        found = read_only_json(work.response)
        is_right = found is not None and same_value(found[0], words)
    else:
        said = [line.rstrip() for line in bare(work.response).split("\n") if line.strip()]
        # Around a single line, backticks are the fence.
        if len(said) == 1 and (inner := re.fullmatch(r"(`{1,2})([^`]+)\1", said[0])):
            said = [inner[2]]
        is_right = said == expected.split("\n")
    told = "" if is_right else f", said {work.response.strip()[:200]!r}"
    return Verdict(is_right, f"expected {expected!r}{told}")


def _guess_named(probe: Probe, rng: random.Random) -> Answer:
    words = list(probe.secret["words"])
    return Answer(_in_form(probe.secret["kind"], rng.sample(words, len(words))))


def _schema(rng: random.Random) -> Probe:
    fields = draw_fields(rng)
    value = {field.key: field.value for field in fields}
    facts = [field.fact for field in rng.sample(fields, len(fields))]
    forms = "\n".join(f"- {field.key}: {field.form}" for field in fields)
    slipped = rng.sample(fields, 3)
    wrong: list[Any] = [{**value, field.key: rng.choice(list(field.slips))} for field in slipped]
    wrong += [{**value, "note": ""}, {key: each for key, each in value.items() if key != fields[0].key}]
    wrong.append([value])
    return Probe(
        prompt=(
            f"Known of a thing: {'; '.join(facts)}.\n"
            f"Write it as one JSON object with exactly these keys:\n{forms}\nAnswer with the JSON only."
        ),
        reference=Answer(json.dumps(value)),
        also=[Answer(json.dumps(value, indent=2, sort_keys=True))],
        wrong=[*(Answer(json.dumps(each)) for each in wrong), Answer(f"Here:\n{json.dumps(value)}")],
        secret={"expected": value},
    )


async def _grade_schema(probe: Probe, work: Work) -> Verdict:
    found, expected = read_only_json(work.response), probe.secret["expected"]
    if found is None or not isinstance(found[0], dict):
        return Verdict(False, f"expected one JSON object only, said {work.response.strip()[:200]!r}")
    said = found[0]
    wrong = [
        key
        for key in sorted({*said, *expected})
        if key not in said or key not in expected or not same_value(said[key], expected[key])
    ]
    if not wrong:
        return Verdict(True, "every key is right")
    told = "; ".join(f"{key}: expected {expected.get(key)!r}, said {said.get(key)!r}" for key in wrong)
    return Verdict(False, told[:500])


def _guess_schema(probe: Probe, rng: random.Random) -> Answer:
    texts = [word for word in re.findall(r"\w+", probe.prompt) if not word.isdecimal()]
    numbers = [int(digits) for digits in re.findall(r"\d+", probe.prompt)]
    return Answer(json.dumps(guess_like(probe.secret["expected"], texts, numbers, rng)))


def _constrained(rng: random.Random) -> Probe:
    report = draw_report(rng)
    return Probe(
        prompt=report.prompt,
        reference=Answer(report.text),
        also=[Answer(report.with_note(note)) for note in report.notes],
        wrong=[Answer(text) for text in report.slips(rng)],
        secret={"report": report.to_json()},
    )


async def _grade_constrained(probe: Probe, work: Work) -> Verdict:
    fault = judge_report(Report.from_json(probe.secret["report"]), work.response)
    return Verdict(fault is None, fault or "every constraint holds")


def _guess_constrained(probe: Probe, rng: random.Random) -> Answer:
    return Answer(guess_report(Report.from_json(probe.secret["report"]), rng))


FOLLOW_FORMAT = primitive(
    Primitive(
        id="follow.format",
        description="Answer in the form that was asked for.",
        revision=2,
        levels={
            Level.L1: LevelSpec(
                claim="A simple named format: a JSON array, separated values, numbered pairs.",
                generate=_named,
                grade=_grade_named,
                guess=_guess_named,
                accepts=_BARE_COATS,
            ),
            Level.L2: LevelSpec(
                claim="A schema: exactly the given keys with their types, nested ones and enumerations.",
                generate=_schema,
                grade=_grade_schema,
                guess=_guess_schema,
                accepts=_BARE_COATS,
            ),
            Level.L3: LevelSpec(
                claim=(
                    "Several constraints at once: selection, order of rows and of nested keys, letter case, "
                    "types, white space and a limit in bytes."
                ),
                generate=_constrained,
                grade=_grade_constrained,
                guess=_guess_constrained,
                accepts=_BARE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Ask for the content in the schema first with one constraint at most, and let a later "
                "step (a script or a second pass) sort, rename and tighten it."
            ),
            l2_to_l1="Give a filled-in template of the output, in which only the values have to be replaced.",
        ),
    )
)
