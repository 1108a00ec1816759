"""What a run did to its work directory: the calls that changed it, as code that can be run again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skvm.harness.trajectory import Observation, ToolCall, ToolKind, Turn
from skvm.runtime.boost.compiling.pieces import Piece, Script, Shell, Source, Write, pieces_of, rewritten
from skvm.runtime.boost.compiling.places import relative, work_dir_of
from skvm.runtime.boost.model import Language

if TYPE_CHECKING:
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["Action", "actions_of", "argument_of"]

_NAMES: Mapping[str, tuple[str, ...]] = {
    "command": ("command", "cmd", "script"),
    "path": ("path", "file_path", "filePath", "filename", "absolute_path", "file"),
    "content": ("content", "contents", "file_text", "text"),
}
_CHANGING = frozenset({ToolKind.RUN, ToolKind.WRITE, ToolKind.EDIT})
_EXITS = frozenset({"exit", "quit", "SystemExit", "_exit"})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a run did that changed its work directory.

    Args:
        run: The run.
        turns: The turns it was done in.
        language: What ``code`` is.
        code: What was run, in one piece.
        before: The state it began from, as ``run.files`` counts.
        after: The state it left.
        helpers: Files that held nothing but its code: what answers need not leave them.
        is_whole: Whether it is all the run did.
    """

    run: WatchedRun
    turns: tuple[int, ...]
    language: Language
    code: str
    before: int
    after: int
    helpers: frozenset[str] = frozenset()
    is_whole: bool = False

    @property
    def changed(self) -> Mapping[str, bytes | None] | None:
        """What it made of each file it changed, ``None`` for one it removed; helpers left out.

        Returns:
            ``None`` where the states were not kept.
        """
        before, after = self.run.files(self.before), self.run.files(self.after)
        if before is None or after is None:
            return None
        names = sorted({*before, *after} - self.helpers)
        return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


@dataclass(frozen=True, slots=True)
class _Done:
    """What one turn did."""

    turn: int
    pieces: tuple[Piece, ...]


def actions_of(run: WatchedRun) -> tuple[Action, ...]:
    """What a run did: first all of it as one action, then, where there is more than one, each of it.

    Nothing is given where the run did something nobody can repeat (an unknown tool changed files), or where
    a template answered.
    """
    root = work_dir_of(run)
    steps: list[_Done] = []
    for turn in run.trajectory.turns:
        if turn.index in run.boosted_turns or turn.from_hook:
            return ()
        if not _changed(run, turn):
            continue
        pieces = _pieces(run, turn, root)
        if pieces is None:
            return ()
        steps.append(_Done(turn.index, pieces))
    steps = _last_of_each(steps)
    scripts = {
        piece.path: piece.content
        for step in steps
        for piece in step.pieces
        if isinstance(piece, Write) and piece.path.endswith(".py") and not piece.is_appended
    }
    whole = _action(run, steps, {}, is_whole=True)
    if whole is None:
        return ()
    singles = [_action(run, [step], scripts, is_whole=False) for step in steps] if len(steps) > 1 else []
    own = [single for single in singles if single is not None and not _only_prepares(single, whole)]
    return (whole, *own)


def _only_prepares(action: Action, whole: Action) -> bool:
    """Whether an action did no more than write code that was run later."""
    changed = action.changed
    return changed is not None and set(changed) <= whole.helpers


def argument_of(call: ToolCall, name: str) -> str | None:
    """An argument of a call by our name for it, whatever the harness calls it."""
    for each in _NAMES[name]:
        value: Any = call.arguments.get(each)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and name == "command" and all(isinstance(part, str) for part in value):
            # ["bash", "-lc", "…"]
            return value[-1] if len(value) == 3 and value[1] in ("-c", "-lc") else None
    return None


def _changed(run: WatchedRun, turn: Turn) -> bool:
    """Whether a turn changed files; taken for true where the states were not kept."""
    states = run.states
    if turn.index + 1 >= len(states):
        return bool(turn.tool_calls)
    before, after = states[turn.index], states[turn.index + 1]
    return bool(turn.tool_calls) if before is None or after is None else before != after


def _is_good(observation: Observation) -> bool:
    return not observation.is_error and observation.exit_code in (None, 0)


def _pieces(run: WatchedRun, turn: Turn, root: str | None) -> tuple[Piece, ...] | None:
    """What the calls of a turn did; ``None`` if one of them did what cannot be told or repeated."""
    pieces: list[Piece] = []
    after = run.files(turn.index + 1) or {}
    pairs = [
        (call, observation)
        for call, observation in zip(turn.tool_calls, turn.observations, strict=False)
        if call.kind in _CHANGING
    ]
    for call, observation in pairs:
        found = _call_pieces(call, root, after)
        if found is None and len(pairs) == 1 and call.kind is not ToolKind.RUN:
            found = _what_changed(run, turn)
        if _is_good(observation):
            if found is None:
                return None
            pieces.extend(found)
        else:
            # What failed is not done again, but a script it wrote may be run later.
            pieces.extend(piece for piece in found or () if _is_script_in(piece, after))
    # A turn that changed something without any such call did what nobody can tell.
    return tuple(pieces) if pairs else None


def _what_changed(run: WatchedRun, turn: Turn) -> tuple[Piece, ...] | None:
    """Files a turn left otherwise than it found them, as if each had been written anew."""
    before, after = run.files(turn.index), run.files(turn.index + 1)
    if before is None or after is None or set(before) - set(after):
        return None
    changed = {path: data for path, data in after.items() if before.get(path) != data}
    try:
        return tuple(Write(path, data.decode()) for path, data in sorted(changed.items()))
    except UnicodeDecodeError:
        return None


