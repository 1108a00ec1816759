"""What must hold before a step and after it, from what lay there in every run that was looked at.

The guard names the files a step reads and what they look like; the postcondition the files it writes, what
they look like, and how they relate to what was read. A step whose reads or writes cannot be named is none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skvm.runtime.boost.inside import cells, relations, shapes, views
from skvm.runtime.boost.model import Check, Language, Place, Relation

__all__ = ["Conditions", "NoStepError", "Step", "conditions_of", "misfit", "reads_unnamed"]

_NAME_EDGE = r"[\w.~/-]"
_LOOKING = frozenset({"listdir", "scandir", "iterdir", "rglob", "glob", "iglob", "fnmatch", "walk", "fwalk"})
_LOOKING_WORDS = re.compile(rf"\.\s*(?:{'|'.join(sorted(_LOOKING))})\s*\(")
_LOOKING_COMMANDS = re.compile(r"(?:^|[;&|(`]|\bdo\b|\bthen\b)\s*(?:find|ls|fd|xargs)\b", re.MULTILINE)
_PATTERN = re.compile(r"(?<![\w\"'\\^.\])*])\*\.?\w|\w\*(?=\s|$)")
_READS = re.compile(
    r"\b(?:read_text|read_bytes|read_csv|read_json|reader|DictReader|readlines?|fileinput)\b|\bjson\.load\("
)


_KEYED = frozenset({"keys", "groups"})
_CELLS = frozenset({"min", "max", "median"})
"""Operations whose result is a value of the data: any listing holds it."""
_SAYS_CELL = re.compile(r"min|max|median|low|high|top|first|last|latest|earliest|best|worst", re.IGNORECASE)


class NoStepError(Exception):
    """Why no template can stand for this; one line for a person."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step found and left in one run.

    Args:
        run_id: The run.
        before: Bytes by path before it.
        after: After it; files that only helped are not among them.
        params: The values of the parameters in this run, by name.
        paths: The parameters that are paths.
        language: What the code is.
        code: The code as the run had it.
        reads: Names the code opens to read, as far as it shows.
        writes: Likewise, to write.
    """

    run_id: str
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    params: Mapping[str, Any]
    paths: frozenset[str]
    language: Language
    code: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    @property
    def written(self) -> tuple[str, ...]:
        """Files it made or changed, in order of path."""
        return tuple(sorted(path for path, data in self.after.items() if self.before.get(path) != data))

    @property
    def removed(self) -> tuple[str, ...]:
        """Files it took away."""
        return tuple(sorted(path for path in self.before if path not in self.after))

    @property
    def read(self) -> tuple[str, ...]:
        """Files that were there and that its code names, but for those it only writes."""
        named = (path for path in self.before if self._names(path))
        return tuple(sorted(path for path in named if path not in self.writes or path in self.reads))

    def _names(self, path: str) -> bool:
        if path in self.params.values() or path in self.reads:
            return True
        name = path.rsplit("/", 1)[-1]
        return _mentions(self.code, path) or ("/" in path and _mentions(self.code, name))

    def place(self, path: str) -> Place:
        """Where a file lies: where a parameter says, else at this very path."""
        name = next((name for name in sorted(self.paths) if self.params.get(name) == path), None)
        return Place(param=name) if name is not None else Place(path=path)

    def path_of(self, place: Place) -> str:
        """The path of a place in this run."""
        return str(self.params[place.param]) if place.param is not None else str(place.path)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The guard and the postcondition of a step."""

    inputs: tuple[Check, ...]
    outputs: tuple[Check, ...]


def _mentions(code: str, path: str) -> bool:
    return re.search(rf"(?<!{_NAME_EDGE}){re.escape(path)}(?!{_NAME_EDGE})", code) is not None


def reads_unnamed(language: Language, code: str) -> bool:
    """Whether code finds files otherwise than by their names."""
    if language is Language.SHELL:
        outside = re.sub(r"'[^']*'|\"[^\"]*\"", "''", code)
        found = (_LOOKING_COMMANDS.search(outside), _PATTERN.search(outside), _LOOKING_WORDS.search(code))
        return any(found)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return True
    has_arguments = re.search(r"^sys\.argv = \[", code, re.MULTILINE) is not None
    return any(_looks(node) or (_is_argv(node) and not has_arguments) for node in ast.walk(tree))


