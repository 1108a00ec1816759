"""Shell templates of the existing system: every ``${hole}`` becomes a quoted variable.

The code is read, never expanded. A hole is replaced where the shell hands its value on as a word or a part of
one; where anything in the code could run, compute or expand a value, the template is refused. The programs
that may stand in it are listed: none of them takes code from an argument or from its input.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from skvm.runtime.boost.foreign.findings import HoleRefusedError
from skvm.runtime.boost.foreign.python_holes import HOLE, check_python, fill_python

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

__all__ = ["fill_shell"]

_PLAIN = frozenset(
    """: [ base64 basename cat cd cksum cmp column comm cp cut date diff dirname du echo egrep expand export
    false fgrep file fold grep head iconv join local ls md5sum mkdir mv nl paste pr printf pwd realpath rev rm
    rmdir seq sha1sum sha256sum sha512sum shuf sort stat tac tail tee test touch tr true tsort uniq unset wc
    dos2unix unix2dos exit""".split()  # noqa: SIM905 - a list of words
)
"""Programs that take no code, but for the options below."""
_FILTERS = frozenset({"awk", "gawk", "mawk", "sed", "jq"})
"""Programs whose arguments are code: allowed as long as every word of theirs is fixed."""
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_REFUSED_NODES = {
    "arithmetic_expansion": "the code computes",
    "c_style_for_statement": "the code computes",
    "function_definition": "the code defines a function",
    "subscript": "the code uses an index",
}
_HEREDOC_QUOTES = re.compile(r"[\\'\"]")
_SIMPLE_EXPANSION = re.compile(r"\$\{?[A-Za-z_0-9?#@*]+((%%?|##?|:?-)[^${}`]*)?\}?")
_RUNS_INPUT = re.compile(r"system|getline|[|@]")
_SED = re.compile(r"'(s([/|#,])((?!\2).)*\2((?!\2).)*\2[gpI0-9]*|[0-9,$]*[pdq])'|-[nE]+")
_STEERS = re.compile(
    r"PATH|IFS|ENV|HOME|CDPATH|TMPDIR|PS\d|SHELL\w*|PROMPT_COMMAND|GLOB\w*|(LD|PYTHON|BASH|SKVM|P)_?\w*"
)
_FROM_JSON = '__import__("json").loads(__import__("os").environ["SKVM_BOOST_PARAMS"])["{}"]'


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


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
    written: set[str] = field(default_factory=set)
    run: set[str] = field(default_factory=set)

    def whole(self) -> str:
        root = _parser().parse(self.source).root_node
        if root.has_error:
            raise HoleRefusedError("it is no shell code")
        nodes = list(_walk(root))
        for node in nodes:
            self._check(node)
        if both := sorted(self.written & self.run):
            raise HoleRefusedError(f"the code runs {both[0]}, which it wrote")
        if self.run and any("$" in each for each in self.written):
            raise HoleRefusedError("the code writes to a file that a value names, and runs another")
        for node in nodes:
            self._fill(node)
        self._check_all_filled(root)
        code = self.source
        for start, end, text in sorted(self.edits, reverse=True):
            code = code[:start] + text.encode() + code[end:]
        return "".join(map(_no_dash, sorted(self.at_word_start))) + code.decode()

    def _text(self, node: Node | None) -> str:
        return self.source[node.start_byte : node.end_byte].decode() if node else ""

    def _holes(self, node: Node) -> list[str]:
        return [found[1] for found in HOLE.finditer(self._text(node)) if found[1] in self.names]

    def _check(self, node: Node) -> None:
        """Refuse what could run a value that reached a variable, a file or a pipe."""
        kind = node.type
        if kind in _REFUSED_NODES and (reason := _REFUSED_NODES[kind]):
            raise HoleRefusedError(reason)
        if kind == "test_command" and self._text(node).startswith("[["):
            raise HoleRefusedError("the code compares with [[")
        if kind in ("test_command", "compound_statement") and self._text(node).startswith("(("):
            raise HoleRefusedError("the code computes")
        if kind in ("expansion", "simple_expansion") and not _SIMPLE_EXPANSION.fullmatch(self._text(node)):
            raise HoleRefusedError(f"the code expands {self._text(node)[:30]}")
        if kind == "command":
            self._check_command(node)
        if kind == "file_redirect":
            self.written.add(self._text(node.child_by_field_name("destination")).strip("'\""))
        if kind in ("variable_assignment", "for_statement") and self._holes(node):
            self._check_assignment(node)
        if kind == "command_substitution" and self._holes(node) and not _is_quoted(node):
            raise HoleRefusedError("what a command says of a value is taken for several words")

    def _check_assignment(self, node: Node) -> None:
        """A value in a variable: it must be quoted wherever it is used, and steer nothing."""
        target = self._text(
            node.child_by_field_name("name" if node.type == "variable_assignment" else "variable")
        )
        if _STEERS.fullmatch(target) or (node.parent is not None and node.parent.type == "command"):
            raise HoleRefusedError(f"a value is put into the environment as {target}")
        root = node
        while root.parent is not None:
            root = root.parent
        for each in _walk(root):
            is_use = (
                each.type in ("simple_expansion", "expansion") and self._text(each).strip("${}") == target
            )
            if is_use and not _is_quoted(each):
                raise HoleRefusedError(f"${target} holds a value and is not quoted")
        self.at_word_start |= {self.names[hole] for hole in self._holes(node)}

    def _check_command(self, node: Node) -> None:
        name = self._text(node.child_by_field_name("name"))
        words = self._words(node)
        if _PYTHON.fullmatch(name):
            self._check_python(node, words)
            return
        if name in _FILTERS:
            is_odd = any(word.startswith(("-f", "--f", "-i")) for word in words) or (
                not all(_SED.fullmatch(word) for word in words if word.startswith(("'", "-", '"')))
                if name == "sed"
                else name != "jq" and any(_RUNS_INPUT.search(word) for word in words)
            )
            if self._holes(node) or is_odd or any(each.type == "string" for each in _arguments(node)):
                raise HoleRefusedError(f"a value could become code of {name}")
            return
        if name not in _PLAIN:
            raise HoleRefusedError(f"what {name[:30] or 'a command'} does with a value is not known")
        arguments = _arguments(node)
        if name in ("[", "test") and self._holes(node):
            raise HoleRefusedError("a value is compared")
        if name == "printf" and arguments and self._holes(arguments[0]):
            raise HoleRefusedError("a value is the format of printf")
        if any(word.startswith("--comp") for word in words):
            raise HoleRefusedError("an option names a program")
        for each in arguments:
            if (
                self._text(each).startswith("-")
                and {self.names[hole] for hole in self._holes(each)} - self.numbers
            ):
                raise HoleRefusedError("a value is part of an option")
        if name in ("tee", "cp", "mv"):
            self.written |= {word.strip("'\"") for word in words}

    def _check_python(self, node: Node, words: list[str]) -> None:
        """``python3 file.py``, ``python3 -c '…'`` and ``python3 - <<'END'``: what it runs must be fixed."""
        arguments = _arguments(node)
        if not words or words[0] == "-":
            if _heredoc(node) is None:
                raise HoleRefusedError("Python runs what comes through a pipe")
            self._check_fed(node)
        elif words[0] == "-c":
            if len(arguments) < 2 or arguments[1].type not in ("raw_string", "string"):
                raise HoleRefusedError("the code of python -c is not fixed")
            if not self._holes(arguments[1]):
                check_python(self._text(arguments[1])[1:-1])
        elif words[0].startswith("-") or self._holes(arguments[0]) or "$" in words[0]:
            raise HoleRefusedError("which code Python runs is not fixed")
        else:
            self.run.add(words[0].strip("'\""))

    def _check_fed(self, node: Node) -> None:
        heredoc = _heredoc(node)
        for each in heredoc.children if heredoc else ():
            if each.type == "heredoc_body" and not self._holes(each):
                check_python(self._text(each))

    def _words(self, node: Node) -> list[str]:
        return [self._text(each) for each in _arguments(node)]

    def _fill(self, node: Node) -> None:
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
        found = HOLE.fullmatch(self._text(node))
        return found is not None and found[1] in self.names

    def _variable(self, node: Node) -> str:
        return self.names[self._text(node)[2:-1]]

    def _fill_expansion(self, node: Node) -> None:
        parents = [parent.type for parent in _ancestors(node)]
        if "command_name" in parents:
            raise HoleRefusedError("a value names the program")
        if any(self._is_python_code(parent) for parent in _ancestors(node) if parent.type == "string"):
            return
        if "string" in parents or "heredoc_body" in parents:
            self._replace(node, "${P_" + self._variable(node) + "}")
        elif parents[0] in (
            "command",
            "concatenation",
            "variable_assignment",
            "file_redirect",
            "for_statement",
        ):
            self._replace(node, '"${P_' + self._variable(node) + '}"')
        else:
            raise HoleRefusedError(f"a value stands in a {parents[0].replace('_', ' ')}")
        self._note_word_start(node)

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
        if any(parent.type == "command_name" for parent in _ancestors(node)):
            raise HoleRefusedError("a value names the program")
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
        arguments = _arguments(command)
        name = self._text(command.child_by_field_name("name"))
        is_code = len(arguments) > 1 and self._text(arguments[0]) == "-c" and arguments[1] == node
        return bool(_PYTHON.fullmatch(name)) and is_code

    def _fill_python_text(self, node: Node) -> None:
        code = self._text(node)[1:-1]
        rest = HOLE.sub(lambda found: "" if found[1] in self.names else found[0], code)
        if re.search(r"[\\$`]", rest):
            raise HoleRefusedError("the shell expands the code of python -c")
        self._replace(node, shlex.quote(fill_python(code, self.names, _FROM_JSON.format)))

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
        if feeds_python and not is_quoted and re.search(r"[\\`]|\$(?!\{)", self._text(node)):
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
        if _PYTHON.fullmatch(name):
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
        self.edits = [each for each in self.edits if not node.start_byte <= each[0] < node.end_byte]
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
        comments = [(each.start_byte, each.end_byte) for each in _walk(root) if each.type == "comment"]
        done = [(start, end) for start, end, _ in self.edits] + comments
        for found in re.finditer(HOLE.pattern.encode(), self.source):
            is_done = any(start <= found.start() and found.end() <= end for start, end in done)
            if found[1].decode() in self.names and not is_done:
                raise HoleRefusedError(f"{found[0].decode()} stands where no value can be put safely")


def _is_quoted(node: Node) -> bool:
    return any(parent.type in ("string", "heredoc_body") for parent in _ancestors(node))


def _no_dash(name: str) -> str:
    return f'case "$P_{name}" in -*) echo "{name} begins with a dash" >&2; exit 64;; esac\n'


def _escaped(text: str) -> str:
    return re.sub(r"[\\$`]", lambda found: "\\" + found[0], text)


def _walk(root: Node) -> Iterator[Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(node.children)


def _ancestors(node: Node) -> Iterator[Node]:
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _arguments(command: Node) -> list[Node]:
    return [
        each
        for each in command.named_children
        if each.type not in ("command_name", "variable_assignment") and "redirect" not in each.type
    ]


def _heredoc(command: Node) -> Node | None:
    parent = command.parent
    found = [
        *command.children,
        *(parent.children if parent and parent.type == "redirected_statement" else ()),
    ]
    return next((each for each in found if each.type == "heredoc_redirect"), None)
