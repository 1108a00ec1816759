"""Whether a run was over once its step had held, and whether its last words can be said without a model.

They can if they say nothing but what stands in the prompt, in the files that were written, in what the step
printed, or in the few words any such message is made of. A prompt that wants an answer, not only files, gets
one from a program only where the program printed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from skvm.harness.trajectory import ToolKind, Turn

__all__ = ["asks_for_words", "closing_for", "is_over_after", "says_nothing_new"]

_WORD = re.compile(r"[^\W_]+(?:['’.,_-][^\W_]+)*", re.UNICODE)
_CLAUSE = r"(?:^|[.!?;:,\n]\s+|\b(?:and|then|also|please|to|you|finally)\s+)"
_QUESTION = re.compile(
    r"\?(?:\s|$|[\"'”’)])|(?:^|[.!?;:\n]\s+)(?:what|which|who|whose|whom|when|where|why|how)\b|"
    rf"{_CLAUSE}(?:tell|explain|describe|discuss|answer|reply|respond|inform|say|state|comment|justify|recommend|"
    r"suggest|advise|mention|confirm|show|report|give|list|print|display|output)\b(?! (?:it|them|the result|"
    r"the output) (?:to|in|into|as)\b)"
    r"|\b(?:let me know|tell me|for me|in your (?:answer|reply|response|final|closing|last)|"
    r"(?:final|closing) (?:answer|message|reply)|find out)\b",
    re.IGNORECASE,
)
_PLAIN_WORDS = """
a above after all also an and any are as at been below both but by can checked column columns complete
completed computed confirm confirmed contain containing contains content contents converted correct
correctly counted created csv data deduplicated desired did done each entries entry everything expected
extracted file filled filtered final finally finished following for format formatted found from generated
given grouped has have header here i i've if in input instructed into is it it's its json key keys let
line lines list listed loaded made markdown me my name named new no note now object of ok okay on one only
output outputs per please processed produced program properly ran read ready record records removed
renamed replaced report request requested required result results row rows run running saved script see
set should shown so sorted specified step steps stored success successful successfully sum summary table
task template text that the their them then there these they this those to total totals updated used using
valid value values verified via was well were what which will with work working written wrote you your
"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
_MAX_CHARS = 4000
_LOOKS = frozenset({ToolKind.READ, ToolKind.LIST})


def asks_for_words(prompt: str) -> bool:
    """Whether a prompt may want to be told something, beside having files made."""
    return _QUESTION.search(prompt) is not None


def is_over_after(turns: Sequence[Turn], last: int, is_unchanged: bool) -> bool:
    """Whether nothing but looking and closing words came after a step.

    Args:
        turns: All turns of the run.
        last: Index of the step's last turn.
        is_unchanged: Whether the run left exactly the files the step had left.
    """
    rest = [turn for turn in turns if turn.index > last]
    if not rest or rest[-1].tool_calls or not is_unchanged:
        return False
    calls = [call for turn in rest for call in turn.tool_calls]
    return all(call.kind in _LOOKS or call.kind is ToolKind.RUN for call in calls)


def says_nothing_new(said: str, prompt: str, printed: str, files: Mapping[str, bytes]) -> bool:
    """Whether every word of a closing message stands in the prompt, the files, the output, or is plain."""
    if len(said) > _MAX_CHARS:
        return False
    known = set(_words(prompt)) | set(_words(printed))
    for path, data in files.items():
        known |= set(_words(path)) | set(_words(data.decode("utf-8", "replace")))
    return all(word in _PLAIN or word in known for word in _words(said))


def _words(text: str) -> Iterable[str]:
    for found in _WORD.finditer(text):
        word = found.group().lower().replace("’", "'")
        yield word
        # A path or a compound is known by itself and by its parts.
        if not word.isalnum():
            yield from (part for part in re.split(r"[.,_-]", word) if part)


def closing_for(prompts: Sequence[str], finals: Sequence[str], printed: Sequence[str]) -> str | None:
    """The closing message of a terminal step; ``None`` where only a model can close the run.

    Args:
        prompts: The prompts of the runs.
        finals: Their last words.
        printed: What the step printed in each, ``""`` where nothing did.
    """
    if not any(asks_for_words(prompt) for prompt in prompts):
        return "Done. {outputs}"
    told = all(
        text.strip() and _figures(said) and _figures(said) <= _figures(text)
        for said, text in zip(finals, printed, strict=True)
    )
    return "{stdout}\n\n{outputs}" if told else None


def _figures(text: str) -> frozenset[str]:
    """Words that are no plain words: what a message really says."""
    return frozenset(word for word in _words(text) if word not in _PLAIN)
