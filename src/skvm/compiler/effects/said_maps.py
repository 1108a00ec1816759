"""“For each `inbox/*.txt` write `labels/<name>.json`”: the same asked of a model for each of several files.

A step counts only where every word of it that asks for something is understood: it reads files that are
named, thinks, and writes one file for each item whose name carries the item's. Whatever may join one item
with another (an order, a sum, a number, a comparison, one file for all) leaves it a step like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skvm.compiler.effects.model import Effects, Repetition
from skvm.compiler.effects.patterns import NAME, is_glob, may_meet, names_differ, over_all, parts_of
from skvm.compiler.effects.resources import is_path, path_name, touches_same
from skvm.compiler.effects.said_files import (
    ACTS,
    JOINS,
    PLACE,
    READS_FROM,
    SELECTS,
    WRITES,
    NamedFile,
    named_files,
    only_words,
    without_names,
)
from skvm.compiler.effects.words import IN_TURN
from skvm.diagnostics import Span

__all__ = ["Over", "gone_through", "said_map"]

_EACH = re.compile(r"\b(?P<each>each|every|all)\b", re.IGNORECASE)
_ALL_FILES = re.compile(r"\s+(?:the\s+)?[\w.` -]*(?:files|`)")
_SELF_NAMES = "name stem basename base file filename file-name file_name filestem same-name samename"
_SELF = frozenset(_SELF_NAMES.split())
"""What a placeholder is called that means the item's own name."""
_SAME_NAME = re.compile(
    r"\b(?:the |its )?same (?:file ?)?(?:base ?)?name\b|"
    r"\bnamed (?:after|like) (?:it|the (?:file|item|\w+))\b",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}\Z")
_BARE_SUFFIX = re.compile(r"(?<![\w`/*>}])`?(\.[a-z][a-z0-9]{0,7})`?(?![\w/])")
_KINDS = {
    **{kind: f".{kind}" for kind in ("txt", "csv", "json", "yaml", "log", "html", "xml", "tsv")},
    **{"text": ".txt", "markdown": ".md"},
}
_OF_FOLDER = re.compile(
    r"\s*(?:files? |ones? )?(?:in|of|under|from|inside|within)\s+(?:the (?:folder |directory )?)?"
)
_INSIDE = re.compile(r"\b(?:in|of|under|from|inside|within)\b")
_MATCHING = re.compile(r"\s*(?:\(|,? ?(?:matching|that match(?:es)?|with the pattern|like|named)\s+)")
_LIST_HEAD = re.compile(
    r"\b(?:each|every one) of (?:the (?:files|following) |these (?:files )?)?:?\s*(?=`|[\w/]+\.)",
    re.IGNORECASE,
)
_LIST_GLUE = re.compile(r"(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*)")
_LEANS = re.compile(
    r"\bsteps?\s+\d|\bfindings\b|\b(?:approved|agreed|decided|discussed|earlier)\b|"
    r"\bthe (?:user|conversation)\b|"
    r"\byour (?:notes|plan)\b",
    re.IGNORECASE,
)
"""Words that speak of what is in no file the step names, nor in the skill."""
_ONLY_IF = re.compile(
    r"\b(?:if|when|whenever|unless|otherwise|once|in case|optional\w*|depending)\b", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.;!?]\s+|\n\s*\n")
