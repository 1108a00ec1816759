"""Names of what is touched: made plain, and compared so that a doubt counts as the same thing."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from skvm.compiler.effects.model import ANYTHING

__all__ = ["clash", "hosts_in", "is_path", "path_name", "touches_same"]

_PLACEHOLDER = re.compile(
    r"\$\{[^}]*\}|\$\([^)]*\)|\$\w+|\$[@*?#!]|<[^<>\n]*>|\{\{[^}]*\}\}|\{[^{}\n]*\}|%\w*[ds]|"
    r"%\([^)]*\)s|\[[A-Z_ -]+\]"
    r"|YYYY(?:-MM(?:-DD)?)?"
)
_SCHEME = re.compile(r"[a-z]{3,6}:")
_URL = re.compile(
    r"\b(?:https?|wss?|ftp)://(?:[^\s/@'\"<>]*@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,}|localhost|"
    r"127\.0\.0\.1)(?::\d+)?"
)
_PATH = re.compile(
    r"(?:~|\.{1,2})?/?(?:[\w@.+*?-]+/)*(?:[\w@.+*?-]*\.[A-Za-z][A-Za-z0-9]{0,9}|\.[\w.-]+)/?\Z|"
    r"(?:[\w@.~+*?-]+/)+[\w@.+*?-]*\Z"
)
_NOT_A_FILE = re.compile(r"(?:\d+(?:\.\d+)*|[a-z_]+(?:\.[a-z_]+)+\(\)?|\w+\.(?:com|org|net|io|dev|ai))\Z")


def path_name(text: str) -> str:
    """A path as written made plain: what is left to fill in is a star, and a directory ends in a slash.

    Args:
        text: A path, perhaps with variables and placeholders.
    """
    text = text.strip().strip("'\"`")
    if not text:
        return ANYTHING
    if "://" in text:
        found = hosts_in(text)
        return f"host:{found[0]}" if found else "host:*"
    if any(mark in text for mark in "$<{%[Y"):
        text = _PLACEHOLDER.sub("*", text)
    if not text.strip("*./"):
        return ANYTHING if "*" in text or text in {"", "/"} else "./*"
    is_dir = text.endswith("/")
    text = posixpath.normpath(text)
    while "**" in text:
        text = text.replace("**", "*")
    return f"{text}/" if is_dir else text


def is_path(text: str) -> bool:
    """Whether a word of code looks like the name of a file or directory."""
    return bool(_PATH.match(text)) and not _NOT_A_FILE.match(text) and "//" not in text


def hosts_in(text: str) -> list[str]:
    """Hosts of the URLs in a text, in order, lower case."""
    if "://" not in text:
        return []
    return list(dict.fromkeys(found.lower() for found in _URL.findall(text)))


@lru_cache(maxsize=8192)
def touches_same(one: str, other: str) -> bool:
    """Whether two names may mean the same thing."""
    if ANYTHING in (one, other) or one == other:
        return True
    schemes = _SCHEME.match(one), _SCHEME.match(other)
    if schemes[0] or schemes[1]:
        same_kind = schemes[0] and schemes[1] and schemes[0][0] == schemes[1][0]
        return bool(same_kind) and (one.endswith(":*") or other.endswith(":*"))
    if one.startswith("./*") or other.startswith("./*"):
        return True
    return _same_path(one, other)


def _same_path(one: str, other: str) -> bool:
    plain = not (_is_pattern(one) or _is_pattern(other))
    if _inside(one, other) or _inside(other, one):
        return True
    # A mention without its directory may be any file of that name.
    names = posixpath.basename(one.rstrip("/")), posixpath.basename(other.rstrip("/"))
    if plain:
        bare = "/" not in one.rstrip("/") or "/" not in other.rstrip("/")
        return bare and names[0] == names[1]
    if not _is_pattern(one):
        return fnmatchcase(one, other) or fnmatchcase(names[0], other)
    if not _is_pattern(other):
        return fnmatchcase(other, one) or fnmatchcase(names[1], one)
    heads, tails = (_head(one), _head(other)), (_tail(one), _tail(other))
    return _either(heads, str.startswith) and _either(tails, str.endswith)


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def _inside(inner: str, outer: str) -> bool:
    """Whether a path lies below another one, as far as both are plain."""
    directory = outer.rstrip("/") + "/"
    if inner.startswith(directory):
        return True
    # A pattern may reach into a directory; a name with an ending is a file.
    is_file = "." in posixpath.basename(outer.rstrip("/")) and not outer.endswith("/")
    return not is_file and _is_pattern(inner) and "/" in inner and directory.startswith(_head(inner))


def _head(pattern: str) -> str:
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _tail(pattern: str) -> str:
    return re.split(r"[*?]", pattern)[-1]


def _either(pair: tuple[str, str], test: object) -> bool:
    return test(pair[0], pair[1]) or test(pair[1], pair[0])  # type: ignore[operator,no-any-return]


def clash(ones: Iterable[str], others: Iterable[str]) -> str | None:
    """The first name of one set that may mean something of the other."""
    others = tuple(others)
    for one in ones:
        for other in others:
            if touches_same(one, other):
                return one if one != ANYTHING else other
    return None
