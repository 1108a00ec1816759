"""Conditions written in one sentence, taken apart into cases."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skvm.compiler.reading.names import Names, column_of
from skvm.skill.sieve import sieved

__all__ = ["Case", "cases_of", "constraints_of", "has_branch", "row_filter"]


@dataclass(frozen=True, slots=True)
class Case:
    """When something holds, what to do; an empty condition means otherwise."""

    condition: str
    action: str


_BRANCH = sieved(r"\b(?:if|unless|otherwise|in case|depending on)\b|(?:如果|否则|除非)", re.IGNORECASE)
_ELSE = r"(?:[;,]\s*|\.\s+|\s+)(?:otherwise|else|if not)\b[,:]?\s+(?:then\s+)?"
_FRONT = re.compile(
    rf"^(?:if|when)\s+(?P<a>[^;]{{3,160}}?),\s+(?:then\s+)?(?P<b>.{{3,220}}?)(?:{_ELSE}(?P<c>.{{3,220}}?))?$",
    re.IGNORECASE | re.DOTALL,
)
_BACK = re.compile(
    rf"^(?P<b>.{{3,220}}?)\s+if\s+(?P<a>[^;,]{{3,160}}?)(?:,?{_ELSE})(?P<c>.{{3,220}}?)$",
    re.IGNORECASE | re.DOTALL,
)


def has_branch(text: str) -> bool:
    """Whether a sentence lets what happens depend on something."""
    return _BRANCH.search(text) is not None


def cases_of(text: str) -> tuple[Case, ...]:
    """The cases of a conditional sentence; empty where its form is not plain enough to take apart."""
    bare = text.strip().rstrip(".").strip()
    if " = " in bare or bare.lower().count(" if ") > 1 or "`" in re.sub(r"`[^`]*`", "", bare):
        return ()
    found = _FRONT.match(bare) or _BACK.match(bare)
    if found is None:
        return ()
    action, otherwise = found.group("b").strip(), (found.group("c") or "").strip()
    if re.search(r"\bif\b|\bunless\b", f"{action} {otherwise}", re.IGNORECASE):
        return ()
    conditions = _alternatives(found.group("a").strip())
    cases = [Case(condition.strip(), action) for condition in conditions]
    if otherwise:
        cases.append(Case("", otherwise))
    return tuple(cases)


_STATES = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|can|cannot|will|exists?|fails?|contains?|equals?|exceeds?"
    r"|matches|"
    r"lacks?|needs?|wants?|asks?|says?|starts?|ends?|uses?)\b",
    re.IGNORECASE,
)


def _alternatives(condition: str) -> list[str]:
    """The parts of a condition joined by or, where each of them says something by itself."""
    parts = re.split(r",?\s+or\s+", condition)
    return parts if all(_STATES.search(part) for part in parts) else [condition]


_TOGETHER = re.compile(
    r"\b(?:find|choose|pick|select|arrange|assign|seat|place|order|schedule|allocate|build|determine|make"
    r"|put|work out)\b[^.;:]{0,120}?"
    r"\b(?:all (?:of )?(?:these|the following|them)(?: \w+)? (?:hold|are met|are true|apply"
    r"|are satisfied)(?: together| at once| at the same time)?"
    r"|(?:meets?|satisf(?:y|ies|ying)|respects?|fulfils?|keeps?|honou?rs?|obeys?) (?:all "
    r"|each )(?:of )?(?:these|the following)(?: (?:constraints|conditions|rules|wishes))?"
    r"|such that)\s*[:,]?\s+(?P<list>.+)"
    r"|(?:排|安排|找出|选出|分配|确定|给出)[^。：:]{0,40}?(?:同时满足|满足(?:以下|下列|所有"
    r"|全部))[^：:，。]{0,12}[：:]\s*(?P<chinese>.+)",
    re.IGNORECASE | re.DOTALL,
)
_ENUMERATED = re.compile(
    r"\s*[,;]\s+and\s+|\s*[,;]\s+(?!which\b|who\b|because\b|since\b|so\b|e\.g\.)|\s*[，；、]\s*(?:并且|而且"
    r"|以及|且)?"
)
_HOLDS = re.compile(
    r"\b(?:is|are|has|have|sits?|stands?|comes?|gets?|must|may|cannot|can|does|do|goes|lies|starts?|ends?"
    r"|never|contains?|follows?|neither|each|every|no)\b"
    r"|[不必是在有坐排]",
    re.IGNORECASE,
)


def constraints_of(text: str) -> tuple[str, ...]:
    """The constraints a sentence lists that one arrangement has to meet together."""
    if len(text) > 1200 or (
        "ll " not in text and "each " not in text and "uch that" not in text and "满足" not in text
    ):
        return ()
    found = _TOGETHER.search(text)
    if found is None:
        return ()
    listed = (found.group("list") or found.group("chinese")).strip().rstrip(".。")
    parts = tuple(part.strip() for part in _ENUMERATED.split(listed) if part.strip())
    return parts if len(parts) > 1 and all(_HOLDS.search(part) for part in parts) else ()


_ABOVE = r"(?:is\s+|are\s+)?(?:over|above|more than|greater than|exceeds?|exceeding|>)"
_BELOW = r"(?:is\s+|are\s+)?(?:under|below|less than|lower than|<)"
_LEAST = r"(?:is\s+|are\s+)?(?:at least|not less than|>=|≥)"
_MOST = r"(?:is\s+|are\s+)?(?:at most|not more than|up to|<=|≤)"
_THRESHOLD = re.compile(
    rf"`?([A-Za-z_]\w*)`?\s+(?:(?P<gt>{_ABOVE})|(?P<ge>{_LEAST})|(?P<lt>{_BELOW})|(?P<le>{_MOST}))\s+"
    r"(?:[$€£¥]\s?)?(?P<value>\d[\d,]*(?:\.\d+)?)",
    re.IGNORECASE,
)
_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_EQUAL = re.compile(
    r"`?([A-Za-z_]\w*)`?\s+(?:is|=|==|equals)\s+(?:(?P<not>not)\s+)?[`\"'“](?P<value>[\w -]+)[`\"'”]",
    re.IGNORECASE,
)


def row_filter(text: str, names: Names) -> str | None:
    """A condition over the columns of a table, as ``calc.py`` reads it."""
    parts: list[tuple[int, str]] = []
    for found in _THRESHOLD.finditer(text):
        column = column_of(found.group(1), names)
        sign = next(sign for key, sign in _SIGNS.items() if found.group(key))
        if column:
            parts.append((found.start(), f"{column} {sign} {found.group('value').replace(',', '')}"))
    parts += [
        (found.start(), f"{column} {'!=' if found.group('not') else '=='} '{found.group('value')}'")
        for found in _EQUAL.finditer(text)
        if (column := column_of(found.group(1), names))
    ]
    if not parts:
        return None
    joined = " or " if re.search(r"\bor\b", text) and not re.search(r"\band\b", text) else " and "
    return joined.join(part for _, part in sorted(parts))
