"""The lines that stay where a passage has left: which file to read, when, and what it holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from skvm.compiler.elimination.pieces import Layout, Piece, PieceKind
from skvm.compiler.elimination.titles import bare_title, moment_of
from skvm.skill.ir import Heading

__all__ = ["contents_of", "lead_of", "listing_pointer", "section_pointer"]

_SHOWN = 5
_BEGINNING = 40
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


_MOMENTS = {
    "when something goes wrong here": "出问题时",
    "when a question of this kind comes up": "遇到这类问题时",
    "before filling in a template": "填写模板之前",
    "when a worked example would help": "需要示例时",
    "when one of these cases comes up": "遇到这些情形时",
    "before setting this up": "安装或配置之前",
    "when the background matters": "需要背景时",
    "before doing this": "做这一步之前",
    "when the details are needed": "需要细节时",
    "before migrating": "迁移之前",
    "before integrating this with something else": "与别的系统集成之前",
    "before working on this": "处理这部分之前",
    "when looking this up": "查阅时",
    "when the exact form is needed": "需要确切格式时",
    "before writing code like this": "写这类代码之前",
}
"""The moments in Chinese."""


def section_pointer(layout: Layout, path: str, moment: str, contents: str, *, has_rules: bool) -> str:
    """The line under a heading whose section has left."""
    if layout.is_chinese:
        return f"{_MOMENTS[moment]}读 `{path}`：{contents}。{'其中要记住：' if has_rules else ''}"
    kept = " Of it, keep in mind:" if has_rules else ""
    return f"Read `{path}` {moment}: {contents}.{kept}"


def listing_pointer(layout: Layout, path: str, title: str | None, piece: Piece, *, above: str) -> str:
    """The line in the place of one piece of code or one table.

    Args:
        layout: The skill as pieces.
        path: Where it is now.
        title: What it is called there, where others stand beside it.
        piece: The piece.
        above: The heading it stands under.
    """
    language = piece.fence.language if piece.fence else ""
    moment = moment_of(above, is_procedure=False)
    if piece.kind is PieceKind.TABLE:
        moment = "when looking this up"
    elif language in _FORMS:
        moment = "when the exact form is needed"
    elif language not in _PLAIN:
        moment = "before writing code like this"
    contents = describe(layout, piece)
    if layout.is_chinese:
        place = f"`{path}` 中的“{title}”" if title else f"`{path}`"
        return f"{_MOMENTS[moment]}读 {place}：{contents}。"
    place = f"“{title}” in `{path}`" if title else f"`{path}`"
    return f"Read {place} {moment}: {contents}."


def contents_of(layout: Layout, pieces: Sequence[Piece], children: Sequence[Heading]) -> str:
    """What a passage holds, for somebody who has to decide whether to read it."""
    shown = [piece for piece in pieces if piece.kind in (PieceKind.CODE, PieceKind.TABLE)]
    names = [bare_title(child.title) for child in children] or _bold_heads(pieces) or _item_heads(pieces)
    if not names and len(shown) == 1 and not any(piece.kind is PieceKind.ITEM for piece in pieces):
        return describe(layout, shown[0])
    names = _sayable(layout, names or _shown_heads(layout, pieces))
    if len(names) > 1:
        return _list(layout, names)
    counts = _forms(layout, pieces)
    if not counts and not names:
        paragraphs = sum(piece.kind is PieceKind.PARAGRAPH for piece in pieces)
        counts = [_many(layout, paragraphs, "paragraph")]
    told = "，".join(counts) if layout.is_chinese else ", ".join(counts)
    return f"{names[0]}{_brackets(layout, told)}" if names and told else told or names[0]


def _sayable(layout: Layout, names: Sequence[str]) -> list[str]:
    """Names that do not read as the path of a file that is not there."""
    known = {resource.path for resource in layout.skill.resources}
    return [_PATH.sub("", name) if name not in known else name for name in names]


def _bold_heads(pieces: Sequence[Piece]) -> list[str]:
    """What items and paragraphs begin with in bold."""
    heads = (_BOLD_HEAD.match(piece.text) for piece in pieces if piece.text)
    names = [bare_title(found[1]) for found in heads if found]
    return list(dict.fromkeys(names)) if len(names) > 1 else []


_ITEM_HEAD = re.compile(r"`([^`\n]+)`|(?:\*\*|__)?([\w][^:：`*|\n]{1,28}?)(?:\*\*|__)?[:：]")
_HEAD_WORDS = 3


def _item_heads(pieces: Sequence[Piece]) -> list[str]:
    """What the points begin with, code or words before a colon, where nearly all of them do."""
    items = [piece for piece in pieces if piece.kind is PieceKind.ITEM]
    if len(items) < _HEAD_WORDS or any(piece.kind in (PieceKind.CODE, PieceKind.TABLE) for piece in pieces):
        return []
    found = [head for item in items if (head := _ITEM_HEAD.match(item.text))]
    if 4 * len(found) < 3 * len(items):
        return []
    heads = [
        " ".join(re.split(r" [-<\[]", head[1])[0].split()[:_HEAD_WORDS]) if head[1] else head[2]
        for head in found
    ]
    names = list(dict.fromkeys(bare_title(head) for head in heads))
    # "Agent 1" and "Agent 2" say no more than how many there are.
    return names if len({re.sub(r"\d+", "", name) for name in names}) > 1 else []


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
        named = sorted(languages)
        found.append(
            f"{_many(layout, len(codes), 'listing')}{_brackets(layout, '、'.join(named))}"
            if layout.is_chinese
            else f"{_many(layout, len(codes), 'listing')} in {' and '.join(named)}"
        )
    if len(tables) == 1:
        found.append(_table(layout, tables[0]))
    elif tables:
        found.append(_many(layout, len(tables), "table"))
    if points > 1:
        found.append(_many(layout, points, "point"))
    return found


def describe(layout: Layout, piece: Piece) -> str:
    """One listing or table in a few words."""
    if piece.kind is PieceKind.TABLE:
        return _table(layout, piece)
    code = layout.skill.text(piece.fence.content if piece.fence else piece.span)
    lines = len(code.strip("\r\n").splitlines())
    names = list(dict.fromkeys(_DEFINED.findall(code)))
    told = _list(layout, names) if names else _first_comment(code) or _beginning(piece, code)
    if layout.is_chinese:
        return f"{_language(piece)}，{lines} 行{_brackets(layout, told)}"
    return f"{_language(piece)}, {lines} lines{_brackets(layout, told)}"


def _beginning(piece: Piece, code: str) -> str:
    """The first words of a plain text that has no title, in quotes."""
    if piece.fence is None or piece.fence.language not in _PLAIN:
        return ""
    first = next((line for line in code.splitlines() if re.search(r"\w{3}", line)), "")
    words = " ".join(_PATH.sub("", re.sub(r"[`#*|]", " ", first)).split())
    if "://" in words or "](" in words or not words[:1].isalnum():
        return ""
    return (
        f"“{words}”"
        if len(words) <= _BEGINNING
        else f"“{words[:_BEGINNING].rpartition(' ')[0] or words[:_BEGINNING]}…”"
    )


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
        return "一张表" if layout.is_chinese else "a table"
    columns = [re.sub(r"[*_`]", "", column).strip() for column in table.columns]
    shown = "、".join(filter(None, columns)) if layout.is_chinese else ", ".join(filter(None, columns))
    rows = _many(layout, table.row_count, "row")
    told = f"{rows}的表" if layout.is_chinese else f"a table of {rows}"
    return told + _brackets(layout, shown if len(shown) <= _MANY_CHARS else "")


def _list(layout: Layout, names: Sequence[str]) -> str:
    shown = [name for name in names if name][:_SHOWN]
    more = len(names) - len(shown)
    if layout.is_chinese:
        return "；".join(shown) + (f"；另有 {more} 项" if more > 0 else "")
    return "; ".join(shown) + (f"; {more} more" if more > 0 else "")


def _brackets(layout: Layout, text: str) -> str:
    if not text:
        return ""
    return f"（{text}）" if layout.is_chinese else f" ({text})"


_COUNTED = {"row": "行", "listing": "段代码", "table": "张表", "point": "条", "paragraph": "段文字"}


def _many(layout: Layout, count: int, noun: str) -> str:
    if layout.is_chinese:
        return f"{count} {_COUNTED[noun]}"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