def _is_script_in(piece: Piece, files: Mapping[str, bytes]) -> bool:
    match piece:
        case Write(path, content, False) if path.endswith(".py"):
            return files.get(path) == content.encode("utf-8", "replace")
        case _:
            return False


def _call_pieces(call: ToolCall, root: str | None, after: Mapping[str, bytes]) -> tuple[Piece, ...] | None:
    """What one call did; ``None`` if it does not say."""
    if call.kind is ToolKind.RUN:
        command, code = argument_of(call, "command"), call.arguments.get("code")
        if command is not None:
            return pieces_of(relative(command, root))
        return (Source(relative(code, root)),) if isinstance(code, str) else None
    path, content = argument_of(call, "path"), argument_of(call, "content")
    if path is None:
        return None
    path = relative(path, root).removeprefix("./")
    if call.kind is ToolKind.EDIT:
        # However a tool edits, what it leaves can be written at once.
        content = _text(after.get(path))
    return None if content is None else (Write(path, relative(content, root)),)


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None


def _last_of_each(steps: Sequence[_Done]) -> list[_Done]:
    """Steps without those a later one did again: a script that was mended, a file that was written anew."""
    kept: list[_Done] = []
    later: set[str] = set()
    for step in reversed(steps):
        rest: list[Piece] = []
        for piece in reversed(step.pieces):
            subject = _subject(piece)
            if subject in later:
                continue
            if subject is not None:
                later.add(subject)
            rest.append(piece)
        if any(not (isinstance(piece, Shell) and piece.is_view) for piece in rest):
            kept.append(_Done(step.turn, tuple(rest[::-1])))
    return kept[::-1]


def _subject(piece: Piece) -> str | None:
    """What a piece does anew when it is done again."""
    match piece:
        case Write(path, _, False):
            return f"write {path}"
        case Script(path, arguments):
            return f"run {path} {arguments!r}"
        case _:
            return None


def _action(
    run: WatchedRun, steps: Sequence[_Done], scripts: Mapping[str, str], *, is_whole: bool
) -> Action | None:
    """Some steps as one action."""
    if not steps:
        return None
    composer = _Composer(run.prompt, dict(scripts))
    for step in steps:
        for piece in step.pieces:
            composer.add(piece)
    code = composer.code()
    if code is None:
        return None
    turns = tuple(step.turn for step in steps)
    last = run.trajectory.turns[-1].index if is_whole and run.trajectory.turns else turns[-1]
    return Action(run, turns, *code, turns[0], min(last + 1, len(run.states) - 1), composer.helpers, is_whole)


@dataclass(slots=True)
class _Composer:
    """Puts pieces together: into one Python program where that does the same, else into shell code."""

    prompt: str
    _scripts: dict[str, str]
    pieces: list[Piece] = field(default_factory=list)
    _run: set[str] = field(default_factory=set)

    def add(self, piece: Piece) -> None:
        """Add what was done next; a script that was written and run is the code that was run."""
        match piece:
            case Shell(is_view=True):
                return
            case Write(path, content, False) if path.endswith(".py") and path not in self.prompt:
                self._scripts[path] = content
                self.pieces.append(piece)
            case Script(path, arguments, _, redirect) if "__file__" not in self._scripts.get(
                path, "__file__"
            ):
                self._run.add(path)
                self.pieces.append(Source(self._scripts[path], arguments, redirect))
            case _:
                self.pieces.append(piece)

    @property
    def helpers(self) -> frozenset[str]:
        """Files that were written only to be run."""
        names = {path.rpartition("/")[2].removesuffix(".py"): path for path in self._run}
        imported = {
            path
            for name, path in names.items()
            for code in self._scripts.values()
            if re.search(rf"^\s*(?:import|from)\s+{re.escape(name)}\b", code, re.MULTILINE)
        }
        return frozenset(self._run - imported)

    def code(self) -> tuple[Language, str] | None:
        """What all pieces do, in one language."""
        helpers = self.helpers
        pieces = tuple(p for p in self.pieces if not (isinstance(p, Write) and p.path in helpers))
        if not pieces:
            return None
        python = _as_python(pieces)
        if python is not None:
            return Language.PYTHON, python
        return Language.SHELL, "\n".join(rewritten(pieces)) + "\n"


def _as_python(pieces: Sequence[Piece]) -> str | None:
    """Pieces as one program; ``None`` where one is no Python or would not leave room for the next."""
    parts: list[str] = []
    for index, piece in enumerate(pieces):
        match piece:
            case Write(path, content, is_appended):
                parts.append(_writing(path, content, is_appended))
            case Source(code, arguments, ""):
                if index < len(pieces) - 1 and not _goes_on(code, pieces[index + 1 :]):
                    return None
                parts.append(
                    code if not arguments and "argv" not in code else _with_arguments(code, arguments)
                )
            case _:
                return None
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _goes_on(code: str, rest: Sequence[Piece]) -> bool:
    """Whether what follows a program can stand behind it: files filled with texts only."""
    if not all(isinstance(piece, Write) for piece in rest):
        return False
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return not any(name in _EXITS or name == "open" for name in _stored_or_called(tree))


def _stored_or_called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Name(id=name) if name in _EXITS:
                yield name
            case ast.Attribute(attr=name) if name in _EXITS:
                yield name


def _with_arguments(code: str, arguments: Sequence[str]) -> str:
    return f"import sys\nsys.argv = {['program.py', *arguments]!r}\n{code}"


def _writing(path: str, content: str, is_appended: bool) -> str:
    folder = path.rpartition("/")[0]
    making = f"import os\nos.makedirs({folder!r}, exist_ok=True)\n" if folder else ""
    mode = "a" if is_appended else "w"
    opening = f"with open({path!r}, {mode!r}, encoding='utf-8', newline='') as text_file:"
    return f"{making}{opening}\n    text_file.write({content!r})"
