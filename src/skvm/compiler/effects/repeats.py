"""The same done to each of several things, where one of them does not need another.

A loop counts only where its body is understood whole and what it writes carries the item's name; a sentence
only where it says so, or where its commands do nothing but read.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping, Sequence

from skvm.compiler.effects.model import Action, Repetition
from skvm.compiler.effects.python_effects import called, iter_loops
from skvm.compiler.effects.python_names import KNOWN, NETWORK
from skvm.compiler.effects.words import AT_ONCE, IN_TURN
from skvm.compiler.reading.python_code import parse_python
from skvm.diagnostics import Span
from skvm.skill.sieve import sieved

__all__ = ["python_repetitions", "said_repetition"]

_MAX_ITEMS = 64
_WORKS = """
get open read_csv read_excel read_json urlopen convert image_to_string image_to_data
run check_output savefig save write_text to_csv to_excel transcribe
"""
_DOES_WORK = frozenset(_WORKS.split())
_FETCHES = re.compile(r"(?:get|fetch|download|load|read|render|convert|transcribe|ocr|scrape|query)_\w+\Z")


_OF_ONE_OBJECT = re.compile(
    r"\b\w+\.(?:pages|paragraphs|slides|tables|sheets|worksheets|rows|iterrows|itertuples)\b"
)


def python_repetitions(code: str, span: Span) -> list[Repetition]:
    """The loops of some Python code whose rounds may go at once."""
    if "for " not in code:
        return []
    tree = parse_python(code)
    if tree is None:
        return []
    modules = _modules(tree)
    found: list[Repetition] = []
    within: set[ast.AST] = set()
    for loop in iter_loops(tree):
        if loop in within or not isinstance(loop.target, (ast.Name, ast.Tuple)):
            continue
        if not _is_worth_it(loop, modules) or _carries(loop) or not _is_understood(loop, modules):
            continue
        within.update(ast.walk(loop))
        over = ast.unparse(loop.iter)
        # The pages of an open document share it, and few libraries let two workers use one.
        if len(over) > 120 or over.startswith("zip(") or _OF_ONE_OBJECT.search(over):
            continue
        items = _listed(loop.iter)
        kind = "list" if items else "named"
        why = "no round of the loop needs what another round made"
        variable = ast.unparse(loop.target)
        found.append(Repetition(over, kind, span, why, items, variable))
    return found


def _listed(node: ast.expr) -> tuple[str, ...]:
    if not isinstance(node, (ast.List, ast.Tuple)) or not 2 <= len(node.elts) <= _MAX_ITEMS:
        return ()
    texts = [
        item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    return tuple(texts) if len(texts) == len(node.elts) else ()


_HARMLESS_NAMES = """
append add extend update setdefault get items keys values join format strip split replace lower upper
startswith endswith info debug warning error write writerow json raise_for_status
"""
_HARMLESS = frozenset(_HARMLESS_NAMES.split())


def _is_worth_it(loop: ast.For, modules: Mapping[str, str]) -> bool:
    """Whether a round does work that takes time by itself: a file, a request, a program."""
    names = {item.id for item in ast.walk(loop.target) if isinstance(item, ast.Name)}
    for node in (inner for statement in loop.body for inner in ast.walk(statement)):
        if isinstance(node, ast.Call):
            owner, name = called(node.func)
            works = (name in _DOES_WORK or _FETCHES.match(name) is not None) and (owner or name == "open")
            works = works and (name != "get" or modules.get(owner) in NETWORK)
            if works and any(isinstance(item, ast.Name) and item.id in names for item in ast.walk(node)):
                return True
    return False


def _is_understood(loop: ast.For, modules: Mapping[str, str]) -> bool:
    """Whether every call of a round is one whose effects are known."""
    bound = {
        item.id
        for node in (loop.target, *loop.body)
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
    }
    for node in (inner for statement in loop.body for inner in ast.walk(statement)):
        if not isinstance(node, ast.Call):
            continue
        owner, name = called(node.func)
        if not owner:
            if name and name not in _BUILTINS and modules.get(name) not in KNOWN:
                return False
        elif owner not in bound and name not in _HARMLESS:
            fetches = owner in modules and _FETCHES.match(name)
            if not fetches and modules.get(owner) not in KNOWN:
                return False
    return True


_BUILTINS = frozenset(dir(builtins)) - {"eval", "exec", "input", "__import__", "compile", "setattr"}


def _modules(tree: ast.Module) -> dict[str, str]:
    """What names of modules a piece of code has, and of which top module."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                alias.asname or alias.name.split(".")[0]: alias.name.split(".")[0] for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: (node.module or ".").split(".")[0] for alias in node.names}
    return found


