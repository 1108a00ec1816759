"""The lines that stay where a passage has left: which file to read, when, and what it holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from skvm.compiler.elimination.pieces import Layout, Piece, PieceKind
from skvm.compiler.elimination.titles import bare_title
from skvm.skill.ir import Heading

__all__ = ["contents_of", "lead_of", "listing_pointer", "section_pointer"]

_SHOWN = 5
_MANY_CHARS = 80
_PATH = re.compile(r"[\w.-]+[/\\](?=\S*\.\w)")
_BOLD_HEAD = re.compile(r"^\s*(?:\*\*|__)([^*_\n]{2,60}?)[:：]?(?:\*\*|__)")
_DEFINED = re.compile(
    r"^[ \t]*(?:export\s+|default\s+|async\s+|public\s+|static\s+|abstract\s+)*"
    r"(?:def|class|function|func|fn|interface|struct|enum|type|resource|module)\s+\"?([A-Za-z_][\w.-]*)",
    re.MULTILINE,
)
_COMMENT = re.compile(r"^\s*(?:#|//|--|<!--|/\*+|;)\s*(.*?)\s*(?:-->|\*/)?\s*$")
_FORMS = frozenset({"json", "yaml", "yml", "toml", "xml", "csv", "http", "markdown", "md"})
_PLAIN = frozenset({"", "text", "txt", "plaintext", "mermaid", "bash", "sh", "shell", "zsh", "console"})
_NAMED = {
    "sh": "shell", "bash": "shell", "zsh": "shell", "console": "shell", "py": "Python", "python": "Python",
    "js": "JavaScript", "javascript": "JavaScript", "ts": "TypeScript", "typescript": "TypeScript",
    "json": "JSON", "yaml": "YAML", "yml": "YAML", "sql": "SQL", "html": "HTML", "css": "CSS", "xml": "XML",
    "md": "Markdown", "markdown": "Markdown", "tsx": "TSX", "hcl": "HCL", "http": "HTTP", "go": "Go",
    "": "text",
}  # fmt: skip


def section_pointer(path: str, moment: str, contents: str, *, has_rules: bool) -> str:
    """The line under a heading whose section has left."""
    kept = " Of it, keep in mind:" if has_rules else ""
    return f"Read `{path}` {moment}: {contents}.{kept}"


def listing_pointer(path: str, title: str | None, piece: Piece, contents: str) -> str:
    """The line in the place of one piece of code or one table."""
    place = f"“{title}” in `{path}`" if title else f"`{path}`"
    language = piece.fence.language if piece.fence else ""
    moment = "before working on this"
    if piece.kind is PieceKind.TABLE:
        moment = "when looking this up"
    elif language in _FORMS:
        moment = "when the exact form is needed"
    elif language not in _PLAIN:
        moment = "before writing code like this"
    return f"Read {place} {moment}: {contents}."


def contents_of(layout: Layout, pieces: Sequence[Piece], children: Sequence[Heading]) -> str:
    """What a passage holds, for somebody who has to decide whether to read it."""
    shown = [piece for piece in pieces if piece.kind in (PieceKind.CODE, PieceKind.TABLE)]
    names = [bare_title(child.title) for child in children] or _bold_heads(pieces)
    if not names and len(shown) == 1 and not any(piece.kind is PieceKind.ITEM for piece in pieces):
        return describe(layout, shown[0])
    names = _sayable(layout, names or _shown_heads(layout, pieces))
    if len(names) > 1:
        return _list(names)
    counts = _forms(layout, pieces)
    if not counts and not names:
        counts = [_many(sum(piece.kind is PieceKind.PARAGRAPH for piece in pieces), "paragraph")]
    told = ", ".join(counts)
    return f"{names[0]} ({told})" if names and told else told or names[0]


def _sayable(layout: Layout, names: Sequence[str]) -> list[str]:
    """Names that do not read as the path of a file that is not there."""
    known = {resource.path for resource in layout.skill.resources}
    return [_PATH.sub("", name) if name not in known else name for name in names]


def _bold_heads(pieces: Sequence[Piece]) -> list[str]:
    """What items and paragraphs begin with in bold."""
    heads = (_BOLD_HEAD.match(piece.text) for piece in pieces if piece.text)
    names = [bare_title(found[1]) for found in heads if found]
    return list(dict.fromkeys(names)) if len(names) > 1 else []


def _shown_heads(layout: Layout, pieces: Sequence[Piece]) -> list[str]:
    """What its listings and tables are called, where most of them are called something."""
    shown = [at for at, piece in enumerate(pieces) if piece.kind in (PieceKind.CODE, PieceKind.TABLE)]
    named = [lead_of(layout, pieces, at) or _comment_of(layout, pieces[at]) for at in shown]
    names = list(dict.fromkeys(name for name in named if name))
    return names if len(names) > 1 or len(names) == len(shown) else []


def _comment_of(layout: Layout, piece: Piece) -> str:
    return _first_comment(layout.skill.text(piece.fence.content)) if piece.fence else ""


def _forms(layout: Layout, pieces: Sequence[Piece]) -> list[str]:
    """Its code, tables and points, counted."""
    codes = [piece for piece in pieces if piece.kind is PieceKind.CODE]
    tables = [piece for piece in pieces if piece.kind is PieceKind.TABLE]
    points = sum(piece.kind is PieceKind.ITEM for piece in pieces)
    found = []
    if codes:
        languages = Counter(_language(piece) for piece in codes)
        found.append(f"{_many(len(codes), 'listing')} in {' and '.join(sorted(languages))}")
    if len(tables) == 1:
        found.append(_table(layout, tables[0]))
    elif tables:
        found.append(_many(len(tables), "table"))
    if points > 1:
        found.append(_many(points, "point"))
    return found


def describe(layout: Layout, piece: Piece) -> str:
    """One listing or table in a few words."""
    if piece.kind is PieceKind.TABLE:
        return _table(layout, piece)
    code = layout.skill.text(piece.fence.content if piece.fence else piece.span)
    lines = len(code.strip("\r\n").splitlines())
    names = list(dict.fromkeys(_DEFINED.findall(code)))
    told = _list(names) if names else _first_comment(code)
    return f"{_language(piece)}, {lines} lines" + (f" ({told})" if told else "")


def lead_of(layout: Layout, pieces: Sequence[Piece], index: int) -> str:
    """What a listing or table is called: the words right before it, ``""`` where there are none."""
    before = pieces[index - 1] if index else None
    if before is None or not before.text:
        return _first_words(layout, pieces[index])
    text = re.sub(r"[*_`#\[\]]", "", " ".join(before.text.split()))
    last = re.split(r"(?<=[.!?。])\s+", text)[-1].strip(" :：.")
    return last if 0 < len(last) <= _MANY_CHARS else _first_words(layout, pieces[index])


def _first_words(layout: Layout, piece: Piece) -> str:
    """The first line of a listing, where it is a comment or a title."""
    if piece.fence is None:
        return ""
    code = layout.skill.text(piece.fence.content)
    first = next((line for line in code.splitlines() if line.strip()), "").strip(" *_#=-:")
    is_title = piece.fence.language in _PLAIN and re.fullmatch(r"[A-Z][\w ,&/()'-]{3,60}", first)
    return _first_comment(code) or (first if is_title else "")


def _first_comment(code: str) -> str:
    line = next((line for line in code.splitlines() if line.strip()), "")
    found = _COMMENT.match(line)
    text = re.sub(r"[`#]", "", found[1]).strip(" -=*:") if found else ""
    return text if 3 <= len(text) <= _MANY_CHARS else ""


def _language(piece: Piece) -> str:
    language = piece.fence.language if piece.fence else ""
    return _NAMED.get(language, language)


def _table(layout: Layout, piece: Piece) -> str:
    table = next((found for found in layout.skill.tables if found.span.overlaps(piece.span)), None)
    if table is None:
        return "a table"
    columns = [re.sub(r"[*_`]", "", column).strip() for column in table.columns]
    shown = ", ".join(column for column in columns if column)
    return f"a table of {_many(table.row_count, 'row')}" + (f" ({shown})" if 0 < len(shown) <= 80 else "")


def _list(names: Sequence[str]) -> str:
    shown = [name for name in names if name][:_SHOWN]
    more = len(names) - len(shown)
    return "; ".join(shown) + (f"; {more} more" if more > 0 else "")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


__all__ += ["describe"]
