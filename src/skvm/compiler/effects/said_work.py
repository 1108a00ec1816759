"""“Read `sales.csv` and write `sales.md`”: a step of words that says what it reads and what it makes."""

from __future__ import annotations

import itertools
import re

from skvm.compiler.effects.model import Effects
from skvm.compiler.effects.patterns import is_glob
from skvm.compiler.effects.resources import clash, is_path, path_name
from skvm.compiler.effects.said_files import (
    ACTS,
    PLACE,
    READS_FROM,
    WRITES,
    NamedFile,
    named_files,
    only_words,
    without_names,
)

__all__ = ["said_work"]

_READS = re.compile(
    r"\b(?:reads?|open|load|go through|look at|look through|take|study|scan|from|using|with|based on|in|of|"
    r"summari[sz]e|translate|count|condense|sum up|describe|classify|rate|judge|combine|join|merge|"
    r"compare)\b",
    re.IGNORECASE,
)
_THINKS = re.compile(
    r"\b(?:summari[sz]e|translate|condense|sum up|describe|combine|join|merge|turn|extract|collect|"
    r"count|list)\b",
    re.IGNORECASE,
)
_INTO = re.compile(
    r"\b(?:to|into|in|as|called|named)\s+(?:the\s+|a\s+|one\s+)?(?:file\s+)?[*_]*$", re.IGNORECASE
)
_LEANS = re.compile(
    r"\b(?:previous\w*|prior|earlier|"
    r"above(?!\s+(?:\d|zero|one|two|three|ten|the (?:limit|average|line)))|preceding|"
    r"so far|findings?|found|based on|according\w*|chosen|"
    r"selected|identified|detected|approved|corresponding|relevant|appropriate|specified|provided|"
    r"remaining|the (?:user|customer|request|conversation|results?)|as (?:discussed|agreed|decided)|"
    r"steps?\s+\d|your (?:notes|findings|plan))\b",
    re.IGNORECASE,
)
"""Words that speak of what is in no file the step names."""
_ONLY_IF = re.compile(
    r"\b(?:if|when|unless|otherwise|in case|optional\w*|as needed|depending)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.;:!?])\s+(?=[A-Z`*\"'(-])|\n\s*\n|\n\s*[-*]\s+")


def said_work(text: str) -> Effects | None:
    """What a step of words alone reads and writes, if that is all it works with; ``None`` if in doubt.

    Args:
        text: The whole step, without its list mark.
    """
    plain = only_words(text)
    if ACTS.search(plain) or _LEANS.search(plain):
        return None
    reads: set[str] = set()
    writes: set[str] = set()
    start = 0
    for sentence in _sentences(text):
        begin, start = start, start + len(sentence)
        names = [name for name in named_files(text) if begin <= name.start < start]
        for name in names:
            role = _role(sentence, text[begin : name.start], name)
            if role is None:
                return None
            if role == "writes" and _ONLY_IF.search(only_words(sentence)):
                return None
            (reads if role == "reads" else writes).add(path_name(name.text))
    if not reads or not writes or clash(reads, writes) is not None:
        return None
    return Effects(tuple(sorted(reads)), tuple(sorted(writes)))


def _sentences(text: str) -> list[str]:
    """The sentences of a text, each with what separates it from the next one."""
    cuts = [0, *(found.end() for found in _SENTENCE.finditer(text)), len(text)]
    return [text[first:last] for first, last in itertools.pairwise(cuts) if last > first]


def _role(sentence: str, before: str, name: NamedFile) -> str | None:
    """Whether a file is read or written, by what stands before it in its sentence; ``None`` where unclear."""
    if PLACE.search(name.text) or not (is_path(name.text) or is_glob(name.text)):
        return None
    # The mention's own back-tick may stand at the end.
    plain = without_names(before.rstrip("`*_ ") + " ")
    last_write = max((found.end() for found in WRITES.finditer(plain)), default=-1)
    last_read = max((found.end() for found in _READS.finditer(plain)), default=-1)
    if READS_FROM.search(plain):
        return "reads"
    if last_write >= 0 and (last_write > last_read or _INTO.search(plain)):
        return None if is_glob(name.text) else "writes"
    if _THINKS.search(plain) and _INTO.search(plain) and "`" in plain:
        return None if is_glob(name.text) else "writes"
    if last_read >= 0:
        return "reads"
    return None
