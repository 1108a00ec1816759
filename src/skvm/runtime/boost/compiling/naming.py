"""Names a person can read: of parameters, from the words beside them in the prompt, and of candidates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from skvm.runtime.boost.model import ParamType, Skeleton

__all__ = ["keywords_of", "param_names", "purpose_id"]

_WORD = re.compile(r"[A-Za-z][A-Za-z]+")
_PLAIN_WORD = re.compile(r"(?<![\w.-])[A-Za-z][A-Za-z]+(?![\w-]|\.\w)")
_CLAUSE_END = re.compile(r"[.!?;:,](?:\s|$)|\b(?:and|or|then)\b")
_LITTLE_WORDS = """
a about above after again all also an and any are as at be been before below between both but by called
can case containing contains content could did do does done each either every file files first for from
get give given had has have here how if in input into is it its itself just last let like make may me more
most must my name named new no nor not now of off on once one only or other our out output over own please
put result results same save see should so some such take than that the their them then there these they
this those through to too under until up use used using value values very was were what when where which
while who will with within without work would write written you your
"""
_LITTLE = frozenset(_LITTLE_WORDS.split())
_VERBS = "set rename write count sum add turn convert fill sort filter take keep replace change leave drop"
_NO_NAMES = (_LITTLE - {"name", "value"}) | set(_VERBS.split())
"""Words that say nothing of what stands beside them."""
_RESERVED = frozenset({"p", "os", "json", "sys", "skvm"})
_BY_TYPE = {
    ParamType.STRING: "text",
    ParamType.INTEGER: "count",
    ParamType.NUMBER: "number",
    ParamType.PATH: "file",
    ParamType.ENUM: "choice",
    ParamType.LIST: "items",
}
_NEAR = 2
"""Words looked at on either side of a hole."""


def param_names(skeleton: Skeleton, types: Sequence[ParamType], roles: Sequence[str]) -> tuple[str, ...]:
    """A name for each parameter, all different.

    Args:
        skeleton: A skeleton whose parameters are the indices of the others as text.
        types: Their types.
        roles: What is known of each beside its words, ``""`` where nothing is: that is its name then.
    """
    taken: set[str] = set()
    names = []
    for index, (kind, role) in enumerate(zip(types, roles, strict=True)):
        wanted = role or _beside(skeleton, str(index)) or _BY_TYPE[kind]
        name = wanted
        number = 2
        while name in taken or name in _RESERVED:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        names.append(name)
    return tuple(names)


def _beside(skeleton: Skeleton, param: str) -> str:
    """The nearest word of meaning right before a hole, else right after it, within the same clause."""
    if param not in skeleton.params:
        return ""
    at = skeleton.params.index(param)
    before = _CLAUSE_END.split(skeleton.texts[at])[-1]
    behind = _CLAUSE_END.split(skeleton.texts[at + 1])[0]
    if skeleton.texts[at + 1][:1] not in {" ", ""}:
        behind = ""
    near: tuple[list[str], list[str]] = (_PLAIN_WORD.findall(before), _PLAIN_WORD.findall(behind))
    for words in (near[0][: -_NEAR - 1 : -1], near[1][:_NEAR]):
        for word in words:
            if word.lower() not in _NO_NAMES:
                return word.lower()[:30]
    return ""


def keywords_of(skeleton: Skeleton, limit: int = 6) -> tuple[str, ...]:
    """Words of meaning of the prompts a skeleton stands for, in order, each once; at least one."""
    return tuple(_words(skeleton.texts))[:limit] or ("task",)


def _words(texts: Iterable[str]) -> list[str]:
    found = (word.lower() for text in texts for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in found if word not in _LITTLE))


def purpose_id(skeleton: Skeleton) -> str:
    """An id that stays the same as long as the wording does, whatever the code and the names become."""
    words = _words(skeleton.texts)[:4] or ["step"]
    digest = hashlib.sha256("\0".join(skeleton.texts).encode("utf-8", "replace"))
    return f"{'-'.join(words)[:48].strip('-')}-{digest.hexdigest()[:6]}"
