"""Shell code as commands: what is called with which words, what it is fed, which files redirections touch.

The grammar is tree-sitter's; nothing is ever expanded or run. A word that is not literal keeps its text
(``$HOME/x``), because what it will be is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from skvm.diagnostics import Span

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

__all__ = ["Command", "ShellCode", "parsable", "read_shell", "statements_in"]

_MAX_BYTES = 200_000
_PROMPT = re.compile("^[ \\t]*(?:\\$|❯)[ \\t]+(?=\\S)".encode(), re.MULTILINE)
_WRAPPERS = {
    # Program -> its options that take a value, which is not yet the command it starts.
    "sudo": {"-u", "-g", "-h", "-p", "-C"},
    "env": {"-u", "-C", "-S"},
    "time": set[str](),
    "nohup": set[str](),
    "nice": {"-n"},
    "ionice": {"-c", "-n"},
    "timeout": {"-k", "-s"},
    "exec": set[str](),
    "command": set[str](),
    "xargs": {"-n", "-P", "-I", "-L", "-d", "-a", "-s", "-E"},
    "stdbuf": {"-i", "-o", "-e"},
}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_DURATION = re.compile(r"\d+(?:\.\d+)?[smhd]?")


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command.

    Args:
        words: Its words, quotes removed, the program first; assignments before it are not among them.
        span: Its bytes in the code.
        reads: Files it is fed by ``<``.
        writes: Files it fills by ``>``, ``>>`` or ``&>``; never ``/dev/null``.
        pipeline: Number of the pipeline it stands in, counted in the code.
        position: Its place in that pipeline, from 0.
        is_literal: Whether the program's name is a literal word.
        is_nested: Whether it stands in a function body or a substitution.
    """

    words: tuple[str, ...]
    span: Span
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    pipeline: int = 0
    position: int = 0
    is_literal: bool = True
    is_nested: bool = False

    @property
    def effective(self) -> tuple[str, ...]:
        """The words of what is run in the end: without ``sudo``, ``env X=1``, ``timeout 5`` or ``xargs``."""
        words = self.words
        while words and words[0] in _WRAPPERS:
            rest = _past_options(words)
            if not rest:
                break
            words = rest
        return words

    @property
    def program(self) -> str:
        """The program that is run in the end, as written; ``""`` where it is not literal."""
        words = self.effective
        return words[0] if words and self.is_literal and "$" not in words[0] else ""


@dataclass(frozen=True, slots=True)
class ShellCode:
    """What a piece of shell code holds.

    Args:
        commands: Every simple command, in order of place.
        functions: Names of the functions it defines.
        variables: Names it assigns.
        has_error: Whether a part of it is no shell.
    """

    commands: tuple[Command, ...] = ()
    functions: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    has_error: bool = False


def _past_options(words: tuple[str, ...]) -> tuple[str, ...]:
    """What a wrapper starts."""
    wrapper, takes_value = words[0], _WRAPPERS[words[0]]
    at = 1
    while at < len(words):
        word = words[at]
        if word in takes_value:
            at += 2
        elif word.startswith("-") or _ASSIGNMENT.match(word):
            at += 1
        elif wrapper == "timeout" and _DURATION.fullmatch(word):
            at += 1
            break
        else:
            break
    return words[at:]


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


_ASCII = bytes(range(128)) + b"%" * 128


def parsable(source: bytes) -> bytes:
    """Shell code as the grammar can be given it: of the same length, with ``%`` for each byte beyond ASCII.

    To a shell all these are parts of words, and of no name of a variable. The grammar looks some of them up
    in a table that is too short for them, and the process may end of it.
    """
    return source.translate(_ASCII)


@lru_cache(maxsize=4096)
def read_shell(code: str) -> ShellCode:
    """Read shell code; the prompts of a console listing are taken for blanks.

    Args:
        code: Any text; what is beyond 200,000 bytes is not read.
    """
    source = code.encode()[:_MAX_BYTES]
    source = _PROMPT.sub(lambda found: b" " * len(found[0]), source)
    root = _parser().parse(parsable(source)).root_node
    walk = _Walk(source)
    walk.visit(root)
    commands = tuple(sorted(walk.commands, key=lambda found: found.span))
    return ShellCode(commands, frozenset(walk.functions), frozenset(walk.variables), root.has_error)


@lru_cache(maxsize=1024)
def statements_in(code: str) -> tuple[tuple[Span, bool], ...]:
    """The statements of shell code that stand in no other: a pipeline, ``a && b``, a loop.

    Args:
        code: Any text; what is beyond 200,000 bytes is not read.

    Returns:
        The bytes of each, and whether the shell that has run it may be another one afterwards (a variable,
        another directory, a function).
    """
    source = code.encode()[:_MAX_BYTES]
    source = _PROMPT.sub(lambda found: b" " * len(found[0]), source)
    root = _parser().parse(parsable(source)).root_node
    return tuple(
        (Span(node.start_byte, node.end_byte), _changes_shell(node))
        for node in root.named_children
        if node.type != "comment"
    )


