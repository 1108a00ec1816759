"""A shell command as what it does: programs in Python, files it fills, and the rest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skvm.runtime.boost.compiling.shell_words import decoded_string, said
from skvm.runtime.boost.shell_tree import heredoc_start, parse_shell, text_at, walk

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Piece", "Script", "Shell", "Source", "Write", "pieces_of", "rewritten"]

_HEREDOC = re.compile(r"(?<!<)<<(?!<)-?\s*(['\"]?)(\w+)\1")
_VIEWERS = frozenset(
    {*("ls", "cat", "head", "tail", "wc", "pwd", "echo"), *("true", "file", "stat", "tree", "which")}
)
_PYTHON = re.compile(r"(?:/usr/(?:local/)?bin/)?python3?(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Source:
    """Python code that was run, with the words it was given and where its output went."""

    code: str
    arguments: tuple[str, ...] = ()
    redirect: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A Python file that was run, as ``Source``; ``text`` is the command itself."""

    path: str
    arguments: tuple[str, ...]
    text: str
    redirect: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A file that was filled with a text."""

    path: str
    content: str
    is_appended: bool = False


@dataclass(frozen=True, slots=True)
class Shell:
    """Shell code; ``is_view`` if it only shows something."""

    text: str
    is_view: bool = False


Piece = Source | Script | Write | Shell


def pieces_of(command: str) -> tuple[Piece, ...]:
    """Take a command apart; what cannot be taken apart is one piece of shell.

    Args:
        command: Shell code. Paths into the work directory are relative already.
    """
    source = _with_last_mark(command).encode("utf-8", "replace")
    root = parse_shell(source)
    if root is None:
        return (Shell(command),)
    pieces: list[Piece] = []
    for node in root.named_children:
        if node.type == "comment":
            continue
        if node.next_sibling is not None and node.next_sibling.type == "&":
            return (Shell(source.decode()),)
        found = _statement(node, source)
        if found is None:
            pieces.append(Shell(text_at(node, source), _is_view(node, source)))
        else:
            pieces.extend(found)
    return tuple(piece for piece in pieces if not _is_stay(piece))


def _with_last_mark(command: str) -> str:
    """A command whose last here-document has its closing mark; models forget it, and shells forgive."""
    at = 0
    while (found := _HEREDOC.search(command, at)) is not None:
        mark = re.escape(found[2])
        end = re.compile(rf"^\t*{mark}[ \t]*$", re.MULTILINE).search(command, found.end())
        if end is None:
            return command.rstrip("\n") + f"\n{found[2]}\n"
        # What is within it is no shell.
        at = end.end()
    return command


def _is_stay(piece: Piece) -> bool:
    """Whether a piece changes into the folder it is in."""
    return isinstance(piece, Shell) and piece.text.split() in (
        ["cd"],
        ["cd", "."],
        ["cd", "./"],
        ["cd", '"."'],
    )


def _statement(node: Node, source: bytes) -> list[Piece] | None:
    """The pieces of one statement; ``None`` if it is to be left whole."""
    if node.type == "list":
        return _list(node, source)
    if node.type == "command":
        found = _python_command(node, source)
        return None if found is None else [found]
    if node.type == "redirected_statement":
        return _redirected(node, source)
    return None


def _list(node: Node, source: bytes) -> list[Piece] | None:
    """``a && b``: what comes after did happen, because all went well."""
    pieces: list[Piece] = []
    for child in node.children:
        if child.type == "&&":
            continue
        if not child.is_named:
            return None
        found = _statement(child, source)
        pieces.extend([Shell(text_at(child, source), _is_view(child, source))] if found is None else found)
    return pieces


def _redirected(node: Node, source: bytes) -> list[Piece] | None:
    """``a && b <<EOF``: the here-document and the redirections are the last command's."""
    body = node.child_by_field_name("body")
    if body is None:
        return None
    before: list[Piece] = []
    if body.type == "list":
        members = body.named_children
        if len(members) != 2 or not any(child.type == "&&" for child in body.children):
            return None
        first, body = members
        found = _statement(first, source)
        before = [Shell(text_at(first, source), _is_view(first, source))] if found is None else found
    if body.type != "command":
        return None
    last = _fed(node, body, source)
    if last is not None:
        return [*before, *last]
    if before:
        return [*before, Shell(source[body.start_byte : node.end_byte].decode("utf-8", "replace"))]
    return None


