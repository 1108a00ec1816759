"""Values changed, names of files, words and numbers: what must follow them, and what must not happen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from skvm.runtime.boost.inside.values import refusal
from skvm.runtime.boost.model import Param, ParamType
from skvm.runtime.boost.proving.ground import FlawError, Ground, Outcome
from skvm.runtime.boost.proving.items import items_of
from skvm.runtime.boost.proving.odd_values import hard_paths, odd_texts, soft_paths
from skvm.runtime.boost.proving.renaming import renamed_data, stands_in

__all__ = ["decoy", "try_names", "try_values", "try_words"]

_NUMBER_LIKE = re.compile(r"[\d\s.,:/+-]*")
_MOST_OTHERS = 6
_MOST_WORDS = 4
_MOST_LOOKED_AT = 40
_NOT_BEGUN = frozenset({"input", "values"})
_WORD = re.compile(r"[^\W\d_]{3,40}")


async def try_names(ground: Ground) -> None:
    """Give files that parameters name other names; the old ones then hold other data.

    Raises:
        FlawError: The result does not follow, or a name is taken for something else than a name.
    """
    inputs, outputs = _named_places(ground)
    if not inputs and not outputs:
        return
    kinds = ((hard_paths, True), (soft_paths, False))
    for make, must_be_done in kinds:
        count = len(make("x"))
        for index in range(count):
            names = {param: make(path)[index] for param, path in {**inputs, **outputs}.items()}
            await _try_named(ground, inputs, _apart(names), must_be_done=must_be_done)


def _named_places(ground: Ground) -> tuple[dict[str, str], dict[str, str]]:
    """Paths of inputs and of outputs alone, by the parameter that names them."""
    template, params = ground.candidate.template, ground.start.params
    types = {param.name: param.type for param in template.params}
    read = {check.place.param for check in template.inputs}
    written = {check.place.param for check in template.outputs}
    inputs = {name: params[name] for name in read if name is not None and isinstance(params[name], str)}
    outputs = {name: params[name] for name in written if name is not None and name not in inputs}
    for name, type in types.items():
        # A path that no check knows is a file the code reads for all we can tell.
        if type is ParamType.PATH and name not in inputs and name not in outputs:
            inputs[name] = params[name]
    return dict(sorted(inputs.items())), dict(sorted(outputs.items()))


def _apart(names: Mapping[str, str]) -> dict[str, str]:
    """The same names, but no two alike: a number goes before the second."""
    taken: set[str] = set()
    apart = {}
    for index, (param, path) in enumerate(names.items()):
        folder, slash, base = path.rpartition("/")
        apart[param] = path if path not in taken else f"{folder}{slash}{index} {base}"
        taken.add(apart[param])
    return apart


async def _try_named(
    ground: Ground, inputs: Mapping[str, str], names: Mapping[str, str], *, must_be_done: bool
) -> None:
    """Move the inputs to their new names, with other data at the old ones, and name the outputs anew."""
    template = ground.candidate.template
    declared = {param.name: param.model_dump(mode="json", by_alias=True) for param in template.params}
    if any(refusal(declared[param], name) is not None for param, name in names.items()):
        return
    files = dict(ground.start.before)
    for param, path in inputs.items():
        if path in files:
            files[names[param]] = ground.start.before[path]
            files[path] = decoy(path, ground.start.before[path])
    what = f"with other names ({', '.join(names.values())})"[:160]
    outcome = await ground.run(what, files, names)
    old = {name: ground.start.params[param] for param, name in names.items()}
    if outcome.is_done and not outcome.is_as(ground.base, old):
        raise FlawError(f"{what}: the result does not follow")
    if not outcome.is_done and must_be_done:
        raise FlawError(f"{what}: {outcome.why}")


def decoy(path: str, data: bytes) -> bytes:
    """A file of the same form with other data."""
    items = items_of(path, data)
    return data + data if items is None else items.with_numbers_changed()


async def try_values(ground: Ground) -> None:
    """Give all other parameters other values.

    Raises:
        FlawError: A value makes no difference, is run as code, or is written into the code as well.
    """
    inputs, outputs = _named_places(ground)
    for param in ground.candidate.template.params:
        if param.name in inputs or param.name in outputs:
            continue
        await _try_others(ground, param)
        if param.type in {ParamType.STRING, ParamType.LIST}:
            await _try_odd(ground, param)
            await _try_renamed(ground, param)


async def _try_others(ground: Ground, param: Param) -> None:
    """A value that makes no difference is one the code has not heard of."""
    outcomes: list[Outcome] = []
    for value in _others(ground, param):
        outcome = await ground.run(f"with {param.name} {value!r}"[:160], params={param.name: value})
        if outcome.is_done and not outcome.is_as(ground.base):
            return
        # What the guard does not let in can do no harm, and shows nothing.
        outcomes += [outcome] if outcome.bailed not in _NOT_BEGUN else []
    if any(outcome.bailed == "code" for outcome in outcomes):
        # Nothing but a failure for all we tried, but it did look.
        return
    if outcomes:
        raise FlawError(f"the value of {param.name} makes no difference")


def _others(ground: Ground, param: Param) -> Iterable[Any]:
    """Plausible values beside the one at the start, likely ones first."""
    base = ground.start.params[param.name]
    found: list[Any] = [value for value in param.seen if value != base]
    if param.type in {ParamType.INTEGER, ParamType.NUMBER}:
        found += [base + 1, base - 1, 1, 2, 0, base * 2, 1_000_003]
    elif param.type is ParamType.ENUM:
        found += param.values
    elif param.type is ParamType.LIST:
        words = [word for word in _neighbours(ground, base[0]) if word not in base]
        found += [base[:-1], base[:1], [*base, *words[:1]], words[:1], [*base, "otherword"]]
    else:
        found += [*_neighbours(ground, base), "otherword"]
    declared = param.model_dump(mode="json", by_alias=True)
    fitting = (value for value in found if value != base and refusal(declared, value) is None)
    return list({repr(value): value for value in fitting}.values())[:_MOST_OTHERS]


def _neighbours(ground: Ground, word: str) -> list[str]:
    """What stands in an input where the word might: other columns, or other cells of its column."""
    found: list[str] = []
    for _, path, data in ground.inputs():
        items = items_of(path, data)
        if items is None:
            continue
        if items.kind == "table":
            columns = [*zip(*(row for row in items.items if len(row) == len(items.items[0])), strict=True)]
            lists = [list(items.header), *(list(column) for column in columns)]
        elif items.kind == "lines":
            lists = _by_place([line.split() for line in items.items[:50]])
        else:
            objects = [item for item in items.items[:9] if isinstance(item, dict)]
            lists = [list(item) for item in objects]
            lists += [[value for value in item.values() if isinstance(value, str)] for item in objects]
        found += [other for each in lists if word in each for other in each if other != word]
    return list(dict.fromkeys(found))[:4]


def _by_place(lines: list[list[str]]) -> list[list[str]]:
    """The first words of lines, the second ones, and so on, for as long as all lines have one."""
    full = [line for line in lines if line]
    return [[line[index] for line in full] for index in range(min(map(len, full), default=0))]


async def _try_odd(ground: Ground, param: Param) -> None:
    """Values that careless code runs; ``Ground.run`` sees what they leave.

    The data hold them, too, where they held the old value: code that stops at once would run nothing.
    """
    declared = param.model_dump(mode="json", by_alias=True)
    base = ground.start.params[param.name]
    old = base[0] if param.type is ParamType.LIST else base
    for text in odd_texts(ground.steps.work):
        value = [text, *base[1:]] if param.type is ParamType.LIST else text
        if refusal(declared, value) is not None:
            continue
        what = f"with {param.name} {text.replace(str(ground.steps.work), '')!r}"[:160]
        outcome = await ground.run(what, _renamed_files(ground, old, text), {param.name: value})
        if outcome.bailed == "input":
            await ground.run(what, params={param.name: value})


async def _try_renamed(ground: Ground, param: Param) -> None:
    """The same thing by another name, in the data and in the value: the result is the same but for it."""
    value = ground.start.params[param.name]
    old = value[0] if param.type is ParamType.LIST else value
    if _NUMBER_LIKE.fullmatch(old) or not _is_known(ground, old):
        return
    for new, must_be_done in ((f"{old}zq", True), (f"{old} & \\1/zq", False), (f"{old}\"'zq", False)):
        files = _renamed_files(ground, old, new)
        renamed = [new, *value[1:]] if param.type is ParamType.LIST else new
        what = f"with {new!r} for {old!r}"[:160]
        outcome = await ground.run(what, files, {param.name: renamed})
        if outcome.is_done and not outcome.is_as(ground.base, {new: old}):
            raise FlawError(f"{what}: the result does not follow")
        if must_be_done and outcome.bailed not in {"", *_NOT_BEGUN}:
            raise FlawError(f"{what}: {outcome.why}")


async def try_words(ground: Ground, prompt: str) -> None:
    """Give other names to things of which the data speak, the result does, and the prompt does not.

    A word the prompt names may mean something to the code; any other is only handed on.

    Raises:
        FlawError: The result does not follow: such a word is written into the code.
    """
    for word in _handed_on(ground, prompt)[:_MOST_WORDS]:
        new = f"{word}zq"
        what = f"with {new!r} for {word!r} in the data"[:160]
        outcome = await ground.run(what, _renamed_files(ground, word, new))
        if outcome.is_done and not outcome.is_as(ground.base, {new: word}):
            raise FlawError(f"{what}: the result does not follow")


def _handed_on(ground: Ground, prompt: str) -> list[str]:
    """Words of the inputs that stand in the result and not in the prompt, those first that the code knows."""
    asked = {word.casefold() for word in _WORD.findall(prompt)}
    inputs = [(path, data) for _, path, data in ground.inputs()]
    outputs = [output for output in ground.base.outputs if output is not None]
    told = [word for word in _words(inputs) & _words(outputs) if word.casefold() not in asked]
    code = ground.candidate.template.code
    told.sort(key=lambda word: (word not in code, word))
    return [
        word
        for word in told[:_MOST_LOOKED_AT]
        if all(any(stands_in(path, data, word) for path, data in files) for files in (inputs, outputs))
    ]


def _words(files: Iterable[tuple[str, bytes]]) -> set[str]:
    return {word for _, data in files for word in _WORD.findall(data.decode("utf-8", "replace"))}


def _renamed_files(ground: Ground, old: str, new: str) -> dict[str, bytes]:
    """The files of the start, with another name for something in all inputs."""
    renamed = {path: renamed_data(path, data, old, new) for _, path, data in ground.inputs()}
    return {**ground.start.before, **renamed}


def _is_known(ground: Ground, word: str) -> bool:
    """Whether a word stands in an input or in what came out."""
    files = [(path, data) for _, path, data in ground.inputs()]
    files += [output for output in ground.base.outputs if output is not None]
    return any(stands_in(path, data, word) for path, data in files)
