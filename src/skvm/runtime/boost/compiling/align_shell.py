"""Shell code as what it does and its constants: quotes, comments and names of variables do not matter."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.align_python import read_python
from skvm.runtime.boost.compiling.shell_danger import Dangers, dangers_of, name_of
from skvm.runtime.boost.compiling.shell_invocations import invocation_of
from skvm.runtime.boost.compiling.shell_places import HeredocWriter, Place, behind_expansion
from skvm.runtime.boost.compiling.shell_programs import read_awk, read_jq
from skvm.runtime.boost.compiling.shell_words import (
    Policy,
    decoded_string,
    guard_of,
    in_quotes,
    require,
    said,
    word_of,
)
from skvm.runtime.boost.compiling.slots import Filling, Reading, Ref, Slot, Spot, UnfillableError
from skvm.runtime.boost.shell_tree import heredoc_start, parse_shell, text_at

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["PRELUDE", "ShellReading", "read_shell_code"]

PRELUDE = 'import json as _json, os as _os\nP = _json.loads(_os.environ["SKVM_BOOST_PARAMS"])\n'
"""What makes parameters known to Python code within shell code."""
_PYTHON = frozenset({"python", "python3"})
_SEPARATORS = frozenset({";", "&&", "\n"})
_SEQUENCES = frozenset({"program", "list", "compound_statement", "do_group"})
_EVALUATED = frozenset(
    {"test_command", "arithmetic_expansion", "subscript", "declaration_command", "unset_command"}
)
_AWK = frozenset({"awk", "mawk", "gawk"})
_LITERALS = frozenset({"word", "number", "raw_string", "string", "concatenation"})
_WORDS = _LITERALS | {
    "simple_expansion",
    "expansion",
    "command_substitution",
    "process_substitution",
    "ansi_c_string",
    "translated_string",
    "arithmetic_expansion",
    "extglob_pattern",
    "brace_expression",
}


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a program stands within shell code.

    Args:
        start: Its first byte.
        end: The byte behind it.
        write: How a program is written there.
        is_open: Whether values may stand in it: not where what it says is run.
        prelude: What makes values known in it.
    """

    start: int
    end: int
    write: Callable[[str], str]
    is_open: bool
    prelude: str = ""


@dataclass(frozen=True, slots=True)
class _Embedded:
    """A program within shell code, and its first slot."""

    frame: _Frame
    first: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class ShellReading:
    """Shell code that was read; ``key``, ``slots`` and ``render`` as ``slots.Reading`` says."""

    key: tuple[str, ...]
    slots: tuple[Slot, ...]
    source: bytes = field(repr=False, compare=False)
    places: Mapping[int, Place] = field(repr=False, compare=False)
    embedded: tuple[_Embedded, ...] = field(repr=False, compare=False)

    def render(self, fills: Mapping[Spot, Filling]) -> str:
        """The code with some constants replaced; a parameter is a variable, ``P_name``."""
        edits: list[tuple[int, int, str]] = []
        guards: list[str] = []
        taken: set[Spot] = set()
        for each in self.embedded:
            mine = {
                Spot(spot.slot - each.first, spot.item): filling
                for spot, filling in fills.items()
                if each.first <= spot.slot < each.first + len(each.reading.slots)
            }
            taken.update(Spot(spot.slot + each.first, spot.item) for spot in mine)
            if mine:
                has_refs = any(isinstance(part, Ref) for filling in mine.values() for part in filling)
                code = (each.frame.prelude if has_refs else "") + each.reading.render(mine)
                if has_refs and not each.frame.is_open:
                    raise UnfillableError("what it says is run")
                edits.append((each.frame.start, each.frame.end, each.frame.write(code)))
        for spot, filling in fills.items():
            if spot in taken:
                continue
            place = self.places.get(spot.slot)
            if place is None or spot.item is not None:
                raise UnfillableError(f"there is no constant {spot.slot}")
            require(filling, place.policy)
            guards.append(guard_of(filling, place.policy) or "")
            edits.append((place.start, place.end, place.write(filling)))
        source = self.source
        for start, end, text in sorted(edits, reverse=True):
            source = source[:start] + text.encode() + source[end:]
        lines = sorted({line for guard in guards for line in guard.split("\n") if line})
        return "".join(line + "\n" for line in lines) + source.decode()


@lru_cache(maxsize=256)
def read_shell_code(code: str) -> ShellReading | None:
    """Read shell code; ``None`` for what is no shell or is too long."""
    source = code.encode("utf-8", "replace")
    root = parse_shell(source)
    if root is None:
        return None
    walk = _Walk(source, dangers_of(root, source))
    try:
        walk.visit(root, Policy.ARGUMENT)
    except RecursionError:
        return None
    return ShellReading(tuple(walk.key), tuple(walk.slots), source, walk.places, tuple(walk.embedded))


