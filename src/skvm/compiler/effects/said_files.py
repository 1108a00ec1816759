"""The files a step of words names, and the words that make it more than reading, thinking and writing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skvm.compiler.effects.patterns import is_glob
from skvm.compiler.effects.resources import is_path
from skvm.compiler.reading.names import FILE
from skvm.skill.sieve import sieved

__all__ = [
    "ACTS",
    "CHANGES_TOO",
    "CODE",
    "JOINS",
    "PLACE",
    "READS_FROM",
    "SELECTS",
    "WRITES",
    "NamedFile",
    "named_files",
    "only_words",
    "without_names",
]

CODE = re.compile(r"(?P<fence>`{1,2})(?P<code>[^`\n]+)(?P=fence)")
"""Inline code, by one back-tick or two."""
_ACTING = (
    r"(?:run|execute|call|send|e-?mail|mail|post|publish|deploy|install|upload|download|fetch|browse|"
    r"search the|commit|push|delete|remove|rename|move|archive|open a|ask|confirm|wait|start|stop|restart|"
    r"launch|spawn|invoke|notify|tell|report to|update|modify|edit|insert|overwrite|replace the file|print|"
    r"show|append)\b"
)
_CLAUSE = r"(?:^\W*|[`,;:.()\n–—-]\W*|\b(?:and|then|to|or|also|must|should)\s+)"
_WRITING = r"(?:write|save|store|put|create|produce|make|record|output|emit|generate)\b"
ACTS = re.compile(rf"\b{_ACTING}", re.IGNORECASE)
"""Verbs of what touches more than the files that are named."""
WRITES = re.compile(_CLAUSE + _WRITING, re.IGNORECASE)
"""Verbs of writing where a clause begins."""
CHANGES_TOO = re.compile(
    rf"{_CLAUSE}(?:{_WRITING}|{_ACTING}|add\b|copy\b|fix\b|mend\b|correct\b)", re.IGNORECASE
)
"""Verbs of either kind where a clause begins."""
READS_FROM = re.compile(
    r"\b(?:from|using|of|with|per|see|by|following|against|for|reads?|open|load|take|look up|"
    r"(?:in|of) the (?:table|list|rules|form|template|example) (?:in|of|from)|"
    r"(?:listed|described|defined|given|shown|named|explained|laid down) in)\s+"
    r"(?:the\s+)?(?:[\w-]+\s+){0,3}$",
    re.IGNORECASE,
)
"""What stands before a file that is read, even behind a verb of writing."""
PLACE = re.compile(
    r"<([A-Za-z][\w -]*)>|\{([A-Za-z][\w -]*)\}|(?<![a-z.])\b([A-Z]{2,})\b|\$\{?([A-Za-z]\w*)\}?"
)
"""What stands for something in a path."""
JOINS = sieved(
    r"\b(?:append\w*|accumulat\w+|cumulativ\w+|running (?:total|sum|count|number)|counters?|increment\w*|"
    r"next (?:free |unused )?(?:number|id|one|item|letter|index)|previous\w*|preceding|so far|"
    r"already (?:used|taken|written|seen|chosen)|not (?:yet )?used|unused|unique|distinct from|"
    r"different from|duplicat\w+|consecutive\w*|one after (?:the other|another)|"
    r"in (?:this |the |that )?order|"
    r"in turn|sequence|ranks?|ranking|sort\w* (?:them|the files)|"
    r"compar\w+ (?:\w+ )?(?:with|to) (?:the )?(?:other|others|rest|each other)|each other|one another|"
    r"across|overall|altogether|in all|until|stop as soon|at most \w+ (?:of them|files|items)|"
    r"the (?:other|first|last|remaining|earlier|later) (?:one|ones|file|files|items?)|"
    r"other (?:files|items|ones)|remember|keep track|carry|carried|"
    r"number(?:ed|ing)? (?:them|the|from|consecutively))\b",
    re.IGNORECASE,
)
"""Words that join one item with another."""
SELECTS = sieved(
    r"\b(?:if (?:needed|necessary)|as needed|when appropriate|optionally|you (?:may|can) also|skip\w*|"
    r"except|unless|ignor\w+|only (?:for|if|when|those)|"
    r"that (?:still|do|does|need|mention|contain|has|have|lack)\w*|whose|"
    r"which (?:mention|contain|has|have)\w*)\b",
    re.IGNORECASE,
)
"""Words that leave items out: then not every item has a file."""
_FORBIDS = re.compile(r"\b(?:do not|don['’]t|never|no|nothing|without|must not|not)\b[^.;\n]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A path a text names, in back-ticks or bare.

    Args:
        text: As it is written.
        start: Where its mention begins, in characters.
        end: Where it ends.
    """

    text: str
    start: int
    end: int


def named_files(text: str) -> list[NamedFile]:
    """Every path of a text, in order.

    Args:
        text: Words with Markdown in them.
    """
    found = []
    for code in CODE.finditer(text):
        word = code["code"].strip()
        plain = PLACE.sub("x", word)
        if " " not in plain and (is_path(plain) or is_glob(word) or plain.endswith("/")):
            found.append(NamedFile(word, *code.span()))
    blanked = CODE.sub(lambda code: " " * len(code[0]), text)
    found += [NamedFile(name[1], *name.span(1)) for name in FILE.finditer(blanked)]
    return sorted(found, key=lambda name: name.start)


def without_names(text: str) -> str:
    """A text with ```x``` for its code and its files, so that no name is taken for a verb."""
    return FILE.sub("`x`", CODE.sub("`x`", text))


def only_words(text: str) -> str:
    """A text with ```x``` for its code, and without what it forbids."""
    return _FORBIDS.sub(" ", without_names(text))