def _carries(loop: ast.For) -> bool:
    """Whether a round may need an earlier one, ends the loop, or writes where another one writes."""
    own = {item.id for item in ast.walk(loop.target) if isinstance(item, ast.Name)}
    made: set[str] = set()
    for statement in loop.body:
        for node in ast.walk(statement):
            if isinstance(
                node, (ast.Break, ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal)
            ):
                return True
            if isinstance(node, ast.AugAssign) and not _only_gathers(node, loop):
                return True
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                made.add(node.id)
    if made & own:
        return True
    gathered = {
        node.target.id
        for statement in loop.body
        for node in ast.walk(statement)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    made -= gathered
    first_use: dict[str, bool] = {}
    for statement in loop.body:
        for name, stored in _in_order(statement):
            first_use.setdefault(name, stored)
    if any(not stored for name, stored in first_use.items() if name in made):
        return True
    return not all(_writes_apart(node, own | made) for statement in loop.body for node in ast.walk(statement))


def _only_gathers(node: ast.AugAssign, loop: ast.For) -> bool:
    """Whether what a round adds to is looked at by no round: it can be put together afterwards."""
    if not isinstance(node.op, ast.Add) or not isinstance(node.target, ast.Name):
        return False
    name = node.target.id
    uses = [
        item
        for statement in loop.body
        for item in ast.walk(statement)
        if isinstance(item, ast.Name) and item.id == name
    ]
    adds = [
        item
        for statement in loop.body
        for item in ast.walk(statement)
        if isinstance(item, ast.AugAssign) and isinstance(item.target, ast.Name) and item.target.id == name
    ]
    return len(uses) == len(adds)


def _in_order(statement: ast.stmt) -> list[tuple[str, bool]]:
    """Names as they are used; what is assigned counts after the value it is given."""
    if isinstance(statement, ast.Assign):
        values = [(item.id, False) for item in ast.walk(statement.value) if isinstance(item, ast.Name)]
        targets = [
            (item.id, isinstance(item.ctx, ast.Store))
            for target in statement.targets
            for item in ast.walk(target)
            if isinstance(item, ast.Name)
        ]
        return values + targets
    if isinstance(statement, ast.With):
        heads = [
            (item.id, isinstance(item.ctx, ast.Store))
            for entry in statement.items
            for part in (entry.context_expr, entry.optional_vars)
            if part is not None
            for item in ast.walk(part)
            if isinstance(item, ast.Name)
        ]
        return heads + [pair for inner in statement.body for pair in _in_order(inner)]
    if isinstance(statement, (ast.If, ast.For, ast.While, ast.Try)):
        parts = [getattr(statement, name, None) for name in ("test", "iter")]
        found = [
            (item.id, False)
            for part in parts
            if part is not None
            for item in ast.walk(part)
            if isinstance(item, ast.Name)
        ]
        if isinstance(statement, ast.For):
            found += [(item.id, True) for item in ast.walk(statement.target) if isinstance(item, ast.Name)]
        handlers = [inner for handler in getattr(statement, "handlers", ()) for inner in handler.body]
        inside = [
            *statement.body,
            *getattr(statement, "orelse", ()),
            *handlers,
            *getattr(statement, "finalbody", ()),
        ]
        return found + [pair for inner in inside for pair in _in_order(inner)]
    return [
        (item.id, isinstance(item.ctx, ast.Store))
        for item in ast.walk(statement)
        if isinstance(item, ast.Name)
    ]


def _writes_apart(node: ast.AST, own: set[str]) -> bool:
    """Whether a call that writes names its file by the item, or only adds to a collection."""
    if not isinstance(node, ast.Call):
        return True
    _, name = called(node.func)
    is_open = name == "open" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    writes = is_open and set(str(node.args[1].value)) & set("wax+")  # type: ignore[attr-defined]
    if writes and "a" in str(node.args[1].value):  # type: ignore[attr-defined]
        return False
    if not writes and name not in {
        "save",
        "to_csv",
        "to_excel",
        "to_json",
        "savefig",
        "write_text",
        "write_bytes",
    }:
        return True
    return any(isinstance(item, ast.Name) and item.id in own for item in ast.walk(node))


_EACH = re.compile(
    r"\b(?:for )?(?:each|every)(?: of (?:the|these))?\s+((?:[\w-]+\s+){0,2}?[\w-]+?)(?=[,:.;)]|"
    r"\s+(?:in|of|on|to|with|and|using|is|that|run|which|from|by|extract|fetch|via)\b|$)",
    re.IGNORECASE,
)
_HELPERS = re.compile(
    r"\b(?:launch|spawn|dispatch|start|run|use|deploy|send|create|"
    r"delegate)\b[^.\n]{0,60}?\b((?:sub-?)?agents|workers|reviewers)\b",
    re.IGNORECASE,
)
_ISOLATED = re.compile(
    r"\beach ((?:sub-?)?agent|role|reviewer|expert|persona)\b[^.\n]{0,40}\b(?:before|without) seeing\b",
    re.IGNORECASE,
)
_DOES_EACH = re.compile(
    r"(?:run|launch|spawn|dispatch|fetch|process|search|send|execute|analy[sz]e|query|call|start|"
    r"perform|make|do|download|review|"
    r"read|load|check|inspect|generate|write|create|render|convert|extract|use|issue|for each|batch)\b",
    re.IGNORECASE,
)
_ORDER_MATTERS = sieved(
    r"\b(?:until|accumulat\w+|running total|previous (?:one|item|page)|next (?:one|item|page))\b",
    re.IGNORECASE,
)


def said_repetition(  # noqa: PLR0911 - one return a way to say it
    text: str, whole: str, span: Span, actions: Sequence[Action]
) -> Repetition | None:
    """What a sentence does to each of several things at once.

    Args:
        text: The sentence without markup before it.
        whole: Everything of the step, in which nothing may say that the order matters.
        span: The sentence.
        actions: The step's commands.
    """
    each = _EACH.search(text) if "ach" in text or "very" in text else None
    at_once = AT_ONCE.search(text)
    isolated = _ISOLATED.search(text) if "seeing" in text else None
    if (
        (each is None and at_once is None and isolated is None)
        or IN_TURN.search(whole)
        or _ORDER_MATTERS.search(whole)
    ):
        return None
    plain = text.lstrip("*_-# ")
    helpers = _HELPERS.search(text)
    if at_once and helpers and _DOES_EACH.match(plain):
        return Repetition(helpers[1].lower(), "helpers", span, f"the skill says so: “{at_once[0]}”")
    if isolated:
        return Repetition(
            f"{isolated[1].lower()}s", "helpers", span, f"the skill says so: “{isolated[0][:80]}”"
        )
    if each is None:
        return None
    over = each[1].strip().lower()
    if at_once and _DOES_EACH.match(plain):
        return Repetition(f"each {over}", "named", span, f"the skill says so: “{at_once[0]}”")
    commands = [action for action in actions if action.effects.calls]
    reads_only = commands and all(
        not action.effects.writes and not action.effects.is_open for action in commands
    )
    if reads_only and re.match(r"for (?:each|every)\b", plain, re.IGNORECASE):
        return Repetition(f"each {over}", "named", span, "its commands only read")
    return None
