"""``reason.planning``: the order of steps, what can run at the same time, what a failure leaves."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from skvm.target.answers import read_labelled, read_number
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
from skvm.target.pipelines import layered, needs_text, pipeline, run
from skvm.target.vocabulary import NOUNS

_JOBS = 2
_STEPS = 4
_ORDERED = (
    "{later} needs {earlier}",
    "{earlier} comes before {later}",
    "{later} starts only after {earlier} is finished",
)
_PARALLEL_STEPS = 7
_HOURS = (3, 4)
_HOURS_LABELS = ("Hours", "Total hours", "Number of hours", "Total")
_PIPELINE_STEPS = 11
_STARTED = ("Started", "Started steps")
_SKIPPED = ("Skipped", "Skipped steps")


def _steps_in(text: str, names: Iterable[str]) -> list[str]:
    """The steps a text names, in its order; what stands in brackets is a remark."""
    either = "|".join(names)
    return re.findall(rf"\b(?:{either})\b", re.sub(r"\([^)]*\)", " ", text.lower()))


def _plain(text: str, word: str) -> str:
    """The text with ``word 1`` at the start of a line as ``1``."""
    return re.sub(rf"(?im)^(\W*){word}\s+(?=\d)", r"\1", text)


def _numbered(word: str, rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"{word}{n}: {', '.join(row)}" for n, row in enumerate(rows, start=1))


def _orders(rng: random.Random) -> Probe:
    names = rng.sample(NOUNS, _JOBS * _STEPS)
    jobs, parts = [names[n * _STEPS : (n + 1) * _STEPS] for n in range(_JOBS)], []
    said = rng.choice(_ORDERED)
    for number, order in enumerate(jobs, start=1):
        pairs = list(itertools.pairwise(order))
        rng.shuffle(pairs)
        listed = sorted(order)
        lines = [said.format(earlier=a, later=b) for a, b in pairs]
        parts.append(
            f"Job {number} has the steps {', '.join(listed)}.\n" + "\n".join(f"- {x}" for x in lines)
        )
    swapped = [[jobs[0][1], jobs[0][0], *jobs[0][2:]], *jobs[1:]]
    return Probe(
        prompt=(
            "\n\n".join(parts)
            + "\n\nThe steps of a job run one after another. Each job has exactly one possible order. "
            "Give one line for each job with all its steps, first step first, like "
            "`Job 1: step, step, step, step`."
        ),
        reference=Answer(_numbered("Job ", jobs)),
        secret={"jobs": jobs},
        also=(
            Answer(_numbered("", jobs)),
            Answer("\n".join(f"Job {n}: {' → '.join(order)}" for n, order in enumerate(jobs, start=1))),
            Answer(
                "Each step waits for the one before it.\n"
                + _numbered("Job ", [[name.title() for name in order] for order in jobs])
            ),
        ),
        wrong=(
            Answer(_numbered("Job ", swapped)),
            Answer(_numbered("Job ", [order[::-1] for order in jobs])),
            Answer(_numbered("Job ", [jobs[0], jobs[1][:-1]])),
            Answer(_numbered("Job ", jobs[::-1])),
        ),
    )


async def _grade_orders(probe: Probe, work: Work) -> Verdict:
    labels = [str(n) for n in range(1, _JOBS + 1)]
    answers = read_labelled(_plain(work.response, "job"), labels)
    names = [name for order in probe.secret["jobs"] for name in order]
    for label, expected in zip(labels, probe.secret["jobs"], strict=True):
        said = _steps_in(answers.get(label, ""), names)
        if said != expected:
            return Verdict(False, f"job {label}: expected {', '.join(expected)}, said {', '.join(said)}")
    return Verdict(True, "every order is right")


def _guess_orders(probe: Probe, rng: random.Random) -> Answer:
    return Answer(_numbered("Job ", [rng.sample(order, _STEPS) for order in probe.secret["jobs"]]))


def _hours(rows: Sequence[Sequence[str]], hours: int | None = None) -> Answer:
    return Answer(f"{_numbered('', rows)}\nHours: {len(rows) if hours is None else hours}")


def _at_once(rng: random.Random) -> Probe:
    names = rng.sample(NOUNS, _PARALLEL_STEPS)
    rows, needs = layered(rng, names, rng.choice(_HOURS))
    lines = [f"- {needs_text(name, needs[name])}" for name in rng.sample(names, len(names))]
    place = rng.randrange(1, len(rows))
    moved = rng.choice(rows[place])
    later = [[name for name in row if name != moved] for row in [*rows, []]]
    later[place + 1].append(moved)
    slips = ([[name] for row in rows for name in row], later, [*rows[:-2], [*rows[-2], *rows[-1]]])
    return Probe(
        prompt=(
            "A job has these steps:\n"
            + "\n".join(lines)
            + "\n\nEach step takes one hour. Any number of steps "
            "can run at the same time. A step can start when all steps it needs are finished, and it starts "
            "as early as it can.\n"
            "Give one line for each hour with all steps that run in it (in any order), like `1: step, step`, "
            "and then one line `Hours: <how many hours the whole job takes>`."
        ),
        reference=_hours(rows),
        secret={"hours": rows},
        also=(
            _hours([row[::-1] for row in rows]),
            Answer(
                "\n".join(f"Hour {n}: {' and '.join(row)}" for n, row in enumerate(rows, start=1))
                + f"\nTotal hours: {len(rows)}"
            ),
        ),
        wrong=[
            *(_hours(made) for slip in slips if (made := [row for row in slip if row]) != rows),
            _hours(rows, len(rows) + 1),
        ],
    )


async def _grade_at_once(probe: Probe, work: Work) -> Verdict:
    rows = probe.secret["hours"]
    names = [name for row in rows for name in row]
    labels = [str(n) for n in range(1, len(names) + 1)]
    answers = read_labelled(_plain(work.response, "hour"), [*labels, *_HOURS_LABELS])
    for label in labels:
        said, hour = _steps_in(answers.get(label, ""), names), int(label)
        expected = rows[hour - 1] if hour <= len(rows) else []
        if sorted(said) != sorted(expected):
            return Verdict(False, f"hour {label}: expected {', '.join(expected)}, said {', '.join(said)}")
    total = read_number(next((answers[label] for label in _HOURS_LABELS if label in answers), ""))
    return Verdict(total == Decimal(len(rows)), f"expected {len(rows)} hours, said {total}")


def _guess_at_once(probe: Probe, rng: random.Random) -> Answer:
    names = [name for row in probe.secret["hours"] for name in row]
    rng.shuffle(names)
    hours = rng.choice(_HOURS)
    rows = [[name] for name in names[:hours]]
    for name in names[hours:]:
        rng.choice(rows).append(name)
    return _hours(rows)


def _both(started: Iterable[str], skipped: Iterable[str]) -> Answer:
    return Answer(f"Started: {', '.join(started)}\nSkipped: {', '.join(skipped)}")


def _recovery(rng: random.Random) -> Probe:
    made = pipeline(rng, rng.sample(NOUNS, _PIPELINE_STEPS))
    lines = [
        *(needs_text(name, needs) for name, needs in made.needs.items()),
        *(f"{name} stands in for {step}" for name, step in made.stand_ins.items()),
        *(f"{name} runs only if {step} failed" for name, step in made.only_if.items()),
    ]
    rng.shuffle(lines)
    order = rng.sample(made.names, _PIPELINE_STEPS)

    def answer(skipped: Iterable[str]) -> Answer:
        left_out = frozenset(skipped)
        return _both([n for n in order if n not in left_out], [n for n in order if n in left_out])

    right = run(made).skipped
    slips = (
        right | set(made.failing),
        right - set(made.stand_ins) - set(made.only_if),
        run(made, is_rescued=False).skipped,
        run(made, is_passed_on=False).skipped,
    )
    return Probe(
        prompt=(
            "A pipeline has these steps:\n" + "\n".join(f"- {line}" for line in lines) + "\n\nRules:\n"
            "- A step starts when every step it needs has succeeded. If one never does, it is skipped.\n"
            "- A step that stands in for another one starts only if that one has failed. If the stand-in "
            "succeeds, the other step counts as succeeded for the steps that need it.\n"
            "- A step that runs only if another one failed starts only then; it replaces nothing.\n"
            "- A step that fails has started, so it is not skipped. A skipped step has not failed.\n"
            "- Skipped are all steps that never start, for whatever reason.\n\n"
            f"Today {made.failing[0]} and {made.failing[1]} fail; every other step that starts succeeds.\n"
            "Give two lines; every step stands in exactly one of them, in any order:\n"
            "`Started: step, step, ...`\n`Skipped: step, step, ...`"
        ),
        reference=answer(right),
        secret={"skipped": sorted(right), "names": sorted(made.names)},
        also=(
            _both(sorted(set(made.names) - right), sorted(right)),
            Answer("\n".join(answer(right).response.replace(", ", " and ").split("\n")[::-1])),
        ),
        wrong=[answer(skipped) for skipped in slips if skipped != right],
    )


async def _grade_recovery(probe: Probe, work: Work) -> Verdict:
    names, skipped = probe.secret["names"], probe.secret["skipped"]
    answers = read_labelled(work.response, [*_STARTED, *_SKIPPED])
    for labels, expected in ((_SKIPPED, skipped), (_STARTED, sorted({*names} - {*skipped}))):
        text = next((answers[label] for label in labels if label in answers), "")
        said = sorted(_steps_in(text, names))
        if said != expected:
            return Verdict(False, f"{labels[0]}: expected {', '.join(expected)}, said {', '.join(said)}")
    return Verdict(True, "what started and what was skipped is right")


def _guess_recovery(probe: Probe, rng: random.Random) -> Answer:
    skipped = {name for name in probe.secret["names"] if rng.random() < 0.5}
    return _both([name for name in probe.secret["names"] if name not in skipped], sorted(skipped))


REASON_PLANNING = primitive(
    Primitive(
        id="reason.planning",
        description="Put steps in order, see which can run together, and know what a failure leaves.",
        levels={
            Level.L1: LevelSpec(
                claim="Put 3 to 5 steps into the order their dependencies demand.",
                generate=_orders,
                grade=_grade_orders,
                guess=_guess_orders,
            ),
            Level.L2: LevelSpec(
                claim="See which steps of a plan can run at the same time, and how long the plan takes.",
                generate=_at_once,
                grade=_grade_at_once,
                guess=_guess_at_once,
            ),
            Level.L3: LevelSpec(
                claim="Follow a plan with branches through failures: recovery, and what is skipped after it.",
                generate=_recovery,
                grade=_grade_recovery,
                guess=_guess_recovery,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Decide on branches beforehand: write down for each step that may fail what to do then, as a "
                "table of cases, so that nothing has to be worked out when it happens."
            ),
            l2_to_l1=(
                "Replace the plan by one fixed sequence of three to five numbered steps, run one after "
                "another, and leave out all choices."
            ),
        ),
    )
)
