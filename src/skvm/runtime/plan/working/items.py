"""The items of a mapped step: which files a pattern means, and an item's place in a command or a path."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from skvm.errors import UsageError

__all__ = ["fill_command", "fill_path", "find_files", "is_pattern", "safe_path"]

MAX_FOUND = 100_000
"""Files a pattern may mean."""
_ITEM, _NAME = "{item}", "{name}"
_BEFORE_COMMENT = " \t\n;&|()`"


def is_pattern(name: str) -> bool:
    """Whether a name stands for several files."""
    return any(mark in name for mark in "*?[")


def safe_path(path: str) -> str:
    """A path relative to the work directory in its plainest form.

    Raises:
        UsageError: It leads out of the work directory, or names no file at all.
    """
    plain = os.path.normpath(path) if path.strip() else "."
    if "\0" in path or plain == "." or plain.startswith(("/", "../")) or plain == "..":
        raise UsageError(f"{path!r} is no file of the work directory", help="name it relative to that")
    return plain


def find_files(root: Path, pattern: str) -> tuple[str, ...]:
    """Files a pattern means, sorted; blocks.

    ``*``, ``?`` and ``[…]`` stay within one name and leave hidden files out, ``**`` stands for any folders.
    What a link leads to counts only where it lies in the root itself.

    Args:
        root: The work directory.
        pattern: Relative to it.

    Raises:
        UsageError: The pattern leads out of the root, means too many files, or one whose name is not UTF-8.
    """
    parts = PurePosixPath(safe_path(pattern)).parts
    real_root = os.path.realpath(root)
    found: set[str] = set()
    for path in _matching(real_root, "", parts):
        try:
            path.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"the name of {path!r} is not UTF-8", help=f"rename it, or leave it out of {pattern!r}"
            ) from None
        found.add(path)
        if len(found) > MAX_FOUND:
            raise UsageError(f"{pattern!r} means more than {MAX_FOUND:,} files")
    return tuple(sorted(found))


def _matching(root: str, prefix: str, parts: tuple[str, ...]) -> Iterator[str]:
    """Paths below ``root/prefix`` whose names fit the parts."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _matching(root, prefix, rest or ("*",))
        for entry in _entries(root, prefix):
            # Links are not followed here: they may lead in a circle.
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield from _matching(root, f"{prefix}{entry.name}/", parts)
        return
    for entry in _entries(root, prefix):
        if not _fits(entry.name, part) or not _is_inside(root, entry):
            continue
        path = f"{prefix}{entry.name}"
        if rest and entry.is_dir():
            yield from _matching(root, f"{path}/", rest)
        elif not rest and entry.is_file():
            yield path


def _entries(root: str, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(f"{root}/{prefix}") as entries:
            return list(entries)
    except OSError:
        return []


def _fits(name: str, part: str) -> bool:
    if not is_pattern(part):
        return name == part
    return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))


def _is_inside(root: str, entry: os.DirEntry[str]) -> bool:
    return not entry.is_symlink() or os.path.realpath(entry.path).startswith(f"{root}/")


def fill_path(template: str, item: str) -> str:
    """A path with an item in it; ``{name}`` is the item's file name without its last suffix."""
    return template.replace(_ITEM, item).replace(_NAME, PurePosixPath(item).stem)


def fill_command(template: str, item: str) -> str:
    """A command line with an item in it, as one word wherever it stands, in quotes or not.

    An item that begins with ``-`` is given as ``./-…``, so that no program takes it for an option.
    """
    path = f"./{item}" if item.startswith("-") else item
    values = {_ITEM: path, _NAME: PurePosixPath(item).stem}
    parts: list[str] = []
    quotes: list[str] = []  # what is open: ' or " or, for a substitution, ( or `; innermost last
    index = 0
    while index < len(template):
        token = next((name for name in values if template.startswith(name, index)), None)
        if token is not None:
            parts.append(_quoted(values[token], quotes))
            index += len(token)
            continue
        step = _scan(template, index, quotes)
        parts.append(template[index : index + step])
        index += step
    return "".join(parts)


def _scan(line: str, index: int, quotes: list[str]) -> int:
    """Take note of quotes that open or close here; how many characters were read."""
    char, inside = line[index], quotes[-1] if quotes else ""
    if inside == "'":
        if char == "'":
            quotes.pop()
        return 1
    if char == "\\":
        return 2
    if char == "#" and inside != '"' and (not index or line[index - 1] in _BEFORE_COMMENT):
        # Whatever stands in it opens nothing, and an item with a line end would lead out of it.
        ends = [line.find(end, index) for end in ("\n", *quotes[-1:]) if end in "\n`"]
        return min((end for end in ends if end >= 0), default=len(line)) - index
    if line.startswith("$(", index):
        quotes.append("(")
        return 2
    if char in '"`':
        if inside == char:
            quotes.pop()
        else:
            quotes.append(char)
    elif inside != '"' and char == "'":
        quotes.append("'")
    elif inside == "(" and char == ")":
        quotes.pop()
    return 1


def _quoted(value: str, quotes: list[str]) -> str:
    quoted = _quoted_inside(value, quotes[-1] if quotes else "")
    for _ in range(quotes.count("`")):
        # Between these a shell takes backslashes away before it reads what stands there.
        quoted = "".join(f"\\{char}" if char in "\\$`" else char for char in quoted)
    return quoted


def _quoted_inside(value: str, inside: str) -> str:
    if inside == "'":
        return value.replace("'", "'\\''")
    if inside == '"':
        return "".join(f"\\{char}" if char in '\\"$`' else char for char in value)
    return shlex.quote(value)
