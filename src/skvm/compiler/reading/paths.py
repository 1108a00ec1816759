"""Paths of files in a text: in backticks, as targets of links, or bare with a known ending."""

from __future__ import annotations

import re

from skvm.compiler.reading.names import FILE

__all__ = ["PATH", "is_folder", "paths_in"]

_ENDINGS = (
    r"(?:md|mdx|txt|rst|csv|tsv|jsonl?|json5|ya?ml|toml|ini|cfg|conf|env|xml|html?|sql|py|ipynb|jsx?|tsx?"
    r"|sh|log|"
    r"ics|pdf|docx?|xlsx?|pptx?|go|rs|java|rb|php|cs|cpp|c|h|lock|lua|swift|kt|vue|svelte|css|scss|graphql"
    r"|proto)"
)
_STEP = r"[\w.{}<>*~$@-]+"
PATH = rf"(?:(?:~|\.{{1,2}})?/)?(?:{_STEP}/)*(?:{_STEP}\.{_ENDINGS}\b|{_STEP}/(?=[`)\s]|$))"
"""One path: a file with a known ending, or a folder that ends in a slash."""
_MARKED = re.compile(rf"`({PATH}|(?:~|\.{{1,2}}|{_STEP})(?:/[\w.{{}}<>*~$@ -]+)*/[\w .-]+\.{_ENDINGS})`")
_LINKED = re.compile(rf"\]\(((?!https?:|#|mailto:){PATH})\)")


def paths_in(text: str) -> list[str]:
    """The paths a text names, in order, each once: marked as code, linked, or bare file names."""
    found = [(hit.start(), hit.group(1)) for pattern in (_MARKED, _LINKED) for hit in pattern.finditer(text)]
    taken = [(at, at + len(path) + 2) for at, path in found]
    found += [
        (hit.start(), hit.group(1))
        for hit in FILE.finditer(text)
        if "://" not in text[max(0, hit.start() - 40) : hit.start()].rpartition(" ")[2]
        and not any(start <= hit.start() <= end for start, end in taken)
    ]
    return list(dict.fromkeys(path for _, path in sorted(found)))


def is_folder(path: str) -> bool:
    """Whether a path names a folder."""
    return path.endswith("/")
