"""Normative sentences: those that command, forbid, limit, or let what happens depend on something."""

from __future__ import annotations

import re

from skvm.compiler.reading.prose import Prose

__all__ = ["has_limit", "is_normative", "is_pointer", "normative_sentences", "plain"]

_MODAL = (
    r"must(?:n['’]t)?|never|always|only|shall|should(?:n['’]t)?|ought to|cannot|can not|"
    r"(?:do|does|did|is|are|will|need|may) not|(?:do|does|wo|ca|is|are)n['’]t|"
    r"(?:has|have|needs?) to|requires?|required|mandatory|"
    r"forbidden|forbids?|prohibit(?:ed|s)?|disallow(?:ed|s)?|not allowed|ensure|make sure|be sure|refuse|"
    r"refrain|avoid|except|important|warning|caution|critical|strictly|at least|at most|no more than|"
    r"not more than|no less than|limited to|without"
)
_CONDITION = (
    r"if|when|whenever|unless|until|otherwise|in case|as long as|as soon as|provided that|depending on|"
    r"or else|except when|instead of"
)
_CHINESE = (
    r"必须|必需|务必|不得|不要|禁止|严禁|不可|不能|不应|不许|不准|不允许|只能|只可|只有|仅|切勿|请勿|避免|"
    r"确保|一律|始终|绝不|应当|应该|(?<![对响适反供相效])应(?![用急聘])|至少|至多|最多|不超过|"
    r"除非|否则|如果|假如|倘若|若(?!干)|一旦|直到|当[^。；;，,\n]{1,40}时|的时候"
)
# Read in small letters: an expression that must mind both cases looks four times as long.
_ENGLISH_RULE = re.compile(rf"\b(?:{_MODAL}|{_CONDITION})\b")
_CHINESE_RULE = re.compile(_CHINESE)
_LIMIT = re.compile(
    r"\d|\b(?:at most|at least|up to|maximum|minimum|max|min|limit|exactly|once|twice)\b"
    r"|最多|最少|至少|至多|上限|下限|[一二三四五六七八九十百]+(?:个|次|行|条|项|天|小时|分钟|秒)",
    re.IGNORECASE,
)
_WHEN_TO_READ = re.compile(
    r"\b(?:before|when|whenever|if|while|once|as soon as|unless|until|only for)\b|之前|时|如果|一旦",
    re.IGNORECASE,
)


def is_normative(text: str) -> bool:
    """Whether a sentence commands, forbids, limits or sets a condition, in English or Chinese."""
    if _ENGLISH_RULE.search(text.lower()) is not None:
        return True
    return not text.isascii() and _CHINESE_RULE.search(text) is not None


def has_limit(text: str) -> bool:
    """Whether a number or a limit stands in a text."""
    return _LIMIT.search(text) is not None


def is_pointer(text: str, path: str) -> bool:
    """Whether one line of a text names a file and says when to read it."""
    return any(path in line and _WHEN_TO_READ.search(line) is not None for line in text.splitlines())


def plain(text: str) -> str:
    """A text with every run of white space made one blank."""
    return " ".join(text.split())


def normative_sentences(prose: Prose) -> list[str]:
    """Every such sentence outside code, runs of white space made one blank."""
    return [plain(found.text) for found in prose.sentences if is_normative(found.text)]
