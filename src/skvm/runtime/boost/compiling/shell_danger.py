"""Where in shell code a value would become code, an option, or several words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.shell_invocations import LANGUAGES, invocation_of
from skvm.runtime.boost.compiling.shell_words import Policy, said
from skvm.runtime.boost.shell_tree import text_at, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

__all__ = ["Dangers", "dangers_of", "name_of"]


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
_RUNS_FILES = _names(
    "python python3 sh bash zsh dash ksh node ruby perl php Rscript awk mawk gawk sed jq make"
)
_ARITHMETIC = _names("arithmetic_expansion c_style_for_statement subscript")
_PYTHON = _names("python python3")
_HEREDOC_READERS = _names("cat python python3 tee sort uniq wc head tail cut tr")
_SHELLS = _names("sh bash zsh dash ksh")
_STEERING = re.compile(
    r"PATH|IFS|ENV|HOME|SHELL|PS4|LC_\w+|LANG|(?:LD|BASH|PYTHON|PERL|NODE|GIT|AWK|JQ|P)_?\w*"
)
"""Variables that programs obey."""
_CODE_FILE = re.compile(r"\.(?:py|sh|bash|js|mjs|ts|rb|pl|php|lua|awk|jq|sed|sql|r|R|mk)$")
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
        """What may be an argument of a command, as far as that does not depend on the argument."""
        if self.interpreted or (name_of(node) in _INTERPRETS | _RUNS_ANYTHING and not _runs_file(node)):
            return Policy.NEVER
        pipeline = _pipeline(node)
        if pipeline is not None and any(
            name_of(each) in _INTERPRETS | _SHELLS for each in _commands(pipeline)
        ):
            return Policy.NEVER
        return Policy.ARGUMENT

    def of_heredoc(self, command: Node, heredoc: Node) -> Policy:
        """What a here-document may hold; what follows on its line is fed what the command says."""
        policy = self.of_command(command)
        if policy is Policy.NEVER or any(_interprets(each) for each in _commands(heredoc)):
            return Policy.NEVER
        return Policy.FREE if name_of(command) in _HEREDOC_READERS else Policy.NEVER


def dangers_of(root: Node, source: bytes) -> Dangers:
    """Read what is dangerous in shell code."""
    assigned: set[str] = set()
    unquoted: set[str] = set()
    interpreted = False
    for node in walk(root):
        if node.type in ("variable_assignment", "for_statement"):
            field = "name" if node.type == "variable_assignment" else "variable"
            name = node.child_by_field_name(field)
            assigned.add(text_at(name, source))
        elif node.type in _ARITHMETIC or text_at(node, source).startswith("[[") or _runs_anything(node):
            interpreted = True
        elif node.type == "command" and name_of(node) in LANGUAGES:
            interpreted = interpreted or _is_made(node, source)
        elif node.type == "function_definition":
            interpreted = True
        if node.type == "command" and _runs_written(node, source):
            interpreted = True
        if (
            _USE.fullmatch(node.type)
            and node.parent is not None
            and node.parent.type not in ("string", "heredoc_body")
        ):
            unquoted.update(text_at(n, source) for n in node.children if n.type == "variable_name")
    return Dangers(frozenset(assigned), frozenset(unquoted), interpreted)


def _is_made(command: Node, source: bytes) -> bool:
    """Whether a program in a language of its own is made of variables: what is in them is code there."""
    words = [said(child, source) for child in command.named_children if child.type != "command_name"]
    script = invocation_of(name_of(command), words, Policy.ARGUMENT).script
    return None in (words if script is None else words[: script + 1])


def name_of(command: Node) -> str:
    """The program a command calls, without its folder."""
    name = command.child_by_field_name("name")
    text = (name.text or b"").decode("utf-8", "replace") if name is not None else ""
    return text.rpartition("/")[2]


def _runs_file(command: Node) -> bool:
    """Whether a shell is called with a file of its own to run: what follows are that file's arguments."""
    words = [child for child in command.named_children if child.type != "command_name"]
    if name_of(command) not in _SHELLS or not words:
        return False
    first = (words[0].text or b"").decode("utf-8", "replace")
    return words[0].type == "word" and first.endswith(".sh") and not first.startswith("-")


def _runs_anything(node: Node) -> bool:
    return node.type == "command" and name_of(node) in _RUNS_ANYTHING and not _runs_file(node)


def _runs_written(command: Node, source: bytes) -> bool:
    """Whether a command may run a file the same code writes: its name stands elsewhere, too."""
    program, *words = [text_at(child, source).strip("'\"") for child in command.named_children] or [""]
    run: list[str] = []
    if "/" in program and not program.startswith("/"):
        run.append(program)
    elif name_of(command) in _RUNS_FILES:
        files = [word for word in words if not word.startswith("-")]
        run = [*files[:1], *(word for word in files[1:] if _CODE_FILE.search(word))]
    return any(source.count(word.rpartition("/")[2].encode()) > 1 for word in run)


def _interprets(command: Node) -> bool:
    """Whether a command takes what it is fed for code."""
    name = name_of(command)
    if name in _PYTHON:
        words = [child for child in command.named_children if child.type != "command_name"]
        parent = command.parent
        has_own = parent is not None and any(child.type == "heredoc_redirect" for child in parent.children)
        return not has_own and all(word.text == b"-" for word in words)
    return name in _INTERPRETS | _SHELLS


def _commands(node: Node) -> Iterator[Node]:
    return (each for each in walk(node) if each.type == "command")


def _pipeline(node: Node) -> Node | None:
    at = node.parent
    while at is not None and at.type in ("pipeline", "redirected_statement", "list"):
        if at.type == "pipeline":
            return at
        at = at.parent
    return None