def _looks(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name in _LOOKING for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr in _LOOKING and not _is_of(node, "ast")


def _is_argv(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "argv"


def _is_of(node: ast.Attribute, module: str) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == module


def conditions_of(steps: Sequence[Step]) -> Conditions:
    """What held in every step.

    Raises:
        NoStepError: The steps read or write other files each time, or files nothing names.
    """
    for step in steps:
        _refuse_unnamed(step)
    inputs = _places(steps, lambda step: step.read, "reads")
    outputs = _places(steps, lambda step: step.written, "writes")
    if not outputs:
        raise NoStepError("it leaves no file")
    if not inputs and any(_READS.search(step.code) for step in steps):
        raise NoStepError("it reads files it does not name")
    return Conditions(
        tuple(_input(steps, place) for place in inputs),
        tuple(_output(steps, place, inputs) for place in outputs),
    )


def _refuse_unnamed(step: Step) -> None:
    if step.removed:
        raise NoStepError(f"it removes {step.removed[0]}")
    if reads_unnamed(step.language, step.code):
        raise NoStepError("it looks for files instead of naming them")


def _places(steps: Sequence[Step], paths: Callable[[Step], Iterable[str]], verb: str) -> tuple[Place, ...]:
    """The places of certain files, alike in every step."""
    found = [{_key(step.place(path)): step.place(path) for path in paths(step)} for step in steps]
    if any(set(places) != set(found[0]) for places in found):
        odd = sorted({key for places in found for key in set(places) ^ set(found[0])})
        raise NoStepError(f"it {verb} {odd[0][1]} in some runs only")
    return tuple(found[0][key] for key in sorted(found[0]))


def _key(place: Place) -> tuple[int, str]:
    return (0, place.param) if place.param is not None else (1, str(place.path))


def _shape(steps: Sequence[Step], place: Place, *, before: bool) -> dict[str, Any]:
    described = []
    for step in steps:
        path = step.path_of(place)
        described.append(shapes.describe((step.before if before else step.after)[path], path))
    return dict(shapes.merge(described))


def _input(steps: Sequence[Step], place: Place) -> Check:
    """What an input looks like, and which parameters name a column of it."""
    named = set.intersection(
        *(
            {name for name, value in step.params.items() if isinstance(value, str)} - step.paths
            for step in steps
        )
    )
    columns = [
        Relation(name="has-column", arguments={"column": f"${name}", "classes": _classes(steps, place, name)})
        for name in sorted(named)
        if all(_names_column(step, place, name) for step in steps)
    ]
    return Check(place=place, shape=_shape(steps, place, before=True), relations=tuple(columns))


def _names_column(step: Step, place: Place, name: str) -> bool:
    path = step.path_of(place)
    relation = {"name": "has-column", "input": None, "arguments": {"column": f"${name}"}}
    return relations.violation(relation, step.before[path], (), step.params, path) is None


def _classes(steps: Sequence[Step], place: Place, name: str) -> list[str]:
    """What stood in the columns that a parameter named."""
    found: set[str] = set()
    for step in steps:
        path = step.path_of(place)
        found.update(cells.classes_of(views.view_of(step.before[path], path).column(step.params[name])))
    # Whole or broken, a plain number reads in one way only.
    return sorted(found | {"decimal"} if "integer" in found else found)


def _output(steps: Sequence[Step], place: Place, inputs: Sequence[Place]) -> Check:
    found = []
    data: set[tuple[bytes, ...]] = set()
    for step in steps:
        path, given = step.path_of(place), _inputs(step, inputs)
        data.add(tuple(given))
        found.append(relations.discover(step.after[path], given, step.params, path))
    held = relations.common(found)
    keyed = [each for each in held if each["name"] in _KEYED and each["arguments"].get("at") is not None]
    shape = dict(shapes.loosened(_shape(steps, place, before=False)))
    for relation in keyed:
        # Which keys an object has to have is better told by what it was made from than by what it had.
        shape = shapes.opened(shape, relation["arguments"]["at"])
    maps = [f"{relation['arguments']['at']}/" for relation in keyed]
    told = tuple(
        Relation.model_validate(each) for each in held if not _is_accident(each, maps, has_one=len(data) < 2)
    )
    return Check(place=place, shape=shape, relations=told)


def _is_accident(relation: Mapping[str, Any], maps: Sequence[str], *, has_one: bool) -> bool:
    """Whether a relation may hold by chance: of one set of data only, or of a cell that is merely listed.

    Args:
        relation: The relation.
        maps: Pointers to the objects whose keys are data; what stands below was looked at as a whole.
        has_one: Whether all runs had the same data.
    """
    arguments = relation["arguments"]
    at, operation = str(arguments.get("at", "")), arguments.get("op")
    if relation["name"] == "aggregate":
        if any(at.startswith(each) for each in maps):
            return True
        if at.startswith("#"):
            return has_one or operation in _CELLS
        return has_one and operation in _CELLS and not _SAYS_CELL.search(at)
    is_count_of = relation["name"] == "row-count" and arguments.get("of") is not None
    return has_one and (is_count_of or relation["name"] == "sorted")


def _inputs(step: Step, places: Sequence[Place]) -> list[bytes]:
    return [step.before[step.path_of(place)] for place in places]


def misfit(conditions: Conditions, step: Step) -> str | None:
    """Why conditions do not hold of a step that took no part in making them, ``None`` where they do."""
    expected = {step.path_of(check.place) for check in conditions.outputs}
    for check in conditions.inputs:
        path = step.path_of(check.place)
        if path not in step.before:
            return f"{path} was not there"
        if broken := _broken(check, path, step.before[path], (), step.params):
            return broken
    if expected != set(step.written) or step.removed:
        return "it wrote other files"
    inputs = _inputs(step, [check.place for check in conditions.inputs])
    for check in conditions.outputs:
        path = step.path_of(check.place)
        if broken := _broken(check, path, step.after[path], inputs, step.params):
            return broken
    return None


def _broken(
    check: Check, path: str, data: bytes, inputs: Sequence[bytes], params: Mapping[str, Any]
) -> str | None:
    """What of a check does not hold."""
    if found := shapes.violations(check.shape, data):
        return f"{path}: {found[0]}"
    for relation in check.relations:
        plain = relation.model_dump(mode="json", by_alias=True)
        if broken := relations.violation(plain, data, inputs, params, path):
            return f"{path}: {broken}"
    return None
