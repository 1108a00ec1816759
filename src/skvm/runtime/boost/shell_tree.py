"""Shell code as a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from skvm.compiler.reading.shell import parsable

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

__all__ = ["heredoc_start", "is_one_line", "parse_shell", "text_at", "walk"]

_MAX_BYTES = 100_000


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def parse_shell(source: bytes) -> Node | None:
    """The syntax tree of shell code; ``None`` where a part of it is no shell, or it is too long."""
    if len(source) > _MAX_BYTES:
        return None
    root = _parser().parse(parsable(source)).root_node
    if root.has_error:
        return None
    # The grammar takes lines of some here-documents for more of the command.
    heredocs = (node for node in walk(root) if node.type == "heredoc_redirect")
    return root if all(is_one_line(node, source) for node in heredocs) else None


def walk(root: Node) -> Iterator[Node]:
    """A node and all below it, in order of place."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.children))


def text_at(node: Node | None, source: bytes) -> str:
    """The bytes of a node as text; nothing for no node."""
    return "" if node is None else source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def heredoc_start(node: Node, source: bytes) -> int:
    """The first byte of the lines of a here-document: those after the line it is named on."""
    line_end = source.find(b"\n", _named_end(node))
    return len(source) if line_end < 0 else line_end + 1


def is_one_line(node: Node, source: bytes) -> bool:
    """Whether all that names a here-document, and what follows it, stands on one line."""
    return b"\n" not in source[node.start_byte : _named_end(node)]


def _named_end(node: Node) -> int:
    return max(child.end_byte for child in node.children if child.type not in ("heredoc_body", "heredoc_end"))
