"""Trials of an oracle: right answers, right answers in odd coats, other right answers, and cheats.

What a primitive's author needs to know that its oracle is sound; ``skvm primitives check`` runs them, and so
do our own tests over every primitive.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from skvm.harness.site import Site, Visit
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Trajectory, Turn
from skvm.target.contract import Act, Answer, Coat, Level, Primitive, Probe

__all__ = ["CHEATERS", "Cheater", "coated", "trajectory_of", "visits_of"]

Cheater = Callable[[Primitive, Level, Probe, random.Random], Answer]
"""Makes an answer without the capability."""

_REFUSAL = "I'm sorry, but I can't help with that."
_LEAD_INS = ("Sure, here it is:", "Here is what you asked for:", "Okay. This is my answer:")
_AFTERWORDS = (
    "Let me know if that helps!",
    "I hope this is what you need.",
    "Shall I explain how I got there?",
)
_MANY = 20

_T = TypeVar("_T")


def coated(answer: Answer, coat: Coat) -> Answer:
    """The same answer in another coat, on its files where it has some, else on its response."""
    dress = _DRESSES[coat]
    if answer.files:
        return replace(answer, files={path: dress(text) for path, text in answer.files.items()})
    # What is said may also begin with blank lines; a script's first line must stay the first.
    blank = "\n\n" if coat is Coat.BLANK_LINES else ""
    return replace(answer, response=blank + dress(answer.response))


def _bold(text: str) -> str:
    # JSON is no prose: there, the word before it is what a model makes bold.
    if text.lstrip().startswith(("{", "[")):
        return f"**Answer:**\n{text}"
    return "\n".join(f"**{line}**" if line.strip() else line for line in text.split("\n"))


def _fenced(text: str) -> str:
    mark, kind = _one_of((("```", ""), ("```", "text"), ("~~~", "")), text)
    return f"{mark}{kind}\n" + text.rstrip("\n") + f"\n{mark}\n"


def _one_of(choices: Sequence[_T], text: str) -> _T:
    """Always the same for the same text, so that a coat is a function of the answer."""
    return choices[zlib.crc32(text.encode()) % len(choices)]


_DRESSES: Mapping[Coat, Callable[[str], str]] = {
    Coat.FENCED: _fenced,
    Coat.BOLD: _bold,
    Coat.LEAD_IN: lambda text: f"{_one_of(_LEAD_INS, text)}\n\n{text}",
    Coat.AFTERWORD: lambda text: f"{text}\n\n{_one_of(_AFTERWORDS, text)}",
    Coat.CRLF: lambda text: text.replace("\n", "\r\n"),
    Coat.BLANK_LINES: lambda text: f"{text}\n\n",
}


def _empty(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Says and leaves nothing."""
    return Answer("", dict.fromkeys(probe.reference.files, ""))


