"""Values that are valid, and that careless code takes for something else.

``{hit}`` stands for a command that leaves a file where it can be seen: a value that is ever run as code
does so.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

__all__ = ["hard_paths", "odd_texts", "soft_paths"]

_TEXTS = (
    "$({hit})`{hit}`",
    ";{hit};",
    "\n{hit}\n",
    '";{hit};"',
    "';{hit};'",
    "'$({hit})'",
    '__import__("os").system("{hit}")',
    "'+str(__import__('os').system('{hit}'))+'",
    '"+str(__import__("os").system("{hit}"))+"',
    '{{__import__("os").system("{hit}")}}',
    'system("{hit}")',
    '"; system("{hit}"); "',
    '" system("{hit}") "',
    "x/e;s/.*/{hit}/e;s/x/",
    "1e {hit}",
    "a[$({hit})]",
    "-rf",
)
_HARD = ("renamed", "two words", 'it\'s "quoted"', "$({bare})`{bare}`", "a;{bare};&{bare}&b")
_SOFT = ("a=b", "[ab]*?", "back\\slash %s{{0}} #", "Größe 漢字" + "long" * 30, "new folder/renamed")


def odd_texts(work: Path) -> tuple[str, ...]:
    """Texts for a parameter; what runs one leaves a file beside the step's folder.

    Args:
        work: Where the folders of steps are.
    """
    return tuple(text.format(hit=f"touch {work}/hit") for text in _TEXTS)


def hard_paths(path: str) -> tuple[str, ...]:
    """Other names of a file that every template must manage; what runs one leaves a file in the folder."""
    return tuple(_named(path, name.format(bare="touch hit")) for name in _HARD)


def soft_paths(path: str) -> tuple[str, ...]:
    """Names that a program may refuse, for it means something else by them, but must not get wrong."""
    return tuple(_named(path, name.format()) for name in _SOFT)


def _named(path: str, name: str) -> str:
    folder, base = posixpath.split(path)
    return posixpath.join(folder, name + posixpath.splitext(base)[1])
