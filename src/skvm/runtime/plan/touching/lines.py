"""Which command lines can be read at all: plain commands, pipes and redirections, every word as it stands."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from skvm.compiler.reading.shell import parsable

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

__all__ = ["is_plain"]

_KNOWN = frozenset(
    {
        *("program", "list", "pipeline", "subshell", "command", "command_name", "redirected_statement"),
        *("file_redirect", "file_descriptor", "word", "number", "raw_string", "string", "string_content"),
        *("&&", "||", "|", ";", "\n", "(", ")", '"', ">", ">>", "<", ">&"),
    }
)
"""Everything the tree of a plain line is made of: nothing that is expanded, and nothing left running."""
_WORD = re.compile(r"[^\\$`~\[\]{}!]+")
"""A word the shell changes nothing in, but for the stars in it."""
_ESCAPE = re.compile(r"\\[\\$`\"\n]")
_ODD = re.compile(r"<[A-Za-z][\w ./|-]{0,60}>|[❯\r\0\ud800-\udfff]")
"""What the reading of a skill's words takes for something else."""


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def is_plain(line: str) -> bool:
    """Whether a command line runs exactly the commands that stand in it, with the words as they stand.

    Args:
        line: For ``sh -c``.
    """
    if _ODD.search(line):
        return False
    source = line.encode()
    root = _parser().parse(parsable(source)).root_node
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_missing or node.type not in _KNOWN or not _is_plain_part(node, source):
            return False
        pending += node.children
    return not root.has_error


def _is_plain_part(node: Node, source: bytes) -> bool:
    text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if node.type == "word":
        return _WORD.fullmatch(text) is not None
    if node.type == "string_content":
        return not _ESCAPE.search(text)
    if node.type == "redirected_statement":
        # Without a command it would be a file made by nobody.
        return bool(node.children) and node.children[0].type != "file_redirect"
    return True