_MOST_WORDS_BETWEEN = 60
_LISTED_IN = re.compile(
    r"\b(?:label|word|value|kind|categor(?:y|ies)|term|name|one|those|rule|list|table|code|class|form|"
    r"layout)s?\s+"
    r"(?:that (?:is|are)\s+)?(?:\w+\s+)?(?:in|of|from)\s+(?:the\s+)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Over:
    """What a step goes through.

    Args:
        pattern: The pattern, ``""`` for a list.
        items: The items of a list.
        placeholder: What the pattern calls the part of a name that differs.
        used: The mentions that say so.
    """

    pattern: str
    items: tuple[str, ...] = ()
    placeholder: str = ""
    used: tuple[NamedFile, ...] = ()


def said_map(text: str, span: Span, context: str = "") -> Repetition | None:
    """What a step of words alone does to each of several files; ``None`` where anything is in doubt.

    Args:
        text: The whole step, without its list mark.
        span: Its bytes in ``SKILL.md``.
        context: The skill's text, for the suffix of files in a folder.
    """
    if not _is_of_each_alone(text):
        return None
    names = named_files(text)
    plain = only_words(text)
    if not names or ACTS.search(plain) or not WRITES.search(plain):
        return None
    over = gone_through(text, names, context)
    if over is None:
        return None
    rest = [name for name in names if name not in over.used]
    output, made = _output(text, rest, over)
    if output is None:
        return None
    inputs = _inputs(text, [name for name in rest if name not in made])
    if inputs is None or not _holds(over, output, inputs):
        return None
    reads = (*(over.items or (over.pattern,)), *inputs)
    return Repetition(
        ", ".join(over.items) or over.pattern,
        "list" if over.items else "glob",
        span,
        "every item is read and answered by itself, in a file of its own",
        over.items,
        effects=Effects(tuple(sorted(set(reads))), over_all(output, over.pattern, over.items)),
        output=output,
        inputs=inputs,
    )


def _is_of_each_alone(text: str) -> bool:
    """Whether a text speaks of each of several, of all of them, and of nothing that joins them."""
    each = _EACH.search(text)
    if each is None or any(found.search(text) for found in (IN_TURN, JOINS, SELECTS, _LEANS)):
        return False
    return not _ONLY_IF.search(_SENTENCE_END.split(text[: each.start()])[-1])


# --- what it goes through


def gone_through(text: str, names: Sequence[NamedFile], context: str) -> Over | None:
    """The files a text says something is done to each of; ``None`` where it says of none, or not which.

    Args:
        text: The words.
        names: The paths in them.
        context: The skill's text, for the suffix of files in a folder.
    """
    return _listed(text, names) or _pattern(text, names, context)


def _pattern(text: str, names: Sequence[NamedFile], context: str) -> Over | None:
    """The pattern of “each `inbox/*.txt`”, “every `.txt` file in `inbox/`”, “each file of `inbox/`”."""
    for each in _EACH.finditer(text):
        end = each.end()
        if each["each"].lower() == "all" and not _ALL_FILES.match(text, end):
            continue
        near = [name for name in names if name.start >= end]
        near = [name for name in near if not re.search(r"[.;:]\s", text[end : name.start])]
        words = text[end : near[0].start] if near else ""
        if near and len(words) <= _MOST_WORDS_BETWEEN and not WRITES.search(words):
            return _near(text, words, near, context)
    return None


def _near(text: str, words: str, near: Sequence[NamedFile], context: str) -> Over | None:
    """The pattern that the first names behind “each” make."""
    first = near[0].text
    folder = next((name for name in near[1:2] if name.text.endswith("/")), None)
    if is_glob(first):
        joins = folder is not None and _OF_FOLDER.fullmatch(text[near[0].end : folder.start])
        if "/" not in first and folder is not None and joins:
            return _over(folder.text + first, near[:2])
        return _over(first, near[:1])
    places = PLACE.findall(first)
    if len(places) == 1:
        called = next(group for group in places[0] if group)
        return _over(PLACE.sub("*", first), near[:1], called)
    if _SUFFIX.match(first) and folder is not None:
        return _over(f"{folder.text}*{first}", near[:2])
    return _in_folder(text, words, near, context) if first.endswith("/") else None


def _over(pattern: str, used: Sequence[NamedFile], placeholder: str = "") -> Over | None:
    pattern = pattern.removeprefix("./")
    return Over(pattern, (), placeholder, tuple(used)) if is_glob(pattern) else None


def _in_folder(text: str, words: str, near: Sequence[NamedFile], context: str) -> Over | None:
    """“each text file in `inbox/`”, perhaps with “(`*.txt`)” or “matching `*.txt`” behind it."""
    folder = near[0].text
    behind = near[1] if len(near) > 1 else None
    if behind is not None and is_glob(behind.text) and _MATCHING.fullmatch(text[near[0].end : behind.start]):
        return _over(behind.text if "/" in behind.text else folder + behind.text, near[:2])
    if not _INSIDE.search(words):
        return None
    said = words.lower().split()
    suffix = next((suffix for word, suffix in _KINDS.items() if word in said), "")
    if not suffix:
        seen = set(re.findall(rf"{re.escape(folder)}[^\s`/]*?(\.[a-z][a-z0-9]{{0,5}})\b", context))
        suffix = seen.pop() if len(seen) == 1 else ""
    return _over(f"{folder}*{suffix}", near[:1])


def _listed(text: str, names: Sequence[NamedFile]) -> Over | None:
    """The files of “for each of `a.csv`, `b.csv` and `c.csv`”."""
    head = _LIST_HEAD.search(text)
    if head is None:
        return None
    found: list[NamedFile] = []
    end = head.end()
    for name in names:
        if name.start < head.end():
            continue
        if not _LIST_GLUE.fullmatch(text[end : name.start]):
            break
        found.append(name)
        end = name.end
    items = tuple(name.text for name in found)
    plain = all(is_path(item) and "*" not in item and not PLACE.search(item) for item in items)
    return Over("", items, "", tuple(found)) if len(items) > 1 and plain else None


# --- what it writes


def _output(text: str, names: Sequence[NamedFile], over: Over) -> tuple[str | None, Sequence[NamedFile]]:
    """The template of the one file that is written for an item, and the mentions that say so."""
    templates = [name for name in names if PLACE.search(name.text) or "*" in name.text]
    if templates:
        same = len({name.text for name in templates}) == 1
        return (_template(text, templates[0].text, over.placeholder) if same else None), templates
    if not _SAME_NAME.search(text):
        return None, ()
    suffixes = [name for name in names if _SUFFIX.match(name.text)]
    suffixes += [NamedFile(found[1], *found.span()) for found in _BARE_SUFFIX.finditer(text)]
    folders = [name for name in names if name.text.endswith("/")]
    if len({name.text for name in folders}) > 1 or len({name.text for name in suffixes}) > 1:
        return None, ()
    around = parts_of(over.pattern) if over.pattern else None
    suffix = suffixes[0].text if suffixes else around[1] if around else None
    folder = folders[0].text if folders else around[0] if around else None
    if suffix is None or folder is None or not (suffixes or folders):
        return None, ()
    return f"{folder}{NAME}{suffix}".removeprefix("./"), [*folders, *suffixes]


def _template(text: str, name: str, placeholder: str) -> str | None:
    """``labels/{name}.json`` of ``labels/<name>.json``; ``None`` where the placeholder may mean more."""
    places = [next(group for group in found if group) for found in PLACE.findall(name)]
    if "*" in name or len(places) != 1:
        return None
    word = places[0].lower().replace(" ", "-")
    said = re.findall(r"\b(?:each|every)\s+(?:([a-z]+)\s+)?([a-z]+)\b", text, re.IGNORECASE)
    nouns = {noun.lower() for pair in said for noun in pair if noun} - {"file", "of", "the", "in"}
    is_own = word in _SELF or word == placeholder.lower().replace(" ", "-")
    is_own = is_own or any(word in {noun, f"{noun}-name", f"{noun}-file"} for noun in nouns)
    return PLACE.sub(NAME, name).removeprefix("./") if is_own else None


# --- what else it touches


def _inputs(text: str, names: Sequence[NamedFile]) -> tuple[str, ...] | None:
    """The other files that are named, all of them read; ``None`` where one may be written."""
    found: list[str] = []
    for name in names:
        if PLACE.search(name.text) or "*" in name.text or name.text.endswith("/") or not is_path(name.text):
            return None
        before = re.split(r"[.;:]\s|\n", without_names(text[: name.start]))[-1]
        if WRITES.search(before) and not READS_FROM.search(before) and not _LISTED_IN.search(before):
            return None
        found.append(path_name(name.text))
    return tuple(dict.fromkeys(found))


def _holds(over: Over, output: str, inputs: Sequence[str]) -> bool:
    """Whether every item has a file of its own that nobody else reads."""
    whole_folder = over.pattern.endswith("/*") and "*" not in over.pattern[:-1]
    if not names_differ(over.pattern, over.items) and not whole_folder:
        return False
    made = over_all(output, over.pattern, over.items)
    items = over.items or (over.pattern,)
    if NAME not in output or any(may_meet(one, item) for one in made for item in items):
        return False
    return not any(touches_same(one, other) for one in made for other in inputs)