_STATE = {
    b"cd",
    b"pushd",
    b"popd",
    b"source",
    b".",
    b"set",
    b"shopt",
    b"trap",
    b"umask",
    b"ulimit",
    b"exec",
    b"eval",
    b"alias",
    b"read",
    b"wait",
}


def _changes_shell(node: Node) -> bool:
    """Whether a statement leaves something behind in its shell; what stands in a subshell does not."""
    pending = [node]
    while pending:
        found = pending.pop()
        if found.type in {"subshell", "command_substitution", "process_substitution", "string"}:
            continue
        if found.type in {"function_definition", "declaration_command", "unset_command", "ERROR"}:
            return True
        if found.type == "variable_assignment" and (found.parent is None or found.parent.type != "command"):
            return True
        name = found.child_by_field_name("name") if found.type == "command" else None
        if name is not None and name.text in _STATE:
            return True
        pending += found.named_children
    return False


class _Walk:
    """Collects commands from a syntax tree, without recursion: listings of any depth are read."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.commands: list[Command] = []
        self.functions: set[str] = set()
        self.variables: set[str] = set()
        self._pipelines = 0

    def visit(self, root: Node) -> None:
        """Walk the tree; an entry carries redirections, pipeline, place in it, and whether it is nested."""
        pending: list[tuple[Node, tuple[Node, ...], int, int, bool]] = [(root, (), -1, 0, False)]
        while pending:
            node, redirects, pipeline, position, nested = pending.pop()
            kind = node.type
            if kind == "command":
                self._command(node, redirects, pipeline, position, nested)
            elif kind == "function_definition":
                self.functions.add(self._text(node.child_by_field_name("name")))
                nested = True
            elif kind == "variable_assignment":
                self.variables.add(self._text(node.child_by_field_name("name")))
            elif kind == "for_statement":
                self.variables.add(self._text(node.child_by_field_name("variable")))
            elif kind in ("command_substitution", "process_substitution"):
                nested = True
            if kind == "redirected_statement":
                mine = tuple(child for child in node.named_children if "redirect" in child.type)
                for child in reversed(node.named_children):
                    inherits = child not in mine
                    pending.append(
                        (child, (*redirects, *mine) if inherits else (), pipeline, position, nested)
                    )
            elif kind == "pipeline":
                number = self._next_pipeline()
                members = node.named_children
                for index, child in reversed(tuple(enumerate(members))):
                    # A redirection behind a pipeline belongs to its last command.
                    inherited = redirects if index == len(members) - 1 else ()
                    pending.append((child, inherited, number, index, nested))
            else:
                keeps = kind in ("list", "subshell", "compound_statement", "do_group", "negated_command")
                for child in reversed(node.named_children):
                    passed = redirects if keeps or kind.endswith("_statement") else ()
                    pending.append((child, passed, pipeline if keeps else -1, position, nested))

    def _next_pipeline(self) -> int:
        self._pipelines += 1
        return self._pipelines - 1

    def _command(
        self, node: Node, redirects: tuple[Node, ...], pipeline: int, position: int, nested: bool
    ) -> None:
        words: list[str] = []
        is_literal = True
        for child in node.named_children:
            if child.type == "command_name":
                words.append(self._word(child))
                is_literal = not list(_dynamic(child))
            elif "redirect" in child.type:
                redirects = (*redirects, child)
            elif child.type != "variable_assignment":
                words.append(self._word(child))
        if not words:
            return
        reads, writes = self._files(redirects)
        self.commands.append(
            Command(
                tuple(words),
                Span(node.start_byte, node.end_byte),
                reads,
                writes,
                self._next_pipeline() if pipeline < 0 else pipeline,
                position,
                is_literal,
                nested,
            )
        )

    def _files(self, redirects: tuple[Node, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        reads: list[str] = []
        writes: list[str] = []
        for redirect in redirects:
            destination = redirect.child_by_field_name("destination")
            if redirect.type != "file_redirect" or destination is None:
                continue
            operator = next((child.type for child in redirect.children if not child.is_named), ">")
            name = self._word(destination)
            if name.isdecimal() or name == "-" or name.startswith("/dev/"):
                continue
            (reads if operator.startswith("<") else writes).append(name)
        return tuple(dict.fromkeys(reads)), tuple(dict.fromkeys(writes))

    def _word(self, node: Node) -> str:
        """A word without its quotes; parts that are not literal keep their text."""
        if node.type == "command_name" and node.named_children:
            return self._word(node.named_children[0])
        if node.type == "raw_string":
            return self._text(node)[1:-1]
        if node.type == "string":
            return self._text(node)[1:-1].replace('\\"', '"')
        if node.type == "concatenation":
            return "".join(self._word(child) for child in node.named_children)
        text = self._text(node)
        return re.sub(r"\\(.)", r"\1", text) if node.type == "word" else text

    def _text(self, node: Node | None) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace") if node else ""


def _dynamic(node: Node) -> Iterator[Node]:
    """Expansions anywhere below a node."""
    pending = [node]
    while pending:
        found = pending.pop()
        if "expansion" in found.type or "substitution" in found.type:
            yield found
        pending += found.named_children
