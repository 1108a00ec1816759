"""Where in shell code a value would become code, an option, or several words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.shell_words import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

__all__ = ["Dangers", "dangers_of", "walk"]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RUNS_ANYTHING = _names(
    "eval source . sh bash zsh dash ksh xargs parallel env exec command time nohup timeout make"
)
"""Programs that run what other commands may have written or said."""
_INTERPRETS = _names("""
perl ruby node php lua Rscript osascript m4 bc dc sqlite3 psql mysql duckdb envsubst expr find ssh tclsh gawk
let declare typeset local export readonly unset read test [ trap alias set tar
""")
"""Programs that take an argument, or what they are fed, for code or for a name."""
_SCRIPTED = _names("awk mawk sed jq yq grep egrep printf")
"""Programs whose first argument that is no option is a program of their own, or a pattern."""
_ARITHMETIC = _names("arithmetic_expansion test_command c_style_for_statement subscript")
_TAKES_CODE = _names("awk mawk gawk sed jq yq")
_STEERING = re.compile(
    r"PATH|IFS|ENV|HOME|SHELL|PS4|LC_\w+|LANG|(?:LD|BASH|PYTHON|PERL|NODE|GIT|AWK|JQ|P)_?\w*"
)
"""Variables that programs obey."""
_USE = re.compile(r"simple_expansion|expansion")


@dataclass(frozen=True, slots=True)
class Dangers:
    """What is known of one piece of shell code.

    Args:
        assigned: Variables it assigns.
        unquoted: Those it uses outside quotes: what is in them is split and expanded.
        interpreted: Whether it calculates with variables or runs what is made on the way.
    """

    assigned: frozenset[str]
    unquoted: frozenset[str]
    interpreted: bool

    def of_variable(self, name: str) -> Policy:
        """What may be assigned to a variable."""
        if _STEERING.fullmatch(name):
            return Policy.NEVER
        if self.interpreted:
            return Policy.NUMBER
        return Policy.PLAIN if name in self.unquoted else Policy.ARGUMENT

    def of_command(self, node: Node) -> Policy:
        """What may be an argument of a command."""
        if self.interpreted or _name(node) in _INTERPRETS | _RUNS_ANYTHING:
            return Policy.NEVER
        pipeline = _pipeline(node)
        if pipeline is not None and any(_name(each) in _INTERPRETS for each in _commands(pipeline)):
            return Policy.NEVER
        return Policy.ARGUMENT

    def of_argument(self, command: Node, argument: Node, policy: Policy) -> Policy:
        """What may stand for one argument of a command."""
        if _name(command) == "printf" and "-v" in (command.text or b"").decode("utf-8", "replace").split():
            return Policy.NEVER
        if _name(command) in _SCRIPTED and argument == _script(command):
            return Policy.NEVER
        return policy

    def of_heredoc(self, command: Node) -> Policy:
        """What may be fed to a command."""
        policy = self.of_command(command)
        return (
            policy if policy is Policy.NEVER else (Policy.FREE if _name(command) == "cat" else Policy.NEVER)
        )


def dangers_of(root: Node, source: bytes) -> Dangers:
    """Read what is dangerous in shell code."""
    assigned: set[str] = set()
    unquoted: set[str] = set()
    interpreted = False
    for node in walk(root):
        if node.type in ("variable_assignment", "for_statement"):
            field = "name" if node.type == "variable_assignment" else "variable"
            name = node.child_by_field_name(field)
            assigned.add(_text(name, source))
        elif node.type in _ARITHMETIC or (node.type == "command" and _name(node) in _RUNS_ANYTHING):
            interpreted = True
        elif node.type == "command" and _name(node) in _TAKES_CODE:
            # A variable within a program of their own is code there.
            script = _script(node)
            interpreted = interpreted or (
                script is not None and any(_USE.fullmatch(n.type) for n in walk(script))
            )
        elif node.type == "function_definition":
            interpreted = True
        if (
            _USE.fullmatch(node.type)
            and node.parent is not None
            and node.parent.type not in ("string", "heredoc_body")
        ):
            unquoted.update(_text(n, source) for n in node.children if n.type == "variable_name")
    return Dangers(frozenset(assigned), frozenset(unquoted), interpreted)


def walk(root: Node) -> Iterator[Node]:
    """A node and all below it, in order of place."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.children))


def _text(node: Node | None, source: bytes) -> str:
    return "" if node is None else source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _name(command: Node) -> str:
    name = command.child_by_field_name("name")
    text = (name.text or b"").decode("utf-8", "replace") if name is not None else ""
    return text.rpartition("/")[2]


def _script(command: Node) -> Node | None:
    """The argument that is a program of a command's own language: the first that is no option."""
    for child in command.named_children[1:]:
        text = (child.text or b"").decode("utf-8", "replace")
        if child.type != "command_name" and not text.startswith("-") and not text.startswith("'-"):
            return child
    return None


def _commands(node: Node) -> Iterator[Node]:
    return (each for each in walk(node) if each.type == "command")


def _pipeline(node: Node) -> Node | None:
    at = node.parent
    while at is not None and at.type in ("pipeline", "redirected_statement", "list"):
        if at.type == "pipeline":
            return at
        at = at.parent
    return None