def _fed(  # noqa: PLR0911 - one return a shape that is left whole
    node: Node, command: Node, source: bytes
) -> list[Piece] | None:
    """A command with a here-document or redirections, as pieces; what follows it on its line comes after."""
    heredocs = [child for child in node.children if child.type == "heredoc_redirect"]
    body = _body(heredocs[0], source) if heredocs else None
    after = _after(heredocs[0], source) if heredocs else []
    words = _words(command, source)
    redirects = [_redirect(child, source) for child in walk(node) if child.type == "file_redirect"]
    is_fed = any(operator == "<" for operator, _ in redirects) or len(heredocs) > 1
    if words is None or after is None or is_fed or (heredocs and body is None):
        return None
    redirect = _redirect_text(node, source)
    if body is None:
        match _python_command(command, source):
            case Script(path, arguments):
                return [Script(path, arguments, text_at(node, source), redirect)]
            case Source(code, arguments):
                return [Source(code, arguments, redirect)]
            case _:
                return None
    if words == ["cat"] and len(redirects) == 1 and redirects[0][0] in (">", ">>") and redirects[0][1]:
        return [Write(redirects[0][1], body, redirects[0][0] == ">>"), *after]
    if _PYTHON.fullmatch(words[0]) and words[1:2] in ([], ["-"]):
        return [Source(body, tuple(words[2:]), redirect), *after]
    return None


def _after(heredoc: Node, source: bytes) -> list[Piece] | None:
    """What follows a command on the line its here-document begins on; ``None`` unless it comes after."""
    pieces: list[Piece] = []
    for child in heredoc.named_children:
        if child.type == "command" and any(each.type == "&&" for each in heredoc.children):
            found = _statement(child, source)
            pieces.extend(found or [Shell(text_at(child, source), _is_view(child, source))])
        elif child.type != "file_redirect" and not child.type.startswith("heredoc"):
            return None
    return pieces


def _redirect_text(node: Node, source: bytes) -> str:
    """Where the output of a command goes, as it stands there; nothing where it is only shown."""
    found = [child for child in walk(node) if child.type == "file_redirect"]
    kept = [child for child in found if _redirect(child, source)[1] != "/dev/null"]
    if all(_redirect(child, source)[0] == ">&" for child in kept):
        return ""
    return " ".join(text_at(child, source) for child in kept)


def _redirect(node: Node, source: bytes) -> tuple[str, str | None]:
    operator = next((child.type for child in node.children if not child.is_named), "")
    target = node.child_by_field_name("destination") or node.children[-1]
    return operator, said(target, source)


def _body(node: Node, source: bytes) -> str | None:
    """What a here-document says; ``None`` where the shell expands a part of it."""
    parts = {child.type: child for child in node.children}
    start, end = parts.get("heredoc_start"), parts.get("heredoc_end")
    if start is None or end is None or "<<" not in parts:
        return None
    raw = source[min(heredoc_start(node, source), end.start_byte) : end.start_byte].decode("utf-8", "replace")
    if text_at(start, source)[:1] in "'\"\\":
        return raw
    return None if "`" in raw or "$" in raw.replace("\\$", "") else decoded_string(raw, is_heredoc=True)


def _python_command(node: Node, source: bytes) -> Piece | None:
    words = _words(node, source)
    if words is None or len(words) < 2 or not _PYTHON.fullmatch(words[0]):
        return None
    if words[1] == "-c" and len(words) > 2:
        return Source(words[2], tuple(words[3:]))
    if words[1].endswith(".py") and not words[1].startswith("-"):
        return Script(words[1].removeprefix("./"), tuple(words[2:]), text_at(node, source))
    return None


def _words(command: Node, source: bytes) -> list[str] | None:
    """The words of a command, if all are literal."""
    words: list[str] = []
    for child in command.children:
        word = said(child.named_children[0] if child.type == "command_name" else child, source)
        if word is None:
            return None
        words.append(word)
    return words


def _is_view(node: Node, source: bytes) -> bool:
    """Whether a statement only shows something."""
    if node.type == "pipeline":
        return all(_is_view(child, source) for child in node.named_children)
    if node.type != "command":
        return False
    words = _words(node, source)
    return bool(words) and words is not None and words[0] in _VIEWERS


def rewritten(pieces: tuple[Piece, ...]) -> Iterator[str]:
    """Pieces as shell code again, one statement each."""
    for piece in pieces:
        match piece:
            case Source(code, arguments, redirect):
                mark = _mark(code)
                quoted = [shlex.quote(word) for word in arguments]
                words = " ".join(["python3", "-", *quoted, redirect]).rstrip()
                yield f"{words} <<'{mark}'\n{code.rstrip(chr(10))}\n{mark}"
            case Write(path, content, is_appended) if content.endswith("\n"):
                mark = _mark(content)
                operator = ">>" if is_appended else ">"
                yield f"cat {operator} {shlex.quote(path)} <<'{mark}'\n{content}{mark}"
            case Write(path, content, is_appended):
                operator = ">>" if is_appended else ">"
                yield f"printf %s {shlex.quote(content)} {operator} {shlex.quote(path)}"
            case Script(text=text) | Shell(text=text):
                yield text


def _mark(text: str) -> str:
    mark = "EOF"
    while mark in text:
        mark += "_"
    return mark
