"""Whether a command printed what a page says, where times, ids and folders may differ."""

from __future__ import annotations

import difflib
import re

__all__ = ["differences", "is_as_told", "normalised"]

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CHANGING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b\d{8}T\d{6,9}Z?(?:-[0-9a-f]{4,})?"), "<stamp>"),
    (re.compile(r"\bsha256:[0-9a-f]{6,}…?"), "sha256:#"),
    (re.compile(r"\b\d[\d,.]*\s?(?:ms|s|min|h|seconds|minutes)\b"), "# s"),
    (re.compile(r"× \d+\.\d+"), "× #"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:#"),
    (re.compile(r"[─━═]{2,}"), "──"),
    (re.compile(r"─*[█▒]+"), "█"),
    (re.compile(r"[ \t]+"), " "),
)


def normalised(text: str, places: dict[str, str]) -> list[str]:
    """Lines of output without colours, blank lines, and what changes from run to run.

    Args:
        text: What was printed.
        places: What stands for a folder's path, by the path.
    """
    text = _ANSI.sub("", text)
    for path, name in sorted(places.items(), key=lambda item: -len(item[0])):
        text = text.replace(path, name)
    for pattern, name in _CHANGING:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def is_as_told(told: list[str], printed: list[str]) -> bool:
    """Whether the lines are as told; ``…`` stands for anything in a line, and alone for any lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in told
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def differences(told: list[str], printed: list[str]) -> str:
    """How they differ, for whoever has to mend the page."""
    return "\n".join(difflib.unified_diff(told, printed, "the page", "the command", lineterm="", n=2))
