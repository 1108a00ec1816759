"""What shell code must not hold where values are to travel in it.

A value may reach a variable, a file or a pipe. So everything in the code is looked at, not only where the
holes are. The programs that may stand in it are listed: none of them takes code from an argument or from its
input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skvm.runtime.boost.foreign.findings import HoleRefusedError
from skvm.runtime.boost.foreign.python_holes import HOLE, check_python
from skvm.runtime.boost.shell_tree import text_at, walk

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["PYTHON", "Dangers", "ancestors", "arguments_of", "heredoc_of"]

_PLAIN = frozenset(
    """: [ base64 basename cat cd cksum cmp column comm cp cut date diff dirname du echo egrep expand export
    false fgrep file fold grep head iconv join local ls md5sum mkdir mv nl paste pr printf pwd realpath rev rm
    rmdir seq sha1sum sha256sum sha512sum shuf sort stat tac tail tee test touch tr true tsort uniq unset wc
    dos2unix unix2dos exit""".split()  # noqa: SIM905 - a list of words
)
"""Programs that take no code, but for the options below."""
_FILTERS = frozenset({"awk", "gawk", "mawk", "sed", "jq"})
"""Programs whose arguments are code: allowed as long as every word of theirs is fixed."""
PYTHON = re.compile(r"python(3(\.\d+)?)?")
_REFUSED_NODES = {
    "arithmetic_expansion": "the code computes",
    "c_style_for_statement": "the code computes",
    "function_definition": "the code defines a function",
    "subscript": "the code uses an index",
}
_SIMPLE_EXPANSION = re.compile(
    r"\$([A-Za-z_]\w*|\d|[?#@*$!-])|\$\{([A-Za-z_]\w*|\d+|[?#@*])((%%?|##?|:?-)[^${}`]*)?\}"
)
_RUNS_INPUT = re.compile(r"system|getline|[|@]")
_SED = re.compile(r"(?P<quote>'?)(s([/|#,])((?!\3).)*\3((?!\3).)*\3[gpI0-9]*|[0-9,$]*[pdq])(?P=quote)")
_STEERS = re.compile(
    r"PATH|IFS|ENV|HOME|CDPATH|TMPDIR|PS\d|SHELL\w*|PROMPT_COMMAND|GLOB\w*|(LD|PYTHON|BASH|SKVM|P)_?\w*"
)


@dataclass(slots=True)
class Dangers:
    """What is known of a piece of code while it is looked at.

    Args:
        source: The code.
        names: Parameter by hole.
        numbers: Parameters that are numbers.
        careful: Parameters whose values must not look like an option.
        written: Files the code writes.
        run: Files the code runs.
    """

    source: bytes
    names: Mapping[str, str]
    numbers: frozenset[str]
    careful: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    run: set[str] = field(default_factory=set)

    def check(self, nodes: Sequence[Node]) -> None:
        """Refuse what could run, compute or expand a value.

        Raises:
            HoleRefusedError: Something could.
        """
        for node in nodes:
            self._check(node)
        if both := sorted(self.written & self.run):
            raise HoleRefusedError(f"the code runs {both[0]}, which it wrote")
        if self.run and any("$" in each for each in self.written):
            raise HoleRefusedError("the code writes to a file that a value names, and runs another")

    def _text(self, node: Node | None) -> str:
        return text_at(node, self.source)

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
        if kind in ("expansion", "simple_expansion") and not _SIMPLE_EXPANSION.fullmatch(
            self._text(node).strip()
        ):
            raise HoleRefusedError(f"the code expands {self._text(node).strip()[:30]}")
        if kind == "command":
            self._check_command(node)
        if kind == "file_redirect":
            self.written.add(self._text(node.child_by_field_name("destination")).strip("'\""))
        if kind in ("variable_assignment", "for_statement") and self._holes(node):
            self._check_assignment(node)
        if kind == "declaration_command" and any(
            self._text(each).startswith("-")
            or each.type not in ("word", "variable_name", "variable_assignment")
            for each in node.named_children
        ):
            raise HoleRefusedError("the code declares what a variable is")
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
        for each in walk(root):
            # From variable to variable a value may come anywhere.
            is_use = each.type in ("simple_expansion", "expansion") and not HOLE.fullmatch(self._text(each))
            if is_use and not _is_quoted(each):
                raise HoleRefusedError("a variable that may hold a value is not quoted")
        self.careful |= {self.names[hole] for hole in self._holes(node)}

    def _check_command(self, node: Node) -> None:
        name = self._text(node.child_by_field_name("name"))
        words = [self._text(each) for each in arguments_of(node)]
        if PYTHON.fullmatch(name):
            self._check_python(node, words)
            return
        if name in _FILTERS:
            if self._holes(node) or not _is_plain_filter(name, words):
                raise HoleRefusedError(f"a value could become code of {name}")
            return
        if name not in _PLAIN:
            raise HoleRefusedError(f"what {name[:30] or 'a command'} does with a value is not known")
        arguments = arguments_of(node)
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
        arguments = arguments_of(node)
        if not words or words[0] == "-":
            if heredoc_of(node) is None:
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
        heredoc = heredoc_of(node)
        for each in heredoc.children if heredoc else ():
            if each.type == "heredoc_body" and not self._holes(each):
                check_python(self._text(each))


def _is_plain_filter(name: str, words: Sequence[str]) -> bool:
    """Whether what awk, sed or jq are told to do runs nothing."""
    if any(word.startswith(("-f", "--f", "-i", '"')) for word in words):
        return False
    if name == "sed":
        rest = [word for word in words if not re.fullmatch("-[nE]+", word)]
        return bool(rest) and _SED.fullmatch(rest[0]) is not None and not any(each[0] == "-" for each in rest)
    return name == "jq" or not any(_RUNS_INPUT.search(word) for word in words)


def _is_quoted(node: Node) -> bool:
    return any(parent.type in ("string", "heredoc_body") for parent in ancestors(node))


def ancestors(node: Node) -> Iterator[Node]:
    """What a node stands in, from the inside out."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def arguments_of(command: Node) -> list[Node]:
    """The words of a command behind its name."""
    return [
        each
        for each in command.named_children
        if each.type not in ("command_name", "variable_assignment") and "redirect" not in each.type
    ]


def heredoc_of(command: Node) -> Node | None:
    """The here-document a command is fed."""
    parent = command.parent
    found = [
        *command.children,
        *(parent.children if parent and parent.type == "redirected_statement" else ()),
    ]
    return next((each for each in found if each.type == "heredoc_redirect"), None)
