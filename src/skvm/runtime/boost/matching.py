"""Whose prompt it is: skeletons against a whole prompt, in one way only.

There is no search pattern here. A skeleton's fixed texts are looked for one after the other; what stands
between them has to be a value, whose length its type bounds. All of a prompt is accounted for, capitals and
marks included, but for how it is wrapped (see ``folding.py``). Where a prompt reads in two ways, and where
there are too many ways to try, nobody answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from skvm.runtime.boost.folding import Folded, fold
from skvm.runtime.boost.holes import Hole, hole_for
from skvm.runtime.boost.model import Candidate, Skeleton

__all__ = ["PROMPT_CHARS", "Match", "Matcher"]

PROMPT_CHARS = 64_000
"""A longer prompt is nobody's."""
_STEPS = 4_000
"""Places that are tried for one prompt, over all candidates; long values count for several."""
_CHARS_A_STEP = 64


@dataclass(frozen=True, slots=True)
class Match:
    """A prompt that is a candidate's.

    Args:
        candidate: The candidate.
        params: What stood in the holes, by name of the parameter, as it stood there.
        texts: The fixed texts it was read by.
    """

    candidate: Candidate
    params: dict[str, str]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Form:
    """A skeleton made ready."""

    texts: tuple[str, ...]
    holes: tuple[Hole, ...]
    inner: tuple[str, ...]

    def may_read(self, text: str) -> bool:
        """Whether a folded prompt holds all the fixed texts."""
        if not self.holes:
            return text == self.texts[0]
        return (
            text.startswith(self.texts[0])
            and text.endswith(self.texts[-1])
            and all(each in text for each in self.inner)
        )


@dataclass(slots=True)
class _Budget:
    left: int = _STEPS

    def take(self, chars: int) -> bool:
        self.left -= 1 + chars // _CHARS_A_STEP
        return self.left >= 0


@dataclass(slots=True)
class Matcher:
    """Finds whose prompt one is, among many candidates.

    A candidate that is off, that has no skeleton, or of whose parameters one has no source, matches nothing.
    """

    candidates: Sequence[Candidate]
    _forms: list[tuple[Candidate, tuple[_Form, ...]]] = field(init=False)

    def __post_init__(self) -> None:
        ready = ((candidate, tuple(_forms(candidate))) for candidate in self.candidates)
        self._forms = [(candidate, forms) for candidate, forms in ready if forms]

    def match(self, prompt: str) -> tuple[Match, ...]:
        """Every candidate whose prompt it is, in their order, each with its one reading."""
        if not self._forms or len(prompt) > PROMPT_CHARS:
            return ()
        # Most prompts are nobody's: their words are looked at before their wrapping is.
        text = " ".join(prompt.split())
        likely = [
            (candidate, fitting)
            for candidate, forms in self._forms
            if (fitting := [form for form in forms if form.may_read(text)])
        ]
        if not likely:
            return ()
        folded, budget = fold(prompt), _Budget()
        found = [match for candidate, forms in likely if (match := _match(candidate, forms, folded, budget))]
        # Who gave up would have found some and not others.
        return tuple(found) if budget.left >= 0 else ()


def _forms(candidate: Candidate) -> Iterator[_Form]:
    params = {param.name: param for param in candidate.template.params}
    if not candidate.is_enabled:
        return
    for skeleton in candidate.skeletons:
        told = set(skeleton.params)
        if told | {*candidate.sources} >= {*params} >= told and _is_sound(skeleton):
            holes = [
                hole_for(params[name], skeleton.texts[place], skeleton.texts[place + 1])
                for place, name in enumerate(skeleton.params)
            ]
            inner = sorted(skeleton.texts[1:-1], key=lambda text: (-len(text), text))
            yield _Form(skeleton.texts, tuple(holes), tuple(inner))


def _is_sound(skeleton: Skeleton) -> bool:
    """Whether it has a text on both sides of every hole, and says something."""
    texts = skeleton.texts
    return (
        len(texts) == len(skeleton.params) + 1
        and all(texts[1:-1])
        and any(character.isalpha() for text in texts for character in text)
    )


def _match(candidate: Candidate, forms: Sequence[_Form], folded: Folded, budget: _Budget) -> Match | None:
    """The one reading of a prompt by any of a candidate's skeletons."""
    found: Match | None = None
    for form in forms:
        for params in _readings(form, folded, budget):
            if found is not None and found.params != params:
                return None
            found = found or Match(candidate, params, form.texts)
    return found


def _readings(form: _Form, folded: Folded, budget: _Budget) -> Iterator[dict[str, str]]:
    """How a prompt reads by a skeleton."""
    text, texts = folded.text, form.texts
    if len(text) < sum(map(len, texts)) + len(form.holes):
        return
    pending: list[tuple[int, int, tuple[tuple[int, int], ...]]] = [(0, len(texts[0]), ())]
    while pending:
        if not budget.take(0):
            return
        place, start, spans = pending.pop()
        if place == len(form.holes):
            if _is_accounted(folded, spans):
                yield {
                    hole.param.name: folded.value(*span) for hole, span in zip(form.holes, spans, strict=True)
                }
            continue
        hole = form.holes[place]
        for end in _ends(form, place, text, start):
            if not budget.take(end - start):
                return
            fits = hole.takes(folded.value(start, end), has_break=folded.has_break(start, end))
            if fits and _agrees(form, spans, place, text[start:end], text):
                pending.append((place + 1, end + len(texts[place + 1]), (*spans, (start, end))))


def _ends(form: _Form, place: int, text: str, start: int) -> Iterator[int]:
    """Where the value of a hole may end."""
    behind = form.texts[place + 1]
    limit = min(form.holes[place].limit(text, start), len(text))
    if place == len(form.holes) - 1:
        end = len(text) - len(behind)
        if start < end <= limit and _is_word(text, start, end):
            yield end
        return
    end = text.find(behind, start + 1, limit + len(behind))
    while end >= 0:
        if _is_word(text, start, end):
            yield end
        end = text.find(behind, end + 1, limit + len(behind))


def _is_word(text: str, start: int, end: int) -> bool:
    return text[start] != " " and text[end - 1] != " "


def _agrees(form: _Form, spans: Sequence[tuple[int, int]], place: int, value: str, text: str) -> bool:
    """Whether a parameter that stands at several places has the same value there."""
    name = form.holes[place].param.name
    return all(
        text[slice(*span)] == value
        for hole, span in zip(form.holes, spans, strict=False)
        if hole.param.name == name
    )


def _is_accounted(folded: Folded, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether white space that may mean something stands in holes only."""
    return all(any(start <= at < end for start, end in spans) for at in folded.telling)
