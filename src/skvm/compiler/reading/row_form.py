"""Strict forms of lines: which of order, case, white space, size and selection are asked for at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from skvm.compiler.reading.prose import Prose, Sentence
from skvm.compiler.reading.spotting import spotted

__all__ = ["RowForm", "row_forms"]


@dataclass(frozen=True, slots=True)
class RowForm:
    """A strict form of lines.

    Args:
        sentence: What asks for it.
        kinds: Which constraints: ``order``, ``case``, ``space``, ``size``, ``selection``.
        rules: Those a script can see to, as ``tidy.py`` reads them.
        covered: The kinds of those rules.
        columns: The names of the columns, in order; empty where the skill does not say them.
    """

    sentence: Sentence
    kinds: frozenset[str]
    rules: dict[str, Any]
    covered: frozenset[str]
    columns: tuple[str, ...]


_KINDS = {
    "order": re.compile(
        r"\b(?:order|sort)(?:ed)?\s+(?:them\s+|it\s+|the\s+\w+\s+)?(?:alphabetically|by\b)|\balphabetical\b"
        r"|\bin (?:ascending|descending) order\b|按[^，。；\n]{1,16}(?:排序|排列)",
        re.IGNORECASE,
    ),
    "case": re.compile(r"\b(?:lower|upper) ?case\b|小写|大写", re.IGNORECASE),
    "space": re.compile(
        r"\b(?:exactly |a single )?one (?:tab|space|blank)\b|\bsingle (?:tab|space|blank)\b"
        r"|\bno (?:\w+ )?(?:white ?space|blank lines?|spaces?)\b"
        r"|(?:多余|首尾)[^，。；\n]{0,4}空(?:格|白)|空行",
        re.IGNORECASE,
    ),
    "size": re.compile(
        r"\b(?:at most|no more than|below|under|less than|fewer than|maximum of|"
        r"up to)\s+[\d,]+\s*(?:bytes|characters|lines|KB)\b"
        r"|不超过\s*\d+\s*(?:字节|字符|行)",
        re.IGNORECASE,
    ),
    "selection": re.compile(
        r"\b(?:take|keep|include|list|use) only\b|\bonly (?:the )?(?:rows|terms|lines|entries|records|"
        r"items) (?:with|whose|where|that)\b"
        r"|只(?:取|保留|列出)|仅(?:取|保留|列出)",
        re.IGNORECASE,
    ),
}
_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_COLUMNS = re.compile(
    r"(?P<names>`?[a-z][\w ]{0,24}`?(?:\s*,\s*`?[a-z][\w ]{0,24}`?)*?\s*,?\s+and\s+`?[a-z][\w ]{0,24}?`?)"
    r"\s*,?\s+(?:with\s+(?:a|one)\s+(?P<between>tab|comma|semicolon|pipe)\s+between(?:\s+them)?"
    r"|separated\s+by\s+(?:a\s+|one\s+)?(?P<by>tab|comma|semicolon|pipe)s?)\b",
    re.IGNORECASE,
)
_ORDERED = re.compile(
    r"\b(?:order|sort)(?:ed)?\s+(?:them\s+|it\s+|"
    r"the\s+\w+\s+)?by\s+(.+?)(?=[,.;](?!\s*(?:and\s+)?then\b)|\s+and\s+(?:write|put|keep|stay)\b|$)",
    re.IGNORECASE,
)
_LOWERED = re.compile(r"\b(?:the\s+)?`?(\w+)`?(?:\s+\w+)?\s+in\s+(lower|upper) ?case\b", re.IGNORECASE)
_SIZED = re.compile(
    r"\b(at most|no more than|below|under|less than|fewer than|maximum of|"
    r"up to)\s+([\d,]+)\s*bytes\b",
    re.IGNORECASE,
)
_STEMS = (b"order", b"sort", b"alphabet", b"lower", b"upper", "排".encode(), "小写".encode(), "大写".encode())
_MANY = 3


_NO_NAME = re.compile(r"\b(?:an?|one|the|per|each|every|line|list|row|with)\b", re.IGNORECASE)


def row_forms(prose: Prose) -> Iterator[RowForm]:
    """Every sentence that asks for at least three of the constraints at once."""
    for sentence in spotted(prose, _STEMS):
        kinds = frozenset(kind for kind, words in _KINDS.items() if words.search(sentence.text))
        if len(kinds) < _MANY:
            continue
        columns, separator = _columns(prose, sentence)
        rules = _rules(" ".join(sentence.text.split()), columns, separator) if columns else {}
        covered = frozenset(
            kind
            for kind, key in (
                ("order", "sort"),
                ("case", "case"),
                ("space", "separator"),
                ("size", "max_bytes"),
            )
            if kind in kinds and key in rules
        )
        yield RowForm(sentence, kinds, rules, covered, columns)


def _columns(prose: Prose, sentence: Sentence) -> tuple[tuple[str, ...], str]:
    """The columns and what stands between them, as the sentence itself or one before it says."""
    start = prose.skill.body.start
    before = prose.skill.source[start : sentence.span.end].decode("utf-8", "replace")
    found = None
    for found in _COLUMNS.finditer(before):  # noqa: B007
        pass
    if found is None:
        return (), ""
    names = [name.strip(" `") for name in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", found.group("names"))]
    # The list of names may go on to the left into what it says of the lines.
    wanted: list[str] = []
    for name in reversed(names):
        if not name or len(name.split()) > 2 or _NO_NAME.search(name):
            break
        wanted.insert(0, name)
    return tuple(wanted) if len(wanted) > 1 else (), _SEPARATORS[
        (found.group("between") or found.group("by")).lower()
    ]


def _rules(text: str, columns: tuple[str, ...], separator: str) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    if _KINDS["space"].search(text):
        rules["separator"] = separator
    if ordered := _ORDERED.search(text):
        wanted = [word for word in re.split(r",|\band\b|\bthen\b|\bby\b", ordered.group(1)) if word.strip()]
        keys = [_column(word, columns) for word in wanted]
        if all(key is not None for key in keys):
            rules["sort"] = keys
    cases = [(_column(found.group(1), columns), found.group(2).lower()) for found in _LOWERED.finditer(text)]
    if cases and all(column is not None for column, _ in cases):
        rules["case"] = {str(column): case for column, case in cases}
    if sized := _SIZED.search(text):
        number = int(sized.group(2).replace(",", ""))
        rules["max_bytes"] = number - (
            sized.group(1).lower() in {"below", "under", "less than", "fewer than"}
        )
    # Cells are taken apart at the separator whatever is done with them.
    if rules:
        rules.setdefault("separator", separator)
        rules["columns"] = list(columns)
    return rules


def _column(words: str, columns: tuple[str, ...]) -> int | None:
    said = set(re.findall(r"\w+", words.lower()))
    found = [index for index, name in enumerate(columns) if set(name.lower().split()) <= said]
    return found[0] if len(found) == 1 else None
