"""What a model may add to a candidate: names a person understands, and other prompts that ask for the same.

Nothing is taken on trust. A name is only a name. A further wording counts if two recorded prompts of it
differ in every value, hold the values the model says, and read in one way only; it becomes a candidate of its
own, that has to prove itself on these very runs, whose code was another.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from skvm.compiler.asking.forms import Form
from skvm.compiler.asking.material import MATERIAL_ONLY, enclosed
from skvm.compiler.contract import Counsel
from skvm.runtime.boost.compiling.naming import keywords_of, purpose_id
from skvm.runtime.boost.compiling.skeletons import fold, marks_of, skeleton_of, stands_at
from skvm.runtime.boost.extraction import Resolved, resolve
from skvm.runtime.boost.matching import Matcher
from skvm.runtime.boost.model import Candidate, Check, Language, ParamType, Relation, Skeleton, Template

if TYPE_CHECKING:
    from skvm.runtime.boost.watching import WatchedRun

__all__ = ["Advice", "Advised", "advised"]

MAX_PROMPTS = 8
"""Prompts shown of runs no candidate answers."""
_MAX_PROMPT_CHARS = 2000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_TEXTS = frozenset({ParamType.STRING, ParamType.PATH})
_KEYWORDS = frozenset({"p", "os", "sys", "json"})

SYSTEM = f"You describe small programs and the requests they stand for. {MATERIAL_ONLY}"
_TASK = """\
Below are a program with parameters, a request it was written for, and perhaps other requests, numbered.

- `params`: for every parameter its `name` as it is, a `better_name` (lower case, words joined by `_`, what \
the value is, not what type it has) and a `description` of at most twelve words.
- `wordings`: for every other request that asks for exactly what the program does, nothing more and nothing \
else, its `number` and the `values` of all parameters, each as it stands in that request, letter for letter. \
Leave out every request you are not sure of.
"""


class ParamAdvice(Form):
    """What one parameter is."""

    name: str
    better_name: str = Field(max_length=41)
    description: str = Field(max_length=200)


class ValueAdvice(Form):
    """The value of one parameter in a request."""

    name: str
    text: str = Field(min_length=1, max_length=400)


class WordingAdvice(Form):
    """A request that asks for the same."""

    number: int = Field(ge=1)
    values: tuple[ValueAdvice, ...] = Field(max_length=20)


class Advice(Form):
    """Names of parameters, and requests that ask for the same."""

    params: tuple[ParamAdvice, ...] = Field(max_length=40)
    wordings: tuple[WordingAdvice, ...] = Field(default=(), max_length=MAX_PROMPTS)


@dataclass(frozen=True, slots=True)
class Advised:
    """A candidate after advice.

    Args:
        candidate: The same, perhaps with other names.
        further: Candidates of the same template for other wordings; not proved.
    """

    candidate: Candidate
    further: tuple[Candidate, ...] = ()


async def advised(candidate: Candidate, runs: Sequence[WatchedRun], counsel: Counsel) -> Advised:
    """Ask a model what could be better said of a candidate.

    Args:
        candidate: The candidate; one whose prompts differ in parameters.
        runs: Watched runs of its skill.
        counsel: The model.

    Raises:
        FindingsError: No usable answer.
        InfrastructureError: The model failed.
    """
    others = _others(candidate, runs)
    advice = await counsel.ask(_question(candidate, others), Advice, system=SYSTEM)
    better, names = _named(candidate, advice)
    return Advised(better, _further(better, advice, others, names))


def _others(candidate: Candidate, runs: Sequence[WatchedRun]) -> tuple[WatchedRun, ...]:
    """Runs that did well and whose prompts are not the candidate's, each prompt once."""
    matcher = Matcher((candidate,))
    found = {
        run.prompt: run
        for run in runs
        if run.is_success and len(run.prompt) <= _MAX_PROMPT_CHARS and not matcher.match(run.prompt)
    }
    return tuple(found.values())[:MAX_PROMPTS]


def _question(candidate: Candidate, others: Sequence[WatchedRun]) -> str:
    shown = "".join(
        text + (f"{{{candidate.skeletons[0].params[at]}}}" if at < len(candidate.skeletons[0].params) else "")
        for at, text in enumerate(candidate.skeletons[0].texts if candidate.skeletons else ())
    )
    params = "\n".join(
        f"- {param.name} ({param.type.value}), seen: {', '.join(map(repr, param.seen[:4]))}"
        for param in candidate.template.params
    )
    parts = [
        _TASK,
        f"# Program ({candidate.template.language.value})\n\n{enclosed(candidate.template.code)}",
        f"# Parameters\n\n{params}",
        f"# Request\n\n{enclosed(shown)}",
        *(f"# Other request {at}\n\n{enclosed(run.prompt)}" for at, run in enumerate(others, 1)),
    ]
    return "\n\n".join(parts) + "\n"


