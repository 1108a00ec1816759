"""Trials of an oracle: right answers, right answers in odd coats, other right answers, and cheats.

What a primitive's author needs to know that its oracle is sound; ``skvm primitives check`` runs them, and so
do our own tests over every primitive.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skvm.harness.site import Site, Visit
from skvm.harness.trajectory import Dialect, Observation, ToolCall, ToolKind, Trajectory, Turn
from skvm.target.contract import Act, Answer, Coat, Level, Primitive, Probe

__all__ = ["CHEATERS", "Cheater", "coated", "trajectory_of", "visits_of"]

Cheater = Callable[[Primitive, Level, Probe, random.Random], Answer]
"""Makes an answer without the capability."""

_REFUSAL = "I'm sorry, but I can't help with that."


def coated(answer: Answer, coat: Coat) -> Answer:
    """The same answer in another coat, on its files where it has some, else on its response."""
    dress = _DRESSES[coat]
    if answer.files:
        return replace(answer, files={path: dress(text) for path, text in answer.files.items()})
    return replace(answer, response=dress(answer.response))


def _bold(text: str) -> str:
    # JSON is no prose: there, the word before it is what a model makes bold.
    if text.lstrip().startswith(("{", "[")):
        return f"**Answer:**\n{text}"
    return "\n".join(f"**{line}**" if line.strip() else line for line in text.split("\n"))


_DRESSES: Mapping[Coat, Callable[[str], str]] = {
    Coat.FENCED: lambda text: "```\n" + text.rstrip("\n") + "\n```\n",
    Coat.BOLD: _bold,
    Coat.LEAD_IN: lambda text: f"Sure, here it is:\n\n{text}",
    Coat.AFTERWORD: lambda text: f"{text}\n\nLet me know if that helps!",
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


CHEATERS: Mapping[str, Cheater] = {
    "empty": _empty,
    "refusal": _refusal,
    "truthful-refusal": _truthful_refusal,
    "copied-input": _copied_input,
    "hard-coded-sample-output": _sample_output,
    "file-without-effect": _no_effect,
    "right-but-idle": _idle,
    "plausible-but-wrong": _plausible,
    "random-guess": _random_guess,
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