class _Walk:
    """Writes down a syntax tree: what matters as tokens, literal words as slots."""

    def __init__(self, source: bytes, dangers: Dangers) -> None:
        self.key: list[str] = []
        self.slots: list[Slot] = []
        self.places: dict[int, Place] = {}
        self.embedded: list[_Embedded] = []
        self._source = source
        self._dangers = dangers
        self._variables: dict[str, int] = {}

    def visit(self, node: Node, policy: Policy) -> None:
        """Write down a node and all below it."""
        kind = node.type
        if kind == "comment":
            return
        if kind in _LITERALS:
            self._literal(node, policy)
        elif kind == "command":
            self._command(node)
        elif kind == "redirected_statement":
            self._redirected(node, policy)
        elif kind == "variable_name":
            self._variable(node)
        elif kind == "variable_assignment":
            is_for_all = node.parent is None or node.parent.type != "command"
            name = self._text(node.child_by_field_name("name"))
            self._children(node, self._dangers.of_variable(name) if is_for_all else Policy.NEVER)
        elif kind == "for_statement":
            self._children(node, self._dangers.of_variable(self._text(node.child_by_field_name("variable"))))
        elif kind == "file_redirect":
            self._file_redirect(node)
        elif kind == "heredoc_redirect":
            self._heredoc(node, None)
        elif not node.child_count:
            self.key.append(self._text(node))
        else:
            self._children(node, Policy.NEVER if kind in _EVALUATED else policy)

    def _text(self, node: Node | None) -> str:
        return text_at(node, self._source)

    def _children(self, node: Node, policy: Policy) -> None:
        """What a node holds; a line's end, a semicolon and ``&&`` all say that what follows comes after."""
        is_sequence = node.type in _SEQUENCES and not any(child.type == "||" for child in node.children)
        if not is_sequence:
            self.key.append(node.type)
        at = node.start_byte
        is_first = True
        for child in node.children:
            self._gap(at, child.start_byte)
            at = max(at, child.end_byte)
            if child.type in _SEPARATORS and (is_sequence or child.type != "&&"):
                continue
            if child.is_named and child.type != "comment":
                if not is_first:
                    self.key.append("then")
                is_first = False
            self.visit(child, policy)
        if not is_sequence:
            self.key.append("end")
        self._gap(at, node.end_byte)

    def _gap(self, start: int, end: int) -> None:
        """Write down what the grammar passes over."""
        text = self._source[start:end].decode("utf-8", "replace").replace("\\\n", " ").strip()
        if text and end > start:
            self.key.append("gap " + text)

    def _variable(self, node: Node) -> None:
        name = self._text(node)
        if name not in self._dangers.assigned:
            self.key.append("variable " + name)
            return
        number = self._variables.setdefault(name, len(self._variables))
        self.key.append(f"own variable {number}")

    def _slot(self, value: str, place: Place, hint: str = "") -> None:
        self.key.append("constant")
        self.places[len(self.slots)] = place
        if re.fullmatch(r"0|[1-9][0-9]{0,17}", value):
            self.slots.append(Slot("integer", int(value)))
        else:
            self.slots.append(Slot("string", value, hint == "r", hint == "w"))

    def _literal(self, node: Node, policy: Policy, hint: str = "") -> None:
        """A word: a slot where it is literal, else its parts."""
        text = said(node, self._source)
        if text is not None:
            self._slot(text, Place(node.start_byte, node.end_byte, word_of, policy), hint)
        elif node.type == "string":
            self._parts(node, policy)
        elif node.type == "concatenation":
            self.key.append("concatenation")
            for child in node.children:
                self.visit(child, policy)
        else:
            self.key.append("expanded " + self._text(node))

    def _parts(self, node: Node, policy: Policy) -> None:
        """A double-quoted text with expansions: what stands between them are slots."""
        self.key.append("string")
        at = node.start_byte + 1
        for child in node.children[1:]:
            if child.type == "string_content":
                continue
            if child.start_byte > at:
                text = decoded_string(self._source[at : child.start_byte].decode("utf-8", "replace"))
                is_first = at == node.start_byte + 1
                write = in_quotes if is_first else behind_expansion
                self._slot(text, Place(at, child.start_byte, write, policy))
            if child.end_byte < node.end_byte:
                self.visit(child, policy)
            at = child.end_byte
        self.key.append("string end")

    def _command(self, node: Node) -> None:
        """A simple command; programs in Python, awk or jq among its arguments are read as such."""
        self.key.append("command")
        name = name_of(node)
        words = [child for child in node.children if child.type in _WORDS]
        texts = [said(word, self._source) for word in words]
        policy = self._dangers.of_command(node)
        is_open = policy is not Policy.NEVER
        invocation = invocation_of(name, texts, policy)
        at = node.start_byte
        for child in node.children:
            self._gap(at, child.start_byte)
            at = child.end_byte
            if child.type == "command_name":
                self.key.append("program " + self._text(child))
            elif child not in words:
                self.visit(child, Policy.NEVER)
            else:
                index = words.index(child)
                text = texts[index]
                is_script = text is not None and index == invocation.script
                if not (is_script and self._program(name, text or "", child, is_open=is_open)):
                    self._argument(child, text, invocation.policies[index])
        self._gap(at, node.end_byte)

    def _argument(self, node: Node, text: str | None, policy: Policy) -> None:
        """An argument: an option is what is done, unless it holds a value (``--name=value``)."""
        if node.type not in _LITERALS:
            self.visit(node, policy)
            return
        if text is None or not text.startswith("-"):
            self._literal(node, policy)
            return
        name, equals, value = text.partition("=")
        self.key.append("option " + name + equals)
        if equals:
            write = partial(_with_name, name + equals)
            free = Policy.FREE if policy is Policy.ARGUMENT else policy
            self._slot(value, Place(node.start_byte, node.end_byte, write, free))

    def _program(self, name: str, code: str, node: Node, *, is_open: bool) -> bool:
        """A program in a language of its own as an argument; whether it could be read."""
        if name in _PYTHON:
            return self._python(code, _Frame(node.start_byte, node.end_byte, shlex.quote, is_open))
        reading = read_awk(code) if name in _AWK else read_jq(code) if name == "jq" else None
        if reading is None:
            return False
        self._embed(reading, _Frame(node.start_byte, node.end_byte, shlex.quote, is_open))
        return True

    def _python(self, code: str, frame: _Frame) -> bool:
        reading = read_python(code)
        if reading is None:
            return False
        self._embed(reading, replace(frame, prelude=PRELUDE))
        return True

    def _embed(self, reading: Reading, frame: _Frame) -> None:
        self.key.extend(["embedded", *reading.key, "embedded end"])
        self.embedded.append(_Embedded(frame, len(self.slots), reading))
        self.slots.extend(reading.slots)

    def _redirected(self, node: Node, policy: Policy) -> None:
        """A command with redirections; a here-document belongs to the last command before it."""
        self.key.append("redirected")
        body = node.child_by_field_name("body")
        at = node.start_byte
        for child in node.children:
            self._gap(at, child.start_byte)
            if child.type == "heredoc_redirect":
                self._heredoc(child, _last_command(body))
            else:
                self.visit(child, policy)
            at = max(at, child.end_byte)

    def _file_redirect(self, node: Node) -> None:
        self.key.append("redirect")
        operator = next((child.type for child in node.children if "<" in child.type or ">" in child.type), "")
        for child in node.children:
            if child.type in _LITERALS and operator in (">", ">>", "<", "&>", ">|"):
                if self._text(child) == "/dev/null":
                    self.key.append("/dev/null")
                else:
                    self._literal(child, Policy.FILE, "r" if operator == "<" else "w")
            elif child.type in _LITERALS:
                self.key.append(self._text(child))
            else:
                self.visit(child, Policy.NEVER)

    def _heredoc(self, node: Node, command: Node | None) -> None:
        """A here-document: Python where it is fed to Python, else a text."""
        self.key.append("heredoc")
        parts = {child.type: child for child in node.children}
        start, end = parts.get("heredoc_start"), parts.get("heredoc_end")
        for child in node.children:
            if child.type not in ("<<", "heredoc_start", "heredoc_body", "heredoc_end"):
                self.visit(child, Policy.ARGUMENT)
        is_plain = start is not None and end is not None and "<<" in parts
        if not is_plain or start is None or end is None:
            self.key.append(self._text(node))
            return
        begin = min(heredoc_start(node, self._source), end.start_byte)
        raw = self._source[begin : end.start_byte].decode("utf-8", "replace")
        is_quoted = self._text(start)[:1] in "'\"\\"
        if not is_quoted and ("`" in raw or "$" in raw.replace("\\$", "")):
            self.key.append("expanded " + raw)
            return
        text = raw if is_quoted else decoded_string(raw, is_heredoc=True)
        # The lines between the marks are data: only they are exchanged, and the marks around them.
        writer = HeredocWriter(self._source[start.end_byte : begin].decode("utf-8", "replace"), raw)
        program = self._text(command.child_by_field_name("name")) if command is not None else ""
        span = (start.start_byte, end.end_byte)
        policy = Policy.NEVER if command is None else self._dangers.of_heredoc(command, node)
        if program in _PYTHON and self._python(text, _Frame(*span, writer.code, policy is not Policy.NEVER)):
            return
        self._slot(text, Place(*span, writer.text, policy))


def _with_name(name: str, filling: Filling) -> str:
    """An option with its value as one word."""
    return word_of([name, *filling])


def _last_command(node: Node | None) -> Node | None:
    """The command a redirection behind a statement belongs to."""
    while node is not None and node.type != "command":
        node = node.named_children[-1] if node.type in ("list", "pipeline") and node.named_children else None
    return node
