"""Which values a parameter takes."""

from __future__ import annotations

import json
import math

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEXT_LIMIT", "path_refusal", "refusal"]

TEXT_LIMIT = 20_000
"""Longest value, in characters of its JSON text: one argument of a command must hold all values."""

ITEM_LIMIT = 1_000
NUMBER_LIMIT = 10**15  # beyond it a float no longer tells neighbours apart
PATH_LIMIT = 1_024
NAME_LIMIT = 255  # bytes a file system allows for one name


def refusal(param: Mapping[str, object], value: object) -> str | None:
    """Why a parameter does not take a value.

    Args:
        param: A ``Param`` as JSON gives it.
        value: What it is to be, of JSON's types.

    Returns:
        One line for a person, or ``None`` where the value is fine. An unknown type takes nothing.
    """
    kind = param.get("type")
    if kind == "integer":
        return _number_refusal(value, is_whole=True)
    if kind == "number":
        return _number_refusal(value, is_whole=False)
    if kind == "list":
        return _list_refusal(value)
    if kind not in ("string", "path", "enum"):
        return f"no such type: {kind!r}"
    if not isinstance(value, str):
        return "not a text"
    if kind == "path":
        return path_refusal(value)
    if kind == "enum" and not _is_one_of(value, param.get("values")):
        return "none of the values it may be"
    return _text_refusal(value)


def path_refusal(text: str) -> str | None:
    """Why a text is no path of a file within the work directory; ``None`` where it is one.

    Relative, no ``..``, no leading ``-`` or ``~``, nothing that cannot be seen. It says nothing of what lies
    there: a link may still lead out.
    """
    if not text or text.startswith(("/", "-", "~")):
        return "not a relative path"
    if not text.isprintable():
        return "a path with characters that cannot be seen"
    parts = text.split("/")
    if parts[0] == ".":
        parts = parts[1:]
    if not parts or ".." in parts:
        return "a path that leads out of the work directory"
    if "" in parts or "." in parts:
        return "a path with empty parts"
    if parts[0].startswith(("-", "~")):
        return "not a relative path"
    encoded = [part.encode("utf-8", "replace") for part in parts]
    if max(map(len, encoded)) > NAME_LIMIT or sum(map(len, encoded)) + len(encoded) > PATH_LIMIT:
        return "a path that is too long"
    return None


def _number_refusal(value: object, *, is_whole: bool) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "not a number"
    if is_whole and not isinstance(value, int):
        return "not a whole number"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a finite number"
    return None if abs(value) <= NUMBER_LIMIT else "a number that is too large"


def _text_refusal(value: str) -> str | None:
    if "\0" in value:
        return "a text with a null character"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "not Unicode text"
    return None if len(json.dumps(value)) <= TEXT_LIMIT else "a text that is too long"


def _list_refusal(value: object) -> str | None:
    if not isinstance(value, (list, tuple)) or not value:
        return "not a list of texts"
    if len(value) > ITEM_LIMIT:
        return "a list that is too long"
    for item in value:
        if not isinstance(item, str) or not item:
            return "a list of something else than texts"
        if "\n" in item or "\r" in item:
            return "a list with a text of several lines"
        if (why := _text_refusal(item)) is not None:
            return why
    return None if len(json.dumps(value)) <= TEXT_LIMIT else "a list that is too long"


def _is_one_of(value: str, values: object) -> bool:
    return isinstance(values, (list, tuple)) and value in values
