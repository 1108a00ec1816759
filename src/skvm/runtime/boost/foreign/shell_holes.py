"""Shell templates of the existing system: every ``${hole}`` becomes a quoted variable.

The code is read, never expanded. A hole is replaced where the shell hands its value on as a word or a part of
one; where anything in the code could run, compute or expand a value, the template is refused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skvm.runtime.boost.foreign.findings import HoleRefusedError
from skvm.runtime.boost.foreign.python_holes import HOLE, fill_python
from skvm.runtime.boost.foreign.shell_dangers import PYTHON, Dangers, ancestors, arguments_of
from skvm.runtime.boost.shell_tree import parse_shell, text_at, walk

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["fill_shell"]

_HEREDOC_QUOTES = re.compile(r"[\\'\"]")
_FROM_JSON = '__import__("json").loads(__import__("os").environ["SKVM_BOOST_PARAMS"])["{}"]'


def fill_shell(code: str, names: Mapping[str, str], numbers: frozenset[str] = frozenset()) -> str:
    """Replace the holes of shell code.

    Args:
        code: With holes.
        names: Parameter by hole; other ``${…}`` are variables of the shell.
        numbers: Parameters that are numbers; they may stand in an option.

    Raises:
        HoleRefusedError: It is no shell code, or a value could become code.
    """
    if not any(found[1] in names for found in HOLE.finditer(code)):
        return code
    filling = _Filling(code.encode(), names, numbers)
    return filling.whole()


@dataclass(slots=True)
class _Filling:
    source: bytes
    names: Mapping[str, str]
    numbers: frozenset[str]
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    at_word_start: set[str] = field(default_factory=set)
    run: set[str] = field(default_factory=set)

    def whole(self) -> str:
        root = parse_shell(self.source)
        if root is None:
            raise HoleRefusedError("it is no shell code")
        nodes = list(walk(root))
        dangers = Dangers(self.source, self.names, self.numbers)
        dangers.check(nodes)
        self.run, self.at_word_start = dangers.run, dangers.careful
        for node in nodes:
            self._fill(node)
        self._check_all_filled(root)
        code = self.source
        for start, end, text in sorted(self.edits, reverse=True):
            code = code[:start] + text.encode() + code[end:]
        return "".join(map(_no_dash, sorted(self.at_word_start))) + code.decode()

    def _text(self, node: Node | None) -> str:
        return text_at(node, self.source)

    def _holes(self, node: Node) -> list[str]:
        return [found[1] for found in HOLE.finditer(self._text(node)) if found[1] in self.names]

    def _words(self, node: Node) -> list[str]:
        return [self._text(each) for each in arguments_of(node)]

    def _fill(self, node: Node) -> None:
        if any(start <= node.start_byte and node.end_byte <= end for start, end, _ in self.edits):
            return  # part of something that was filled as a whole
        kind = node.type
        if kind == "expansion" and self._is_hole(node):
            self._fill_expansion(node)
        elif kind == "raw_string" and self._holes(node):
            self._fill_raw(node)
        elif kind == "string" and self._holes(node) and self._is_python_code(node):
            self._fill_python_text(node)
        elif kind == "heredoc_body" and self._holes(node):
            self._fill_heredoc(node)

    def _is_hole(self, node: Node) -> bool:
        found = HOLE.fullmatch(self._text(node).strip())
        return found is not None and found[1] in self.names

    def _variable(self, node: Node) -> str:
        return self.names[self._text(node).strip()[2:-1]]

    def _fill_expansion(self, node: Node) -> None:
        parents = [parent.type for parent in ancestors(node)]
        if any(self._is_python_code(parent) for parent in ancestors(node) if parent.type == "string"):
            return
        text = "${P_" + self._variable(node) + "}"
        # Blanks before an expansion in quotes are part of its node.
        text = self._text(node)[: -len(self._text(node).lstrip())] + text
        if parents[0] == "heredoc_body":
            self._replace(node, text)
            return
        self._check_place(node)
        self._replace(node, text if "string" in parents else f'"{text}"')
        self._note_word_start(node)

    def _check_place(self, node: Node) -> None:
        """Refuse a value that is no part of a word handed on."""
        top = node
        while top.parent is not None and top.parent.type in ("string", "concatenation"):
            top = top.parent
        place = top.parent
        kind = place.type if place is not None else "program"
        if kind == "command_name":
            raise HoleRefusedError("a value names the program")
        if kind not in (
            "command",
            "variable_assignment",
            "file_redirect",
            "herestring_redirect",
            "for_statement",
        ):
            raise HoleRefusedError(f"a value stands in a {kind.replace('_', ' ')}")

    def _note_word_start(self, node: Node) -> None:
        """A value that begins an argument must not look like an option."""
        top = node
        while top.parent is not None and top.parent.type in ("string", "concatenation"):
            top = top.parent
        opening = 1 if top.type in ("string", "raw_string") else 0
        if (
            top.parent is not None
            and top.parent.type == "command"
            and node.start_byte - top.start_byte <= opening
        ):
            self.at_word_start.add(self._variable(node))

    def _fill_raw(self, node: Node) -> None:
        if self._is_python_code(node):
            code = self._text(node)[1:-1]
            self._replace(node, shlex.quote(fill_python(code, self.names, _FROM_JSON.format)))
            return
        self._check_place(node)
        text = self._text(node)

        def variable(found: re.Match[str]) -> str:
            name = self.names.get(found[1])
            if name is None:
                return found[0]
            in_command = node.parent is not None and node.parent.type == "command"
            if found.start() == 1 and in_command:
                self.at_word_start.add(name)
            return "'\"${P_" + name + "}\"'"

        self._replace(node, HOLE.sub(variable, text))

    def _is_python_code(self, node: Node) -> bool:
        command = node.parent
        if command is None or command.type != "command":
            return False
        arguments = arguments_of(command)
        name = self._text(command.child_by_field_name("name"))
        is_code = len(arguments) > 1 and self._text(arguments[0]) == "-c" and arguments[1] == node
        return bool(PYTHON.fullmatch(name)) and is_code

    def _fill_python_text(self, node: Node) -> None:
        code = self._text(node)[1:-1]
        if self._is_expanded(code):
            raise HoleRefusedError("the shell expands the code of python -c")
        self._replace(node, shlex.quote(fill_python(code, self.names, _FROM_JSON.format)))

    def _is_expanded(self, text: str) -> bool:
        """Whether the shell would change more of a text than its holes."""
        rest = HOLE.sub(lambda found: "" if found[1] in self.names else found[0], text)
        return re.search(r"[\\$`]", rest) is not None

    def _fill_heredoc(self, node: Node) -> None:
        redirect = node.parent
        start = (
            next((each for each in redirect.children if each.type == "heredoc_start"), None)
            if redirect
            else None
        )
        if redirect is None or start is None:
            raise HoleRefusedError("a here-document has no beginning")
        is_quoted = bool(_HEREDOC_QUOTES.search(self._text(start)))
        feeds_python = self._feeds_python(redirect)
        if feeds_python and not is_quoted and self._is_expanded(self._text(node)):
            raise HoleRefusedError("the shell expands the code of Python")
        if feeds_python:
            self._fill_python_heredoc(node, start, is_quoted=is_quoted)
        elif is_quoted:
            self._unquote_heredoc(node, start)
        # A here-document that is not quoted holds expansions, which are filled one by one.

    def _feeds_python(self, redirect: Node) -> bool:
        """Whether a here-document is code of Python: its input, or a file of it."""
        statement = redirect.parent
        command = statement.child_by_field_name("body") if statement else None
        while command is not None and command.type != "command":
            command = command.named_children[0] if command.named_children else None
        name = self._text(command.child_by_field_name("name")) if command else ""
        goes_to = [
            self._text(each.child_by_field_name("destination")).strip("'\"")
            for parent in (redirect, statement)
            if parent is not None
            for each in parent.children
            if each.type == "file_redirect"
        ]
        words = self._words(command) if command else []
        if PYTHON.fullmatch(name):
            # With a file or -c, the here-document is data.
            return not words or words[0] == "-"
        if any(each in self.run or each.endswith(".py") for each in (*goes_to, *words)):
            return True
        if any(re.search(r"\.(sh|bash|js|pl|rb|awk|sed|jq)$", each) for each in (*goes_to, *words)):
            raise HoleRefusedError("a value stands in code that is written to a file")
        return False

    def _fill_python_heredoc(self, node: Node, start: Node, *, is_quoted: bool) -> None:
        filled = fill_python(self._text(node), self.names, _FROM_JSON.format)
        mark = re.sub(_HEREDOC_QUOTES, "", self._text(start))
        if mark in filled.split("\n"):
            raise HoleRefusedError("the code holds the end of its here-document")
        self._replace(node, filled)
        if not is_quoted:
            self._replace(start, f"'{mark}'")

    def _unquote_heredoc(self, node: Node, start: Node) -> None:
        """Let the shell expand it, and nothing in it but the holes."""
        pieces, at = [], 0
        text = self._text(node)
        for found in HOLE.finditer(text):
            if found[1] in self.names:
                pieces += [_escaped(text[at : found.start()]), "${P_" + self.names[found[1]] + "}"]
                at = found.end()
        self._replace(node, "".join([*pieces, _escaped(text[at:])]))
        self._replace(start, re.sub(_HEREDOC_QUOTES, "", self._text(start)))

    def _replace(self, node: Node, text: str) -> None:
        self.edits.append((node.start_byte, node.end_byte, text))

    def _check_all_filled(self, root: Node) -> None:
        comments = [(each.start_byte, each.end_byte) for each in walk(root) if each.type == "comment"]
        done = [(start, end) for start, end, _ in self.edits] + comments
        for found in re.finditer(HOLE.pattern.encode(), self.source):
            is_done = any(start <= found.start() and found.end() <= end for start, end in done)
            if found[1].decode() in self.names and not is_done:
                raise HoleRefusedError(f"{found[0].decode()} stands where no value can be put safely")


def _no_dash(name: str) -> str:
    return f'case "$P_{name}" in -*) echo "{name} begins with a dash" >&2; exit 64;; esac\n'


def _escaped(text: str) -> str:
    return re.sub(r"[\\$`]", lambda found: "\\" + found[0], text)
