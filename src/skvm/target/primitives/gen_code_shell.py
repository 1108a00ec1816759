"""``gen.code.shell``: one or two commands, pipelines, field-by-field work with awk and sed.

The script prints, and is run again in the grader's cell on inputs the agent never saw, so nothing but the
script itself can produce what is compared.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skvm.harness.contract import Facility
from skvm.target.checks import file_text
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
from skvm.target.vocabulary import NOUNS

_HIDDEN_INPUTS = 2
_RUN_TIMEOUT_S = 10.0
_SCRIPT = "solution.sh"
_OTHER_LANGUAGES = re.compile(r"\b(?:python[\d.]*|perl|ruby|node|php)\b")
_LOG_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")

_Solve = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Job:
    """One task: input, what to do (from the verb on), oracle, right scripts, a slip with what it prints."""

    form: str
    ask: str
    draw: Callable[[random.Random], str]
    solve: _Solve
    scripts: Sequence[str]
    slip: tuple[_Solve, str]


def _answer(script: str) -> Answer:
    return Answer(f"{_SCRIPT} is written.", {_SCRIPT: f"#!/bin/bash\n\n{script}\n"})


def _printing(text: str) -> Answer:
    return _answer("cat <<'END'\n" + text.rstrip("\n") + "\nEND")


def _probe(rng: random.Random, job: _Job, source: str) -> Probe:
    cases: list[tuple[str, str]] = []
    while len(cases) <= _HIDDEN_INPUTS:
        text = job.draw(rng)
        expected = job.solve(text)
        # Told apart from the sample's answer and from the typical slip on every input.
        if expected and expected != job.slip[0](text) and all(expected != other for _, other in cases):
            cases.append((text, expected))
    (sample, shown), *hidden = cases
    return Probe(
        prompt=(
            f"Create the file {_SCRIPT}, a bash script without arguments that uses commands such as grep, "
            f"sort, head and awk, but no other programming language. It reads {source}, {job.form}, and "
            f"{job.ask} It prints nothing else. A sample {source} is in the work directory; {_SCRIPT} will "
            "be tested with other files of the same form."
        ),
        files={source: sample},
        reference=_answer(job.scripts[0]),
        secret={"source": source, "sample": shown, "cases": [list(case) for case in hidden]},
        also=[_answer(script) for script in job.scripts[1:]],
        wrong=[_answer(job.slip[1]), _printing(shown)],
    )


def _normal(text: str) -> list[str]:
    """The lines that say something, runs of blanks as one (``uniq -c`` and ``wc`` put some before)."""
    return [" ".join(line.split()) for line in text.split("\n") if line.strip()]


async def _grade(probe: Probe, work: Work) -> Verdict:
    script = await file_text(work.cell, _SCRIPT)
    if script is None:
        return Verdict(False, f"{_SCRIPT} was not written")
    code = "\n".join(line for line in script.split("\n") if not line.lstrip().startswith("#"))
    if other := _OTHER_LANGUAGES.search(code):
        return Verdict(False, f"{_SCRIPT} uses {other[0]}, which the question forbids")
    for number, (text, expected) in enumerate(probe.secret["cases"], start=1):
        await work.cell.write(probe.secret["source"], text.encode())
        if wrong := await _run(work, expected):
            return Verdict(False, f"hidden input {number}: {wrong}")
    return Verdict(True, "right on every hidden input")


async def _run(work: Work, expected: str) -> str:
    """What is wrong with what the script prints; nothing where it is right."""
    run = await work.cell.execute(["bash", _SCRIPT], timeout_s=_RUN_TIMEOUT_S)
    said = run.stderr.strip()[-300:]
    # grep says with 1 that it found nothing, a pipe with 141 that head had read enough: both may be right.
    if run.exit_code not in {0, 1, 141}:
        return f"{_SCRIPT} {'ran too long' if run.is_timed_out else f'ended with {run.exit_code}'}: {said}"
    # bash goes on after a line that is no command, a sentence before the script for example.
    if "command not found" in said:
        return said
    is_right = _normal(run.stdout) == _normal(expected)
    return "" if is_right else f"expected {expected!r}, got {run.stdout[:200]!r}"


def _guess(probe: Probe, rng: random.Random) -> Answer:
    """A script that prints something of the right form and looks at nothing."""
    words = re.findall(r"[a-z]+", probe.files[probe.secret["source"]])
    text = re.sub(r"\d+", lambda _: str(rng.randint(1, 99)), probe.secret["sample"])
    return _printing(re.sub(r"[a-z]+", lambda _: rng.choice(words), text))


def _lines(values: Sequence[object]) -> str:
    return "\n".join(map(str, values))


def _pairs(text: str) -> list[tuple[str, int]]:
    return [(word, int(number)) for word, number in (line.split() for line in text.split("\n") if line)]


# --- L1: one or two commands ---------------------------------------------------------------------------


def _basic(rng: random.Random) -> Probe:
    pool = rng.sample(NOUNS, 9)
    word, few = pool[0], rng.randint(3, 5)
    letter = word[0]
    inside = [noun for noun in NOUNS if letter in noun[1:] and noun[0] != letter]
    if not inside:
        return _basic(rng)
    # Another word has the letter further on, so that beginning with it is told from having it.
    pool[1] = rng.choice(inside)
    source = f"{rng.choice(('words', 'list', 'input', 'items', 'names'))}.txt"

    def draw(rng: random.Random) -> str:
        return _lines([rng.choice(pool) for _ in range(rng.randint(12, 24))]) + "\n"

    choices: tuple[tuple[str, _Solve, Sequence[str], tuple[_Solve, str]], ...] = (
        (
            f"prints the number of lines that begin with the letter {letter} (a single number).",
            lambda t: str(sum(each.startswith(letter) for each in t.split())),
            (f"grep -c '^{letter}' {source}", f"grep '^{letter}' < {source} | wc -l"),
            (lambda t: str(sum(letter in each for each in t.split())), f"grep -c '{letter}' {source}"),
        ),
        (
            f"prints the number of lines that are exactly the word {word} (a single number).",
            lambda t: str(t.split().count(word)),
            (f"grep -cx '{word}' {source}", f"awk '$1 == \"{word}\"' {source} | wc -l"),
            (lambda t: str(len(t.split()) - t.split().count(word)), f"grep -cvx '{word}' {source}"),
        ),
        (
            "prints the number of different lines (a single number).",
            lambda t: str(len(set(t.split()))),
            (f"sort -u {source} | wc -l", f"awk '!s[$0]++ {{ n++ }} END {{ print n }}' {source}"),
            (lambda t: str(len(t.split())), f"wc -l < {source}"),
        ),
        (
            f"sorts all lines in reverse alphabetical order and prints the first {few} of the sorted lines. "
            "Equal lines are all kept.",
            lambda t: _lines(sorted(t.split(), reverse=True)[:few]),
            (f"sort -r {source} | head -n {few}", f"sort {source} | tac | sed {few}q"),
            (lambda t: _lines(sorted(t.split()[:few], reverse=True)), f"head -n {few} {source} | sort -r"),
        ),
        (
            f"sorts all lines in alphabetical order and prints the last {few} of the sorted lines. Equal "
            "lines are all kept.",
            lambda t: _lines(sorted(t.split())[-few:]),
            (f"sort {source} | tail -n {few}", f"sort -r {source} | head -n {few} | tac"),
            (lambda t: _lines(sorted(t.split()[-few:])), f"tail -n {few} {source} | sort"),
        ),
    )
    ask, solve, scripts, slip = rng.choice(choices)
    form = "which has one word in lower case on each line"
    return _probe(rng, _Job(form, ask, draw, solve, scripts, slip), source)


# --- L2: pipelines and loops ---------------------------------------------------------------------------


def _pipes(rng: random.Random) -> Probe:
    limit, few, pool = rng.randint(30, 60), rng.randint(3, 4), rng.sample(NOUNS, 10)
    source = f"{rng.choice(('scores', 'stock', 'points', 'parts'))}.txt"

    def draw(rng: random.Random) -> str:
        # All numbers differ, so that no order by number has a tie; some have one digit, some three.
        numbers = [limit, *rng.sample([n for n in range(2, 250) if n != limit], rng.randint(13, 18))]
        rng.shuffle(numbers)
        return _lines([f"{rng.choice(pool)} {number}" for number in numbers]) + "\n"

    def kept(text: str) -> list[tuple[str, int]]:
        return [pair for pair in _pairs(text) if pair[1] >= limit]

    def smallest(text: str, is_strict: bool = False) -> str:
        pairs = sorted((n, w) for w, n in kept(text) if n > limit or not is_strict)
        return _lines([f"{w} {n}" for n, w in pairs[:few]])

    def frequent(text: str) -> list[tuple[str, int]]:
        return sorted(Counter(w for w, _ in _pairs(text)).items(), key=lambda pair: (-pair[1], pair[0]))

    atleast = f"awk '$2 >= {limit}' {source}"
    loop = f'while read -r w n; do if [ "$n" -ge {limit} ]; then echo "$w $n"; fi; done < {source}'
    choices: tuple[tuple[str, _Solve, Sequence[str], tuple[_Solve, str]], ...] = (
        (
            f"prints the {few} lines with the largest numbers, largest number first, each line unchanged.",
            lambda t: _lines([f"{w} {n}" for w, n in sorted(_pairs(t), key=lambda pair: -pair[1])[:few]]),
            (f"sort -k2,2nr {source} | head -n {few}", f"sort -n -k 2 {source} | tail -n {few} | tac"),
            (
                lambda t: _lines(
                    [f"{w} {n}" for w, n in sorted(_pairs(t), key=lambda p: str(p[1]))[::-1][:few]]
                ),
                f"sort -k2,2r {source} | head -n {few}",
            ),
        ),
        (
            f"prints the {few} lines with the smallest numbers among those whose number is at least {limit}, "
            "smallest number first, each line unchanged.",
            smallest,
            (f"{atleast} | sort -k2,2n | head -n {few}", f"{loop} | sort -n -k2 | sed {few}q"),
            (
                lambda t: smallest(t, is_strict=True),
                f"awk '$2 > {limit}' {source} | sort -k2,2n | head -n {few}",
            ),
        ),
        (
            f"prints the different words of the lines whose number is at least {limit}, in alphabetical "
            "order, one a line.",
            lambda t: _lines(sorted({w for w, _ in kept(t)})),
            (f"{atleast} | cut -d ' ' -f 1 | sort -u", f"{loop} | sed 's/ .*//' | sort | uniq"),
            (lambda t: _lines(sorted(w for w, _ in kept(t))), f"{atleast} | cut -d ' ' -f 1 | sort"),
        ),
        (
            f"prints for each of the {few} most frequent words one line: the word, a space, and how many "
            "lines have it. The most frequent word is first, equally frequent ones in alphabetical order.",
            lambda t: _lines([f"{w} {n}" for w, n in frequent(t)[:few]]),
            (
                f"cut -d ' ' -f 1 {source} | sort | uniq -c | sort -k1,1nr -k2,2 | head -n {few} | "
                'while read -r n w; do echo "$w $n"; done',
                f"awk '{{ c[$1]++ }} END {{ for (w in c) print w, c[w] }}' {source} | "
                f"sort -k2,2nr -k1,1 | head -n {few}",
            ),
            (
                lambda t: _lines([f"{n} {w}" for w, n in frequent(t)[:few]]),
                f"cut -d ' ' -f 1 {source} | sort | uniq -c | sort -k1,1nr -k2,2 | head -n {few}",
            ),
        ),
    )
    ask, solve, scripts, slip = rng.choice(choices)
    form = "whose lines are a word, a space and a whole number"
    return _probe(rng, _Job(form, ask, draw, solve, scripts, slip), source)


# --- L3: fields, groups and rewriting ------------------------------------------------------------------


def _records(text: str) -> list[tuple[str, dict[str, str]]]:
    rows = [line.split() for line in text.split("\n") if line]
    return [(row[1].strip("[]"), dict(field.split("=") for field in row[2:])) for row in rows]


def _log(rng: random.Random) -> Probe:
    level = rng.choice(_LOG_LEVELS)
    who, size = rng.choice(("user", "host", "job")), rng.choice(("ms", "bytes", "rows"))
    pool = rng.sample(NOUNS, 4)

    def draw(rng: random.Random) -> str:
        rows, minute = [], rng.randint(0, 300)
        for _ in range(rng.randint(14, 20)):
            minute += rng.randint(1, 40)
            fields = [
                f"{who}={rng.choice(pool)}",
                f"{size}={rng.randint(2, 900)}",
                f"try={rng.randint(1, 9)}",
            ]
            rng.shuffle(fields)
            shown = rng.choice((level, *_LOG_LEVELS))
            rows.append(f"{minute // 60:02}:{minute % 60:02} [{shown}] {' '.join(fields)}")
        return _lines(rows) + "\n"

    def totals(text: str, only: bool = True, each: Callable[[int], int] = int) -> dict[str, int]:
        sums: dict[str, int] = defaultdict(int)
        for shown, fields in _records(text):
            if shown == level or not only:
                sums[fields[who]] += each(int(fields[size]))
        return dict(sums)

    def listed(sums: dict[str, int]) -> str:
        return _lines([f"{name} {sums[name]}" for name in sorted(sums)])

    def largest(text: str, only: bool = True) -> str:
        best: dict[str, int] = defaultdict(int)
        for shown, fields in _records(text):
            if shown == level or not only:
                best[fields[who]] = max(best[fields[who]], int(fields[size]))
        return listed(dict(best))

    def rewritten(text: str, only: bool = True) -> str:
        return _lines([f"{f[size]};{f[who]}" for shown, f in _records(text) if shown == level or not only])

    fields = 'for (i = 3; i <= NF; i++) { split($i, p, "="); f[p[1]] = p[2] }'
    awk = f"awk '%s {{ {fields} %s }} END {{ for (k in s) print k, s[k] }}' app.log | sort"
    add = f's[f["{who}"]] += f["{size}"]'
    most = f'if (f["{size}"] + 0 > s[f["{who}"]]) s[f["{who}"]] = f["{size}"] + 0'
    chosen = f'$2 == "[{level}]"'
    sed = (
        f"{{ %s app.log; }} | sed 's/.*{who}=\\([a-z]*\\).*/& \\1/; "
        f"s/.* {size}=\\([0-9]*\\).* \\([a-z]*\\)$/%s/'"
    )
    picked = f"grep -F '[{level}]'"
    summing = "awk '{ t[$1] += $2 } END { for (k in t) print k, t[k] }' | sort"
    summed = sed % (picked, "\\2 \\1") + f" | {summing}"
    choices: tuple[tuple[str, _Solve, Sequence[str], tuple[_Solve, str]], ...] = (
        (
            f"prints for every {who} that has such lines, one line: the {who}, a space, and the sum of "
            f"{size}, in alphabetical order of {who}.",
            lambda t: listed(totals(t)),
            (awk % (chosen, add), summed),
            (lambda t: listed(totals(t, only=False)), awk % ("", add)),
        ),
        (
            f"prints for every {who} that has such lines, one line: the {who}, a space, and the largest "
            f"{size}, in alphabetical order of {who}.",
            largest,
            (awk % (chosen, most),),
            (lambda t: largest(t, only=False), awk % ("", most)),
        ),
        (
            f"prints for every such line, in the order of the file, one line: its {size}, a semicolon, and "
            f"its {who}, without blanks (like `12;name`).",
            rewritten,
            (
                sed % (picked, "\\1;\\2"),
                f'awk \'{chosen} {{ {fields} print f["{size}"] ";" f["{who}"] }}\' app.log',
            ),
            (lambda t: rewritten(t, only=False), sed % ("cat", "\\1;\\2")),
        ),
    )
    ask, solve, scripts, slip = rng.choice(choices)
    example = f"07:31 [{level}] try=2 {size}=120 {who}={pool[0]}"
    form = (
        f"a log with lines like `{example}` (the levels are {', '.join(_LOG_LEVELS)}; after the level come "
        f"the fields {who}, {size} and try in any order), takes only the lines of level {level}"
    )
    return _probe(rng, _Job(form, ask, draw, solve, scripts, slip), "app.log")


# Not even the line ends: bash takes a carriage return for a part of the last word.
_ACCEPTS = frozenset({Coat.BLANK_LINES})

GEN_CODE_SHELL = primitive(
    Primitive(
        id="gen.code.shell",
        description="Write shell scripts that work on inputs nobody has shown.",
        levels={
            Level.L1: LevelSpec(
                claim="Basic commands: grep, sort, head, tail and wc, alone or two in a row.",
                generate=_basic,
                grade=_grade,
                guess=_guess,
                accepts=_ACCEPTS,
            ),
            Level.L2: LevelSpec(
                claim="Pipelines and loops: filter by number, sort by a field, count, take the first few.",
                generate=_pipes,
                grade=_grade,
                guess=_guess,
                accepts=_ACCEPTS,
            ),
            Level.L3: LevelSpec(
                claim="sed and awk pipelines: named fields, sums by group, lines rewritten.",
                generate=_log,
                grade=_grade,
                guess=_guess,
                accepts=_ACCEPTS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Instead of awk programs, filter with grep, cut the field out, and add up in a while-read "
                "loop over its lines."
            ),
            l2_to_l1=(
                "Write one command a step, and put what each step gives into a file that the next one reads."
            ),
        ),
        needs=frozenset({Facility.FILES}),
        commands=("bash", "awk", "sed", "grep", "sort"),
    )
)