def _named(candidate: Candidate, advice: Advice) -> tuple[Candidate, dict[str, str]]:
    """The candidate with better names, if they are such and the code stays the same; which became which."""
    said = {each.name: each for each in advice.params}
    names: dict[str, str] = {}
    for param in candidate.template.params:
        wanted = said[param.name].better_name if param.name in said else param.name
        is_name = _NAME.fullmatch(wanted) is not None and wanted not in _KEYWORDS
        names[param.name] = wanted if is_name else param.name
    code = _recoded(candidate.template, names) if len(set(names.values())) == len(names) else None
    if code is None:
        code, names = candidate.template.code, {name: name for name in names}
    template = candidate.template
    params = tuple(
        param.model_copy(
            update={
                "name": names[param.name],
                "description": said[param.name].description if param.name in said else param.description,
            }
        )
        for param in template.params
    )
    better = candidate.model_copy(
        update={
            "skeletons": tuple(
                each.model_copy(update={"params": tuple(names[name] for name in each.params)})
                for each in candidate.skeletons
            ),
            "sources": {
                names[name]: source.model_copy(update={"file": _place(source.file, names)})
                for name, source in candidate.sources.items()
            },
            "template": template.model_copy(
                update={
                    "code": code,
                    "params": tuple(sorted(params, key=lambda param: param.name)),
                    "inputs": tuple(_check(check, names) for check in template.inputs),
                    "outputs": tuple(_check(check, names) for check in template.outputs),
                }
            ),
        }
    )
    return better, names


def _recoded(template: Template, names: Mapping[str, str]) -> str | None:
    """The code with other names of parameters; ``None`` where it cannot be told to be the same."""
    if all(old == new for old, new in names.items()):
        return template.code
    if template.language is not Language.PYTHON:
        return None
    code = re.sub(
        r"\bP\[(['\"])(\w+)\1\]",
        lambda found: f"P[{found[1]}{names.get(found[2], found[2])}{found[1]}]",
        template.code,
    )
    try:
        before, after = ast.parse(template.code), ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    # A text that looks like a use of a parameter would have been changed as well.
    _Renaming(names).visit(before)
    return code if ast.dump(before) == ast.dump(after) else None


@dataclass(frozen=True)
class _Renaming(ast.NodeTransformer):
    names: Mapping[str, str]

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "P" and isinstance(node.slice, ast.Constant):
            node.slice.value = self.names.get(str(node.slice.value), node.slice.value)
        return node


def _place(place: Any, names: Mapping[str, str]) -> Any:
    if place is None or place.param is None:
        return place
    return place.model_copy(update={"param": names[place.param]})


def _check(check: Check, names: Mapping[str, str]) -> Check:
    return check.model_copy(
        update={
            "place": _place(check.place, names),
            "relations": tuple(_relation(relation, names) for relation in check.relations),
        }
    )


def _relation(relation: Relation, names: Mapping[str, str]) -> Relation:
    def renamed(value: Any) -> Any:
        is_param = isinstance(value, str) and value.startswith("$") and value[1:] in names
        return f"${names[value[1:]]}" if is_param else value

    arguments = {key: renamed(value) for key, value in relation.arguments.items()}
    return relation.model_copy(update={"arguments": arguments})


def _further(
    candidate: Candidate, advice: Advice, others: Sequence[WatchedRun], names: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """A candidate for every wording two prompts show."""
    shown: dict[tuple[str, ...], list[tuple[Skeleton, WatchedRun, dict[str, str]]]] = {}
    told = {name for skeleton in candidate.skeletons for name in skeleton.params}
    for wording in advice.wordings:
        if wording.number > len(others):
            continue
        run = others[wording.number - 1]
        texts = {names.get(each.name, each.name): fold(each.text) for each in wording.values}
        prompt = fold(run.prompt)
        if set(texts) != told or not all(stands_at(prompt, text) for text in texts.values()):
            continue
        skeleton = skeleton_of(prompt, marks_of(prompt, texts))
        shown.setdefault(skeleton.texts, []).append((skeleton, run, texts))
    found = (_of_wording(candidate, each) for _, each in sorted(shown.items()))
    return tuple(each for each in found if each is not None)


def _of_wording(
    candidate: Candidate, shown: Sequence[tuple[Skeleton, WatchedRun, dict[str, str]]]
) -> Candidate | None:
    skeleton = shown[0][0]
    texts = [each for _, _, each in shown]
    if not texts[0] or any(len({each[name] for each in texts}) < 2 for name in texts[0]):
        return None
    params = tuple(
        param.model_copy(update={"seen": (*param.seen, *dict.fromkeys(each[param.name] for each in texts))})
        if param.name in texts[0] and param.type in _TEXTS
        else param
        for param in candidate.template.params
    )
    made = candidate.model_copy(
        update={
            "template": candidate.template.model_copy(update={"params": params}),
            "purpose_id": purpose_id(skeleton),
            "skeletons": (skeleton,),
            "keywords": keywords_of(skeleton),
            "is_terminal": False,
            "closing": "",
        }
    )
    matcher = Matcher((made,))
    for _, run, values in shown:
        matches = matcher.match(run.prompt)
        if len(matches) != 1 or matches[0].params != values:
            return None
        if not made.sources and not isinstance(resolve(matches[0], None), Resolved):
            return None
    return made