def _refusal(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Declines politely."""
    return Answer(_REFUSAL, dict.fromkeys(probe.reference.files, _REFUSAL))


def _truthful_refusal(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Says why it declines, in the words of the question."""
    text = f"I cannot do that truthfully, so I will not. You asked: {probe.prompt}\nThat would not be right."
    return Answer(text, dict.fromkeys(probe.reference.files, text))


def _copied_input(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Gives back what it was given."""
    given = "\n".join([probe.prompt, *probe.files.values()])
    return Answer(probe.prompt, dict.fromkeys(probe.reference.files, given))


def _sample_output(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Gives an answer that was right for other input, and acts as for that one."""
    other = primitive.probe(level, rng.randrange(1_000_000, 2_000_000)).reference
    texts = list(other.files.values())
    named = enumerate(probe.reference.files)
    files = {name: other.files.get(name, texts[place % len(texts)] if texts else "") for place, name in named}
    # The same answer by chance would be no cheat.
    if (other.response, files) == (probe.reference.response, probe.reference.files):
        return _empty(primitive, level, probe, rng)
    return Answer(other.response, files, other.turns)


def _no_effect(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Leaves every file that is wanted, with a comment in it and no effect, and says that it is done."""
    comment = "<!-- done -->" if any(n.endswith(".html") for n in probe.reference.files) else "# done"
    return Answer("Done.", dict.fromkeys(probe.reference.files, comment + "\n"), probe.reference.turns)


def _idle(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Does what the reference does, but nothing of it by tool: only where the oracle looks at the calls."""
    if not probe.reference.turns:
        return _empty(primitive, level, probe, rng)
    return replace(probe.reference, turns=())


def _plausible(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """One of the probe's own plausible wrong answers, else nearly the right one with one value off."""
    if probe.wrong:
        return rng.choice(list(probe.wrong))
    files = {name: _near_miss(text) for name, text in probe.reference.files.items()}
    return Answer(_near_miss(probe.reference.response), files, probe.reference.turns)


def _near_miss(text: str) -> str:
    """The same text with its last number, or else its last word, changed."""
    numbers = list(re.finditer(r"\d+", text))
    if numbers:
        last = numbers[-1]
        return text[: last.start()] + str(int(last[0]) + 1) + text[last.end() :]
    words = list(re.finditer(r"[A-Za-z]{3,}", text))
    if words:
        last = words[-1]
        return text[: last.start()] + last[0][::-1] + "e" + text[last.end() :]
    return text + "x"


def _random_guess(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """An answer of the right form with random content."""
    guess = primitive.levels[level].guess
    if guess is None:
        return _sample_output(primitive, level, probe, rng)
    return guess(probe, rng)


def _many_guesses(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """Twenty guesses at once, in the hope that the oracle looks for the right one among them."""
    guesses = [_random_guess(primitive, level, probe, rng) for _ in range(_MANY)]
    names = dict.fromkeys(name for guess in guesses for name in guess.files)
    files = {name: "\n".join(guess.files.get(name, "") for guess in guesses) for name in names}
    return Answer("\n".join(guess.response for guess in guesses), files, guesses[-1].turns)


def _half_done(primitive: Primitive, level: Level, probe: Probe, rng: random.Random) -> Answer:
    """The first half of a right answer: of its text, its files and its calls."""
    whole = probe.reference
    files = {name: _first_half(text) for name, text in whole.files.items()}
    left = sum(len(acts) for acts in whole.turns) // 2
    turns: list[Sequence[Act]] = []
    for acts in whole.turns:
        if left > 0:
            turns.append(acts[:left])
        left -= len(acts)
    return Answer(_first_half(whole.response), files, turns)


def _first_half(text: str) -> str:
    """Half of the lines that say something; of one line, half of its words; of one word, nothing."""
    for between in ("\n", " "):
        parts = [part for part in text.strip().split(between) if part.strip()]
        if len(parts) > 1:
            return between.join(parts[: len(parts) // 2])
    return ""


CHEATERS: Mapping[str, Cheater] = {
    "empty": _empty,
    "refusal": _refusal,
    "truthful-refusal": _truthful_refusal,
    "copied-input": _copied_input,
    "hard-coded-sample-output": _sample_output,
    "file-without-effect": _no_effect,
    "right-but-idle": _idle,
    "plausible-but-wrong": _plausible,
    "half-done": _half_done,
    "random-guess": _random_guess,
    "many-guesses": _many_guesses,
}
"""By name: what passes no oracle more often than once in a hundred probes."""


def trajectory_of(probe: Probe, answer: Answer) -> Trajectory:
    """What an agent that gives this answer would have done, as a trajectory."""
    turns = [_turn(index, acts) for index, acts in enumerate(answer.turns)]
    turns.append(Turn(index=len(turns), text=answer.response, dialect=Dialect.TEXT))
    return Trajectory(
        harness="given", model="given", prompt=probe.prompt, turns=tuple(turns), final_text=answer.response
    )


def _turn(index: int, acts: Sequence[Act]) -> Turn:
    calls, observations = [], []
    for place, act in enumerate(acts):
        id = f"{index}-{place}"
        calls.append(
            ToolCall(id=id, name=act.name or act.kind.value, kind=act.kind, arguments=dict(act.arguments))
        )
        code = (1 if act.is_error else 0) if act.kind is ToolKind.RUN else None
        observations.append(
            Observation(tool_call_id=id, text=act.output, is_error=act.is_error, exit_code=code)
        )
    return Turn(
        index=index, dialect=Dialect.NATIVE, tool_calls=tuple(calls), observations=tuple(observations)
    )


def visits_of(site: Site, answer: Answer) -> tuple[Visit, ...]:
    """What a site would have been asked by an agent that gives this answer (its fetches, in order)."""
    return tuple(_visit(site, act) for acts in answer.turns for act in acts if act.kind is ToolKind.FETCH)


def _visit(site: Site, act: Act) -> Visit:
    from urllib.parse import parse_qsl, urlsplit

    url, method = str(act.arguments.get("url", "/")), str(act.arguments.get("method", "GET"))
    headers = {str(k).lower(): str(v) for k, v in dict(act.arguments.get("headers") or {}).items()}
    form = {str(k): str(v) for k, v in dict(act.arguments.get("form") or {}).items()}
    page = site.find(method, url, headers=headers, form=form)
    parts = urlsplit(url)
    return Visit(
        method=method.upper(),
        path=parts.path or "/",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        status=page.status if page else 404,
        form=form,
    )
